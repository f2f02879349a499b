/**
 * What the ASCII path of the hash is worth, beside the `murmurhash` package on the same keys.
 *
 *   node test/bench/hash/run.mjs
 *
 * Prints millions of hashes a second, the median of alternating rounds, and the ratio to the package on strings.
 */
import { murmur3Ascii } from '@dimmer/schema';
import murmurhash from 'murmurhash';

const ROUNDS = 9;
const keys = Array.from({ length: 100_000 }, (_, index) => `user-${index}-${(index * 2654435761) >>> 0}`);
const buffer = new Uint8Array(1024);
const encoder = new TextEncoder();

const ways = {
  'package, string': (key) => murmurhash.v3(key, 42),
  'package, view of a reused buffer': (key) => {
    const { written } = encoder.encodeInto(key, buffer);
    return murmurhash.v3(buffer.subarray(0, written), 42);
  },
  'own ASCII path': (key) => murmur3Ascii(key, 42),
};

const rates = new Map(Object.keys(ways).map((name) => [name, []]));
const sums = new Set();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, hash] of Object.entries(ways)) {
    let sum = 0;
    const start = performance.now();
    for (const key of keys) sum = (sum + hash(key)) >>> 0;
    rates.get(name).push(keys.length / (performance.now() - start) / 1000);
    sums.add(sum);
  }
}
if (sums.size !== 1) throw new Error('the ways disagree');

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const reference = median(rates.get('package, string'));
for (const [name, values] of rates) {
  const rate = median(values);
  console.log(
    `${name.padEnd(36)}${rate.toFixed(1).padStart(8)} M/s   ratio ${(rate / reference).toFixed(1)}`,
  );
}
