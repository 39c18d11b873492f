import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { Client } from "pg";
import { startPostgres } from "../scripts/internal/postgresql";

/** The databases by their names in the options, with the names to print. */
export const STORES = { sqlite: "SQLite", postgresql: "PostgreSQL" } as const;
export type StoreName = keyof typeof STORES;

/** A folder of SQLite files or a PostgreSQL server for the bench, with an empty database for each product. */
export interface Store {
  name: StoreName;
  /** Their URLs, as in `DATABASE_URL`. Sarafan has a second database, for a town with a history. */
  urls: { sarafan: string; past: string; betterAuth: string };
  /** Runs the statements on one of them, in one transaction. */
  run(url: string, statements: string[]): Promise<void>;
  /** SQL of the time that many seconds after the beginning of 2024, or of another day, as Prisma stores it. */
  moment: (seconds: string, day?: string) => string;
  remove(): Promise<void>;
}

const SEEDING_FROM = "2024-01-01";

/** A store in a temporary folder. */
export function openStore(name: StoreName): Promise<Store> {
  return name === "sqlite" ? openSqlite() : openPostgres();
}

async function openSqlite(): Promise<Store> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-bench-"));
  const urlOf = (name: string) => `file:${path.join(folder, name)}.db`;
  return {
    name: "sqlite",
    urls: { sarafan: urlOf("sarafan"), past: urlOf("past"), betterAuth: urlOf("better-auth") },
    moment: (seconds, day = SEEDING_FROM) =>
      `strftime('%Y-%m-%dT%H:%M:%S.000+00:00', '${day}', (${seconds}) || ' seconds')`,
    run: async (url, statements) => {
      const database = new Database(url.slice("file:".length));
      database.transaction(() => database.exec(statements.join(";\n")))();
      database.close();
    },
    remove: async () => rmSync(folder, { recursive: true }),
  };
}

async function openPostgres(): Promise<Store> {
  const { url, stop } = await startPostgres();
  const urlOf = (name: string) => Object.assign(new URL(url), { pathname: name }).href;
  await query(url, ["CREATE DATABASE past", "CREATE DATABASE better_auth"]);
  return {
    name: "postgresql",
    urls: { sarafan: url, past: urlOf("past"), betterAuth: urlOf("better_auth") },
    moment: (seconds, day = SEEDING_FROM) => `timestamp '${day}' + ${seconds} * interval '1 second'`,
    run: (url, statements) => query(url, ["BEGIN", ...statements, "COMMIT"]),
    remove: stop,
  };
}

async function query(url: string, statements: string[]) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
