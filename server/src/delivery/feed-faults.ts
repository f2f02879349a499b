import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Log } from '../platform/log.ts';
import { StorageFault } from '../storage/storage.ts';

/**
 * Logs that feeds cannot follow the database: once where it does not answer, however many feeds ask it, and for each
 * environment where something else is wrong with it.
 */
export class FeedFaults {
  readonly #log: Log;
  readonly #unanswered = new Set<string>();
  readonly #spoilt = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  failed(environment: EnvironmentRef, cause: unknown): void {
    const name = nameOf(environment);
    const isUnanswered = cause instanceof StorageFault && cause.fault === 'unavailable';
    const isTold = isUnanswered ? this.#unanswered.size > 0 : this.#spoilt.has(name);
    this.forget(environment);
    (isUnanswered ? this.#unanswered : this.#spoilt).add(name);
    if (!isTold)
      this.#log.error({ ...environment, err: cause }, 'the change feed cannot follow the database');
  }

  followed(environment: EnvironmentRef): void {
    const wasSpoilt = this.#spoilt.has(nameOf(environment));
    const wasUnanswered = this.#unanswered.has(nameOf(environment));
    this.forget(environment);
    const isLast = wasUnanswered && this.#unanswered.size === 0;
    if (wasSpoilt || isLast) this.#log.info(environment, 'the change feed follows the database again');
  }

  /** The environment is not followed any more. */
  forget(environment: EnvironmentRef): void {
    this.#unanswered.delete(nameOf(environment));
    this.#spoilt.delete(nameOf(environment));
  }
}
