import type { DimmerBootstrap, DimmerClient, DimmerOptions } from '@dimmer/browser';
import type { ReactNode } from 'react';
import { createContext, createElement, Suspense, useEffect, useLayoutEffect, useMemo, useState } from 'react';
import type { FlagStore, FlagStoreOptions } from './flag-store.ts';
import { flagStore, textOf } from './flag-store.ts';

/** A client with any flag map: hooks of the same map read it. */
export type AnyClient = { readonly [Call in keyof DimmerClient]: unknown };

/** What components read flags from: a client of the program, or options of one that the provider makes. */
export type DimmerProviderProps<Client = AnyClient> = (
  | {
      /** The program's own client, or a fake; the program closes it. */
      readonly client: Client;
      /** What the page was rendered with, where a server did. */
      readonly bootstrap?: DimmerBootstrap | undefined;
      readonly options?: never;
    }
  | {
      /**
       * The provider makes a client on mount and closes it on unmount. Another `context` or `hash` later is
       * identified; everything else counts once.
       */
      readonly options: DimmerOptions;
      readonly client?: never;
      readonly bootstrap?: never;
    }
) & {
  /** `true`: what reads flags suspends until there are values, no longer than `ready` waits. Counts once. */
  readonly suspense?: boolean;
  /** Shown while what reads flags is suspended, and no boundary is nearer. */
  readonly fallback?: ReactNode;
  readonly children?: ReactNode;
};

export const StoreContext = createContext<FlagStore | undefined>(undefined);

/** Before the first paint, so that what this browser has kept is in it; a server has no such moment. */
const useStartEffect = typeof document === 'undefined' ? useEffect : useLayoutEffect;

/**
 * Gives flags to the components below it. Nothing is started before it is mounted, so a server may render it.
 *
 * @example
 * <DimmerProvider options={{ url, key, context: { targetingKey: 'user-1' }, bootstrap }}>
 *   <App />
 * </DimmerProvider>
 */
export function DimmerProvider(props: DimmerProviderProps): ReactNode {
  const { options, suspense, fallback, children } = props;
  const client = props.client as DimmerClient | undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: options that changed are no reason to lose all values
  const store = useMemo(() => flagStore({ ...props, client } as FlagStoreOptions), [client]);
  const who = textOf([options?.context, options?.hash]);
  const [asked, setAsked] = useState<string>();
  useStartEffect(() => {
    // Renders again before the paint, and with it whoever was shown another value.
    setAsked(who);
    return store.start(options);
  }, [store]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `who` says whether the context is another one
  useEffect(() => {
    if (!asked || asked === who) return;
    setAsked(who);
    const { context, hash } = options as DimmerOptions;
    void store.client().identify(context, { hash });
  }, [who, asked]);
  // A boundary that is given another element before it has taken over is rendered anew.
  const content = useMemo(
    () => (suspense ? createElement(Suspense, { fallback }, children) : children),
    [suspense, fallback, children],
  );
  return createElement(StoreContext.Provider, { value: store }, content);
}
