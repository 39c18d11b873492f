import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { perProcess } from "@/lib/per-process";
import { log } from "./log";

/** What has begun to send a request may go on for so long before it is given up. */
const HALF_SENT_MS_MAX = 3000;
/** The end, whatever hangs; who asked for it waits 10 s. */
const DEADLINE_MS = 8000;
/** A request that came just before the signal has not been read yet. */
const SWEEP_EVERY_MS = 100;

interface Connection {
  /** How many of its requests have not been answered. */
  open: number;
  /** How much of what it has sent is known to be answered. */
  bytesAnswered: number;
}

interface Traffic {
  endingSince: number | null;
  connections: Map<Socket, Connection>;
  responses: Set<ServerResponse>;
  servers: Set<Server>;
}

const traffic = perProcess(
  "traffic",
  (): Traffic => ({ endingSince: null, connections: new Map(), responses: new Set(), servers: new Set() }),
);

/** Whether this process was asked to end, and should be sent nothing any more. */
export function isEnding(): boolean {
  return traffic.endingSince !== null;
}

/** Has to hear of every connection that a server accepts. */
export function watchSocket(socket: Socket): void {
  traffic.connections.set(socket, { open: 0, bytesAnswered: 0 });
  socket.once("close", () => traffic.connections.delete(socket));
}

/** Has to hear of every request. */
export function watchExchange({
  request: { socket },
  response,
  server,
}: {
  request: IncomingMessage;
  response: ServerResponse;
  server: Server;
}): void {
  if (!traffic.connections.has(socket)) watchSocket(socket);
  const connection = traffic.connections.get(socket);
  if (!connection) return;
  traffic.servers.add(server);
  traffic.responses.add(response);
  connection.open += 1;
  if (isEnding()) response.shouldKeepAlive = false;
  response.once("close", () => {
    traffic.responses.delete(response);
    connection.open -= 1;
    connection.bytesAnswered = socket.bytesRead;
  });
}

/**
 * From now on SIGTERM and SIGINT end this process with 0, after it has answered what it was asked and no later than
 * `DEADLINE_MS`. Next.js stops listening and exits when the last connection is gone, but waits for those that never ask
 * for anything, that send their request for ever and that are kept open, and for whatever hangs; and then tells of the
 * signal with its exit code.
 */
export function endInPeace(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    // Where nobody listens, in a build, there is nothing to answer, and the signal should do what it does.
    if (process.listenerCount(signal) > 0 && !process.listeners(signal).includes(begin)) {
      process.prependListener(signal, begin);
    }
  }
}

function begin(): void {
  if (isEnding()) return;
  const endingSince = performance.now();
  traffic.endingSince = endingSince;
  log.info({ open: traffic.responses.size }, "ending: no more connections are taken");
  process.on("exit", (code) => {
    if (code > 128) process.exitCode = 0;
  });
  for (const response of traffic.responses) if (!response.headersSent) response.shouldKeepAlive = false;
  // Node would cut a connection that has sent a request which is not read yet, or that has not taken all of its answer.
  for (const server of traffic.servers) server.closeIdleConnections = () => undefined;
  setInterval(() => sweep(performance.now() - endingSince), SWEEP_EVERY_MS);
}

function sweep(elapsedMs: number): void {
  if (elapsedMs > DEADLINE_MS) {
    log.warn({ open: traffic.responses.size }, "ended with requests unanswered");
    process.exit(0);
  }
  for (const [socket, { open, bytesAnswered }] of traffic.connections) {
    const isHalfSent = socket.bytesRead > bytesAnswered;
    if (open === 0 && (!isHalfSent || elapsedMs > HALF_SENT_MS_MAX)) socket.destroy();
  }
}
