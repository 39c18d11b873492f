import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { Client } from "pg";
import { startPostgres } from "../scripts/postgresql";
import type { SqlDialect } from "./seed";

export const STORE_NAMES = ["sqlite", "postgresql"] as const;
export type StoreName = (typeof STORE_NAMES)[number];

/** Where a server keeps its rows. */
export interface Store extends SqlDialect {
  name: StoreName;
  /** As `DATABASE_URL` has it. */
  url: string;
  /** Runs the statements in one transaction. */
  run(statements: string[]): Promise<void>;
  remove(): Promise<void>;
}

const SEEDING_FROM = "2024-01-01";

/** An empty store of its own, in a temporary folder. */
export function openStore(name: StoreName): Promise<Store> {
  return name === "sqlite" ? openSqlite() : openPostgres();
}

async function openSqlite(): Promise<Store> {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-bench-"));
  const file = path.join(folder, "bench.db");
  return {
    name: "sqlite",
    url: `file:${file}`,
    moment: (seconds) => `strftime('%Y-%m-%dT%H:%M:%S.000+00:00', '${SEEDING_FROM}', ${seconds} || ' seconds')`,
    run: async (statements) => {
      const database = new Database(file);
      database.transaction(() => database.exec(statements.join(";\n")))();
      database.close();
    },
    remove: async () => rmSync(folder, { recursive: true }),
  };
}

async function openPostgres(): Promise<Store> {
  const { url, stop } = await startPostgres();
  return {
    name: "postgresql",
    url,
    moment: (seconds) => `timestamp '${SEEDING_FROM}' + ${seconds} * interval '1 second'`,
    run: async (statements) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      for (const statement of ["BEGIN", ...statements, "COMMIT"]) await client.query(statement);
      await client.end();
    },
    remove: stop,
  };
}
