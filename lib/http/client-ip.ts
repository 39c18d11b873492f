import type { IncomingMessage } from "node:http";
import ipaddr from "ipaddr.js";
import { env, IS_ON_VERCEL } from "@/lib/env";
import { readOwnHeader, writeOwnHeader } from "./own-headers";

/** Written by `markPeer`. */
const PEER_HEADER = "x-sarafan-peer";
/** Written by `recordClientIp`. */
const ADDRESS_HEADER = "x-sarafan-address";
/** What proxies add to the requests that they pass on. */
const FORWARDING_HEADER =
  /^(x-(forwarded|original|envoy|cluster)-.*|forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-.*|fastly-.*)$/;
const LOOPBACK_ADDRESS = /^(127(\.\d+){3}|::1|::ffff:127(\.\d+){3})$/;

/**
 * Notes in a header of ours whether the request comes straight from this machine. Has to run before anything else reads or
 * changes the request: Next.js adds forwarding headers of its own.
 */
export function markPeer(request: IncomingMessage): void {
  const { headers, socket } = request;
  const isForwarded = Object.keys(headers).some((name) => FORWARDING_HEADER.test(name));
  const isDirect = LOOPBACK_ADDRESS.test(socket.remoteAddress ?? "") && !isForwarded && signOfBeyond(request) === null;
  writeOwnHeader(request, PEER_HEADER, isDirect ? "loopback" : "remote");
}

/**
 * What in a request shows that people beyond this machine reach the server, or null when nothing does: a host or a forwarding
 * header that isn't loopback, an `Origin` that isn't and that its browser calls our own, or HTTP/1.0, which plain proxies
 * speak and browsers don't. A page of another site can have none of them sent by its own name: it sets no forwarding header,
 * and its browser names this machine as the host and calls the `Origin` another one's. Has to see the request as it came.
 */
export function signOfBeyond({
  headers,
  httpVersion,
}: Pick<IncomingMessage, "headers" | "httpVersion">): string | null {
  if (httpVersion === "1.0") return "HTTP/1.0";
  // Without one, Node refuses the request.
  if (headers.host !== undefined && !isLoopbackHost(headers.host)) return "Host";
  const forwarding = Object.entries(headers).find(([name, value]) => namesBeyond(name, String(value)));
  if (forwarding) return forwarding[0];
  const { origin = "null", "sec-fetch-site": site } = headers;
  const isOwnPage = site === "same-origin" && URL.canParse(origin);
  return isOwnPage && !isLoopbackHost(new URL(origin).host) ? "Origin" : null;
}

/** Whether a forwarding header names a client or a host beyond this machine; what only says how, such as the protocol, doesn't. */
function namesBeyond(name: string, value: string): boolean {
  if (!FORWARDING_HEADER.test(name)) return false;
  const parts = value.split(",").map((part) => part.trim());
  if (name === "forwarded") {
    // RFC 7239 §4: for=192.0.2.43;host="sarafan.example";proto=https
    const pairs = parts.flatMap((part) => part.split(";")).map((pair) => pair.trim().split(/\s*=\s*"?|"$/));
    return pairs.some(([key = "", named = ""]) => /^(for|host)$/i.test(key) && !isLoopbackHost(named));
  }
  return /-(for|host|client|ip|ipv6|address)$/.test(name) && parts.some((part) => part && !isLoopbackHost(part));
}

/**
 * Whether a host or an address, with or without a port, is this machine: `localhost` and what is below it, `127.…`, `[::1]`. The
 * last answer is kept: nearly all requests name the same host, and to read one takes a hundredth of a request.
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
 * Notes in a header of ours the address that the request comes from: the socket's, or as many steps back in
 * `X-Forwarded-For` as there are proxies that the operator trusts. Has to run before Next.js reads the request.
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

/** The network that a request comes from, as limits count it: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(headers: Headers): string {
  // Vercel writes its header over whatever a client sends (vercel.com/docs/headers/request-headers).
  const noted = readOwnHeader(headers, ADDRESS_HEADER) ?? (IS_ON_VERCEL ? (headers.get("x-real-ip") ?? "") : "");
  if (!ipaddr.isValid(noted)) return "unknown";
  const address = ipaddr.process(noted);
  if (address.kind() === "ipv4") return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString()}/64`)}/64`;
}

/** Whether a request comes straight from this machine, and nothing in it shows that it was passed on. */
export function isFromThisMachine(headers: Headers): boolean {
  return readOwnHeader(headers, PEER_HEADER) === "loopback";
}
