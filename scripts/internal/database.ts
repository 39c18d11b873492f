import { existsSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import type { Client } from "pg";
import { databaseFile } from "./data-folder.mjs";
import { connectToPostgres, isPostgresMigrated, isSqliteMigrated, MIGRATIONS_TABLE } from "./migrations.mjs";
import { hashSources, isStampedWith } from "./stamp.mjs";
import { Refusal, runNode, takeStep } from "./tool.mjs";

export const PRISMA = "node_modules/prisma/build/index.js";
const CLIENT_STAMP = "lib/db/generated/.schema";

/** The schema that people write, of SQLite, and the one that is made of it, of PostgreSQL. */
export const SCHEMAS = { sqlite: "prisma/schema.prisma", postgresql: "prisma/postgresql/schema.prisma" } as const;

/** The number of the lock under which a PostgreSQL is migrated, so that of several servers that start one does it. */
const MIGRATION_LOCK = 5_327_000;

/** Generates Prisma's clients unless they are there and the schemas have not changed since. */
export async function generateClient() {
  const schemas = hashSources([...Object.values(SCHEMAS), "prisma.config.ts", "package-lock.json"]);
  if (isStampedWith(CLIENT_STAMP, schemas)) return;
  for (const [kind, schema] of Object.entries(SCHEMAS)) {
    await takeStep(
      `Generating the client for ${kind}`,
      () => runNode([PRISMA, "generate", "--no-hints", `--schema=${schema}`]),
      "Prisma could not generate its client; its reasons are above.",
    );
  }
  writeFileSync(CLIENT_STAMP, schemas);
}

/** Applies the migrations that the database at `url` has not seen. Of several processes that want that, one does it. */
export async function migrate(url: string) {
  const file = databaseFile(url);
  if (file) return migrateSqlite(file, url);
  const client = await connectTo(url);
  try {
    if (await isPostgresMigrated(client)) return;
    await client.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    if (!(await isPostgresMigrated(client))) await deploy(url);
  } finally {
    await client.end();
  }
}

async function migrateSqlite(file: string, url: string) {
  if (await isSqliteMigrated(file)) return;
  if (isBrokenOff(file)) for (const part of [file, `${file}-wal`, `${file}-shm`]) rmSync(part, { force: true });
  return deploy(url);
}

/**
 * Whether a first start was killed while it made the database: a migration has begun and not ended, which Prisma does not
 * go on from, and there is no row of anybody's. SQLite has no transaction around a migration.
 */
function isBrokenOff(file: string): boolean {
  if (!existsSync(file)) return false;
  const database = new Database(file, { readonly: true });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .pluck()
      .all() as string[];
    const count = (what: string) => Number(database.prepare(`SELECT count(*) FROM ${what}`).pluck().get());
    if (!tables.includes(MIGRATIONS_TABLE)) return false;
    const isUnfinished = count(`${MIGRATIONS_TABLE} WHERE finished_at IS NULL AND rolled_back_at IS NULL`) > 0;
    return isUnfinished && tables.every((table) => table === MIGRATIONS_TABLE || count(`"${table}"`) === 0);
  } catch {
    // No database at all: the CLI has the words for it.
    return false;
  } finally {
    database.close();
  }
}

function deploy(url: string) {
  return takeStep(
    "Preparing the database",
    () =>
      runNode([PRISMA, "migrate", "deploy"], {
        env: { DATABASE_URL: url, ...(databaseFile(url) && { DATABASE_READ_URL: "" }) },
      }),
    "The database could not be brought up to date; Prisma's reasons are above, and nothing is served until it is.",
  );
}

/** A connection to the PostgreSQL at `url`, to be ended; throws a `Refusal` when it can't be reached. */
export async function connectTo(url: string): Promise<Client> {
  try {
    return await connectToPostgres(url);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw new Refusal(`The database of DATABASE_URL can't be reached (${message || code}).`);
  }
}
