import type { FollowerMode, FollowerStatus, SnapshotSource } from '@dimmer/follower';
import type { JsonValue, Metadata } from '@dimmer/schema';

/** The flag map of a program that has declared none: any key, any value. */
export interface AnyFlags {
  readonly [key: string]: JsonValue;
}

/**
 * The keys of a flag map whose values are of one type. Every key, where no map was declared.
 *
 * @example
 * type Key = KeyOf<{ 'checkout-v2': boolean; theme: 'a' | 'b' }, string>; // 'theme'
 */
export type KeyOf<Flags, Type> = string extends keyof Flags
  ? string
  : { [Key in keyof Flags]: Flags[Key] extends Type ? Key : never }[keyof Flags] & string;

/** The values of one flag, of those that are of a type. */
export type ValueOf<Flags, Key, Type> = Key extends keyof Flags ? Extract<Flags[Key], Type> : Type;

/** The type that a fallback stands for: `false` for boolean, `'a'` for string. */
export type Widened<Value> = Value extends boolean
  ? boolean
  : Value extends string
    ? string
    : Value extends number
      ? number
      : Value;

/** An answer with everything that is known about it. */
export interface FlagDetail<Value> {
  readonly value: Value;
  /** `null` where no variation was chosen. */
  readonly variation: string | null;
  /** One of the reasons of an evaluation, or a word of a later server. */
  readonly reason: string;
  /** With reason `FALLTHROUGH`, where everybody gets the same from this flag. */
  readonly isStatic?: true;
  /** Only with reason `ERROR`. */
  readonly errorCode?: string;
  /** The revision of the environment that the answer belongs to; 0 when there are no values. */
  readonly revision: number;
  /** How long ago the values were last known to be the newest; `null` when there are none. */
  readonly ageMs: number | null;
  readonly metadata?: Metadata;
}

/** The truth about one instance, at one moment. */
export interface DimmerStatus {
  /** Only `LIVE` claims that the values are the server's. */
  readonly state: FollowerStatus;
  /** What keeps the values current: the stream, polls beside a broken stream, or nothing at present. */
  readonly mode: FollowerMode;
  /** `null` when there are no values of this context. */
  readonly revision: number | null;
  readonly epoch: string | null;
  /** How long ago the values were last known to be the newest; `null` when there are none. */
  readonly ageMs: number | null;
  readonly source: SnapshotSource | null;
  /** Why there is no stream; `null` while there is one. `status` is the HTTP status. */
  readonly lastError: { readonly message: string; readonly status?: number | undefined } | null;
  /** Evaluations and events that were too many to report, since the last report that was taken. */
  readonly dropped: { readonly exposures: number; readonly events: number };
}

/** Facts about an event; `value` is a number that is added up. */
export interface TrackDetails {
  readonly value?: number;
  readonly [attribute: string]: JsonValue | undefined;
}

/** Where Dimmer writes: `console` fits. */
export interface DimmerLogger {
  readonly warn: (message: string) => void;
}
