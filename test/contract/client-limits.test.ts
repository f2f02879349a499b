import { afterEach, describe, expect, it } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';

let client: ClientHarness;
const open = async (environment: Record<string, string> = {}): Promise<void> => {
  client = await openClient(environment);
};
afterEach(() => client.close());

describe('limits of requests (SEC-7)', () => {
  const LIMITED = { DIMMER_CLIENT_REQUESTS_PER_SECOND: '2' };
  const times = async (count: number, headers = {}): Promise<number[]> => {
    const statuses: number[] = [];
    for (let request = 0; request < count; request += 1) {
      statuses.push((await client.evaluate({}, { headers })).status);
    }
    return statuses;
  };
  const from = (forwarded: string) => ({ 'x-forwarded-for': forwarded });

  it('[A102] an address that asks too often is told when to come back', async () => {
    await open(LIMITED);
    expect(await times(5)).toEqual([200, 200, 200, 200, 429]);
    const refused = await client.evaluate({});
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED' });
    client.pass(1_000);
    expect(await times(3)).toEqual([200, 200, 429]);
  });

  it('[A103] nobody escapes a limit by writing X-Forwarded-For', async () => {
    await open(LIMITED);
    await times(4);
    expect(await times(1, from('203.0.113.7'))).toEqual([429]);
  });

  it('[A103] behind a trusted proxy each address has its own limit, and cannot write another', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    await times(10, from('6.6.6.6'));
    expect(await times(1, from('203.0.113.7'))).toEqual([200]);
    expect(await times(1, from('203.0.113.9, 6.6.6.6'))).toEqual([429]);
  });

  it('[A110] the addresses of one IPv6 network share a limit, those of an IPv4 address too', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    const all = async (addresses: readonly string[]): Promise<number[]> =>
      (await Promise.all(addresses.map((address) => times(1, from(address))))).flat();
    const network = Array.from({ length: 5 }, (_, index) => `2001:db8:0:7:${index}::${index}`);
    expect((await all(network)).toSorted()).toEqual([200, 200, 200, 200, 429]);
    expect(await all(['2001:db8:0:8::1'])).toEqual([200]);
    const written = [
      '203.0.113.7',
      '::ffff:203.0.113.7',
      '::ffff:cb00:7107',
      '203.0.113.7',
      '::FFFF:CB00:7107',
    ];
    expect((await all(written)).toSorted()).toEqual([200, 200, 200, 200, 429]);
    expect(await all(['203.0.113.8'])).toEqual([200]);
  });

  it('[A103] no header but X-Forwarded-For moves a request to another address', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    await times(4, from('203.0.113.7'));
    const names = ['forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
    for (const name of names) {
      const headers = { ...from('203.0.113.7'), [name]: name === 'forwarded' ? 'for=6.6.6.6' : '6.6.6.6' };
      expect(await times(1, headers)).toEqual([429]);
    }
    const hops = Array.from({ length: 500 }, (_, index) => `6.6.${index % 256}.6`);
    expect(await times(1, from([...hops, '203.0.113.7'].join()))).toEqual([429]);
  });

  it('[A102] one key has a limit of its own, in metrics too', async () => {
    await open({ DIMMER_CLIENT_KEY_REQUESTS_PER_SECOND: '1' });
    expect(await times(3)).toEqual([200, 200, 429]);
    const metrics = await (await fetch(`${client.server.url}/metrics`)).text();
    expect(metrics).toContain('dimmer_client_requests_limited_total{limit="key"} 1');
  });

  it('[A104] a proxy that nobody named is told of', async () => {
    await open({ DIMMER_CLIENT_REQUESTS_PER_SECOND: '100000' });
    const statuses = await Promise.all(Array.from({ length: 600 }, () => client.evaluate([])));
    for (const { body } of statuses) await body?.cancel();
    client.pass(60_000);
    await client.evaluate([]);
    expect(client.log.some((line) => line.includes('name the proxies in front'))).toBe(true);
  });
});
