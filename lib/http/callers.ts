import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Server, Socket } from "node:net";
import ipaddr from "ipaddr.js";
// Next.js's own reader, so that exactly what it would refuse is dropped. With its ending, without which Node doesn't find it: the
// tests of this folder run there.
import { parseAndValidateFlightRouterState } from "next/dist/server/app-render/parse-and-validate-flight-router-state.js";
import { env, IS_DEVELOPMENT, IS_ON_VERCEL, isLoopback } from "@/lib/env";
import { METHODS } from "@/lib/ops/methods";

// Kept for all the bundles that Next.js makes of this module. Nobody else can know it, so that what a client sends under the
// names below counts for nothing, even where a host tells instrumentation.ts nothing of a request.
const kept = globalThis as { sarafanNoteMark?: string };
kept.sarafanNoteMark ??= randomBytes(16).toString("hex");
const MARK = kept.sarafanNoteMark;

/** Written by `markPeer` over whatever a client may have sent under this name. */
const PEER_HEADER = "x-sarafan-peer";
/** The same for `noteAddress`. */
const ADDRESS_HEADER = "x-sarafan-address";
/** The same for `replaceUnknownMethod`. */
const METHOD_HEADER = "x-sarafan-method";
/** Sent by Next.js's own script. */
const TREE_HEADER = "next-router-state-tree";
const PREFETCH_HEADER = "next-router-prefetch";
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
  headers[PEER_HEADER] = `${MARK} ${isDirect ? "loopback" : "remote"}`;
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
export function noteAddress({ headers, socket }: IncomingMessage): void {
  const forwarded = String(headers["x-forwarded-for"] ?? "")
    .split(",")
    // Some proxies add the port: 192.0.2.1:5555, [2001:db8::1]:5555.
    .map((hop) => hop.trim().replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3"))
    .filter((hop) => hop !== "");
  const hops = [...forwarded, socket.remoteAddress ?? ""];
  headers[ADDRESS_HEADER] = `${MARK} ${hops[Math.max(0, hops.length - 1 - env.TRUSTED_PROXIES)] ?? ""}`;
}

/** What this process itself noted in a header of ours, null when it noted nothing. */
function readNote(headers: Headers, name: string): string | null {
  const [mark, note] = headers.get(name)?.split(" ") ?? [];
  return mark === MARK ? (note ?? "") : null;
}

/** The network that a request comes from, as limits count it: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(headers: Headers): string {
  // Vercel writes its header over whatever a client sends (vercel.com/docs/headers/request-headers).
  const noted = readNote(headers, ADDRESS_HEADER) ?? (IS_ON_VERCEL ? (headers.get("x-real-ip") ?? "") : "");
  if (!ipaddr.isValid(noted)) return "unknown";
  const address = ipaddr.process(noted);
  if (address.kind() === "ipv4") return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString()}/64`)}/64`;
}

/** Where Next.js keeps the page of its own that tells of an error, with status 500, for whoever asks for it. */
const ERROR_PAGE = /^\/+_global-error\b/;

/**
 * An address whose percent signs make no text is nobody's, `*` is no address, and Next.js's own page for errors is no page of
 * ours; Next.js would answer each with an error of its own. Of an address with a host (RFC 9112 §3.2.2) the path is what counts.
 */
export function tidyUrl(request: IncomingMessage): void {
  const url = request.url ?? "";
  try {
    if (ERROR_PAGE.test(decodeURIComponent(url))) {
      request.url = "/not-found";
      return;
    }
    if (url.startsWith("/")) return;
    const { pathname, search } = new URL(url);
    request.url = pathname + search;
  } catch {
    request.url = "/not-found";
  }
}

/**
 * Drops what only Next.js's own script sends, where it never sends it: a `Next-Router-State-Tree` that can't be read (it says which
 * parts of a page the browser has already, and without it all are sent), and a `Next-Router-Prefetch` for features that are off
 * here. Next.js would answer with an error of its own, or log one.
 */
export function dropOddNextHeaders({ headers }: IncomingMessage): void {
  if (headers[PREFETCH_HEADER] !== "1") delete headers[PREFETCH_HEADER];
  try {
    parseAndValidateFlightRouterState(headers[TREE_HEADER]);
  } catch {
    delete headers[TREE_HEADER];
  }
}

/**
 * Has requests to speak another protocol answered as if they hadn't asked (RFC 9110 §7.8), as Node does where nothing listens for
 * them. Next.js listens, leaves such a connection open for ever without an answer, and no limit of time ends it; Java's client
 * asks for HTTP/2 that way with its first request. Not while developing, where the browser is told of changes by a WebSocket.
 */
export function ignoreUpgrades({ server }: Socket & { server?: Server }): void {
  if (!IS_DEVELOPMENT) server?.removeAllListeners("upgrade");
}

/**
 * Next.js answers a method that it doesn't know with an error, or as if it were GET. So it gets OPTIONS instead, and a note for
 * what answers that. Has to run after whatever logs the method.
 */
export function replaceUnknownMethod(request: IncomingMessage): void {
  if (METHODS.includes(request.method ?? "")) return;
  request.headers[METHOD_HEADER] = `${MARK} unknown`;
  request.method = "OPTIONS";
  // The redirects of next.config.ts would come first.
  if (!request.url?.startsWith("/api/")) request.url = "/";
}

/** Whether the request came with a method that is answered nowhere here. */
export function hasUnknownMethod(headers: Headers): boolean {
  return readNote(headers, METHOD_HEADER) !== null;
}

/**
 * Tells Next.js and NextAuth the public address, whatever a proxy or a client says of it: Next.js compares it with `Origin`
 * before it runs a server action, and NextAuth builds addresses of it. Has to run after everything that looks at what proxies
 * have written. `Host` stays as it came.
 */
export function tellPublicAddress({ headers }: IncomingMessage): void {
  // While APP_URL is this machine, it has several names, and a page may have been opened at any of them.
  const { host, protocol } = headers.origin && isOwnOrigin(headers.origin) ? new URL(headers.origin) : own;
  headers["x-forwarded-host"] = host;
  headers["x-forwarded-proto"] = protocol.slice(0, -1);
}

/** Whether a request comes straight from this machine, and nothing in it shows that it was passed on. */
export function isFromThisMachine(headers: Headers): boolean {
  return readNote(headers, PEER_HEADER) === "loopback";
}

/** Whether a request names our own address as its host: a page elsewhere may have a name that was pointed at this machine. */
export function isAtOwnAddress(headers: Headers): boolean {
  return isOwnOrigin(`${own.protocol}//${headers.get("host")}`);
}

/**
 * Whether a request may change something and a page of another origin had the browser send it, as the browser says by `Origin`
 * or `Sec-Fetch-Site`. A client that sends neither is no browser.
 */
export function isForeignRequest({ method, headers }: { method: string; headers: Headers }): boolean {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) return false;
  return isOfForeignPage(headers) || isFromElsewhere(headers);
}

/**
 * Whether a page of another site has the browser fetch an address that people open: as a picture, in a frame, by a script, or
 * ahead of a click. A link that a person follows there is fetched as a document (Fetch Metadata Request Headers §2.1); a preview
 * robot sends none of these headers.
 */
export function isForeignFetch(headers: Headers): boolean {
  const [destination, site] = [headers.get("sec-fetch-dest"), headers.get("sec-fetch-site")];
  if (site === "same-origin" || site === "none" || destination === null) return false;
  return destination !== "document" || headers.has("sec-purpose");
}

/** Whether the script of a page of another origin made the request; a link that was followed from there carries no `Origin`. */
export function isOfForeignPage(headers: Headers): boolean {
  const origin = headers.get("origin");
  return origin !== null && !isOwnOrigin(origin);
}

/** Whether the browser says that something else than a page of ours, or the person, made it send the request. */
function isFromElsewhere(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

/**
 * What stands behind `Bearer` in the `Authorization` header, which may be anything (RFC 6750 §2.1); null where there is no such
 * header or it has another scheme: that of a staging site's proxy, such as Basic, is not ours.
 */
export function readBearer(headers: Headers): string | null {
  const found = /^Bearer(?: +(.*))?$/i.exec(headers.get("authorization") ?? "");
  return found && (found[1] ?? "");
}

/**
 * The one of `languages` that an `Accept-Language` header likes best (RFC 9110 §12.5.4). The first when it names none at
 * all, as link previews do; the last when it names only others.
 */
export function preferredLanguage<Language extends string>(
  acceptLanguage: string | null,
  languages: readonly [Language, ...Language[]],
): Language {
  const [first] = languages;
  if (!acceptLanguage || acceptLanguage === "*") return first;
  const wished = readWeights(acceptLanguage)
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight);
  const known = wished.map(({ value }) => languages.find((language) => language === value.split("-")[0]));
  return known.find((language) => language !== undefined) ?? languages.at(-1) ?? first;
}

/**
 * Whether an `Accept` header likes a page better than JSON, by its weights (RFC 9110 §12.5.1). Not where it likes both alike, as
 * `curl` and most JSON clients do.
 */
export function prefersPage(accept: string | null): boolean {
  const weights = new Map(readWeights(accept ?? "*/*").map(({ value, weight }) => [value, weight]));
  // The most specific range that a type is in says how much it is liked.
  const page = weights.get("text/html") ?? weights.get("text/*") ?? weights.get("*/*") ?? 0;
  const json = weights.get("application/json") ?? weights.get("application/*") ?? weights.get("*/*") ?? 0;
  return page > json;
}

/** What a header such as `Accept` lists, in small letters and without parameters, each with its weight (RFC 9110 §12.4.2). */
function readWeights(header: string): { value: string; weight: number }[] {
  return header.split(",").map((part) => {
    const [value = "", ...parameters] = part.toLowerCase().replace(/\s/g, "").split(";");
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1;
    return { value, weight: Number(weight) || 0 };
  });
}

/**
 * Throws for a request that a page elsewhere had a browser send. Whoever answers requests refuses those first, in their own
 * words; this is for what must not happen even where that was forgotten.
 */
export function assertOwnRequest(headers: Headers): void {
  if (isForeignRequest({ method: "POST", headers })) throw new Error("a page elsewhere would log somebody in here");
}

/** Where somebody asks to be led, at our public address; our first page where that is elsewhere, however it is written. */
export function ownAddress(wanted: string): string {
  const { href, pathname, search } = URL.canParse(wanted, env.APP_URL) ? new URL(wanted, env.APP_URL) : own;
  return isOwnOrigin(href) ? `${own.origin}${pathname}${search}` : own.href;
}

const own = new URL(env.APP_URL);

/** `APP_URL`'s origin, of which the machine's own names are one while `APP_URL` has one of them. */
function isOwnOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port } = new URL(text);
  const isOwnName = hostname === own.hostname || (isLoopback(hostname) && isLoopback(own.hostname));
  return protocol === own.protocol && isOwnName && port === own.port;
}
