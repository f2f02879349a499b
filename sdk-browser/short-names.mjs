import { gzipSync } from 'node:zlib';

/** What most is made of comes first: letters that names of variables have as well. */
const LETTERS = [...'etnrisouaflchpmdgvybwAkSxTNOEIjCDJLRFPHUBqzGVYKWXQZM$_'];
const PAIRS = LETTERS.flatMap((first) => LETTERS.map((next) => first + next));

/** Rounds of exchanges: a fourth finds nothing more. */
const ROUNDS = 3;

/**
 * Finds names of properties that a bundle is small with once it is compressed: starts with the shortest ones for those
 * that are written most often, and exchanges any two as long as it helps. It takes a few seconds, and finds the same for
 * the same bundle.
 *
 * @param text - The bundle.
 * @param shrunk - Shrinks it, with names as `nameCache` of terser has them.
 * @param taken - Names that mean something already.
 * @returns The names, as `nameCache.props` of terser.
 */
export async function shortNames(text, shrunk, taken) {
  const found = { props: {} };
  await shrunk(text, { nameCache: found });
  const names = Object.keys(found.props.props);
  // What no name is made of stands for each of them, so that names are exchanged without shrinking again.
  const signs = Object.fromEntries(names.map((name, place) => [name, `Ω${place}Ω`]));
  const parts = (await shrunk(text, { nameCache: { props: { props: signs } } })).split(/(Ω\d+Ω)/);
  const uses = (name) => parts.filter((part) => part === signs[name]).length;
  const byUse = names.sort((one, other) => uses(other) - uses(one));
  const free = [...LETTERS, ...PAIRS].filter((name) => !taken.includes(name));
  const chosen = exchanged(free.slice(0, byUse.length + 40), (short) => {
    const written = new Map(byUse.map((name, place) => [signs[name], short[place]]));
    return sizeOf(parts.map((part) => written.get(part) ?? part).join(''));
  });
  return { props: Object.fromEntries(byUse.map((name, place) => [name, chosen[place]])) };
}

/** The list with entries in other places, where nothing is gained by exchanging two more. */
function exchanged(list, measure) {
  const best = [...list];
  let least = measure(best);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let one = 0; one < best.length; one += 1) {
      for (let other = one + 1; other < best.length; other += 1) {
        const before = [best[one], best[other]];
        [best[other], best[one]] = before;
        const size = measure(best);
        if (size < least) least = size;
        else [best[one], best[other]] = before;
      }
    }
  }
  return best;
}

/** Bytes after gzip. A property that has the name of its variable is written once. */
function sizeOf(code) {
  return gzipSync(code.replace(/([{,])(\w+):\2(?=[,}])/g, '$1$2'), { level: 9 }).length;
}
