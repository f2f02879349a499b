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

/**
 * Who shares a limit of requests: an IPv4 address, or the 64-bit network of an IPv6 one. Whoever has one address of such
 * a network has all of them, and could come from another each time.
 *
 * @param address - As {@link clientAddress} gives it. What is no IPv6 address is returned as it is.
 * @see https://www.rfc-editor.org/rfc/rfc4291 section 2.5.4
 * @example networkOf('2001:db8:0:7:a::1') // '2001:db8:0:7::/64'
 */
export function networkOf(address: string): string {
  return isIP(address) === 6 ? `${groupsOf(address).slice(0, NETWORK_GROUPS).join(':')}::/64` : address;
}

const UNKNOWN = 'unknown';

const GROUPS = 8;

/** Of the eight groups of an IPv6 address, those that name the network of one customer. */
const NETWORK_GROUPS = 4;

/** `::ffff:` and an IPv4 address: so a dual-stack socket writes IPv4 peers. */
const IPV4_MAPPED = ['0', '0', '0', '0', '0', 'ffff'].join(':');

/** One form for every way in which an IPv4 address can be written. */
function plainOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = groupsOf(address);
  if (groups.slice(0, 6).join(':') !== IPV4_MAPPED) return address;
  const bytes = groups.slice(6).flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return bytes.join('.');
}

/** The groups of an IPv6 address in hex, without leading zeros. A zone, which names a link of this machine, is left out. */
function groupsOf(address: string): readonly string[] {
  // The URL parser knows every way to write one, the last 32 bits in decimal among them.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')));
  if (tail === undefined) return [...head];
  return [...head, ...Array<string>(GROUPS - head.length - tail.length).fill('0'), ...tail];
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
