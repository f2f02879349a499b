import type { DimmerOptions } from '@dimmer/browser';
import { Dimmer } from '@dimmer/browser';
import { createFlagHooks, useDimmer } from '@dimmer/browser/react';
import type { ReactNode } from 'react';
import { createElement, StrictMode, useState, version } from 'react';

interface PageFlags {
  readonly theme: string;
  readonly other: boolean;
}

/** What a test page is rendered with, on the server and in the browser. */
export interface PageProps {
  readonly options: DimmerOptions;
  readonly strict?: boolean;
  readonly suspense?: boolean;
  /** The program makes the client, and hands it over with the bootstrap. */
  readonly ownClient?: boolean;
}

/** What tests read of a page, and do with it. */
export interface PageGlobals {
  readonly renders: { theme: number; other: number };
  readonly shown: string[];
  readonly version: string;
  setContext?: (context: DimmerOptions['context']) => void;
  setShown?: (isShown: boolean) => void;
  flags?: unknown;
  status?: unknown;
}

const { DimmerProvider, useFlag, useFlagDetail, useStatus } = createFlagHooks<PageFlags>();
export const globals: PageGlobals = { renders: { theme: 0, other: 0 }, shown: [], version };

function Theme(): ReactNode {
  const theme = useFlag('theme', 'fallback');
  globals.renders.theme += 1;
  if (globals.shown.at(-1) !== theme) globals.shown.push(theme);
  globals.flags = useDimmer();
  return createElement('p', { id: 'theme' }, theme);
}

function Other(): ReactNode {
  globals.renders.other += 1;
  return createElement('p', { id: 'other' }, String(useFlag('other', true)));
}

function Detail(): ReactNode {
  const { value, reason } = useFlagDetail('theme', 'fallback');
  return createElement('p', { id: 'detail' }, `${value} ${reason}`);
}

function State(): ReactNode {
  globals.status = useStatus();
  return null;
}

/** A page that shows two flags and counts how often it does. */
export function Page({ options: given, strict, suspense = false, ownClient }: PageProps): ReactNode {
  const [context, setContext] = useState(given.context);
  const [isShown, setShown] = useState(true);
  const [client] = useState(() =>
    ownClient && 'document' in globalThis ? new Dimmer<PageFlags>(given) : undefined,
  );
  Object.assign(globals, { setContext, setShown });
  const options = { ...given, context };
  const source = client ? { client, bootstrap: given.bootstrap } : { options };
  const fallback = createElement('p', { id: 'waiting' }, 'waiting');
  const children = [Theme, Other, Detail, State].map((part) => createElement(part, { key: part.name }));
  const provider = createElement(DimmerProvider, { ...source, suspense, fallback }, children);
  const content = createElement('main', null, isShown ? provider : null);
  return strict ? createElement(StrictMode, null, content) : content;
}
