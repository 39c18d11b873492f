import { maySeeMetrics } from "@/lib/auth/demonstration";
import { env } from "@/lib/env";
import { NO_STORE } from "@/lib/http/caching";
import { renderMetrics } from "@/lib/ops/metrics";
import { readOnlyVerbs, refuse } from "./verbs";

/** Serves the process's metrics to Prometheus. Failures: `credentials_missing`; without METRICS_TOKEN, `metrics_private`. */
export const metrics = readOnlyVerbs(async ({ headers }) => {
  if (!(await maySeeMetrics(headers))) {
    return env.METRICS_TOKEN ? refuse("credentials_missing") : refuse("metrics_private");
  }
  const { text, mediaType } = await renderMetrics();
  return new Response(text, { headers: { ...NO_STORE, "Content-Type": mediaType } });
});
