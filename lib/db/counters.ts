import { type Queries, type Statement, statement, type Transaction } from "./statement";

/** An amount to add to a counter. If that begins a new window, the window ends at `resetsAt`. */
export interface Count {
  key: string;
  amount: number;
  resetsAt: Date;
}

/** A counter's value and the end of its window. */
export interface Counted {
  key: string;
  count: number;
  resetsAt: Date;
}

/** How far the clocks of two servers may differ. A window that ends later than that allows was begun by a wrong clock. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;

/** Whether a window's `end` is at most `CLOCK_SKEW_MS_MAX` later than `latestEnd`, the latest end by this server's clock. */
export function isPossibleEnd(end: Date, latestEnd: Date): boolean {
  return end.getTime() <= latestEnd.getTime() + CLOCK_SKEW_MS_MAX;
}

type Params = Record<string, string | number | Date>;

/** Returns a function that makes the statement for a number of keys at its first call, and keeps it. */
function statementByLength<Row>(
  make: (length: number) => Statement<Params, Row>,
): (length: number) => Statement<Params, Row> {
  const made: Statement<Params, Row>[] = [];
  return (length) => (made[length] ??= make(length));
}

const listOf = (length: number, item: (at: number) => string) => Array.from({ length }, (_, at) => item(at)).join(", ");
const keysOf = (keys: readonly string[]) => Object.fromEntries(keys.map((key, at) => [`key${at}`, key]));
const kindsOf = <Name extends string, Kind>(length: number, name: Name, kind: Kind): Record<string, Kind> =>
  Object.fromEntries(Array.from({ length }, (_, at) => [`${name}${at}`, kind]));

const COUNTED_ROW = { key: "text", count: "integer", resetsAt: "time" } as const;

const COUNT_UP = statementByLength((length) =>
  statement({
    params: {
      now: "time",
      ...kindsOf(length, "key", "text" as const),
      ...kindsOf(length, "amount", "integer" as const),
      ...kindsOf(length, "resetsAt", "time" as const),
    },
    row: COUNTED_ROW,
    sql: `
      INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${listOf(length, (at) => `(:key${at}, :amount${at}, :resetsAt${at})`)}
      ON CONFLICT ("key") DO UPDATE SET
        "count" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."count" ELSE "Counter"."count" + excluded."count" END,
        "resetsAt" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."resetsAt" ELSE "Counter"."resetsAt" END
      RETURNING "key", "count", "resetsAt"`,
  }),
);

const RESTART_COUNTER = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = :amount, "resetsAt" = :resetsAt WHERE "key" = :key`,
});

/**
 * Adds the amounts to their counters in one statement, and returns the new values in the order of `counts`. The rows are locked
 * in the same order, until the transaction ends. A counter starts again if its window is over, or if its window ends more than
 * `CLOCK_SKEW_MS_MAX` after `resetsAt`, because a server whose clock ran ahead wrote that end.
 */
export async function countUp(tx: Transaction, counts: readonly Count[], now: Date): Promise<Counted[]> {
  if (counts.length === 0) return [];
  const params: Params = { now };
  counts.forEach(({ key, amount, resetsAt }, at) => {
    params[`key${at}`] = key;
    params[`amount${at}`] = amount;
    params[`resetsAt${at}`] = resetsAt;
  });
  const rows = await tx.all(COUNT_UP(counts.length), params);
  return counts.map(({ key, amount, resetsAt }) => {
    const row = rows.find((one) => one.key === key);
    if (row && isPossibleEnd(row.resetsAt, resetsAt)) return row;
    tx.queue(RESTART_COUNTER, { key, amount, resetsAt });
    return { key, count: amount, resetsAt };
  });
}

const COUNT_DOWN = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = "count" - :amount WHERE "key" = :key AND "resetsAt" = :resetsAt`,
});
const DELETE_EMPTY_COUNTER = statement({
  params: { key: "text" },
  sql: `DELETE FROM "Counter" WHERE "key" = :key AND "count" <= 0`,
});

/**
 * Subtracts the amounts from the counters whose windows still end at `resetsAt`, and deletes the counters that are then zero,
 * except with `keepsRows`. Rows are locked in the order of `counts`, as in `countUp`, so that the two can't deadlock.
 */
export function countDown(tx: Transaction, counts: readonly Count[], { keepsRows = false } = {}): void {
  for (const { key, amount, resetsAt } of counts) {
    tx.queue(COUNT_DOWN, { key, amount, resetsAt });
    if (!keepsRows) tx.queue(DELETE_EMPTY_COUNTER, { key });
  }
}

const COUNT_DOWN_SINCE = statement({
  params: { key: "text", amount: "integer", since: "time", latestEnd: "time" },
  sql: `
    UPDATE "Counter" SET "count" = "count" - :amount
    WHERE "key" = :key AND "resetsAt" > :since AND "resetsAt" <= :latestEnd`,
});

/** Subtracts the amount from a counter whose window includes `since` and ends by `latestEnd`. Keeps a row with zero. */
export function countDownSince(
  tx: Transaction,
  { key, ...rest }: { key: string; amount: number; since: Date; latestEnd: Date },
): void {
  tx.queue(COUNT_DOWN_SINCE, { key, ...rest });
}

const FIND_COUNTS = statementByLength((length) =>
  statement({
    params: { now: "time", ...kindsOf(length, "key", "text" as const) },
    row: COUNTED_ROW,
    sql: `
      SELECT "key", "count", "resetsAt" FROM "Counter"
      WHERE "key" IN (${listOf(length, (at) => `:key${at}`)}) AND "resetsAt" > :now`,
  }),
);

/** Returns the counters of these keys whose windows have not ended at `now`, in no particular order. */
export async function findCounts(db: Queries, keys: readonly string[], now: Date): Promise<Counted[]> {
  return keys.length === 0 ? [] : db.all(FIND_COUNTS(keys.length), { now, ...keysOf(keys) });
}
