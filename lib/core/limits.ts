import { read, write } from "@/lib/db/database";
import { TAKEN_ANSWERS_PER_HOUR, TAKEN_ANSWERS_PER_IP_PER_HOUR } from "./policy";
import { fail, type Result, succeed } from "./result";

const HOUR_MS = 60 * 60 * 1000;

/** How often something may happen to one subject within a window of time. */
interface Limit {
  name: string;
  max: number;
  windowMs: number;
}

export const TAKEN_ANSWERS_OF_NETWORK: Limit = {
  name: "taken answers of a network",
  max: TAKEN_ANSWERS_PER_IP_PER_HOUR,
  windowMs: HOUR_MS,
};
export const TAKEN_ANSWERS: Limit = { name: "taken answers", max: TAKEN_ANSWERS_PER_HOUR, windowMs: HOUR_MS };

/** `retryAfterMs` is when the count begins anew. */
export type LimitFailure = { name: "budget_spent"; retryAfterMs: number };

/** Whether there is something left of the limit, with nothing counted. */
export async function checkLimit(limit: Limit, subject: string, now: Date): Promise<Result<null, LimitFailure>> {
  const { key, resetsAt } = windowOf(limit, subject, now);
  const row = await read.counter.findUnique({ where: { key }, select: { count: true } });
  if ((row?.count ?? 0) < limit.max) return succeed(null);
  return fail({ name: "budget_spent", retryAfterMs: resetsAt.getTime() - now.getTime() });
}

/** Counts one more, and fails when that is one too many: of any number of parallel ones, as many pass as are left. */
export async function spendLimit(limit: Limit, subject: string, now: Date): Promise<Result<null, LimitFailure>> {
  const { key, resetsAt } = windowOf(limit, subject, now);
  const { count } = await write(async (tx) => {
    await tx.counter.deleteMany({ where: { resetsAt: { lte: now } } });
    return tx.counter.upsert({
      where: { key },
      create: { key, count: 1, resetsAt },
      update: { count: { increment: 1 } },
      select: { count: true },
    });
  });
  if (count <= limit.max) return succeed(null);
  return fail({ name: "budget_spent", retryAfterMs: resetsAt.getTime() - now.getTime() });
}

/** Windows follow one another without a gap, so the key alone says which one a row counts. */
function windowOf({ name, windowMs }: Limit, subject: string, now: Date): { key: string; resetsAt: Date } {
  const at = Math.floor(now.getTime() / windowMs);
  return { key: `${name} ${subject} ${at}`, resetsAt: new Date((at + 1) * windowMs) };
}
