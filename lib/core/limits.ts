import type { Writer } from "@/lib/db/database";
import { TAKEN_ANSWERS_PER_HOUR, TAKEN_ANSWERS_PER_IP_PER_HOUR } from "./policy";
import { fail, type Result, succeed } from "./result";
import { isTimeToSweep } from "./sweeping";

const HOUR_MS = 60 * 60 * 1000;

/** How often something may happen to one subject within a window of time, which begins when it is first asked for. */
interface Limit {
  name: string;
  max: number;
  windowMs: number;
}

/** A limit, and whose it is. */
export interface Budget {
  limit: Limit;
  subject: string;
}

export const TAKEN_ANSWERS_OF_NETWORK: Limit = {
  name: "taken answers of a network",
  max: TAKEN_ANSWERS_PER_IP_PER_HOUR,
  windowMs: HOUR_MS,
};
export const TAKEN_ANSWERS: Limit = { name: "taken answers", max: TAKEN_ANSWERS_PER_HOUR, windowMs: HOUR_MS };

/** `retryAfterMs` is when the count begins anew. */
export type LimitFailure = { name: "budget_spent"; retryAfterMs: number };

/**
 * Looks whether something is left of each budget, then asks `costs`, and takes one off each where it does. All in one
 * transaction that holds the counters, so that of any number of parallel ones as many pass as are left, and none is asked
 * after that.
 */
export async function spend(
  tx: Writer,
  budgets: Budget[],
  now: Date,
  costs: () => Promise<boolean>,
): Promise<Result<boolean, LimitFailure>> {
  const keys = budgets.map(keyOf);
  const isOver = { resetsAt: { lte: now } };
  await tx.counter.deleteMany({ where: isTimeToSweep("counters") ? isOver : { key: { in: keys }, ...isOver } });
  for (const { limit, subject } of budgets) {
    const { count, resetsAt } = await tx.counter.upsert({
      where: { key: keyOf({ limit, subject }) },
      create: { key: keyOf({ limit, subject }), count: 0, resetsAt: new Date(now.getTime() + limit.windowMs) },
      update: { count: { increment: 0 } },
    });
    if (count >= limit.max) return fail({ name: "budget_spent", retryAfterMs: resetsAt.getTime() - now.getTime() });
  }
  if (!(await costs())) return succeed(false);
  await tx.counter.updateMany({ where: { key: { in: keys } }, data: { count: { increment: 1 } } });
  return succeed(true);
}

function keyOf({ limit, subject }: Budget): string {
  return `${limit.name} ${subject}`;
}
