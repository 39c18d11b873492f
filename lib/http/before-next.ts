import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
// Next.js's own reader, so that exactly what it would refuse is dropped. With its ending, without which Node doesn't find it: the
// tests of this folder run there.
import { parseAndValidateFlightRouterState } from "next/dist/server/app-render/parse-and-validate-flight-router-state.js";
import { IS_DEVELOPMENT } from "@/lib/env";
import { watchExchange, watchSocket } from "@/lib/ops/shutdown";
import { markPeer, recordClientIp } from "./client-ip";
import { publicAddressAt } from "./origin";
import type { FormFault } from "./page-forms";
import { secureExchange } from "./security-headers";
import { replaceUnknownMethod } from "./unknown-method";

interface BeforeNext {
  /** Is told of each request as it came, before any of its headers is changed. */
  onArrival: (request: IncomingMessage) => void;
  /** Is told of each request as Next.js will read it, but for its method, which is still the one that was sent. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** How long browsers use https only, in seconds. */
  hstsMaxAgeS: number;
}

/**
 * Hooks into each server of this process by Node.js's diagnostics channels, which tell of a request before Next.js reads it. A host
 * that serves functions instead of a server publishes to neither channel; proxy.ts and the readers of our headers allow for that.
 * Returns a function that removes the hooks.
 */
export function hookIntoServer({ onArrival, onRequest, hstsMaxAgeS }: BeforeNext): () => void {
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
    tellPublicAddress(request);
    tidyUrl(request);
    dropOddNextHeaders(request);
    secureExchange(request, response, hstsMaxAgeS);
    refuseUnknownActions(request, response);
    onRequest(request, response);
    replaceUnknownMethod(request);
  };
  subscribe("net.server.socket", prepareSocket);
  subscribe("http.server.request.start", prepareRequest);
  return () => {
    unsubscribe("net.server.socket", prepareSocket);
    unsubscribe("http.server.request.start", prepareRequest);
  };
}

/** Sent by Next.js's own script. */
const TREE_HEADER = "next-router-state-tree";
const PREFETCH_HEADER = "next-router-prefetch";

/** Where Next.js keeps the page of its own that tells of an error, with status 500, for whoever asks for it. */
const ERROR_PAGE = /^\/+_global-error\b/;

/**
 * An address whose percent signs make no text is nobody's, `*` is no address, and Next.js's own page for errors is no page of
 * ours; Next.js would answer each with an error of its own. Of an address with a host (RFC 9112 §3.2.2) the path is what counts.
 */
function tidyUrl(request: IncomingMessage): void {
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
function dropOddNextHeaders({ headers }: IncomingMessage): void {
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
function ignoreUpgrades({ server }: Socket & { server?: Server }): void {
  if (!IS_DEVELOPMENT) server?.removeAllListeners("upgrade");
}

/**
 * Tells Next.js and NextAuth the public address, whatever a proxy or a client says of it: Next.js compares it with `Origin`
 * before it runs a server action, and NextAuth builds addresses of it. Has to run after everything that looks at what proxies
 * have written. `Host` stays as it came.
 */
function tellPublicAddress({ headers }: IncomingMessage): void {
  const { host, protocol } = publicAddressAt(headers.origin);
  headers["x-forwarded-host"] = host;
  headers["x-forwarded-proto"] = protocol.slice(0, -1);
}

/**
 * Makes 400 of the 409 with which Next.js answers a call of an action that isn't in this build: whether another build has it or
 * somebody made it up can't be told.
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
