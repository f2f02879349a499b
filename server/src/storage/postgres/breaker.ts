import { StorageFault } from '../storage.ts';

/** How many calls in a row must meet a server that does not answer before the rest is not tried. */
const FAILURES_MAX = 3;

/** Whether the database answers, and why not. */
export interface Availability {
  readonly isUp: boolean;
  readonly cause?: unknown;
}

/**
 * Keeps calls from piling up before a database that does not answer: they fail at once instead. It is down after three
 * calls in a row or one probe that got no answer, and up again with the first probe that did. It probes nothing itself.
 */
export interface Breaker {
  /** Runs work unless the database is down. @throws StorageFault `unavailable` at once, where it is. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  /** A probe, which is sent at a bounded rate, was answered. */
  answered(): void;
  /** A probe got no answer. */
  unanswered(cause: unknown): void;
}

/**
 * @param parts.name - The database, for messages.
 * @param parts.isTrouble - Whether an error means that the server does not answer at all.
 * @param parts.toldOf - What callers are told of such an error.
 * @param parts.onChange - Hears when it goes down and comes up.
 */
export function createBreaker(parts: {
  readonly name: string;
  readonly isTrouble: (error: unknown) => boolean;
  readonly toldOf?: (error: unknown) => string | undefined;
  readonly onChange: (availability: Availability) => void;
}): Breaker {
  let failures = 0;
  let isUp = true;
  let lastCause: unknown;
  const answered = (): void => {
    failures = 0;
    if (isUp) return;
    isUp = true;
    parts.onChange({ isUp });
  };
  const unanswered = (cause: unknown): void => {
    lastCause = cause;
    if (!isUp) return;
    isUp = false;
    parts.onChange({ isUp, cause });
  };
  return {
    guard: async (work) => {
      if (!isUp) throw awayFault(parts.name, lastCause, parts.toldOf?.(lastCause));
      try {
        const result = await work();
        failures = 0;
        return result;
      } catch (error) {
        failures = parts.isTrouble(error) ? failures + 1 : 0;
        if (failures >= FAILURES_MAX) unanswered(error);
        throw error;
      }
    },
    answered,
    unanswered,
  };
}

function awayFault(name: string, cause: unknown, told: string | undefined): StorageFault {
  return new StorageFault(
    'unavailable',
    `${name} does not answer, and is asked again every second. Nothing was tried.`,
    { cause, told },
  );
}
