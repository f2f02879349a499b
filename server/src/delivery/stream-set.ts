import type { ServerResponse } from 'node:http';
import type { GoodbyeReason } from '@dimmer/schema';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { StreamCounts } from './delivery-counts.ts';
import type { HeartbeatWheel } from './heartbeat-wheel.ts';
import { streamAge } from './stream-age.ts';
import type { StreamSource } from './subscriber.ts';
import { Subscriber } from './subscriber.ts';

/** A reader whose stream has reached its age comes back within this time, in milliseconds. */
const AGED_SPREAD_MS = 1_000;

/** The time over which readers come back, to be refused, after their key was taken away, in milliseconds. */
const REVOKED_SPREAD_MS = 5_000;

/** The time over which readers come back after a change of epoch, in milliseconds. */
export const EPOCH_SPREAD_MS = 5_000;

export interface StreamSetPorts {
  readonly wheel: HeartbeatWheel;
  readonly counts: StreamCounts;
  /** The greatest age of a stream, in milliseconds (`DIMMER_STREAM_AGE_MS`). */
  readonly streamAgeMs: number;
  readonly schedule: Schedule;
  readonly random: Random;
}

/** What a stream rests on, for as long as it is open. */
export interface StreamGrant {
  /** The key that opened it. */
  readonly keyId: string;
  /** The key that signed the context that it tells values of; `null`: none did. Left out: it tells of no context. */
  readonly signedBy?: string | null;
}

/** What a stream is written to. */
export interface StreamTarget extends StreamGrant {
  readonly response: ServerResponse;
  /** Headers of the answer beside those of every stream. */
  readonly headers: { readonly [name: string]: string };
}

/** Open streams, from their first byte to their close. What they carry is their source's business. */
export class StreamSet {
  readonly #ports: StreamSetPorts;
  readonly #subscribers = new Map<Subscriber, StreamGrant>();
  readonly #onEmpty: (() => void)[] = [];

  constructor(ports: StreamSetPorts) {
    this.#ports = ports;
  }

  get count(): number {
    return this.#subscribers.size;
  }

  /** Turns an answer into a stream, which beats and ages from now on. It is for the caller to begin it. */
  add({ response, keyId, signedBy }: Omit<StreamTarget, 'headers'>, source: StreamSource): Subscriber {
    const { wheel, counts, schedule } = this.#ports;
    const subscriber = new Subscriber(response, source, counts, schedule);
    this.#subscribers.set(subscriber, signedBy === undefined ? { keyId } : { keyId, signedBy });
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
    return subscriber;
  }

  /** Brings every stream to where its source is, in the order in which they were opened. */
  advance(): void {
    for (const subscriber of this.#subscribers.keys()) subscriber.advance();
  }

  /** The streams as they were opened; those that are opened meanwhile come too. */
  subscribers(): IterableIterator<Subscriber> {
    return this.#subscribers.keys();
  }

  /** Ends every stream with a goodbye, their returns spread over `spreadMs`. */
  endAll(reason: GoodbyeReason, spreadMs: number): void {
    endSpread([...this.#subscribers.keys()], reason, spreadMs);
  }

  /** Ends the streams that rest on something that does not hold any more with a goodbye. */
  revoke(holds: (grant: StreamGrant) => boolean): void {
    const revoked: Subscriber[] = [];
    for (const [subscriber, grant] of this.#subscribers) if (!holds(grant)) revoked.push(subscriber);
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
}

/** Ends streams with a goodbye, their returns spread over `spreadMs`. */
export function endSpread(subscribers: readonly Subscriber[], reason: GoodbyeReason, spreadMs: number): void {
  const stepMs = spreadMs / Math.max(1, subscribers.length);
  for (const [index, subscriber] of subscribers.entries()) {
    subscriber.leave(reason, Math.floor(index * stepMs));
  }
}

/** A failed write is followed by `close`, which does all there is to do; unheard, it would end the process. */
function closeFollows(): void {}
