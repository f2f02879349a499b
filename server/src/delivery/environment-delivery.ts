import assert from 'node:assert/strict';
import type { Cursor } from '@dimmer/schema';
import { formatCursor } from '@dimmer/schema';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import { placeOf } from '../platform/tracing.ts';
import { StorageFault } from '../storage/storage.ts';
import { historyDifference } from './another-history.ts';
import type { ChangeFeedPorts, FeedSource } from './change-feed.ts';
import { ChangeFeed } from './change-feed.ts';
import { copySizer } from './copy-size.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentReading } from './delivery-metrics.ts';
import type { RulesetAt } from './environment-ruleset.ts';
import { rulesetBuilder } from './environment-ruleset.ts';
import { EnvironmentStreams } from './environment-streams.ts';
import type { FanOutOrder, Publishing } from './fan-out-order.ts';
import type { FeedFaults } from './feed-faults.ts';
import { FrameCache } from './frame-cache.ts';
import type { HeartbeatWheel } from './heartbeat-wheel.ts';
import { ReaderAhead } from './reader-ahead.ts';
import type { HeldFlags, ShownCopy } from './shown-copy.ts';
import { copyShower, isAnotherHistory } from './shown-copy.ts';
import type { StreamSet } from './stream-set.ts';
import type { ViewRequest } from './view-streams.ts';
import { ViewStreams } from './view-streams.ts';

export interface EnvironmentDeliveryPorts {
  readonly environment: EnvironmentRef;
  readonly storage: FeedSource;
  readonly whereabouts: ChangeFeedPorts['whereabouts'];
  readonly loads: ChangeFeedPorts['loads'];
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Told when the feed fails, and when it follows. */
  readonly faults: FeedFaults;
  readonly wheel: HeartbeatWheel;
  readonly counts: DeliveryCounts;
  readonly heartbeatMs: number;
  readonly streamAgeMs: number;
  readonly random: Random;
  readonly order: FanOutOrder;
  /** What is killed here, whatever the database says. */
  readonly heldFlags: () => HeldFlags | undefined;
  /** @param lagMs - From a commit to the last stream's write, in milliseconds. */
  readonly onPublished: (lagMs: number) => void;
  readonly tracing: Tracing;
  /** Told in the tick in which the copy moves. */
  readonly onMoved: (reading: EnvironmentReading) => void;
}

/** A snapshot as it is answered. */
export interface EncodedSnapshot {
  /** `epoch:revision`. */
  readonly cursor: string;
  /** A `SnapshotDocument` as JSON. */
  readonly body: Buffer<ArrayBuffer>;
}

/** Everything that delivery keeps of one environment: its feed, copy, bytes, streams and ruleset. */
export class EnvironmentDelivery implements Publishing {
  readonly forClients = false;
  readonly #ports: EnvironmentDeliveryPorts;
  readonly #feed: ChangeFeed;
  readonly #frames: FrameCache;
  readonly #readerAhead: ReaderAhead;
  readonly #rulesetOf = rulesetBuilder();
  readonly #sizeOf = copySizer();
  readonly #show = copyShower();
  #shown: ShownCopy | undefined;
  #streams: EnvironmentStreams | undefined;
  #views: ViewStreams | undefined;
  #announced: number | undefined;
  #followedAt: number | undefined;
  #catchingUp: Promise<void> | undefined;
  #stuck = false;
  #usedAt: number;

  constructor(ports: EnvironmentDeliveryPorts) {
    this.#ports = ports;
    this.#usedAt = ports.clock.now();
    this.#frames = new FrameCache(ports.counts.encodings);
    this.#readerAhead = new ReaderAhead(ports);
    this.#feed = new ChangeFeed({
      ...ports,
      onCopy: (copy) => this.#moveTo(this.#show(copy, ports.heldFlags())),
      onAnswer: () => this.#succeed(),
      onFault: (cause) => this.#fail(cause),
    });
  }

  get environment(): EnvironmentRef {
    return this.#ports.environment;
  }

  /** When the database last answered, in milliseconds since the Unix epoch; `undefined`: never. */
  get answeredAt(): number | undefined {
    return this.#feed.answeredAt;
  }

  /** When the copy was last known to be where the database is, in milliseconds since the Unix epoch; `undefined`: never. */
  get followedAt(): number | undefined {
    const { movedAt = 0 } = this.#ports.loads;
    if (this.#followedAt === undefined || !this.#feed.isLoading) return this.#followedAt;
    // After an outage many wait for their turn to be read: that takes time, and is no sign that one hangs.
    return Math.max(this.#followedAt, movedAt);
  }

  /** Until the server has seen what it missed while it was paused; `undefined`: it missed nothing. */
  get catchingUp(): Promise<void> | undefined {
    return this.#catchingUp;
  }

  /** When it was last of use to somebody, in milliseconds since the Unix epoch. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Whether the database answers and the copy still cannot follow it: a defect, which does not pass. */
  get stuck(): boolean {
    return this.#stuck;
  }

  /** The streams of definitions; `undefined` until the environment has been loaded. */
  get streams(): EnvironmentStreams | undefined {
    return this.#streams;
  }

  /** The streams with views of their own; `undefined` until the first. */
  get views(): ViewStreams | undefined {
    return this.#views;
  }

  get hasStreams(): boolean {
    return this.streamSets().some(({ count }) => count > 0);
  }

  /** It is of use now. */
  use(): void {
    this.#usedAt = this.#ports.clock.now();
  }

  /** All streams, by what they tell. */
  streamSets(): readonly StreamSet[] {
    return [this.#streams, this.#views].flatMap((streams) => (streams === undefined ? [] : [streams.set]));
  }

  /** Opens a stream with a view of its own. Only once the environment has been loaded. */
  openView(request: ViewRequest): void {
    const current = (): RulesetAt => {
      const at = this.ruleset();
      assert(at !== undefined, 'a view of an environment that was never loaded');
      return at;
    };
    const { heartbeatMs } = this.#ports;
    this.#views ??= new ViewStreams(
      { current, databaseAgeMs: this.#databaseAgeMs, heartbeatMs },
      this.#ports,
    );
    this.#views.open(request);
  }

  /**
   * Loads the environment and waits until it is at `revision` or later.
   *
   * @returns Whether there is such an environment.
   * @throws StorageFault when the database fails meanwhile, or has no such revision in time.
   */
  async load(revision: number): Promise<boolean> {
    return (await this.#feed.atLeast(revision)) !== undefined;
  }

  /**
   * Waits for what a reader was told elsewhere and is not here yet, as long as for any revision. Then it begins anew:
   * every cursor has an answer.
   */
  async caughtUpWith(cursor: Cursor | undefined): Promise<void> {
    const { copy } = this.#feed;
    if (cursor === undefined || cursor.epoch !== copy?.epoch || cursor.revision <= copy.revision) return;
    await this.#feed.atLeast(cursor.revision).catch(() => undefined);
    await this.#readerAhead.look(cursor);
  }

  /** Whether a reader has said that it knows revisions which the database lacks, and it still does. */
  get hasReaderAhead(): boolean {
    return this.#readerAhead.isAheadOf(this.#feed.copy);
  }

  /** @returns `undefined` until the environment has been loaded. */
  snapshot(): EncodedSnapshot | undefined {
    const copy = this.#shown;
    return copy && { cursor: formatCursor(copy), body: this.#frames.document(copy) };
  }

  /** @returns `undefined` until the environment has been loaded. */
  ruleset(): RulesetAt | undefined {
    return this.#shown && this.#rulesetOf(this.#shown);
  }

  /**
   * A commit gives a hint. It is not followed at once: the writer gets its answer before thousands of streams
   * get the change. Of several until then only the last counts: the others name revisions that the feed may
   * have passed already, which would look like another history, and cost a read of everything.
   */
  announce(revision: number): void {
    const isExpected = this.#announced !== undefined;
    this.#announced = revision;
    if (isExpected) return;
    this.#ports.schedule.soon(() => {
      this.#feed.wake(this.#announced);
      this.#announced = undefined;
    });
  }

  /** Looks for changes, though nothing tells of any. */
  tick(): void {
    this.#feed.tick();
  }

  /** Shows the copy with what is held over it now. */
  showAgain(): void {
    const { copy } = this.#feed;
    if (copy !== undefined) this.#moveTo(this.#show(copy, this.#ports.heldFlags()));
  }

  /** Where it is, for metrics; `undefined` until it has been loaded. */
  reading(): EnvironmentReading | undefined {
    return this.#shown && this.#readingOf(this.#shown);
  }

  /** Waits until its streams have been told what it shows: the fan-out takes turns. */
  async published(): Promise<void> {
    const isBehind = (): boolean => this.#streams !== undefined && this.#streams.copy !== this.#shown;
    while (isBehind()) await new Promise<void>((resolve) => this.#ports.schedule.soon(resolve));
  }

  /** Looks for changes, and lets nobody in until it has looked. */
  catchUp(): void {
    const looked = this.#feed.look().then(() => {
      if (this.#catchingUp === looked) this.#catchingUp = undefined;
    });
    this.#catchingUp = looked;
  }

  get killWaits(): boolean {
    const [copy, streams] = [this.#shown, this.#streams];
    return copy !== undefined && streams !== undefined && copy.killPosition > streams.copy.position;
  }

  publish(): void {
    const { clock, onPublished, tracing } = this.#ports;
    const [copy, streams] = [this.#shown, this.#streams];
    if (copy === undefined || streams === undefined) return;
    const { revision } = copy;
    const attributes = {
      ...placeOf(this.environment),
      'dimmer.revision': revision,
      'dimmer.streams': streams.set.count,
    };
    tracing.within('publish', attributes, () => streams.publish(copy));
    // What is held was never committed: it has no lag.
    if (copy.held === undefined) onPublished(clock.now() - Date.parse(copy.committedAt));
  }

  close(): void {
    this.#feed.close();
    this.#ports.faults.forget(this.environment);
  }

  #tellAnotherHistory(before: ShownCopy, after: ShownCopy): void {
    const { flags, killsGone, count } = historyDifference(before, after);
    this.#ports.log.warn(
      {
        ...this.environment,
        before: { epoch: before.epoch, revision: before.revision },
        after: { epoch: after.epoch, revision: after.revision },
        flags,
        killsGone,
        count,
      },
      'SDKs go over to another history of the environment',
    );
  }

  #readingOf(copy: ShownCopy): EnvironmentReading {
    const { epoch, revision, committedAt } = copy;
    return { environment: this.environment, epoch, revision, committedAt, size: () => this.#sizeOf(copy) };
  }

  #moveTo(copy: ShownCopy): void {
    const before = this.#shown;
    if (before !== undefined && isAnotherHistory(before, copy)) this.#tellAnotherHistory(before, copy);
    this.#shown = copy;
    this.#ports.onMoved(this.#readingOf(copy));
    if (this.#streams === undefined) {
      this.#streams = new EnvironmentStreams(copy, {
        ...this.#ports,
        frames: this.#frames,
        databaseAgeMs: this.#databaseAgeMs,
      });
      return;
    }
    this.#ports.order.add(this);
    if (this.#views !== undefined) this.#ports.order.add(this.#views);
  }

  readonly #databaseAgeMs = (now = this.#ports.clock.now()): number =>
    Math.max(0, now - (this.#feed.answeredAt ?? now));

  #succeed(): void {
    this.#ports.faults.followed(this.environment);
    this.#followedAt = this.#ports.clock.now();
    this.#stuck = false;
  }

  #fail(cause: unknown): void {
    const { counts, faults } = this.#ports;
    counts.feedFaults += 1;
    this.#stuck = !(cause instanceof StorageFault);
    faults.failed(this.environment, cause);
  }
}
