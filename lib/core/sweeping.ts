import { type Writer, write } from "@/lib/db/database";

const SWEEP_EVERY_MS = 60_000;

const sweptAt = new Map<string, number>();

/**
 * Whether it is time to sweep away what is over, now and then on the way of another write: what is over counts for nothing
 * while it lies there, so that each process may look when it likes.
 */
export function isTimeToSweep(
  what: "codes" | "wrong codes" | "deliveries" | "sessions" | "trusted browsers" | "counters",
): boolean {
  const nowMs = performance.now();
  const lastMs = sweptAt.get(what);
  if (lastMs !== undefined && nowMs - lastMs < SWEEP_EVERY_MS) return false;
  sweptAt.set(what, nowMs);
  return true;
}

/** Deletes what is over, now and then, in a write of its own. */
export async function sweep(
  what: Parameters<typeof isTimeToSweep>[0],
  remove: (tx: Writer) => Promise<unknown>,
): Promise<void> {
  if (isTimeToSweep(what)) await write(remove);
}
