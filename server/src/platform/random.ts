import { randomBytes } from 'node:crypto';

/** Chance, as the server sees it. Passed in, so that tests repeat it. */
export interface Random {
  /** Unpredictable bytes, for keys and epochs. */
  bytes(count: number): Uint8Array;
  /** An unsigned 32-bit number, for seeds. */
  uint32(): number;
}

/**
 * A fraction from 0 up to, and without, 1.
 *
 * @example fractionOf(random) * 1_000 // a delay below one second
 */
export function fractionOf(random: Pick<Random, 'uint32'>): number {
  return random.uint32() / 2 ** 32;
}

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  uint32: () => randomBytes(4).readUInt32LE(0),
};
