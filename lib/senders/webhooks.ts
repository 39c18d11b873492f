import { Resolver } from "node:dns/promises";
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestByHttp } from "node:http";
import { Agent as HttpsAgent, request as requestByHttps } from "node:https";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { env, IS_LOOPBACK_ONLY, isLoopback } from "@/lib/env";
import { perProcess } from "@/lib/per-process";

/** How long an attempt may take, from the look-up of the address to the end of the answer. */
export const ATTEMPT_MS_MAX = 10_000;
/** How much of an answer is read. */
export const ANSWER_BYTES_MAX = 1024;
/** How long a look-up waits for one DNS server, and how often it asks. */
const LOOKUP = { timeout: 2000, tries: 2 };
/** How long a connection without a request stays open. Most servers close it after 5 s. */
const IDLE_MS_MAX = 4000;
/** How long the connection to one of several addresses may take before the next one is tried as well. */
const NEXT_ADDRESS_AFTER_MS = 1000;

/**
 * Why an attempt failed.
 * - `address_refused`: no webhook may go to this URL, or to an address of its name.
 * - `unresolved`: the receiver's name has no address.
 * - `unreachable`: there was no connection.
 * - `insecure`: the certificate is not valid, or the TLS handshake failed.
 * - `timeout`: no answer came within `ATTEMPT_MS_MAX`.
 * - `garbage`: the answer is not HTTP.
 * - `redirected`: the status is 3xx.
 * - `bad_status`: the status is neither 2xx nor 3xx.
 */
export type WebhookFault =
  | "address_refused"
  | "unresolved"
  | "unreachable"
  | "insecure"
  | "timeout"
  | "garbage"
  | "redirected"
  | "bad_status";

/** What came of an attempt. `fault` is null after a success. */
export interface WebhookAnswer {
  status: number | null;
  fault: WebhookFault | null;
  /** The value of `Retry-After`, as it came. */
  retryAfter: string | null;
  /** The beginning of the answer's body, without control characters; null for an empty one. */
  body: string | null;
}

export interface WebhookRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** Sends a webhook. Never rejects, except with the signal's reason when the signal aborts the attempt. */
export type PostWebhook = (request: WebhookRequest, signal: AbortSignal) => Promise<WebhookAnswer>;

/** The addresses that webhooks may go to besides public ones. */
interface AllowedAddresses {
  privateRanges: typeof env.WEBHOOK_PRIVATE_RANGES;
  /** Whether webhooks may go to this machine, by http as well: only while this server itself is reached from this machine alone. */
  isLoopbackAllowed: boolean;
}
const ALLOWED: AllowedAddresses = {
  privateRanges: env.WEBHOOK_PRIVATE_RANGES,
  isLoopbackAllowed: IS_LOOPBACK_ONLY,
};

/** Ports below are the well-known ports of IANA (RFC 6335 §6). */
const USER_PORT_MIN = 1024;
/** Ports from 1024 on that browsers refuse, because other protocols are spoken there (https://fetch.spec.whatwg.org/#port-blocking). */
const BLOCKED_PORTS = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/** Why the URL of a receiver is refused. */
export type WebhookUrlProblem = "malformed" | "not_https" | "credentials" | "port" | "address";

/**
 * Returns why no webhook may go to this URL, or null. The addresses of a name are checked at each connection and not here, because
 * they may change.
 */
export function findUrlProblem(text: string, allowed = ALLOWED): WebhookUrlProblem | null {
  if (!URL.canParse(text)) return "malformed";
  const { protocol, hostname, port, username, password, hash } = new URL(text);
  if (!/^https?:$/.test(protocol) || hash !== "" || hostname === "") return "malformed";
  if (username !== "" || password !== "") return "credentials";
  const isOwnMachine = isLoopback(hostname) && allowed.isLoopbackAllowed;
  if (protocol === "http:" && !isOwnMachine) return "not_https";
  const isBlocked = port !== "" && (Number(port) < USER_PORT_MIN || BLOCKED_PORTS.includes(Number(port)));
  if (isBlocked) return "port";
  const address = literalOf(hostname);
  const isRefused = address === null ? isLoopback(hostname) && !isOwnMachine : !isAllowed(address, hostname, allowed);
  return isRefused ? "address" : null;
}

/** Returns the address if the host of a URL is one, without the brackets of IPv6. */
function literalOf(hostname: string): string | null {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(bare) ? bare : null;
}

/** IPv6 addresses that are given out to networks (RFC 4291 §2.4, IANA's registry of global unicast addresses). */
const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/** Returns whether a webhook to this host may go to this address: a public one, or one that is allowed besides. */
function isAllowed(text: string, hostname: string, { privateRanges, isLoopbackAllowed }: AllowedAddresses): boolean {
  // `process` makes an IPv4 address of one that is mapped into IPv6.
  const address = ipaddr.process(text);
  const isInRange = ([network, bits]: (typeof privateRanges)[number]) =>
    network.kind() === address.kind() && address.match(network as never, bits);
  if (privateRanges.some(isInRange)) return true;
  const range = address.range();
  if (range === "loopback") return isLoopbackAllowed && isLoopback(hostname);
  return range === "unicast" && (address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST));
}

class RefusedAddress extends Error {}
class UnresolvedName extends Error {}

/** Returns the addresses of a name. An empty array means that it has none. */
export type Resolve = (hostname: string) => Promise<string[]>;

/**
 * Asks the DNS servers of the system. Node's own look-up is not used: each takes one of four threads until it ends, so that names that
 * are answered slowly would delay the file access and the hashing of all requests.
 */
async function resolveByDns(hostname: string): Promise<string[]> {
  if (hostname === "localhost") return ["127.0.0.1", "::1"];
  const resolver = new Resolver(LOOKUP);
  const found = await Promise.all(
    [resolver.resolve4(hostname), resolver.resolve6(hostname)].map((asked) => asked.catch(() => [])),
  );
  return found.flat();
}

/** Makes a look-up that returns only addresses that webhooks may go to. If a name has any other one, it fails. */
function makeLookup(resolve: Resolve, allowed: AllowedAddresses): LookupFunction {
  return (hostname, { all }, callback) => {
    const answer = (addresses: string[]) => {
      const [first] = addresses;
      if (first === undefined) throw new UnresolvedName();
      if (!addresses.every((address) => isAllowed(address, hostname, allowed))) throw new RefusedAddress();
      const list = addresses.map((address) => ({ address, family: ipaddr.parse(address).kind() === "ipv4" ? 4 : 6 }));
      if (all) callback(null, list);
      else callback(null, first, list[0]?.family);
    };
    resolve(hostname)
      .then(answer)
      .catch((error) => callback(error, []));
  };
}

/**
 * Makes a function that sends webhooks by a POST. The name of the receiver is looked up here, and the connection goes to exactly the
 * addresses that were checked, so that a name whose address changes between two look-ups leads to no other one. Redirects are not
 * followed, and no proxy is used.
 */
export function makeWebhookPost(resolve: Resolve = resolveByDns, allowed = ALLOWED): PostWebhook {
  const options = {
    ...{ keepAlive: true, timeout: IDLE_MS_MAX, lookup: makeLookup(resolve, allowed) },
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
  };
  const agents = { "http:": new HttpAgent(options), "https:": new HttpsAgent(options) };
  return async ({ url, headers, body }, signal) => {
    if (findUrlProblem(url, allowed)) return faultOf("address_refused");
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const isHttps = protocol === "https:";
    const begin = isHttps ? requestByHttps : requestByHttp;
    // Node 20 keeps a reference for each signal that `AbortSignal.any` makes of one that stays, as the signal of a worker does.
    const ending = new AbortController();
    const end = () => ending.abort();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, ATTEMPT_MS_MAX);
    signal.addEventListener("abort", end);
    const send = async (): Promise<WebhookAnswer> => {
      const request = begin({
        agent: agents[isHttps ? "https:" : "http:"],
        method: "POST",
        host: literalOf(hostname) ?? hostname,
        port: port || (isHttps ? 443 : 80),
        path: `${pathname}${search}`,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        signal: ending.signal,
      });
      request.end(body);
      try {
        return await readAnswer(await responseTo(request));
      } catch (thrown) {
        const error = thrown as Error & { code?: string };
        signal.throwIfAborted();
        if (isLate) return faultOf("timeout");
        // The receiver has closed a connection that was idle, while this request was on its way.
        if (request.reusedSocket && error.code === "ECONNRESET") return send();
        return faultOf(faultOfError(error));
      }
    };
    try {
      signal.throwIfAborted();
      return await send();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  };
}

/** Returns the answer to a request once its head is there. Rejects when the connection ends before. */
function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("response", resolve);
    // The receiver wants to speak another protocol (101). The answer has no body.
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    request.on("error", reject);
    request.on("close", () => reject(new Error("the connection ended without an answer")));
  });
}

const faultOf = (fault: WebhookFault): WebhookAnswer => ({ status: null, fault, retryAfter: null, body: null });

/** Reads the beginning of an answer. An answer that ends too early, or never, counts by its status. */
async function readAnswer(response: IncomingMessage): Promise<WebhookAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      bytes += chunk.length;
      // Leaving the loop closes the connection.
      if (bytes > ANSWER_BYTES_MAX) break;
    }
  } catch {
    // The receiver ended the connection, or `ATTEMPT_MS_MAX` is over.
  }
  const { statusCode: status = 0, headers } = response;
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are removed: PostgreSQL stores no NUL, and terminals obey the others.
  const body = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\ufffd$/g, "") || null;
  return { status, fault: faultOfStatus(status), retryAfter: headers["retry-after"] ?? null, body };
}

function faultOfStatus(status: number): WebhookFault | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? "redirected" : "bad_status";
}

/** OpenSSL's and Node's codes for a certificate that is not valid for this host, or a TLS handshake that failed. */
const TLS_ERROR_CODE_PATTERN =
  /CERT|^ERR_(TLS|SSL)|^(HOSTNAME_MISMATCH|UNABLE_TO_|INVALID_(CA|PURPOSE)|PATH_LENGTH)|EPROTO/;

function faultOfError(error: Error & { code?: string }): WebhookFault {
  if (error instanceof RefusedAddress) return "address_refused";
  if (error instanceof UnresolvedName) return "unresolved";
  const { code = "" } = error;
  if (code.startsWith("HPE_")) return "garbage";
  return TLS_ERROR_CODE_PATTERN.test(code) ? "insecure" : "unreachable";
}

/** Sends webhooks, with the settings of this server. */
export const postWebhook: PostWebhook = (request, signal) =>
  perProcess("webhook connections", () => makeWebhookPost())(request, signal);
