import type { Rejection } from '../changes/result.ts';

/** The right of one server to do some work alone, for a while. */
export interface Lease {
  /** The work. */
  readonly name: string;
  /** Who holds it. */
  readonly holder: string;
  /**
   * Greater than that of every holder before. A transaction that carries it is refused once there is a greater one, so
   * that a server which slept through the end of its lease does no harm (fencing).
   */
  readonly token: number;
}

/**
 * Leases, by the clock of the database: those of the servers may differ. A transaction that carries a lease is checked
 * against them ({@link TransactRequest.lease}).
 */
export interface LeaseStore {
  /**
   * Takes a lease that nobody holds, or makes one's own last longer.
   *
   * @param holder - One name per process and start.
   * @param durationMs - How long it lasts from now on, in milliseconds.
   * @returns The lease, of the same token where it was held all the time; `undefined` where another holds it.
   */
  acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined>;
  /** Gives a lease back, so that others need not wait for its end. Of one that is no longer held nothing happens. */
  release(lease: Lease): Promise<void>;
}

/** Why a transaction that carries a lease is refused. */
export function leaseLost({ name }: Lease): Rejection {
  return { code: 'UNAVAILABLE', detail: `Another server has taken the lease ${name}.` };
}
