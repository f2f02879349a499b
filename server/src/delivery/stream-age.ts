/**
 * How many different ages streams are given. Node keeps a list for each duration that an unreferenced timer ever had
 * until that time has passed, also when the timer was cleared: drawn to the millisecond, every stream that comes and
 * goes would leave one behind for up to an hour.
 */
const AGES = 1_000;

/**
 * At what age a stream is ended: some time between half of the greatest age and all of it.
 *
 * @param greatestMs - `DIMMER_STREAM_AGE_MS`.
 * @param chance - Drawn evenly from [0, 1).
 * @returns Milliseconds.
 * @example streamAge(3_600_000, 0.5) // 2_700_000
 */
export function streamAge(greatestMs: number, chance: number): number {
  const step = Math.floor(chance * AGES);
  return Math.floor((greatestMs / 2) * (1 + step / AGES));
}
