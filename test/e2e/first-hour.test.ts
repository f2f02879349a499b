import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';

const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;
const CONFIGURATION = `${ENVIRONMENT}/flags/checkout-v2`;

let directory: string;
let server: ServerProcess;
let flags: Dimmer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-e2e-'));
  server = await createServerProcess(join(directory, 'dimmer.db'));
  await server.start();
  flags = new Dimmer({ url: server.url, key: server.serverKey, cache: false });
  await flags.ready({ timeoutMs: 40_000 });
});

afterAll(async () => {
  await flags.close();
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test('[E1] a thousand evaluations in the SDK equal what the server explains', async () => {
  await send('POST', `${PROJECT}/flags`, { key: 'checkout-v2' });
  await follow(await send('PATCH', CONFIGURATION, rollout(10)));

  const users = Array.from({ length: 1000 }, (_, index) => `user-${index}`);
  const explained = await Promise.all(users.map(explain));
  const evaluated = users.map((user) => {
    const { value, variation, reason, revision } = flags.detail('checkout-v2', { targetingKey: user }, false);
    return { value, variation, reason, revision };
  });
  expect(evaluated).toEqual(explained);
  expect(evaluated.filter(({ value }) => value === true).length).toBeGreaterThan(60);
  expect(evaluated.filter(({ value }) => value === true).length).toBeLessThan(140);
});

test('[E2] a kill reaches the SDK, and restore lifts it', async () => {
  await follow(await send('PATCH', CONFIGURATION, rollout(100)));
  expect(flags.boolean('checkout-v2', { targetingKey: 'user-1' }, false)).toBe(true);

  await follow(await send('POST', `${CONFIGURATION}/kill`, { reason: 'payments fail' }));
  expect(flags.detail('checkout-v2', { targetingKey: 'user-1' }, true)).toMatchObject({
    value: false,
    reason: 'KILLED',
  });

  await follow(await send('POST', `${CONFIGURATION}/restore`, {}));
  expect(flags.boolean('checkout-v2', { targetingKey: 'user-1' }, false)).toBe(true);
});

test('[C90] a revert serves the same people as then, and leaves a kill standing', async () => {
  const then = await follow(await send('PATCH', CONFIGURATION, rollout(25)));
  const served = whoIsOn();
  await follow(await send('PATCH', CONFIGURATION, rollout(70)));
  await follow(await send('POST', `${CONFIGURATION}/kill`, { reason: 'too slow' }));

  await follow(await send('POST', `${ENVIRONMENT}/revert`, { to: then }));
  expect(flags.detail('checkout-v2', { targetingKey: 'user-1' }, true).reason).toBe('KILLED');

  await follow(await send('POST', `${CONFIGURATION}/restore`, {}));
  expect(whoIsOn()).toEqual(served);
});

test('[S5] nothing is lost over a restart, and the SDK resumes by itself', async () => {
  const before = whoIsOn();
  expect(await server.end('SIGTERM')).toBe(0);
  expect(whoIsOn()).toEqual(before);
  await server.start();
  await follow(await send('PATCH', CONFIGURATION, rollout(100)));
  expect(whoIsOn()).toHaveLength(500);
});

function rollout(percent: number): unknown {
  return { enabled: true, fallthrough: { rollout: { weights: { on: percent, off: 100 - percent } } } };
}

function whoIsOn(): readonly string[] {
  const users = Array.from({ length: 500 }, (_, index) => `user-${index}`);
  return users.filter((user) => flags.boolean('checkout-v2', { targetingKey: user }, false));
}

async function follow(written: { readonly revision: number }): Promise<number> {
  expect(await flags.waitForRevision(written.revision, { timeoutMs: 40_000 })).toBe(true);
  return written.revision;
}

async function explain(user: string): Promise<unknown> {
  const { evaluation } = await send('POST', `${CONFIGURATION}/explain`, { context: { targetingKey: user } });
  return evaluation;
}

async function send(
  method: string,
  path: string,
  body: unknown,
): Promise<{ readonly revision: number; readonly evaluation?: unknown }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { readonly revision: number };
}
