import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import { Gate } from '../platform/gate.ts';
import { closingFault } from './change-feed.ts';
import type { EnvironmentReading } from './delivery-metrics.ts';
import type { EnvironmentDeliveryPorts } from './environment-delivery.ts';
import { EnvironmentDelivery } from './environment-delivery.ts';
import { FeedFaults } from './feed-faults.ts';
import { LOADS_AT_ONCE_MAX } from './preload.ts';
import type { Holder } from './shown-copy.ts';
import type { StreamSet } from './stream-set.ts';
import type { Whereabouts } from './whereabouts.ts';

/** A tick that is later than this was held up: the process was paused, and others have gone on. */
const PAUSED_AFTER_MS = 3_000;

/**
 * For how long an environment must have been of no use before it is let go, in milliseconds: a key is rotated in less, and to
 * load everything again would take the time that the new one was to save.
 */
export const UNUSED_MS_MAX = 600_000;

/** What is made here for each environment, or for all of them. */
type OwnPorts = 'environment' | 'heldFlags' | 'whereabouts' | 'loads' | 'faults';

export interface FollowedEnvironmentsPorts extends Omit<EnvironmentDeliveryPorts, OwnPorts> {
  /** `undefined`: nobody knows where all environments are, so each is asked for its changes. */
  readonly whereabouts: Whereabouts | undefined;
  /** Who holds kills over environments; `undefined`: nobody does. */
  readonly holder: Holder | undefined;
}

/** The environments that this server follows: each from when it is first needed until it has been of no use for long. */
export class FollowedEnvironments {
  readonly #ports: FollowedEnvironmentsPorts;
  readonly #byName = new Map<string, EnvironmentDelivery>();
  readonly #faults: FeedFaults;
  readonly #loads: Gate;
  #tickedAt: number;
  #isClosed = false;

  constructor(ports: FollowedEnvironmentsPorts) {
    this.#ports = ports;
    this.#faults = new FeedFaults(ports.log);
    this.#loads = new Gate(LOADS_AT_ONCE_MAX, ports);
    this.#tickedAt = ports.clock.now();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  all(): readonly EnvironmentDelivery[] {
    return [...this.#byName.values()];
  }

  /** @returns `undefined` where it is not followed. */
  find(environment: EnvironmentRef): EnvironmentDelivery | undefined {
    return this.#byName.get(nameOf(environment));
  }

  /** The same where the server has not missed anything of it: without the promises of {@link FollowedEnvironments.load}. */
  findCurrent(environment: EnvironmentRef): EnvironmentDelivery | undefined {
    this.#noticePause();
    const known = this.#isClosed ? undefined : this.find(environment);
    return known?.catchingUp === undefined ? known : undefined;
  }

  /**
   * The environment at `revision` or later. It is followed from now on.
   *
   * @returns `undefined` where there is no such environment.
   * @throws StorageFault where the database fails meanwhile, or has no such revision in time, or the server is closing.
   */
  async load(environment: EnvironmentRef, revision: number): Promise<EnvironmentDelivery | undefined> {
    if (this.#isClosed) throw closingFault();
    const delivery = this.find(environment) ?? this.#follow(environment);
    delivery.use();
    this.#noticePause();
    const exists = await delivery.load(revision);
    await delivery.catchingUp;
    if (this.#isClosed) throw closingFault();
    if (exists) return delivery;
    this.#drop(delivery);
    return undefined;
  }

  /** Has every feed look for changes. To be called once a second or so: a call that is late tells that the process was paused. */
  tick(): void {
    this.#noticePause();
    this.#tickedAt = this.#ports.clock.now();
    // Those with streams first: they are the first to be read again after an outage.
    for (const hasStreams of [true, false]) {
      for (const one of this.#byName.values()) if (one.hasStreams === hasStreams) one.tick();
    }
  }

  /**
   * Lets go what no key opens, no stream tells of, nobody reads and no kill is held over, once that has been so for long.
   *
   * @param opened - Names of the environments that keys open, as of now.
   */
  letGo(opened: ReadonlySet<string>): void {
    if (this.#isClosed) return;
    const { clock, holder } = this.#ports;
    for (const [name, delivery] of this.#byName) {
      const { environment, hasStreams } = delivery;
      if (opened.has(name) || hasStreams || holder?.heldOver(environment) !== undefined) delivery.use();
      if (clock.now() - delivery.usedAt >= UNUSED_MS_MAX) this.#drop(delivery);
    }
  }

  /** Where each of them is that has been loaded. */
  readings(): readonly EnvironmentReading[] {
    return this.all().flatMap((delivery) => delivery.reading() ?? []);
  }

  streamSets(): readonly StreamSet[] {
    return this.all().flatMap((delivery) => delivery.streamSets());
  }

  /** Follows nothing any more. Streams are for the caller to end. */
  close(): void {
    this.#isClosed = true;
    for (const delivery of this.#byName.values()) delivery.close();
  }

  #follow(environment: EnvironmentRef): EnvironmentDelivery {
    const { whereabouts, holder, ...ports } = this.#ports;
    const delivery = new EnvironmentDelivery({
      ...ports,
      environment,
      whereabouts: whereabouts && ((at) => whereabouts.of(at)),
      loads: this.#loads,
      faults: this.#faults,
      heldFlags: () => holder?.heldOver(environment),
    });
    this.#byName.set(nameOf(environment), delivery);
    return delivery;
  }

  #drop(delivery: EnvironmentDelivery): void {
    delivery.close();
    this.#byName.delete(nameOf(delivery.environment));
  }

  /** Others may have gone on while this process was paused: nobody is told anything before it has looked (M2). */
  #noticePause(): void {
    const now = this.#ports.clock.now();
    if (now - this.#tickedAt <= PAUSED_AFTER_MS) return;
    this.#tickedAt = now;
    for (const delivery of this.#byName.values()) delivery.catchUp();
  }
}
