import { setTimeout as sleep } from "node:timers/promises";
import { allowEventDeletion } from "@/lib/core/accounts/audit-log";
import { isDatabaseAway, readPrimary, type Statement, statement, type Transaction, transact } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";
import { sweepTestNumbersInBackground } from "./accounts/test-number-end";
import { runInBackground } from "./background";
import { markDeletion } from "./events/event-log";
import {
  AUDIT_EVENTS_KEPT_MS,
  AUTHORIZATION_CODES_KEPT_MS,
  CHALLENGES_KEPT_MS,
  CLOCK_SKEW_MS_MAX,
  DELIVERIES_KEPT_MS,
  EVENTS_KEPT_MS,
  HOURLY_SUMS_KEPT_MS,
  IDEMPOTENCY_KEYS_KEPT_MS,
  IMPORTS_KEPT_MS,
  KNOWN_BROWSER_TTL_MS,
  LOGOUT_NOTICES_KEPT_MS,
  WRONG_CODES_KEPT_MS,
} from "./policy";

/** A table that grows with time. Its rows are deleted `keptMs` after the time in the column `since`. */
interface GrowingTable {
  table: string;
  since: string;
  keptMs: number;
  /** Runs before the delete in each transaction that deletes the rows up to `until`. */
  prepare?: (tx: Transaction, until: Date) => void;
}

/**
 * All tables that grow with time. `since` is the first column of an index. The other tables grow with accounts: rows of `User`
 * and `Activation` stay until the account is deleted, rows of `DelayedChange` until the change is applied, those of
 * `Administrator` until the administrator is removed, those of `ApiKey` for good, those of `TestNumber` until the number's end,
 * those of a held inviter's `Signal` until the account is deleted, those of `WebhookEndpoint` until the endpoint is deleted, and
 * those of `WebhookAttempt` as long as the delivery. Rows of `OAuthClient` stay until the operator removes the application, those
 * of `OAuthGrant` until the session ends, and those of `OAuthConsent` until the account is deleted. `Mark` has one row for each
 * name. `DailySum` gets some dozens of rows a day, which outlive the counted rows.
 */
export const GROWING_TABLES: readonly GrowingTable[] = [
  // For a counter and a session, the column `since` holds the end, not the beginning.
  { table: "Counter", since: "resetsAt", keptMs: 0 },
  { table: "Session", since: "expiresAt", keptMs: 0 },
  { table: "Challenge", since: "sentAt", keptMs: CHALLENGES_KEPT_MS },
  { table: "WrongCode", since: "at", keptMs: WRONG_CODES_KEPT_MS },
  { table: "Delivery", since: "at", keptMs: DELIVERIES_KEPT_MS },
  { table: "HourlySum", since: "hour", keptMs: HOURLY_SUMS_KEPT_MS },
  { table: "TrustedBrowser", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  // A trusted browser shows an unconfirmed sign-in as soon as it is logged in. Without a login its trust ends after
  // `KNOWN_BROWSER_TTL_MS`. So each browser that is still trusted after that time has shown the sign-in.
  { table: "UnconfirmedSignIn", since: "at", keptMs: KNOWN_BROWSER_TTL_MS },
  // As with a session. The row of a held inviter has no end.
  { table: "Signal", since: "endsAt", keptMs: 0 },
  // Parts first, which are large: a run deletes those that are left.
  { table: "ImportPart", since: "at", keptMs: IMPORTS_KEPT_MS },
  { table: "ImportRun", since: "startedAt", keptMs: IMPORTS_KEPT_MS },
  { table: "IdempotencyKey", since: "startedAt", keptMs: IDEMPOTENCY_KEYS_KEPT_MS },
  { table: "AuthorizationCode", since: "expiresAt", keptMs: AUTHORIZATION_CODES_KEPT_MS },
  { table: "LogoutNotice", since: "at", keptMs: LOGOUT_NOTICES_KEPT_MS },
  // As with a session. A key without a successor has no end.
  { table: "SigningKey", since: "endsAt", keptMs: 0 },
  // Before the events, which the deliveries need. The attempts go with them.
  { table: "WebhookDelivery", since: "at", keptMs: EVENTS_KEPT_MS },
  { table: "Event", since: "at", keptMs: EVENTS_KEPT_MS, prepare: markDeletion },
  { table: "AuditEvent", since: "at", keptMs: AUDIT_EVENTS_KEPT_MS, prepare: allowEventDeletion },
];

/** How many rows a step deletes: so few that it keeps SQLite's only writer busy for a few milliseconds. */
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
      // Skips rows that another transaction (of a request or another server's sweeper) has locked, so that no two transactions
      // wait for each other. A later step deletes these rows.
      postgresql: `
        DELETE FROM "${table}" WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM "${table}" WHERE ${isOver} LIMIT ${ROWS_PER_STEP} FOR UPDATE SKIP LOCKED))`,
    },
  });
  return { ...growing, find, remove };
});

/** The shortest time between two sweeps of one kind in a process. Requests start the sweeps; there is no timer. */
const SWEEP_INTERVAL_MS_MIN = 60_000;

/** For each argument of `isTimeToSweep`, the time of its last true result, in milliseconds of `performance.now()`. */
const lastSweepMs = perProcess("sweep times", () => new Map<string, number>());
const failedTables = perProcess("unswept tables", () => new Set<string>());

/**
 * Returns whether `SWEEP_INTERVAL_MS_MIN` has passed in this process since the last call that returned true. Must not be called
 * inside a transaction, because a transaction may run again.
 */
export function isTimeToSweep(
  what: "tables" | "delayed changes" | "sums" | "signals" | "imports" | "service events",
): boolean {
  const nowMs = performance.now();
  const lastMs = lastSweepMs.get(what);
  if (lastMs !== undefined && nowMs - lastMs < SWEEP_INTERVAL_MS_MIN) return false;
  lastSweepMs.set(what, nowMs);
  return true;
}

/**
 * Deletes old rows in the background, at most once a minute in each process. No request waits for the deletion or fails because
 * of it. Requests that leave rows behind, or that come often, call this function outside of their transactions.
 */
export function sweepInBackground(): void {
  if (!isTimeToSweep("tables")) return;
  sweepTestNumbersInBackground();
  void runInBackground("sweep", () => sweepTables());
}

/**
 * Deletes the rows that are old at `now`, in steps. A step is a transaction that deletes at most `ROWS_PER_STEP` rows of one
 * table, followed by a rest. The tables take turns, so that a table with millions of rows does not delay the others. A table is
 * done when a step finds fewer rows than it may delete. Several servers can run this at the same time.
 *
 * An error in one table does not stop the others. It is logged once, and again only after that table was swept successfully. If
 * the database can't be reached, the function throws; the next call continues.
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
    failedTables.delete(table);
    return isFull;
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    if (!failedTables.has(table)) logError(error, `old rows of ${table} were not deleted`);
    failedTables.add(table);
    return false;
  }
}

/** Deletes at most `ROWS_PER_STEP` rows, rests, and returns how many were deleted. Without old rows it only reads. */
async function sweepStep({ find, remove, keptMs, prepare }: Sweeper, now: Date): Promise<number> {
  // The rows must be old by the clock of the slowest server, too.
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
