import type { Snapshot } from '@dimmer/follower';
import { objectKey } from '@dimmer/follower';
import type { FlagType, JsonValue, ValueObject } from '@dimmer/schema';
import { FLAG_TYPES, isFlagValue } from '@dimmer/schema';
import type { FlagDetail } from './flags.ts';

/** The values of one context, at one revision. */
export type Values = Snapshot<ValueObject>;

/** What is answered, before it is known how old it is. */
export type Answer = Omit<FlagDetail<JsonValue>, 'ageMs'>;

/** What a flag answers: its value, or the fallback and why. */
export function answerOf(
  values: Values | undefined,
  flag: string,
  fallback: JsonValue,
  wanted: FlagType = typeOf(fallback),
): Answer {
  const revision = values?.revision ?? 0;
  const object = values?.objects.get(objectKey({ kind: 'value', key: flag }));
  if (object && isFlagValue(object) && object.type === wanted) {
    const { kind: _kind, key: _key, version: _version, type: _type, ...answer } = object;
    return { value: fallback, ...answer, revision };
  }
  const sound = object && isFlagValue(object) ? 'TYPE_MISMATCH' : 'INVALID_DEFINITION';
  const missing = values ? 'FLAG_NOT_FOUND' : 'NOT_READY';
  return { value: fallback, variation: null, reason: 'ERROR', errorCode: object ? sound : missing, revision };
}

/** Every value by its key. Flags that answer with the caller's fallback have none. */
export function allValues(values: Values | undefined): { [key: string]: JsonValue } {
  const all: { [key: string]: JsonValue } = {};
  for (const object of values?.objects.values() ?? []) {
    if (isFlagValue(object) && object.value !== undefined) all[object.key] = object.value;
  }
  return all;
}

/** The keys whose values differ: another reason alone is no change. */
export function changedKeys(before: Values | undefined, after: Values): readonly string[] {
  const [old, now] = [allValues(before), allValues(after)];
  return Object.keys({ ...old, ...now }).filter(
    (key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]),
  );
}

/** The type of flag that a fallback asks for. */
export function typeOf(value: unknown): FlagType {
  return FLAG_TYPES.find((type) => type === typeof value) ?? 'json';
}
