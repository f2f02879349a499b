const ISO_8601 = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/**
 * The point in time that a value names, in milliseconds since 1970 UTC; `NaN` when it names none.
 *
 * A finite number is taken as it is, a `Date` by its time. A string must be ISO 8601: a date, which means
 * midnight UTC, or a date and a time with `Z` or an offset. A time without one would mean another instant on
 * every machine and is refused, as is a day that its month does not have.
 *
 * @example instantOf('2026-11-21T10:00:00+01:00') // 1795251600000
 */
export function instantOf(value: unknown): number {
  if (typeof value === 'string') return instantOfText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN;
  return value instanceof Date ? Number(value.getTime()) : Number.NaN;
}

function instantOfText(text: string): number {
  const [match, year, month, day] = ISO_8601.exec(text) ?? [];
  if (match === undefined || Number(day) > daysOf(Number(year), Number(month))) return Number.NaN;
  return Date.parse(match);
}

/** Day 0 of the following month is the last day of this one. The year is shifted as `Date` maps 0..99. */
function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year + 400, month, 0)).getUTCDate();
}
