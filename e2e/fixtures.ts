import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type APIRequestContext, test as base } from "playwright/test";
import { cleanEnvironment } from "../scripts/environment";
import { findFreePort } from "../scripts/free-port";

export { expect } from "playwright/test";

/** Settings by their names in the environment; see the table of settings. */
export type Settings = Record<string, string | number | boolean>;

/** Comfortable for tests that are about something else: codes come at once, as often as wanted. */
const SETTINGS: Settings = {
  CONSOLE_DELAY_MS: 0,
  MAIL_DELAY_MS: 0,
  RESEND_AFTER_S: 0,
  TRIES_PER_CODE: 1000,
  TAKEN_ANSWERS_PER_IP_PER_HOUR: 1000,
  TAKEN_ANSWERS_PER_HOUR: 1000,
};

const START_TIMEOUT_MS = 60_000;
const CODE_TIMEOUT_MS = 10_000;

/** A whole Sarafan of one's own: a process started as `npm start` does, with a database in a temporary folder. */
export interface Server {
  /** Its public address, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** The temporary folder that holds its database and its secret. */
  readonly dataFolder: string;
  /** All it has printed since it was made. */
  output(): string;
  /** The newest code sent to this phone or address; each is handed out once: the next call waits for the next code. */
  codeFor(to: string): Promise<string>;
  /** Asks it to end and resolves to its exit code; `SIGKILL` ends it like a power cut, which has no exit code. */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
  /** Starts it again, after `stop`, on the same data and port. */
  start(): Promise<void>;
}

interface TestFixtures {
  /** A server with settings of the test's own, ended after the test. */
  startServer: (settings?: Settings) => Promise<Server>;
  /** A phone that nobody else in this run has. */
  phone: string;
  /** More such phones. */
  freshPhone: () => string;
  /** `server.codeFor`. */
  codeFor: (to: string) => Promise<string>;
  /** A client of the APIs with a cookie jar of its own, at the worker's server or at the one named. */
  newClient: (options?: { url?: string; headers?: Record<string, string> }) => Promise<APIRequestContext>;
}

interface WorkerFixtures {
  /** The server that all tests of a worker share; `page.goto("/login")` and `request` lead to it. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
    async ({}, use) => {
      const server = await startServer();
      await use(server.server);
      await server.remove();
    },
    { scope: "worker", timeout: START_TIMEOUT_MS },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  codeFor: async ({ server }, use) => use(server.codeFor),
  newClient: async ({ playwright, server }, use) => {
    const clients: APIRequestContext[] = [];
    await use(async ({ url = server.url, headers = {} } = {}) => {
      const client = await playwright.request.newContext({ baseURL: url, extraHTTPHeaders: headers, maxRedirects: 0 });
      clients.push(client);
      return client;
    });
    await Promise.all(clients.map((client) => client.dispose()));
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  startServer: async ({}, use) => {
    const started: { remove: () => Promise<void> }[] = [];
    await use(async (settings) => {
      const own = await startServer(settings);
      started.push(own);
      return own.server;
    });
    await Promise.all(started.map((own) => own.remove()));
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  freshPhone: async ({}, use, { workerIndex }) => use(() => makePhone(workerIndex)),
  phone: async ({ freshPhone }, use) => use(freshPhone()),
});

let phonesMade = randomInt(100_000);

/**
 * Russia's numbers 945 are nobody's. Two digits, 01 to 99, tell the workers apart, five are counted up from a random start;
 * the numbers 945 00… are those of the documentation.
 */
function makePhone(workerIndex: number): string {
  phonesMade = (phonesMade + 1) % 100_000;
  return `+7945${String((workerIndex % 99) + 1).padStart(2, "0")}${String(phonesMade).padStart(5, "0")}`;
}

/** Starts a server and resolves when it answers; `remove` ends it and deletes its data. */
export async function startServer(settings: Settings = {}): Promise<{ server: Server; remove: () => Promise<void> }> {
  const dataFolder = mkdtempSync(path.join(tmpdir(), "sarafan-"));
  const port = await findFreePort();
  const url = `http://localhost:${port}`;
  const given = { PORT: port, DATABASE_URL: `file:${path.join(dataFolder, "sarafan.db")}`, ...SETTINGS, ...settings };
  const env = cleanEnvironment(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])));
  const lines = new EventEmitter();
  const codes: { to: string; code: string }[] = [];
  let output = "";
  let child: ChildProcess | undefined;

  function hear(chunk: string) {
    const from = output.lastIndexOf("\n") + 1;
    output += chunk;
    for (const line of output.slice(from, output.lastIndexOf("\n") + 1).split("\n")) {
      const [, to, code] = /^(\+\d+|\S+@\S+) (\d{4,10})\r?$/.exec(line) ?? [];
      if (to && code) codes.push({ to, code });
    }
    lines.emit("output");
  }

  async function start() {
    // A process group of its own, so that none of its processes outlives it, whatever happens.
    const own = spawn(process.execPath, ["scripts/run.mjs", "serve"], {
      env,
      detached: process.platform !== "win32",
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = own;
    own.stdout.setEncoding("utf8").on("data", hear);
    own.stderr.setEncoding("utf8").on("data", hear);
    process.once("exit", () => killGroup(own));
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(url))) {
      if (hasEnded(own) || Date.now() > deadline) throw new Error(`The server did not start:\n${output}`);
      await sleep(50);
    }
  }

  async function stop(signal: NodeJS.Signals = "SIGTERM") {
    const own = child;
    if (!own) return null;
    const closed = hasEnded(own) ? undefined : once(own, "close");
    if (signal === "SIGKILL") killGroup(own);
    else own.kill(signal);
    await closed;
    killGroup(own);
    child = undefined;
    return own.exitCode;
  }

  async function codeFor(to: string): Promise<string> {
    const signal = AbortSignal.timeout(CODE_TIMEOUT_MS);
    for (;;) {
      const newest = codes.findLast((sent) => sent.to === to);
      if (newest) {
        codes.splice(0, codes.length, ...codes.filter((sent) => sent.to !== to));
        return newest.code;
      }
      await once(lines, "output", { signal }).catch(() => {
        throw new Error(`No code came for ${to}. The server's last words:\n${output.slice(-2000)}`);
      });
    }
  }

  async function remove() {
    await stop();
    rmSync(dataFolder, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { server: { url, port, dataFolder, output: () => output, codeFor, stop, start }, remove };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { redirect: "manual" });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function killGroup(child: ChildProcess) {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
  } catch {
    // Nobody of it is left, as it should be.
  }
}
