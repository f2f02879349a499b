import { type ExceededLimit, LIMITS } from '@dimmer/schema';

/** What is counted of a value, by what zod calls its kind. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['string', 'characters'],
  ['array', 'entries'],
]);

/**
 * Both figures of a limit that a schema found exceeded. The size is counted; nothing of the value is told.
 *
 * @param origin - The kind of the value in the words of zod.
 * @returns `undefined` where the value has no size.
 * @example exceededSize('array', Array(1_200).fill('a'), 1_000) // { name: 'entries', current: 1200, maximum: 1000 }
 */
export function exceededSize(origin: string, value: unknown, maximum: number): ExceededLimit | undefined {
  const current = sizeOf(origin, value);
  return current > maximum ? { name: UNITS.get(origin) ?? 'value', current, maximum } : undefined;
}

/**
 * The same of a limit that an issue names: of the members that an object may have.
 *
 * @example exceededMembers('metadataEntries', { a: 1 }) // undefined
 */
export function exceededMembers(name: unknown, value: unknown): ExceededLimit | undefined {
  if (!isLimit(name)) return undefined;
  const current = Object.keys(Object(value)).length;
  return current > LIMITS[name] ? { name, current, maximum: LIMITS[name] } : undefined;
}

/** Of a number its value, also where it stands in a query, as text. */
function sizeOf(origin: string, value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return origin === 'string' ? String(value).length : Number(value);
}

function isLimit(name: unknown): name is keyof typeof LIMITS {
  return typeof name === 'string' && Object.hasOwn(LIMITS, name);
}
