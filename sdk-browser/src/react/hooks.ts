import type { AnyFlags, DimmerClient, DimmerStatus, FlagDetail, JsonValue, Widened } from '@dimmer/browser';
import type { ReactNode } from 'react';
import { useContext, useEffect, useMemo, useSyncExternalStore } from 'react';
import type { DimmerProviderProps } from './dimmer-provider.ts';
import { DimmerProvider, StoreContext } from './dimmer-provider.ts';
import type { FlagStore } from './flag-store.ts';
import { textOf } from './flag-store.ts';

/** What a flag may answer: its declared type, or where none was declared the type of the fallback. */
export type Answered<Flags, Key extends keyof Flags, Fallback> = string extends keyof Flags
  ? Widened<Fallback>
  : Flags[Key];

/** Provider and hooks, typed by a flag map. */
export interface FlagHooks<Flags extends object> {
  DimmerProvider(props: DimmerProviderProps<DimmerClient<Flags>>): ReactNode;
  /**
   * The value of a flag. The component renders again when it becomes another one, and for no other flag.
   *
   * @returns The fallback when there is no such flag, no value, or a value of another type.
   */
  useFlag<Key extends keyof Flags & string, Fallback extends Flags[Key] & JsonValue>(
    key: Key,
    fallback: Fallback,
  ): Answered<Flags, Key, Fallback>;
  /** The same with the reason, as it was when the value, or the state of the client, last changed. */
  useFlagDetail<Key extends keyof Flags & string, Fallback extends Flags[Key] & JsonValue>(
    key: Key,
    fallback: Fallback,
  ): FlagDetail<Answered<Flags, Key, Fallback>>;
  /** The client, for `track`, `identify` and the like. Until the provider is mounted, one that does nothing. */
  useDimmer(): DimmerClient<Flags>;
  /** The status as it was when the state last changed; `useDimmer().status()` is that of this moment. */
  useStatus(): DimmerStatus;
}

/**
 * The provider and the hooks with keys and answers that are checked when they are compiled.
 *
 * @typeParam Flags - The program's flags and the types of their values, as for `Dimmer`.
 * @example export const { DimmerProvider, useFlag } = createFlagHooks<{ 'checkout-v2': boolean }>();
 */
export function createFlagHooks<Flags extends object>(): FlagHooks<Flags> {
  return { DimmerProvider, useFlag, useFlagDetail, useDimmer, useStatus } as unknown as FlagHooks<Flags>;
}

/** See {@link FlagHooks.useFlag}. @example const isOn = useFlag('checkout-v2', false); */
export function useFlag<Fallback extends JsonValue>(key: string, fallback: Fallback): Widened<Fallback> {
  return useAnswer(key, fallback).value;
}

/** See {@link FlagHooks.useFlagDetail}. @example const { value, reason } = useFlagDetail('theme', 'light'); */
export function useFlagDetail<Fallback extends JsonValue>(
  key: string,
  fallback: Fallback,
): FlagDetail<Widened<Fallback>> {
  return useAnswer(key, fallback, useStatus());
}

/** See {@link FlagHooks.useDimmer}. @example useDimmer().track('bought', { value: 3 }); */
export function useDimmer<Flags extends object = AnyFlags>(): DimmerClient<Flags> {
  const store = useStore();
  return useCurrent(store, store.client, store.first.client) as unknown as DimmerClient<Flags>;
}

/** See {@link FlagHooks.useStatus}. @example const isCurrent = useStatus().state === 'LIVE'; */
export function useStatus(): DimmerStatus {
  const store = useStore();
  return useCurrent(store, store.status, store.firstStatus);
}

/** @param status - What else the answer depends on. */
function useAnswer<Fallback extends JsonValue>(
  key: string,
  fallback: Fallback,
  status?: DimmerStatus,
): FlagDetail<Widened<Fallback>> {
  const store = useStore();
  const { client, first, firstStatus } = store;
  const waiting = useCurrent(store, store.waiting, undefined);
  const source = useCurrent(store, () => store.sourceOf(key), first);
  if (waiting) throw waiting;
  // Fallbacks that are written where they are used are other objects each time.
  const written = textOf(fallback);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `written` stands for `fallback`
  const answer = useMemo(() => {
    const reader = status && status !== firstStatus ? client() : source.client;
    return reader.detail(key, fallback);
  }, [source, status, key, written]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same as above
  useEffect(() => {
    // What was read before the client began is counted by the client that did.
    if (source.client !== client()) client().detail(key, fallback);
  }, [source, key, written]);
  return answer;
}

/** @param first - What a server renders, and a page on top of it. */
function useCurrent<Thing>({ subscribe }: FlagStore, read: () => Thing, first: Thing): Thing {
  return useSyncExternalStore(subscribe, read, () => first);
}

function useStore(): FlagStore {
  const store = useContext(StoreContext);
  if (!store) throw new Error('Dimmer: render this component inside a DimmerProvider');
  return store;
}
