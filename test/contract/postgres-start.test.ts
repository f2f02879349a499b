import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeStartFault } from '../../server/src/process/start-fault.ts';
import { parseSettings } from '../../server/src/settings/settings.ts';
import { prepareSession } from '../../server/src/storage/postgres/session-settings.ts';
import { projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { PostgresServers } from './postgres-servers.ts';
import { SHOP } from './storage-shop.ts';
import { write } from './storage-subject.ts';

const STEPS = fileURLToPath(new URL('../../server/migrations/postgres', import.meta.url));

describe.skipIf(postgresMissing !== undefined)(`starting on PostgreSQL${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  beforeEach(() => servers.begin());
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  test('[PG6] commits wait for the disk where the user or the database has it otherwise', async () => {
    const { database } = servers;
    const name = new URL(database.url).pathname.slice(1);
    await database.query(`alter database ${name} set synchronous_commit = off`);
    try {
      const session = await database.session();
      const query = async (text: string) => (await session.query<Record<string, unknown>>(text)).rows;
      const show = () => query('show synchronous_commit');
      expect(await show()).toEqual([{ synchronous_commit: 'off' }]);
      await prepareSession(query);
      expect(await show()).toEqual([{ synchronous_commit: 'on' }]);
      await session.end();
      // What a transaction reads back of itself before it writes, in this database too.
      await write(await servers.start(), null, () => projectDraft(SHOP, ['production']));
    } finally {
      await database.query(`alter database ${name} reset synchronous_commit`);
    }
  });

  test('[PG6] a server that will not let commits wait for the disk is refused', async () => {
    const stubborn = async () => [{ durability: 'off' }];
    await expect(prepareSession(stubborn)).rejects.toThrow(/synchronous_commit = off.*ALTER ROLE/s);
    for (const durable of ['on', 'local', 'remote_write', 'remote_apply']) {
      await expect(prepareSession(async () => [{ durability: durable }])).resolves.toBeUndefined();
    }
  });

  test('[PG7] every connection has its timeouts', async () => {
    const session = await servers.database.session();
    const query = async (text: string) => (await session.query<Record<string, unknown>>(text)).rows;
    await prepareSession(query);
    const names = ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout'];
    const shown = await query(
      `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`,
    );
    expect(Object.values(shown[0] ?? {})).toEqual(['2s', '5s', '10s']);
    await session.end();
  });

  test('[PG13] servers that start together on an empty database make its tables once', async () => {
    await servers.database.query('drop schema public cascade');
    await servers.database.query('create schema public');
    const started = await Promise.all(Array.from({ length: 4 }, () => servers.start()));
    for (const storage of started) expect(await storage.projects()).toEqual([]);
    const rows = await servers.database.query(
      'select step, count(*)::int from dimmer_migrations group by step',
    );
    expect(rows.every(({ count }) => count === 1)).toBe(true);
    expect(rows.length).toBeGreaterThan(0);
  });

  describe('steps', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'dimmer-steps-'));
      await servers.database.query('drop schema public cascade');
      await servers.database.query('create schema public');
    });
    afterEach(async () => {
      await rm(folder, { recursive: true });
      await servers.database.query('drop schema public cascade');
      await servers.database.query('create schema public');
    });

    test('[PG13] a step that fails leaves nothing of itself, and the next start goes on from there', async () => {
      await servers.start().then((storage) => storage.close());
      const next = await nextStep();
      await step(folder, next, 'create table later (id integer);\n--> statement-breakpoint\nselect 1 / 0;');
      await expect(servers.start({ migrationsFolder: folder })).rejects.toThrow('division by zero');
      expect(await tableIsThere('later')).toBe(false);
      await step(folder, next, 'create table later (id integer);');
      await servers.start({ migrationsFolder: folder });
      expect(await tableIsThere('later')).toBe(true);
    });

    test('[PG14] a server of the version before works on tables of the next, unless a step says that it cannot', async () => {
      await servers.start().then((storage) => storage.close());
      const next = await nextStep();
      await step(folder, next, 'create table later (id integer);');
      await servers.start({ migrationsFolder: folder }).then((storage) => storage.close());
      const before = await servers.start();
      expect(await before.projects()).toEqual([]);
      await before.close();
      await step(folder, next + 1, 'drop table later;', next + 1);
      await servers.start({ migrationsFolder: folder }).then((storage) => storage.close());
      await expect(servers.start()).rejects.toMatchObject({
        fault: 'unavailable',
        message: expect.stringContaining('newer version'),
      });
    });

    /** Writes a step after those of this version, which the folder gets too. */
    async function step(into: string, number: number, statements: string, leastReader = 0): Promise<void> {
      await cp(STEPS, into, { recursive: true });
      const name = `${String(number).padStart(4, '0')}_test.sql`;
      await writeFile(join(into, name), `-- least reader: ${leastReader}\n${statements}\n`);
    }
  });

  test.each([
    ['nothing listens', { port: '1' }, /Start PostgreSQL there/],
    ['the name leads nowhere', { hostname: 'nowhere.invalid' }, /Correct the host name/],
    [
      'the database is missing',
      { pathname: '/dimmer_missing' },
      /createdb -h \S+ -p \d+ -U \S+ dimmer_missing/,
    ],
    ['the user is unknown', { username: 'dimmer_nobody' }, /Correct the user dimmer_nobody/],
  ])('[PG16] where %s, the start says what to do', async (_, change, remedy) => {
    const url = new URL(servers.database.url);
    Object.assign(url, { password: 'hunter2', ...change });
    const fault = await servers.start({ url: url.href }).catch((error: unknown) => error);
    const parsed = parseSettings({ DIMMER_DATABASE_URL: url.href });
    if (!parsed.ok) throw new Error('the URL was refused');
    const line = describeStartFault(fault, parsed.settings);
    expect(line).toMatch(remedy);
    expect(line).not.toContain('hunter2');
  });

  test('[PG16] a user who may make no tables is told which right is missing', async () => {
    const role = `dimmer_reader_${process.pid}`;
    const { database } = servers;
    await database.query('drop schema public cascade');
    await database.query('create schema public');
    await database.query(`create role ${role} login`);
    try {
      const url = new URL(database.url);
      url.username = role;
      await expect(servers.start({ url: url.href })).rejects.toThrow(/GRANT/);
    } finally {
      await database.query(`drop owned by ${role}`);
      await database.query(`drop role ${role}`);
    }
  });

  async function nextStep(): Promise<number> {
    const [row] = await servers.database.query('select max(step) + 1 as next from dimmer_migrations');
    return Number(row?.['next']);
  }

  async function tableIsThere(name: string): Promise<boolean> {
    const [row] = await servers.database.query('select to_regclass($1) is not null as found', [name]);
    return row?.['found'] === true;
  }
});
