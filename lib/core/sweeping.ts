import { isDatabaseAway, type Writer, write } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";

const SWEEP_EVERY_MS = 60_000;

const sweptAt = new Map<string, number>();

type Swept =
  | "codes"
  | "wrong codes"
  | "deliveries"
  | "sessions"
  | "sign-ins"
  | "trusted browsers"
  | "delayed changes"
  | "counters";

/** Whether a minute has passed in this process since this was true last. Not inside a transaction, which may run again. */
export function isTimeToSweep(what: Swept): boolean {
  const nowMs = performance.now();
  const lastMs = sweptAt.get(what);
  if (lastMs !== undefined && nowMs - lastMs < SWEEP_EVERY_MS) return false;
  sweptAt.set(what, nowMs);
  return true;
}

/**
 * Deletes what is over, once a minute in each process, by `remove`: rows that are over count for nothing while they lie there.
 * It is a write of its own, after the one that it comes with is committed: a transaction may run again, and this runs once. Where
 * the database is away by then, the rows stay for the next time, and what was committed is answered.
 */
export async function sweep(what: Swept, remove: (tx: Writer) => Promise<unknown>): Promise<void> {
  if (!isTimeToSweep(what)) return;
  try {
    await write(remove);
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
    logError(error, "expired rows were not deleted");
  }
}
