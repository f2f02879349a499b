import { afterEach, describe, expect, it } from 'vitest';
import type { AskOptions, ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { PROJECT } from './rest-harness.ts';

const EVALUATE = '/client/v1/evaluate';

let client: ClientHarness;
const open = async (environment: Record<string, string> = {}): Promise<void> => {
  client = await openClient(environment);
};
afterEach(() => client.close());

describe('other origins (SEC-6)', () => {
  const preflight = (path: string, origin: string): Promise<Response> =>
    fetch(`${client.server.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const allowed = ({ headers }: Response): string | null => headers.get('access-control-allow-origin');

  it('[A107] one that is named may ask, and read what it needs', async () => {
    await open({ DIMMER_CORS_ORIGINS: 'https://shop.example, http://localhost:5173' });
    const options: AskOptions = { headers: { origin: 'https://shop.example' } };
    const answer = await client.evaluate({}, options);
    expect(allowed(answer)).toBe('https://shop.example');
    expect(answer.headers.get('vary')).toContain('Origin');
    expect(answer.headers.get('access-control-expose-headers')).toBe('ETag,Retry-After,X-Request-Id');
    expect(allowed(await client.evaluate([], options))).toBe('https://shop.example');
    expect(allowed(await client.evaluate({}, { ...options, key: '' }))).toBe('https://shop.example');
    const stream = await client.stream({ context: {} }, options);
    expect(allowed(stream.response)).toBe('https://shop.example');
    expect(stream.response.headers.get('vary')).toBe('Origin');
    stream.stop();
    const { status, headers } = await preflight(EVALUATE, 'http://localhost:5173');
    expect(status).toBe(204);
    expect(headers.get('access-control-max-age')).toBe('600');
    expect(headers.get('access-control-allow-methods')).toBe('POST,GET,OPTIONS');
    const allowedHeaders = headers.get('access-control-allow-headers')?.split(',');
    expect(allowedHeaders).toEqual(expect.arrayContaining(['authorization', 'dimmer-instance']));
  });

  it.each(['https://evil.example', 'null', 'https://shop.example.evil.example', 'http://shop.example'])(
    '[A107] %s is not reflected',
    async (origin) => {
      await open({ DIMMER_CORS_ORIGINS: 'https://shop.example' });
      expect(allowed(await preflight(EVALUATE, origin))).toBeNull();
      expect(allowed(await client.evaluate({}, { headers: { origin } }))).toBeNull();
    },
  );

  it('[A107] credentials are never allowed, and no other route is opened', async () => {
    await open({ DIMMER_CORS_ORIGINS: '*' });
    const answer = await client.evaluate({}, { headers: { origin: 'https://any.example' } });
    expect(allowed(answer)).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    for (const path of [PROJECT, '/sdk/v1/snapshot', '/sdk/v1/stream', '/metrics', '/openapi.json']) {
      expect(allowed(await preflight(path, 'https://any.example'))).toBeNull();
    }
  });

  it('[A107] nobody may ask from elsewhere by default', async () => {
    await open();
    expect(allowed(await preflight(EVALUATE, 'https://shop.example'))).toBeNull();
  });
});
