import type { EnvironmentRef } from '../environments/environment.ts';
import type { Schedule } from '../platform/schedule.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { Change, Storage } from '../storage/storage.ts';

/** How many changes one read asks for. */
export const CHANGES_PER_READ = 100;

/**
 * How long after a commit it is read, in milliseconds. SDKs come first; what is committed meanwhile costs no read of its
 * own.
 */
const READ_DELAY_MS = 20;

/** Where an environment is. */
export interface LiveHead {
  readonly epoch: string;
  readonly revision: number;
}

export interface LiveFeedPorts {
  readonly environment: EnvironmentRef;
  readonly storage: Pick<Storage, 'read' | 'changesAfter'>;
  readonly schedule: Schedule;
  /** Told the changes in order, without a gap. */
  readonly onChanges: (changes: readonly Change[]) => void;
  /** The history is another one than before, or has a gap. Nothing more comes. */
  readonly onLost: () => void;
  /** Told of every failure; the feed goes on. */
  readonly onFault: (cause: unknown) => void;
}

/**
 * Reads the changes of one environment as they are committed, once for all its live streams. Like the feed of the SDKs
 * it only pulls: a hint that is lost, or a read that fails, loses nothing.
 */
export class LiveFeed {
  readonly #ports: LiveFeedPorts;
  #head: LiveHead;
  #closed = false;
  #isAwaited = false;
  #reading: Promise<void> | undefined;
  #wokenAgain = false;

  constructor(head: LiveHead, ports: LiveFeedPorts) {
    this.#head = head;
    this.#ports = ports;
  }

  /** A commit gives a hint: it is looked for soon. */
  announce(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#ports.schedule.after(READ_DELAY_MS, () => {
      this.#isAwaited = false;
      void this.wake();
    });
  }

  /** Looks for changes. Calls while it is looking are remembered as one. @returns When it has looked. */
  wake(): Promise<void> {
    this.#wokenAgain = true;
    this.#reading ??= this.#readWhileWoken().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#closed = true;
  }

  async #readWhileWoken(): Promise<void> {
    while (this.#wokenAgain && !this.#closed) {
      this.#wokenAgain = false;
      try {
        await this.#read();
      } catch (cause) {
        if (!this.#closed) this.#ports.onFault(cause);
      }
    }
  }

  async #read(): Promise<void> {
    const { storage, environment, onChanges } = this.#ports;
    const { epoch, revision } = this.#head;
    const state = await readEnvironment(storage, environment.project, environment.environment);
    if (this.#closed) return;
    if (!state.ok || state.value.environment.epoch !== epoch || state.value.revision < revision) {
      this.#lose();
      return;
    }
    if (state.value.revision === revision) return;
    const changes = await storage.changesAfter(environment, revision, CHANGES_PER_READ);
    const last = changes.at(-1);
    if (this.#closed || last === undefined) return;
    if (changes[0]?.revision !== revision + 1) {
      this.#lose();
      return;
    }
    this.#head = { epoch, revision: last.revision };
    onChanges(changes);
    if (changes.length === CHANGES_PER_READ) this.#wokenAgain = true;
  }

  #lose(): void {
    this.#closed = true;
    this.#ports.onLost();
  }
}
