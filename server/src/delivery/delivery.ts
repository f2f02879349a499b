import type { Registry } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Storage } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import { registerDeliveryMetrics } from './delivery-metrics.ts';
import type { EncodedSnapshot } from './environment-delivery.ts';
import { EnvironmentDelivery } from './environment-delivery.ts';
import type { RulesetAt } from './environment-ruleset.ts';
import type { StreamRequest } from './environment-streams.ts';
import type { HeartbeatWheel } from './heartbeat-wheel.ts';
import { createHeartbeatWheel } from './heartbeat-wheel.ts';

/** How often every feed looks for changes without a hint, in milliseconds. */
export const TICK_MS = 1_000;

/** The time over which readers come back from a server that closes, in milliseconds. */
const CLOSE_SPREAD_MS = 1_000;

/** How long a closing server waits for readers to take their goodbye, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;

export interface DeliveryOptions {
  readonly storage: Pick<Storage, 'snapshot' | 'changesAfter' | 'onCommit' | 'ping'>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Where the metrics of delivery are registered. */
  readonly metrics: Registry;
  /** Time between two heartbeats of a stream, in milliseconds (`DIMMER_HEARTBEAT_MS`). */
  readonly heartbeatMs: number;
}

/**
 * What SDKs and evaluation read. Nothing is written here, and all of it can be rebuilt from storage.
 *
 * Where a promise may reject, it is with a StorageFault: the environment had to be loaded, or waited for, and
 * the database failed or did not get there in time.
 */
export interface Delivery {
  /**
   * Turns a raw answer into a stream.
   *
   * @returns `false`, with the answer untouched, where there is no such environment.
   */
  openStream(environment: EnvironmentRef, request: StreamRequest): Promise<boolean>;
  /** @returns `undefined` where there is no such environment. */
  snapshot(environment: EnvironmentRef): Promise<EncodedSnapshot | undefined>;
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
  /** How long ago the database last answered, in milliseconds; `Infinity`: never. */
  databaseAgeMs(): number;
  /** How many streams are open. */
  streams(): number;
  /**
   * Ends, with a goodbye, every stream whose key opens nothing any more.
   *
   * @param opens - Whether the key with this id still opens something.
   */
  revoke(opens: (keyId: string) => boolean): void;
  /** Ends every stream with a goodbye, cuts those that do not take it within 1 s, and reads no more. */
  close(): Promise<void>;
}

/**
 * Delivers environments to SDKs. Each is loaded when it is first asked for, and followed from then on.
 *
 * @example
 * const delivery = createDelivery({ storage, clock: systemClock, schedule: systemSchedule, log, metrics, heartbeatMs: 15_000 });
 * app.route('/sdk/v1', deliveryRoutes(delivery, authenticateServerKey));
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  return new StorageDelivery(options);
}

class StorageDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #environments = new Map<string, EnvironmentDelivery>();
  readonly #counts: DeliveryCounts = newDeliveryCounts();
  readonly #wheel: HeartbeatWheel;
  readonly #observeLag: (lagMs: number) => void;
  readonly #subscriptions: readonly (() => void)[];
  #pingedAt: number | undefined;
  #closed = false;

  constructor(options: DeliveryOptions) {
    const { storage, clock, schedule, heartbeatMs } = options;
    this.#options = options;
    this.#wheel = createHeartbeatWheel({ clock, schedule, periodMs: heartbeatMs });
    this.#observeLag = registerDeliveryMetrics(options.metrics, {
      counts: this.#counts,
      streams: () => this.#streamsByEnvironment(),
      databaseAgeMs: () => this.databaseAgeMs(),
    });
    this.#subscriptions = [
      storage.onCommit((environment, revision) =>
        this.#environments.get(nameOf(environment))?.announce(revision),
      ),
      schedule.every(TICK_MS, () => this.#tick()),
    ];
    this.#ping();
  }

  async openStream(environment: EnvironmentRef, request: StreamRequest): Promise<boolean> {
    const streams = (await this.#load(environment, 0))?.streams;
    streams?.open(request);
    return streams !== undefined;
  }

  async snapshot(environment: EnvironmentRef): Promise<EncodedSnapshot | undefined> {
    return (await this.#load(environment, 0))?.snapshot();
  }

  async ruleset(environment: EnvironmentRef, minRevision: number): Promise<RulesetAt | undefined> {
    return (await this.#load(environment, minRevision))?.ruleset();
  }

  ready(): boolean {
    const isStuck = [...this.#environments.values()].some(({ stuck }) => stuck);
    return !this.#closed && !isStuck && this.#answeredAt() !== undefined;
  }

  databaseAgeMs(): number {
    const answeredAt = this.#answeredAt();
    return answeredAt === undefined ? Infinity : Math.max(0, this.#options.clock.now() - answeredAt);
  }

  streams(): number {
    let total = 0;
    for (const { count } of this.#streamsByEnvironment()) total += count;
    return total;
  }

  revoke(opens: (keyId: string) => boolean): void {
    for (const { streams } of this.#environments.values()) streams?.revoke(opens);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#wheel.close();
    for (const environment of this.#environments.values()) environment.close();
    for (const { streams } of this.#environments.values()) streams?.endAll('draining', CLOSE_SPREAD_MS);
    await this.#untilEmpty(CLOSE_GRACE_MS);
    for (const { streams } of this.#environments.values()) streams?.cutAll();
  }

  async #load(environment: EnvironmentRef, revision: number): Promise<EnvironmentDelivery | undefined> {
    if (this.#closed) throw closing();
    const name = nameOf(environment);
    const delivery = this.#environments.get(name) ?? this.#follow(environment);
    const exists = await delivery.load(revision);
    if (this.#closed) throw closing();
    if (exists) return delivery;
    delivery.close();
    this.#environments.delete(name);
    return undefined;
  }

  #follow(environment: EnvironmentRef): EnvironmentDelivery {
    const delivery = new EnvironmentDelivery({
      ...this.#options,
      environment,
      wheel: this.#wheel,
      counts: this.#counts,
      onPublished: this.#observeLag,
    });
    this.#environments.set(nameOf(environment), delivery);
    return delivery;
  }

  #tick(): void {
    for (const environment of this.#environments.values()) environment.wake();
    if (this.#environments.size === 0) this.#ping();
  }

  /** Before the first environment is followed, nothing else would tell whether the database is there. */
  #ping(): void {
    const { storage, clock, log } = this.#options;
    storage.ping().then(
      () => {
        this.#pingedAt = clock.now();
      },
      (cause: unknown) => log.warn({ err: cause }, 'the database does not answer'),
    );
  }

  #answeredAt(): number | undefined {
    const answers = [...this.#environments.values()].map(({ answeredAt }) => answeredAt);
    const known = [...answers, this.#pingedAt].filter((at) => at !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  *#streamsByEnvironment(): Iterable<{ environment: EnvironmentRef; count: number }> {
    for (const { environment, streams } of this.#environments.values()) {
      if (streams !== undefined) yield { environment, count: streams.count };
    }
  }

  #untilEmpty(limitMs: number): Promise<void> {
    const emptied = [...this.#environments.values()].map(({ streams }) => streams?.whenEmpty());
    return new Promise((resolve) => {
      const forgetLimit = this.#options.schedule.after(limitMs, resolve);
      void Promise.all(emptied).then(() => {
        forgetLimit();
        resolve();
      });
    });
  }
}

function nameOf({ project, environment }: EnvironmentRef): string {
  return `${project}/${environment}`;
}

function closing(): StorageFault {
  return new StorageFault('unavailable', 'The server is closing.');
}
