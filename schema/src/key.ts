/** Longest key of a flag, variation, segment, project or environment, in characters. */
export const KEY_LENGTH_MAX = 100;

/**
 * Keys of flags, variations, segments, projects and environments: a letter or digit, then letters, digits,
 * dots, dashes and underscores. Case-sensitive, unique without regard to case. `__proto__` is not one.
 */
export const KEY_PATTERN: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** @example isKey('checkout-v2') // true */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && KEY_PATTERN.test(value);
}
