import { describe, expect, it } from 'vitest';
import { clientAddress, networkOf, trustedProxies } from './client-address.ts';

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
    ['an IPv4 peer in hex', '::ffff:cb00:7107', undefined, '203.0.113.7'],
    ['behind a proxy written in hex', '::ffff:a00:2', '203.0.113.7', '203.0.113.7'],
    ['an IPv4 hop written as IPv6', '10.0.0.2', '0:0:0:0:0:FFFF:203.0.113.7', '203.0.113.7'],
    ['behind a proxy that a hop writes as IPv6', '10.0.0.2', '203.0.113.7, ::ffff:10.9.9.9', '203.0.113.7'],
    ['not what a caller puts between proxies', '10.0.0.2', '10.1.1.1, 203.0.113.7', '203.0.113.7'],
    ['the proxy where the hops are empty', '10.0.0.2', '203.0.113.7, ', '10.0.0.2'],
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

  it.each([
    ['2001:db8:0:7:a:b:c:d', '2001:db8:0:7::/64'],
    ['2001:DB8::7:0:0:0:1', '2001:db8:0:7::/64'],
    ['2001:0db8:0000:0007::1', '2001:db8:0:7::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::203.0.113.7', '64:ff9b:0:0::/64'],
    ['203.0.113.7', '203.0.113.7'],
    ['unknown', 'unknown'],
  ])('[A110] %s shares the limits of %s', (address, network) => expect(networkOf(address)).toBe(network));
});
