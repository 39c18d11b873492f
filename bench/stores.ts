import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { Client } from "pg";
import { startPostgres } from "../scripts/postgresql";

/** The databases by their names among the options, and as they are written. */
export const STORES = { sqlite: "SQLite", postgresql: "PostgreSQL" } as const;
export type StoreName = keyof typeof STORES;

/** An SQLite folder or a PostgreSQL server of the bench's own, with an empty database for each product. */
export interface Store {
  name: StoreName;
  /** Their addresses, as `DATABASE_URL` has one. */
  urls: { sarafan: string; betterAuth: string };
  /** Runs the statements at one of them, in one transaction. */
  run(url: string, statements: string[]): Promise<void>;
  /** The moment so many seconds into the year 2024, as Prisma keeps one. */
  moment: (seconds: string) => string;
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
    urls: { sarafan: urlOf("sarafan"), betterAuth: urlOf("better-auth") },
    moment: (seconds) => `strftime('%Y-%m-%dT%H:%M:%S.000+00:00', '${SEEDING_FROM}', ${seconds} || ' seconds')`,
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
  const betterAuth = new URL(url);
  betterAuth.pathname = "better_auth";
  await query(url, [`CREATE DATABASE better_auth`]);
  return {
    name: "postgresql",
    urls: { sarafan: url, betterAuth: betterAuth.href },
    moment: (seconds) => `timestamp '${SEEDING_FROM}' + ${seconds} * interval '1 second'`,
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
