/**
 * Reads a `Retry-After` header: seconds, or a date.
 *
 * @param now - Milliseconds since the Unix epoch.
 * @returns Milliseconds from now, at least 0; `undefined` for anything else.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
