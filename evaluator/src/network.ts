import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.parse>;

/** A block of addresses. */
export interface Network {
  readonly address: Address;
  readonly prefixBits: number;
}

/**
 * Reads a CIDR block, IPv4 in four decimal parts or IPv6. A block of IPv4-mapped IPv6 addresses becomes the
 * IPv4 block that it stands for.
 *
 * @returns `undefined` when the text is no CIDR block.
 * @example networkOf('10.0.0.0/8')
 */
export function networkOf(text: string): Network | undefined {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text) && !ipaddr.IPv6.isValidCIDR(text)) return undefined;
  const [address, prefixBits] = ipaddr.parseCIDR(text);
  const mapped = ipv4Of(address);
  return mapped !== undefined && prefixBits >= 96
    ? { address: mapped, prefixBits: prefixBits - 96 }
    : { address, prefixBits };
}

/** Reads one address, with IPv4-mapped IPv6 as the IPv4 address that it stands for. */
export function addressOf(text: string): Address | undefined {
  if (!LIKE_AN_ADDRESS.test(text)) return undefined;
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.parse(text);
  return ipv4Of(address) ?? address;
}

/** Whether a block holds an address; one family never holds the other's. */
export function holdsAddress(network: Network, address: Address): boolean {
  return network.address.kind() === address.kind() && address.match(network.address, network.prefixBits);
}

/** The package throws and catches inside to refuse a text, which costs a hundred times as much as this. */
const LIKE_AN_ADDRESS = /^[\d.]+$|^[\da-f:.]+(?:%\w+)?$/i;

function ipv4Of(address: Address): Address | undefined {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()
    ? address.toIPv4Address()
    : undefined;
}
