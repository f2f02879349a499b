import { connect } from 'node:net';
import { digestOfAll } from '@dimmer/schema';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

const WITHIN = { timeout: 40_000, interval: 20 };

let client: ClientHarness;
afterEach(() => client.close());

describe('room for programs', () => {
  it('[D34] browsers and OFREP share a part of the streams; a server key finds room beside them (SEC-7)', async () => {
    client = await openClient({ DIMMER_STREAMS_MAX: '4', DIMMER_CLIENT_STREAMS_SHARE: '50' });
    await client.flag('seen');
    const bulk = await client.post('/ofrep/v1/evaluate/flags', { context: {} });
    const { eventStreams } = (await bulk.json()) as { eventStreams: { endpoint: { requestUri: string } }[] };
    const ofrep = (): Promise<Response> =>
      fetch(`${client.server.url}${eventStreams[0]?.endpoint.requestUri}`);
    const open = [await ofrep(), await client.post('/client/v1/stream', { context: {} })];
    const refused = await client.post('/client/v1/stream', { context: {} });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
    // An EventSource is told when to come back, and its answer ends.
    expect(await (await ofrep()).text()).toMatch(/^retry: \d+\n\n$/);
    const headers = { authorization: `Bearer ${SERVER}` };
    for (let count = 0; count < 2; count += 1) {
      open.push(await fetch(`${client.server.url}/sdk/v1/stream`, { headers }));
    }
    expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const metrics = await (await fetch(`${client.server.url}/metrics`)).text();
    expect(metrics).toContain('dimmer_streams_refused_total{cause="clients"} 2');
    for (const { body } of open) await body?.cancel();
  });
});

describe('a stream of values among others', () => {
  const context = { targetingKey: 'user-1', country: 'NO' };

  it('[D11, D31] its heartbeats carry the digest of what was put and deleted, after several changes', async () => {
    client = await openClient({ DIMMER_HEARTBEAT_MS: '1000' });
    for (const key of ['a', 'b', 'c']) await client.flag(key);
    const stream = await client.stream({ context });
    await client.configure('a', { enabled: false });
    await client.admin(`POST ${PRODUCTION}/flags/b/kill`, { reason: 'test' });
    await client.admin('PATCH /api/v1/projects/default/flags/c', { exposeToClients: false });
    await client.flag('d');
    const fresh = await client.values(context);
    const beat = await stream.until(
      (message) => message.type === 'heartbeat' && message.revision === fresh.revision,
    );
    const held = new Map<string, Parameters<typeof digestOfAll>[0] extends Iterable<infer T> ? T : never>();
    for (const { message } of stream.events) {
      if (message.type === 'put') {
        const object = message.object as (typeof fresh.objects)[number];
        held.set(object.key, object);
      } else if (message.type === 'delete') held.delete(message.key);
    }
    expect([...held.keys()].toSorted()).toEqual(['a', 'b', 'd']);
    expect(beat).toMatchObject({ digest: fresh.digest });
    expect(digestOfAll(held.values())).toBe(fresh.digest);
    stream.stop();
  });

  it('[D19] it ends at its age', async () => {
    client = await openClient({ DIMMER_STREAM_AGE_MS: '1000' });
    const stream = await client.stream({ context });
    expect(await stream.until(({ type }) => type === 'goodbye')).toMatchObject({ reason: 'rebalancing' });
  });

  it('[D13] it is told when its server closes', async () => {
    client = await openClient();
    const stream = await client.stream({ context });
    await stream.until(({ type }) => type === 'commit');
    await client.server.close();
    expect(await stream.until(({ type }) => type === 'goodbye')).toMatchObject({ reason: 'draining' });
  });

  it('[D10] one that does not read gets a merged state once it does', async () => {
    client = await openClient();
    const text = (fill: string) => ({
      variations: { on: { value: fill.repeat(60_000) }, off: { value: '' } },
      type: 'string',
    });
    for (let index = 0; index < 8; index += 1)
      await client.flag(`long-${index}`, { enabled: true }, text('x'));
    await client.flag('seen');
    const body = JSON.stringify({ context });
    const socket = connect(client.server.port, '127.0.0.1').pause();
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    const head = ['POST /client/v1/stream HTTP/1.1', 'host: x', `authorization: Bearer ${CLIENT}`];
    const entity = ['content-type: application/json', `content-length: ${body.length}`, '', body];
    socket.write([...head, ...entity].join('\r\n'));
    const slow = async (): Promise<number> => {
      const metrics = await (await fetch(`${client.server.url}/metrics`)).text();
      return Number(/^dimmer_slow_streams_total (\d+)$/m.exec(metrics)?.[1]);
    };
    let flips = 0;
    while ((await slow()) < 3) {
      flips += 1;
      for (let index = 0; index < 8; index += 1) {
        await client.configure(`long-${index}`, {
          fallthrough: { variation: flips % 2 === 0 ? 'on' : 'off' },
        });
      }
    }
    await client.configure('seen', { enabled: false });
    const { revision, digest } = await client.values(context);
    socket.resume();
    await vi.waitFor(() => expect(received).toContain(`"revision":${revision},"digest":${digest}`), WITHIN);
    const commits = [...received.matchAll(/^event: commit$/gm)].length;
    expect(commits).toBeLessThan(8 * flips);
    socket.destroy();
  });

  it('[A105] a body that is too large gets its refusal, and no broken connection', async () => {
    client = await openClient();
    const socket = connect(client.server.port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    const head = ['POST /client/v1/evaluate HTTP/1.1', 'host: x', `authorization: Bearer ${CLIENT}`];
    socket.write(
      [...head, 'content-type: application/json', 'transfer-encoding: chunked', '', ''].join('\r\n'),
    );
    for (let count = 0; count < 4; count += 1) socket.write(`8000\r\n${'x'.repeat(0x8000)}\r\n`);
    await vi.waitFor(() => expect(received).toContain('BAD_CONTEXT'), WITHIN);
    socket.destroy();
  });
});
