import { afterEach, describe, expect, it } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { SERVER } from './rest-harness.ts';

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
