import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { InstanceView, ReceiptView } from '@dimmer/schema/rest';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createRelayProcess, type RelayProcess } from '../faults/relay-process.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import type { Told } from './relay-follower.ts';

const RUNNER = fileURLToPath(new URL('../contract/run-program.mjs', import.meta.url));
const FOLLOWER = fileURLToPath(new URL('relay-follower.ts', import.meta.url));
const ENVIRONMENT = '/api/v1/projects/default/environments/production';
const FLAG = `${ENVIRONMENT}/flags/checkout-v2`;
/** The longest delay of an SDK between two attempts is 30 s. */
const WITHIN = { timeout: 60_000, interval: 50 };

let directory: string;
let server: ServerProcess;
let relay: RelayProcess;
const followers: Follower[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-relay-e2e-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), { DIMMER_HEARTBEAT_MS: '1000' });
  await server.start();
  await send('POST', '/api/v1/projects/default/flags', { key: 'checkout-v2' });
  await send('PATCH', FLAG, { enabled: true });
  relay = await createRelayProcess({
    upstream: server.url,
    key: server.serverKey,
    cache: join(directory, 'relay'),
    name: 'eu-west',
    environment: { DIMMER_HEARTBEAT_MS: '1000' },
  });
  await relay.start();
});

afterAll(async () => {
  await Promise.all(followers.map((follower) => follower.end()));
  await relay.end('SIGTERM');
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test('[RL16] SDKs behind a relay outlive their server, start without it, and are counted in receipts', {
  timeout: 300_000,
}, async () => {
  const first = [startFollower(relay.url, 'behind-1'), startFollower(relay.url, 'behind-2')];
  const direct = startFollower(server.url, 'direct');
  await allTell([...first, direct], { state: 'LIVE', value: true });
  await vi.waitFor(async () => {
    const listed = (await instances()).map(({ id, via, state }) => [id, via, state]);
    expect(listed).toEqual([
      ['behind-1', 'eu-west', 'LIVE'],
      ['behind-2', 'eu-west', 'LIVE'],
      ['direct', null, 'LIVE'],
    ]);
  }, WITHIN);

  const killed = await send('POST', `${FLAG}/kill?wait=30000`, { reason: 'payments fail' });
  expect(killed.receipt).toMatchObject({ instances: 3, applied: 3, complete: true });
  await allTell(followers, { value: false });
  await send('POST', `${FLAG}/restore`, {});
  await allTell(followers, { value: true });

  await server.end('SIGKILL');
  await vi.waitFor(async () => expect(await standing()).toMatchObject({ status: 'stale' }), WITHIN);
  await Promise.all(first.map((follower) => follower.tells((told) => (told.ageMs ?? 0) > 3_000)));
  // Their stream is the relay's and sound; how old what it brings is they say as well.
  await allTell(first, { state: 'LIVE', value: true });
  const second = startFollower(relay.url, 'started-meanwhile');
  await allTell([second], { state: 'LIVE', value: true });

  await relay.end('SIGKILL');
  await relay.start();
  expect(await standing()).toMatchObject({ status: 'stale' });
  const third = startFollower(relay.url, 'started-behind-a-cache');
  await allTell([...first, second, third], { state: 'LIVE', value: true });

  await server.start();
  await vi.waitFor(async () => expect(await standing()).toMatchObject({ status: 'ready' }), WITHIN);
  await allTell(followers, { state: 'LIVE' });
  await vi.waitFor(async () => expect(await instances()).toHaveLength(5), WITHIN);
  const again = await send('POST', `${FLAG}/kill?wait=30000`, { reason: 'again' });
  expect(again.receipt).toMatchObject({ instances: 5, applied: 5, complete: true, stragglers: [] });
  await allTell(followers, { revision: again.revision, value: false });
});

test('[RL15] a relay that is not told what to follow does not start, and says why', async () => {
  const { output, code } = await run(['relay', '--upstream', 'nowhere'], { DIMMER_RELAY_KEYS: '' });
  expect(code).toBe(2);
  expect(output).toContain('DIMMER_RELAY_UPSTREAM must be an http or https URL');
  expect(output).toContain('DIMMER_RELAY_KEYS is not set');
  expect((await run(['relay', '--help'], {})).output).toContain('DIMMER_RELAY_CACHE=./data/relay');
});

interface Follower {
  /** Waits until the program says something that fits. */
  tells(fits: (told: Told) => boolean): Promise<void>;
  end(): Promise<void>;
}

function startFollower(url: string, instance: string): Follower {
  const child = spawn(process.execPath, [RUNNER, FOLLOWER, url, server.serverKey, instance], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let last: Told | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = JSON.parse(line) as Told;
  });
  const follower: Follower = {
    tells: (fits) =>
      vi.waitFor(
        () => expect(last !== undefined && fits(last), `${instance}: ${JSON.stringify(last)}`).toBe(true),
        WITHIN,
      ),
    end: async () => {
      const ended = exitOf(child);
      child.stdin.end();
      await ended;
    },
  };
  followers.push(follower);
  return follower;
}

async function allTell(who: readonly Follower[], wanted: Partial<Told>): Promise<void> {
  const fits = (told: Told): boolean =>
    Object.entries(wanted).every(([name, value]) => told[name as keyof Told] === value);
  await Promise.all(who.map((follower) => follower.tells(fits)));
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

async function run(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly output: string; readonly code: number | null }> {
  const command = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));
  const child = spawn(process.execPath, [command, ...words], { env: { ...process.env, ...environment } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { output, code };
}

async function standing(): Promise<unknown> {
  return (await fetch(`${relay.url}/readyz`)).json();
}

async function instances(): Promise<readonly InstanceView[]> {
  const response = await fetch(`${server.url}${ENVIRONMENT}/instances`, {
    headers: { authorization: `Bearer ${server.adminKey}` },
  });
  return ((await response.json()) as { readonly items: readonly InstanceView[] }).items;
}

async function send(
  method: string,
  path: string,
  body: unknown,
): Promise<{ readonly revision: number; readonly receipt?: ReceiptView }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { readonly revision: number; readonly receipt?: ReceiptView };
}
