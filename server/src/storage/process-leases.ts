import type { Clock } from '../platform/clock.ts';
import type { Lease, LeaseStore } from './lease-store.ts';

interface Held {
  readonly lease: Lease;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
}

/**
 * Leases of one process. Where a database is used by one process at a time they need to be no more than this: whoever
 * held one before is gone.
 */
export class ProcessLeases implements LeaseStore {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined> {
    const now = this.#clock.now();
    const held = this.#held.get(name);
    const isRunning = held !== undefined && held.until > now;
    if (isRunning && held.lease.holder !== holder) return undefined;
    const lease = isRunning ? held.lease : { name, holder, token: (held?.lease.token ?? 0) + 1 };
    this.#held.set(name, { lease, until: now + durationMs });
    return lease;
  }

  async release(lease: Lease): Promise<void> {
    if (this.isCurrent(lease)) this.#held.set(lease.name, { lease, until: Number.NEGATIVE_INFINITY });
  }

  /** Whether nobody has held it since. */
  isCurrent({ name, token }: Lease): boolean {
    return this.#held.get(name)?.lease.token === token;
  }
}
