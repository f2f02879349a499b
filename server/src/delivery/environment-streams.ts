import type { ServerResponse } from 'node:http';
import type { Cursor, GoodbyeReason, HelloMessage } from '@dimmer/schema';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import type { FrameCache } from './frame-cache.ts';
import { heartbeatFrame, helloFrame } from './frames.ts';
import type { HeartbeatWheel } from './heartbeat-wheel.ts';
import { modeOf } from './resume.ts';
import { streamAge } from './stream-age.ts';
import type { StreamSource } from './subscriber.ts';
import { Subscriber } from './subscriber.ts';

/** The time over which readers come back after a change of epoch, in milliseconds. */
const EPOCH_SPREAD_MS = 5_000;

/** A reader whose stream has reached its age comes back within this time, in milliseconds. */
const AGED_SPREAD_MS = 1_000;

/** The time over which readers come back, to be refused, after their key was taken away, in milliseconds. */
const REVOKED_SPREAD_MS = 5_000;

export interface EnvironmentStreamsPorts {
  readonly frames: FrameCache;
  readonly wheel: HeartbeatWheel;
  readonly counts: DeliveryCounts;
  readonly heartbeatMs: number;
  /** The greatest age of a stream, in milliseconds (`DIMMER_STREAM_AGE_MS`). */
  readonly streamAgeMs: number;
  readonly schedule: Schedule;
  readonly random: Random;
  /** @returns How long ago the database last answered, in milliseconds. */
  readonly databaseAgeMs: (now: number) => number;
}

/** A request for a stream. */
export interface StreamRequest {
  readonly response: ServerResponse;
  /** Where the reader is; `undefined`: nowhere. */
  readonly cursor: Cursor | undefined;
  /** The key that opened it: see {@link EnvironmentStreams.revoke}. */
  readonly keyId: string;
  /** Headers of the answer beside those of every stream. */
  readonly headers: { readonly [name: string]: string };
}

/** The streams of one environment. */
export class EnvironmentStreams implements StreamSource {
  readonly #ports: EnvironmentStreamsPorts;
  /** Each with the id of the key that opened it. */
  readonly #subscribers = new Map<Subscriber, string>();
  readonly #onEmpty: (() => void)[] = [];
  #copy: EnvironmentCopy;
  #beat: { readonly at: number; readonly bytes: Buffer } | undefined;

  /** @param first - The copy that the environment's feed loaded first. */
  constructor(first: EnvironmentCopy, ports: EnvironmentStreamsPorts) {
    this.#copy = first;
    this.#ports = ports;
  }

  get count(): number {
    return this.#subscribers.size;
  }

  get revision(): number {
    return this.#copy.revision;
  }

  bytesSince(revision: number): Buffer | undefined {
    return revision < this.#copy.floor ? undefined : this.#ports.frames.delta(this.#copy, revision);
  }

  heartbeat(now: number): Buffer {
    if (this.#beat?.at !== now) {
      this.#beat = { at: now, bytes: heartbeatFrame(this.#copy, this.#ports.databaseAgeMs(now)) };
    }
    return this.#beat.bytes;
  }

  /** Registers a stream and sends it what it lacks, in one tick: nothing falls between the two. */
  open({ response, cursor, keyId, headers }: StreamRequest): void {
    if (response.destroyed) return;
    const { wheel, counts, heartbeatMs, schedule } = this.#ports;
    const subscriber = new Subscriber(response, this, counts, schedule);
    this.#subscribers.set(subscriber, keyId);
    const stopBeating = wheel.add(subscriber);
    const stopAgeing = this.#age(subscriber);
    // The answer's close, not the request's: a request closes as soon as it has been read.
    response.on('close', () => {
      stopBeating();
      stopAgeing();
      subscriber.closed();
      this.#remove(subscriber);
    });
    response.on('error', closeFollows);

    const mode = modeOf(this.#copy, cursor);
    counts.opened[mode] += 1;
    subscriber.begin({
      headers,
      revision: this.#copy.revision,
      hello: helloFrame(this.#copy, mode, heartbeatMs),
      objects: this.#objectsFor(mode, cursor),
    });
  }

  /** Brings every stream to the copy. The order of writing is the order in which they were opened. */
  publish(copy: EnvironmentCopy): void {
    const { epoch } = this.#copy;
    this.#copy = copy;
    this.#beat = undefined;
    // A stream cannot begin again in its middle: its reader comes back, and is sent the new epoch in full.
    if (copy.epoch !== epoch) this.endAll('rebalancing', EPOCH_SPREAD_MS);
    else for (const subscriber of this.#subscribers.keys()) subscriber.advance();
  }

  /** The streams as they were opened, for whoever ends them one by one. */
  subscribers(): readonly Subscriber[] {
    return [...this.#subscribers.keys()];
  }

  /** Ends every stream with a goodbye, their returns spread over `spreadMs`. */
  endAll(reason: GoodbyeReason, spreadMs: number): void {
    endSpread([...this.#subscribers.keys()], reason, spreadMs);
  }

  /** Ends the streams whose key opens nothing any more with a goodbye. */
  revoke(opens: (keyId: string) => boolean): void {
    const revoked: Subscriber[] = [];
    for (const [subscriber, keyId] of this.#subscribers) if (!opens(keyId)) revoked.push(subscriber);
    endSpread(revoked, 'revoked', REVOKED_SPREAD_MS);
  }

  /** Ends, without a word, the streams that are still there. */
  cutAll(): void {
    for (const subscriber of [...this.#subscribers.keys()]) {
      this.#ports.counts.cut.draining += 1;
      subscriber.cut();
    }
  }

  /** Resolves when no stream is open. */
  whenEmpty(): Promise<void> {
    if (this.#subscribers.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /**
   * A peer that is gone may never be missed: heartbeats keep TCP from noticing for a quarter of an hour. So each
   * stream ends at some time between half its greatest age and all of it, never many together.
   */
  #age(subscriber: Subscriber): () => void {
    const { schedule, random, streamAgeMs } = this.#ports;
    return schedule.after(streamAge(streamAgeMs, fractionOf(random)), () =>
      subscriber.leave('rebalancing', Math.floor(fractionOf(random) * AGED_SPREAD_MS)),
    );
  }

  #remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  #objectsFor(mode: HelloMessage['mode'], cursor: Cursor | undefined): Buffer | undefined {
    const { frames } = this.#ports;
    if (mode === 'none') return undefined;
    return mode === 'delta' && cursor !== undefined
      ? frames.delta(this.#copy, cursor.revision)
      : frames.full(this.#copy);
  }
}

function endSpread(subscribers: readonly Subscriber[], reason: GoodbyeReason, spreadMs: number): void {
  const stepMs = spreadMs / Math.max(1, subscribers.length);
  for (const [index, subscriber] of subscribers.entries()) {
    subscriber.leave(reason, Math.floor(index * stepMs));
  }
}

/** A failed write is followed by `close`, which does all there is to do; unheard, it would end the process. */
function closeFollows(): void {}
