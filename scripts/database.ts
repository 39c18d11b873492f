import { existsSync, readdirSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { databaseFile } from "./settings";
import { hashSources, isStampedWith } from "./stamp";
import { runNode, takeStep } from "./tool.mjs";

const PRISMA = "node_modules/prisma/build/index.js";
const CLIENT_STAMP = "lib/db/generated/.schema";

/** Generates Prisma's client unless it is there and the schema has not changed since. */
export async function generateClient() {
  const schema = hashSources(["prisma/schema.prisma", "prisma.config.ts", "package-lock.json"]);
  if (isStampedWith(CLIENT_STAMP, schema)) return;
  await takeStep(
    "Generating the database client",
    () => runNode([PRISMA, "generate", "--no-hints"]),
    "Prisma could not generate its client; its reasons are above.",
  );
  writeFileSync(CLIENT_STAMP, schema);
}

/** Applies the migrations that the database at `url` has not seen. */
export async function migrate(url: string) {
  if (isMigrated(url)) return;
  await takeStep(
    "Preparing the database",
    () => runNode([PRISMA, "migrate", "deploy"]),
    "The database could not be brought up to date; Prisma's reasons are above, and nothing is served until it is.",
  );
}

/** Looks for itself, because the CLI takes a second to say that there is nothing to do. */
function isMigrated(url: string): boolean {
  const file = databaseFile(url);
  if (!file || !existsSync(file)) return false;
  const names = readdirSync("prisma/migrations", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true });
    const finished = database
      .prepare("SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL")
      .pluck()
      .all();
    return names.every(({ name }) => finished.includes(name));
  } catch {
    // No such table, or no database at all: the CLI has the words for it.
    return false;
  } finally {
    database?.close();
  }
}
