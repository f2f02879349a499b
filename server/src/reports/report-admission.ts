import { REPORT_LIMITS } from '@dimmer/schema';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';

/** Reports that are read at the same time. */
export const REPORTS_UNDER_WAY_MAX = 1_024;

/** Bytes on the wire of the reports that are read at the same time. */
export const BYTES_UNDER_WAY_MAX = 16 * 1_048_576;

/**
 * A report of at most so many bytes is no analytics: it says who is here and what was applied. It is taken also
 * while the loop is late, because an operator waits for it.
 */
export const LIGHT_BYTES_MAX = 4_096;

/** How often the event loop is asked whether it is late, in milliseconds. */
const PROBE_MS = 100;

/** A loop that is later than this, in milliseconds, has no time for reports. */
export const LAG_MAX_MS = 250;

/** For how long reports are refused after the loop was late, in milliseconds. */
export const SHED_MS = 1_000;

/** The times that an instance is asked to wait when its report is not taken, in seconds: from the first to the second. */
const RETRY_SECONDS = { least: 5, most: 15 } as const;

/** When a refused instance should try again, in seconds: spread, so that they do not come back together. */
export function reportRetrySeconds(random: Pick<Random, 'uint32'>): number {
  const { least, most } = RETRY_SECONDS;
  return least + (random.uint32() % (most - least + 1));
}

/**
 * Decides whether a report is read. Reports are the first that a busy server does without: kills, writes and
 * streams go on.
 */
export class ReportAdmission {
  readonly #clock: Clock;
  readonly #stop: () => void;
  #expectedAt: number;
  #shedUntil = 0;
  #reports = 0;
  #bytes = 0;

  constructor(clock: Clock, schedule: Pick<Schedule, 'every'>) {
    this.#clock = clock;
    this.#expectedAt = clock.now() + PROBE_MS;
    this.#stop = schedule.every(PROBE_MS, () => this.#probe());
  }

  /**
   * @param bytes - What the request says that it has; `undefined` counts as the most that is read.
   * @returns To be called when the report was read; `undefined`: refuse it.
   */
  enter(bytes: number | undefined): (() => void) | undefined {
    const size = bytes ?? REPORT_LIMITS.wireBytes;
    if (size > LIGHT_BYTES_MAX && this.#clock.now() < this.#shedUntil) return undefined;
    if (this.#reports >= REPORTS_UNDER_WAY_MAX || this.#bytes + size > BYTES_UNDER_WAY_MAX) return undefined;
    this.#reports += 1;
    this.#bytes += size;
    return () => {
      this.#reports -= 1;
      this.#bytes -= size;
    };
  }

  /** Reports that are read now. */
  get reports(): number {
    return this.#reports;
  }

  /** Their bytes on the wire, as far as they said so. */
  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    this.#stop();
  }

  #probe(): void {
    const now = this.#clock.now();
    if (now - this.#expectedAt > LAG_MAX_MS) this.#shedUntil = now + SHED_MS;
    this.#expectedAt = now + PROBE_MS;
  }
}
