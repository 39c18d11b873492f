import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type APIRequestContext, test as base } from "playwright/test";
import { cleanEnvironment } from "../scripts/internal/environment";
import { findFreePort } from "../scripts/internal/free-port";
import { type DatabaseKind, startTestPostgres, type TestPostgres } from "./databases";

export { expect } from "playwright/test";

/** Settings by their names in the environment; see the table of settings. */
export type Settings = Record<string, string | number | boolean>;

/** Comfortable for tests that are about something else: codes come at once, as often as wanted, and nothing is spent. */
const SETTINGS: Settings = {
  CONSOLE_DELAY_MS: 0,
  OTP_COUNTRIES: "*",
  RESEND_AFTER_S: 0,
  TRIES_PER_CODE: 1000,
  LONGER_CODES_AFTER_WRONG: "1000,1000",
  ALARM_AFTER_WRONG: 1_000_000,
  GUESS_PROBABILITY_PER_DAY_MAX: 1,
  SENDS_PER_PHONE_PER_HOUR: 10_000,
  SENDS_PER_PHONE_PER_DAY: 10_000,
  SENDS_PER_IP_PER_HOUR: 1_000_000,
  WRONG_CODES_PER_IP_PER_HOUR: 1_000_000,
  ACTIVATIONS_PER_USER_PER_HOUR: 10_000,
  INVITE_LOOKUPS_PER_IP_PER_HOUR: 1_000_000,
  TAKEN_ANSWERS_PER_IP_PER_HOUR: 1000,
  TAKEN_ANSWERS_PER_HOUR: 1000,
};

const START_TIMEOUT_MS = 60_000;
const CODE_TIMEOUT_MS = 10_000;

/** Where a server of one's own keeps what it knows. */
export interface Place {
  /** A new SQLite file in a temporary folder, which is the default, or a new database in the worker's PostgreSQL. */
  database?: DatabaseKind | undefined;
  /** On this server's database instead, under its public address, with its secret and its settings. */
  beside?: Server | undefined;
}

/** A whole Sarafan of one's own: a process started as `npm start` does. */
export interface Server {
  /** Where it listens, without a slash at the end; its public address as well unless the settings name another. */
  readonly url: string;
  readonly port: number;
  /** The temporary folder that holds its secret, and its database when that is a file. */
  readonly dataFolder: string;
  readonly databaseUrl: string;
  /** What it was started with, apart from its port. */
  readonly settings: Settings;
  /** All it has printed since it was made. */
  output(): string;
  /** All codes that were sent to this phone or address, by it or by servers beside it. */
  codesFor(to: string): string[];
  /** The newest of them; each is handed out once: the next call waits for the next code. */
  codeFor(to: string): Promise<string>;
  /** Asks it to end and resolves to its exit code; `SIGKILL` ends it like a power cut, which has no exit code. */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
  /** Starts it again, after `stop`, on the same data and port. */
  start(): Promise<void>;
}

interface TestFixtures {
  /** A server with settings of the test's own, ended after the test. */
  startServer: (settings?: Settings, place?: Place) => Promise<Server>;
  /** A phone that nobody else in this run has. */
  phone: string;
  /** More such phones. */
  freshPhone: () => string;
  /** `server.codeFor`. */
  codeFor: (to: string) => Promise<string>;
  /** A client of the APIs with a cookie jar of its own, at the worker's server or at the one named. */
  newClient: (options?: {
    url?: string;
    headers?: Record<string, string>;
    /** How long an answer may take. */
    timeoutMs?: number;
  }) => Promise<APIRequestContext>;
}

interface WorkerFixtures {
  /** The worker's PostgreSQL, started when somebody first asks for it. */
  postgres: () => Promise<TestPostgres>;
  /** The URL of a database with all tables and no rows, made when somebody first asks for it: for copies. */
  emptyDatabase: (kind: DatabaseKind) => Promise<string>;
  /** The server that all tests of a worker share; `page.goto("/login")` and `request` lead to it. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  postgres: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
    async ({}, use) => {
      let started: Promise<TestPostgres> | undefined;
      await use(() => {
        started ??= startTestPostgres();
        return started;
      });
      await (await started)?.stop();
    },
    { scope: "worker", timeout: START_TIMEOUT_MS },
  ],
  emptyDatabase: [
    async ({ postgres }, use) => {
      const folder = mkdtempSync(path.join(tmpdir(), "sarafan-"));
      const made = new Map<DatabaseKind, Promise<string>>();
      const make = async (kind: DatabaseKind) =>
        migrate(kind === "sqlite" ? `file:${databaseIn(folder)}` : await (await postgres()).createDatabase());
      await use((kind) => {
        const database = made.get(kind) ?? make(kind);
        made.set(kind, database);
        return database;
      });
      rmSync(folder, { recursive: true });
    },
    { scope: "worker" },
  ],
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    async ({}, use) => {
      const servers = new Servers();
      // Tests of headers that proxies send must not end the demonstration for the tests after them.
      await use(await servers.start({ ALLOW_DEMO: true }));
      await servers.remove();
    },
    { scope: "worker", timeout: START_TIMEOUT_MS },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  codeFor: async ({ server }, use) => use(server.codeFor),
  newClient: async ({ playwright, server }, use) => {
    const clients: APIRequestContext[] = [];
    await use(async ({ url = server.url, headers = {}, timeoutMs = 30_000 } = {}) => {
      const client = await playwright.request.newContext({
        baseURL: url,
        extraHTTPHeaders: headers,
        maxRedirects: 0,
        timeout: timeoutMs,
      });
      clients.push(client);
      return client;
    });
    await Promise.all(clients.map((client) => client.dispose()));
  },
  startServer: async ({ postgres, emptyDatabase }, use) => {
    const servers = new Servers(postgres, emptyDatabase);
    await use((settings, place) => servers.start(settings, place));
    await servers.remove();
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

/** Servers of one test or worker, and what they leave on the disk. */
export class Servers {
  readonly #postgres: WorkerFixtures["postgres"] | undefined;
  readonly #emptyDatabase: WorkerFixtures["emptyDatabase"] | undefined;
  readonly #servers: Server[] = [];

  /** With an empty database, servers begin with a copy of it, and so some seconds sooner. */
  constructor(postgres?: WorkerFixtures["postgres"], emptyDatabase?: WorkerFixtures["emptyDatabase"]) {
    this.#postgres = postgres;
    this.#emptyDatabase = emptyDatabase;
  }

  /** Starts one and resolves when it answers. */
  async start(settings: Settings = {}, { database = "sqlite", beside }: Place = {}): Promise<Server> {
    const server = beside
      ? await makeServer({ APP_URL: beside.url, ...beside.settings, ...settings }, beside)
      : await makeServer({ ...SETTINGS, ...(await this.#settingsFor(database)), ...settings });
    this.#servers.push(server);
    if (this.#emptyDatabase && database === "sqlite" && !beside && !settings.DATABASE_URL) {
      copyFileSync((await this.#emptyDatabase(database)).slice("file:".length), databaseIn(server.dataFolder));
    }
    await server.start();
    return server;
  }

  /** Ends them all and deletes their data. */
  async remove(): Promise<void> {
    // How a server ends in peace has tests of its own.
    await Promise.all(this.#servers.map((server) => server.stop("SIGKILL")));
    for (const { dataFolder } of this.#servers) rmSync(dataFolder, { recursive: true, force: true });
  }

  async #settingsFor(database: DatabaseKind): Promise<Settings> {
    if (database === "sqlite") return {};
    if (!this.#postgres) throw new Error("There is no PostgreSQL here.");
    const { createDatabase } = await this.#postgres();
    const url = await createDatabase(await this.#emptyDatabase?.(database));
    return { DATABASE_URL: url, AUTH_SECRET: randomBytes(48).toString("base64url") };
  }
}

/** What servers on one database have printed of codes. */
class Outbox {
  readonly #sent: { to: string; code: string }[] = [];
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #handedOut = new Map<string, number>();

  /** Hears whole lines. */
  hear(lines: string) {
    for (const line of lines.split("\n")) {
      const [, to, code] = /^(\+\d+|\S+@\S+) (\d{4,10})\r?$/.exec(line) ?? [];
      if (to && code) this.#sent.push({ to, code });
    }
    this.#news.emit("heard");
  }

  codesFor(to: string): string[] {
    return this.#sent.filter((sent) => sent.to === to).map(({ code }) => code);
  }

  async codeFor(to: string): Promise<string> {
    const signal = AbortSignal.timeout(CODE_TIMEOUT_MS);
    for (;;) {
      const codes = this.codesFor(to);
      const newest = codes.at(-1);
      if (newest && codes.length > (this.#handedOut.get(to) ?? 0)) {
        this.#handedOut.set(to, codes.length);
        return newest;
      }
      await once(this.#news, "heard", { signal });
    }
  }
}

const outboxes = new WeakMap<Server, Outbox>();

/** Servers that are to be ended with this process, whatever becomes of their test. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach(killGroup));

/** A server that is still to be started. */
async function makeServer(settings: Settings, beside?: Server): Promise<Server> {
  const dataFolder = beside?.dataFolder ?? mkdtempSync(path.join(tmpdir(), "sarafan-"));
  const port = await findFreePort();
  const url = `http://localhost:${port}`;
  const databaseUrl = String(settings.DATABASE_URL ?? `file:${databaseIn(dataFolder)}`);
  const given = { ...settings, PORT: port, DATABASE_URL: databaseUrl };
  const env = cleanEnvironment(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])));
  const outbox = (beside && outboxes.get(beside)) ?? new Outbox();
  let output = "";
  let child: ChildProcess | undefined;

  function hear(chunk: string) {
    const from = output.lastIndexOf("\n") + 1;
    output += chunk;
    outbox.hear(output.slice(from, output.lastIndexOf("\n") + 1));
  }

  async function start() {
    // A process group of its own, so that none of its processes outlives it, whatever happens.
    const own = spawn(process.execPath, ["scripts/run.mjs", "serve"], {
      env,
      detached: process.platform !== "win32",
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = own;
    running.add(own);
    own.stdout.setEncoding("utf8").on("data", hear);
    own.stderr.setEncoding("utf8").on("data", hear);
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
    running.delete(own);
    child = undefined;
    return own.exitCode;
  }

  const server: Server = {
    url,
    port,
    dataFolder,
    databaseUrl,
    settings: { ...settings, DATABASE_URL: databaseUrl },
    output: () => output,
    codesFor: (to) => outbox.codesFor(to),
    codeFor: (to) =>
      outbox.codeFor(to).catch(() => {
        throw new Error(`No code came for ${to}. The server's last words:\n${output.slice(-2000)}`);
      }),
    stop,
    start,
  };
  outboxes.set(server, outbox);
  return server;
}

const databaseIn = (folder: string) => path.join(folder, "sarafan.db");

/** Gives the database its tables, as `npm run migrate` does, and resolves to its URL. */
async function migrate(url: string): Promise<string> {
  const env = cleanEnvironment({ DATABASE_URL: url, AUTH_SECRET: randomBytes(48).toString("base64url") });
  await promisify(execFile)(process.execPath, ["scripts/run.mjs", "migrate"], { env });
  return url;
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/api/health/live`);
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
