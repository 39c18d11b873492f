import { randomUUID } from "node:crypto";
// biome-ignore lint/style/noRestrictedImports: tests of faults and races read the database.
import Sqlite from "better-sqlite3";
// biome-ignore lint/style/noRestrictedImports: as above.
import pg from "pg";
import { type Postgres, startPostgres } from "../scripts/internal/postgresql";

export const DATABASES = ["sqlite", "postgresql"] as const;
export type DatabaseKind = (typeof DATABASES)[number];

export type Row = Record<string, unknown>;
/** Runs one statement on a database of either kind, and resolves to its rows. */
export type Query = <Result extends Row>(sql: string) => Promise<Result[]>;

/** A PostgreSQL for tests, in which each server gets a database. */
export interface TestPostgres extends Postgres {
  /** Makes a database, empty or a copy of another one without connections, and resolves to its URL. */
  createDatabase(template?: string): Promise<string>;
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const postgres = await startPostgres();
  return {
    ...postgres,
    createDatabase: async (template) => {
      const name = `test_${randomUUID().replaceAll("-", "")}`;
      const from = template ? ` TEMPLATE ${new URL(template).pathname.slice(1)}` : "";
      await withDatabase(postgres.url, (query) => query(`CREATE DATABASE ${name}${from}`));
      return postgres.url.replace(/[^/]+$/, name);
    },
  };
}

/** Opens a database directly while `look` runs, for facts that HTTP doesn't show. */
export async function withDatabase<Value>(url: string, look: (query: Query) => Promise<Value>): Promise<Value> {
  return url.startsWith("file:") ? withSqlite(url.slice("file:".length), look) : withPostgres(url, look);
}

async function withSqlite<Value>(file: string, look: (query: Query) => Promise<Value>): Promise<Value> {
  const database = new Sqlite(file, { fileMustExist: true });
  try {
    return await look(async <Result extends Row>(sql: string) => database.prepare<[], Result>(sql).all());
  } finally {
    database.close();
  }
}

async function withPostgres<Value>(url: string, look: (query: Query) => Promise<Value>): Promise<Value> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await look(async <Result extends Row>(sql: string) => (await client.query<Result>(sql)).rows);
  } finally {
    await client.end();
  }
}
