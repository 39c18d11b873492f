import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type Database from "better-sqlite3";
import type { Client } from "pg";
import { LIST_APPLIED_SQL, MIGRATIONS_TABLE, pendingMigrations } from "../lib/db/migrator.mjs";
import { databaseFile, prepareDataFolder } from "./internal/data-folder.mjs";
import { connectTo, migrate } from "./internal/database";
import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { assertIntact, copyDatabase, flushToDisk, withDatabase } from "./internal/sqlite-files";
import { Refusal } from "./internal/tool.mjs";

/** Finds accounts whose `referralCount` is not the number of their referrals. An undamaged copy has none. */
const MISCOUNTED_SQL = `SELECT "id" FROM "User"
  WHERE "referralCount" <> (SELECT count(*) FROM "Activation" WHERE "inviterId" = "User"."id")`;

/** Pauses the endpoints of the copy: one that was removed since would get events again, and one that was moved at its old address. */
const PAUSE_ENDPOINTS_SQL = `UPDATE "WebhookEndpoint" SET "state" = 'paused', "version" = "version" + 1 WHERE "state" = 'active'
  RETURNING "id", "url"`;
/** Lists the keys of the copy that open the management API, among them those that were revoked since. */
const LIST_KEYS_SQL = `SELECT "id", "name", "hint" FROM "ApiKey"
  WHERE "revokedAt" IS NULL AND ("endsAt" IS NULL OR "endsAt" > '${textOf(new Date())}') ORDER BY "id"`;
/** Lists the applications of the copy that people can log in to, among them those that were disabled or removed since. */
const LIST_CLIENTS_SQL = `SELECT "id", "name" FROM "OAuthClient" WHERE "disabledAt" IS NULL ORDER BY "createdAt", "id"`;

/** Deletes the deliveries to webhook endpoints, whose events are deleted with the log. The endpoints show that they missed some. */
const FORGET_WEBHOOKS_SQL = `DELETE FROM "WebhookDelivery" RETURNING 1`;
const FORGET_EVENTS_SQL = `DELETE FROM "Event" RETURNING 1`;
/** Deletes the marks of lib/core/events/published-marks.ts, so that the empty log gets the events of the service again. */
const DELETE_PUBLISHED_SQL = `DELETE FROM "Mark" WHERE "name" LIKE 'published %' RETURNING 1`;
/** Expires all places in the event log that other systems have kept. */
const EVENTS_BEGIN_SQL = `INSERT INTO "Mark" ("name", "at") VALUES ('events_since', '${textOf(new Date())}')
  ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at" RETURNING 1`;

const ROWS_PER_INSERT = 1000;

setThrowawaySecret();
const { DATABASE_URL } = await checkSettings();
const target = databaseFile(DATABASE_URL);
const [, , , given] = process.argv;
if (target) {
  if (!given) throw new Refusal("Name the copy: npm run restore -- data/backups/sarafan-2026-11-21T15-20-43.769Z.db");
  await restoreFile(path.resolve(given), target);
} else if (given) {
  await moveToPostgres(path.resolve(given), DATABASE_URL);
} else {
  await restorePostgres(DATABASE_URL);
}

/** Replaces the SQLite database at `file` by a copy, and keeps the previous database beside it. */
async function restoreFile(copy: string, file: string): Promise<void> {
  prepareDataFolder(file);
  const draft = `${file}.${process.pid}.partial`;
  try {
    await prepareCopy(copy, draft);
    const said = await withDatabase(draft, {}, (database) =>
      clean(async (sql) => database.prepare(sql).all() as Row[]),
    );
    const aside = existsSync(file) ? await setAside(file, draft) : null;
    flushToDisk(draft);
    // A rename is one step, so that there is a database at `file` at any moment.
    renameSync(draft, file);
    flushToDisk(path.dirname(file));
    console.log(`${file} is what ${copy} was.`);
    if (aside) console.log(`The previous database is kept as ${aside}.`);
    console.log(said);
  } finally {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${draft}${end}`, { force: true });
  }
}

/** Copies all rows of an SQLite database into the PostgreSQL at `url`. Throws a `Refusal` if that PostgreSQL is not empty. */
async function moveToPostgres(copy: string, url: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-restore-"));
  const draft = path.join(folder, "sarafan.db");
  try {
    await prepareCopy(copy, draft);
    await withDatabase(draft, { readonly: true }, (source) =>
      restorePostgres(url, async (client) => {
        await assertEmpty(client);
        for (const table of tablesInOrder(source)) await copyTable(source, client, table);
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Checks and cleans the PostgreSQL at `url`: one into which a dump was restored, or which `fill` fills with the rows of a copy. */
async function restorePostgres(url: string, fill?: (client: Client) => Promise<void>): Promise<void> {
  await migrate(url);
  const client = await connectTo(url);
  try {
    await client.query("BEGIN");
    await fill?.(client);
    const said = await clean(async (sql) => (await client.query(sql)).rows);
    await client.query("COMMIT");
    console.log(`The PostgreSQL of DATABASE_URL is whole.\n${said}`);
  } finally {
    await client.end();
  }
}

/** Copies `copy` to `draft`, checks `draft` and migrates it. `copy` is not changed. */
async function prepareCopy(copy: string, draft: string): Promise<void> {
  if (!existsSync(copy)) throw new Refusal(`There is no copy at ${copy}.`);
  try {
    closeSync(openSync(draft, "wx", 0o600));
    await copyDatabase(copy, draft);
    await assertIntact(draft);
    await assertNotNewer(draft);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code) throw new Refusal(`${copy} could not be read as a database (${code}); nothing was changed.`);
    throw error;
  }
  await migrate(`file:${draft}`);
}

/**
 * Deletes what a restored database must not bring back: sessions that have ended since the copy, codes that were used, delayed
 * changes that may have been cancelled, the event log, because other systems would not learn which changes the restore undid, and the
 * mark of a demonstration that may have ended. Pauses the webhook endpoints. `read` runs a statement and resolves to its rows. Returns what
 * to tell the operator. Throws a `Refusal` if accounts are miscounted.
 */
async function clean(read: (sql: string) => Promise<Row[]>): Promise<string> {
  const run = async (sql: string) => (await read(sql)).length;
  const miscounted = await run(MISCOUNTED_SQL);
  if (miscounted > 0)
    throw new Refusal(
      `The copy is not whole: ${miscounted} accounts have other referrals than they count. Nothing was changed.`,
    );
  const sessions = await run('DELETE FROM "Session" RETURNING 1');
  const codes = await run('DELETE FROM "Challenge" RETURNING 1');
  const changes = await run('DELETE FROM "DelayedChange" RETURNING 1');
  await run(FORGET_WEBHOOKS_SQL);
  await run(FORGET_EVENTS_SQL);
  await run(DELETE_PUBLISHED_SQL);
  await run(EVENTS_BEGIN_SQL);
  const endpoints = await read(PAUSE_ENDPOINTS_SQL);
  const keys = await read(LIST_KEYS_SQL);
  const clients = await read(LIST_CLIENTS_SQL);
  const demonstrations = await run(`DELETE FROM "Mark" WHERE "name" = 'demonstration' RETURNING 1`);
  return [
    `All sessions have ended (${sessions}), and no code that was sent before is good (${codes}): everybody logs in again.`,
    changes > 0 && `Changes of accounts that were to take effect later were dropped (${changes}).`,
    demonstrations > 0 && "The mark of a demonstration was taken away: npm run seed brings it back.",
    "The event log is empty: systems that follow it read all accounts again.",
    "What people did since the copy was made is not in it: accounts that were deleted since are there again.",
    endpoints.length > 0 &&
      "The webhook endpoints of the copy are paused, because some may have been removed since. Resume each that is still wanted by npm run webhook -- resume --id <id>:",
    ...endpoints.map(({ id, url }) => `  ${id} ${url}`),
    keys.length > 0 &&
      "These API keys of the copy are good, also those that were revoked since. Before the server starts, revoke each that is not wanted by npm run key -- revoke <id>:",
    ...keys.map(({ id, name, hint }) => `  ${id} ${name} (${hint}…)`),
    clients.length > 0 &&
      "People can log in to these applications of the copy, also those that were disabled or removed since, at the addresses and with the secrets that they had. Before the server starts, disable each that is not wanted by npm run client -- disable <client_id>, and renew secrets that were renewed since:",
    ...clients.map(({ id, name }) => `  ${id} ${name}`),
  ]
    .filter(Boolean)
    .join("\n");
}

type Row = Record<string, unknown>;

/** Returns a time as SQLite stores it, which PostgreSQL reads as well. */
function textOf(time: Date): string {
  return time.toISOString().replace("Z", "+00:00");
}

/** Throws a `Refusal` if the copy comes from a newer version of Sarafan, which this version can't migrate. */
async function assertNotNewer(file: string): Promise<void> {
  const applied = await withDatabase(file, { readonly: true }, (copy) => copy.prepare(LIST_APPLIED_SQL).pluck().all());
  const known = pendingMigrations("sqlite", []);
  if (applied.some((name) => !known.includes(String(name))))
    throw new Refusal("The copy is of a newer version of Sarafan than this one. Nothing was changed.");
}

/**
 * Copies the database at `file` to another file beside it and returns that file's path. Makes new ids in `draft` begin after the last
 * ones of `file`. Throws a `Refusal` while a process uses the database.
 */
async function setAside(file: string, draft: string): Promise<string> {
  const aside = `${file}.before-${new Date().toISOString().replaceAll(":", "-")}`;
  await continueIds(draft, await foldInLog(file));
  copyFileSync(file, aside);
  flushToDisk(aside);
  // A log is left over only by a damaged database, and is kept with it.
  for (const end of ["-wal", "-shm"]) if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${aside}${end}`);
  return aside;
}

/** The last id that the table `name` has given. */
type LastId = { name: string; seq: number };

/**
 * Makes new ids in `draft` begin after `lastIds`: other services know people by the ids of their accounts (`sub` of an access token),
 * so an id that was given after the copy was made must not be given again.
 */
async function continueIds(draft: string, lastIds: LastId[]): Promise<void> {
  await withDatabase(draft, {}, (database) => {
    for (const { name, seq } of lastIds) {
      const raise = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?";
      const { changes } = database.prepare(raise).run(seq, name);
      if (changes === 0) database.prepare("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)").run(seq, name);
    }
  });
}

/**
 * Writes the write-ahead log into the database itself. Returns the last ids of its tables; none for a damaged database. Throws a
 * `Refusal` while another process has the database open.
 */
async function foldInLog(file: string): Promise<LastId[]> {
  try {
    return await withDatabase(file, { timeout: 0 }, (database) => {
      database.pragma("journal_mode = DELETE");
      return database.prepare<[], LastId>("SELECT name, seq FROM sqlite_sequence").all();
    });
  } catch (error) {
    const code = String((error as { code?: string }).code);
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
      throw new Refusal(`${file} is in use: end the server first. Nothing was changed.`);
    }
    // With SQLITE_ERROR, the database has no such table.
    if (/^SQLITE_(CORRUPT|NOTADB|IOERR|ERROR)/.test(code)) return [];
    throw error;
  }
}

/** Throws a `Refusal` if the database has, or ever had, an account or an audit event. */
async function assertEmpty(client: Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT EXISTS (SELECT FROM "User") OR EXISTS (SELECT FROM "AuditEvent")
      OR EXISTS (SELECT FROM "Mark" WHERE "name" = 'audit_events_over') AS used`,
  );
  if (rows[0].used)
    throw new Refusal("The PostgreSQL of DATABASE_URL has accounts already: name an empty one. Nothing was changed.");
}

/** Returns the tables of an SQLite database, each after the tables that its foreign keys name. */
function tablesInOrder(source: Database.Database): string[] {
  const names = source
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?")
    .pluck()
    .all(MIGRATIONS_TABLE) as string[];
  const others = source.prepare('SELECT "table" FROM pragma_foreign_key_list(?) WHERE "table" <> ?').pluck();
  const withOthers = (name: string): string[] => [...(others.all(name, name) as string[]).flatMap(withOthers), name];
  return [...new Set(names.flatMap(withOthers))];
}

/** Copies the rows of one table, and the table's last id, so that the id of a deleted account is not given again. */
async function copyTable(source: Database.Database, client: Client, table: string): Promise<void> {
  const shape = source.prepare("SELECT name, pk FROM pragma_table_info(?)").all(table) as {
    name: string;
    pk: number;
  }[];
  const columns = shape.map(({ name }) => `"${name}"`);
  const rows: unknown[] = [];
  const insertRows = () =>
    // PostgreSQL reads each value as its column's type: times as ISO 8601, booleans as 0 and 1.
    client.query(
      `INSERT INTO "${table}" (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::"${table}", $1::json)`,
      [JSON.stringify(rows.splice(0))],
    );
  for (const row of source.prepare(`SELECT ${columns} FROM "${table}"`).iterate()) {
    if (rows.push(row) === ROWS_PER_INSERT) await insertRows();
  }
  await insertRows();
  const counted = source.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").pluck().get(table);
  const key = shape.find(({ pk }) => pk === 1)?.name;
  if (counted) await client.query(`SELECT setval(pg_get_serial_sequence('"${table}"', '${key}'), $1)`, [counted]);
}
