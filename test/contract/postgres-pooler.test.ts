import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { type Pooler, poolerMissing, startPooler } from './postgres-pooler.ts';
import { PostgresServers } from './postgres-servers.ts';
import { PRODUCTION, SHOP } from './storage-shop.ts';
import { projectOf, write } from './storage-subject.ts';

const WAIT = { timeout: 40_000, interval: 20 };
const missing = postgresMissing ?? poolerMissing;

describe.skipIf(missing !== undefined)(`behind PgBouncer in transaction mode${missing ?? ''}`, () => {
  const servers = new PostgresServers();
  let pooler: Pooler;

  beforeEach(async () => {
    await servers.begin();
    pooler = await startPooler(servers.database.url);
  });
  afterEach(async () => {
    await servers.end();
    await pooler.close();
  });
  afterAll(() => servers.drop());

  test('[PG12] that nothing is heard there is told, and [PG11] commits of others are found all the same', async () => {
    const told: boolean[] = [];
    const heard: number[] = [];
    const direct = await servers.start();
    const pooled = await servers.start({
      url: pooler.url,
      onListening: ({ isListening }) => told.push(isListening),
    });
    pooled.onCommit((_, revision) => heard.push(revision));
    await write(direct, null, () => projectDraft(SHOP, ['production']));
    // A pooler may pass a notification on by chance, to whoever has the connection at that moment: not to be relied on.
    await vi.waitFor(() => expect(told.at(0)).toBe(false), WAIT);
    const commit = (storage: typeof direct, enabled: boolean) =>
      write(storage, SHOP, (world) =>
        commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a', enabled }]),
      );
    await commit(direct, true);
    await vi.waitFor(() => expect(heard).toEqual([1]), WAIT);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => commit(index % 2 === 0 ? direct : pooled, index % 3 === 0)),
    );
    for (const storage of [direct, pooled]) {
      const changes = await storage.changesAfter(PRODUCTION, 0, 100);
      expect(changes.map(({ revision }) => revision)).toEqual(
        Array.from({ length: 21 }, (_, index) => index + 1),
      );
    }
  });
});
