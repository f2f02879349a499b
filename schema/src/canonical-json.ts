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
  const text = sortedJson(value);
  return LONE_SURROGATE.test(text) ? undefined : text;
}

/** As `JSON.stringify` escapes it; a pair is never escaped, and no other escape begins so. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** The same form, where a lone surrogate is written as its escape. */
export function sortedJson(value: JsonValue): string {
  // A list in a template is joined with commas.
  if (Array.isArray(value)) return `[${value.map(sortedJson)}]`;
  if (Object(value) !== value) return JSON.stringify(value);
  const members = value as { readonly [name: string]: JsonValue };
  // The default order of `sort` is the one by code unit.
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${sortedJson(members[name] ?? null)}`)}}`;
}
