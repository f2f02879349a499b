import { snapshotOf } from '@dimmer/follower';
import type { FlagType, FlagValue, JsonValue } from '@dimmer/schema';
import { digestOfAll, PROTOCOL_VERSION, versionOfValue } from '@dimmer/schema';
import type { DimmerClient } from '../dimmer.ts';
import type { DimmerStatus, FlagDetail, TrackDetails, Widened } from '../flags.ts';
import type { DimmerContext } from '../options.ts';
import type { Answer, Values } from '../values.ts';
import { allValues, answerOf, changedKeys, typeOf } from '../values.ts';

/** Flags by key, each with the value that it serves. */
export type FakeValues = { readonly [key: string]: JsonValue };

/** The flag map of a fake: what its values stand for, `boolean` for `true`. */
export type FakeFlags<Values> = { readonly [Key in keyof Values]: Widened<Values[Key]> };

/** What a fake was asked, in order. */
export interface FakeCalls {
  /** Every evaluation. */
  readonly evaluations: readonly { readonly key: string; readonly value: JsonValue }[];
  readonly tracked: readonly { readonly name: string; readonly details: TrackDetails }[];
  /** The contexts of `identify`. */
  readonly identified: readonly DimmerContext[];
}

/** A Dimmer whose values are set by the test. It answers and tells as the real one does. */
export interface FakeDimmer<Flags extends object> extends DimmerClient<Flags> {
  /** Serves another value from now on, in a new revision; a killed flag is restored. */
  set<Key extends keyof Flags & string>(key: Key, value: Flags[Key]): void;
  /** Kills the flag: a boolean serves `false`, any other the caller's fallback. */
  kill(key: keyof Flags & string): void;
  /** Shows another status, `{ state: 'STALE' }` for instance. */
  setStatus(status: Partial<DimmerStatus>): void;
  readonly calls: FakeCalls;
}

/**
 * Makes a Dimmer for tests and stories: no network, no timers, no storage.
 *
 * @typeParam Flags - The program's flag map; where none is given, it is that of the values.
 * @param values - The flags, each with the value that it serves. Their types decide what `set` accepts.
 * @example
 * const flags = fakeDimmer({ 'checkout-v2': true, theme: 'dark' });
 * render(<DimmerProvider client={flags}><App /></DimmerProvider>);
 * act(() => flags.set('checkout-v2', false));
 */
export function fakeDimmer<const Values extends FakeValues>(values: Values): FakeDimmer<FakeFlags<Values>>;
export function fakeDimmer<Flags extends object>(values: Partial<Flags>): FakeDimmer<Flags>;
export function fakeDimmer(values: FakeValues): FakeDimmer<FakeValues> {
  return new Fake(values);
}

class Fake implements FakeDimmer<FakeValues> {
  readonly calls = {
    evaluations: [] as { key: string; value: JsonValue }[],
    tracked: [] as { name: string; details: TrackDetails }[],
    identified: [] as DimmerContext[],
  };
  readonly #changeListeners = new Set<(keys: readonly string[]) => void>();
  readonly #statusListeners = new Set<(status: DimmerStatus) => void>();
  #objects: ReadonlyMap<string, FlagValue>;
  #served: Values;
  #status: Omit<DimmerStatus, 'revision'> = {
    state: 'LIVE',
    mode: 'stream',
    epoch: 'fake',
    ageMs: 0,
    source: 'stream',
    lastError: null,
    dropped: { exposures: 0, events: 0 },
  };

  constructor(values: FakeValues) {
    this.#objects = new Map(Object.entries(values).map(([key, value]) => [key, flagValueOf(key, value)]));
    this.#served = snapshotAt(1, this.#objects.values());
  }

  ready(): Promise<DimmerStatus> {
    return Promise.resolve(this.status());
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.#answer(key, fallback, 'boolean').value as boolean;
  }

  string<Value extends JsonValue>(key: string, fallback: Value): Value {
    return this.#answer(key, fallback, 'string').value as Value;
  }

  number(key: string, fallback: number): number {
    return this.#answer(key, fallback, 'number').value as number;
  }

  json<Value extends JsonValue>(key: string, fallback: Value): Value {
    return this.#answer(key, fallback, 'json').value as Value;
  }

  detail<Value extends JsonValue>(key: string, fallback: Value): FlagDetail<Widened<Value>> {
    const answer = this.#answer(key, fallback, typeOf(fallback));
    return { ...answer, ageMs: this.#status.ageMs } as FlagDetail<Widened<Value>>;
  }

  flags(): FakeValues {
    return allValues(this.#served);
  }

  identify(context: DimmerContext): Promise<DimmerStatus> {
    this.calls.identified.push(structuredClone(context));
    return this.ready();
  }

  onChange(
    ...args:
      | [listener: (keys: readonly string[]) => void]
      | [key: string, listener: (value: JsonValue | undefined) => void]
  ): () => void {
    if (args.length === 1) return added(this.#changeListeners, (keys) => args[0](keys));
    const [key, listener] = args;
    return added(this.#changeListeners, (keys) => {
      if (keys.includes(key)) listener(this.flags()[key]);
    });
  }

  onStatus(listener: (status: DimmerStatus) => void): () => void {
    return added(this.#statusListeners, (status) => listener(status));
  }

  track(name: string, details: TrackDetails = {}): void {
    this.calls.tracked.push({ name, details });
  }

  status(): DimmerStatus {
    return { revision: this.#served.revision, ...this.#status };
  }

  close(): void {
    this.setStatus({ state: 'CLOSED', mode: 'none' });
    this.#changeListeners.clear();
    this.#statusListeners.clear();
  }

  set(key: string, value: JsonValue): void {
    this.#put(flagValueOf(key, value));
  }

  kill(key: string): void {
    const known = this.#objects.get(key);
    if (known === undefined) return;
    const { value: _, version: __, ...flag } = known;
    const isBoolean = flag.type === 'boolean';
    const killed = { ...flag, reason: 'KILLED', variation: isBoolean ? 'off' : null };
    this.#put(versioned({ ...killed, ...(isBoolean && { value: false }) }));
  }

  setStatus(status: Partial<DimmerStatus>): void {
    this.#status = { ...this.#status, ...status };
    for (const hear of [...this.#statusListeners]) hear(this.status());
  }

  #put(object: FlagValue): void {
    const before = this.#served;
    this.#objects = new Map(this.#objects).set(object.key, object);
    this.#served = snapshotAt(before.revision + 1, this.#objects.values());
    const keys = changedKeys(before, this.#served);
    if (keys.length > 0) for (const hear of [...this.#changeListeners]) hear(keys);
  }

  #answer(key: string, fallback: JsonValue, type: FlagType): Answer {
    const answer = answerOf(this.#served, key, fallback, type);
    this.calls.evaluations.push({ key, value: answer.value });
    return answer;
  }
}

function added<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function flagValueOf(key: string, value: JsonValue): FlagValue {
  const given = structuredClone(value);
  return versioned({
    kind: 'value',
    key,
    type: typeOf(given),
    value: given,
    variation: 'value',
    reason: 'FALLTHROUGH',
  });
}

function versioned(content: Omit<FlagValue, 'version'>): FlagValue {
  return { ...content, version: versionOfValue(content) };
}

function snapshotAt(revision: number, objects: Iterable<FlagValue>): Values {
  const all = [...objects];
  const document = {
    protocol: PROTOCOL_VERSION,
    epoch: 'fake',
    revision,
    digest: digestOfAll(all),
    committedAt: new Date(0).toISOString(),
    objects: all,
  };
  return snapshotOf(document) as Values;
}
