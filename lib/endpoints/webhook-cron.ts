import { createHash, timingSafeEqual } from "node:crypto";
import { publishServiceEvents } from "@/lib/core/events/service-events";
import { deliverWebhooks } from "@/lib/core/events/webhook-work";
import { sendLogoutNotices } from "@/lib/core/oauth/logout-notice-work";
import { env } from "@/lib/env";
import { readBearer } from "@/lib/http/authorization";
import { NO_STORE } from "@/lib/http/caching";
import { refuse, verbs } from "./verbs";

/** How long one call delivers: less than the minute until the next one. */
const WORK_MS_MAX = 50_000;

/**
 * Looks for events of the service, and delivers all webhooks and logout notices that are due, for the cron job of a platform whose
 * processes run only while they answer. Failures:
 * `address_unknown` without CRON_SECRET, `credentials_missing` without that token.
 */
export const webhookCron = verbs({
  GET: async ({ headers }) => {
    if (!env.CRON_SECRET) return refuse("address_unknown");
    if (!isSame(readBearer(headers) ?? "", env.CRON_SECRET)) return refuse("credentials_missing");
    await publishServiceEvents();
    const signal = AbortSignal.timeout(WORK_MS_MAX);
    await Promise.all([deliverWebhooks({ signal }), sendLogoutNotices({ signal })]);
    return Response.json({ done: true }, { headers: NO_STORE });
  },
});

/** Compares in constant time. The hashes have equal lengths, which `timingSafeEqual` needs. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}
