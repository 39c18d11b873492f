import { after } from "next/server";
import { logError } from "@/lib/ops/log";

/** Runs a task that no answer waits for, once the answer is out. What it throws is logged. */
export function afterAnswer(task: () => Promise<void>): void {
  after(() => task().catch((error: unknown) => logError(error, "a task after an answer failed")));
}
