import type { FlagDefinition, JsonValue, WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import { typeOf } from '../flag-table.ts';
import type { DimmerStatus, Flags, Widened } from '../flags.ts';
import { quietLogger } from '../logger.ts';
import { DEFAULT_LIMITS } from '../options.ts';
import { systemPlatform } from '../platform.ts';
import { ServedFlags } from '../served-flags.ts';

/** Flags by key, each with the value that it serves. */
export type FakeValues = { readonly [key: string]: JsonValue };

/** A Dimmer whose flags are set by the test. Everything else is the real thing: reasons, scopes, listeners. */
export interface FakeDimmer<Values extends FakeValues> extends Flags {
  /** Serves another value from now on, in a new revision; a killed flag is restored. */
  set<Key extends keyof Values & string>(key: Key, value: Widened<Values[Key]>): void;
  /** Kills the flag: a boolean serves `false`, any other the caller's fallback. */
  kill(key: keyof Values & string): void;
}

/**
 * Makes a Dimmer for tests: no network, no timers, no files.
 *
 * @param values - The flags. Their types decide what `set` accepts.
 * @example
 * const flags = fakeDimmer({ 'checkout-v2': true, theme: 'dark' });
 * flags.set('checkout-v2', false);
 */
export function fakeDimmer<Values extends FakeValues>(values: Values): FakeDimmer<Values> {
  return new Fake(values);
}

class Fake extends ServedFlags {
  #flags: ReadonlyMap<string, FlagDefinition>;
  #revision = 1;
  #isClosed = false;

  constructor(values: FakeValues) {
    super({
      limits: DEFAULT_LIMITS,
      logger: quietLogger(systemPlatform.emitWarning),
      clock: { now: () => 0, after: atOnce },
      wallNow: systemPlatform.wallNow,
      freshness: () => ({ ageMs: 0, source: 'stream' }),
    });
    this.#flags = new Map(Object.entries(values).map(([key, value]) => [key, definitionOf(key, value, 1)]));
    this.#serveAll();
  }

  ready(): Promise<DimmerStatus> {
    return Promise.resolve(this.status());
  }

  status(): DimmerStatus {
    return {
      state: this.#isClosed ? 'CLOSED' : 'LIVE',
      mode: this.#isClosed ? 'none' : 'stream',
      revision: this.#revision,
      epoch: 'fake',
      ageMs: 0,
      source: 'stream',
      lastError: null,
      resyncs: 0,
      ...this.counters(),
    };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.retire();
    return Promise.resolve();
  }

  set(key: string, value: JsonValue): void {
    this.#put(definitionOf(key, value, this.#revision + 1));
  }

  kill(key: string): void {
    const flag = this.#flags.get(key);
    if (flag !== undefined) this.#put({ ...flag, version: this.#revision + 1, killed: true });
  }

  #put(flag: FlagDefinition): void {
    this.#flags = new Map(this.#flags).set(flag.key, flag);
    this.#revision += 1;
    this.#serveAll();
  }

  #serveAll(): void {
    const objects = new Map<string, WireObject>(this.#flags);
    const digest = digestOfAll(objects.values());
    const committedAt = new Date(systemPlatform.wallNow()).toISOString();
    this.serve({ epoch: 'fake', revision: this.#revision, committedAt, digest, objects });
  }
}

function definitionOf(key: string, value: JsonValue, version: number): FlagDefinition {
  const type = typeOf(value);
  return {
    kind: 'flag',
    key,
    version,
    type,
    variations: {
      value: { value: structuredClone(value) },
      ...(type === 'boolean' && { off: { value: false } }),
    },
    enabled: true,
    offVariation: type === 'boolean' ? 'off' : null,
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'value' },
    exposeToClients: true,
  };
}

/** Nothing happens by itself in a fake: what is not there yet is late already. */
function atOnce(_delayMs: number, call: () => void): () => void {
  let isCancelled = false;
  queueMicrotask(() => {
    if (!isCancelled) call();
  });
  return () => {
    isCancelled = true;
  };
}
