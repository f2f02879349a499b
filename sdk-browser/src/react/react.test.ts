import { contextHash, Dimmer } from '@dimmer/browser';
import {
  createFlagHooks,
  DimmerProvider,
  useDimmer,
  useFlag,
  useFlagDetail,
  useStatus,
} from '@dimmer/browser/react';
import { fakeDimmer } from '@dimmer/browser/testing';
import { digestOfAll } from '@dimmer/schema';
import type { ReactNode } from 'react';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { afterEach, expect, expectTypeOf, test, vi } from 'vitest';
import type { DimmerOptions } from '../options.ts';
import { flagValue } from '../value-server.fixture.ts';

const CONTEXT = { targetingKey: 'ada' };
const OBJECTS = [flagValue('theme', 'dark'), flagValue('on', true)];
const BOOTSTRAP = {
  protocol: 1,
  epoch: 'e1',
  revision: 7,
  digest: digestOfAll(OBJECTS),
  committedAt: '2026-11-21T00:00:00.000Z',
  objects: OBJECTS,
};
const OPTIONS: DimmerOptions = {
  url: 'http://127.0.0.1:1',
  key: `dim_cli_${'Client'.repeat(6)}`,
  context: CONTEXT,
  bootstrap: { ...BOOTSTRAP, contextHash: contextHash(CONTEXT) },
};

afterEach(() => vi.restoreAllMocks());

function Theme(): ReactNode {
  return `${useFlag('theme', 'plain')} ${useFlagDetail('on', false).reason} ${useStatus().state}`;
}

test('[B70, B71] a server renders the bootstrap, and asks nobody', async () => {
  const fetch = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'));
  const timers = vi.spyOn(globalThis, 'setInterval');
  const page = createElement(DimmerProvider, { options: OPTIONS, suspense: true }, createElement(Theme));
  expect(renderToString(page)).toContain('dark FALLTHROUGH BOOTSTRAP');
  await new Promise((resolve) => setImmediate(resolve));
  expect(fetch).not.toHaveBeenCalled();
  expect(timers).not.toHaveBeenCalled();
});

test('[B71] without a bootstrap, or with that of another context, a server renders fallbacks', () => {
  const { bootstrap: _, ...without } = OPTIONS;
  for (const options of [without, { ...OPTIONS, context: { targetingKey: 'bob' } }]) {
    const page = createElement(DimmerProvider, { options, suspense: true }, createElement(Theme));
    expect(renderToString(page)).toContain('plain ERROR INIT');
  }
});

test('[B71] a client of the program is read as it is, and its bootstrap where there is one', () => {
  const client = fakeDimmer({ theme: 'light', on: true });
  expect(renderToString(createElement(DimmerProvider, { client }, createElement(Theme)))).toContain('light');
  const page = createElement(DimmerProvider, { client, bootstrap: BOOTSTRAP }, createElement(Theme));
  expect(renderToString(page)).toContain('dark');
  expect(client.calls.evaluations).toHaveLength(2);
});

test('[B75] a hook outside of a provider says what is missing', () => {
  expect(() => renderToString(createElement(Theme))).toThrow('inside a DimmerProvider');
});

test('[B75] keys and answers are those of the flag map, or of the fallback', () => {
  interface Flags {
    readonly 'checkout-v2': boolean;
    readonly theme: 'light' | 'dark';
    readonly limits: { readonly items: number };
  }
  const hooks = createFlagHooks<Flags>();
  const typed = () => {
    expectTypeOf(hooks.useFlag('checkout-v2', false)).toEqualTypeOf<boolean>();
    expectTypeOf(hooks.useFlag('theme', 'light')).toEqualTypeOf<'light' | 'dark'>();
    expectTypeOf(hooks.useFlagDetail('limits', { items: 3 }).value).toEqualTypeOf<{
      readonly items: number;
    }>();
    // @ts-expect-error there is no such flag
    hooks.useFlag('checkout-v3', false);
    // @ts-expect-error the flag is no text
    hooks.useFlag('checkout-v2', 'no');
    expectTypeOf(useFlag('anything', 3)).toEqualTypeOf<number>();
    expectTypeOf(useDimmer().boolean('anything', true)).toEqualTypeOf<boolean>();
    const client = new Dimmer<Flags>(OPTIONS);
    createElement(hooks.DimmerProvider, { client });
    createElement(hooks.DimmerProvider, { client: fakeDimmer<Flags>({ theme: 'dark' }) });
    // @ts-expect-error a client or options
    createElement(hooks.DimmerProvider, {});
  };
  expectTypeOf(typed).toBeFunction();
});
