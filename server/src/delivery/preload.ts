import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Log } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import { StorageFault } from '../storage/storage.ts';
import type { Whereabouts } from './whereabouts.ts';

/**
 * How many environments are read whole at the same time, when the server starts and after an outage of the database. It
 * leaves half of PostgreSQL's connections for reads to those who ask.
 */
export const LOADS_AT_ONCE_MAX = 2;

export interface PreloadPorts {
  /** Which environments may be asked for. Rejects where that cannot be said now. */
  readonly needed: () => Promise<Iterable<EnvironmentRef>>;
  readonly whereabouts: Whereabouts;
  readonly isHeld: (environment: EnvironmentRef) => boolean;
  readonly load: (environment: EnvironmentRef) => Promise<unknown>;
  /** Told, when the database has just answered, the names of what may be asked for; what is missing is loaded next. */
  readonly onKnown: (names: ReadonlySet<string>) => void;
  readonly schedule: Pick<Schedule, 'soon'>;
  readonly log: Log;
}

/** How many environments are held of those that may be asked for. */
export interface Progress {
  readonly held: number;
  /** `undefined`: nobody knows yet. */
  readonly needed: number | undefined;
}

/** Loads every environment that may be asked for before anybody asks, so that a later outage finds it here. */
export class Preload {
  readonly #ports: PreloadPorts;
  #needed: readonly EnvironmentRef[] | undefined;
  #isLooking = false;
  #isComplete = false;
  #isSilent = false;

  constructor(ports: PreloadPorts) {
    this.#ports = ports;
  }

  /** Whether all that could be asked for at one moment were loaded. It stays so: later ones are loaded as they come. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  progress(): Progress {
    const held = (this.#needed ?? []).filter((environment) => this.#ports.isHeld(environment)).length;
    return { held, needed: this.#needed?.length };
  }

  /** Loads what is missing, unless that is under way. To be called once a second or so. */
  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#loadMissing()
      .then(
        (isDone) => {
          this.#isComplete ||= isDone;
          this.#isSilent = false;
        },
        (err: unknown) => {
          if (!this.#isSilent) {
            this.#ports.log.warn({ err }, 'it is not known which environments SDKs may ask for');
          }
          this.#isSilent = true;
        },
      )
      .finally(() => {
        this.#isLooking = false;
      });
  }

  /** @returns Whether nothing is missing that a later attempt could find. */
  async #loadMissing(): Promise<boolean> {
    const { whereabouts, needed, isHeld, onKnown } = this.#ports;
    const [there, asked] = await Promise.all([whereabouts.all(), needed()]);
    const byName = new Map([...asked].map((environment) => [nameOf(environment), environment]));
    onKnown(new Set(byName.keys()));
    this.#needed = [...byName].flatMap(([name, environment]) => (there.has(name) ? [environment] : []));
    const missing = this.#needed.filter((environment) => !isHeld(environment));
    const next = missing.values();
    const lanes = Array.from({ length: LOADS_AT_ONCE_MAX }, () => this.#loadEach(next));
    return (await Promise.all(lanes)).every((isDone) => isDone);
  }

  async #loadEach(environments: Iterator<EnvironmentRef>): Promise<boolean> {
    const { load, schedule } = this.#ports;
    let isDone = true;
    for (let next = environments.next(); next.done !== true; next = environments.next()) {
      const environment = next.value;
      // A storage that answers at once would let nothing else run.
      await new Promise<void>((resolve) => schedule.soon(resolve));
      await load(environment).catch((cause: unknown) => {
        isDone &&= isDamage(cause);
      });
    }
    return isDone;
  }
}

/** What is damaged stays so until somebody mends it: all other environments are served meanwhile. */
function isDamage(cause: unknown): boolean {
  return cause instanceof StorageFault && cause.fault === 'damaged';
}
