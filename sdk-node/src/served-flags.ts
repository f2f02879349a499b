import type { Clock, Snapshot } from '@dimmer/follower';
import type { EvaluationContext, JsonValue, ValueSnapshot, WireObject } from '@dimmer/schema';
import { digestOfAll, PROTOCOL_VERSION } from '@dimmer/schema';
import type { Freshness, TableChange } from './flag-table.ts';
import { FlagTable } from './flag-table.ts';
import type {
  DimmerStatus,
  FlagDetail,
  FlagListener,
  FlagScope,
  Flags,
  FlagsListener,
  TrackDetails,
  Widened,
} from './flags.ts';
import { killReach } from './kill-reach.ts';
import { KillWatch } from './kill-watch.ts';
import { Listeners } from './listeners.ts';
import type { DimmerLogger } from './logger.ts';
import type { DimmerLimits } from './options.ts';
import { problemOf } from './problem-of.ts';
import type { Counted } from './report-batches.ts';
import { Scope } from './scope.ts';
import { TrackedEvents } from './tracked-events.ts';
import { Waiters } from './waiters.ts';

/** What flags are served with, wherever they come from. */
export interface ServingOptions {
  readonly limits: DimmerLimits;
  readonly logger: DimmerLogger;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
  readonly freshness: () => Freshness;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** The longest that a timer of Node can wait. */
const TIMEOUT_MAX_MS = 2_147_483_647;

/**
 * Everything about serving flags that does not depend on where they come from: the real Dimmer and the fake
 * differ only in what they call `serve` with.
 */
export abstract class ServedFlags implements Flags {
  readonly #options: ServingOptions;
  readonly #table: FlagTable;
  readonly #kills = new KillWatch();
  readonly #tracked: TrackedEvents;
  readonly #waiters: Waiters;
  readonly #changes: Listeners<TableChange>;
  readonly #statuses: Listeners<DimmerStatus>;
  #served: Snapshot<WireObject> | undefined;

  protected constructor(options: ServingOptions) {
    const failed = (error: unknown): void => options.logger.error(`a listener threw: ${problemOf(error)}`);
    this.#options = options;
    this.#table = new FlagTable(options.limits, options.freshness);
    this.#tracked = new TrackedEvents(options.limits.trackedEventsMax);
    this.#waiters = new Waiters(options.clock);
    this.#changes = new Listeners(failed);
    this.#statuses = new Listeners(failed);
  }

  abstract ready(options?: { readonly timeoutMs?: number }): Promise<DimmerStatus>;
  abstract status(): DimmerStatus;
  abstract close(): Promise<void>;

  boolean(key: string, context: EvaluationContext, fallback: boolean): boolean {
    return this.#table.boolean(key, context, fallback);
  }

  string(key: string, context: EvaluationContext, fallback: string): string {
    return this.#table.string(key, context, fallback);
  }

  number(key: string, context: EvaluationContext, fallback: number): number {
    return this.#table.number(key, context, fallback);
  }

  json<Value extends JsonValue>(key: string, context: EvaluationContext, fallback: Value): Value {
    return this.#table.json(key, context, fallback);
  }

  detail<Value extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: Value,
  ): FlagDetail<Widened<Value>> {
    return this.#table.detail(key, context, fallback);
  }

  onChange(key: string, listener: FlagListener): () => void;
  onChange(listener: FlagsListener): () => void;
  onChange(...args: [key: string, listener: FlagListener] | [listener: FlagsListener]): () => void {
    if (args.length === 1) return this.#changes.add(({ keys }) => args[0](keys));
    const [key, listener] = args;
    return this.#changes.add(({ keys, after }) =>
      // A copy: the definition itself is what everybody's answers are made of.
      keys.includes(key)
        ? listener(structuredClone(after.flags.get(key)?.definition ?? undefined))
        : undefined,
    );
  }

  onStatus(listener: (status: DimmerStatus) => void): () => void {
    return this.#statuses.add(listener);
  }

  waitForRevision(revision: number, options: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    const isServed = (): boolean => this.#served !== undefined && this.#served.revision >= revision;
    return this.wait(isServed, options.timeoutMs);
  }

  scope(context: EvaluationContext): FlagScope {
    return new Scope(this.#table, this.#kills, context);
  }

  clientBootstrap(context: EvaluationContext): ValueSnapshot | undefined {
    if (this.#served === undefined) return undefined;
    const { epoch, revision, committedAt } = this.#served;
    const objects = this.#table.clientValues(context);
    return {
      protocol: PROTOCOL_VERSION,
      epoch,
      revision,
      digest: digestOfAll(objects),
      committedAt,
      objects,
    };
  }

  track(name: string, context: EvaluationContext, details: TrackDetails = {}): void {
    try {
      this.#tracked.add(name, context, details, new Date(this.#options.wallNow()));
    } catch (error) {
      this.#options.logger.warn(`an event of track was left out: ${problemOf(error)}`);
    }
  }

  /** The snapshot that answers calls. */
  protected get served(): Snapshot<WireObject> | undefined {
    return this.#served;
  }

  /** Answers calls from this snapshot from now on, then tells those who want to know: kills first. */
  protected serve(snapshot: Snapshot<WireObject>): TableChange {
    const change = this.#table.replace(snapshot);
    this.#served = snapshot;
    this.#kills.killed(killReach(change.before, change.after, change.keys));
    if (change.keys.length > 0) this.#changes.tell(change);
    this.#waiters.check();
    return change;
  }

  protected wait(isDone: () => boolean, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<boolean> {
    return this.#waiters.wait(isDone, Math.min(Math.max(timeoutMs, 0), TIMEOUT_MAX_MS));
  }

  /** Something that somebody may be waiting for has changed. */
  protected wake(): void {
    this.#waiters.check();
  }

  /** The state is another one. */
  protected announce(): void {
    this.#statuses.tell(this.status());
  }

  protected counters(): Pick<DimmerStatus, 'exposures' | 'tracked'> {
    return { exposures: this.#table.exposures(), tracked: this.#tracked.totals() };
  }

  /** Takes what was counted, for a report. */
  protected drainCounters(): Counted {
    const { exposures, dropped } = this.#table.drainExposures();
    const tracked = this.#tracked.drain();
    return { exposures, events: tracked.events, dropped: { exposures: dropped, events: tracked.dropped } };
  }

  /** Nothing will be served any more, nobody waits or listens. */
  protected retire(): void {
    this.#waiters.giveUp();
    this.#changes.clear();
    this.#statuses.clear();
  }
}
