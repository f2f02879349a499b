import type { CountedBatches, ExposureCount } from './exposure-store.ts';

/** One batch with a name of its own, as a server adds it. @param at - Milliseconds since the Unix epoch. */
export function batchOf(name: string, counts: readonly ExposureCount[], at = 0): CountedBatches {
  return { names: [name], at, countsWithout: (known) => (known.has(name) ? [] : counts) };
}
