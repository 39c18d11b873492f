import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { env, isPostgresUrl } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { isDatabaseAway, readPrimary, statement } from "./database";

export { connectionPools } from "./database";

/** Whether the database answers, and whether it has this version's migrations (`unknown` while it is away). */
export interface DatabaseStatus {
  database: "up" | "away";
  migrations: "applied" | "missing" | "unknown";
}

const AWAY: DatabaseStatus = { database: "away", migrations: "unknown" };

const current = perProcess("database check", (): { pending: Promise<DatabaseStatus> | null } => ({ pending: null }));

/**
 * Returns whether the primary database answers and has every migration of this version. Never throws for the database: one that
 * doesn't answer within `waitMs` milliseconds is `away`. Parallel calls share one check. The replica is not checked, because the
 * server works without it.
 */
export async function databaseStatus(waitMs: number): Promise<DatabaseStatus> {
  current.pending ??= checkInTime(waitMs).finally(() => {
    current.pending = null;
  });
  return current.pending;
}

async function checkInTime(waitMs: number): Promise<DatabaseStatus> {
  const answered = new AbortController();
  const tooLate = sleep(waitMs, AWAY, { signal: answered.signal }).catch(() => AWAY);
  const status = await Promise.race([check(), tooLate]);
  answered.abort();
  return status;
}

const SELECT_ONE = statement({ params: {}, row: { one: "integer" }, sql: `SELECT 1 AS "one"` });
const LIST_APPLIED = statement({
  params: {},
  row: { migration_name: "text" },
  sql: `
    SELECT "migration_name" FROM "_prisma_migrations" WHERE "finished_at" IS NOT NULL AND "rolled_back_at" IS NULL`,
});

async function check(): Promise<DatabaseStatus> {
  const wanted = await listMigrations();
  try {
    await readPrimary.get(SELECT_ONE, {});
  } catch {
    return AWAY;
  }
  try {
    const applied = await readPrimary.all(LIST_APPLIED, {});
    const names = new Set(applied.map(({ migration_name }) => migration_name));
    return { database: "up", migrations: wanted.every((name) => names.has(name)) ? "applied" : "missing" };
  } catch (error) {
    // The table of migrations is missing: no migration was ever applied.
    return isDatabaseAway(error) ? AWAY : { database: "up", migrations: "missing" };
  }
}

/** The names of this version's migrations. next.config.ts copies their folders into a standalone build. */
async function listMigrations(): Promise<string[]> {
  const migrations = isPostgresUrl(env.DATABASE_URL) ? "prisma/postgresql/migrations" : "prisma/migrations";
  const folder = path.join(/* turbopackIgnore: true */ process.cwd(), migrations);
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
