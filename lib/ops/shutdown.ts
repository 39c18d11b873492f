import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { perProcess } from "@/lib/per-process";
import { log, logError } from "./log";

/** How long after SIGTERM or SIGINT a connection stays open on which only a part of a request has arrived. */
const HALF_SENT_MS_MAX = 3000;
/** How long after the signal the process exits at the latest. Docker and others kill a process after 10 s. */
const DEADLINE_MS = 8000;
/** How often idle connections are closed. Repeated, because a request that came before the signal may not be read yet. */
const CLOSE_IDLE_EVERY_MS = 100;

interface Connection {
  /** How many requests on this connection are unanswered. */
  open: number;
  /** How many bytes were read from this connection when its last answer ended. */
  bytesAnswered: number;
}

interface Traffic {
  endingSince: number | null;
  /** What has to be done before the process exits. */
  tasks: (() => Promise<void>)[];
  connections: Map<Socket, Connection>;
  responses: Set<ServerResponse>;
  servers: Set<Server>;
}

const traffic = perProcess(
  "traffic",
  (): Traffic => ({ endingSince: null, tasks: [], connections: new Map(), responses: new Set(), servers: new Set() }),
);

/** Whether this process has received SIGTERM or SIGINT and is ending. */
export function isEnding(): boolean {
  return traffic.endingSince !== null;
}

/**
 * Registers a task that runs when this process receives SIGTERM or SIGINT. The process exits when all tasks have ended, after
 * `DEADLINE_MS` at the latest.
 */
export function beforeExit(task: () => Promise<void>): void {
  traffic.tasks.push(task);
}

/** Tracks a connection. Must be called for every connection that a server accepts. */
export function watchSocket(socket: Socket): void {
  traffic.connections.set(socket, { open: 0, bytesAnswered: 0 });
  socket.once("close", () => traffic.connections.delete(socket));
}

/** Tracks a request until its answer ends. Must be called for every request. */
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
 * Makes SIGTERM and SIGINT end this process with exit code 0, after all requests are answered or after `DEADLINE_MS`. Next.js
 * by itself would stop listening, wait for all connections to end (idle ones, unfinished requests and answers that hang as
 * well), and exit with the signal's code.
 */
export function endGracefully(): void {
  for (const signal of SIGNALS) {
    // Without a server the signal ends the process as it does by default.
    if (isServing() && !process.listeners(signal).includes(beginShutdown)) {
      process.prependListener(signal, beginShutdown);
    }
  }
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Whether a server runs in this process: Next.js has listeners for both signals then, and has none during a build. */
export function isServing(): boolean {
  return SIGNALS.every((signal) => process.listenerCount(signal) > 0);
}

function beginShutdown(): void {
  if (isEnding()) return;
  const endingSince = performance.now();
  traffic.endingSince = endingSince;
  log.info({ open: traffic.responses.size }, "ending: no more connections are taken");
  process.on("exit", (code) => {
    if (code > 128) process.exitCode = 0;
  });
  for (const response of traffic.responses) if (!response.headersSent) response.shouldKeepAlive = false;
  // Node.js's own function would also close connections with a request not yet read or an answer not fully sent.
  for (const server of traffic.servers) server.closeIdleConnections = () => undefined;
  exitAfter(traffic.tasks);
  setInterval(() => closeIdle(performance.now() - endingSince), CLOSE_IDLE_EVERY_MS);
}

/** Node's own function, before `exitAfter` replaces it. */
const exitNow = process.exit.bind(process);

/** Runs the tasks, and delays `process.exit` until they end, because Next.js calls it as soon as its requests are answered. */
function exitAfter(tasks: Traffic["tasks"]): void {
  if (tasks.length === 0) return;
  const done = Promise.all(tasks.map((task) => task().catch((error) => logError(error, "a task failed at the end"))));
  process.exit = ((code) => void done.then(() => exitNow(code))) as typeof process.exit;
}

function closeIdle(elapsedMs: number): void {
  if (elapsedMs > DEADLINE_MS) {
    log.warn({ open: traffic.responses.size }, "ended with requests unanswered");
    exitNow(0);
  }
  for (const [socket, { open, bytesAnswered }] of traffic.connections) {
    const isHalfSent = socket.bytesRead > bytesAnswered;
    if (open === 0 && (!isHalfSent || elapsedMs > HALF_SENT_MS_MAX)) socket.destroy();
  }
}
