import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type APIRequestContext, test as base } from "playwright/test";
import { cleanEnvironment } from "../scripts/internal/environment";
import { findFreePort } from "../scripts/internal/free-port";
import { type DatabaseKind, startTestPostgres, type TestPostgres } from "./databases";
import { type MailServer, startMailServer } from "./mail-server";

export { expect } from "playwright/test";

/** Settings by their names in the environment (see docs/settings.md). */
export type Settings = Record<string, string | number | boolean>;

/** Settings for tests of other subjects: codes arrive without delay, there are no waits, and no limit is reached. */
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
  API_REQUESTS_PER_KEY_PER_MINUTE: 1_000_000,
};

/** For `sharedServer`: few attempts, a wait before the next code, short lists, one country, and no answer shows a code. */
export const STRICT: Settings = {
  TRIES_PER_CODE: 3,
  RESEND_AFTER_S: 60,
  CODE_DIGITS: 6,
  REFERRALS_LISTED_MAX: 2,
  REFERRALS_PER_PAGE: 2,
  OTP_COUNTRIES: "RU",
  REVEAL_CODES: false,
};
/** For `sharedServer`: few attempts, no wait, soon longer codes, and one referral on a page. */
export const FEW_TRIES: Settings = { TRIES_PER_CODE: 2, LONGER_CODES_AFTER_WRONG: "3,20", REFERRALS_PER_PAGE: 1 };
/** For `sharedServer`: codes, access tokens and the permission of a recent login end within seconds. */
export const SHORT_LIVED: Settings = { CODE_TTL_S: 12, ACCESS_TOKEN_TTL_S: 1, RECENT_LOGIN_S: 1 };

const START_TIMEOUT_MS = 60_000;
const CODE_TIMEOUT_MS = 30_000;

/** Where a test's own server keeps its data. */
export interface Place {
  /** A new SQLite file in a temporary folder, which is the default, or a new database in the worker's PostgreSQL. */
  database?: DatabaseKind | undefined;
  /** Uses this server's database instead, with its public address, secret and settings. */
  beside?: Server | undefined;
}

/** A server for tests: a process that is started as by `npm start`. */
export interface Server {
  /** Its address, without a slash at the end. It is the public address as well, unless the settings name another. */
  readonly url: string;
  readonly port: number;
  /** The temporary folder with its secret, and with its database if that is a file. */
  readonly dataFolder: string;
  readonly databaseUrl: string;
  /** The settings that it was started with, without its port. */
  readonly settings: Settings;
  /** Everything that it has printed, over all starts. */
  output(): string;
  /** All codes that were sent to this phone or mailbox, by it or by other servers on the same database. */
  codesFor(to: string): string[];
  /** Returns the newest of these codes. Returns each code once; the next call waits for the next code. */
  codeFor(to: string): Promise<string>;
  /** Sends the signal and resolves to the exit code; `SIGKILL` ends it without one, like a power cut. */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
  /** Starts it again, after `stop`, on the same data and port. */
  start(): Promise<void>;
}

interface TestFixtures {
  /** Starts a server with the test's settings. It is ended after the test. */
  startServer: (settings?: Settings, place?: Place) => Promise<Server>;
  /** A phone that no other test of this run has. */
  phone: string;
  /** More such phones. */
  freshPhone: () => string;
  /** The address of a network that no other test of the worker has, for `X-Forwarded-For`. */
  freshNetwork: () => string;
  /** The phone of an administrator of `server` and `mailingServer`. No other test of the worker has it. */
  administratorPhone: string;
  /** More such phones. */
  newAdministratorPhone: () => string;
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

export interface WorkerOptions {
  /** The address of a server that runs elsewhere, such as a preview deployment. Only tests tagged `@smoke` can use it. */
  servedAt: string | undefined;
}

interface WorkerFixtures extends WorkerOptions {
  /** The worker's PostgreSQL, started at the first use. */
  postgres: () => Promise<TestPostgres>;
  /** The URL of a database with all tables and no rows, to be copied. It is made at the first use. */
  emptyDatabase: (kind: DatabaseKind) => Promise<string>;
  /**
   * Starts a server with these settings when a test of the worker first asks for it; later tests get the same one. It is for
   * tests that don't end their server and don't count what others have left there. A start takes seconds of processor time.
   */
  sharedServer: (settings: Settings, place?: Place) => Promise<Server>;
  /** A mail server that the tests of a worker share. They may make single mailboxes unknown and hold mails, but don't stop it. */
  mailServer: MailServer;
  /** A server whose codes for mailboxes go to `mailServer`, and are shown nowhere else. Delayed changes wait 3 seconds. */
  mailingServer: Server;
  /** The server that all tests of a worker share; `page.goto("/login")` and `request` lead to it. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  servedAt: [undefined, { option: true, scope: "worker" }],
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
  sharedServer: [
    async ({ postgres, emptyDatabase }, use) => {
      const servers = new Servers({ postgres, emptyDatabase });
      const started = new Map<string, Promise<Server>>();
      await use((settings, place = {}) => {
        const key = JSON.stringify([settings, place.database, place.beside?.url]);
        const server = started.get(key) ?? servers.start(settings, place);
        started.set(key, server);
        return server;
      });
      await servers.remove();
    },
    { scope: "worker" },
  ],
  mailServer: [
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    async ({}, use) => {
      const mail = await startMailServer();
      await use(mail);
      await mail.stop();
    },
    { scope: "worker" },
  ],
  mailingServer: [
    async ({ mailServer, sharedServer }, use) =>
      use(
        await sharedServer({
          SMTP_URL: mailServer.url,
          MAIL_FROM: "Sarafan <codes@sarafan.example>",
          REVEAL_CODES: false,
          CHANGE_DELAY_S: 3,
          ADMIN_PHONES: ADMINISTRATOR_PHONES.join(","),
        }),
      ),
    { scope: "worker", timeout: START_TIMEOUT_MS },
  ],
  server: [
    async ({ servedAt, sharedServer }, use) =>
      use(
        servedAt
          ? serverElsewhere(servedAt)
          : // Without ALLOW_DEMO tests of proxies' headers would end the demonstration for later tests.
            await sharedServer({ ALLOW_DEMO: true, ADMIN_PHONES: ADMINISTRATOR_PHONES.join(",") }),
      ),
    { scope: "worker", timeout: START_TIMEOUT_MS },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  codeFor: async ({ server }, use) => use((to) => server.codeFor(to)),
  newClient: async ({ playwright, server, extraHTTPHeaders }, use) => {
    const clients: APIRequestContext[] = [];
    await use(async ({ url = server.url, headers = {}, timeoutMs = 30_000 } = {}) => {
      const client = await playwright.request.newContext({
        baseURL: url,
        extraHTTPHeaders: { ...extraHTTPHeaders, ...headers },
        maxRedirects: 0,
        timeout: timeoutMs,
      });
      clients.push(client);
      return client;
    });
    await Promise.all(clients.map((client) => client.dispose()));
  },
  startServer: async ({ postgres, emptyDatabase }, use) => {
    const servers = new Servers({ postgres, emptyDatabase });
    await use((settings, place) => servers.start(settings, place));
    await servers.remove();
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  freshPhone: async ({}, use, { workerIndex }) => use(() => makePhone(workerIndex)),
  phone: async ({ freshPhone }, use) => use(freshPhone()),
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  freshNetwork: async ({}, use) => use(makeNetwork),
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  newAdministratorPhone: async ({}, use) =>
    use(() => {
      const phone = ADMINISTRATOR_PHONES[administratorsMade];
      administratorsMade += 1;
      if (!phone) throw new Error("ADMINISTRATOR_PHONES has too few phones for the tests of one worker");
      return phone;
    }),
  administratorPhone: async ({ newAdministratorPhone }, use) => use(newAdministratorPhone()),
});

/** The phones of administrators on servers that tests share. */
const ADMINISTRATOR_PHONES = Array.from({ length: 100 }, (_, at) => `+79450001${String(at).padStart(3, "0")}`);
let administratorsMade = 0;

let phonesMade = randomInt(100_000);

/**
 * Russia's numbers 945… belong to no operator. Two digits, 01 to 99, distinguish the workers, and five count up from a random start.
 * The documentation uses 945 00….
 */
function makePhone(workerIndex: number): string {
  phonesMade = (phonesMade + 1) % 100_000;
  return `+7945${String((workerIndex % 99) + 1).padStart(2, "0")}${String(phonesMade).padStart(5, "0")}`;
}

let networksMade = 0;

/** RFC 2544 keeps 198.18.0.0/15 for tests. */
function makeNetwork(): string {
  networksMade += 1;
  return `198.18.${networksMade >> 8}.${networksMade & 255}`;
}

/** The servers of one test or worker, and their files. */
export class Servers {
  readonly #postgres: WorkerFixtures["postgres"];
  readonly #emptyDatabase: WorkerFixtures["emptyDatabase"];
  readonly #servers: Server[] = [];

  /** Servers begin with a copy of the empty database, which saves some seconds. */
  constructor({ postgres, emptyDatabase }: Pick<WorkerFixtures, "postgres" | "emptyDatabase">) {
    this.#postgres = postgres;
    this.#emptyDatabase = emptyDatabase;
  }

  /** Starts one and resolves when it answers. */
  async start(settings: Settings = {}, { database = "sqlite", beside }: Place = {}): Promise<Server> {
    const server = beside
      ? await makeServer({ APP_URL: beside.url, ...beside.settings, ...settings }, beside)
      : await makeServer({ ...SETTINGS, ...(await this.#settingsFor(database)), ...settings });
    this.#servers.push(server);
    if (database === "sqlite" && !beside && !settings.DATABASE_URL) {
      copyFileSync((await this.#emptyDatabase(database)).slice("file:".length), databaseIn(server.dataFolder));
    }
    await server.start();
    return server;
  }

  /** Ends all servers and deletes their data. */
  async remove(): Promise<void> {
    // The orderly end of a server has its own tests.
    await Promise.all(this.#servers.map((server) => server.stop("SIGKILL")));
    for (const { dataFolder } of this.#servers) rmSync(dataFolder, { recursive: true, force: true });
  }

  async #settingsFor(database: DatabaseKind): Promise<Settings> {
    if (database === "sqlite") return {};
    const { createDatabase } = await this.#postgres();
    const url = await createDatabase(await this.#emptyDatabase(database));
    return { DATABASE_URL: url, AUTH_SECRET: randomBytes(48).toString("base64url") };
  }
}

/** The codes that servers on one database have printed. */
class Outbox {
  readonly #sent: { to: string; code: string }[] = [];
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #handedOut = new Map<string, number>();

  /** Reads whole lines of the output. */
  hear(lines: string[]) {
    for (const line of lines) {
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

/** Servers to end with this process, even if their test was interrupted. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach(killGroup));

/** A server that was not started yet. */
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

  /** Reads one output of the server, whose lines may come in pieces, with pieces of the other one between them. */
  function hear(stream: Readable) {
    let begun = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      const lines = (begun + chunk).split("\n");
      begun = lines.pop() ?? "";
      outbox.hear(lines);
    });
  }

  async function start() {
    // A separate process group, so that all processes of the server can be ended together.
    const own = spawn(process.execPath, ["scripts/run.mjs", "serve"], {
      env,
      detached: process.platform !== "win32",
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = own;
    running.add(own);
    hear(own.stdout);
    hear(own.stderr);
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

/** A server of which only the address is known. Tests that read its output or end it fail with a sentence that says so. */
function serverElsewhere(url: string): Server {
  return new Proxy({ url } as Server, {
    get: (target, name) => {
      if (name === "url" || name === "then") return Reflect.get(target, name);
      throw new Error("Of the server of E2E_BASE_URL only the address is known: run the tests with --grep @smoke.");
    },
  });
}

/** Migrates the database, as `npm run migrate` does, and resolves to its URL. */
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
    // All processes of the group have ended already.
  }
}
