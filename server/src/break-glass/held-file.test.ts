import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { systemRandom } from '../platform/random.ts';
import type { HeldFile } from './held-file.ts';
import { createHeldFile, notKept, UNHELD_MAX_MS } from './held-file.ts';
import { heldFilePath } from './held-file-path.ts';
import type { HeldKill } from './held-kills.ts';
import { HeldKills } from './held-kills.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const environment = { project: 'shop', environment: 'production' };
const actor = { id: 'k1', name: 'ops' };
const OTHER = { project: 'shop', environment: 'staging' };

let folder: string;
let time: ManualSchedule;
const said: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-held-file-'));
  time = new ManualSchedule();
  said.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function killOf(flag: string, expiresInMs?: number): HeldKill {
  const at = new Date(time.now()).toISOString();
  const kill = { reason: 'payments fail', by: 'ops', at };
  if (expiresInMs === undefined) return { environment, flag, kill, actor };
  const expiresAt = new Date(time.now() + expiresInMs).toISOString();
  return { environment, flag, kill: { ...kill, expiresAt }, actor };
}

/** A run of a process over the file. */
function run(secret = '', path = join(folder, 'held-kills.json')): { held: HeldKills; file: HeldFile } {
  const held = new HeldKills(systemRandom);
  const log = pino({ level: 'info' }, { write: (line) => void said.push(line) });
  const parts = { path, secret, held, clock: time, random: systemRandom, schedule: time, log };
  return { held, file: createHeldFile(parts) };
}

async function nextRun(secret = ''): Promise<readonly HeldKill[]> {
  const { held, file } = run(secret);
  await file.load();
  await file.close();
  return held.all();
}

const linesAt = (level: number): readonly Record<string, unknown>[] =>
  said.map((line) => JSON.parse(line)).filter((line) => line.level === level);

test('[BG21] what is held is there for the next run, as it was asked for', async () => {
  const { held, file } = run();
  await file.load();
  const kills = [killOf('checkout-v2', 3_600_000), { ...killOf('search'), environment: OTHER }];
  for (const kill of kills) held.hold(kill.environment, [kill]);
  expect(await file.keep()).toBe(true);
  expect(await nextRun()).toEqual(kills);
  expect((await stat(join(folder, 'held-kills.json'))).mode & 0o777).toBe(0o600);
  expect(linesAt(40)).toMatchObject([{ flag: 'checkout-v2', actor }, { flag: 'search' }]);
});

test('[BG21] a reason and an expiry that were replaced are those that are kept', async () => {
  const { held, file } = run();
  held.hold(environment, [killOf('checkout-v2', 1_000)]);
  void file.keep();
  const later = { ...killOf('checkout-v2'), kill: { ...killOf('checkout-v2').kill, reason: 'worse' } };
  held.hold(environment, [later]);
  expect(await file.keep()).toBe(true);
  expect(await nextRun()).toEqual([later]);
  held.drop(environment, [later]);
  await file.keep();
  expect(await nextRun()).toEqual([]);
});

test('[BG19, BG21] relays of earlier builds read the file, and theirs is read', async () => {
  const kills = [killOf('checkout-v2')];
  const seal = (body: string): string => createHmac('sha256', 'dim_adm_x').update(body).digest('hex');
  const earlier = JSON.stringify({ format: 1, kills });
  await writeFile(join(folder, 'held-kills.json'), `${seal(earlier)}\n${earlier}`);
  const { held, file } = run('dim_adm_x');
  await file.load();
  expect(held.all()).toEqual(kills);
  await file.keep();
  const [sealed, body = ''] = (await readFile(join(folder, 'held-kills.json'), 'utf8')).split('\n');
  expect([sealed, JSON.parse(body)]).toEqual([seal(body), expect.objectContaining({ format: 1, kills })]);
});

test.each([
  ['is damaged', (text: string) => text.replace('payments', 'paymentz')],
  ['is cut off', (text: string) => text.slice(0, 90)],
  ['is empty', () => ''],
])('[BG21] a file that %s is not used, which is said with what to do', async (_how, spoil) => {
  const { held, file } = run();
  held.hold(environment, [killOf('checkout-v2')]);
  await file.keep();
  const path = join(folder, 'held-kills.json');
  await writeFile(path, spoil(await readFile(path, 'utf8')));
  expect(await nextRun()).toEqual([]);
  expect(linesAt(50)).toMatchObject([
    { file: path, problem: expect.any(String), msg: expect.stringContaining('kill again') },
  ]);
});

test('[BG21] neither is one of another key, of a later form, or a folder', async () => {
  const { held, file } = run('one key');
  held.hold(environment, [killOf('checkout-v2')]);
  await file.keep();
  expect(await nextRun('another')).toEqual([]);
  const path = join(folder, 'held-kills.json');
  for (const body of ['{"format":2,"kills":[]}', 'no JSON']) {
    await writeFile(path, `${createHmac('sha256', '').update(body).digest('hex')}\n${body}`);
    expect(await nextRun()).toEqual([]);
  }
  await unlink(path);
  await mkdir(path);
  expect(await nextRun()).toEqual([]);
  const problems = linesAt(50).flatMap(({ problem }) => problem ?? []);
  expect(problems).toEqual([
    'it is damaged, or was written with another key',
    'its form is not known',
    'its form is not known',
    'it is not a file',
  ]);
});

test('[BG21] where nothing is kept, it is said at the start, with what to do', async () => {
  const lines: string[] = [];
  const file = notKept(pino({ level: 'warn' }, { write: (line) => void lines.push(line) }));
  expect(lines).toEqual([]);
  await file.load();
  expect(lines).toEqual([expect.stringContaining('Set DIMMER_HELD_KILLS_DIR')]);
  expect([await file.keep(), await file.close()]).toEqual([false, false]);
});

test('[BG21] a folder that cannot be written is said at the start, once, and stops nothing', async () => {
  await writeFile(join(folder, 'in-the-way'), '');
  const { held, file } = run('', join(folder, 'in-the-way', 'held-kills.json'));
  await file.load();
  const unwritable = (): number =>
    linesAt(50).filter(({ msg }) => /Make the folder writable/.test(String(msg))).length;
  expect(unwritable()).toBe(1);
  held.hold(environment, [killOf('checkout-v2')]);
  expect([await file.keep(), await file.keep()]).toEqual([false, false]);
  expect(unwritable()).toBe(1);
  await unlink(join(folder, 'in-the-way'));
  // Nobody has to ask again.
  time.pass(60_000);
  await vi.waitFor(
    () => expect(linesAt(30)).toMatchObject([{ msg: 'held kills are written again' }]),
    PATIENTLY,
  );
  expect(await file.close()).toBe(true);
});

test('[BG22] what has expired meanwhile is held no more', async () => {
  const { held, file } = run();
  held.hold(environment, [killOf('checkout-v2', 30_000), killOf('search')]);
  await file.close();
  time.pass(30_000);
  expect((await nextRun()).map(({ flag }) => flag)).toEqual(['search']);
  expect(linesAt(40)).toMatchObject([
    { flag: 'checkout-v2', msg: 'a held kill expired' },
    { flag: 'search' },
  ]);
});

test('[BG22] neither is what no process has held for a day, however long it was held before', async () => {
  const { held, file } = run();
  held.hold(environment, [killOf('checkout-v2')]);
  await file.keep();
  for (let hours = 0; hours < 48; hours += 1) time.pass(3_600_000);
  await file.close();
  time.pass(UNHELD_MAX_MS);
  // Looked at, and held by nobody.
  await run().file.load();
  expect(linesAt(50)).toEqual([]);
  time.pass(1);
  expect(await nextRun()).toEqual([]);
  expect(linesAt(50)).toMatchObject([
    { flag: 'checkout-v2', msg: expect.stringContaining('nobody has held it for a day') },
  ]);
});

test('[BG22] a process that holds kills says so each minute', async () => {
  const { held, file } = run();
  held.hold(environment, [killOf('checkout-v2')]);
  await file.keep();
  time.pass(60_000);
  const stamp = `"heldAt":"${new Date(time.now()).toISOString()}"`;
  await vi.waitFor(async () => {
    expect(await readFile(join(folder, 'held-kills.json'), 'utf8')).toContain(stamp);
  }, PATIENTLY);
});

test('[BG21] what killed writers have left is cleared away', async () => {
  const left = join(folder, 'held-kills.json.0011223344556677.tmp');
  await writeFile(left, 'half');
  const longAgo = (time.now() - 120_000) / 1_000;
  await utimes(left, longAgo, longAgo);
  await nextRun();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  [undefined, 'file:./data/dimmer.db', './data/dimmer.db-held-kills.json'],
  [undefined, 'file:///var/lib/dimmer.db', '/var/lib/dimmer.db-held-kills.json'],
  [undefined, 'postgres://dimmer@db/dimmer', undefined],
  ['/held', 'postgres://dimmer@db/dimmer', '/held/held-kills.json'],
  ['/held', 'file:./data/dimmer.db', '/held/held-kills.json'],
])('[BG21] with the folder %s and the database %s it is %s', (heldKillsDir, databaseUrl, path) => {
  expect(heldFilePath({ heldKillsDir, databaseUrl })).toBe(path);
});
