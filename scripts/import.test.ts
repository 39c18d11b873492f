import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { _baseTest, expect } from "playwright/test";
import { startTestPostgres, withDatabase } from "../e2e/databases";
import { cleanEnvironment } from "./internal/environment";

const test = _baseTest.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from its first parameter.
  folder: async ({}, use) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-import-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },
});

function start(url: string, ...args: string[]) {
  const env = cleanEnvironment({ DATABASE_URL: url, AUTH_SECRET: "s".repeat(40) });
  return spawn(process.execPath, ["scripts/run.mjs", "import", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}

async function run(url: string, ...args: string[]) {
  const child = start(url, ...args);
  const closed = once(child, "close");
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, output, errors };
}

const phoneOf = (at: number) => `+7945${String(at).padStart(7, "0")}`;
const HEADER = "phone,email,invite_code,inviter,created";

/** Counts accounts, phones, activations, referrals as they are counted, and events of the import. */
const COUNTS_SQL = `SELECT count(*) AS "accounts", count(DISTINCT "phone") AS "phones", sum("referralCount") AS "referrals",
  (SELECT count(*) FROM "Activation") AS "activations",
  (SELECT count(*) FROM "AuditEvent" WHERE "action" = 'account_imported') AS "events" FROM "User"`;

test("an import that is killed is run again: no row twice, and each account has its inviter", async ({ folder }) => {
  const [url, file] = [`file:${folder}/sarafan.db`, `${folder}/people.csv`];
  const count = 5000;
  // Each is invited by the next one, so that an import in the file's order would find no inviter.
  const rows = Array.from({ length: count }, (_, at) => `${phoneOf(at)},,,${at + 1 < count ? phoneOf(at + 1) : ""},`);
  writeFileSync(file, [HEADER, ...rows].join("\n"));
  const killed = start(url, file);
  const closed = once(killed, "close");
  const database = () => new Database(`${folder}/sarafan.db`, { fileMustExist: true });
  const countAccounts = () => {
    try {
      const opened = database();
      const accounts = Number(opened.prepare('SELECT count(*) FROM "User"').pluck().get());
      opened.close();
      return accounts;
    } catch {
      // The database or its tables are not there yet.
      return 0;
    }
  };
  await expect.poll(countAccounts, { intervals: [5], timeout: 60_000 }).toBeGreaterThan(300);
  killed.kill("SIGKILL");
  await closed;
  const before = countAccounts();
  expect(before).toBeLessThan(count);

  const { code, output } = await run(url, file);
  expect(code).toBe(0);
  expect(output).toContain(
    `${count} rows: ${count - before} accounts were made, ${before} exist already, 0 rows are refused.`,
  );
  const opened = database();
  const all = { accounts: count, phones: count, referrals: count - 1, activations: count - 1, events: count };
  expect(opened.prepare(COUNTS_SQL).get()).toEqual(all);
  opened.close();
});

test("a dry run changes nothing, refused rows are written with their reasons, and both end with a failure", async ({
  folder,
}) => {
  const [url, file, refused] = [`file:${folder}/sarafan.db`, `${folder}/people.csv`, `${folder}/refused.csv`];
  writeFileSync(file, `note;phone;inviter\na;${phoneOf(1)};\n"b;${phoneOf(2)};\nc;nothing;\nd;${phoneOf(3)};ABC123\n`);
  const dry = await run(url, file, "--dry-run");
  expect(dry).toMatchObject({ code: 1, output: expect.stringContaining("4 rows: 1 accounts would be made") });
  expect(dry.output).toContain("These columns are not read: note.");
  const done = await run(url, file, "--refused", refused);
  expect(done).toMatchObject({ code: 1, output: expect.stringContaining("4 rows: 1 accounts were made, 0 exist") });
  expect(done.errors.split("\n").sort()).toEqual(dry.errors.split("\n").sort());
  expect(done.errors).toContain("line 4: no phone number\n");
  expect(done.errors).not.toContain("+7945");
  expect(readFileSync(refused, "utf8")).toBe(
    `note;phone;inviter;reason\n"b;${phoneOf(2)};;line_malformed\nc;nothing;;phone_invalid\nd;${phoneOf(3)};ABC123;inviter_unknown\n`,
  );
  expect(statSync(refused).mode & 0o777).toBe(0o600);
  const original = readFileSync(file, "utf8");
  for (const existing of [file, refused]) {
    const again = await run(url, file, "--refused", existing);
    expect(again).toMatchObject({ code: 1, errors: `${existing} exists already.\n` });
  }
  expect(readFileSync(file, "utf8")).toBe(original);
  const withoutArguments = await run(url);
  expect(withoutArguments).toMatchObject({ code: 1, errors: expect.stringContaining("Usage") });
  expect(await run(url, `${folder}/missing.csv`)).toMatchObject({ code: 1, errors: expect.stringContaining("ENOENT") });
});

/** The accounts with their inviters, the newest first. */
const ACCOUNTS_SQL = `SELECT "User"."phone", "User"."claimedPhone", "User"."email", "User"."inviteCode", "inviter"."inviteCode" AS "inviterCode",
    CAST("User"."createdAt" AS TEXT) AS "createdAt", "User"."referralCount", CAST("activatedAt" AS TEXT) AS "activatedAt",
    CAST("User"."blockedAt" AS TEXT) AS "blockedAt"
  FROM "User" LEFT JOIN "Activation" ON "inviteeId" = "User"."id" LEFT JOIN "User" AS "inviter" ON "inviter"."id" = "inviterId"
  ORDER BY "User"."createdAt" DESC, "User"."inviteCode"`;

/** Writes the file of People, as the console sends it to an administrator, to the standard output. */
const EXPORT_PROGRAM = `
  const { exportList } = await import("./lib/core/administration/list-export.ts");
  const exported = await exportList({ userId: 1, verifiedAt: new Date() }, "people", {});
  if (!exported.ok) throw new Error(exported.failure.name);
  for await (const piece of exported.value) process.stdout.write(piece);
  process.exit();`;

async function exportPeople(url: string): Promise<string> {
  const env = cleanEnvironment({ DATABASE_URL: url, AUTH_SECRET: "s".repeat(40) });
  const program = ["--import", "tsx", "--input-type=module", "--eval", EXPORT_PROGRAM];
  const child = spawn(process.execPath, program, { env, stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  const exported = await text(child.stdout);
  expect((await closed)[0]).toBe(0);
  return exported;
}

test("an SQLite moves to a PostgreSQL by export and import, with codes, inviters, times, blocks and counts", async ({
  folder,
}) => {
  test.slow();
  const [from, file] = [`file:${folder}/sarafan.db`, `${folder}/people.csv`];
  const count = 300;
  // Each of the first hundred invites three; some of those who invited no account have no phone. Some are blocked.
  const rows = Array.from({ length: count }, (_, at) => {
    const inviter = at > 0 ? phoneOf(Math.floor((at - 1) / 3)) : "";
    const [created, activated, blocked] = [0, 500, 900].map((ms) => new Date(1.7e12 + at * 1000 + ms).toISOString());
    const [phone, claimed] = at >= count / 3 && at % 7 === 6 ? ["", phoneOf(at)] : [phoneOf(at), ""];
    const email = `person-${at}@mail.example`;
    return [phone, claimed, email, inviter, created, activated, at % 11 === 0 ? blocked : ""].join(",");
  });
  writeFileSync(file, ["phone,claimed_phone,email,inviter,created,activated,blocked", ...rows].join("\n"));
  expect(await run(from, file)).toMatchObject({ code: 0, errors: "" });

  const accounts = await readAccounts(from);
  expect(accounts).toHaveLength(count);
  expect(accounts.filter(({ blockedAt }) => blockedAt)).toHaveLength(28);
  expect(accounts.at(-1)).toMatchObject({ activatedAt: null, blockedAt: "2023-11-14T22:13:20.900Z" });
  expect(accounts.at(-2)).toMatchObject({ activatedAt: "2023-11-14T22:13:21.500Z", blockedAt: null });
  const exported = `${folder}/exported.csv`;
  writeFileSync(exported, await exportPeople(from));
  const postgres = await startTestPostgres();
  try {
    const to = await postgres.createDatabase();
    expect(await run(to, exported)).toMatchObject({ code: 0, errors: "" });
    expect(await readAccounts(to)).toEqual(accounts);
    expect(await run(to, exported)).toMatchObject({ code: 0, output: expect.stringContaining("300 exist already") });
    expect(await readAccounts(to)).toEqual(accounts);
  } finally {
    await postgres.stop();
  }
});

/** Returns all accounts, with times in ISO 8601. SQLite keeps them in that form, PostgreSQL with a space and without a zone. */
async function readAccounts(url: string): Promise<Record<string, unknown>[]> {
  const timeOf = (value: unknown) => value && new Date(String(value).replace(/ (.*)/, "T$1Z")).toISOString();
  const rows = await withDatabase(url, (query) => query(ACCOUNTS_SQL));
  return rows.map(({ createdAt, activatedAt, blockedAt, ...row }) => ({
    ...row,
    createdAt: timeOf(createdAt),
    activatedAt: timeOf(activatedAt),
    blockedAt: timeOf(blockedAt),
  }));
}
