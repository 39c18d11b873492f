import { after } from "next/server";
import { IS_ON_VERCEL } from "@/lib/env";
import { logError } from "@/lib/ops/log";

/** Runs `task` after the response to this request was sent. An error that it throws is logged. */
export function afterAnswer(task: () => Promise<void>): void {
  after(() => task().catch((error: unknown) => logError(error, "a task that ran after a response failed")));
}

/**
 * Lets work in the background go on after the response to this request. A server does so by itself; Vercel would stop the function,
 * and with this call waits until the work has ended or the function's time is over.
 */
export function keepRunning(work: Promise<void>): void {
  if (IS_ON_VERCEL) after(work);
}
