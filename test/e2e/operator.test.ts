import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { type OperatorProcess, startOperator } from './operator-process.ts';

const RUNNER = fileURLToPath(new URL('../contract/run-program.mjs', import.meta.url));
const FOLLOWER = fileURLToPath(new URL('../receipts/receipt-follower.ts', import.meta.url));
const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;

let directory: string;
let server: ServerProcess;
let web: Dimmer;
let straggler: ChildProcess;
const started: OperatorProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-operator-'));
  server = await createServerProcess(join(directory, 'dimmer.db'));
  await server.start();
  for (const key of ['checkout-v2', 'new-cart'])
    await send('POST', `${PROJECT}/flags`, { key, tags: ['checkout'] });
  await send('PATCH', `${ENVIRONMENT}/flags/checkout-v2`, {
    enabled: true,
    fallthrough: { rollout: { weights: { on: 100, off: 0 } } },
  });
  web = new Dimmer({
    url: server.url,
    key: server.serverKey,
    cache: false,
    application: { instance: 'web-1' },
  });
  straggler = spawn(process.execPath, [RUNNER, FOLLOWER, server.url, server.serverKey, 'web-7', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.all([web.ready({ timeoutMs: 40_000 }), straggler.stdout && once(straggler.stdout, 'data')]);
  await vi.waitFor(
    async () => {
      const { items } = JSON.parse((await dimmer(['instances', '--json'])).out) as {
        items: { state: string }[];
      };
      expect(items.map(({ state }) => state)).toEqual(['LIVE', 'LIVE']);
    },
    { timeout: 40_000 },
  );
});

afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  straggler.kill('SIGKILL');
  await web.close();
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

beforeEach(async () => {
  await dimmer(['restore', 'checkout-v2', '--reason', 'before a test']);
});

test('[O6, O3] a kill with --wait is off everywhere when the command ends with 0', async () => {
  await vi.waitFor(() => expect(web.boolean('checkout-v2', { targetingKey: 'user-1' }, false)).toBe(true), {
    timeout: 40_000,
  });
  const { code, out } = await dimmer(['kill', 'checkout-v2', '--reason', 'payments fail', '--wait', '20s']);
  expect(web.detail('checkout-v2', { targetingKey: 'user-1' }, true)).toMatchObject({
    value: false,
    reason: 'KILLED',
  });
  expect(out).toMatch(/^Killed checkout-v2 in default\/production: revision \d+, until restored\.\n/);
  expect(out).toContain('Applied by 2 of 2 instances.');
  expect(code).toBe(0);

  const again = await dimmer(['kill', 'checkout-v2', '--reason', 'payments fail', '--wait', '--json']);
  expect(JSON.parse(again.out)).toMatchObject({ changed: false, receipt: { complete: true, instances: 2 } });

  const status = await dimmer(['status', 'checkout-v2']);
  expect(status.out).toMatch(/^killed +YES since \S+ by "bootstrap admin": payments fail$/m);
  expect(status.out).toMatch(/^instances +revision \d+: applied by 2 of 2$/m);
});

test('[O6, O7, O8, O15] a straggler is named, and the kill stands: exit code 3', async () => {
  straggler.kill('SIGSTOP');
  try {
    const killed = await dimmer([
      'kill',
      '--tag',
      'checkout',
      '--reason',
      'too slow',
      '--expires',
      '2h',
      '--wait',
      '5s',
    ]);
    expect(killed.out).toMatch(/^Killed 2 flags in default\/production/);
    expect(killed.out).toMatch(/^web-7 .* LIVE +\d+ +open/m);
    expect(killed.err).toMatch(/^applied by 1 of 2, waiting for web-7 \(.+\) \.\.\.$/m);
    expect(killed.err).toContain('The kill is committed; not everybody has applied it yet.');
    expect(killed.code).toBe(3);
    expect(web.detail('checkout-v2', { targetingKey: 'user-1' }, true).reason).toBe('KILLED');

    const waiting = start(['kill', 'checkout-v2', '--reason', 'again', '--wait', '60s']);
    await vi.waitFor(() => expect(waiting.err()).toContain('waiting for web-7'), { timeout: 40_000 });
    waiting.child.kill('SIGINT');
    expect(await waiting.exit).toBe(3);
    expect(waiting.err()).toMatch(/Interrupted\. The kill is committed: revision \d+\./);
    expect((await dimmer(['receipt'])).code).toBe(3);
  } finally {
    straggler.kill('SIGCONT');
  }
  expect((await dimmer(['receipt', '--wait', '60s'])).code).toBe(0);
});

test('[O11] a revert is looked at, done and in the history', async () => {
  const before = (
    JSON.parse((await dimmer(['history', '--json', '--limit', '1'])).out) as { items: { revision: number }[] }
  ).items[0]?.revision;
  await send('PATCH', `${ENVIRONMENT}/flags/checkout-v2`, {
    fallthrough: { rollout: { weights: { on: 30, off: 70 } } },
  });
  const to = ['revert', '--to', String(before)];
  const dry = await dimmer([...to, '--dry-run']);
  expect(dry.out).toMatch(/^flag checkout-v2\n {2}fallthrough\.rollout\.weights\.on: 30 -> 100$/m);
  const done = await dimmer([...to, '--reason', 'back']);
  expect(done.out).toMatch(
    /^Reverted default\/production to revision \d+: 1 object changed, revision \d+\.$/m,
  );
  const history = await dimmer(['history', '--flag', 'checkout-v2', '--limit', '2']);
  expect(history.out.split('\n')[1]).toMatch(/revert +checkout-v2 +back$/);
});

test('[O13] watch shows a change and its receipt, goes on over a restart, and ends with 0 on Ctrl-C', async () => {
  const [people, script] = [start(['watch']), start(['watch', '--json'])];
  const watches = [people, script];
  for (const { err } of watches)
    await vi.waitFor(() => expect(err()).toContain('Watching;'), { timeout: 40_000 });
  await dimmer(['kill', 'new-cart', '--reason', 'see it']);
  await vi.waitFor(
    () => {
      expect(people.out()).toMatch(/flag\.kill of new-cart by "bootstrap admin": see it/);
      expect(people.out()).toMatch(/receipt +\d+ {2}applied by 2 of 2/);
      expect(script.out()).toContain('"receipt"');
    },
    { timeout: 40_000 },
  );
  await server.end('SIGTERM');
  await server.start();
  await dimmer(['restore', 'new-cart', '--reason', 'after the restart']);
  await vi.waitFor(() => expect(people.out()).toContain('flag.restore of new-cart'), {
    timeout: 40_000,
  });
  await vi.waitFor(() => expect(script.out()).toContain('after the restart'), { timeout: 40_000 });
  for (const { child, exit } of watches) {
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  }
  const events = script
    .out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  expect(new Set(events.map(({ event }) => event))).toEqual(
    new Set(['hello', 'change', 'receipt', 'goodbye']),
  );
});

test('[O1, O2] what goes wrong has its exit code, and says what to do', async () => {
  const kill = ['kill', 'checkout-v2', '--reason', 'x'];
  const away = await dimmer([...kill, '--url', 'http://127.0.0.1:2', '--retry', '1s']);
  expect([away.code, away.err]).toEqual([4, expect.stringContaining('Nothing was changed')]);

  const stranger = await dimmer(kill, { DIMMER_ADMIN_KEY: `dim_adm_${'Other0'.repeat(6)}` });
  expect([stranger.code, stranger.err]).toEqual([5, expect.stringContaining('(UNAUTHENTICATED, request ')]);

  const unknown = await dimmer(['kill', 'chekout', '--reason', 'x']);
  expect([unknown.code, unknown.out]).toEqual([1, '']);
  expect(unknown.err).toContain('There is no flag "chekout". (FLAG_NOT_FOUND');

  const keyless = await dimmer(kill, { DIMMER_ADMIN_KEY: '' });
  expect([keyless.code, keyless.err]).toEqual([2, expect.stringContaining('DIMMER_ADMIN_KEY is not set')]);

  for (const wrong of [
    ['kill'],
    ['kill', 'a'],
    ['kil'],
    ['receipt', 'x'],
    ['revert', '--to', '1'],
    [...kill, '--wait', 'long'],
    [...kill, '--key', 'k'],
  ]) {
    const { code, out, err } = await dimmer(wrong);
    expect([wrong, code, out]).toEqual([wrong, 2, '']);
    expect(err).toMatch(/^error: /);
  }
});

test('[O2, O14] the help has the exit codes, and is there without loading the server', async () => {
  const traced = { NODE_DEBUG: 'module' };
  const { code, out, err } = await dimmer(['kill', '--help'], traced);
  expect([code, out]).toEqual([0, expect.stringMatching(/Exit codes:\n +0 +done\n/)]);
  expect(err).toContain('commander');
  expect(err).not.toContain('better-sqlite3');
  // The trace would tell: this one loads the server, and ends on a setting.
  expect((await dimmer(['serve', '--port', 'x'], traced)).err).toContain('better-sqlite3');
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function dimmer(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const run = start(args, variables);
  const code = await run.exit;
  return { code, out: run.out(), err: run.err() };
}

function start(args: readonly string[], variables: Readonly<Record<string, string>> = {}): OperatorProcess {
  const run = startOperator(args, {
    DIMMER_URL: server.url,
    DIMMER_ADMIN_KEY: server.adminKey,
    ...variables,
  });
  started.push(run);
  return run;
}

async function send(method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
