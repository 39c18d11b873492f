import { isDatabaseAway } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";

/** The promises of the tasks that have not ended. No second task of the same name starts until the first has ended. */
const runningTaskByName = perProcess("background tasks", () => new Map<string, Promise<void>>());

/**
 * Starts a task that no request has to wait for. If a task of this name is running already, starts nothing and returns the
 * promise of that task, so that tasks don't pile up while the database is locked. If the database is locked, full or
 * unreachable, the task fails silently and a later request starts it again. Any other error is logged. The promise resolves
 * when the task has ended, and never rejects.
 */
export function runInBackground(name: string, task: () => Promise<unknown>): Promise<void> {
  const earlier = runningTaskByName.get(name);
  if (earlier) return earlier;
  const running = task()
    .then(
      () => undefined,
      (error: unknown) => {
        if (!isDatabaseAway(error)) logError(error, "a task in the background failed");
      },
    )
    .finally(() => runningTaskByName.delete(name));
  runningTaskByName.set(name, running);
  return running;
}

/** Resolves when all tasks that are running now have ended. Only tests call it. */
export async function backgroundTasks(): Promise<void> {
  await Promise.all(runningTaskByName.values());
}
