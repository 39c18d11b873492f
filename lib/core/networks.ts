import ipaddr from "ipaddr.js";

/** The prefix lengths under which an IPv6 address is counted. The limit of each is `times` the limit of one network. */
export const IPV6_PREFIXES = [
  { bits: 64, times: 1 },
  { bits: 56, times: 2 },
  { bits: 48, times: 8 },
] as const;

/** A whole IPv6 site, which is the widest of these networks. */
export const IPV6_SITE = IPV6_PREFIXES[2];

/**
 * Returns the networks under which a requester's network is counted, the narrowest first: an IPv4 address alone, or an IPv6 /64
 * with its /56 and /48, because a provider may give any of these three to one customer (RFC 6177 §2).
 */
export function networksAround(network: string): readonly { network: string; times: number }[] {
  const [address = "", bits] = network.split("/");
  if (bits === undefined) return [{ network, times: 1 }];
  return IPV6_PREFIXES.map(({ bits, times }) => ({ network: prefixOf(address, bits), times }));
}

/** Returns the widest network that one customer may have: an IPv4 address itself, or the /48 of an IPv6 /64. */
export function siteOf(network: string): string {
  const [address = "", bits] = network.split("/");
  return bits === undefined ? network : prefixOf(address, IPV6_SITE.bits);
}

function prefixOf(address: string, bits: number): string {
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`;
}
