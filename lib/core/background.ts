import { isDatabaseAway } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";

const underWay = perProcess("background tasks", () => new Map<string, Promise<void>>());

/**
 * Starts a task that no request waits for, unless a task of this name is running already, so that a locked database has at most
 * one of each kind waiting. If the database is locked, full or unreachable, the task is left to the next request. Any other
 * error is logged. The promise resolves when the task has ended, and never rejects.
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

/** Resolves when the tasks that are running now have ended. Tests wait for it. */
export async function backgroundTasks(): Promise<void> {
  await Promise.all(underWay.values());
}
