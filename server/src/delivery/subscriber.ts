import type { ServerResponse } from 'node:http';
import type { GoodbyeReason } from '@dimmer/schema';
import type { Schedule } from '../platform/schedule.ts';
import type { StreamCounts, StreamEnding } from './delivery-counts.ts';
import { goodbyeFrame } from './frames.ts';

/** How long a connection may be silent before TCP asks whether the peer is there, in milliseconds. */
const KEEP_ALIVE_AFTER_MS = 15_000;

/** How long a peer may take nothing of what was written before it is cut, in milliseconds. */
export const STALL_MS = 30_000;

/**
 * How much is handed to Node at once. A larger change set waits as a reference into the bytes that all streams
 * share, so that no socket ever queues more than this and Node's own 16 KB: far below 256 KB.
 */
const WRITE_BYTES_MAX = 131_072;

/** Nothing on the way may keep, compress or hold back a stream. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

/** Where a stream's bytes come from: one for many streams, or one for each that has a view of its own. */
export interface StreamSource {
  /** What streams are brought to: the environment's position, or whatever else grows with the bytes. */
  readonly revision: number;
  /** What a reader at `revision` lacks; `undefined` where only everything would do. What it returns is sent. */
  bytesSince(revision: number): Buffer | undefined;
  /** @param now - Milliseconds since the Unix epoch. */
  heartbeat(now: number): Buffer;
  /** The last words, where a goodbye message is not what its readers understand. */
  goodbye?(reason: GoodbyeReason, reconnectInMs: number): Buffer;
}

/** How a stream begins. */
export interface Beginning {
  readonly hello: Buffer;
  /** What follows the hello; `undefined` where the reader is current. */
  readonly objects: Buffer | undefined;
  /** The revision that it brings the reader to. */
  readonly revision: number;
  /** Headers of the answer beside those of every stream. */
  readonly headers: { readonly [name: string]: string };
}

/**
 * One stream: a raw HTTP answer and a revision. It has no queue. While the peer does not take what was
 * written, nothing more is: once it has, everything missed comes as one merged delta (SPEC.md, D10). A peer
 * that takes nothing for 30 s is cut (D17).
 */
export class Subscriber {
  readonly #response: ServerResponse;
  readonly #source: StreamSource;
  readonly #counts: StreamCounts;
  readonly #schedule: Schedule;
  #revision = 0;
  #blocked = false;
  #ended = false;
  #ending: StreamEnding = 'peer';
  /** What is left of a change set that is larger than one write. */
  #rest: Buffer | undefined;
  /** The goodbye of a stream that ended in the middle of a change set. */
  #farewell: Buffer | undefined;
  #forgetStall = (): void => {};

  constructor(response: ServerResponse, source: StreamSource, counts: StreamCounts, schedule: Schedule) {
    this.#response = response;
    this.#source = source;
    this.#counts = counts;
    this.#schedule = schedule;
  }

  /** Sends headers, hello and what follows it. Called once, before anything else. */
  begin({ hello, objects, revision, headers }: Beginning): void {
    const { socket } = this.#response;
    socket?.setNoDelay(true);
    socket?.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    this.#response.writeHead(200, { ...headers, ...STREAM_HEADERS });
    this.#revision = revision;
    this.#write(hello);
    if (objects === undefined) return;
    if (this.#blocked) this.#rest = objects;
    else this.#write(objects);
  }

  /** Brings the reader to the newest revision, now or as soon as it takes more. */
  advance(): void {
    const revision = this.#source.revision;
    if (this.#ended || this.#revision === revision) return;
    if (this.#blocked) {
      this.#counts.heldBack += 1;
      return;
    }
    const bytes = this.#source.bytesSince(this.#revision);
    if (bytes === undefined) {
      this.leave('rebalancing', 0);
      return;
    }
    this.#revision = revision;
    this.#write(bytes);
  }

  /** Shows the reader that the stream lives. A blocked one is left alone. */
  heartbeat(now: number): void {
    if (!this.#ended && !this.#blocked) this.#write(this.#source.heartbeat(now));
  }

  /**
   * Ends the stream with a goodbye: the only way in which the server ends one that could still be read.
   *
   * @param reconnectInMs - When the reader should come back.
   */
  leave(reason: GoodbyeReason, reconnectInMs: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ending = reason;
    const farewell = this.#source.goodbye?.(reason, reconnectInMs) ?? goodbyeFrame(reason, reconnectInMs);
    if (this.#rest === undefined) this.#end(farewell);
    else this.#farewell = farewell;
  }

  /** The answer has closed: nothing is left to watch. Called once. */
  closed(): void {
    this.#ended = true;
    this.#counts.ended[this.#ending] += 1;
    this.#forgetStall();
  }

  /** Ends the stream without a word. */
  cut(ending: StreamEnding = 'cut'): void {
    this.#ended = true;
    this.#ending = ending;
    this.#response.destroy();
  }

  #write(bytes: Buffer): void {
    const part = bytes.subarray(0, WRITE_BYTES_MAX);
    this.#rest = part.length < bytes.length ? bytes.subarray(part.length) : undefined;
    this.#counts.bytes += part.length;
    // `write` says no to more than 16 KB even where the kernel takes it all: then `drain` follows at once.
    if (!this.#response.write(part)) this.#block();
    else if (this.#rest !== undefined) this.#write(this.#rest);
  }

  #block(): void {
    this.#blocked = true;
    this.#watch();
    this.#response.once('drain', () => this.#resume());
  }

  #resume(): void {
    // Of an answer that was ended, what counts is that it closes.
    if (this.#response.writableEnded) return;
    this.#blocked = false;
    this.#forgetStall();
    if (this.#rest !== undefined) this.#write(this.#rest);
    // Taken whole, the rest is followed by no other `drain` that would bring what came meanwhile.
    if (this.#blocked) return;
    if (this.#farewell !== undefined) this.#end(this.#farewell);
    else this.advance();
  }

  #end(farewell: Buffer): void {
    const { socket } = this.#response;
    this.#watch();
    // A socket that is only ended stays for the keep-alive timeout, and would hold up a closing server.
    this.#response.end(farewell, () => socket?.destroySoon());
  }

  /** Cuts the stream unless the peer takes something, or it has ended, in time. */
  #watch(): void {
    this.#forgetStall();
    this.#forgetStall = this.#schedule.after(STALL_MS, () => {
      this.#counts.cut.stalled += 1;
      this.cut('stalled');
    });
  }
}
