import type { Snapshot } from '@dimmer/follower';
import { objectKey } from '@dimmer/follower';
import type { FlagType, FlagValue, JsonValue, ValueObject } from '@dimmer/schema';
import { isFlagValue } from '@dimmer/schema';
import type { FlagDetail } from './flags.ts';

/** The values of one context, at one revision. */
export type Values = Snapshot<ValueObject>;

/** What is answered, before it is known how old it is. */
export type Answer = Omit<FlagDetail<JsonValue>, 'ageMs'>;

/** What a flag answers: its value, or the fallback and why. */
export function answerOf(
  values: Values | undefined,
  key: string,
  fallback: JsonValue,
  type: FlagType = typeOf(fallback),
): Answer {
  const { revision = 0 } = values ?? {};
  const failed = (errorCode: string): Answer => ({
    value: fallback,
    variation: null,
    reason: 'ERROR',
    errorCode,
    revision,
  });
  if (!values) return failed('NOT_READY');
  const object = values.objects.get(objectKey({ kind: 'value', key }));
  if (!object) return failed('FLAG_NOT_FOUND');
  if (!isFlagValue(object)) return failed('INVALID_DEFINITION');
  if (object.type !== type) return failed('TYPE_MISMATCH');
  const { value = fallback, variation, reason, isStatic, errorCode, metadata } = object;
  return {
    value,
    variation,
    reason,
    revision,
    ...(isStatic && { isStatic }),
    ...(errorCode && { errorCode }),
    ...(metadata && { metadata }),
  };
}

/** Every value by its key. Flags that answer with the caller's fallback have none. */
export function allValues(values: Values | undefined): { [key: string]: JsonValue } {
  const all: { [key: string]: JsonValue } = {};
  for (const { key, value } of flagsOf(values)) if (value !== undefined) all[key] = value;
  return all;
}

/** The keys whose values differ: another reason alone is no change. */
export function changedKeys(before: Values | undefined, after: Values): readonly string[] {
  const [old, now] = [allValues(before), allValues(after)];
  return Object.keys({ ...old, ...now }).filter((key) => !isEqual(old[key], now[key]));
}

function isEqual(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

function flagsOf(values: Values | undefined): readonly FlagValue[] {
  return [...(values?.objects.values() ?? [])].filter(isFlagValue);
}

/** The type of flag that a fallback asks for. */
export function typeOf(value: unknown): FlagType {
  const type = typeof value;
  return type === 'boolean' || type === 'string' || type === 'number' ? type : 'json';
}
