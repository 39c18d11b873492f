import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";

const MIGRATIONS = "prisma/migrations";

/** An SQLite database with all migrations, in milliseconds: for tests that call the core without a server. */
export function makeDatabase(file: string) {
  const database = new Database(file);
  for (const migration of readdirSync(MIGRATIONS, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!migration.isDirectory()) continue;
    database.exec(readFileSync(path.join(MIGRATIONS, migration.name, "migration.sql"), "utf8"));
  }
  database.close();
}
