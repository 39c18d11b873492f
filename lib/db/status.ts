import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { env, isPostgresUrl } from "@/lib/env";
import { isDatabaseAway, readPrimary, statement } from "./database";

export { connectionPools } from "./database";

/** How things are with the database. What can't be asked is unknown. */
export interface DatabaseStatus {
  database: "up" | "away";
  migrations: "applied" | "missing" | "unknown";
}

const AWAY: DatabaseStatus = { database: "away", migrations: "unknown" };

let asking: Promise<DatabaseStatus> | undefined;

/**
 * Asks the database whether it is there and has every migration of this version. What does not answer within `waitMs` is
 * away; until then all who want to know share one question. A replica that is away is done without, and not asked here.
 */
export async function databaseStatus(waitMs: number): Promise<DatabaseStatus> {
  asking ??= ask(waitMs).finally(() => {
    asking = undefined;
  });
  return asking;
}

async function ask(waitMs: number): Promise<DatabaseStatus> {
  const answered = new AbortController();
  const tooLate = sleep(waitMs, AWAY, { signal: answered.signal }).catch(() => AWAY);
  const status = await Promise.race([askPatiently(), tooLate]);
  answered.abort();
  return status;
}

const ANYTHING = statement({ params: {}, row: { one: "integer" }, sql: `SELECT 1 AS "one"` });
const LIST_APPLIED = statement({
  params: {},
  row: { migration_name: "text" },
  sql: `
    SELECT "migration_name" FROM "_prisma_migrations" WHERE "finished_at" IS NOT NULL AND "rolled_back_at" IS NULL`,
});

async function askPatiently(): Promise<DatabaseStatus> {
  const wanted = await listMigrations();
  try {
    await readPrimary.get(ANYTHING, {});
  } catch {
    return AWAY;
  }
  try {
    const applied = await readPrimary.all(LIST_APPLIED, {});
    const names = new Set(applied.map(({ migration_name }) => migration_name));
    return { database: "up", migrations: wanted.every((name) => names.has(name)) ? "applied" : "missing" };
  } catch (error) {
    // Without that table nothing was ever migrated.
    return isDatabaseAway(error) ? AWAY : { database: "up", migrations: "missing" };
  }
}

/** The names of this version's migrations; next.config.ts sees to it that a standalone build has them. */
async function listMigrations(): Promise<string[]> {
  const migrations = isPostgresUrl(env.DATABASE_URL) ? "prisma/postgresql/migrations" : "prisma/migrations";
  const folder = path.join(/* turbopackIgnore: true */ process.cwd(), migrations);
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
