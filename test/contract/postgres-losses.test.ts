import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemSchedule } from '../../server/src/platform/schedule.ts';
import { PgConnections } from '../../server/src/storage/postgres/pg-connections.ts';
import { SeenHistories } from '../../server/src/storage/postgres/seen-histories.ts';
import type { LostCommits, Storage } from '../../server/src/storage/storage.ts';
import { aDraft, commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { PostgresServers } from './postgres-servers.ts';
import { SHOP } from './storage-shop.ts';
import { projectOf, write } from './storage-subject.ts';

const WAIT = { timeout: 20_000, interval: 20 };
const PRODUCTION = { project: SHOP, environment: 'production' };

describe.skipIf(postgresMissing !== undefined)(`commits that are lost${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  let one: Storage;
  let heard: LostCommits[];

  beforeEach(async () => {
    await servers.begin();
    one = await servers.start();
    heard = [];
    one.onLoss?.((lost) => heard.push(lost));
    await write(one, null, () => projectDraft(SHOP, ['production', 'staging']));
    for (const key of ['a', 'b', 'c']) await commit(key);
  });
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  const commit = (key: string): Promise<unknown> =>
    write(one, SHOP, (world) => commitDraft(projectOf(world), ['production'], [{ type: 'flag', key }]));
  const query = (text: string) => servers.database.query(text);
  const epochOf = async (): Promise<string> => (await one.snapshot(PRODUCTION))?.epoch ?? '';
  /** As a server would that was behind: nothing after the first commit. */
  const goBack = async (): Promise<void> => {
    await query('delete from changed_objects where revision > 1');
    await query('delete from changes where revision > 1');
    await query(`update environments set revision = 1 where key = 'production'`);
  };

  test('[PG21] what this server has written and the database lacks is told, again and again, until the epoch is another', async () => {
    const epoch = await epochOf();
    await goBack();
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(1), WAIT);
    expect(heard[0]).toEqual({ ...PRODUCTION, epoch, seen: 3, found: 1 });
    const announced: number[] = [];
    one.onCommit((_, revision) => announced.push(revision));
    await query(`update environments set epoch = 'another' where key = 'production'`);
    await vi.waitFor(() => expect(announced).toEqual([1]), WAIT);
    const count = heard.length;
    await query(`update environments set revision = 2 where key = 'production'`);
    await vi.waitFor(() => expect(announced).toEqual([1, 2]), WAIT);
    expect(heard).toHaveLength(count);
  });

  test('[PG21] commits in the place of others are known by their time, what was pruned is not lost', async () => {
    const connections = new PgConnections({
      url: servers.database.url,
      connectionsMax: 4,
      schedule: systemSchedule,
    });
    try {
      const [row] = await query(`select id, epoch from environments where key = 'production'`);
      const [third] = await query('select at from changes where revision = 3');
      const { id, epoch } = row as { id: number; epoch: string };
      const at = Number((third as { at: string }).at);
      const seen = new SeenHistories();
      seen.note({ id, epoch, revision: 3 }, at);
      expect(await connections.use('reads', (database) => seen.lostIn(database))).toEqual([]);
      // What is read meanwhile from a server that lacks the third takes nothing away.
      seen.note({ id, epoch, revision: 4 }, at + 2);
      await commit('d');
      await query(`update changes set at = ${at + 1} where revision = 3`);
      await query(`update changes set at = ${at + 2} where revision = 4`);
      const lost = [{ ...PRODUCTION, epoch, seen: 3, found: 4 }];
      expect(await connections.use('reads', (database) => seen.lostIn(database))).toEqual(lost);
      await query(`update environments set history_floor = 3 where key = 'production'`);
      expect(await connections.use('reads', (database) => seen.lostIn(database))).toEqual([]);
      await query(`update environments set epoch = 'another' where key = 'production'`);
      expect(await connections.use('reads', (database) => seen.lostIn(database))).toEqual([]);
    } finally {
      await connections.close();
    }
  });

  test('[PG22] a lease of the same number that another holds does not count', async () => {
    const lease = await one.leases.acquire('work', 'server-1', 60_000);
    if (lease === undefined) throw new Error('there is no lease');
    await query(`update leases set holder = 'server-2'`);
    const outcome = await one.transact({
      project: SHOP,
      actor: { id: 'a', name: 'a' },
      lease,
      plan: () => ({
        ok: true,
        value: { draft: aDraft({}), reply: { status: 200, etag: null, body: null } },
      }),
    });
    expect(outcome).toMatchObject({ ok: false, rejection: { code: 'UNAVAILABLE' } });
  });
});
