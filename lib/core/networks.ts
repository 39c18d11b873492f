import ipaddr from "ipaddr.js";

/** The prefixes by which an IPv6 address is counted, each with its multiple of a network's limit. */
export const IPV6_PREFIXES = [
  { bits: 64, times: 1 },
  { bits: 56, times: 2 },
  { bits: 48, times: 8 },
] as const;

const SITE_BITS = 48;

/** The multiple of a network's limit that a whole IPv6 site (a /48) has. */
export const IPV6_SITE_TIMES = 8;

/**
 * Returns the networks that a requester's network is counted in, the narrowest first: an IPv4 address alone, or an IPv6 /64
 * with its /56 and /48, because a provider may give any of these to one customer (RFC 6177 §2).
 */
export function networksAround(network: string): readonly { network: string; times: number }[] {
  const [address = "", bits] = network.split("/");
  if (bits === undefined) return [{ network, times: 1 }];
  return IPV6_PREFIXES.map(({ bits, times }) => ({ network: prefixOf(address, bits), times }));
}

/** Returns the widest of these networks, which includes all addresses that one customer may have. */
export function siteOf(network: string): string {
  const [address = "", bits] = network.split("/");
  return bits === undefined ? network : prefixOf(address, SITE_BITS);
}

function prefixOf(address: string, bits: number): string {
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`;
}
