import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import type { Client } from "pg";
import { LIST_APPLIED_SQL, MIGRATIONS_TABLE, pendingMigrations } from "../lib/db/migrator.mjs";
import { databaseFile, prepareDataFolder } from "./internal/data-folder.mjs";
import { connectTo, migrate } from "./internal/database";

import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { assertIntact, copyDatabase, flushToDisk } from "./internal/sqlite-files";
import { Refusal } from "./internal/tool.mjs";

/**
 * The statements that delete what a restored database must not bring back: sessions that have ended since the copy, codes that
 * were used, delayed changes that may have been cancelled, the mark of a demonstration that may have ended.
 */
const DELETIONS_SQL = {
  sessions: 'DELETE FROM "Session"',
  codes: 'DELETE FROM "Challenge"',
  changes: 'DELETE FROM "DelayedChange"',
  demonstrations: `DELETE FROM "Mark" WHERE "name" = 'demonstration'`,
} as const;
type DeletedCounts = Record<keyof typeof DELETIONS_SQL, number>;

/** Counts accounts whose `referralCount` is not the number of their referrals. An undamaged copy has none. */
const MISCOUNTED_SQL = `SELECT count(*) AS count FROM "User"
  WHERE "referralCount" <> (SELECT count(*) FROM "Activation" WHERE "inviterId" = "User"."id")`;

/** How many rows are inserted into a PostgreSQL by one statement. */
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
  await cleanPostgres(DATABASE_URL);
}

/** Replaces the SQLite database at `file` by a copy, and keeps the previous database beside it. */
async function restoreFile(copy: string, file: string): Promise<void> {
  prepareDataFolder(file);
  const draft = `${file}.${process.pid}.partial`;
  try {
    const deletedCounts = await prepareCopy(copy, draft);
    if (existsSync(file)) continueIds(file, draft);
    flushToDisk(draft);
    const aside = existsSync(file) ? setAside(file) : null;
    // A rename is one step, so that there is a database at `file` at any moment.
    renameSync(draft, file);
    flushToDisk(path.dirname(file));
    console.log(`${file} is what ${copy} was.`);
    if (aside) console.log(`The previous database is kept as ${aside}.`);
    printDeletedRowCounts(deletedCounts);
  } finally {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${draft}${end}`, { force: true });
  }
}

/** Copies all rows of an SQLite database into the PostgreSQL at `url`. Throws a `Refusal` if that PostgreSQL is not empty. */
async function moveToPostgres(copy: string, url: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-restore-"));
  const draft = path.join(folder, "sarafan.db");
  try {
    const deletedCounts = await prepareCopy(copy, draft);
    await migrate(url);
    const client = await connectTo(url);
    const source = new Database(draft, { readonly: true });
    try {
      await client.query("BEGIN");
      await assertEmpty(client);
      for (const table of tablesInOrder(source)) await copyTable(source, client, table);
      await assertReferralsCounted(async (sql) => (await client.query(sql)).rows[0].count);
      await client.query("COMMIT");
    } finally {
      source.close();
      await client.end();
    }
    console.log(`The PostgreSQL of DATABASE_URL has what ${copy} has.`);
    printDeletedRowCounts(deletedCounts);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Checks the PostgreSQL at `url`, into which a dump was restored, and runs `DELETIONS_SQL`. */
async function cleanPostgres(url: string): Promise<void> {
  await migrate(url);
  const client = await connectTo(url);
  try {
    await client.query("BEGIN");
    await assertReferralsCounted(async (sql) => (await client.query(sql)).rows[0].count);
    const deletedCounts = await deleteOutdated(async (sql) => (await client.query(sql)).rowCount ?? 0);
    await client.query("COMMIT");
    console.log("The PostgreSQL of DATABASE_URL is whole.");
    printDeletedRowCounts(deletedCounts);
  } finally {
    await client.end();
  }
}

/** Copies `copy` to `draft`, checks and migrates `draft`, and runs `DELETIONS_SQL` on it. `copy` is not changed. */
async function prepareCopy(copy: string, draft: string): Promise<DeletedCounts> {
  if (!existsSync(copy)) throw new Refusal(`There is no copy at ${copy}.`);
  try {
    closeSync(openSync(draft, "wx", 0o600));
    copyDatabase(copy, draft);
    assertIntact(draft);
    assertNotNewer(draft);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code) throw new Refusal(`${copy} could not be read as a database (${code}); nothing was changed.`);
    throw error;
  }
  await migrate(`file:${draft}`);
  const database = new Database(draft);
  try {
    await assertReferralsCounted(async (sql) => (database.prepare(sql).get() as { count: number }).count);
    return await deleteOutdated(async (sql) => database.prepare(sql).run().changes);
  } finally {
    database.close();
  }
}

async function deleteOutdated(run: (sql: string) => Promise<number>): Promise<DeletedCounts> {
  const entries: [string, number][] = [];
  for (const [what, sql] of Object.entries(DELETIONS_SQL)) entries.push([what, await run(sql)]);
  return Object.fromEntries(entries) as DeletedCounts;
}

/** Prints how many rows `DELETIONS_SQL` deleted from the restored database, and what that means for people. */
function printDeletedRowCounts({ sessions, codes, changes, demonstrations }: DeletedCounts): void {
  console.log(
    `All sessions have ended (${sessions}), and no code that was sent before is good (${codes}): everybody logs in again.`,
  );
  if (changes > 0) console.log(`Changes of accounts that were to take effect later were dropped (${changes}).`);
  if (demonstrations > 0) console.log("The mark of a demonstration was taken away: npm run seed brings it back.");
  console.log(
    "What people did since the copy was made is not in it: accounts that were deleted since are there again.",
  );
}

async function assertReferralsCounted(ask: (sql: string) => Promise<number | string>): Promise<void> {
  const count = Number(await ask(MISCOUNTED_SQL));
  if (count > 0)
    throw new Refusal(
      `The copy is not whole: ${count} accounts have other referrals than they count. Nothing was changed.`,
    );
}

/** Throws a `Refusal` if the copy comes from a newer version of Sarafan, which this version can't migrate. */
function assertNotNewer(file: string): void {
  const database = new Database(file, { readonly: true });
  try {
    const applied = database.prepare(LIST_APPLIED_SQL).pluck().all();
    const known = pendingMigrations("sqlite", []);
    if (applied.some((name) => !known.includes(String(name))))
      throw new Refusal("The copy is of a newer version of Sarafan than this one. Nothing was changed.");
  } finally {
    database.close();
  }
}

/** Copies a database to a file beside it and returns that file's path. Throws a `Refusal` while a process uses the database. */
function setAside(file: string): string {
  const aside = `${file}.before-${new Date().toISOString().replaceAll(":", "-")}`;
  const isWhole = foldInLog(file);
  copyFileSync(file, aside);
  flushToDisk(aside);
  if (!isWhole)
    for (const end of ["-wal", "-shm"]) if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${aside}${end}`);
  return aside;
}

/**
 * Makes new ids in `draft` begin after the last ones of the database at `file`: other services know people by the ids of their
 * accounts (`sub` of an access token), so an id that was given after the copy was made must not be given again.
 */
function continueIds(file: string, draft: string): void {
  const counted = readLastIds(file);
  const database = new Database(draft);
  try {
    for (const { name, seq } of counted) {
      const raise = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?";
      const { changes } = database.prepare(raise).run(seq, name);
      if (changes === 0) database.prepare("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)").run(seq, name);
    }
  } finally {
    database.close();
  }
}

/** Returns the last id that each table has given; an empty list for a damaged database. */
function readLastIds(file: string): { name: string; seq: number }[] {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true });
    return database.prepare("SELECT name, seq FROM sqlite_sequence").all() as { name: string; seq: number }[];
  } catch (error) {
    // The database is damaged, or has no such table.
    if (/^SQLITE_(CORRUPT|NOTADB|IOERR|ERROR)/.test(String((error as { code?: string }).code))) return [];
    throw error;
  } finally {
    database?.close();
  }
}

/**
 * Writes the write-ahead log into the database itself. Throws a `Refusal` while another process has the database open. Returns
 * false for a damaged database, whose log has to be kept with it.
 */
function foldInLog(file: string): boolean {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { timeout: 0 });
    database.pragma("journal_mode = DELETE");
    return true;
  } catch (error) {
    const code = String((error as { code?: string }).code);
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
      throw new Refusal(`${file} is in use: end the server first. Nothing was changed.`);
    }
    if (/^SQLITE_(CORRUPT|NOTADB|IOERR)/.test(code)) return false;
    throw error;
  } finally {
    database?.close();
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
  const ordered: string[] = [];
  const add = (name: string) => {
    if (ordered.includes(name)) return;
    const others = source.prepare('SELECT "table" FROM pragma_foreign_key_list(?)').pluck().all(name) as string[];
    for (const other of others) if (other !== name) add(other);
    ordered.push(name);
  };
  for (const name of names) add(name);
  return ordered;
}

/** Copies the rows of one table, and the table's last id, so that the id of a deleted account is not given again. */
async function copyTable(source: Database.Database, client: Client, table: string): Promise<void> {
  const shape = source.prepare("SELECT name, pk FROM pragma_table_info(?)").all(table) as {
    name: string;
    pk: number;
  }[];
  const columns = shape.map(({ name }) => `"${name}"`);
  let rows: unknown[] = [];
  const pour = async () => {
    // PostgreSQL reads each value as its column's type: times as ISO 8601, booleans as 0 and 1.
    await client.query(
      `INSERT INTO "${table}" (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::"${table}", $1::json)`,
      [JSON.stringify(rows)],
    );
    rows = [];
  };
  for (const row of source.prepare(`SELECT ${columns} FROM "${table}"`).iterate()) {
    rows.push(row);
    if (rows.length === ROWS_PER_INSERT) await pour();
  }
  if (rows.length > 0) await pour();
  const counted = source.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").pluck().get(table);
  const key = shape.find(({ pk }) => pk === 1)?.name;
  if (counted) await client.query(`SELECT setval(pg_get_serial_sequence('"${table}"', '${key}'), $1)`, [counted]);
}
