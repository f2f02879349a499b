import type { Progress } from './preload.ts';

/** What tells whether a server is ready. */
export interface ReadinessFacts {
  /** Whether it drains or closes. */
  readonly isLeaving: boolean;
  /** Whether the database has ever answered. */
  readonly hasAnswer: boolean;
  /** Whether the database answers, and an environment does not follow it. */
  readonly isStuck: boolean;
  /** How much is loaded of what has to be; `undefined`: all of it was, once. */
  readonly loading: Progress | undefined;
}

/**
 * What keeps a server from being ready, as a sentence; `undefined`: nothing. A database that stopped answering does not:
 * that is no reason to turn SDKs away from what is known.
 */
export function lackIn({ isLeaving, hasAnswer, isStuck, loading }: ReadinessFacts): string | undefined {
  if (isLeaving) return 'The server is closing.';
  if (!hasAnswer) return 'The database has not answered yet.';
  if (isStuck) return 'The server cannot follow the database, which answers.';
  if (loading === undefined) return undefined;
  const { held, needed } = loading;
  if (needed === undefined) return 'The server does not know yet which environments SDKs may ask for.';
  return `The server loads what SDKs may ask for: ${held} of ${needed} environments are there.`;
}
