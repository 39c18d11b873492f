import { existsSync, readdirSync } from "node:fs";
import { databaseFile } from "./data-folder.mjs";

/** The folders of the migrations, by the database that they are for. */
export const MIGRATIONS = /** @type {const} */ ({
  sqlite: "prisma/migrations",
  postgresql: "prisma/postgresql/migrations",
});

/** Where Prisma notes which migrations a database has. */
export const MIGRATIONS_TABLE = "_prisma_migrations";

/** What Prisma's CLI calls applied; the CLI itself takes a second to say that there is nothing to do. */
const APPLIED = `SELECT migration_name FROM ${MIGRATIONS_TABLE} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`;

const CONNECT_MS_MAX = 10_000;

/**
 * The names of the migrations that these sources have.
 *
 * @param {keyof typeof MIGRATIONS} kind
 */
export function migrationNames(kind) {
  const entries = readdirSync(MIGRATIONS[kind], { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/**
 * Whether the database at `url`, which has not been checked, has every migration of these sources. False as well where that can't
 * be told, be it that the database is away.
 *
 * @param {string} url
 */
export async function isMigrated(url) {
  const file = databaseFile(url);
  if (file) return isSqliteMigrated(file);
  try {
    const client = await connectToPostgres(url);
    try {
      return await isPostgresMigrated(client);
    } finally {
      await client.end();
    }
  } catch {
    return false;
  }
}

/**
 * A connection to the PostgreSQL at `url`, to be ended. Throws what pg throws.
 *
 * @param {string} url
 */
export async function connectToPostgres(url) {
  // Not before it is needed: a start on SQLite is faster without it.
  const { Client } = (await import("pg")).default;
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  await client.connect();
  return client;
}

/**
 * Whether the database that this client is connected to has every migration of these sources.
 *
 * @param {import("pg").Client} client
 */
export async function isPostgresMigrated(client) {
  const { rows: tables } = await client.query("SELECT to_regclass($1) AS name", [MIGRATIONS_TABLE]);
  if (tables[0].name === null) return false;
  const { rows } = await client.query(APPLIED);
  const applied = rows.map(({ migration_name }) => migration_name);
  return migrationNames("postgresql").every((name) => applied.includes(name));
}

/**
 * The same for a file of SQLite; false as well where there is no such file, or it is no database.
 *
 * @param {string} file
 */
export async function isSqliteMigrated(file) {
  if (!existsSync(file)) return false;
  const { default: Database } = await import("better-sqlite3");
  let database;
  try {
    database = new Database(file, { readonly: true });
    const applied = database.prepare(APPLIED).pluck().all();
    return migrationNames("sqlite").every((name) => applied.includes(name));
  } catch {
    // No such table, or no database at all: the CLI has the words for it.
    return false;
  } finally {
    database?.close();
  }
}
