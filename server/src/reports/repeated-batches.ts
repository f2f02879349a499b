/** How many batches are remembered: those of the last minutes of a busy server. */
const BATCHES_MAX = 20_000;

/**
 * Knows a batch that was counted already: a browser that did not get the answer sends it again, and is listed nowhere
 * that would tell. What it remembers is bounded; the oldest goes first.
 */
export class RepeatedBatches {
  readonly #seen = new Set<string>();

  /** @returns Whether the batch was seen before; from now on it was. */
  isRepeated(instance: string, batch: string): boolean {
    const name = JSON.stringify([instance, batch]);
    if (this.#seen.has(name)) return true;
    this.#seen.add(name);
    const [oldest] = this.#seen;
    if (this.#seen.size > BATCHES_MAX && oldest !== undefined) this.#seen.delete(oldest);
    return false;
  }
}
