import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Lease } from '../../server/src/storage/lease-store.ts';
import { projectDraft } from '../contract/draft-builder.ts';
import { postgresMissing } from '../contract/postgres-database.ts';
import { PostgresServers } from '../contract/postgres-servers.ts';
import { SHOP } from '../contract/storage-shop.ts';
import { requestOf, write } from '../contract/storage-subject.ts';

/** How often a leader is overtaken between its decision and its commit. */
const ROUNDS = Number(process.env['DIMMER_TEST_ROUNDS'] ?? 25);

const WAIT = { timeout: 40_000, interval: 5 };

describe.skipIf(postgresMissing !== undefined)(`leases on PostgreSQL ${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  beforeAll(() => servers.begin());
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  test('[M11] a leader that is held up and overtaken before it writes is refused, every time (REP-6)', async () => {
    const [slow, quick] = await Promise.all([servers.start(), servers.start()]);
    await write(slow, null, () => projectDraft(SHOP, ['production']));
    const session = await servers.database.session();
    const done: string[] = [];
    const step = (name: string, lease: Lease) =>
      requestOf(
        SHOP,
        () => {
          done.push(name);
          return null;
        },
        { lease },
      );
    for (let round = 0; round < ROUNDS; round += 1) {
      const stale = await vi.waitFor(() => held(slow.leases.acquire('work', `slow ${round}`, 20)), WAIT);
      // What the planner would see is locked by another for a while: long enough for the lease to end.
      await session.query('begin');
      await session.query('select from projects where key = $1 for update', [SHOP]);
      const writing = slow.transact(step(`stale ${round}`, stale));
      const lease = await vi.waitFor(
        () => held(quick.leases.acquire('work', `quick ${round}`, 60_000)),
        WAIT,
      );
      await session.query('commit');
      expect(await writing).toMatchObject({ ok: false, rejection: { code: 'UNAVAILABLE' } });
      expect(await quick.transact(step(`step ${round}`, lease))).toMatchObject({ ok: true });
      await quick.leases.release(lease);
    }
    await session.end();
    expect(done).toEqual(Array.from({ length: ROUNDS }, (_, round) => `step ${round}`));
  }, 240_000);

  test('[M11] a lease cannot be taken over while a transaction under it runs', async () => {
    const [one, other] = await Promise.all([servers.start(), servers.start()]);
    await write(one, null, () => projectDraft('another', ['production']));
    const lease = await vi.waitFor(() => held(one.leases.acquire('work', 'one', 20)), WAIT);
    const session = await servers.database.session();
    await session.query('begin');
    await session.query(`select from leases where name = 'work' for share`);
    let isTaken = false;
    const taking = vi
      .waitFor(() => held(other.leases.acquire('work', 'other', 60_000)), WAIT)
      .then((next) => {
        isTaken = true;
        return next;
      });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isTaken).toBe(false);
    await session.query('commit');
    expect((await taking).token).toBeGreaterThan(lease.token);
    await session.end();
  });
});

async function held(acquired: Promise<Lease | undefined>): Promise<Lease> {
  const lease = await acquired;
  if (lease === undefined) throw new Error('another holds the lease');
  return lease;
}
