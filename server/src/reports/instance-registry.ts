import type { ForwardedReportInput, ReportInput } from '@dimmer/schema/rest';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { AppliedMoment, Instance, Telling } from './instance.ts';
import { afterReport, isPresent, isRepeated, newInstance } from './instance.ts';

/** Instances that are known per environment. More are turned away: memory must not grow with a loop of restarts. */
const INSTANCES_PER_ENVIRONMENT_MAX = 20_000;

/** How a relay hands a report on. */
export type Forwarding = Pick<ForwardedReportInput, 'via' | 'heldMs'>;

/** What became of a report. `full`: there are too many instances, and this one is not among them. */
export type Registered = 'counted' | 'repeated' | 'full';

/** Told of each moment that an instance tells of for the first time. */
export type OnApplied = (environment: EnvironmentRef, moment: AppliedMoment, startedAt: number) => void;

/** When others are to hear of an instance: `soon` where it has applied something, or has ended. */
export type Urgency = 'soon' | 'later';

/** Told of an instance that is another than before. */
export type OnChanged = (environment: EnvironmentRef, id: string, urgency: Urgency) => void;

/**
 * The instances of every environment that speak to this server, in memory. A restart forgets them, and each tells again
 * within a second of its reconnection; nothing is written here, so a thousand that register at once cost no transaction.
 */
export class InstanceRegistry {
  readonly #clock: Clock;
  readonly #onApplied: OnApplied;
  readonly #onChanged: OnChanged;
  readonly #instancesMax: number;
  readonly #environments = new Map<string, Map<string, Instance>>();

  constructor(
    clock: Clock,
    {
      onApplied = () => {},
      onChanged = () => {},
      instancesMax = INSTANCES_PER_ENVIRONMENT_MAX,
    }: {
      readonly onApplied?: OnApplied;
      readonly onChanged?: OnChanged;
      readonly instancesMax?: number;
    } = {},
  ) {
    this.#clock = clock;
    this.#onApplied = onApplied;
    this.#onChanged = onChanged;
    this.#instancesMax = instancesMax;
  }

  /**
   * Takes a report in. `counted`: the counts of its batch are new.
   *
   * @param forwarded - The relay that it came by, and how long that has kept it.
   */
  report(environment: EnvironmentRef, report: ReportInput, forwarded?: Forwarding): Registered {
    const { id } = report.instance;
    const known = this.#knownOrNew(environment, id);
    if (known === undefined) return 'full';
    const instances = this.#instancesOf(environment);
    const told = afterReport(known, report, this.#telling(forwarded));
    const { startedAt = 0 } = told;
    for (const moment of told.applied)
      if (!known.applied.includes(moment)) this.#onApplied(environment, moment, startedAt);
    // A farewell: what has closed itself is nobody to wait for.
    const isFarewell = report.status.state === 'CLOSED';
    if (isFarewell) instances.delete(id);
    else instances.set(id, told);
    this.#onChanged(environment, id, isFarewell || report.applied.length > 0 ? 'soon' : 'later');
    return isRepeated(known, report) ? 'repeated' : 'counted';
  }

  /**
   * A stream of an instance was opened.
   *
   * @returns To be called when it has ended.
   */
  connected(environment: EnvironmentRef, id: string): () => void {
    const known = this.#knownOrNew(environment, id);
    if (known === undefined) return () => {};
    const connectedAt = this.#clock.now();
    this.#instancesOf(environment).set(id, { ...known, streams: known.streams + 1, connectedAt });
    this.#onChanged(environment, id, 'later');
    return () => {
      const instances = this.#environments.get(nameOf(environment));
      const ended = instances?.get(id);
      if (ended === undefined) return;
      instances?.set(id, { ...ended, streams: Math.max(0, ended.streams - 1) });
      this.#onChanged(environment, id, 'later');
    };
  }

  /** A relay says that streams of these instances are open there. One that never told anything is not known by that. */
  seen(environment: EnvironmentRef, ids: readonly string[]): void {
    const instances = this.#environments.get(nameOf(environment));
    const seenAt = this.#clock.now();
    for (const id of ids) {
      const known = instances?.get(id);
      if (known === undefined) continue;
      instances?.set(id, { ...known, seenAt });
      this.#onChanged(environment, id, 'later');
    }
  }

  /** The instances that run now, by id. */
  present(environment: EnvironmentRef): readonly Instance[] {
    const now = this.#clock.now();
    return [...this.known(environment)].filter((instance) => isPresent(instance, now)).sort(byId);
  }

  /** Everything that is known, of those that fell silent too. */
  known(environment: EnvironmentRef): Iterable<Instance> {
    return this.#environments.get(nameOf(environment))?.values() ?? [];
  }

  find(environment: EnvironmentRef, id: string): Instance | undefined {
    return this.#environments.get(nameOf(environment))?.get(id);
  }

  /** Those of which an instance is known. */
  environments(): readonly EnvironmentRef[] {
    return [...this.#environments.keys()].map((name) => {
      const [project = '', environment = ''] = name.split('/');
      return { project, environment };
    });
  }

  /** How many are known in all environments. */
  get size(): number {
    return [...this.#environments.values()].reduce((sum, instances) => sum + instances.size, 0);
  }

  /** Forgets those that fell silent. */
  expire(): void {
    const now = this.#clock.now();
    for (const [name, instances] of this.#environments) {
      for (const [id, instance] of instances) if (!isPresent(instance, now)) instances.delete(id);
      if (instances.size === 0) this.#environments.delete(name);
    }
  }

  #telling(forwarded: Forwarding | undefined): Telling {
    return { via: forwarded?.via ?? null, at: this.#clock.now() - (forwarded?.heldMs ?? 0) };
  }

  #knownOrNew(environment: EnvironmentRef, id: string): Instance | undefined {
    const instances = this.#instancesOf(environment);
    const known = instances.get(id);
    return known ?? (instances.size < this.#instancesMax ? newInstance(id) : undefined);
  }

  #instancesOf(environment: EnvironmentRef): Map<string, Instance> {
    const name = nameOf(environment);
    const known = this.#environments.get(name);
    if (known !== undefined) return known;
    const instances = new Map<string, Instance>();
    this.#environments.set(name, instances);
    return instances;
  }
}

/** The order of instances in lists. */
export function byId(one: Instance, other: Instance): number {
  return one.id < other.id ? -1 : 1;
}
