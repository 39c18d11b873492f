import { setTimeout as sleep } from "node:timers/promises";
import { isDatabaseAway } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { beforeExit } from "@/lib/ops/shutdown";
import { perProcess } from "@/lib/per-process";
import { publishServiceEventsInBackground } from "./service-events";
import { WebhookWorker } from "./webhook-work";

/** The pause between two rounds, and the one while there is no endpoint or the database is away. */
const PAUSE_MS = 500;
const IDLE_PAUSE_MS = 2000;
/** How long attempts under way may last when the process ends, before they are aborted. */
const GRACE_MS = 3000;

/**
 * Delivers webhooks in the background until the process ends: twice a second it looks for events and for deliveries that are due. At the
 * end it gives back what it has leased. Does nothing when it is called again.
 */
export function deliverWebhooksInBackground(): void {
  perProcess("webhook loop", () => {
    const worker = new WebhookWorker();
    const ending = new AbortController();
    const ended = runRounds(worker, ending.signal);
    beforeExit(async () => {
      ending.abort();
      await ended;
      await worker.stop(GRACE_MS);
    });
    return worker;
  });
}

async function runRounds(worker: WebhookWorker, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const pauseMs = await runRound(worker);
    await sleep(pauseMs, undefined, { ref: false, signal: ending }).catch(() => undefined);
  }
}

/**
 * Runs a round, and returns the pause after it. A database that is away is no error: a later round does the work. Also looks for events
 * of the service, so that the end of an alarm is published while no requests come.
 */
async function runRound(worker: WebhookWorker): Promise<number> {
  publishServiceEventsInBackground();
  try {
    return (await worker.round()).endpoints > 0 ? PAUSE_MS : IDLE_PAUSE_MS;
  } catch (error) {
    if (!isDatabaseAway(error)) logError(error, "a round of webhooks failed");
    return IDLE_PAUSE_MS;
  }
}
