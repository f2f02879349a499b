import type { JsonValue } from './definition.ts';

/**
 * JSON in the one form that RFC 8785 (JCS) gives to a value: no spaces, names sorted by UTF-16 code unit, numbers as
 * ECMAScript writes them. Equal values have equal texts, so it is what is hashed and signed.
 *
 * @param value - As `JSON.parse` gives it.
 * @returns `undefined` where a text or name holds a lone surrogate, for which the RFC has no form.
 * @see https://www.rfc-editor.org/rfc/rfc8785
 * @example canonicalJson({ b: 1e3, a: 'ø' }) // '{"a":"ø","b":1000}'
 */
export function canonicalJson(value: JsonValue): string | undefined {
  const text = write(value);
  return LONE_SURROGATE.test(text) ? undefined : text;
}

/** As `JSON.stringify` escapes it; a pair is never escaped, and no other escape begins so. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

function write(value: JsonValue): string {
  if (isList(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  // The default order of `sort` is the one by code unit.
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${write(value[name] ?? null)}`);
  return `{${members.join(',')}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
