import type { IncomingMessage } from "node:http";
import ipaddr from "ipaddr.js";
import { env, IS_ON_VERCEL } from "@/lib/env";
import { readOwnHeader, writeOwnHeader } from "./own-headers";

/** The request header that says whether the request comes from this machine, set by `markPeer`. */
const PEER_HEADER = "x-sarafan-peer";
/** The request header that holds the client's address, set by `recordClientIp`. */
const ADDRESS_HEADER = "x-sarafan-address";
const FORWARDING_HEADER_PATTERN =
  /^(x-(forwarded|original|envoy|cluster)-.*|forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-.*|fastly-.*)$/;
const LOOPBACK_ADDRESS_PATTERN = /^(127(\.\d+){3}|::1|::ffff:127(\.\d+){3})$/;

/**
 * Sets a header of ours that says whether the request comes from this machine without a proxy. Must run before the request is
 * changed, because Next.js adds forwarding headers.
 */
export function markPeer(request: IncomingMessage): void {
  const { headers, socket } = request;
  const isForwarded = Object.keys(headers).some((name) => FORWARDING_HEADER_PATTERN.test(name));
  const isDirect =
    LOOPBACK_ADDRESS_PATTERN.test(socket.remoteAddress ?? "") && !isForwarded && findRemoteSign(request) === null;
  writeOwnHeader(request, PEER_HEADER, isDirect ? "loopback" : "remote");
}

/**
 * Returns the sign in a request that people on other machines reach the server, or null. The sign is one of:
 *
 * - HTTP/1.0, which simple proxies use and browsers don't;
 * - `Host`, if it is not loopback;
 * - the name of a forwarding header that names a host or client that is not loopback;
 * - `Origin`, if it is not loopback and the browser says that the request is same-origin.
 *
 * A page of another site can't make a browser on this machine send such a sign: the page can't set forwarding headers, and the
 * browser sends a loopback `Host` and calls the request cross-site. The request must be as the client sent it.
 */
export function findRemoteSign({
  headers,
  httpVersion,
}: Pick<IncomingMessage, "headers" | "httpVersion">): string | null {
  if (httpVersion === "1.0") return "HTTP/1.0";
  // Node.js refuses a request of HTTP/1.1 without `Host`.
  if (headers.host !== undefined && !isLoopbackHost(headers.host)) return "Host";
  const forwarding = Object.entries(headers).find(([name, value]) => namesRemote(name, String(value)));
  if (forwarding) return forwarding[0];
  const { origin = "null", "sec-fetch-site": site } = headers;
  const isOwnPage = site === "same-origin" && URL.canParse(origin);
  return isOwnPage && !isLoopbackHost(new URL(origin).host) ? "Origin" : null;
}

/** Whether a header is a forwarding header that names a client or host other than this machine. */
function namesRemote(name: string, value: string): boolean {
  if (!FORWARDING_HEADER_PATTERN.test(name)) return false;
  const parts = value.split(",").map((part) => part.trim());
  if (name === "forwarded") {
    // RFC 7239 §4: for=192.0.2.43;host="sarafan.example";proto=https
    const pairs = parts.flatMap((part) => part.split(";")).map((pair) => pair.trim().split(/\s*=\s*"?|"$/));
    return pairs.some(([key = "", named = ""]) => /^(for|host)$/i.test(key) && !isLoopbackHost(named));
  }
  return /-(for|host|client|ip|ipv6|address)$/.test(name) && parts.some((part) => part && !isLoopbackHost(part));
}

/**
 * Whether a host name or address, with or without a port, is loopback: `localhost`, a name below it, `127.0.0.0/8`, `[::1]`. The
 * last result is kept, because nearly all requests name the same host, and parsing it takes a hundredth of a request's time.
 */
function isLoopbackHost(text: string): boolean {
  if (lastHost.text !== text) lastHost = { text, isLoopback: namesLoopback(text) };
  return lastHost.isLoopback;
}

let lastHost = { text: "", isLoopback: false };

function namesLoopback(text: string): boolean {
  const bare = ipaddr.IPv6.isValid(text) ? `[${text}]` : text;
  if (!URL.canParse(`http://${bare}`)) return false;
  const hostname = new URL(`http://${bare}`).hostname.replace(/^\[(.*)\]$/, "$1");
  if (/^(.+\.)?localhost\.?$/.test(hostname)) return true;
  return ipaddr.isValid(hostname) && ["loopback", "unspecified"].includes(ipaddr.process(hostname).range());
}

/**
 * Sets a header of ours to the address of the client: the socket's address or, with TRUSTED_PROXIES=n, the n-th from the end of
 * `X-Forwarded-For`. Must run before Next.js reads the request.
 */
export function recordClientIp(request: IncomingMessage): void {
  const { headers, socket } = request;
  const forwarded = String(headers["x-forwarded-for"] ?? "")
    .split(",")
    // Some proxies add the port: 192.0.2.1:5555, [2001:db8::1]:5555.
    .map((hop) => hop.trim().replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3"))
    .filter((hop) => hop !== "");
  const hops = [...forwarded, socket.remoteAddress ?? ""];
  writeOwnHeader(request, ADDRESS_HEADER, hops[Math.max(0, hops.length - 1 - env.TRUSTED_PROXIES)] ?? "");
}

/** Returns the network that a request comes from: an IPv4 address, an IPv6 /64, or `unknown` if no address is known. */
export function networkOf(headers: Headers): string {
  // Vercel replaces this header in requests of clients (vercel.com/docs/headers/request-headers).
  const noted = readOwnHeader(headers, ADDRESS_HEADER) ?? (IS_ON_VERCEL ? (headers.get("x-real-ip") ?? "") : "");
  if (!ipaddr.isValid(noted)) return "unknown";
  const address = ipaddr.process(noted);
  if (address.kind() === "ipv4") return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString()}/64`)}/64`;
}

/** Whether a request comes from this machine without a proxy, as `markPeer` has found. */
export function isFromThisMachine(headers: Headers): boolean {
  return readOwnHeader(headers, PEER_HEADER) === "loopback";
}
