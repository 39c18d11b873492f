import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
// This is Next.js's own parser, so that exactly the headers that Next.js would refuse are dropped. The import needs the
// extension `.js`, because the tests of this folder run in plain Node.js.
import { parseAndValidateFlightRouterState } from "next/dist/server/app-render/parse-and-validate-flight-router-state.js";
import { IS_DEVELOPMENT } from "@/lib/env";
import { watchExchange, watchSocket } from "@/lib/ops/shutdown";
import { relaxCaching } from "./caching";
import { markPeer, recordClientIp } from "./client-ip";
import { markFileMethod } from "./file-methods";
import { publicAddressAt } from "./origin";
import type { FormFault } from "./page-forms";
import { secureExchange } from "./security-headers";
import { replaceUnknownMethod } from "./unknown-method";

interface Hooks {
  /** Called with each request before any of its headers is changed. */
  onArrival: (request: IncomingMessage) => void;
  /** Called with each request as Next.js will read it, but with the method that the client sent. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** For how many seconds browsers use https only (RFC 6797). */
  hstsMaxAgeS: number;
}

/**
 * Prepares each request of this process before Next.js reads it, by Node.js's diagnostics channels. A host that runs functions
 * instead of a server (Vercel) needn't publish to these channels, so proxy.ts and the readers of our headers work without the hooks,
 * too, and instrumentation.ts doesn't call this there. Returns a function that removes the hooks.
 */
export function hookIntoServer({ onArrival, onRequest, hstsMaxAgeS }: Hooks): () => void {
  const prepareSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    ignoreUpgrades(socket);
    watchSocket(socket);
  };
  const prepareRequest = (message: unknown) => {
    const exchange = message as { request: IncomingMessage; response: ServerResponse; server: HttpServer };
    const { request, response } = exchange;
    watchExchange(exchange);
    onArrival(request);
    markPeer(request);
    recordClientIp(request);
    setPublicAddress(request);
    normaliseUrl(request);
    dropInvalidNextHeaders(request);
    secureExchange(request, response, hstsMaxAgeS);
    refuseUnknownActions(request, response);
    relaxCaching(request, response);
    onRequest(request, response);
    replaceUnknownMethod(request);
    markFileMethod(request);
  };
  subscribe("net.server.socket", prepareSocket);
  subscribe("http.server.request.start", prepareRequest);
  return () => {
    unsubscribe("net.server.socket", prepareSocket);
    unsubscribe("http.server.request.start", prepareRequest);
  };
}

/** The request headers of Next.js's own script in the browser. */
const TREE_HEADER = "next-router-state-tree";
const PREFETCH_HEADER = "next-router-prefetch";

/** The address of Next.js's built-in error page, which it serves with status 500 to every client that requests it. */
const ERROR_PAGE_PATTERN = /^\/+_global-error\b/;

/**
 * Replaces addresses that Next.js would answer with status 500: invalid percent-encoding, `*`, and Next.js's built-in error page
 * become `/not-found`. An absolute address (RFC 9112 §3.2.2) becomes its path and query.
 */
function normaliseUrl(request: IncomingMessage): void {
  const url = request.url ?? "";
  try {
    if (ERROR_PAGE_PATTERN.test(decodeURIComponent(url))) {
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
 * Removes headers of Next.js's own script with values that the script never sends, because Next.js would respond with status
 * 500 or log an error: a `Next-Router-State-Tree` that can't be parsed (it lists the parts of a page that the browser has;
 * without the header all parts are sent), and a `Next-Router-Prefetch` other than `1`, which is for features that are off here.
 */
function dropInvalidNextHeaders({ headers }: IncomingMessage): void {
  if (headers[PREFETCH_HEADER] !== "1") delete headers[PREFETCH_HEADER];
  try {
    parseAndValidateFlightRouterState(headers[TREE_HEADER]);
  } catch {
    delete headers[TREE_HEADER];
  }
}

/**
 * Removes Next.js's listener for `Upgrade` requests, so that Node.js handles such a request as an ordinary one (RFC 9110 §7.8).
 * Next.js would keep the connection open without a response and without a time-out. Java's HTTP client sends such a request
 * first, to ask for HTTP/2. Development keeps the listener, because the browser learns of changes by a WebSocket.
 */
function ignoreUpgrades({ server }: Socket & { server?: Server }): void {
  if (!IS_DEVELOPMENT) server?.removeAllListeners("upgrade");
}

/**
 * Sets the forwarding headers to our public address, in place of those that a proxy or client has sent. Next.js compares them
 * with `Origin` before it runs a server action, and NextAuth builds addresses from them. Must run after `markPeer` and
 * `recordClientIp`, which read the headers of proxies. `Host` is not changed.
 */
function setPublicAddress({ headers }: IncomingMessage): void {
  const { host, protocol } = publicAddressAt(headers.origin);
  headers["x-forwarded-host"] = host;
  headers["x-forwarded-proto"] = protocol.slice(0, -1);
}

/**
 * Changes Next.js's status 409 for a server action that isn't in this build to 400, with `Sarafan-Error: action_unknown`. The
 * action may belong to another build or be made up; the server can't tell these apart.
 */
function refuseUnknownActions(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "POST") return;
  const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse;
  response.writeHead = (status: number, ...rest: unknown[]) => {
    const isUnknown = status === 409 && response.hasHeader("x-nextjs-action-not-found");
    if (isUnknown) response.setHeader("Sarafan-Error", "action_unknown" satisfies FormFault);
    return writeHead(isUnknown ? 400 : status, ...rest);
  };
}
