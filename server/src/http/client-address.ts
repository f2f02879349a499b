import type { BlockList } from 'node:net';
import { BlockList as Blocks, isIP } from 'node:net';

/** The proxies whose word on where a request comes from is believed. */
export type TrustedProxies = Pick<BlockList, 'check'>;

/**
 * Reads CIDR blocks.
 *
 * @returns `undefined` where one of them is no block.
 * @example trustedProxies(['10.0.0.0/8', '::1/128'])
 */
export function trustedProxies(blocks: readonly string[]): TrustedProxies | undefined {
  const list = new Blocks();
  for (const block of blocks) {
    const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(block) ?? [];
    const version = isIP(address);
    if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
    list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

/**
 * Where a request comes from: the peer of the socket, unless that is a trusted proxy; then the address farthest to
 * the right in `X-Forwarded-For` that is not one. What stands to the left of it is what anybody could have written.
 *
 * @param peer - Address of the socket's other end; `undefined` where there is no socket any more.
 * @param forwardedFor - The header as received.
 * @example clientAddress('10.0.0.2', '6.6.6.6, 203.0.113.7', proxies) // '203.0.113.7'
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  proxies: TrustedProxies,
): string {
  let address = plainOf(peer ?? UNKNOWN);
  const hops = (forwardedFor ?? '').split(',').map((hop) => hop.trim());
  while (isIP(address) !== 0 && proxies.check(address, familyOf(address))) {
    const hop = hops.pop() ?? '';
    if (isIP(hop) === 0) return address;
    address = plainOf(hop);
  }
  return address;
}

const UNKNOWN = 'unknown';

/** A dual-stack socket writes IPv4 peers as IPv6. */
function plainOf(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
