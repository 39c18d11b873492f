import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import ipaddr from "ipaddr.js";
import { env, IS_ON_VERCEL, isLoopback } from "@/lib/env";

// Kept for all the bundles that Next.js makes of this module. Nobody else can know it, so that what a client sends under the
// names below counts for nothing, even where a host tells instrumentation.ts nothing of a request.
const kept = globalThis as { sarafanNoteMark?: string };
kept.sarafanNoteMark ??= randomBytes(16).toString("hex");
const MARK = kept.sarafanNoteMark;

/** Written by `markPeer` over whatever a client may have sent under this name. */
const PEER_HEADER = "x-sarafan-peer";
/** The same for `noteAddress`. */
const ADDRESS_HEADER = "x-sarafan-address";
/** What proxies add to the requests that they pass on. */
const FORWARDING_HEADER =
  /^(x-(forwarded|original|envoy|cluster)-.*|forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-.*|fastly-.*)$/;
const LOOPBACK_ADDRESS = /^(127(\.\d+){3}|::1|::ffff:127(\.\d+){3})$/;

/**
 * Notes in a header of ours whether the request comes straight from this machine. Has to run before Next.js reads the
 * request, because Next.js adds forwarding headers of its own.
 */
export function markPeer({ headers, socket }: IncomingMessage): void {
  const isForwarded = Object.keys(headers).some((name) => FORWARDING_HEADER.test(name));
  const isDirect = LOOPBACK_ADDRESS.test(socket.remoteAddress ?? "") && !isForwarded;
  headers[PEER_HEADER] = `${MARK} ${isDirect ? "loopback" : "remote"}`;
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

/** An address whose percent signs make no text is nobody's; Next.js would answer it with an error of its own. */
export function tidyUrl(request: IncomingMessage): void {
  try {
    decodeURIComponent(request.url ?? "");
  } catch {
    request.url = "/not-found";
  }
}

/**
 * A chain of proxies makes lists of these headers, and a client may send anything. What is left of each is the first of
 * the list, where that is one: NextAuth builds addresses from them.
 */
export function tidyForwarding({ headers }: IncomingMessage): void {
  const isHost = (text: string) => URL.canParse(`http://${text}`);
  const isProtocol = (text: string) => text === "http" || text === "https";
  for (const [name, isValid] of [
    ["x-forwarded-host", isHost],
    ["x-forwarded-proto", isProtocol],
  ] as const) {
    const [first = ""] = String(headers[name] ?? "").split(",");
    if (isValid(first.trim())) headers[name] = first.trim();
    else delete headers[name];
  }
}

/**
 * Whether one-time codes may be shown to whoever asks: only in the demonstration mode, and there only to this machine,
 * at the address that is ours (a page elsewhere may have a name that resolves here), unless the operator allows more.
 */
export function maySeeCodes(headers: Headers): boolean {
  if (!env.REVEAL_CODES) return false;
  if (env.ALLOW_DEMO) return true;
  return readNote(headers, PEER_HEADER) === "loopback" && isOwnOrigin(`${own.protocol}//${headers.get("host")}`);
}

/**
 * Whether the numbers of this process may be shown to whoever asks: to who has the operator's token, or without one to
 * this machine, at a name that no page elsewhere can have, while the server is for this machine only: a proxy in front
 * may look like it.
 */
export function maySeeMetrics(headers: Headers): boolean {
  if (!env.METRICS_TOKEN) {
    const isOfThisMachine = isLoopback(own.hostname) && isLoopback(hostnameOf(headers.get("host") ?? ""));
    return isOfThisMachine && readNote(headers, PEER_HEADER) === "loopback";
  }
  const [, token = ""] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return timingSafeEqual(digestOf(token), digestOf(env.METRICS_TOKEN));
}

/** Of the same length whatever the text's is, so that a comparison tells nothing of it. */
function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
}

/**
 * Whether a request would change something with a person's cookies on behalf of a page elsewhere, as the browser tells:
 * by `Origin`, or where there is none by `Sec-Fetch-Site`. Without either it is no browser, and has nobody's cookies but
 * its own.
 */
export function isForeignRequest({ method, headers }: { method: string; headers: Headers }): boolean {
  if (["GET", "HEAD", "OPTIONS"].includes(method)) return false;
  const origin = headers.get("origin");
  if (origin !== null) return !isOwnOrigin(origin);
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
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
  const wished = acceptLanguage
    .split(",")
    .map((part) => {
      const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
      const weight = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("q="));
      return { language: tag.split("-")[0], weight: weight ? Number(weight.slice(2)) : 1 };
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight);
  const known = wished.map((wish) => languages.find((language) => language === wish.language));
  return known.find((language) => language !== undefined) ?? languages.at(-1) ?? first;
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
