import { after } from "next/server";
import { logError } from "@/lib/ops/log";

/** Runs `task` after the response to this request was sent. An error that it throws is logged. */
export function afterAnswer(task: () => Promise<void>): void {
  after(() => task().catch((error: unknown) => logError(error, "a task that ran after a response failed")));
}
