import { describe, expect, it, vi } from 'vitest';
import type { Lease } from '../../server/src/storage/lease-store.ts';
import type { Shop } from './storage-shop.ts';
import { SHOP } from './storage-shop.ts';
import { requestOf } from './storage-subject.ts';

/** Long enough to last through a test, in milliseconds. */
const LONG_MS = 600_000;

/** Over before anybody has waited, in milliseconds. */
const SHORT_MS = 20;

/** Leases: M10 and M11. */
export function describeLeases(shop: Shop): void {
  describe('leases', () => {
    const acquire = (holder: string, durationMs = LONG_MS, name = 'upkeep'): Promise<Lease | undefined> =>
      shop.storage.leases.acquire(name, holder, durationMs);

    /** Takes a lease that another holds until its time is up. Clocks of tests and of databases both have to get there. */
    const succeed = (holder: string): Promise<Lease> =>
      vi.waitFor(
        async () => {
          shop.subject.clock.advance(SHORT_MS);
          const lease = await acquire(holder);
          if (lease === undefined) throw new Error('it is still held');
          return lease;
        },
        { timeout: 15_000, interval: 10 },
      );

    it('[M10] one holds it at a time, and makes it last longer under the same token', async () => {
      const first = await acquire('a');
      expect(first).toMatchObject({ name: 'upkeep', holder: 'a' });
      expect(await acquire('b')).toBeUndefined();
      expect(await acquire('a')).toEqual(first);
      expect(await acquire('b', LONG_MS, 'another')).toMatchObject({ name: 'another', holder: 'b' });
    });

    it('[M10] once its time is up another may have it, with a greater token', async () => {
      const first = await acquire('a', SHORT_MS);
      const second = await succeed('b');
      expect(second.token).toBeGreaterThan(first?.token ?? Number.NaN);
      expect(await acquire('a')).toBeUndefined();
    });

    it('[M10] its holder has a greater token too where its time was up in between', async () => {
      const first = await acquire('a', SHORT_MS);
      const again = await vi.waitFor(
        async () => {
          shop.subject.clock.advance(SHORT_MS);
          const lease = await acquire('a', SHORT_MS / 4);
          expect(lease?.token).toBeGreaterThan(first?.token ?? Number.NaN);
          return lease;
        },
        { timeout: 15_000, interval: 50 },
      );
      expect(again?.holder).toBe('a');
    });

    it('[M10] given back it is free at once, and giving back what another holds takes nothing from it', async () => {
      const first = await acquire('a');
      if (first === undefined) throw new Error('nobody holds it');
      await shop.storage.leases.release(first);
      const second = await acquire('b');
      expect(second?.token).toBeGreaterThan(first.token);
      await shop.storage.leases.release(first);
      expect(await acquire('a')).toBeUndefined();
    });

    it('[M11] a transaction under a lease is written while nobody has held it since', async () => {
      const lease = await acquire('a');
      if (lease === undefined) throw new Error('nobody holds it');
      await shop.storage.leases.release(lease);
      const result = await shop.storage.transact(requestOf(SHOP, () => null, { lease }));
      expect(result.ok).toBe(true);
    });

    it('[M11] once another has held it, it is refused, and no planner runs (REP-6)', async () => {
      const stale = await acquire('a', SHORT_MS);
      const lease = await succeed('b');
      if (stale === undefined) throw new Error('nobody holds it');
      const plan = vi.fn(() => null);
      const refused = await shop.storage.transact(requestOf(SHOP, plan, { lease: stale }));
      expect(refused).toMatchObject({ ok: false, rejection: { code: 'UNAVAILABLE' } });
      expect(plan).not.toHaveBeenCalled();
      expect((await shop.storage.transact(requestOf(SHOP, plan, { lease }))).ok).toBe(true);
      expect(plan).toHaveBeenCalled();
    });

    it('[M10] of many that ask at the same time one gets it', async () => {
      const holders = Array.from({ length: 20 }, (_, index) => `server-${index}`);
      const leases = await Promise.all(holders.map((holder) => acquire(holder)));
      expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
    });
  });
}
