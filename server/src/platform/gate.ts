import type { Clock } from './clock.ts';
import type { Schedule } from './schedule.ts';

interface Waiting {
  readonly enter: () => void;
  readonly isUrgent: () => boolean;
}

/**
 * Lets a number of pieces of work run at once. The others wait, and begin in a turn of the event loop of their own, so that
 * everything else that is ready runs between two of them.
 *
 * @example const gate = new Gate(2, { clock, schedule }); await gate.run(() => read(name), () => isAskedFor(name));
 */
export class Gate {
  readonly #limit: number;
  readonly #ports: { readonly clock: Clock; readonly schedule: Pick<Schedule, 'soon'> };
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #movedAt: number | undefined;

  /** @param limit - How many pieces of work run at once, at least 1. */
  constructor(limit: number, ports: { readonly clock: Clock; readonly schedule: Pick<Schedule, 'soon'> }) {
    this.#limit = limit;
    this.#ports = ports;
  }

  /** When a piece of work last went well, in milliseconds since the Unix epoch; `undefined`: never. */
  get movedAt(): number | undefined {
    return this.#movedAt;
  }

  /**
   * Runs a piece of work once there is room.
   *
   * @param isUrgent - Whether it goes before others that wait; asked whenever there is room for one.
   */
  async run<Answer>(work: () => Promise<Answer>, isUrgent: () => boolean): Promise<Answer> {
    if (this.#running < this.#limit) this.#running += 1;
    else await new Promise<void>((enter) => this.#waiting.push({ enter, isUrgent }));
    try {
      const answer = await work();
      this.#movedAt = this.#ports.clock.now();
      return answer;
    } finally {
      this.#leave();
    }
  }

  /** The room goes to the next, if any waits. */
  #leave(): void {
    const urgent = this.#waiting.findIndex(({ isUrgent }) => isUrgent());
    const [next] = this.#waiting.splice(Math.max(0, urgent), 1);
    if (next === undefined) this.#running -= 1;
    else this.#ports.schedule.soon(next.enter);
  }
}
