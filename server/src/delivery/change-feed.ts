import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Gate } from '../platform/gate.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import { placeOf } from '../platform/tracing.ts';
import { StorageFault } from '../storage/storage.ts';
import type { DeliverySource, Standing } from './delivery-source.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { copyOf, fold, precedingRevision } from './environment-copy.ts';

/** How many changes one read asks for. A feed that is further behind reads again at once. */
export const CHANGES_PER_READ = 500;

/** How long a caller waits for a revision that the database does not have yet, in milliseconds. */
export const REVISION_WAIT_MS = 2_000;

/**
 * How long a look is waited for that has to go well, in milliseconds: after a pause connections may have to be made anew,
 * which the look of the next second or two finds done.
 */
const LOOK_WAIT_MS = 3_000;

/** What a feed reads from. */
export type FeedSource = Pick<DeliverySource, 'snapshot' | 'changesAfter' | 'confirmedAt'>;

export interface ChangeFeedPorts {
  readonly storage: FeedSource;
  readonly environment: EnvironmentRef;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly tracing: Tracing;
  /** Where the environment is by a question that is asked now; `undefined`: it is not there. Left out: nobody knows. */
  readonly whereabouts?: ((environment: EnvironmentRef) => Promise<Standing | undefined>) | undefined;
  /** Whole environments are read through it. */
  readonly loads: Gate;
  /** Told in the tick in which the copy moves. */
  readonly onCopy: (copy: EnvironmentCopy) => void;
  /** Told after every look that went well, whether or not there was something new. */
  readonly onAnswer: () => void;
  /** Told of every failure. The feed goes on with what it has. */
  readonly onFault: (cause: unknown) => void;
}

type Outcome = { readonly copy: EnvironmentCopy | undefined } | { readonly cause: unknown };

interface Waiter {
  readonly revision: number;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * The one reader of an environment's change log. Hints wake it, and a slow tick that needs none; it reads what is above its
 * copy in order, folds it, and hands the copy on. It only pulls, so neither a lost hint nor a failed read
 * loses anything (SPEC.md, D2).
 */
export class ChangeFeed {
  readonly #ports: ChangeFeedPorts;
  readonly #waiters = new Set<Waiter>();
  /** Called when a look that begins from now on has gone well. */
  #onLooked: (() => void)[] = [];
  #copy: EnvironmentCopy | undefined;
  #answeredAt: number | undefined;
  #reading = false;
  #wokenAgain = false;
  /** Whether somebody has said that there is something to read. */
  #isHinted = false;
  #isLoading = false;
  #mustReload = true;
  #closed = false;

  constructor(ports: ChangeFeedPorts) {
    this.#ports = ports;
  }

  /** The newest copy; `undefined` before the first one. */
  get copy(): EnvironmentCopy | undefined {
    return this.#copy;
  }

  /** When the database last answered, in milliseconds since the Unix epoch; `undefined`: never. */
  get answeredAt(): number | undefined {
    return this.#answeredAt;
  }

  /** Whether the whole environment is being read, or waits for others that are. */
  get isLoading(): boolean {
    return this.#isLoading;
  }

  /**
   * The copy as soon as it is at least at `revision`.
   *
   * @returns `undefined` where the environment does not exist.
   * @throws StorageFault when the database fails meanwhile, or has no such revision within 2 s.
   */
  atLeast(revision: number): Promise<EnvironmentCopy | undefined> {
    const copy = this.#copy;
    if (copy !== undefined && copy.revision >= revision) return Promise.resolve(copy);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        settle: (outcome) => {
          this.#waiters.delete(waiter);
          forgetDeadline();
          if ('copy' in outcome) resolve(outcome.copy);
          else reject(outcome.cause);
        },
      };
      const forgetDeadline = this.#ports.schedule.after(REVISION_WAIT_MS, () =>
        waiter.settle({
          cause: new StorageFault('unavailable', notThereYet(this.#ports.environment, revision)),
        }),
      );
      this.#waiters.add(waiter);
      this.wake();
    });
  }

  /**
   * Looks for changes. Calls while it is looking are remembered as one.
   *
   * @param announced - The revision that a hint named. Below the copy's own, it speaks of another history.
   */
  wake(announced?: number): void {
    if (this.#copy !== undefined && announced !== undefined && announced < this.#copy.revision) {
      this.#mustReload = true;
    }
    this.#isHinted = true;
    this.tick();
  }

  /** Looks for changes where nothing tells of any: the database is asked where all environments are, and most rest. */
  tick(): void {
    this.#wokenAgain = true;
    if (!this.#reading && !this.#closed) void this.#readWhileWoken();
  }

  /** Looks for changes. @returns When a look that began after this call has gone well; in 3 s at the latest. */
  look(): Promise<void> {
    return new Promise((resolve) => {
      const forgetDeadline = this.#ports.schedule.after(LOOK_WAIT_MS, resolve);
      this.#onLooked.push(() => {
        forgetDeadline();
        resolve();
      });
      this.tick();
    });
  }

  /** Reads no more. Whoever still waits is refused. */
  close(): void {
    this.#closed = true;
    for (const told of this.#onLooked.splice(0)) told();
    this.#settleAll({ cause: closingFault() });
  }

  async #readWhileWoken(): Promise<void> {
    this.#reading = true;
    while (this.#wokenAgain && !this.#closed) {
      this.#wokenAgain = false;
      const onLooked = this.#onLooked.splice(0);
      try {
        const { tracing, environment } = this.#ports;
        await tracing.within('feed read', placeOf(environment), () => this.#read());
        if (!this.#closed) this.#ports.onAnswer();
        for (const told of onLooked) told();
      } catch (cause) {
        this.#onLooked.push(...onLooked);
        this.#fail(cause);
      }
    }
    this.#reading = false;
  }

  async #read(): Promise<void> {
    const isHinted = this.#isHinted;
    this.#isHinted = false;
    if (!isHinted && (await this.#rests())) return this.#noteAnswer();
    const copy = this.#copy;
    return copy === undefined || this.#mustReload ? this.#reload(copy) : this.#readAfter(copy);
  }

  /** Whether the database has nothing that the copy lacks. Where it does not answer, that is told before anything is read. */
  async #rests(): Promise<boolean> {
    const { environment, whereabouts } = this.#ports;
    if (whereabouts === undefined) return false;
    const at = await whereabouts(environment);
    const copy = this.#copy;
    if (copy === undefined || this.#mustReload) return false;
    if (at !== undefined && at.epoch !== copy.epoch) this.#mustReload = true;
    return at === undefined || (at.epoch === copy.epoch && at.revision <= copy.revision);
  }

  async #reload(copy: EnvironmentCopy | undefined): Promise<void> {
    const loaded = await this.#load();
    this.#mustReload = false;
    if (loaded === undefined) {
      this.#settleAll({ copy: undefined });
    } else if (copy === undefined || contradicts(loaded, copy)) {
      this.#moveTo(loaded);
    } else if (loaded.revision > copy.revision) {
      // It is the same history after all, and only its changes tell whether one of them killed a flag.
      await this.#readAfter(copy, loaded);
    }
  }

  /** @param whole - What to go on from where changes are missing; loaded if it is needed. */
  async #readAfter(copy: EnvironmentCopy, whole?: EnvironmentCopy): Promise<void> {
    const { storage, environment } = this.#ports;
    const changes = await storage.changesAfter(environment, copy.revision, CHANGES_PER_READ);
    this.#noteAnswer();
    const first = changes.at(0);
    if (first === undefined) return;
    // History was pruned further than this feed has read, or is another one.
    if (precedingRevision(first) !== copy.revision) {
      const loaded = whole ?? (await this.#load());
      if (loaded !== undefined && supersedes(loaded, copy)) this.#moveTo(loaded);
      return;
    }
    this.#moveTo(fold(copy, changes));
    if (changes.length === CHANGES_PER_READ) this.#wokenAgain = true;
  }

  async #load(): Promise<EnvironmentCopy | undefined> {
    const { storage, environment, loads } = this.#ports;
    this.#isLoading = true;
    try {
      const snapshot = await loads.run(
        () => storage.snapshot(environment),
        () => this.#waiters.size > 0,
      );
      this.#noteAnswer();
      return snapshot && copyOf(snapshot);
    } finally {
      this.#isLoading = false;
    }
  }

  #noteAnswer(): void {
    const { storage, environment, clock } = this.#ports;
    this.#answeredAt = storage.confirmedAt?.(environment) ?? clock.now();
  }

  #moveTo(copy: EnvironmentCopy): void {
    if (this.#closed) return;
    this.#copy = copy;
    this.#ports.onCopy(copy);
    for (const waiter of [...this.#waiters]) if (waiter.revision <= copy.revision) waiter.settle({ copy });
  }

  #fail(cause: unknown): void {
    // When it answers again it may be another database, restored from a backup, with an epoch of its own.
    this.#mustReload = true;
    if (this.#closed) return;
    this.#ports.onFault(cause);
    this.#settleAll({ cause });
  }

  #settleAll(outcome: Outcome): void {
    for (const waiter of [...this.#waiters]) waiter.settle(outcome);
  }
}

/** What whoever asks of a server that closes is told. */
export function closingFault(): StorageFault {
  return new StorageFault('unavailable', 'The server is closing.');
}

/** Whether a freshly read copy replaces the one at hand: inside an epoch nothing goes back. */
function supersedes(loaded: EnvironmentCopy, current: EnvironmentCopy): boolean {
  return contradicts(loaded, current) || loaded.revision > current.revision;
}

/** Whether a freshly read copy cannot have become of the one at hand. */
function contradicts(loaded: EnvironmentCopy, current: EnvironmentCopy): boolean {
  if (loaded.epoch !== current.epoch) return true;
  return loaded.revision === current.revision && loaded.digest !== current.digest;
}

function notThereYet({ project, environment }: EnvironmentRef, revision: number): string {
  return `Revision ${revision} of ${project}/${environment} did not appear within ${REVISION_WAIT_MS} ms.`;
}
