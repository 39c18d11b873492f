import type { Writer } from "./connections";
import { Prisma } from "./generated/sqlite/client";

/** What is to be counted under a key, and when that count begins anew if it hasn't begun yet. */
export interface Count {
  key: string;
  amount: number;
  resetsAt: Date;
}

/**
 * Counts all of them in one statement, and answers the counts. It takes each row, in the order given, until the transaction
 * ends. A count that is over begins anew.
 */
export async function countUp(
  tx: Writer,
  counts: readonly Count[],
  now: Date,
): Promise<{ key: string; count: number; resetsAt: Date }[]> {
  if (counts.length === 0) return [];
  const rows = counts.map(({ key, amount, resetsAt }) => Prisma.sql`(${key}, ${amount}, ${resetsAt})`);
  return tx.$queryRaw`
    INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${Prisma.join(rows)}
    ON CONFLICT ("key") DO UPDATE SET
      "count" = CASE WHEN "Counter"."resetsAt" <= ${now} THEN excluded."count" ELSE "Counter"."count" + excluded."count" END,
      "resetsAt" = CASE WHEN "Counter"."resetsAt" <= ${now} THEN excluded."resetsAt" ELSE "Counter"."resetsAt" END
    RETURNING "key", "count", "resetsAt"`;
}
