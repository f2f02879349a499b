import { BUCKETS } from '@dimmer/schema';
import { hashText } from './hash.ts';

/** How many values a hash can have. */
const HASHES = 2 ** 32;

/**
 * The bucket of a subject, 0 to 99,999, by the profile `murmur3-100k`: the hash is scaled, not reduced by a
 * remainder, so every bucket gets the same share of hashes to within one.
 *
 * @param subject - The text that is hashed.
 * @param seed - The rollout's unsigned 32-bit seed.
 * @example bucketOf('user-1', 0)
 */
export function bucketOf(subject: string, seed: number): number {
  return ((hashText(subject, seed) * BUCKETS) / HASHES) | 0;
}
