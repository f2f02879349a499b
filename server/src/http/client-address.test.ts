import { describe, expect, it } from 'vitest';
import { clientAddress, trustedProxies } from './client-address.ts';

function proxiesOf(...blocks: string[]) {
  const proxies = trustedProxies(blocks);
  if (proxies === undefined) throw new Error('no CIDR block');
  return proxies;
}

describe('where a request comes from', () => {
  const proxies = proxiesOf('10.0.0.0/8', 'fd00::/8');

  it.each<[string, string | undefined, string | undefined, string]>([
    ['the peer', '203.0.113.7', undefined, '203.0.113.7'],
    ['the peer, whatever it writes', '203.0.113.7', '6.6.6.6', '203.0.113.7'],
    ['what a trusted proxy saw', '10.0.0.2', '203.0.113.7', '203.0.113.7'],
    ['not what the caller wrote before it', '10.0.0.2', '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['behind a chain of trusted proxies', '10.0.0.2', '6.6.6.6, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
    ['the outermost proxy where all are trusted', '10.0.0.2', '10.1.1.1', '10.1.1.1'],
    ['the proxy where it says nothing', '10.0.0.2', undefined, '10.0.0.2'],
    ['the proxy where it says no address', '10.0.0.2', '203.0.113.7, unknown', '10.0.0.2'],
    ['an IPv4 peer of a dual-stack socket', '::ffff:203.0.113.7', undefined, '203.0.113.7'],
    ['behind a proxy on a dual-stack socket', '::ffff:10.0.0.2', '2001:db8::1', '2001:db8::1'],
    ['behind an IPv6 proxy', 'fd00::1', '203.0.113.7', '203.0.113.7'],
    ['nowhere', undefined, '203.0.113.7', 'unknown'],
  ])('[A103] %s', (_, peer, forwardedFor, address) => {
    expect(clientAddress(peer, forwardedFor, proxies)).toBe(address);
  });

  it('[A103] no proxy is trusted unless it is named', () => {
    expect(clientAddress('127.0.0.1', '203.0.113.7', proxiesOf())).toBe('127.0.0.1');
  });

  it.each(['10.0.0.0', '10.0.0.0/33', 'fd00::/129', 'proxy/8', '10.0.0.0/8/8', ''])(
    '[A103] %j is no block of addresses',
    (block) => expect(trustedProxies([block])).toBeUndefined(),
  );
});
