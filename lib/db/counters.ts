import type { Writer } from "./connections";
import { Prisma } from "./generated/sqlite/client";

/** What is to be counted under a key, and when that count begins again if it hasn't begun yet. */
export interface Count {
  key: string;
  amount: number;
  resetsAt: Date;
}

/** By how much the clocks of two servers may differ. A row that is further in the future was written by a clock that was wrong. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;

/** Whether a count that ends then can have begun by now, at a clock that differs from ours by `CLOCK_SKEW_MS_MAX` at most. */
export function isPossibleEnd(end: Date, latestEnd: Date): boolean {
  return end.getTime() <= latestEnd.getTime() + CLOCK_SKEW_MS_MAX;
}

/**
 * Counts all of them in one statement, and returns the counts in no order. It locks each row, in the order given, until the
 * transaction ends. A count that is over begins again, and so does one that ends later than any that begins now: it was written
 * by a clock that ran ahead.
 */
export async function countUp(
  tx: Writer,
  counts: readonly Count[],
  now: Date,
): Promise<{ key: string; count: number; resetsAt: Date }[]> {
  if (counts.length === 0) return [];
  const rows = counts.map(({ key, amount, resetsAt }) => Prisma.sql`(${key}, ${amount}, ${resetsAt})`);
  const endsTooLate = counts.map(({ key, resetsAt }) => {
    const latest = new Date(resetsAt.getTime() + CLOCK_SKEW_MS_MAX);
    return Prisma.sql`(excluded."key" = ${key} AND "Counter"."resetsAt" > ${latest})`;
  });
  const isOver = Prisma.sql`"Counter"."resetsAt" <= ${now} OR ${Prisma.join(endsTooLate, " OR ")}`;
  return tx.$queryRaw`
    INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${Prisma.join(rows)}
    ON CONFLICT ("key") DO UPDATE SET
      "count" = CASE WHEN ${isOver} THEN excluded."count" ELSE "Counter"."count" + excluded."count" END,
      "resetsAt" = CASE WHEN ${isOver} THEN excluded."resetsAt" ELSE "Counter"."resetsAt" END
    RETURNING "key", "count", "resetsAt"`;
}

/**
 * Takes the amounts off the counts that still have these ends, and deletes the rows that are left with nothing. It locks the rows
 * in the order given, as `countUp` does, so that the two never wait for each other in a circle.
 */
export async function countDown(tx: Writer, counts: readonly Count[]): Promise<void> {
  if (counts.length === 0) return;
  const rows = counts.map(({ key, amount, resetsAt }) => Prisma.sql`(${key}, ${-amount}, ${resetsAt})`);
  // A row that is gone is inserted with less than nothing, and deleted by the next statement.
  await tx.$executeRaw`
    INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${Prisma.join(rows)}
    ON CONFLICT ("key") DO UPDATE SET "count" = "Counter"."count" + excluded."count"
      WHERE "Counter"."resetsAt" = excluded."resetsAt"`;
  const keys = counts.map(({ key }) => key);
  await tx.$executeRaw`DELETE FROM "Counter" WHERE "key" IN (${Prisma.join(keys)}) AND "count" <= 0`;
}
