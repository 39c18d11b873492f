import { setTimeout as sleep } from "node:timers/promises";
import { allowEventDeletion } from "@/lib/core/accounts/audit-log";
import {
  CLOCK_SKEW_MS_MAX,
  isDatabaseAway,
  readPrimary,
  type Statement,
  statement,
  type Transaction,
  transact,
} from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";
import { runInBackground } from "./background";
import {
  AUDIT_EVENTS_KEPT_MS,
  CHALLENGES_KEPT_MS,
  DELIVERIES_KEPT_MS,
  KNOWN_BROWSER_TTL_MS,
  WRONG_CODES_KEPT_MS,
} from "./policy";

/** A table that grows with time. A row of it is over `keptMs` after the time in the column `since`. */
interface GrowingTable {
  table: string;
  since: string;
  keptMs: number;
  /** What a transaction does before it deletes rows that were over at `until`. */
  prepare?: (tx: Transaction, until: Date) => void;
}

/**
 * All tables that grow with time; `since` is the first column of an index. The others grow with accounts: rows of `User` and
 * `Activation` stay until the account is deleted, those of `DelayedChange` go when they are applied, and `Mark` has one of a kind.
 */
export const GROWING_TABLES: readonly GrowingTable[] = [
  // A counter and a session say themselves when they end.
  { table: "Counter", since: "resetsAt", keptMs: 0 },
  { table: "Session", since: "expiresAt", keptMs: 0 },
  { table: "Challenge", since: "sentAt", keptMs: CHALLENGES_KEPT_MS },
  { table: "WrongCode", since: "at", keptMs: WRONG_CODES_KEPT_MS },
  { table: "Delivery", since: "at", keptMs: DELIVERIES_KEPT_MS },
  { table: "TrustedBrowser", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  // As long as a browser is trusted that has not logged in since: each that is still trusted has been told by then.
  { table: "UnconfirmedSignIn", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  { table: "AuditEvent", since: "at", keptMs: AUDIT_EVENTS_KEPT_MS, prepare: allowEventDeletion },
];

/** So few that the one writer of an SQLite is busy with them for a few milliseconds. */
export const ROWS_PER_STEP = 100;
/** How many times as long as a step took the sweeper rests after it. */
const REST_FACTOR = 4;

interface Sweeper extends GrowingTable {
  find: Statement<{ until: Date }, { found: number }>;
  remove: Statement<{ until: Date }, object>;
}

const SWEEPERS: readonly Sweeper[] = GROWING_TABLES.map((growing) => {
  const { table, since } = growing;
  const isOver = `"${since}" <= :until ORDER BY "${since}"`;
  const find = statement({
    params: { until: "time" },
    row: { found: "integer" },
    sql: `SELECT 1 AS "found" FROM "${table}" WHERE ${isOver} LIMIT 1`,
  });
  const remove = statement({
    params: { until: "time" },
    sql: {
      sqlite: `
        DELETE FROM "${table}" WHERE rowid IN (SELECT rowid FROM "${table}" WHERE ${isOver} LIMIT ${ROWS_PER_STEP})`,
      // Rows that another transaction has locked, be it a request's or another server's sweeper, are left to the next step: so no
      // two wait for each other in a circle.
      postgresql: `
        DELETE FROM "${table}" WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM "${table}" WHERE ${isOver} LIMIT ${ROWS_PER_STEP} FOR UPDATE SKIP LOCKED))`,
    },
  });
  return { ...growing, find, remove };
});

const SWEEP_EVERY_MS = 60_000;

/** When each was swept last, in milliseconds of `performance.now()`. */
const sweptAt = perProcess("sweep times", () => new Map<string, number>());
/** The tables whose last sweep failed. */
const unswept = perProcess("unswept tables", () => new Set<string>());

/** Whether a minute has passed in this process since this was true last. Not inside a transaction, which may run again. */
export function isTimeToSweep(what: "tables" | "delayed changes"): boolean {
  const nowMs = performance.now();
  const lastMs = sweptAt.get(what);
  if (lastMs !== undefined && nowMs - lastMs < SWEEP_EVERY_MS) return false;
  sweptAt.set(what, nowMs);
  return true;
}

/**
 * Has rows that are over deleted, once a minute in each process, in the background: no request waits for it, or fails by it. Called
 * by the requests that leave rows behind and by those that come often, outside of their transactions.
 */
export function sweepInBackground(): void {
  if (isTimeToSweep("tables")) void runInBackground("sweep", () => sweepTables());
}

/**
 * Deletes the rows that are over at `now`, step by step: each is a transaction of at most `ROWS_PER_STEP` rows of one table, after
 * which the sweeper rests. The tables take turns until no step finds as many, so that a table with millions of rows keeps no other
 * waiting. Any number of servers may do it at the same time.
 *
 * An error at one table keeps no other from being swept, and is logged once until that table was swept again. Throws where the
 * database is away, which leaves everything to the next time.
 */
export async function sweepTables(now = new Date()): Promise<void> {
  let left = SWEEPERS;
  while (left.length > 0) {
    const full: Sweeper[] = [];
    for (const sweeper of left) if (await isMoreLeft(sweeper, now)) full.push(sweeper);
    left = full;
  }
}

async function isMoreLeft(sweeper: Sweeper, now: Date): Promise<boolean> {
  const { table } = sweeper;
  try {
    const isFull = (await sweepStep(sweeper, now)) === ROWS_PER_STEP;
    unswept.delete(table);
    return isFull;
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    if (!unswept.has(table)) logError(error, `rows of ${table} that are over were not deleted`);
    unswept.add(table);
    return false;
  }
}

/** Deletes some rows, rests, and returns how many rows there were. Where there are none it only reads. */
async function sweepStep({ find, remove, keptMs, prepare }: Sweeper, now: Date): Promise<number> {
  // For the server whose clock is the slowest they are over as well.
  const until = new Date(now.getTime() - keptMs - CLOCK_SKEW_MS_MAX);
  if (!(await readPrimary.get(find, { until }))) return 0;
  const startedAt = performance.now();
  const removed = await transact(async (tx) => {
    prepare?.(tx, until);
    return tx.run(remove, { until });
  });
  await sleep(REST_FACTOR * (performance.now() - startedAt), undefined, { ref: false });
  return removed;
}
