import { runInBackground } from "@/lib/core/background";
import { CLOCK_SKEW_MS_MAX, SENDER_OUTAGE_GAP_MS, SENDER_REST_MS } from "@/lib/core/policy";
import { transact } from "@/lib/db/database";
import { publishServiceEvent } from "./publish";
import { readPublished, setPublished } from "./published-marks";

/** Publishes that a sender begins to rest in this process, in the background. Never called inside a transaction. */
export function publishRestInBackground(sender: string): void {
  void runInBackground(`rest of ${sender}`, () => publishRest(sender));
}

/**
 * Publishes `sender.resting`, unless the sender began to rest in this or another server shortly after its last rest: then it is the
 * same outage, which is published once. A rest that begins while the database is away is published when the sender rests again.
 */
export async function publishRest(sender: string, now = new Date()): Promise<void> {
  const what = `rest ${sender}`;
  const until = new Date(now.getTime() + SENDER_REST_MS);
  await transact(
    async (tx) => {
      const last = (await readPublished(tx)).get(what);
      setPublished(tx, what, until);
      // A later end was written by a clock that ran ahead.
      const isPossible = last && last.getTime() <= until.getTime() + CLOCK_SKEW_MS_MAX;
      if (isPossible && now.getTime() - last.getTime() <= SENDER_OUTAGE_GAP_MS) return;
      publishServiceEvent(tx, { type: "sender.resting", data: { sender, until: until.toISOString() } }, now);
    },
    { lock: "service-events" },
  );
}
