import type { ServerResponse } from 'node:http';
import { formatCursor } from '@dimmer/schema';
import { LIVE_PROTOCOL } from '@dimmer/schema/rest';
import type { StreamSet } from '../delivery/stream-set.ts';
import { endSpread } from '../delivery/stream-set.ts';
import type { Subscriber } from '../delivery/subscriber.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { InstanceRegistry } from '../reports/instance-registry.ts';
import type { Change, Storage } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import type { LiveHead } from './live-feed.ts';
import { CHANGES_PER_READ, LiveFeed } from './live-feed.ts';
import { liveFrame } from './live-frames.ts';
import { LiveLog } from './live-log.ts';
import { LiveSource } from './live-source.ts';
import { ReceiptWatch } from './receipt-watch.ts';
import type { LiveWish } from './since.ts';
import { sinceOf } from './since.ts';

/** The time over which readers come back when the history is another one, in milliseconds. */
const LOST_SPREAD_MS = 5_000;

/** When a reader comes back whose page of the history could not be read, in milliseconds. */
const UNREAD_RETURN_MS = 1_000;

export interface EnvironmentLivePorts {
  readonly storage: Pick<Storage, 'read' | 'changesAfter'>;
  readonly registry: Pick<InstanceRegistry, 'present'>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Where the streams of all environments are kept. */
  readonly streams: StreamSet;
  readonly heartbeatMs: number;
}

/** A request for a live stream. */
export interface LiveRequest extends LiveWish {
  readonly response: ServerResponse;
  /** The key that opened it. */
  readonly keyId: string;
  /** Headers of the answer beside those of every stream. */
  readonly headers: { readonly [name: string]: string };
}

/** The live streams of one environment, and the one reading of its history and receipts that all of them share. */
export class EnvironmentLive {
  readonly environment: EnvironmentRef;
  readonly #ports: EnvironmentLivePorts;
  readonly #log: LiveLog;
  readonly #feed: LiveFeed;
  readonly #receipts: ReceiptWatch;
  readonly #subscribers = new Set<Subscriber>();
  readonly #onGone: () => void;
  #holders = 0;
  #isFailing = false;
  #isClosed = false;

  /**
   * @param head - Where the environment is: streams share what comes after it.
   * @param onGone - Nobody holds it any more, or the history has become another one, which has ended its streams. It is
   *   of no more use.
   */
  constructor(environment: EnvironmentRef, head: LiveHead, ports: EnvironmentLivePorts, onGone: () => void) {
    const { registry, log } = ports;
    this.environment = environment;
    this.#ports = ports;
    this.#onGone = onGone;
    this.#log = new LiveLog(head.epoch, head.revision);
    this.#feed = new LiveFeed(head, {
      ...ports,
      environment,
      onChanges: (changes) => this.#tell(changes),
      onLost: () => this.#lose(),
      onFault: (cause) => this.#fail(cause),
    });
    this.#receipts = new ReceiptWatch({
      ...ports,
      instances: () => registry.present(environment),
      onReceipt: (receipt) => {
        this.#log.addReceipt(receipt);
        this.#advance();
      },
      onFailure: (err) => log.error({ ...environment, err }, 'a receipt could not be made'),
    });
  }

  get count(): number {
    return this.#subscribers.size;
  }

  /** Follows the environment at least until an answer has closed. */
  hold(response: ServerResponse): void {
    this.#holders += 1;
    response.once('close', () => {
      this.#holders -= 1;
      if (this.#holders === 0) this.#go();
    });
  }

  /** A commit gives a hint. */
  announce(): void {
    this.#feed.announce();
  }

  /** Looks for changes. @returns When what was committed before has been told. */
  wake(): Promise<void> {
    return this.#feed.wake();
  }

  /**
   * Registers a stream and greets it, in one tick: nothing falls between the two.
   *
   * @param historyFloor - The oldest revision that the history reaches.
   * @throws StorageFault where the history has just become another one.
   */
  open({ response, keyId, headers, ...wish }: LiveRequest, historyFloor: number): void {
    if (this.#isClosed) throw new StorageFault('unavailable', 'The history has just become another one.');
    if (response.destroyed) return;
    const { epoch, revision } = this.#log;
    const since = sinceOf(wish, { epoch, revision, historyFloor });
    const source = new LiveSource(this.#log, since, () => void this.#readPage(source, subscriber));
    const subscriber = this.#ports.streams.add(response, keyId, source);
    this.#subscribers.add(subscriber);
    response.once('close', () => this.#subscribers.delete(subscriber));
    subscriber.begin({ headers, revision: 0, hello: this.#hello(since), objects: undefined });
    if (source.isBehind) void this.#readPage(source, subscriber);
    else subscriber.advance();
  }

  /** Reads no more. The streams are for whoever keeps them to end. */
  close(): void {
    this.#isClosed = true;
    this.#feed.close();
    this.#receipts.close();
  }

  #hello(since: number): Buffer {
    const { epoch, revision } = this.#log;
    const data = {
      protocol: LIVE_PROTOCOL,
      epoch,
      revision,
      since,
      heartbeatMs: this.#ports.heartbeatMs,
    };
    // Whoever loses the stream before the first change comes back to here.
    return liveFrame({ event: 'hello', data }, formatCursor({ epoch, revision: since }));
  }

  #tell(changes: readonly Change[]): void {
    this.#isFailing = false;
    for (const change of changes) {
      this.#log.add(change);
      this.#watch(change);
    }
    this.#advance();
  }

  /** A revision whose receipt is told already is watched, or done. */
  #watch({ revision, at }: Change): void {
    if (this.#log.hasReceiptOf(revision)) return;
    this.#receipts.watch({ epoch: this.#log.epoch, revision, committedAt: Date.parse(at) });
  }

  #advance(): void {
    for (const subscriber of this.#subscribers) subscriber.advance();
  }

  /** The next page of a stream that wants more than the log reaches. */
  async #readPage(source: LiveSource, subscriber: Subscriber): Promise<void> {
    const { storage, log } = this.#ports;
    try {
      const changes = await storage.changesAfter(this.environment, source.told, CHANGES_PER_READ);
      // What was pruned meanwhile would be a hole: the next hello says where to begin.
      if (changes[0]?.revision === source.told + 1) {
        source.supply(changes);
        for (const change of changes) this.#watch(change);
      } else subscriber.leave('rebalancing', 0);
    } catch (err) {
      log.warn({ ...this.environment, err }, 'the history could not be read for a live stream');
      subscriber.leave('rebalancing', UNREAD_RETURN_MS);
    }
    subscriber.advance();
  }

  #lose(): void {
    endSpread([...this.#subscribers], 'rebalancing', LOST_SPREAD_MS);
    this.#go();
  }

  #go(): void {
    this.close();
    this.#onGone();
  }

  #fail(cause: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#ports.log.error({ ...this.environment, err: cause }, 'live streams cannot follow the database');
  }
}
