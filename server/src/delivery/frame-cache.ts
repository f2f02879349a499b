import type { WireObject } from '@dimmer/schema';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { Differences, EnvironmentCopy } from './environment-copy.ts';
import { differencesSince } from './environment-copy.ts';
import { commitFrame, deleteFrame, putFrame, snapshotDocument } from './frames.ts';

/**
 * How many deltas of one revision are kept. Nearly every reader is at the revision before; the others are
 * slow, each at a place of its own, and rare enough to be encoded for.
 */
export const DELTAS_MAX = 16;

/**
 * The bytes of one environment, made once and shared by every stream. It remembers those of the newest copy
 * that it was asked about, and the frame of every object for as long as the object lives: an object version
 * becomes JSON once, whatever is made of it.
 */
export class FrameCache {
  readonly #encodings: DeliveryCounts['encodings'];
  readonly #puts = new WeakMap<WireObject, Buffer>();
  readonly #deltas = new Map<number, Buffer>();
  #copy: EnvironmentCopy | undefined;
  #full: Buffer | undefined;
  #document: Buffer<ArrayBuffer> | undefined;

  /** @param encodings - Counts what had to be encoded. */
  constructor(encodings: DeliveryCounts['encodings']) {
    this.#encodings = encodings;
  }

  /** What brings a reader at `since` to the copy: changed objects, removals, commit. */
  delta(copy: EnvironmentCopy, since: number): Buffer {
    this.#turnTo(copy);
    const known = this.#deltas.get(since);
    if (known !== undefined) return known;
    const bytes = this.changes(copy, differencesSince(copy, since), { kill: copy.lastKill > since });
    if (this.#deltas.size < DELTAS_MAX) this.#deltas.set(since, bytes);
    return bytes;
  }

  /**
   * A change set to the copy, whatever it starts from.
   *
   * @param options.kill - Whether it killed a flag.
   */
  changes(
    copy: EnvironmentCopy,
    { objects, tombstones }: Differences,
    options: { readonly kill: boolean },
  ): Buffer {
    this.#encodings.delta += 1;
    const frames = [...this.#putsOf(objects), ...tombstones.map(deleteFrame)];
    return Buffer.concat([...frames, commitFrame(copy, options)]);
  }

  /** Every object, then the commit. */
  full(copy: EnvironmentCopy): Buffer {
    this.#turnTo(copy);
    if (this.#full === undefined) {
      this.#full = Buffer.concat([...this.#putsOf(copy.objects.values()), commitFrame(copy)]);
      this.#encodings.full += 1;
    }
    return this.#full;
  }

  /** The same as one JSON document. */
  document(copy: EnvironmentCopy): Buffer<ArrayBuffer> {
    this.#turnTo(copy);
    if (this.#document === undefined) {
      this.#document = snapshotDocument(copy, this.#putsOf(copy.objects.values()));
      this.#encodings.document += 1;
    }
    return this.#document;
  }

  #putsOf(objects: Iterable<WireObject>): Buffer[] {
    return Array.from(objects, (object) => this.#put(object));
  }

  #put(object: WireObject): Buffer {
    const known = this.#puts.get(object);
    if (known !== undefined) return known;
    const bytes = putFrame(object);
    this.#puts.set(object, bytes);
    return bytes;
  }

  #turnTo(copy: EnvironmentCopy): void {
    if (copy === this.#copy) return;
    this.#copy = copy;
    this.#deltas.clear();
    this.#full = undefined;
    this.#document = undefined;
  }
}
