import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { IssuedKeyView } from '@dimmer/schema/rest';
import { afterEach, expect, test, vi } from 'vitest';
import type { NewSecrets } from '../access/bootstrap.ts';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import { systemSchedule } from '../platform/schedule.ts';
import type { Settings } from '../settings/settings.ts';
import { parseSettings } from '../settings/settings.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import { openSqliteStorage } from '../storage/sqlite/open-sqlite-storage.ts';
import { keysText } from './banner.ts';
import { describeStartFault } from './start-fault.ts';
import type { RunningServer } from './start-server.ts';
import { startServer } from './start-server.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

const log = createLog('silent', { write: () => {} });

function settingsWith(variables: Record<string, string>): Settings {
  const parsed = parseSettings({ DIMMER_PORT: '0', ...variables });
  if (!parsed.ok) throw new Error('refused');
  return parsed.settings;
}

async function start(variables: Record<string, string> = {}): Promise<RunningServer> {
  const storage = new MemoryStorage({ clock: systemClock });
  const server = await startServer({ settings: settingsWith(variables), storage, log, version: '0.0.0' });
  running.push(server);
  return server;
}

const keyOf = ({ newSecrets }: RunningServer): Record<string, string> => ({
  authorization: `Bearer ${newSecrets.admin ?? ''}`,
});

test('[A85] a started server is live, ready, and counts its requests', async () => {
  const server = await start();
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), PATIENTLY);
  const read = await fetch(`${server.url}/api/v1/projects/default`, { headers: keyOf(server) });
  expect(await read.json()).toMatchObject({ key: 'default' });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain(
    'dimmer_http_requests_total{method="GET",route="/api/v1/projects/:project",status="200"} 1',
  );
});

test('[M32] a server that loads what SDKs may ask for is not ready, and says how far it is (REP-5)', async () => {
  const memory = new MemoryStorage({ clock: systemClock });
  let release = (): void => {};
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = new Proxy(memory, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'snapshot') return value.bind(target);
      return async (...asked: unknown[]) => {
        await opened;
        return Reflect.apply(value, target, asked) as unknown;
      };
    },
  });
  const server = await startServer({ settings: settingsWith({}), storage: slow, log, version: '0.0.0' });
  running.push(server);
  await vi.waitFor(async () => {
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: 'UNAVAILABLE',
      detail: 'The server loads what SDKs may ask for: 0 of 1 environments are there.',
    });
  }, PATIENTLY);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  release();
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), PATIENTLY);
});

test('[A85] metrics can be turned off', async () => {
  const server = await start({ DIMMER_METRICS: 'false' });
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
});

test('[A85] two servers live in one process', async () => {
  const [one, other] = [await start(), await start()];
  expect(one.port).not.toBe(other.port);
  const foreign = await fetch(`${one.url}/api/v1/projects`, { headers: keyOf(other) });
  expect(foreign.status).toBe(401);
});

test('[A86] a port that is taken is refused with what to do', async () => {
  const server = await start();
  const settings = settingsWith({ DIMMER_PORT: String(server.port) });
  const storage = new MemoryStorage({ clock: systemClock });
  const fault = await startServer({ settings, storage, log, version: '0.0.0' }).catch(
    (cause: unknown) => cause,
  );
  expect(describeStartFault(fault, settings)).toBe(
    `Port ${server.port} of 127.0.0.1 is taken. Stop what listens there, or choose another with DIMMER_PORT or --port.`,
  );
});

test('[A14] a first start that finds its port taken has told its keys, which nobody could find again', async () => {
  const server = await start();
  const settings = settingsWith({ DIMMER_PORT: String(server.port) });
  const storage = new MemoryStorage({ clock: systemClock });
  const told: string[] = [];
  const onNewSecrets = (secrets: NewSecrets): unknown => told.push(keysText(secrets));
  await expect(startServer({ settings, storage, log, version: '0.0.0', onNewSecrets })).rejects.toMatchObject(
    { code: 'EADDRINUSE' },
  );
  expect(told.join('')).toMatch(
    /^New keys, shown this once:\n {2}admin key {3}dim_adm_\w+\n {2}server key {2}dim_srv_\w+ {2}\(default\/production\)\n\n$/,
  );
});

test('[A14] where no keys were made none are told', () => {
  expect(keysText({})).toBe('');
});

test('[A41] over a real socket a body that is too large is refused and the server lives on', async () => {
  const server = await start();
  const chunk = new Uint8Array(65_536).fill(0x20);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += chunk.byteLength;
      if (sent > 8 * 1_048_576) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const init = {
    method: 'POST',
    headers: { ...keyOf(server), 'content-type': 'application/json' },
    body,
    duplex: 'half',
  };
  const status = await fetch(`${server.url}/api/v1/projects`, init as RequestInit).then(
    (response) => response.status,
    // The server may close the connection while the client still sends.
    () => 413,
  );
  expect(status).toBe(413);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
});

test('[A87] closing finishes a request that is under way', async () => {
  const server = await start();
  const body = JSON.stringify({ key: 'shop' });
  const socket = connect(server.port, '127.0.0.1');
  const received: string[] = [];
  socket.on('data', (chunk) => received.push(String(chunk)));
  socket.write(
    [
      'POST /api/v1/projects HTTP/1.1',
      'host: dimmer.test',
      `authorization: Bearer ${server.newSecrets.admin}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      'expect: 100-continue',
      '\r\n',
    ].join('\r\n'),
  );
  await vi.waitFor(() => expect(received.join('')).toContain('100 Continue'), PATIENTLY);
  const closed = running.pop()?.close();
  socket.write(body);
  await vi.waitFor(() => expect(received.join('')).toContain('201 Created'), PATIENTLY);
  await closed;
});

test('[A87] closing ends streams and waits for no idle connection', async () => {
  const server = await start();
  const stream = await fetch(`${server.url}/sdk/v1/stream`, {
    headers: { authorization: `Bearer ${server.newSecrets.server ?? ''}` },
  });
  expect(stream.status).toBe(200);
  const silent = connect(server.port, '127.0.0.1');
  silent.on('error', () => {});
  await new Promise((resolve) => silent.once('connect', resolve));
  const [text] = await Promise.all([stream.text(), running.pop()?.close()]);
  expect(text).toContain('event: goodbye');
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  silent.destroy();
});

test('[A87] closing waits for nothing after ten seconds, and closes the storage all the same', async () => {
  const storage = new MemoryStorage({ clock: systemClock });
  storage.prune = () => new Promise(() => {});
  const schedule = { ...systemSchedule, after: soonerThan(10_000) };
  const options = { settings: settingsWith({}), storage, schedule, log, version: '0.0.0' };
  const server = await startServer(options);
  await server.close();
  await expect(storage.ping()).rejects.toThrow('closed');
});

test('[A91] draining is told at once, serves until its time is up, and then takes no connection (DRN-3)', async () => {
  const variables = { DIMMER_DRAIN_ACCEPT_MS: '4321', DIMMER_DRAIN_SPREAD_MS: '200' };
  let endAccepting = (): void => {};
  const after: Schedule['after'] = (delayMs, run) => {
    if (delayMs !== 4_321) return systemSchedule.after(delayMs, run);
    endAccepting = run;
    return () => {};
  };
  const storage = new MemoryStorage({ clock: systemClock });
  const schedule = { ...systemSchedule, after };
  const options = { settings: settingsWith(variables), storage, schedule, log, version: '0.0.0' };
  const server = await startServer(options);
  running.push(server);
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), PATIENTLY);
  const authorization = `Bearer ${server.newSecrets.server ?? ''}`;
  const stream = await fetch(`${server.url}/sdk/v1/stream`, { headers: { authorization } });
  const drained = server.drain();
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  const late = await fetch(`${server.url}/sdk/v1/stream`, { headers: { authorization } });
  expect(late.status).toBe(200);
  endAccepting();
  await drained;
  for (const { text } of [await textOf(stream), await textOf(late)]) {
    expect(text).toContain('"reason":"draining"');
  }
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
});

test('[A91] peers that never speak, never read or never finish cannot hold a drain (DRN-4)', async () => {
  const schedule = { ...systemSchedule, after: soonerThan(4_000) };
  const variables = { DIMMER_DRAIN_ACCEPT_MS: '0', DIMMER_DRAIN_SPREAD_MS: '0' };
  const storage = new MemoryStorage({ clock: systemClock });
  const options = { settings: settingsWith(variables), storage, schedule, log, version: '0.0.0' };
  const server = await startServer(options);
  const key = `authorization: Bearer ${server.newSecrets.server}`;
  const peers = [
    '',
    `GET /sdk/v1/stream HTTP/1.1\r\nhost: x\r\n${key}\r\n\r\n`,
    `POST /api/v1/projects HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n`,
  ].map((text) => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {}).pause();
    socket.write(text);
    return socket;
  });
  await Promise.all(peers.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  await Promise.all([server.drain(), server.close()]);
  await expect(storage.ping()).rejects.toThrow('closed');
  for (const socket of peers) socket.destroy();
});

async function textOf(stream: Response): Promise<{ readonly text: string }> {
  return { text: await stream.text() };
}

test('[A17] a stream ends with goodbye soon after its key was deleted, and the streams of others stay', async () => {
  const server = await start();
  const keys = `${server.url}/api/v1/projects/default/environments/production/keys`;
  const headers = { ...keyOf(server), 'content-type': 'application/json' };
  const body = JSON.stringify({ name: 'web', kind: 'server' });
  const made = await fetch(keys, { method: 'POST', headers, body });
  const { id, secret } = IssuedKeyView.parse(await made.json());
  if (secret === null) throw new Error('a new key shows its secret');
  const open = (key: string): Promise<Response> =>
    fetch(`${server.url}/sdk/v1/stream`, { headers: { authorization: `Bearer ${key}` } });
  const [lost, kept] = await Promise.all([open(secret), open(server.newSecrets.server ?? '')]);
  await fetch(`${keys}/${id}`, { method: 'DELETE', headers });
  expect(await lost.text()).toContain('"reason":"revoked"');
  expect((await open(secret)).status).toBe(401);
  await running.pop()?.close();
  expect(await kept.text()).toContain('"reason":"draining"');
});

/** A wait of `durationMs` is over at once; others take their time. */
function soonerThan(durationMs: number): Schedule['after'] {
  return (delayMs, run) => systemSchedule.after(delayMs === durationMs ? 0 : delayMs, run);
}

test('[A40] an upload that breaks off is no defect', async () => {
  const lines: string[] = [];
  const storage = new MemoryStorage({ clock: systemClock });
  const listening = createLog('info', { write: (line) => void lines.push(line) });
  const server = await startServer({ settings: settingsWith({}), storage, log: listening, version: '0.0.0' });
  running.push(server);
  const socket = connect(server.port, '127.0.0.1');
  socket.write(
    [
      'POST /api/v1/projects HTTP/1.1',
      'host: dimmer.test',
      `authorization: Bearer ${server.newSecrets.admin}`,
      'content-type: application/json',
      'content-length: 100',
      'expect: 100-continue',
      '\r\n',
    ].join('\r\n'),
  );
  await new Promise((resolve) => socket.once('data', resolve));
  socket.end('{"key');
  await vi.waitFor(() => expect(lines.join('')).toContain('"answered"'), PATIENTLY);
  const told = lines.map((line) => JSON.parse(line) as { readonly level: number; readonly msg: string });
  expect(told.find(({ msg }) => msg === 'answered')).toMatchObject({ level: 30, status: 400 });
  expect(told.filter(({ level }) => level >= 50)).toEqual([]);
});

test.each([
  ['below a file', fileURLToPath(import.meta.url), /ENOTDIR/],
  // Node's own way of making folders never comes back from there.
  ['where the system makes none', '/proc/dimmer', /ENOENT|EPERM|EROFS|EACCES/],
])(
  '[A86] a folder of the database that cannot be made is refused in one line: %s',
  async (_, above, code) => {
    const databaseUrl = `file:${above}/data/dimmer.db`;
    const path = databaseUrl.slice('file:'.length);
    const fault = await openSqliteStorage({ path, clock: systemClock }).catch((cause: unknown) => cause);
    const line = describeStartFault(fault, settingsWith({ DIMMER_DATABASE_URL: databaseUrl }));
    expect(line).toMatch(
      /^The folder of the database file:.* cannot be made \(\w+\)\. Correct DIMMER_DATABASE_URL/,
    );
    expect(line).toContain(databaseUrl);
    expect(line).toMatch(code);
  },
);
