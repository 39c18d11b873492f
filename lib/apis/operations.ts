import { maySeeMetrics } from "@/lib/auth/demonstration";
import { env } from "@/lib/env";
import { checkReadiness } from "@/lib/ops/health";
import { showMetrics } from "@/lib/ops/metrics";
import { everyVerb, FRESH, readOnly, refuse } from "./read-only";

// For whoever runs the server, not for clients of the APIs: none of this is described in the reference.

/** That the process answers at all. Nothing is asked for it: this is as fast as an answer can be. */
export const live = readOnly(() => Response.json({ status: "live" }, { headers: FRESH }));

/** Whether requests should be sent here: 503 while not. */
export const ready = readOnly(async () => {
  const readiness = await checkReadiness();
  return readiness.status === "ready"
    ? Response.json(readiness, { headers: FRESH })
    : Response.json(readiness, { status: 503, headers: { ...FRESH, "Retry-After": "5", "Sarafan-Error": "unready" } });
});

/** The numbers of this process, for Prometheus. */
export const metrics = readOnly(async ({ headers }) => {
  if (!(await maySeeMetrics(headers))) {
    return env.METRICS_TOKEN ? refuse(401, "credentials_missing") : refuse(403, "metrics_private");
  }
  const { text, mediaType } = await showMetrics();
  return new Response(text, { headers: { ...FRESH, "Content-Type": mediaType } });
});

/** What no API has. Next.js would answer with a page of ours, and wherever there is a page, forms can be posted to it. */
export const nothing = everyVerb(() => refuse(404, "address_unknown"));
