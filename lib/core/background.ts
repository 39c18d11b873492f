import { isDatabaseAway } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";

const underWay = perProcess("background tasks", () => new Map<string, Promise<void>>());

/**
 * Begins a task that no answer waits for, unless the one of this name is under way: however many requests ask for it, a database
 * that is locked has one waiting. A task that the database refuses for being locked, full or away is left to the next request;
 * any other error is logged. Resolves when the task has ended.
 */
export function runInBackground(name: string, task: () => Promise<unknown>): Promise<void> {
  const earlier = underWay.get(name);
  if (earlier) return earlier;
  const running = task()
    .then(
      () => undefined,
      (error: unknown) => {
        if (!isDatabaseAway(error)) logError(error, "a task in the background failed");
      },
    )
    .finally(() => underWay.delete(name));
  underWay.set(name, running);
  return running;
}

/** Resolves when the tasks have ended that are under way; tests wait by it. */
export async function backgroundTasks(): Promise<void> {
  await Promise.all(underWay.values());
}
