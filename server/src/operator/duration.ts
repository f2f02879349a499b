const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration: a number and a unit.
 *
 * @returns Milliseconds; `undefined` where the text is none.
 * @example parseDuration('2h') // 7_200_000
 * @example parseDuration('1.5s') // 1_500
 */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  return amount === undefined || unitMs === undefined ? undefined : Math.round(Number(amount) * unitMs);
}

/**
 * A duration as people read it, in its greatest unit, rounded.
 *
 * @param durationMs - Milliseconds; negative counts as none.
 * @example formatDuration(12_300) // '12 s'
 */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.max(0, Math.round(durationMs))} ms`;
  if (durationMs < 120_000) return `${Math.round(durationMs / 1_000)} s`;
  if (durationMs < 7_200_000) return `${Math.round(durationMs / 60_000)} min`;
  if (durationMs < 172_800_000) return `${Math.round(durationMs / 3_600_000)} h`;
  return `${Math.round(durationMs / 86_400_000)} days`;
}
