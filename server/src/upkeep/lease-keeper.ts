import type { Lease, LeaseStore } from '../storage/lease-store.ts';

/**
 * How long a lease lasts, in milliseconds. It is renewed each time that its work is due, so a server that dies leaves
 * the work undone for this long at most, and one that leaves, not at all.
 */
export const LEASE_MS = 5_000;

export interface LeaseKeeperPorts {
  readonly leases: LeaseStore;
  /** The work that one server does for all. */
  readonly name: string;
  /** This process. */
  readonly holder: string;
  /** Told when this server has taken the work over, and when another has. */
  readonly onChange: (isHeld: boolean) => void;
}

/**
 * Lets one of many servers do what has to be done once.
 *
 * @example
 * const keeper = new LeaseKeeper({ leases: storage.leases, name: 'upkeep', holder, onChange });
 * await keeper.whileHeld((lease) => expiry.check(lease));
 */
export class LeaseKeeper {
  readonly #ports: LeaseKeeperPorts;
  #lease: Lease | undefined;

  constructor(ports: LeaseKeeperPorts) {
    this.#ports = ports;
  }

  /** Does work where this server has the lease, or can have it; nothing otherwise. */
  async whileHeld(work: (lease: Lease) => Promise<void>): Promise<void> {
    const { leases, name, holder, onChange } = this.#ports;
    const lease = await leases.acquire(name, holder, LEASE_MS);
    const wasHeld = this.#lease !== undefined;
    this.#lease = lease;
    if (wasHeld !== (lease !== undefined)) onChange(!wasHeld);
    if (lease !== undefined) await work(lease);
  }

  /** Gives the lease back. */
  async release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) await this.#ports.leases.release(lease);
  }
}
