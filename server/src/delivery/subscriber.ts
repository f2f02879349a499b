import type { ServerResponse } from 'node:http';
import type { GoodbyeReason } from '@dimmer/schema';
import type { DeliveryCounts } from './delivery-counts.ts';
import { goodbyeFrame } from './frames.ts';

/** How long a connection may be silent before TCP asks whether the peer is there, in milliseconds. */
const KEEP_ALIVE_AFTER_MS = 15_000;

/** Nothing on the way may keep, compress or hold back a stream. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

/** Where a stream's bytes come from: one per environment. */
export interface StreamSource {
  /** The revision that streams are brought to. */
  readonly revision: number;
  /** What a reader at `revision` lacks; `undefined` where only everything would do. */
  bytesSince(revision: number): Buffer | undefined;
  /** @param now - Milliseconds since the Unix epoch. */
  heartbeat(now: number): Buffer;
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
 * written, nothing more is: once it has, everything missed comes as one merged delta (SPEC.md, D10).
 */
export class Subscriber {
  readonly #response: ServerResponse;
  readonly #source: StreamSource;
  readonly #counts: DeliveryCounts;
  #revision = 0;
  #blocked = false;
  #ended = false;

  constructor(response: ServerResponse, source: StreamSource, counts: DeliveryCounts) {
    this.#response = response;
    this.#source = source;
    this.#counts = counts;
  }

  /** Sends headers, hello and what follows it. Called once, before anything else. */
  begin({ hello, objects, revision, headers }: Beginning): void {
    const { socket } = this.#response;
    socket?.setNoDelay(true);
    socket?.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    this.#response.writeHead(200, { ...headers, ...STREAM_HEADERS });
    this.#revision = revision;
    this.#write(hello);
    if (objects !== undefined) this.#write(objects);
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
    const { socket } = this.#response;
    // A socket that is only ended stays for the keep-alive timeout, and would hold up a closing server.
    this.#response.end(goodbyeFrame(reason, reconnectInMs), () => socket?.destroySoon());
  }

  /** Ends the stream without a word. */
  cut(): void {
    this.#ended = true;
    this.#response.destroy();
  }

  #write(bytes: Buffer): void {
    this.#counts.bytes += bytes.length;
    if (this.#response.write(bytes) || this.#blocked) return;
    this.#blocked = true;
    this.#response.once('drain', () => {
      this.#blocked = false;
      this.advance();
    });
  }
}
