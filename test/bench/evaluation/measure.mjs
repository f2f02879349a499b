const NANOSECONDS_PER_MS = 1e6;

/** A sample is at least this long: one pass of a fast system is over before the machine is at ease. */
const SAMPLE_MS = 30;

/**
 * Times one flag on every system, in rounds: each round lets every system evaluate all users, starting
 * with another system each time, so that drift of the machine falls on all of them alike. The garbage collector
 * runs when it likes: forcing it between runs made the peers up to twice as slow.
 *
 * @param {{ system: object, contexts: object[], expected: number }[]} entries
 * @param {{ warmupRounds: number, rounds: number }} options
 * @returns {Promise<number[]>} Median nanoseconds per evaluation, in the order of `entries`.
 * @throws Where a run counts other answers than the correctness check did.
 */
export async function measureFlag(flag, entries, { warmupRounds, rounds }) {
  const samples = entries.map(() => []);
  for (let round = -warmupRounds; round < rounds; round += 1) {
    for (let turn = 0; turn < entries.length; turn += 1) {
      const index = (turn + round + warmupRounds) % entries.length;
      const elapsed = await timeRun(flag, entries[index]);
      if (round >= 0) samples[index].push(elapsed);
    }
  }
  return samples.map(median);
}

async function timeRun(flag, { system, contexts, expected }) {
  let passes = 0;
  let elapsedMs = 0;
  const startMs = performance.now();
  do {
    const counted = await system.flags[flag].run(contexts);
    if (counted !== expected[flag]) {
      throw new Error(
        `${system.name} ${flag}: counted ${counted} while timed, ${expected[flag]} when checked`,
      );
    }
    passes += 1;
    elapsedMs = performance.now() - startMs;
  } while (elapsedMs < SAMPLE_MS);
  return (elapsedMs * NANOSECONDS_PER_MS) / (passes * contexts.length);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
