import { connect } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from './platform/clock.ts';
import { createLog } from './platform/log.ts';
import type { Settings } from './settings.ts';
import { parseSettings } from './settings.ts';
import { describeStartFault } from './start-fault.ts';
import type { RunningServer } from './start-server.ts';
import { startServer } from './start-server.ts';
import { MemoryStorage } from './storage/memory/memory-storage.ts';

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
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200));
  const read = await fetch(`${server.url}/api/v1/projects/default`, { headers: keyOf(server) });
  expect(await read.json()).toMatchObject({ key: 'default' });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain(
    'dimmer_http_requests_total{method="GET",route="/api/v1/projects/:project",status="200"} 1',
  );
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
  await vi.waitFor(() => expect(received.join('')).toContain('100 Continue'));
  const closed = running.pop()?.close();
  socket.write(body);
  await vi.waitFor(() => expect(received.join('')).toContain('201 Created'));
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
}, 15_000);
