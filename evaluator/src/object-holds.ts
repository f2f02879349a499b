import type { ValueTest } from './operators.ts';

/**
 * Judges what is no plain value: a list holds when any of its elements does. A proxy may throw at any touch;
 * then it counts as missing.
 */
export function objectHolds(value: object | null, test: ValueTest): boolean {
  if (value === null) return false;
  try {
    return Array.isArray(value) ? value.some((element) => test(element)) : test(value);
  } catch {
    return false;
  }
}
