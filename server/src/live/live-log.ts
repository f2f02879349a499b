import { formatCursor } from '@dimmer/schema';
import type { ReceiptView } from '@dimmer/schema/rest';
import { changeView } from '../changes/change-views.ts';
import type { Change } from '../storage/storage.ts';
import { liveFrame } from './live-frames.ts';

/** Bytes of changes that are kept for streams that are behind. */
const KEPT_BYTES_MAX = 4_194_304;

/** Revisions whose newest receipt is kept for them. */
const KEPT_RECEIPTS_MAX = 100;

/** What a reader of the log has been told. */
export interface LivePlace {
  /** Changes up to this revision. */
  readonly revision: number;
  /** Receipts up to this one, in the order in which they were made. */
  readonly receipt: number;
}

/** What follows a place, and where that leads. */
export interface LiveSection {
  readonly bytes: Buffer;
  readonly place: LivePlace;
}

/**
 * The newest events of one environment as bytes that all its streams share, each encoded once. Of receipts only the
 * newest of a revision is kept: a reader that is late skips the others.
 */
export class LiveLog {
  readonly #epoch: string;
  readonly #keptBytesMax: number;
  /** Of the revisions up to {@link LiveLog.revision}, without a gap. */
  readonly #changes: Buffer[] = [];
  readonly #receipts = new Map<number, { readonly number: number; readonly bytes: Buffer }>();
  #revision: number;
  #bytes = 0;
  #receipt = 0;

  /** @param revision - Where the log begins: its first change is the next one. */
  constructor(epoch: string, revision: number, keptBytesMax = KEPT_BYTES_MAX) {
    this.#epoch = epoch;
    this.#revision = revision;
    this.#keptBytesMax = keptBytesMax;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The newest revision. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether the log has every change after `revision`. */
  reaches(revision: number): boolean {
    return revision >= this.#revision - this.#changes.length;
  }

  /** Adds the next change. */
  add(change: Change): void {
    const bytes = changeFrame(this.#epoch, change);
    this.#revision = change.revision;
    this.#changes.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes > this.#keptBytesMax && this.#changes.length > 1) {
      this.#bytes -= this.#changes.shift()?.length ?? 0;
    }
  }

  /** Adds the newest receipt of a revision, instead of the one before. */
  addReceipt(receipt: ReceiptView): void {
    this.#receipt += 1;
    const bytes = liveFrame({ event: 'receipt', data: receipt });
    this.#receipts.set(receipt.revision, { number: this.#receipt, bytes });
    const [oldest] = this.#receipts.keys();
    if (this.#receipts.size > KEPT_RECEIPTS_MAX && oldest !== undefined) this.#receipts.delete(oldest);
  }

  /** Whether a receipt of a revision has been made. */
  hasReceiptOf(revision: number): boolean {
    return this.#receipts.has(revision);
  }

  /** Whether something follows a place. */
  hasMore({ revision, receipt }: LivePlace): boolean {
    return revision < this.#revision || receipt < this.#receipt;
  }

  /**
   * The changes after a place, then the receipts.
   *
   * @param since - Only receipts of revisions above it.
   * @returns `undefined` where the log does not reach the place any more.
   */
  after({ revision, receipt }: LivePlace, since: number): LiveSection | undefined {
    if (!this.reaches(revision)) return undefined;
    const changes = this.#changes.slice(this.#changes.length - (this.#revision - revision));
    const receipts = [...this.#receipts]
      .filter(([of, { number }]) => of > since && number > receipt)
      .map(([, { bytes }]) => bytes);
    const place = { revision: this.#revision, receipt: this.#receipt };
    return { bytes: Buffer.concat([...changes, ...receipts]), place };
  }
}

/** One change as every stream is sent it. */
export function changeFrame(epoch: string, change: Change): Buffer {
  const id = formatCursor({ epoch, revision: change.revision });
  return liveFrame({ event: 'change', data: changeView(change) }, id);
}
