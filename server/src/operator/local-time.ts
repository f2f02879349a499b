/** A day and a time of day, with or without a zone. A day alone is refused: nobody agrees on when it begins. */
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/;

/**
 * Reads a time as a person writes it. Without a zone it is in that of this machine.
 *
 * @returns ISO 8601 in UTC, as the API takes it; `undefined` where the text is no time.
 * @example parseTime('2026-11-20 18:00')
 */
export function parseTime(text: string): string | undefined {
  const at = TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

/**
 * A time of the API in the zone of this machine, to the second, still ISO 8601: it can be pasted into `--to`.
 *
 * @example localTime('2026-11-21T08:00:02.010Z') // '2026-11-21T09:00:02+01:00'
 */
export function localTime(iso: string): string {
  const at = new Date(iso);
  // The offset of that moment, not of now: summer time lies between.
  const offsetMinutes = -at.getTimezoneOffset();
  const shifted = new Date(at.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const [hours, minutes] = [Math.trunc(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
  const zone = `${offsetMinutes < 0 ? '-' : '+'}${twoDigits(hours)}:${twoDigits(minutes)}`;
  return `${shifted}${offsetMinutes === 0 ? 'Z' : zone}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
