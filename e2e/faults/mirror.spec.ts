import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { findFreePort } from "../../scripts/internal/free-port";
import { DATABASES, withDatabase } from "../databases";
import type { Server } from "../fixtures";
import { expect, test } from "./faults";
import { Ledger } from "./ledger";
import { Load } from "./load";

/** How long webhooks wait that a killed server had taken, with a margin: see `WEBHOOK_LEASE_MS` in lib/core/policy.ts. */
const ARRIVAL_MS_MAX = 60_000;

const PAGE = readFileSync("docs/events.md", "utf8");
/** The receiver of the page, and the types of events that it gets there. */
const RECEIVER = /^```js\n(\/\/ receiver\.mjs\n.*?)^```/ms.exec(PAGE)?.[1] ?? "";
const TYPES = /^npm run key .*--name mirror .*\n.*--types (\S+)$/m.exec(PAGE)?.[1] ?? "";

for (const database of DATABASES) {
  test(`the receiver of docs/events.md mirrors all accounts on ${database} while both sides are killed`, async ({
    freshPhone,
    startServer,
  }, testInfo) => {
    test.setTimeout(240_000);
    const AUTH_SECRET = randomBytes(48).toString("base64url");
    const server = await startServer({ AUTH_SECRET, API_REQUESTS_PER_KEY_PER_MINUTE: 100_000 }, { database });
    const run = (...args: string[]) => runCommand(server, ...args);
    const port = await findFreePort();
    const { key = "" } = await run("key", "add", "--name", "mirror", "--scopes", "accounts:read,phones:read");
    const url = `http://127.0.0.1:${port}/`;
    const { secret = "" } = await run("webhook", "add", "--url", url, "--types", TYPES);
    // The file is in the clone, so that it finds the packages that it imports.
    const folder = path.dirname(testInfo.outputPath("receiver.mjs"));
    writeFileSync(path.join(folder, "receiver.mjs"), RECEIVER);
    const receiver = new Receiver(folder, { SARAFAN: server.url, KEY: key, SECRET: secret, PORT: String(port) });

    const load = new Load(new Ledger(), freshPhone);
    const disturb = async (answers: number, accident: () => Promise<unknown>) => {
      load.begin([server]);
      await load.answered(answers);
      await accident();
      await load.end();
    };
    const expectMirror = async () => {
      const stored = await accountsOf(server);
      await expect.poll(() => mirrored(folder), { timeout: ARRIVAL_MS_MAX }).toEqual(stored);
      return stored.length;
    };
    try {
      await test.step("accounts before the mirror", () => disturb(40, async () => undefined));
      await receiver.start();
      await test.step("the receiver is killed, and comes back", async () => {
        await disturb(40, async () => {
          await receiver.kill();
          await load.answered(40);
          await receiver.start();
          await load.answered(20);
        });
      });
      await test.step("both are killed", async () => {
        await disturb(60, () => Promise.all([server.stop("SIGKILL"), receiver.kill()]));
        await server.start();
        await receiver.start();
        // The receiver reads a list after its start, and ends if the server is killed before it is read.
        await expectMirror();
      });
      await test.step("the server is killed while it delivers", async () => {
        await disturb(60, () => server.stop("SIGKILL"));
        await server.start();
      });
      await disturb(20, async () => undefined);
      expect(await expectMirror()).toBeGreaterThan(20);
      expect(load.complaints).toEqual([]);
    } finally {
      await receiver.kill();
    }
  });
}

/** Runs a command beside the server. Returns the JSON of its last line. */
async function runCommand({ settings }: Server, ...args: string[]): Promise<Record<string, string>> {
  const env = cleanEnvironment(Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, `${value}`])));
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", ...args], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** The receiver's process, which can be killed and started again. */
class Receiver {
  readonly #folder: string;
  readonly #settings: Record<string, string>;
  #child: ChildProcess | undefined;

  constructor(folder: string, settings: Record<string, string>) {
    this.#folder = folder;
    this.#settings = settings;
  }

  /** Starts it, and resolves when it receives. */
  async start(): Promise<void> {
    this.#child = spawn(process.execPath, ["receiver.mjs"], {
      cwd: this.#folder,
      env: cleanEnvironment(this.#settings),
      stdio: ["ignore", "inherit", "inherit"],
    });
    const isReceiving = () =>
      fetch(`http://127.0.0.1:${this.#settings.PORT}/`, { method: "POST" }).then(
        () => true,
        () => false,
      );
    await expect.poll(isReceiving).toBe(true);
  }

  /** Kills it as by `kill -9`. Does nothing if it doesn't run. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
}

type Account = { id: number; phone: string; inviteCode: string; isBlocked: boolean; activated: string | null };

/** The accounts of the server's database. */
async function accountsOf({ databaseUrl }: Server): Promise<Account[]> {
  const rows = await withDatabase(databaseUrl, (query) =>
    query<Omit<Account, "isBlocked"> & { blockedAt: unknown }>(`
      SELECT u."id", u."phone", u."inviteCode", u."blockedAt", a."code" AS "activated" FROM "User" u
      LEFT JOIN "Activation" a ON a."inviteeId" = u."id" ORDER BY u."id"`),
  );
  return rows.map(({ blockedAt, ...row }) => ({ ...row, isBlocked: blockedAt !== null }));
}

/** The accounts of the receiver's mirror. */
async function mirrored(folder: string): Promise<Account[]> {
  const rows = await withDatabase(`file:${path.join(folder, "mirror.db")}`, (query) =>
    query<{ account: string }>(`SELECT "account" FROM "mirror" WHERE "account" <> 'null' ORDER BY "id"`),
  );
  return rows.map((row) => {
    const { id, phone, inviteCode, blockedAt, activation } = JSON.parse(row.account);
    return { id, phone, inviteCode, isBlocked: blockedAt !== null, activated: activation?.inviteCode ?? null };
  });
}
