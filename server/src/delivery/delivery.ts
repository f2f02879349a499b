import type { Registry } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import { NO_TRACING } from '../platform/tracing.ts';
import type { Admission, DeliveryLimits, RefusalCause } from './admission.ts';
import { createAdmission, createSharedAdmission, retryAfterSeconds } from './admission.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentReading } from './delivery-metrics.ts';
import { registerDeliveryMetrics } from './delivery-metrics.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { EncodedSnapshot, EnvironmentDelivery } from './environment-delivery.ts';
import type { RulesetAt } from './environment-ruleset.ts';
import type { StreamRequest } from './environment-streams.ts';
import { createFanOutOrder } from './fan-out-order.ts';
import type { StreamEndings } from './farewell.ts';
import { dismiss, sendAway } from './farewell.ts';
import { FollowedEnvironments } from './followed-environments.ts';
import type { HeartbeatWheel } from './heartbeat-wheel.ts';
import { createHeartbeatWheel } from './heartbeat-wheel.ts';
import { Preload } from './preload.ts';
import { lackIn } from './readiness.ts';
import type { Holder } from './shown-copy.ts';
import type { StreamTarget } from './stream-set.ts';
import type { ViewRequest } from './view-streams.ts';
import { WedgeWatch } from './wedge-watch.ts';
import { Whereabouts } from './whereabouts.ts';

/** How often every feed looks for changes without a hint, in milliseconds. */
export const TICK_MS = 1_000;

export interface DeliveryOptions {
  readonly storage: DeliverySource;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly log: Log;
  /** Where the metrics of delivery are registered. */
  readonly metrics: Registry;
  /** Time between two heartbeats of a stream, in milliseconds (`DIMMER_HEARTBEAT_MS`). */
  readonly heartbeatMs: number;
  /** The greatest age of a stream, in milliseconds (`DIMMER_STREAM_AGE_MS`). */
  readonly streamAgeMs: number;
  readonly limits: DeliveryLimits;
  readonly tracing?: Tracing;
  /** Who holds kills over environments. Default: nobody does. */
  readonly holder?: Holder;
  /**
   * Which environments SDKs may ask for: they are loaded before anybody does. Rejects where that cannot be said now. Default:
   * none, each is loaded when it is asked for.
   */
  readonly needed?: (() => Promise<Iterable<EnvironmentRef>>) | undefined;
  /** Told of every environment that has reached a revision, in the tick in which it has. Default: nobody is. */
  readonly onMoved?: ((reading: EnvironmentReading) => void) | undefined;
}

/** A wish to be answered at a revision, or later. */
export interface AtLeast {
  /** Default: any. */
  readonly minRevision?: number;
}

/** What became of a request for a stream. Only where it was opened was the answer touched. */
export type StreamOutcome =
  | { readonly outcome: 'opened' }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'refused'; readonly cause: RefusalCause; readonly retryAfterSeconds: number };

/**
 * What SDKs and evaluation read. Nothing is written here, and all of it can be rebuilt from storage.
 *
 * Where a promise may reject, it is with a StorageFault: the environment had to be loaded, or waited for, and
 * the database failed or did not get there in time.
 */
export interface Delivery extends StreamEndings {
  /**
   * Turns a raw answer into a stream.
   *
   * @returns `absent` where there is no such environment; `refused` where a limit was met.
   */
  openStream(environment: EnvironmentRef, request: StreamRequest & AtLeast): Promise<StreamOutcome>;
  /** The same for a stream of a client, which tells a view of its own instead of the definitions. */
  openView(environment: EnvironmentRef, request: ViewRequest & AtLeast): Promise<StreamOutcome>;
  /**
   * The environment at `minRevision` (default: any) or later.
   *
   * @returns `undefined` where there is no such environment.
   */
  snapshot(environment: EnvironmentRef, minRevision?: number): Promise<EncodedSnapshot | undefined>;
  /**
   * The environment's flags, compiled, at `minRevision` or later.
   *
   * @returns `undefined` where there is no such environment.
   * @example const at = await delivery.ruleset({ project: 'shop', environment: 'production' }, 813);
   */
  ruleset(environment: EnvironmentRef, minRevision: number): Promise<RulesetAt | undefined>;
  /**
   * Whether what is delivered is complete and moves: for `/readyz`. A database that stopped answering is no
   * reason to turn SDKs away from what is known.
   */
  ready(): boolean;
  /** What keeps it from being ready, as a sentence; `undefined`: nothing. */
  lacks(): string | undefined;
  /** How long ago the database last answered, in milliseconds; `Infinity`: never. */
  databaseAgeMs(): number;
  /** How many environments have readers that know revisions which the database lacks. */
  readersAhead(): number;
  /** How many streams are open; of one environment, or of all. */
  streams(environment?: EnvironmentRef): number;
  /** The environment as it is here, without asking the database; `undefined` where it was never loaded. */
  known(environment: EnvironmentRef): RulesetAt | undefined;
  /** Where every environment is that is followed. */
  environments(): Iterable<EnvironmentReading>;
  /**
   * Ends, with a goodbye, the streams of values whose context nobody signed, in every environment that needs it now.
   *
   * @param isNeeded - Asked of environments with streams of clients only; where it rejects, so does this.
   */
  revokeUnsigned(isNeeded: (environment: EnvironmentRef) => Promise<boolean>): Promise<void>;
  /** From now on {@link Delivery.ready} says no. All else goes on. */
  unready(): void;
}

/**
 * Delivers environments to SDKs. Each is loaded when it is needed or first asked for, and followed until it has been of no
 * use for long.
 *
 * @example
 * const delivery = createDelivery({ storage, clock, schedule, random, log, metrics, heartbeatMs: 15_000, streamAgeMs: 3_600_000, limits });
 * app.route('/sdk/v1', deliveryRoutes(delivery, authenticateServerKey));
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  return new StorageDelivery(options);
}

class StorageDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #followed: FollowedEnvironments;
  readonly #counts: DeliveryCounts = newDeliveryCounts();
  readonly #wheel: HeartbeatWheel;
  readonly #admission: Admission;
  readonly #clientAdmission: Admission;
  readonly #subscriptions: readonly (() => void)[];
  readonly #wedges: WedgeWatch;
  readonly #preload: Preload | undefined;
  #pingedAt: number | undefined;
  #isLeaving = false;

  constructor(options: DeliveryOptions) {
    const { storage, clock, schedule, heartbeatMs, holder } = options;
    this.#options = options;
    this.#wheel = createHeartbeatWheel({ clock, schedule, periodMs: heartbeatMs });
    this.#admission = createAdmission(options.limits, clock);
    this.#clientAdmission = createSharedAdmission(this.#admission, options.limits, clock);
    this.#wedges = new WedgeWatch({ ...options, onAnswer: () => this.#noteAnswer() });
    const whereabouts = whereaboutsIn(storage);
    this.#followed = new FollowedEnvironments({
      ...options,
      whereabouts,
      holder,
      onMoved: options.onMoved ?? (() => {}),
      onPublished: this.#registerMetrics(),
      tracing: options.tracing ?? NO_TRACING,
      wheel: this.#wheel,
      order: createFanOutOrder(schedule),
      counts: this.#counts,
    });
    this.#preload = this.#preloadBy(whereabouts);
    this.#subscriptions = [
      storage.onCommit((environment, revision) => this.#followed.find(environment)?.announce(revision)),
      schedule.every(TICK_MS, () => this.#tick()),
      holder?.onChange((environment) => this.#followed.find(environment)?.showAgain()) ?? (() => {}),
    ];
    this.#wedges.ask();
    this.#preload?.look();
  }

  openStream(environment: EnvironmentRef, request: StreamRequest & AtLeast): Promise<StreamOutcome> {
    const open = ({ streams }: EnvironmentDelivery): void => streams?.open(request);
    return this.#open(environment, request, this.#admission, open);
  }

  openView(environment: EnvironmentRef, request: ViewRequest & AtLeast): Promise<StreamOutcome> {
    return this.#open(environment, request, this.#clientAdmission, (delivery) => delivery.openView(request));
  }

  async #open(
    environment: EnvironmentRef,
    request: StreamTarget & AtLeast & Partial<Pick<StreamRequest, 'cursor'>>,
    admission: Admission,
    open: (delivery: EnvironmentDelivery) => void,
  ): Promise<StreamOutcome> {
    const { response, keyId, minRevision = 0 } = request;
    // Its close has been told already, and would never give back what it took.
    if (response.destroyed) return { outcome: 'opened' };
    const cause = admission.admit(keyId);
    if (cause !== undefined) return this.#refuse(cause);
    response.once('close', () => admission.release(keyId));
    const delivery = await this.#followed.load(environment, minRevision);
    if (delivery === undefined) return { outcome: 'absent' };
    // A stream begins at what streams were told last, which may be a turn or two behind what this server knows, and its
    // reader perhaps, from another.
    await delivery.caughtUpWith(request.cursor);
    await delivery.published();
    if (this.#wedges.has(delivery)) return this.#refuse('stuck');
    if (!response.destroyed) open(delivery);
    return { outcome: 'opened' };
  }

  async snapshot(environment: EnvironmentRef, minRevision = 0): Promise<EncodedSnapshot | undefined> {
    return (await this.#followed.load(environment, minRevision))?.snapshot();
  }

  async ruleset(environment: EnvironmentRef, minRevision: number): Promise<RulesetAt | undefined> {
    // Nearly always it is there: an evaluation costs less than the promises on the longer way.
    const known = this.#followed.findCurrent(environment);
    const there = known?.ruleset();
    if (there !== undefined && there.revision >= minRevision) {
      known?.use();
      return there;
    }
    return (await this.#followed.load(environment, minRevision))?.ruleset();
  }

  ready(): boolean {
    return this.lacks() === undefined;
  }

  lacks(): string | undefined {
    const isComplete = this.#preload === undefined || this.#preload.isComplete;
    return lackIn({
      isLeaving: this.#isLeaving,
      hasAnswer: this.#answeredAt() !== undefined,
      isStuck: this.#wedges.size > 0 || this.#followed.all().some(({ stuck }) => stuck),
      loading: isComplete ? undefined : this.#preload?.progress(),
    });
  }

  databaseAgeMs(): number {
    const answeredAt = this.#answeredAt();
    return answeredAt === undefined ? Infinity : Math.max(0, this.#options.clock.now() - answeredAt);
  }

  readersAhead(): number {
    return this.#followed.all().filter(({ hasReaderAhead }) => hasReaderAhead).length;
  }

  streams(environment?: EnvironmentRef): number {
    const name = environment && nameOf(environment);
    let total = 0;
    for (const { environment: ref, count } of this.#streamsByEnvironment()) {
      if (name === undefined || nameOf(ref) === name) total += count;
    }
    return total;
  }

  known(environment: EnvironmentRef): RulesetAt | undefined {
    return this.#followed.find(environment)?.ruleset();
  }

  environments(): readonly EnvironmentReading[] {
    return this.#followed.readings();
  }

  revoke(opens: (keyId: string) => boolean): void {
    for (const set of this.#followed.streamSets()) {
      set.revoke(({ keyId, signedBy }) => opens(keyId) && (signedBy == null || opens(signedBy)));
    }
  }

  async revokeUnsigned(isNeeded: (environment: EnvironmentRef) => Promise<boolean>): Promise<void> {
    for (const { environment, views } of this.#followed.all()) {
      if (views === undefined || views.set.count === 0) continue;
      if (await isNeeded(environment)) views.set.revoke(({ signedBy }) => signedBy !== null);
    }
  }

  unready(): void {
    this.#isLeaving = true;
  }

  async drain(spreadMs: number): Promise<void> {
    this.#isLeaving = true;
    this.#clientAdmission.close();
    await sendAway(this.#followed.streamSets(), spreadMs, this.#options);
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#followed.isClosed) return;
    this.#isLeaving = true;
    this.#clientAdmission.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#wheel.close();
    this.#followed.close();
    await dismiss(this.#followed.streamSets(), this.#options.schedule);
  }

  #refuse(cause: RefusalCause): StreamOutcome {
    this.#counts.refused[cause] += 1;
    return {
      outcome: 'refused',
      cause,
      retryAfterSeconds: retryAfterSeconds(cause, this.#options.random),
    };
  }

  #registerMetrics(): (lagMs: number) => void {
    return registerDeliveryMetrics(this.#options.metrics, {
      counts: this.#counts,
      streams: () => this.#streamsByEnvironment(),
      environments: () => this.environments(),
      databaseAgeMs: () => this.databaseAgeMs(),
      ready: () => this.ready(),
      missing: () => this.#missing(),
      readersAhead: () => this.readersAhead(),
    });
  }

  #preloadBy(whereabouts: Whereabouts | undefined): Preload | undefined {
    const { needed, schedule, log } = this.#options;
    if (needed === undefined || whereabouts === undefined) return undefined;
    return new Preload({
      needed,
      whereabouts,
      isHeld: (environment) => this.known(environment) !== undefined,
      load: (environment) => this.#followed.load(environment, 0),
      onKnown: (names) => this.#followed.letGo(names),
      schedule,
      log,
    });
  }

  #tick(): void {
    this.#preload?.look();
    this.#followed.tick();
    const followed = this.#followed.all();
    // Before the first environment is followed, nothing else would tell whether the database is there.
    if (followed.length === 0) this.#wedges.ask();
    this.#wedges.look(followed);
  }

  #missing(): number {
    const { held, needed = 0 } = this.#preload?.progress() ?? { held: 0 };
    return needed - held;
  }

  #noteAnswer(): void {
    this.#pingedAt = this.#options.clock.now();
  }

  #answeredAt(): number | undefined {
    const answers = this.#followed.all().map(({ answeredAt }) => answeredAt);
    const known = [...answers, this.#pingedAt].filter((at) => at !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  *#streamsByEnvironment(): Iterable<{ environment: EnvironmentRef; count: number }> {
    for (const delivery of this.#followed.all()) {
      const sets = delivery.streamSets();
      const count = sets.reduce((sum, set) => sum + set.count, 0);
      if (sets.length > 0) yield { environment: delivery.environment, count };
    }
  }
}

function whereaboutsIn(storage: DeliverySource): Whereabouts | undefined {
  const ask = storage.environments?.bind(storage);
  return ask && new Whereabouts(ask);
}
