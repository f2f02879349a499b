/** Chance that can be had again: the same seed draws the same numbers. */
export interface SeededRandom {
  /** From 0 up to, and without, 1. */
  next(): number;
  /** A whole number from `minimum` to `maximum`, both included. */
  between(minimum: number, maximum: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** Chance of its own for one client: what another one draws does not move it. */
  fork(name: string): SeededRandom;
}

/** @param seed - An unsigned 32-bit number. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;

  // mulberry32: 32 bits of state, which is enough for delays and choices.
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  return {
    next,
    between: (minimum, maximum) => minimum + Math.floor(next() * (maximum - minimum + 1)),
    pick(items) {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new RangeError('there is nothing to pick from');
      return item;
    },
    fork: (name) =>
      seededRandom([...name].reduce((hash, letter) => Math.imul(hash, 31) + letter.charCodeAt(0), seed)),
  };
}

/** The seed that a run was asked for, or one of the moment. */
export function seedOf(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 2 ** 32);
  if (!/^\d{1,10}$/.test(text)) throw new TypeError(`DIMMER_FAULT_SEED must be a whole number, not ${text}`);
  return Number(text) >>> 0;
}

/** The one line that runs a scenario again with the same choices. */
export function replayCommand(scenario: string, seed: number, isLong: boolean): string {
  return isLong
    ? `DIMMER_FAULT_SEED=${seed} npm run test:faults -- --run ${scenario}`
    : `DIMMER_FAULT_SEED=${seed} npm run test:faults -- --short --run ${scenario}`;
}
