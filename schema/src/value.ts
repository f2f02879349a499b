import type { FlagType, JsonValue, Metadata, OpaqueObject } from './definition.ts';
import type { Message, SnapshotDocument } from './message.ts';

/**
 * What one flag answers to one context, as browsers receive it: the value and why, never the definition that it
 * comes from.
 */
export interface FlagValue {
  readonly kind: 'value';
  readonly key: string;
  /** Made from the content, see `versionOfValue`: equal content has an equal version, on every server. */
  readonly version: number;
  readonly type: FlagType;
  /** Left out where the flag answers with the caller's fallback. */
  readonly value?: JsonValue;
  /** `null` where no variation was chosen. */
  readonly variation: string | null;
  /** One of `REASONS`, or a word of a later server. */
  readonly reason: string;
  /** With reason `FALLTHROUGH`, where the flag has nothing that could tell contexts apart. */
  readonly isStatic?: true;
  /** Only with reason `ERROR`: one of `EVALUATION_ERRORS`, or a word of a later server. */
  readonly errorCode?: string;
  readonly metadata?: Metadata;
}

/** Anything that a snapshot of values holds. */
export type ValueObject = FlagValue | OpaqueObject;

/** Anything that a stream of values says. */
export type ValueMessage = Message<ValueObject>;

/** The body of `POST /client/v1/evaluate`: every exposed flag's answer to one context. */
export type ValueSnapshot = SnapshotDocument<ValueObject>;
