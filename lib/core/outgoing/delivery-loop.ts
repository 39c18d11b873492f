import { setTimeout as sleep } from "node:timers/promises";
import { publishServiceEventsInBackground } from "@/lib/core/events/service-events";
import { WebhookWorker } from "@/lib/core/events/webhook-work";
import { LogoutNoticeWorker } from "@/lib/core/oauth/logout-notice-work";
import { isDatabaseAway } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { beforeExit } from "@/lib/ops/shutdown";
import { perProcess } from "@/lib/per-process";

/** The pause between two rounds, and the one while there is no work or the database is away. */
const PAUSE_MS = 500;
const IDLE_PAUSE_MS = 2000;
/** How long attempts under way may last when the process ends, before they are aborted. */
const GRACE_MS = 3000;

/**
 * Delivers webhooks and logout notices in the background until the process ends. It looks for events, for deliveries that are due and for
 * notices at least every two seconds. At the end it gives back what it has leased. Does nothing when it is called again.
 */
export function deliverInBackground(): void {
  perProcess("delivery loops", () => {
    // Two loops, so that a round of many webhooks doesn't delay a logout. Events of the service are looked for in one of them, so that the
    // end of an alarm is published while no requests come.
    return [runLoop(new WebhookWorker(), publishServiceEventsInBackground), runLoop(new LogoutNoticeWorker())];
  });
}

/** Runs rounds until the process ends. Then stops the worker. */
function runLoop(worker: WebhookWorker | LogoutNoticeWorker, beforeRound: () => void = () => undefined): void {
  const ending = new AbortController();
  const { signal } = ending;
  const makeRound = async () => {
    beforeRound();
    return (await worker.round()) === "idle" ? IDLE_PAUSE_MS : PAUSE_MS;
  };
  const run = async () => {
    while (!signal.aborted) {
      const pauseMs = await makeRound().catch(pauseAfterError);
      await sleep(pauseMs, undefined, { ref: false, signal }).catch(() => undefined);
    }
  };
  const ended = run();
  beforeExit(async () => {
    ending.abort();
    await ended;
    await worker.stop(GRACE_MS);
  });
}

/** A database that is away is no error: a later round does the work. */
function pauseAfterError(error: unknown): number {
  if (!isDatabaseAway(error)) logError(error, "a round of deliveries failed");
  return IDLE_PAUSE_MS;
}
