import type { Storage } from '@dimmer/server';
import { StorageFault } from '@dimmer/server';

/** Questions that are no promises: they are answered whatever the database does. */
const SYNCHRONOUS = new Set<PropertyKey>(['onCommit', 'close']);

/** A storage that fails, or keeps silent, when a test says so. */
export interface FailingStorage extends Storage {
  /** From now on: what every call ends in, or `silent`: none ends before this changes. Default: `undefined`, all is well. */
  fault: 'unavailable' | 'full' | 'damaged' | 'silent' | undefined;
  /** How often it was asked to write while it failed. */
  readonly refused: number;
}

/** Puts a switch between an application and its storage: the seam is the port. */
export function failingStorage(storage: Storage): FailingStorage {
  const state: { fault: FailingStorage['fault']; refused: number } = { fault: undefined, refused: 0 };
  const waiting = new Set<() => void>();
  const pass = async (name: PropertyKey, run: () => unknown): Promise<unknown> => {
    if (state.fault !== undefined && name === 'transact') state.refused += 1;
    while (state.fault === 'silent') await new Promise<void>((resolve) => waiting.add(resolve));
    // A full disk answers questions; it takes nothing.
    const isAsked = state.fault !== 'full' || name === 'transact';
    if (state.fault !== undefined && isAsked)
      throw new StorageFault(state.fault, `The database is ${state.fault}.`);
    return run();
  };
  return new Proxy(storage as FailingStorage, {
    get: (target, name) => {
      if (name === 'fault' || name === 'refused') return state[name];
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (SYNCHRONOUS.has(name)) return value.bind(target);
      return (...args: unknown[]) => pass(name, () => value.apply(target, args));
    },
    set: (_target, name, value) => {
      if (name !== 'fault') return false;
      state.fault = value;
      for (const resolve of waiting) resolve();
      waiting.clear();
      return true;
    },
  });
}
