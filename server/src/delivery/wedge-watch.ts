import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Storage } from '../storage/storage.ts';
import type { EnvironmentDelivery } from './environment-delivery.ts';
import { EPOCH_SPREAD_MS } from './stream-set.ts';

/** A copy that has not been followed for so long makes the watch ask whether the database answers, in milliseconds. */
const ASK_AFTER_MS = 3_000;

/** For how long a copy may fail to follow a database that answers, in milliseconds. */
const WEDGED_AFTER_MS = 7_000;

/** For how long an answer of the database counts, in milliseconds. */
const ANSWER_COUNTS_MS = 2_500;

/**
 * For how long the database must have answered meanwhile, in milliseconds: when it comes back after an outage, or the
 * process goes on after a pause, a copy needs a look or two to follow again.
 */
const ANSWERS_FOR_MS = 3_500;

type Watched = Pick<EnvironmentDelivery, 'environment' | 'followedAt' | 'streamSets'>;

export interface WedgeWatchPorts {
  readonly storage: Pick<Storage, 'ping'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when the database has answered. */
  readonly onAnswer: () => void;
}

/**
 * Tells a server that hangs from a database that is away: where the database answers and a copy does not follow it,
 * others may follow it, so its readers are sent to them (SPEC.md, M4).
 */
export class WedgeWatch {
  readonly #ports: WedgeWatchPorts;
  readonly #wedged = new Set<Watched>();
  #isAsking = false;
  /** What goes on for hours is logged once. */
  #isSilent = false;
  #answeredAt: number | undefined;
  /** Since when it has answered whenever it was asked, while a copy was not followed. */
  #answersSince: number | undefined;

  constructor(ports: WedgeWatchPorts) {
    this.#ports = ports;
  }

  /** How many environments are wedged. */
  get size(): number {
    return this.#wedged.size;
  }

  has(environment: Watched): boolean {
    return this.#wedged.has(environment);
  }

  /** Asks whether the database answers, unless that is being asked. */
  ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { storage, clock, log, onAnswer } = this.#ports;
    storage
      .ping()
      .then(
        () => {
          this.#answeredAt = clock.now();
          this.#answersSince ??= this.#answeredAt;
          this.#isSilent = false;
          onAnswer();
        },
        (cause: unknown) => {
          this.#answersSince = undefined;
          if (!this.#isSilent) log.warn({ err: cause }, 'the database does not answer');
          this.#isSilent = true;
        },
      )
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** Looks which environments are wedged. To be called once a second or so with all that are followed. */
  look(environments: readonly Watched[]): void {
    const now = this.#ports.clock.now();
    const silentFor = ({ followedAt = now }: Watched): number => now - followedAt;
    const isAsked = environments.some((environment) => silentFor(environment) > ASK_AFTER_MS);
    const isFresh = now - (this.#answeredAt ?? -Infinity) <= ANSWER_COUNTS_MS;
    if (!isAsked || !isFresh) this.#answersSince = undefined;
    const answers = now - (this.#answersSince ?? now) >= ANSWERS_FOR_MS;
    const present = new Set(environments);
    for (const known of this.#wedged) if (!present.has(known)) this.#wedged.delete(known);
    for (const environment of environments) {
      if (silentFor(environment) <= ASK_AFTER_MS) this.#wedged.delete(environment);
      else if (answers && silentFor(environment) > WEDGED_AFTER_MS) this.#wedge(environment);
    }
    if (isAsked) this.ask();
  }

  #wedge(environment: Watched): void {
    for (const set of environment.streamSets()) set.endAll('rebalancing', EPOCH_SPREAD_MS);
    if (this.#wedged.has(environment)) return;
    this.#wedged.add(environment);
    this.#ports.log.error(
      environment.environment,
      'the database answers and this server does not follow it: its streams are sent elsewhere',
    );
  }
}
