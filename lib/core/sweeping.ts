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

/** A table that grows with time. A row can be deleted `keptMs` after the time in its column `since`. */
interface GrowingTable {
  table: string;
  since: string;
  keptMs: number;
  /** Runs in each transaction before it deletes the rows up to `until`. */
  prepare?: (tx: Transaction, until: Date) => void;
}

/**
 * All tables that grow with time. `since` is the first column of an index. The other tables grow with accounts: rows of `User`
 * and `Activation` stay until the account is deleted, those of `DelayedChange` are deleted when they are applied, and `Mark`
 * has one row of each kind.
 */
export const GROWING_TABLES: readonly GrowingTable[] = [
  // The columns of a counter and a session hold their end.
  { table: "Counter", since: "resetsAt", keptMs: 0 },
  { table: "Session", since: "expiresAt", keptMs: 0 },
  { table: "Challenge", since: "sentAt", keptMs: CHALLENGES_KEPT_MS },
  { table: "WrongCode", since: "at", keptMs: WRONG_CODES_KEPT_MS },
  { table: "Delivery", since: "at", keptMs: DELIVERIES_KEPT_MS },
  { table: "TrustedBrowser", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  // The time for which a browser stays trusted without a login: each browser that is trusted by then has logged in since, and
  // was warned of the sign-in.
  { table: "UnconfirmedSignIn", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  { table: "AuditEvent", since: "at", keptMs: AUDIT_EVENTS_KEPT_MS, prepare: allowEventDeletion },
];

/** Few enough that a step keeps SQLite's only writer busy for a few milliseconds. */
export const ROWS_PER_STEP = 100;
/** After a step the sweeper rests this many times as long as the step took. */
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
      // Skips rows that another transaction has locked, which may be a request's or another server's sweeper, so that no two
      // transactions wait for each other. The next step deletes them.
      postgresql: `
        DELETE FROM "${table}" WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM "${table}" WHERE ${isOver} LIMIT ${ROWS_PER_STEP} FOR UPDATE SKIP LOCKED))`,
    },
  });
  return { ...growing, find, remove };
});

const SWEEP_EVERY_MS = 60_000;

/** When `isTimeToSweep` last returned true for each of its arguments, in milliseconds of `performance.now()`. */
const sweptAt = perProcess("sweep times", () => new Map<string, number>());
/** The tables whose last sweep failed. */
const unswept = perProcess("unswept tables", () => new Set<string>());

/**
 * Returns whether a minute has passed in this process since the last call that returned true. Must not be called inside a
 * transaction, which may run again.
 */
export function isTimeToSweep(what: "tables" | "delayed changes"): boolean {
  const nowMs = performance.now();
  const lastMs = sweptAt.get(what);
  if (lastMs !== undefined && nowMs - lastMs < SWEEP_EVERY_MS) return false;
  sweptAt.set(what, nowMs);
  return true;
}

/**
 * Deletes old rows in the background, once a minute in each process. No request waits for it or fails because of it. Requests
 * that leave rows behind, or that come often, call it outside of their transactions.
 */
export function sweepInBackground(): void {
  if (isTimeToSweep("tables")) void runInBackground("sweep", () => sweepTables());
}

/**
 * Deletes the rows that are old at `now`, in steps. Each step is a transaction that deletes at most `ROWS_PER_STEP` rows of one
 * table, and the sweeper rests after it. The tables take turns until each of them has fewer rows left than one step deletes, so
 * that a table with millions of rows does not delay the others. Several servers can run it at the same time.
 *
 * An error in one table does not stop the others. It is logged once, and again only after that table was swept successfully.
 * Throws if the database can't be reached; the next call continues.
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
    if (!unswept.has(table)) logError(error, `old rows of ${table} were not deleted`);
    unswept.add(table);
    return false;
  }
}

/** Deletes some rows, rests, and returns how many there were. If there are none, it only reads. */
async function sweepStep({ find, remove, keptMs, prepare }: Sweeper, now: Date): Promise<number> {
  // Rows must be old by the slowest server's clock, too.
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
