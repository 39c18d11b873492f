import { closeSync, copyFileSync, existsSync, linkSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import type { Client } from "pg";
import { databaseFile, prepareDataFolder } from "./internal/data-folder.mjs";
import { connectTo, migrate } from "./internal/database";
import { MIGRATIONS_TABLE, migrationNames } from "./internal/migrations.mjs";
import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { assertSound, copyDatabase, flush } from "./internal/sqlite-files";
import { Refusal } from "./internal/tool.mjs";

/**
 * What a restored database must not bring back: sessions that have ended since, codes that were used, changes that were waiting and
 * may have been cancelled since, a demonstration's end.
 */
const FORGET = {
  sessions: 'DELETE FROM "Session"',
  codes: 'DELETE FROM "Challenge"',
  changes: 'DELETE FROM "DelayedChange"',
  demonstrations: `DELETE FROM "Mark" WHERE "name" = 'demonstration'`,
} as const;
type Forgotten = Record<keyof typeof FORGET, number>;

/** Accounts whose counter of referrals is not the number of their referrals. Both are written in one transaction. */
const MISCOUNTED = `SELECT count(*) AS count FROM "User"
  WHERE "referralCount" <> (SELECT count(*) FROM "Activation" WHERE "inviterId" = "User"."id")`;

/** How many rows go to a PostgreSQL in one statement. */
const ROWS_AT_ONCE = 1000;

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

/** Puts what a copy has in the place of the SQLite at `file`, which is kept beside it. */
async function restoreFile(copy: string, file: string): Promise<void> {
  prepareDataFolder(file);
  const draft = `${file}.${process.pid}.partial`;
  try {
    const forgotten = await prepareCopy(copy, draft);
    if (existsSync(file)) keepCounting(file, draft);
    flush(draft);
    const aside = existsSync(file) ? setAside(file) : null;
    // In one step, so that there is a database at any moment.
    renameSync(draft, file);
    flush(path.dirname(file));
    console.log(`${file} is what ${copy} was.`);
    if (aside) console.log(`The previous database is kept as ${aside}.`);
    tell(forgotten);
  } finally {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${draft}${end}`, { force: true });
  }
}

/** Copies everything of an SQLite into the PostgreSQL at `url`, which has to be empty. */
async function moveToPostgres(copy: string, url: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-restore-"));
  const draft = path.join(folder, "sarafan.db");
  try {
    const forgotten = await prepareCopy(copy, draft);
    await migrate(url);
    const client = await connectTo(url);
    const source = new Database(draft, { readonly: true });
    try {
      await client.query("BEGIN");
      await assertEmpty(client);
      for (const table of tablesInOrder(source)) await pourTable(source, client, table);
      await assertCounted(async (sql) => (await client.query(sql)).rows[0].count);
      await client.query("COMMIT");
    } finally {
      source.close();
      await client.end();
    }
    console.log(`The PostgreSQL of DATABASE_URL has what ${copy} has.`);
    tell(forgotten);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Checks the PostgreSQL at `url` that a dump was restored into, and ends what must not come back. */
async function cleanPostgres(url: string): Promise<void> {
  await migrate(url);
  const client = await connectTo(url);
  try {
    await client.query("BEGIN");
    await assertCounted(async (sql) => (await client.query(sql)).rows[0].count);
    const forgotten = await forget(async (sql) => (await client.query(sql)).rowCount ?? 0);
    await client.query("COMMIT");
    console.log("The PostgreSQL of DATABASE_URL is whole.");
    tell(forgotten);
  } finally {
    await client.end();
  }
}

/** Makes `draft` of a copy: checked, brought up to date, without what must not come back. The copy stays as it is. */
async function prepareCopy(copy: string, draft: string): Promise<Forgotten> {
  if (!existsSync(copy)) throw new Refusal(`There is no copy at ${copy}.`);
  try {
    closeSync(openSync(draft, "wx", 0o600));
    copyDatabase(copy, draft);
    assertSound(draft);
    assertOurs(draft);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code) throw new Refusal(`${copy} could not be read as a database (${code}); nothing was changed.`);
    throw error;
  }
  await migrate(`file:${draft}`);
  const database = new Database(draft);
  try {
    await assertCounted(async (sql) => (database.prepare(sql).get() as { count: number }).count);
    return await forget(async (sql) => database.prepare(sql).run().changes);
  } finally {
    database.close();
  }
}

async function forget(run: (sql: string) => Promise<number>): Promise<Forgotten> {
  const entries: [string, number][] = [];
  for (const [what, sql] of Object.entries(FORGET)) entries.push([what, await run(sql)]);
  return Object.fromEntries(entries) as Forgotten;
}

function tell({ sessions, codes, changes, demonstrations }: Forgotten): void {
  console.log(
    `All sessions have ended (${sessions}), and no code that was sent before is good (${codes}): everybody logs in again.`,
  );
  if (changes > 0) console.log(`Changes of accounts that were to take effect later were dropped (${changes}).`);
  if (demonstrations > 0) console.log("The mark of a demonstration was taken away: npm run seed brings it back.");
  console.log(
    "What people did since the copy was made is not in it: accounts that were deleted since are there again.",
  );
}

async function assertCounted(ask: (sql: string) => Promise<number | string>): Promise<void> {
  const count = Number(await ask(MISCOUNTED));
  if (count > 0)
    throw new Refusal(
      `The copy is not whole: ${count} accounts have other referrals than they count. Nothing was changed.`,
    );
}

/** A copy of a newer version, or of something else, can't be brought up to date. */
function assertOurs(file: string): void {
  const database = new Database(file, { readonly: true });
  try {
    const known = migrationNames("sqlite");
    const applied = database
      .prepare(`SELECT migration_name FROM ${MIGRATIONS_TABLE} WHERE finished_at IS NOT NULL`)
      .pluck()
      .all();
    const unknown = applied.filter((name) => !known.includes(String(name)));
    if (unknown.length > 0)
      throw new Refusal("The copy is of a newer version of Sarafan than this one. Nothing was changed.");
  } finally {
    database.close();
  }
}

/** Moves the database at `file` beside itself, and answers where it is. It has to be nobody's at the moment. */
function setAside(file: string): string {
  const aside = `${file}.before-${new Date().toISOString().replaceAll(":", "-")}`;
  const isWhole = foldIn(file);
  linkOrCopy(file, aside);
  if (!isWhole)
    for (const end of ["-wal", "-shm"]) if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${aside}${end}`);
  return aside;
}

/**
 * Counts ids in `draft` on from where the database at `file` is: other services know people by the ids of their accounts (`sub` of
 * an access token), so an id that was given since the copy was made goes to no other person. One that is broken says nothing.
 */
function keepCounting(file: string, draft: string): void {
  const counted = readCounted(file);
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

/** How far the ids of each table have been counted. */
function readCounted(file: string): { name: string; seq: number }[] {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true });
    return database.prepare("SELECT name, seq FROM sqlite_sequence").all() as { name: string; seq: number }[];
  } catch (error) {
    // Broken, or without a table.
    if (/^SQLITE_(CORRUPT|NOTADB|IOERR|ERROR)/.test(String((error as { code?: string }).code))) return [];
    throw error;
  } finally {
    database?.close();
  }
}

/**
 * Folds what is in the write-ahead log into the database itself, which SQLite refuses while another process has it open. False for
 * one that is too broken for that: its log has to be kept with it.
 */
function foldIn(file: string): boolean {
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

/** Not each file system has links. */
function linkOrCopy(file: string, aside: string): void {
  try {
    linkSync(file, aside);
  } catch {
    copyFileSync(file, aside);
    flush(aside);
  }
}

/** Throws where anything has happened in the database yet. */
async function assertEmpty(client: Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT EXISTS (SELECT FROM "User") OR EXISTS (SELECT FROM "AuditEvent")
      OR EXISTS (SELECT FROM "Mark" WHERE "name" = 'audit_events_over') AS used`,
  );
  if (rows[0].used)
    throw new Refusal("The PostgreSQL of DATABASE_URL has accounts already: name an empty one. Nothing was changed.");
}

/** The tables of an SQLite, each after those that its rows refer to. */
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

/** Copies the rows of one table, and how far its ids have been counted: the id of an account that is gone is given to nobody. */
async function pourTable(source: Database.Database, client: Client, table: string): Promise<void> {
  const shape = source.prepare("SELECT name, pk FROM pragma_table_info(?)").all(table) as {
    name: string;
    pk: number;
  }[];
  const columns = shape.map(({ name }) => `"${name}"`);
  let rows: unknown[] = [];
  const pour = async () => {
    // PostgreSQL reads each value as its column's type: times as ISO 8601, truth as 0 and 1.
    await client.query(
      `INSERT INTO "${table}" (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::"${table}", $1::json)`,
      [JSON.stringify(rows)],
    );
    rows = [];
  };
  for (const row of source.prepare(`SELECT ${columns} FROM "${table}"`).iterate()) {
    rows.push(row);
    if (rows.length === ROWS_AT_ONCE) await pour();
  }
  if (rows.length > 0) await pour();
  const counted = source.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").pluck().get(table);
  const key = shape.find(({ pk }) => pk === 1)?.name;
  if (counted) await client.query(`SELECT setval(pg_get_serial_sequence('"${table}"', '${key}'), $1)`, [counted]);
}
