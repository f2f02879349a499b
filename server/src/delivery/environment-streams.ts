import type { ServerResponse } from 'node:http';
import type { Cursor, HelloMessage } from '@dimmer/schema';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import type { FrameCache } from './frame-cache.ts';
import { heartbeatFrame, helloFrame } from './frames.ts';
import { modeOf } from './resume.ts';
import type { StreamSetPorts } from './stream-set.ts';
import { StreamSet } from './stream-set.ts';
import type { StreamSource } from './subscriber.ts';

/** The time over which readers come back after a change of epoch, in milliseconds. */
const EPOCH_SPREAD_MS = 5_000;

export interface EnvironmentStreamsPorts extends StreamSetPorts {
  readonly frames: FrameCache;
  readonly counts: DeliveryCounts;
  readonly heartbeatMs: number;
  /** @returns How long ago the database last answered, in milliseconds. */
  readonly databaseAgeMs: (now: number) => number;
}

/** A request for a stream. */
export interface StreamRequest {
  readonly response: ServerResponse;
  /** Where the reader is; `undefined`: nowhere. */
  readonly cursor: Cursor | undefined;
  /** The key that opened it. */
  readonly keyId: string;
  /** Headers of the answer beside those of every stream. */
  readonly headers: { readonly [name: string]: string };
}

/** The streams of one environment. */
export class EnvironmentStreams implements StreamSource {
  readonly #ports: EnvironmentStreamsPorts;
  readonly #set: StreamSet;
  #copy: EnvironmentCopy;
  #beat: { readonly at: number; readonly bytes: Buffer } | undefined;

  /** @param first - The copy that the environment's feed loaded first. */
  constructor(first: EnvironmentCopy, ports: EnvironmentStreamsPorts) {
    this.#copy = first;
    this.#ports = ports;
    this.#set = new StreamSet(ports);
  }

  /** The streams themselves, for whoever counts or ends them. */
  get set(): StreamSet {
    return this.#set;
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
    const { counts, heartbeatMs } = this.#ports;
    const subscriber = this.#set.add(response, keyId, this);
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
    if (copy.epoch !== epoch) this.#set.endAll('rebalancing', EPOCH_SPREAD_MS);
    else this.#set.advance();
  }

  #objectsFor(mode: HelloMessage['mode'], cursor: Cursor | undefined): Buffer | undefined {
    const { frames } = this.#ports;
    if (mode === 'none') return undefined;
    return mode === 'delta' && cursor !== undefined
      ? frames.delta(this.#copy, cursor.revision)
      : frames.full(this.#copy);
  }
}
