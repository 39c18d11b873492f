import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { Client } from "pg";
import { _baseTest as base, expect } from "playwright/test";
import { env, isPostgresUrl } from "@/lib/env";
import { isMigrated, MIGRATIONS_FOLDERS, MIGRATIONS_TABLE, migrate } from "./migrator.mjs";

interface Empty {
  url: string;
  /** Runs SQL on the database and resolves to its rows. */
  run: (sql: string) => Promise<Record<string, unknown>[]>;
}

const KIND = isPostgresUrl(env.DATABASE_URL) ? "postgresql" : "sqlite";

/** A new database without tables. */
const test = base.extend<{ empty: Empty }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  empty: async ({}, use) => {
    if (KIND === "sqlite") {
      const folder = mkdtempSync(path.join(tmpdir(), "sarafan-migrator-"));
      const database = new Database(path.join(folder, "empty.db"));
      const run = async (sql: string) => {
        if (/^SELECT/.test(sql)) return database.prepare(sql).all() as Record<string, unknown>[];
        database.exec(sql);
        return [];
      };
      await use({ url: `file:${database.name}`, run });
      database.close();
      rmSync(folder, { recursive: true });
    } else {
      const url = new URL(env.DATABASE_URL);
      url.pathname = `empty_${randomUUID().replaceAll("-", "")}`;
      const admin = new Client({ connectionString: env.DATABASE_URL });
      await admin.connect();
      await admin.query(`CREATE DATABASE "${url.pathname.slice(1)}"`);
      await admin.end();
      const client = new Client({ connectionString: url.href });
      await client.connect();
      await use({ url: url.href, run: async (sql) => (await client.query(sql)).rows });
      await client.end();
    }
  },
});

const APPLIED = `SELECT "migration_name", "checksum", "finished_at" FROM "${MIGRATIONS_TABLE}"`;

test("a database gets every migration once, with a row that Prisma understands", async ({ empty: { url, run } }) => {
  let told = 0;
  const tell = () => {
    told += 1;
  };
  expect(await isMigrated(url)).toBe(false);
  await migrate(url, tell);
  expect(await isMigrated(url)).toBe(true);
  await migrate(url, tell);
  expect(told).toBe(1);
  const rows = await run(APPLIED);
  const names = readdirSync(MIGRATIONS_FOLDERS[KIND]).filter((name) => /^\d/.test(name));
  expect(rows.map(({ migration_name }) => migration_name).sort()).toEqual(names.sort());
  for (const { checksum, finished_at } of rows) {
    expect(checksum).toMatch(/^[0-9a-f]{64}$/);
    expect(finished_at).not.toBeNull();
  }
});

test("of several migrations the last of which fails, nothing is left", async ({ empty: { url, run } }) => {
  await migrate(url);
  await run(`DELETE FROM "${MIGRATIONS_TABLE}"`);
  // SQLite deletes the rows of a table that it drops, and follows their foreign keys to the table that was dropped before.
  if (KIND === "sqlite") await run("PRAGMA foreign_keys = OFF");
  for (const table of ["User", "Session"]) await run(`DROP TABLE "${table}"${KIND === "sqlite" ? "" : " CASCADE"}`);
  await expect(migrate(url)).rejects.toThrow(/already exists/);
  expect(await run(APPLIED)).toEqual([]);
  await expect(run('SELECT 1 FROM "User"')).rejects.toThrow(/User/);
  expect(await isMigrated(url)).toBe(false);
});

test("a migration that rebuilds a table keeps its rows", async ({ empty: { url, run } }) => {
  const [first = ""] = readdirSync(MIGRATIONS_FOLDERS[KIND]).sort();
  await run(readFileSync(path.join(MIGRATIONS_FOLDERS[KIND], first, "migration.sql"), "utf8"));
  await run(`INSERT INTO "User" ("phone", "inviteCode", "createdAt") VALUES ('+79450000001', 'A1', CURRENT_TIMESTAMP),
    ('+79450000002', 'B2', CURRENT_TIMESTAMP)`);
  await run(`INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt")
    VALUES (2, 1, 'A1', CURRENT_TIMESTAMP)`);
  const time = KIND === "sqlite" ? "DATETIME" : "TIMESTAMPTZ";
  await run(`CREATE TABLE "${MIGRATIONS_TABLE}" ("id" TEXT PRIMARY KEY, "checksum" TEXT NOT NULL, "finished_at" ${time},
    "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" ${time},
    "started_at" ${time} NOT NULL DEFAULT CURRENT_TIMESTAMP, "applied_steps_count" INTEGER NOT NULL DEFAULT 0)`);
  await run(`INSERT INTO "${MIGRATIONS_TABLE}" ("id", "checksum", "finished_at", "migration_name")
    VALUES ('1', 'x', CURRENT_TIMESTAMP, '${first}')`);
  await migrate(url);
  expect(await run('SELECT "inviteeId", "inviterId" FROM "Activation"')).toEqual([{ inviteeId: 2, inviterId: 1 }]);
  expect(await run('SELECT "id", "phone" FROM "User" ORDER BY "id"')).toEqual([
    { id: 1, phone: "+79450000001" },
    { id: 2, phone: "+79450000002" },
  ]);
});

test("a database with tables of another application is left as it is", async ({ empty: { url, run } }) => {
  await run('CREATE TABLE "theirs" ("id" INTEGER)');
  await expect(migrate(url)).rejects.toThrow("tables of another application");
  await expect(run(APPLIED)).rejects.toThrow(MIGRATIONS_TABLE);
});
