import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { GivenSecrets, NewSecrets } from './bootstrap.ts';
import { bootstrap } from './bootstrap.ts';
import { hashOf } from './secret.ts';

const clock = { now: () => Date.parse('2026-11-21T09:00:00Z') };
const ADMIN = `dim_adm_${'a'.repeat(32)}`;
const SERVER = `dim_srv_${'b'.repeat(32)}`;
const CLIENT = `dim_cli_${'c'.repeat(32)}`;

async function boot(storage: MemoryStorage, given: GivenSecrets): Promise<NewSecrets> {
  const made = await bootstrap(storage, given, { clock, random: systemRandom });
  if (!made.ok) throw new Error(made.rejection.detail);
  return made.value;
}

test('[A14] the first boot makes a project, an admin key and a server key, and says their secrets', async () => {
  const storage = new MemoryStorage({ clock });
  const made = await boot(storage, {});
  expect(made).toEqual({
    admin: expect.stringMatching(/^dim_adm_/),
    server: expect.stringMatching(/^dim_srv_/),
  });
  expect([...((await storage.read('default'))?.environments.keys() ?? [])]).toEqual([
    'production',
    'staging',
    'development',
  ]);
  const hashes = (await storage.keys()).map(({ hash }) => hash);
  expect(new Set(hashes)).toEqual(new Set([hashOf(made.admin ?? ''), hashOf(made.server ?? '')]));
});

test('[A14] a second boot makes nothing', async () => {
  const storage = new MemoryStorage({ clock });
  await boot(storage, {});
  expect(await boot(storage, {})).toEqual({});
  expect(await storage.keys()).toHaveLength(2);
  expect(await storage.audit({ limit: 10 })).toHaveLength(1);
});

test('[U9] a boot that finds everything only reads', async () => {
  const storage = new MemoryStorage({ clock });
  const given = { admin: ADMIN, server: SERVER };
  await boot(storage, given);
  const transact = (): never => {
    throw new Error('a transaction was begun');
  };
  const reading = { keys: () => storage.keys(), projects: () => storage.projects(), transact };
  expect(await bootstrap(reading, given, { clock, random: systemRandom })).toEqual({ ok: true, value: {} });
  await expect(bootstrap(reading, { client: CLIENT }, { clock, random: systemRandom })).rejects.toThrow(
    'begun',
  );
});

test('[A15] given secrets are used, and none is made beside them', async () => {
  const storage = new MemoryStorage({ clock });
  expect(await boot(storage, { admin: ADMIN, server: SERVER, client: CLIENT })).toEqual({});
  const keys = await storage.keys();
  expect(keys.map(({ kind, project, environment }) => [kind, project, environment])).toEqual(
    expect.arrayContaining([
      ['admin', null, null],
      ['server', 'default', 'production'],
      ['client', 'default', 'production'],
    ]),
  );
  expect(keys).toHaveLength(3);
});

test('[A15] a secret that is given later is added at that boot, once', async () => {
  const storage = new MemoryStorage({ clock });
  await boot(storage, {});
  await boot(storage, { admin: ADMIN });
  await boot(storage, { admin: ADMIN });
  const hashes = (await storage.keys()).map(({ hash }) => hash);
  expect(hashes.filter((hash) => hash === hashOf(ADMIN))).toHaveLength(1);
  expect(hashes).toHaveLength(3);
});

test('[A15] nothing that is stored holds a secret', async () => {
  const storage = new MemoryStorage({ clock });
  await boot(storage, { admin: ADMIN, server: SERVER });
  const stored = JSON.stringify([await storage.keys(), await storage.audit({ limit: 10 })]);
  for (const secret of [ADMIN, SERVER]) expect(stored).not.toContain(secret);
});
