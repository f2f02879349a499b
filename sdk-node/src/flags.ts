import type { FollowerMode, FollowerStatus, SnapshotSource } from '@dimmer/follower';
import type {
  EvaluationContext,
  EvaluationErrorCode,
  FlagDefinition,
  JsonValue,
  Metadata,
  Reason,
  ValueSnapshot,
} from '@dimmer/schema';

/** An answer with everything that is known about it. */
export interface FlagDetail<Value> {
  readonly value: Value;
  /** `null` where no variation was chosen. */
  readonly variation: string | null;
  readonly reason: Reason;
  /** Only with reason `ERROR`. */
  readonly errorCode?: EvaluationErrorCode;
  /** The rule that decided. */
  readonly ruleId?: string;
  /** The revision at which the flag last changed; 0 when there is no such flag. */
  readonly revision: number;
  /** How long ago the flags were last known to be the newest; `null` when there are none. */
  readonly ageMs: number | null;
  readonly source: SnapshotSource | null;
  readonly metadata?: Metadata;
  /** Whether everybody gets the same from this flag. */
  readonly isStatic: boolean;
}

/** The truth about one instance, at one moment. */
export interface DimmerStatus {
  readonly state: FollowerStatus;
  /** What keeps the flags current: the stream, polls beside a broken stream, or nothing at present. */
  readonly mode: FollowerMode;
  /** `null` when there are no flags at all. */
  readonly revision: number | null;
  readonly epoch: string | null;
  /** How long ago the flags were last known to be the newest; `null` when there are none. */
  readonly ageMs: number | null;
  readonly source: SnapshotSource | null;
  /** Why there is no stream, or why a poll was refused; `null` while there is a stream. `status` is the HTTP status. */
  readonly lastError: { readonly message: string; readonly status?: number | undefined } | null;
  /** How often everything was asked for anew, because the copy or a stream did not add up. */
  readonly resyncs: number;
  /** ISO 8601, while `LIVE`. */
  readonly connectedSince?: string;
  /** Evaluations that are counted and not reported yet, and those that were too many to tell apart. */
  readonly exposures: { readonly counted: number; readonly dropped: number };
  /** Events of `track` that are not reported yet, and those that were too many. */
  readonly tracked: { readonly buffered: number; readonly dropped: number };
}

/** Facts about an event; `value` is a number that is added up. */
export interface TrackDetails {
  readonly value?: number;
  readonly [attribute: string]: JsonValue | undefined;
}

/** Reads flags. Synchronous, without I/O, and never throws. */
export interface FlagReader {
  /** @returns The fallback when there is no such flag, no value, or a value of another type. */
  boolean(key: string, context: EvaluationContext, fallback: boolean): boolean;
  string(key: string, context: EvaluationContext, fallback: string): string;
  number(key: string, context: EvaluationContext, fallback: number): number;
  /**
   * A `json` flag. The value is shared by all callers and frozen, all the way down.
   *
   * @typeParam Value - What the caller expects. It is not checked here: give the flag a JSON Schema.
   */
  json<Value extends JsonValue>(key: string, context: EvaluationContext, fallback: Value): Value;
  /**
   * The same as the call for the type of `fallback`, with the reason. It makes an object per call, which the other
   * calls do not; value and metadata are frozen.
   */
  detail<Value extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: Value,
  ): FlagDetail<Widened<Value>>;
}

/** The type that a fallback stands for: `false` for boolean, `'a'` for string. */
export type Widened<Value> = Value extends boolean
  ? boolean
  : Value extends string
    ? string
    : Value extends number
      ? number
      : Value;

/** Hears of one flag: a copy of its new definition, or `undefined` when it is gone. */
export type FlagListener = (definition: FlagDefinition | undefined) => void;

/** Hears of every commit that changed flags, with the keys of those flags. */
export type FlagsListener = (keys: readonly string[]) => void;

/** Values of flags that do not change while a request is served. */
export interface FlagScope {
  boolean(key: string, fallback: boolean): boolean;
  string(key: string, fallback: string): string;
  number(key: string, fallback: number): number;
  json<Value extends JsonValue>(key: string, fallback: Value): Value;
  detail<Value extends JsonValue>(key: string, fallback: Value): FlagDetail<Widened<Value>>;
  /**
   * Aborts when a flag that was used here is killed, or one that it requires. Hand it to `fetch`, to a query,
   * to a job.
   */
  readonly signal: AbortSignal;
  /** Forgets the scope. Its signal will not abort any more. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Everything that a program may ask of Dimmer. The real one and the fake of `@dimmer/node/testing` both
 * satisfy it: let code that uses flags ask for this type.
 */
export interface Flags extends FlagReader {
  /**
   * Waits for the first values from the server. Settles as soon as there is nothing better to wait for: live;
   * or stored values and a failed first attempt; or a refused key; or the time is over. Flags that arrive
   * later are served all the same.
   *
   * @param options - `timeoutMs`: 5000 by default.
   * @returns The state in which serving begins. It rejects only with `onColdStart: 'fail'`.
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<DimmerStatus>;
  /**
   * Calls after every commit that changed the flag, or a segment or prerequisite that it uses.
   *
   * @returns Stops the calls.
   */
  onChange(key: string, listener: FlagListener): () => void;
  onChange(listener: FlagsListener): () => void;
  /** Calls when `status().state` has changed. Returns what stops the calls. */
  onStatus(listener: (status: DimmerStatus) => void): () => void;
  /**
   * Waits until the flags of a revision are served, to read what was just written.
   *
   * @param options - `timeoutMs`: 5000 by default.
   * @returns Whether it came in time.
   */
  waitForRevision(revision: number, options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Pins the value of every flag at its first use, for one request or job. */
  scope(context: EvaluationContext): FlagScope;
  /**
   * The values of one context for a page that is rendered here: the `bootstrap` of `@dimmer/browser`. Only flags with
   * `exposeToClients` are in it, without rules. It is what the page's client key would be answered, and nothing is
   * counted: the page counts what it shows.
   *
   * @param context - What the page will send, as JSON carries it.
   * @returns `undefined` while there are no flags.
   * @example const bootstrap = flags.clientBootstrap({ targetingKey: 'user-1' });
   */
  clientBootstrap(context: EvaluationContext): ValueSnapshot | undefined;
  /** Notes that something happened that flags may have had a part in. */
  track(name: string, context: EvaluationContext, details?: TrackDetails): void;
  status(): DimmerStatus;
  /** Ends everything within 2 seconds. Flags keep their last values. */
  close(): Promise<void>;
}
