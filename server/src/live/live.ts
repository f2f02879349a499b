import type { Registry } from 'prom-client';
import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import type { Admission, RefusalCause } from '../delivery/admission.ts';
import { createAdmission, retryAfterSeconds } from '../delivery/admission.ts';
import { closingFault } from '../delivery/change-feed.ts';
import { TICK_MS } from '../delivery/delivery.ts';
import { newRefusals, newStreamCounts } from '../delivery/delivery-counts.ts';
import type { StreamEndings } from '../delivery/farewell.ts';
import { dismiss, sendAway } from '../delivery/farewell.ts';
import { createHeartbeatWheel } from '../delivery/heartbeat-wheel.ts';
import { StreamSet } from '../delivery/stream-set.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { InstanceRegistry } from '../reports/instance-registry.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { Storage } from '../storage/storage.ts';
import type { LiveRequest } from './environment-live.ts';
import { EnvironmentLive } from './environment-live.ts';
import type { LiveHead } from './live-feed.ts';
import { registerLiveMetrics } from './live-metrics.ts';

/**
 * How many live streams a server takes: in all, with one key, and opened in a second. People and their tools read them,
 * not every SDK.
 */
export const LIVE_LIMITS = { streamsMax: 200, streamsPerKeyMax: 100, streamsPerSecondMax: 50 };

export interface LiveOptions {
  readonly storage: Pick<Storage, 'read' | 'changesAfter' | 'onCommit'>;
  readonly registry: Pick<InstanceRegistry, 'present'>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Registry;
  /** Time between two heartbeats of a stream, in milliseconds (`DIMMER_HEARTBEAT_MS`). */
  readonly heartbeatMs: number;
  /** The greatest age of a stream, in milliseconds (`DIMMER_STREAM_AGE_MS`). */
  readonly streamAgeMs: number;
}

/** What became of a request for a live stream. Only where it was opened was the answer touched. */
export type LiveOutcome =
  | { readonly outcome: 'opened' }
  | { readonly outcome: 'refused'; readonly cause: RefusalCause; readonly retryAfterSeconds: number };

/** Tells people what changes in an environment, and who has applied it, while it happens. */
export interface Live extends StreamEndings {
  /**
   * Turns a raw answer into a live stream.
   *
   * @returns What became of it, or the rejection that says that there is no such environment.
   * @throws StorageFault where the database does not answer, or the server is closing.
   */
  open(environment: EnvironmentRef, request: LiveRequest): Promise<Result<LiveOutcome>>;
}

/**
 * The live streams of all environments. One is followed while streams of it are open, and costs nothing otherwise.
 *
 * @example
 * const live = createLive({ storage, registry, clock, schedule, random, log, metrics, heartbeatMs: 15_000, streamAgeMs: 3_600_000 });
 * app.route('/', liveRoutes(live));
 */
export function createLive(options: LiveOptions): Live {
  return new StorageLive(options);
}

class StorageLive implements Live {
  readonly #options: LiveOptions;
  readonly #environments = new Map<string, EnvironmentLive>();
  readonly #refused = newRefusals();
  readonly #streams: StreamSet;
  readonly #admission: Admission;
  readonly #stops: readonly (() => void)[];
  #isClosed = false;

  constructor(options: LiveOptions) {
    const { storage, schedule, clock, heartbeatMs } = options;
    this.#options = options;
    const counts = newStreamCounts();
    const wheel = createHeartbeatWheel({ schedule, clock, periodMs: heartbeatMs });
    this.#streams = new StreamSet({ ...options, wheel, counts });
    this.#admission = createAdmission(LIVE_LIMITS, clock);
    this.#stops = [
      storage.onCommit((environment) => this.#environments.get(nameOf(environment))?.announce()),
      schedule.every(TICK_MS, () => this.#tick()),
      () => wheel.close(),
    ];
    registerLiveMetrics(options.metrics, {
      streams: () => this.#environments.values(),
      refused: this.#refused,
      counts,
    });
  }

  async open(environment: EnvironmentRef, request: LiveRequest): Promise<Result<LiveOutcome>> {
    const { response, keyId } = request;
    // Its close has been told already, and would never give back what it took.
    if (response.destroyed) return accepted({ outcome: 'opened' });
    const cause = this.#admission.admit(keyId);
    if (cause !== undefined) return accepted(this.#refuse(cause));
    response.once('close', () => this.#admission.release(keyId));
    const state = await readEnvironment(this.#options.storage, environment.project, environment.environment);
    if (!state.ok) return state;
    this.#insistOpen();
    if (response.destroyed) return accepted({ outcome: 'opened' });
    const { revision, historyFloor } = state.value;
    const live = this.#follow(environment, { epoch: state.value.environment.epoch, revision });
    live.hold(response);
    // What was committed before the request came is history, however late its hint.
    await live.wake();
    this.#insistOpen();
    live.open(request, historyFloor);
    return accepted({ outcome: 'opened' });
  }

  revoke(opens: (keyId: string) => boolean): void {
    this.#streams.revoke(({ keyId }) => opens(keyId));
  }

  async drain(spreadMs: number): Promise<void> {
    this.#admission.close();
    await sendAway([this.#streams], spreadMs, this.#options);
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#admission.close();
    for (const stop of this.#stops) stop();
    for (const environment of this.#environments.values()) environment.close();
    await dismiss([this.#streams], this.#options.schedule);
  }

  #follow(environment: EnvironmentRef, head: LiveHead): EnvironmentLive {
    const name = nameOf(environment);
    const known = this.#environments.get(name);
    if (known !== undefined) return known;
    const ports = { ...this.#options, streams: this.#streams };
    const live: EnvironmentLive = new EnvironmentLive(environment, head, ports, () => {
      if (this.#environments.get(name) === live) this.#environments.delete(name);
    });
    this.#environments.set(name, live);
    return live;
  }

  #tick(): void {
    for (const environment of this.#environments.values()) void environment.wake();
  }

  #insistOpen(): void {
    if (this.#isClosed) throw closingFault();
  }

  #refuse(cause: RefusalCause): LiveOutcome {
    this.#refused[cause] += 1;
    return {
      outcome: 'refused',
      cause,
      retryAfterSeconds: retryAfterSeconds(cause, this.#options.random),
    };
  }
}
