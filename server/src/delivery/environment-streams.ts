import type { Cursor, HelloMessage } from '@dimmer/schema';
import type { DeliveryCounts } from './delivery-counts.ts';
import { differencesBetween } from './environment-copy.ts';
import type { FrameCache } from './frame-cache.ts';
import { heartbeatFrame, helloFrame } from './frames.ts';
import { modeOf } from './resume.ts';
import type { ShownCopy } from './shown-copy.ts';
import { isAnotherHistory, isCrossing } from './shown-copy.ts';
import type { StreamSetPorts, StreamTarget } from './stream-set.ts';
import { EPOCH_SPREAD_MS, StreamSet } from './stream-set.ts';
import type { StreamSource } from './subscriber.ts';

export interface EnvironmentStreamsPorts extends StreamSetPorts {
  readonly frames: FrameCache;
  readonly counts: DeliveryCounts;
  readonly heartbeatMs: number;
  /** @returns How long ago the database last answered, in milliseconds. */
  readonly databaseAgeMs: (now?: number) => number;
}

/** A request for a stream of definitions. */
export interface StreamRequest extends StreamTarget {
  /** Where the reader is; `undefined`: nowhere. */
  readonly cursor: Cursor | undefined;
}

/** The step from one epoch to another, for readers that stand right before it. */
interface Crossing {
  /** The position that it leads to. */
  readonly to: number;
  readonly copy: ShownCopy;
  readonly bytes: Buffer;
}

/** The streams of one environment's definitions: all of them tell the same, from one source. */
export class EnvironmentStreams implements StreamSource {
  /** The streams themselves. */
  readonly set: StreamSet;
  readonly #ports: EnvironmentStreamsPorts;
  #copy: ShownCopy;
  /** Where streams are brought to: a step per revision, and one per crossing to another epoch. */
  #position: number;
  #crossing: Crossing | undefined;
  #beat: { readonly at: number; readonly bytes: Buffer } | undefined;

  /** @param first - The copy that the environment's feed loaded first. */
  constructor(first: ShownCopy, ports: EnvironmentStreamsPorts) {
    this.#copy = first;
    this.#position = first.revision;
    this.#ports = ports;
    this.set = new StreamSet(ports);
  }

  get revision(): number {
    return this.#position;
  }

  /** The copy that streams were last brought to. */
  get copy(): ShownCopy {
    return this.#copy;
  }

  bytesSince(position: number): Buffer | undefined {
    const { floor, revision } = this.#copy;
    if (this.#crossing !== undefined && position < this.#crossing.to)
      return this.#bytesAcross(this.#crossing, position);
    const since = revision - (this.#position - position);
    return since < floor ? undefined : this.#ports.frames.delta(this.#copy, since);
  }

  heartbeat(now: number): Buffer {
    if (this.#beat?.at !== now) {
      this.#beat = { at: now, bytes: heartbeatFrame(this.#copy, this.#ports.databaseAgeMs(now)) };
    }
    return this.#beat.bytes;
  }

  /** Registers a stream and sends it what it lacks, in one tick: nothing falls between the two. */
  open(request: StreamRequest): void {
    const { counts, heartbeatMs } = this.#ports;
    const databaseAgeMs = this.#ports.databaseAgeMs();
    const mode = modeOf(this.#copy, request.cursor);
    counts.opened[mode] += 1;
    this.set.add(request, this).begin({
      headers: request.headers,
      revision: this.#position,
      hello: helloFrame(this.#copy, mode, { heartbeatMs, databaseAgeMs }),
      objects: this.#objectsFor(mode, request.cursor),
    });
  }

  /** Brings every stream to the copy. The order of writing is the order in which they were opened. */
  publish(copy: ShownCopy): void {
    const before = this.#copy;
    this.#copy = copy;
    this.#beat = undefined;
    this.#position += copy.epoch === before.epoch ? copy.revision - before.revision : 1;
    if (isCrossing(before, copy)) this.#crossing = this.#crossingFrom(before, copy);
    // Another history is sent in full: its readers come back for it one after the other.
    if (isAnotherHistory(before, copy)) this.set.endAll('rebalancing', EPOCH_SPREAD_MS);
    else this.set.advance();
  }

  #crossingFrom(before: ShownCopy, copy: ShownCopy): Crossing {
    const changes = differencesBetween(before, copy);
    const kill = copy.killPosition > before.position;
    const bytes = Buffer.concat([
      this.#hello(copy, 'delta'),
      this.#ports.frames.changes(copy, changes, { kill }),
    ]);
    return { to: this.#position, copy, bytes };
  }

  /** For a reader in an earlier epoch. Nearly all stand right before the crossing; one that is slower gets everything. */
  #bytesAcross(crossing: Crossing, position: number): Buffer {
    const copy = this.#copy;
    if (position === crossing.to - 1 && crossing.copy === copy) return crossing.bytes;
    return Buffer.concat([this.#hello(copy, 'full'), this.#ports.frames.full(copy)]);
  }

  #hello(copy: ShownCopy, mode: 'delta' | 'full'): Buffer {
    const { heartbeatMs, databaseAgeMs } = this.#ports;
    return helloFrame(copy, mode, { heartbeatMs, databaseAgeMs: databaseAgeMs() });
  }

  #objectsFor(mode: HelloMessage['mode'], cursor: Cursor | undefined): Buffer | undefined {
    const { frames } = this.#ports;
    if (mode === 'none') return undefined;
    return mode === 'delta' && cursor !== undefined
      ? frames.delta(this.#copy, cursor.revision)
      : frames.full(this.#copy);
  }
}
