import type { StreamSource } from '../delivery/subscriber.ts';
import type { Change } from '../storage/storage.ts';
import { liveFrame } from './live-frames.ts';
import type { LiveLog, LivePlace } from './live-log.ts';
import { changeFrame } from './live-log.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Where one live stream takes its bytes from: from pages of the history until it has reached the log that all streams
 * share, then from there. It holds one page at most, and asks for the next when that has been taken.
 */
export class LiveSource implements StreamSource {
  readonly #log: LiveLog;
  readonly #since: number;
  readonly #onPageTaken: () => void;
  #place: LivePlace;
  #page: Buffer | undefined;
  #isCatchingUp: boolean;
  /** How many times bytes were taken. */
  #taken = 0;

  /**
   * @param since - Changes after this revision are told.
   * @param onPageTaken - The stream has taken a page and is still behind the log.
   */
  constructor(log: LiveLog, since: number, onPageTaken: () => void) {
    this.#log = log;
    this.#since = since;
    this.#onPageTaken = onPageTaken;
    this.#place = { revision: since, receipt: 0 };
    this.#isCatchingUp = this.isBehind;
  }

  /** The revision up to which changes were told, or wait in the page. */
  get told(): number {
    return this.#place.revision;
  }

  /** Whether the log does not reach back to where the stream is. */
  get isBehind(): boolean {
    return !this.#log.reaches(this.#place.revision);
  }

  /** Grows whenever there is something to take. */
  get revision(): number {
    const hasMore = this.#page !== undefined || (!this.#isCatchingUp && this.#log.hasMore(this.#place));
    return hasMore ? this.#taken + 1 : this.#taken;
  }

  /** Takes the next page of the history in: what follows {@link LiveSource.told}. */
  supply(changes: readonly Change[]): void {
    const last = changes.at(-1);
    if (last === undefined) return;
    this.#page = Buffer.concat(changes.map((change) => changeFrame(this.#log.epoch, change)));
    this.#place = { ...this.#place, revision: last.revision };
  }

  /** @returns `undefined` where a slow stream has lost the log: it begins again. */
  bytesSince(): Buffer | undefined {
    this.#taken += 1;
    const page = this.#page;
    if (page === undefined) return this.#readLog();
    this.#page = undefined;
    this.#isCatchingUp = this.isBehind;
    if (this.#isCatchingUp) {
      this.#onPageTaken();
      return page;
    }
    return Buffer.concat([page, this.#readLog() ?? NOTHING]);
  }

  heartbeat(): Buffer {
    return liveFrame({ event: 'heartbeat', data: { revision: this.#place.revision } });
  }

  #readLog(): Buffer | undefined {
    const section = this.#log.after(this.#place, this.#since);
    if (section !== undefined) this.#place = section.place;
    return section?.bytes;
  }
}
