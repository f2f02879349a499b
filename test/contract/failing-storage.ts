import type { Storage } from '@dimmer/server';
import { StorageFault } from '@dimmer/server';

/** Questions that are no promises: they are answered whatever the database does. */
const SYNCHRONOUS = new Set<PropertyKey>(['onCommit', 'close']);

const READ_BY_STREAMS = new Set<PropertyKey>(['snapshot', 'changesAfter']);

/** A storage that fails, or keeps silent, when a test says so. */
export interface FailingStorage extends Storage {
  /**
   * From now on: what every call ends in; `silent`: none ends before this changes; `unread`: writes are taken, and what
   * streams are made of cannot be read. Default: `undefined`, all is well.
   */
  fault: 'unavailable' | 'full' | 'damaged' | 'silent' | 'unread' | undefined;
  /** How often it was asked to write. */
  readonly writes: number;
}

/** Puts a switch between an application and its storage: the seam is the port. */
export function failingStorage(storage: Storage): FailingStorage {
  const state: { fault: FailingStorage['fault']; writes: number } = { fault: undefined, writes: 0 };
  const waiting = new Set<() => void>();
  const pass = async (name: PropertyKey, run: () => unknown): Promise<unknown> => {
    if (name === 'transact') state.writes += 1;
    while (state.fault === 'silent') await new Promise<void>((resolve) => waiting.add(resolve));
    if (state.fault !== undefined && isHit(state.fault, name)) {
      const fault = state.fault === 'unread' ? 'unavailable' : state.fault;
      throw new StorageFault(fault, `The database is ${fault}.`);
    }
    return run();
  };
  return new Proxy(storage as FailingStorage, {
    get: (target, name) => {
      if (name === 'fault' || name === 'writes') return state[name];
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

/** A full disk answers questions; it takes nothing. */
function isHit(fault: NonNullable<FailingStorage['fault']>, name: PropertyKey): boolean {
  if (fault === 'full') return name === 'transact';
  return fault !== 'unread' || READ_BY_STREAMS.has(name);
}
