import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Damage } from '../../server/src/storage/rows/damage.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { PostgresServers } from './postgres-servers.ts';
import { PRODUCTION, SHOP } from './storage-shop.ts';
import { projectOf, write } from './storage-subject.ts';

const damagedRows = [
  [`update flags set document = '{"key":"a"}' where key = 'a'`, 'flag', 'shop/a'],
  [`update configurations set document = '' where flag = 'a'`, 'configuration', 'shop/production/a'],
  [`update segments set document = 'null' where key = 'beta'`, 'segment', 'shop/production/beta'],
] as const;

describe.skipIf(postgresMissing !== undefined)(`damaged rows in PostgreSQL${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  let sound: Storage;

  beforeEach(async () => {
    await servers.begin();
    sound = await servers.start();
    await write(sound, null, () => projectDraft(SHOP, ['production']));
    await write(sound, SHOP, (world) =>
      commitDraft(
        projectOf(world),
        ['production'],
        [
          { type: 'flag', key: 'a', enabled: true },
          { type: 'flag', key: 'b' },
          { type: 'segment', key: 'beta', included: ['user-1'] },
        ],
      ),
    );
  });
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  test.each(damagedRows)(
    '[PG19] after %s the last good version is used, and %s %s is reported',
    async (sql, kind, name) => {
      await servers.database.query(sql);
      const damages: Damage[] = [];
      const other = await servers.start({ onDamage: (one) => damages.push(one) });
      expect(await other.read(SHOP)).toEqual(await sound.read(SHOP));
      expect(damages).toMatchObject([{ kind, name }]);
    },
  );

  test.each(damagedRows)(
    '[PG19] after %s, without history, one %s is left out and all others load',
    async (sql) => {
      await sound.prune({ revisions: 0, days: 0 });
      await servers.database.query(sql);
      const state = await (await servers.start()).read(SHOP);
      const production = state?.environments.get('production');
      const loaded = [state?.flags.size, production?.flags.size, production?.segments.size];
      expect(loaded.reduce((sum: number, size) => sum + (size ?? 0), 0)).toBe(4);
    },
  );

  test('[PG19] a damaged definition comes back opaque, a damaged change stays, and both can be written anew', async () => {
    await servers.database.query(`update definitions set document = '{"kind"' where key = 'a'`);
    await servers.database.query(`update changed_objects set before = 'x', after = 'y' where key = 'a'`);
    const snapshot = await sound.snapshot(PRODUCTION);
    expect(snapshot?.objects).toHaveLength(3);
    expect(snapshot?.objects).toContainEqual(expect.objectContaining({ key: 'a', version: 1, opaque: true }));
    const [change] = await sound.changesAfter(PRODUCTION, 0, 10);
    expect(change?.objects).toHaveLength(3);
    expect((await sound.differencesAt(PRODUCTION, 0))?.map(({ key }) => key)).toEqual(['b', 'beta']);
    await write(sound, SHOP, (world) =>
      commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]),
    );
    expect((await sound.snapshot(PRODUCTION))?.objects).not.toContainEqual(
      expect.objectContaining({ opaque: true }),
    );
  });
});
