import { type Queries, type Statement, statement, type Transaction } from "./statement";

/** What is to be counted under a key, and when that count begins again if it hasn't begun yet. */
export interface Count {
  key: string;
  amount: number;
  resetsAt: Date;
}

/** A count as it stands. */
export interface Counted {
  key: string;
  count: number;
  resetsAt: Date;
}

/** By how much the clocks of two servers may differ. A row that is further in the future was written by a clock that was wrong. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;

/** Whether a count that ends then can have begun by now, at a clock that differs from ours by `CLOCK_SKEW_MS_MAX` at most. */
export function isPossibleEnd(end: Date, latestEnd: Date): boolean {
  return end.getTime() <= latestEnd.getTime() + CLOCK_SKEW_MS_MAX;
}

type Params = Record<string, string | number | Date>;

/** Makes the statements that differ in how many keys they name, each once. */
function forEachLength<Row>(
  make: (length: number) => Statement<Params, Row>,
): (length: number) => Statement<Params, Row> {
  const made: Statement<Params, Row>[] = [];
  return (length) => (made[length] ??= make(length));
}

const listOf = (length: number, item: (at: number) => string) => Array.from({ length }, (_, at) => item(at)).join(", ");
const keysOf = (keys: readonly string[]) => Object.fromEntries(keys.map((key, at) => [`key${at}`, key]));
const kindsOf = <Name extends string, Kind>(length: number, name: Name, kind: Kind): Record<string, Kind> =>
  Object.fromEntries(Array.from({ length }, (_, at) => [`${name}${at}`, kind]));

const COUNTED = { key: "text", count: "integer", resetsAt: "time" } as const;

const COUNT_UP = forEachLength((length) =>
  statement({
    params: {
      now: "time",
      ...kindsOf(length, "key", "text" as const),
      ...kindsOf(length, "amount", "integer" as const),
      ...kindsOf(length, "resetsAt", "time" as const),
    },
    row: COUNTED,
    sql: `
      INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${listOf(length, (at) => `(:key${at}, :amount${at}, :resetsAt${at})`)}
      ON CONFLICT ("key") DO UPDATE SET
        "count" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."count" ELSE "Counter"."count" + excluded."count" END,
        "resetsAt" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."resetsAt" ELSE "Counter"."resetsAt" END
      RETURNING "key", "count", "resetsAt"`,
  }),
);

const BEGIN_AGAIN = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = :amount, "resetsAt" = :resetsAt WHERE "key" = :key`,
});

/**
 * Counts all of them in one statement, and returns the counts in the order given. It locks each row, in that order, until the
 * transaction ends. A count that is over begins again, and so does one that ends later than any that begins now: it was written
 * by a clock that ran ahead.
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
    tx.queue(BEGIN_AGAIN, { key, amount, resetsAt });
    return { key, count: amount, resetsAt };
  });
}

const COUNT_DOWN = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = "count" - :amount WHERE "key" = :key AND "resetsAt" = :resetsAt`,
});
const DELETE_EMPTY = statement({
  params: { key: "text" },
  sql: `DELETE FROM "Counter" WHERE "key" = :key AND "count" <= 0`,
});

/**
 * Takes the amounts off the counts that still have these ends, and deletes the rows that are left with nothing, unless `keepsRows`.
 * It locks the rows in the order given, as `countUp` does, so that the two never wait for each other in a circle.
 */
export function countDown(tx: Transaction, counts: readonly Count[], { keepsRows = false } = {}): void {
  for (const { key, amount, resetsAt } of counts) {
    tx.queue(COUNT_DOWN, { key, amount, resetsAt });
    if (!keepsRows) tx.queue(DELETE_EMPTY, { key });
  }
}

const COUNT_DOWN_SINCE = statement({
  params: { key: "text", amount: "integer", since: "time", latestEnd: "time" },
  sql: `
    UPDATE "Counter" SET "count" = "count" - :amount
    WHERE "key" = :key AND "resetsAt" > :since AND "resetsAt" <= :latestEnd`,
});

/** Takes the amount off a count that was under way at `since`, and ends at `latestEnd` or before. The row stays. */
export function countDownSince(
  tx: Transaction,
  { key, ...rest }: { key: string; amount: number; since: Date; latestEnd: Date },
): void {
  tx.queue(COUNT_DOWN_SINCE, { key, ...rest });
}

const FIND_COUNTS = forEachLength((length) =>
  statement({
    params: { now: "time", ...kindsOf(length, "key", "text" as const) },
    row: COUNTED,
    sql: `
      SELECT "key", "count", "resetsAt" FROM "Counter"
      WHERE "key" IN (${listOf(length, (at) => `:key${at}`)}) AND "resetsAt" > :now`,
  }),
);

/** The counts of these keys that are not over at `now`, in no order. */
export async function findCounts(db: Queries, keys: readonly string[], now: Date): Promise<Counted[]> {
  return keys.length === 0 ? [] : db.all(FIND_COUNTS(keys.length), { now, ...keysOf(keys) });
}
