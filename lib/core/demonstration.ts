import { EVENTS_OVER_MARK } from "@/lib/core/accounts/audit-log";
import { readPrimary, statement, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";

const DEMONSTRATION_MARK = "demonstration";
const REACHED_MARK = "reached_from_beyond";

/**
 * Whether codes may be shown on pages. `open`: the database is marked as a demonstration. `ended`: that mark was removed,
 * because people on other machines reach the server. `unmarked`: the database was never a demonstration.
 */
export type DemonstrationState = "open" | "ended" | "unmarked";

const LIST_MARKS = statement({ params: {}, row: { name: "text" }, sql: `SELECT "name" FROM "Mark"` });
const SET_MARK = statement({
  params: { name: "text", now: "time" },
  sql: `INSERT INTO "Mark" ("name", "at") VALUES (:name, :now) ON CONFLICT ("name") DO NOTHING`,
});
const REMOVE_MARK = statement({ params: { name: "text" }, sql: `DELETE FROM "Mark" WHERE "name" = :name` });
const FIND_DATABASE_USE = statement({
  params: { reached: "text", eventsOver: "text" },
  row: { isUsed: "boolean" },
  sql: `
    SELECT EXISTS (SELECT 1 FROM "User") OR EXISTS (SELECT 1 FROM "AuditEvent")
      OR EXISTS (SELECT 1 FROM "Mark" WHERE "name" IN (:reached, :eventsOver)) AS "isUsed"`,
});

/** What requests to this process have shown. The process acts on it before the database has stored it for others. */
export interface DemonstrationSeen {
  /** Whether people on other machines reach the server. */
  wasReached: boolean;
  /** The write that stores `wasReached`; null before the first write and after a failed one. */
  closing: Promise<void> | null;
}
const seen = perProcess("demonstration", (): DemonstrationSeen => ({ wasReached: false, closing: null }));

/** Returns the state of the demonstration. The database is asked each time, because several processes may share it. */
export async function demonstrationState(): Promise<DemonstrationState> {
  if (env.ALLOW_DEMO) return "open";
  const names = await listMarks();
  if (seen.wasReached || names.includes(REACHED_MARK)) return "ended";
  return names.includes(DEMONSTRATION_MARK) ? "open" : "unmarked";
}

/** Returns whether a request to any server of this database has shown that people on other machines reach that server. */
export async function wasReachedFromBeyond(): Promise<boolean> {
  return seen.wasReached || (await listMarks()).includes(REACHED_MARK);
}

async function listMarks(): Promise<string[]> {
  return (await readPrimary.all(LIST_MARKS, {})).map(({ name }) => name);
}

/**
 * Marks the database as a demonstration if nothing has happened in it yet, and returns the state after this. A server that may
 * show codes calls it at its start. A database that has or had accounts is not marked, even if their events were deleted, so
 * that demonstration settings on a real deployment reveal nothing.
 */
export async function beginDemonstration(now = new Date()): Promise<DemonstrationState> {
  await transact(async (tx) => {
    const found = await tx.get(FIND_DATABASE_USE, { reached: REACHED_MARK, eventsOver: EVENTS_OVER_MARK });
    if (!found?.isUsed) tx.queue(SET_MARK, { name: DEMONSTRATION_MARK, now });
  });
  return demonstrationState();
}

/** Marks the database as a demonstration, even if it has accounts. Only `npm run seed` calls it, which a person starts. */
export async function markDemonstration(now = new Date()): Promise<void> {
  await transact(async (tx) => {
    tx.queue(REMOVE_MARK, { name: REACHED_MARK });
    tx.queue(SET_MARK, { name: DEMONSTRATION_MARK, now });
  });
}

/**
 * Ends the demonstration permanently. `sign` describes the request that showed that people on other machines reach the server;
 * it is logged. This process immediately stops showing codes, and metrics without a token. The promise resolves when the
 * database stores the end for other processes. A failed write is logged, and the next call tries again.
 */
export function endDemonstration(sign: string, now = new Date()): Promise<void> {
  seen.wasReached = true;
  seen.closing ??= storeEnd(sign, now).catch((error) => {
    seen.closing = null;
    logError(error, "the demonstration mark could not be removed");
  });
  return seen.closing;
}

async function storeEnd(sign: string, now: Date): Promise<void> {
  const isFirst = await transact(async (tx) => {
    tx.queue(REMOVE_MARK, { name: DEMONSTRATION_MARK });
    return (await tx.run(SET_MARK, { name: REACHED_MARK, now })) > 0;
  });
  if (isFirst) log.warn({ sign }, env.REVEAL_CODES ? CODES_HIDDEN_WARNING : METRICS_HIDDEN_WARNING);
}

const METRICS_HIDDEN_WARNING =
  "people on other machines reach this server, so /api/metrics needs METRICS_TOKEN from now on; set APP_URL to the public address";
const CODES_HIDDEN_WARNING =
  "people on other machines reach this server, so codes are hidden and /api/metrics needs METRICS_TOKEN from now on; to go on, set SENDERS (docs/delivery.md) and APP_URL, or ALLOW_DEMO=true to show codes to everyone";
