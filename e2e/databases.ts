import { randomUUID } from "node:crypto";
// biome-ignore lint/style/noRestrictedImports: suites about accidents and races look at what they left behind.
import Sqlite from "better-sqlite3";
// biome-ignore lint/style/noRestrictedImports: as above.
import pg from "pg";
import { type Postgres, startPostgres } from "../scripts/internal/postgresql";

export const DATABASES = ["sqlite", "postgresql"] as const;
export type DatabaseKind = (typeof DATABASES)[number];

export type Row = Record<string, unknown>;
/** Runs one statement at a database, whichever it is, and resolves to its rows. */
export type Query = <Result extends Row>(sql: string) => Promise<Result[]>;

/** A PostgreSQL for tests, whose servers get a database each. */
export interface TestPostgres extends Postgres {
  /** Makes a database, empty or a copy of another one that nobody is using, and resolves to its URL. */
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

/** Opens a database for as long as `look` runs, past the server: for what HTTP can't say. */
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
