import { setTimeout as sleep } from "node:timers/promises";
import { env, isPostgresUrl } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { isDatabaseAway, readPrimary, statement } from "./database";
import { LIST_APPLIED_SQL, pendingMigrations } from "./migrator.mjs";

export { connectionPools } from "./database";

/** Whether the database answers, and whether it has this version's migrations (`unknown` while it is away). */
export interface DatabaseStatus {
  database: "up" | "away";
  migrations: "applied" | "missing" | "unknown";
}

const AWAY_STATUS: DatabaseStatus = { database: "away", migrations: "unknown" };

const current = perProcess("database check", (): { pending: Promise<DatabaseStatus> | null } => ({ pending: null }));

/**
 * Returns whether the primary database answers and has every migration of this version. A database that fails or doesn't answer
 * within `waitMs` milliseconds is `away`, and no error is thrown. Parallel calls share one check. The replica is not checked,
 * because the server works without it.
 */
export async function databaseStatus(waitMs: number): Promise<DatabaseStatus> {
  current.pending ??= checkInTime(waitMs).finally(() => {
    current.pending = null;
  });
  return current.pending;
}

async function checkInTime(waitMs: number): Promise<DatabaseStatus> {
  const answered = new AbortController();
  const tooLate = sleep(waitMs, AWAY_STATUS, { signal: answered.signal }).catch(() => AWAY_STATUS);
  const status = await Promise.race([check(), tooLate]);
  answered.abort();
  return status;
}

const SELECT_ONE = statement({ params: {}, row: { one: "integer" }, sql: `SELECT 1 AS "one"` });
const SELECT_APPLIED = statement({ params: {}, row: { migration_name: "text" }, sql: LIST_APPLIED_SQL });

async function check(): Promise<DatabaseStatus> {
  try {
    await readPrimary.get(SELECT_ONE, {});
  } catch {
    return AWAY_STATUS;
  }
  try {
    const applied = (await readPrimary.all(SELECT_APPLIED, {})).map(({ migration_name }) => migration_name);
    const pending = pendingMigrations(isPostgresUrl(env.DATABASE_URL) ? "postgresql" : "sqlite", applied);
    return { database: "up", migrations: pending.length === 0 ? "applied" : "missing" };
  } catch (error) {
    // The table of migrations is missing: no migration was ever applied.
    return isDatabaseAway(error) ? AWAY_STATUS : { database: "up", migrations: "missing" };
  }
}
