import { StorageFault } from '../storage.ts';

/** How long a write waits for those before it in the same project, in milliseconds. Then it is told to come again. */
const WAIT_MS = 5_000;

/**
 * Lets the writers of one project of this process through one by one. They would wait for the project's row anyway, but
 * with a connection each; and whoever comes next finds the state of the one before in memory.
 */
export class WriteQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** @throws StorageFault `unavailable` where its turn comes too late. */
  async run<T>(project: string, work: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    const inTime = (): Promise<T> => {
      if (performance.now() - asked <= WAIT_MS) return work();
      throw new StorageFault(
        'unavailable',
        `More is written to ${project} than the database takes. Nothing was written; try again.`,
      );
    };
    const turn = (this.#last.get(project) ?? Promise.resolve()).then(inTime);
    // Whether it failed is its caller's concern, not that of the next.
    const ended = turn.then(ignore, ignore);
    this.#last.set(project, ended);
    try {
      return await turn;
    } finally {
      if (this.#last.get(project) === ended) this.#last.delete(project);
    }
  }
}

function ignore(): void {}
