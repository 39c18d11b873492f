import { EVENTS_OVER_MARK } from "@/lib/core/accounts/audit-log";
import { readPrimary, statement, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";

/** The names of the rows of `Mark`. */
const DEMONSTRATION = "demonstration";
const REACHED = "reached_from_beyond";

/**
 * Whether codes may be shown at all. `open`: the database is marked as a demonstration's. `ended`: the mark was taken away,
 * because people beyond this machine reach the server. `unmarked`: the database was never a demonstration's.
 */
export type DemonstrationState = "open" | "ended" | "unmarked";

const LIST_MARKS = statement({ params: {}, row: { name: "text" }, sql: `SELECT "name" FROM "Mark"` });
const SET_MARK = statement({
  params: { name: "text", now: "time" },
  sql: `INSERT INTO "Mark" ("name", "at") VALUES (:name, :now) ON CONFLICT ("name") DO NOTHING`,
});
const REMOVE_MARK = statement({ params: { name: "text" }, sql: `DELETE FROM "Mark" WHERE "name" = :name` });
const IS_USED = statement({
  params: { reached: "text", eventsOver: "text" },
  row: { isUsed: "boolean" },
  sql: `
    SELECT EXISTS (SELECT 1 FROM "User") OR EXISTS (SELECT 1 FROM "AuditEvent")
      OR EXISTS (SELECT 1 FROM "Mark" WHERE "name" IN (:reached, :eventsOver)) AS "isUsed"`,
});

/** What requests to this process have shown, which counts before it is written to the database. */
export interface DemonstrationSeen {
  /** Whether people beyond this machine reach the server. */
  wasReached: boolean;
  /** The write of that, null before the first one and after one that failed. */
  closing: Promise<void> | null;
}
const seen = perProcess("demonstration", (): DemonstrationSeen => ({ wasReached: false, closing: null }));

/** The state of the demonstration, read from the database each time: several processes may share it. */
export async function demonstrationState(): Promise<DemonstrationState> {
  if (env.ALLOW_DEMO) return "open";
  const names = await listMarks();
  if (seen.wasReached || names.includes(REACHED)) return "ended";
  return names.includes(DEMONSTRATION) ? "open" : "unmarked";
}

/** Whether a request has shown that people beyond this machine reach the server, here or at a server of the same database. */
export async function wasReachedFromBeyond(): Promise<boolean> {
  return seen.wasReached || (await listMarks()).includes(REACHED);
}

async function listMarks(): Promise<string[]> {
  return (await readPrimary.all(LIST_MARKS, {})).map(({ name }) => name);
}

/**
 * Marks the database as a demonstration's when a server starts that may show codes, and nothing has happened in the database
 * yet. A database with accounts, or with a record of accounts that are gone, stays as it is, also when the record was deleted since
 * for its age: settings that have come to another deployment must open nothing. Returns the state from then on.
 */
export async function beginDemonstration(now = new Date()): Promise<DemonstrationState> {
  await transact(async (tx) => {
    const found = await tx.get(IS_USED, { reached: REACHED, eventsOver: EVENTS_OVER_MARK });
    if (!found?.isUsed) tx.queue(SET_MARK, { name: DEMONSTRATION, now });
  });
  return demonstrationState();
}

/** Marks the database as a demonstration's, whatever is in it: for the seed, which a person has to run. */
export async function markDemonstration(now = new Date()): Promise<void> {
  await transact(async (tx) => {
    tx.queue(REMOVE_MARK, { name: REACHED });
    tx.queue(SET_MARK, { name: DEMONSTRATION, now });
  });
}

/**
 * Ends the demonstration for good, because of `sign`: what showed that people beyond this machine reach the server. From the
 * call on this process shows no code and no metrics without a token; resolves when the others don't either. A write that
 * failed is logged, and tried again at the next sign.
 */
export function endDemonstration(sign: string, now = new Date()): Promise<void> {
  seen.wasReached = true;
  seen.closing ??= takeMark(sign, now).catch((error) => {
    seen.closing = null;
    logError(error, "the demonstration mark could not be removed");
  });
  return seen.closing;
}

async function takeMark(sign: string, now: Date): Promise<void> {
  const isFirst = await transact(async (tx) => {
    tx.queue(REMOVE_MARK, { name: DEMONSTRATION });
    return (await tx.run(SET_MARK, { name: REACHED, now })) > 0;
  });
  if (isFirst) log.warn({ sign }, env.REVEAL_CODES ? CODES_HIDDEN : METRICS_HIDDEN);
}

const METRICS_HIDDEN =
  "people beyond this machine reach this server: /api/metrics is shown no more without METRICS_TOKEN; set APP_URL to the public address";
const CODES_HIDDEN =
  "people beyond this machine reach this server: codes are shown no more, nor /api/metrics without METRICS_TOKEN; to go on, set SENDERS (docs/delivery.md) and APP_URL, or ALLOW_DEMO=true to show codes to all of them";
