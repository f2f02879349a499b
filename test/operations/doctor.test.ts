import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, systemSchedule } from '@dimmer/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPostgresStorage } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import { createTestDatabase, postgresMissing } from '../contract/postgres-database.ts';
import { createServerProcess, freePort } from '../faults/server-process.ts';

const COMMAND = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));

interface Finding {
  readonly level: string;
  readonly area: string;
  readonly found: string;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the shipped command with these variables and none of the test's own. */
async function doctor(args: readonly string[], variables: Record<string, string> = {}) {
  const child = spawn(process.execPath, [COMMAND, 'doctor', '--json', ...args], {
    env: { PATH: process.env['PATH'], ...variables },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part) => {
    out += String(part);
  });
  child.stderr.on('data', (part) => {
    err += String(part);
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(err).toBe('');
  return { code, text: out, findings: (JSON.parse(out) as { findings: Finding[] }).findings };
}

test('[P17] looks at a server and at the SQLite file that it holds, and disturbs neither', async () => {
  const server = await createServerProcess(join(folder, 'dimmer.db'));
  await server.start();
  try {
    await mkdir(join(folder, 'backups'));
    await writeFile(join(folder, 'backups/today.db'), '');
    const { code, findings, text } = await doctor(
      ['--url', server.url, '--backups', join(folder, 'backups')],
      {
        DIMMER_DATABASE_URL: `file:${join(folder, 'dimmer.db')}`,
        DIMMER_ADMIN_KEY: server.adminKey,
      },
    );
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(code).toBe(0);
    const found = findings.map((finding) => finding.found);
    expect(found).toContain(`Process ${server.pid()} uses it.`);
    expect(found).toContain('Its quick check finds nothing.');
    expect(found).toContain('It takes the admin key.');
    expect(text).not.toContain(server.adminKey);
    const write = await fetch(`${server.url}/api/v1/projects/default/flags`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: '{"key":"after"}',
    });
    expect(write.status).toBe(201);
  } finally {
    await server.end('SIGTERM');
  }
}, 240_000);

test('[P17] runs where the server cannot start, and says why', async () => {
  await writeFile(
    join(folder, 'broken.db'),
    'this is no database, but it is long enough to be looked at'.repeat(100),
  );
  const { code, findings } = await doctor([], {
    DIMMER_PORT: 'many',
    DIMMER_DATABASE_URL: `file:${join(folder, 'broken.db')}`,
  });
  expect(code).toBe(1);
  const problems = findings.filter(({ level }) => level === 'problem');
  expect(problems.map(({ area }) => area)).toEqual(['settings', 'database']);
});

test('[P17] leaves nothing behind where there is no database', async () => {
  const { code } = await doctor([], { DIMMER_DATABASE_URL: `file:${join(folder, 'none/dimmer.db')}` });
  expect(code).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(postgresMissing !== undefined)('[P19] looks at PostgreSQL, and shows no password', async () => {
  const database = await createTestDatabase();
  try {
    const url = new URL(database.url);
    url.password = 'canary-7d1f';
    const { findings, text } = await doctor(['--database', url.href]);
    const found = findings.filter(({ area }) => area === 'database').map((finding) => finding.found);
    expect(found[0]).toMatch(/^PostgreSQL \d+/);
    expect(found).toContain('It has no tables of Dimmer.');
    expect(text).not.toContain('canary-7d1f');
    const role = `dimmer_doctor_${process.pid}`;
    await database.query(`create role ${role} login`);
    // PostgreSQL before 15 lets everybody make tables.
    await database.query('revoke create on schema public from public');
    url.username = role;
    const stranger = await doctor(['--database', url.href]);
    await database.query(`drop role ${role}`);
    expect(stranger.code).toBe(1);
    expect(stranger.text).toContain(`The user ${role} lacks CREATE on the schema public`);
    url.username = new URL(database.url).username;
    const storage = await openPostgresStorage({
      url: database.url,
      clock: systemClock,
      schedule: systemSchedule,
    });
    await storage.close();
    const after = await doctor(['--database', database.url]);
    expect(after.findings.map((finding) => finding.found)).toContainEqual(
      expect.stringMatching(/^Its tables are those of this version/),
    );
    url.pathname = '/none-of-this-name';
    const absent = await doctor(['--database', url.href]);
    expect(absent.code).toBe(1);
    expect(absent.text).toContain('does not exist');
    expect(absent.text).not.toContain('canary-7d1f');
  } finally {
    await database.drop();
  }
});

test('[P19] a certificate that is not there', async () => {
  const { code, findings } = await doctor([
    '--database',
    `postgres://dimmer@127.0.0.1/dimmer?sslmode=verify-full&sslrootcert=${folder}/none.pem`,
  ]);
  expect(code).toBe(1);
  expect(findings.find(({ level }) => level === 'problem')?.found).toContain('no such file');
});

test('[P21] a server that nobody answers for, and one that is something else', async () => {
  const port = await freePort();
  const variables = { DIMMER_DATABASE_URL: `file:${join(folder, 'dimmer.db')}` };
  const { code, findings } = await doctor(['--url', `http://127.0.0.1:${port}`], variables);
  const named = await doctor(['--url', `http://me:canary-7d1f@127.0.0.1:${port}`], variables);
  expect(named.code).toBe(1);
  expect(named.text).not.toContain('canary-7d1f');
  expect(code).toBe(1);
  expect(findings.find(({ level }) => level === 'problem')?.found).toContain('ECONNREFUSED');
});
