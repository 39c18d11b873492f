// `npm start`, `npm run migrate`, tests and containers all use this migrator. It is plain JavaScript, because a start runs it
// before TypeScript can be loaded.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** The folders of the migrations, by the kind of database. */
export const MIGRATIONS_FOLDERS = /** @type {const} */ ({
  sqlite: "prisma/migrations",
  postgresql: "prisma/postgresql/migrations",
});

/** @typedef {keyof typeof MIGRATIONS_FOLDERS} Kind */

/** The table in which Prisma notes applied migrations. Prisma's commands and this migrator understand each other's rows. */
export const MIGRATIONS_TABLE = "_prisma_migrations";

export const LIST_APPLIED_SQL = `SELECT "migration_name" FROM "${MIGRATIONS_TABLE}" WHERE "finished_at" IS NOT NULL AND "rolled_back_at" IS NULL`;

/** The id of the advisory lock under which PostgreSQL is migrated, so that only one of several starting servers migrates it. */
const ADVISORY_LOCK_ID = 5_327_000;
const CONNECT_MS_MAX = 10_000;

/** The database already has tables of another application. */
export class ForeignDatabase extends Error {
  name = "ForeignDatabase";
}

/**
 * Returns the names of this version's migrations that are not among `applied`, oldest first.
 *
 * @param {Kind} kind
 * @param {readonly string[]} applied
 * @returns {string[]}
 */
export function pendingMigrations(kind, applied) {
  return readdirSync(folderOf(kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !applied.includes(entry.name))
    .map(({ name }) => name)
    .sort();
}

/**
 * Whether the database at `url` has every migration of this version. Also false if the database can't be read.
 *
 * @param {string} url
 */
export async function isMigrated(url) {
  if (fileOf(url) && !existsSync(fileOf(url))) return false;
  try {
    const database = await open(url);
    try {
      return pendingMigrations(database.kind, await listApplied(database)).length === 0;
    } finally {
      await database.close();
    }
  } catch {
    return false;
  }
}

/**
 * Applies the pending migrations to the database at `url`, in one transaction: all of them, or none. If several processes start
 * this, one applies them and the others wait. `tell` is called before the first migration is applied.
 *
 * Throws `ForeignDatabase` and the errors of the drivers; the database is then as it was.
 *
 * @param {string} url
 * @param {() => void} [tell]
 */
export async function migrate(url, tell = () => {}) {
  if (await isMigrated(url)) return;
  const database = await open(url);
  try {
    for (const statement of database.begin) await database.run(statement);
    await makeTable(database);
    const pending = pendingMigrations(database.kind, await listApplied(database));
    if (pending.length > 0) tell();
    for (const name of pending) await apply(database, name);
    await database.run("COMMIT");
  } finally {
    // Closing the connection rolls back a transaction that was not committed.
    await database.close();
  }
}

/** @param {Database} database */
async function listApplied({ query }) {
  const rows = await query(LIST_APPLIED_SQL);
  return rows.map(({ migration_name }) => String(migration_name));
}

/**
 * Makes the table of applied migrations, with Prisma's columns, in a database without tables.
 *
 * @param {Database} database
 */
async function makeTable({ query, run, listTables, time }) {
  const tables = (await query(listTables)).map(({ name }) => name);
  if (tables.includes(MIGRATIONS_TABLE)) return;
  if (tables.length > 0) {
    throw new ForeignDatabase("The database of DATABASE_URL has tables of another application: name an empty one.");
  }
  await run(`CREATE TABLE "${MIGRATIONS_TABLE}" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" ${time},
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" ${time},
    "started_at" ${time} NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`);
}

/**
 * @param {Database} database
 * @param {string} name
 */
async function apply({ kind, run }, name) {
  const script = readFileSync(path.join(folderOf(kind), name, "migration.sql"), "utf8");
  const checksum = createHash("sha256").update(script).digest("hex");
  await run(script);
  await run(`INSERT INTO "${MIGRATIONS_TABLE}" ("id", "checksum", "finished_at", "migration_name", "applied_steps_count")
    VALUES ('${randomUUID()}', '${checksum}', CURRENT_TIMESTAMP, '${name}', 1)`);
}

/**
 * One connection, and what differs between the two kinds of database.
 *
 * @typedef {object} Database
 * @property {Kind} kind
 * @property {string[]} begin statements that begin a transaction and make other migrators wait
 * @property {string} listTables
 * @property {string} time the type of a column for times
 * @property {(sql: string) => Promise<Record<string, unknown>[]>} query
 * @property {(script: string) => Promise<unknown>} run
 * @property {() => Promise<void>} close
 */

/**
 * @param {string} url
 * @returns {Promise<Database>}
 */
function open(url) {
  const file = fileOf(url);
  return file ? openSqlite(file) : openPostgres(url);
}

/**
 * @param {string} file
 * @returns {Promise<Database>}
 */
async function openSqlite(file) {
  const { default: Sqlite } = await import("better-sqlite3");
  const database = new Sqlite(file);
  // A migration may replace a table to which other rows refer. SQLite ignores this setting inside a transaction.
  database.pragma("foreign_keys = OFF");
  return {
    kind: "sqlite",
    begin: ["BEGIN IMMEDIATE"],
    listTables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    time: "DATETIME",
    query: async (sql) => /** @type {Record<string, unknown>[]} */ (database.prepare(sql).all()),
    run: async (script) => database.exec(script),
    close: async () => void database.close(),
  };
}

/**
 * @param {string} url
 * @returns {Promise<Database>}
 */
async function openPostgres(url) {
  const { Client } = (await import("pg")).default;
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  await client.connect();
  return {
    kind: "postgresql",
    // The lock belongs to the transaction and not to the session, so that it holds behind a pooler too.
    begin: ["BEGIN ISOLATION LEVEL READ COMMITTED", `SELECT pg_advisory_xact_lock(${ADVISORY_LOCK_ID})`],
    listTables: "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()",
    time: "TIMESTAMPTZ",
    query: async (sql) => (await client.query(sql)).rows,
    run: (script) => client.query(script),
    close: () => client.end(),
  };
}

/**
 * Returns the path in an SQLite URL, or undefined for another URL.
 *
 * @param {string} url
 */
function fileOf(url) {
  return url.startsWith("file:") ? url.slice("file:".length) : undefined;
}

/** @param {Kind} kind */
function folderOf(kind) {
  return path.join(/* turbopackIgnore: true */ process.cwd(), MIGRATIONS_FOLDERS[kind]);
}
