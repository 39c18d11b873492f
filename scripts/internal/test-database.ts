import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";
import { Client } from "pg";
import { MIGRATIONS } from "./migrations.mjs";

/** An SQLite database with all migrations, in milliseconds: for tests that call the core without a server. */
export function makeDatabase(file: string): string {
  const database = new Database(file);
  for (const script of scriptsOf("sqlite")) database.exec(script);
  database.close();
  return `file:${file}`;
}

/** The same in the PostgreSQL at `url`, under a name of its own; answers its URL. */
export async function makePostgresDatabase(url: string): Promise<string> {
  const name = `sarafan_${randomBytes(8).toString("hex")}`;
  const own = new URL(url);
  own.pathname = name;
  await runScripts(url, [`CREATE DATABASE "${name}"`]);
  await runScripts(own.href, scriptsOf("postgresql"));
  return own.href;
}

async function runScripts(url: string, scripts: string[]) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const script of scripts) await client.query(script);
  } finally {
    await client.end();
  }
}

function scriptsOf(kind: keyof typeof MIGRATIONS): string[] {
  const folder = MIGRATIONS[kind];
  const migrations = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return migrations
    .map(({ name }) => name)
    .sort()
    .map((name) => readFileSync(path.join(folder, name, "migration.sql"), "utf8"));
}
