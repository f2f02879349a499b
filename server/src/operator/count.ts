/**
 * A number with its thousands apart.
 *
 * @example count(1_001) // '1,001'
 */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/**
 * So many of something.
 *
 * @param thing - One of it.
 * @example countOf(1, 'stream') // '1 stream'
 * @example countOf(1_001, 'stream') // '1,001 streams'
 */
export function countOf(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? '' : 's'}`;
}
