import { maySeeMetrics } from "@/lib/auth/demonstration";
import { env } from "@/lib/env";
import { renderMetrics } from "@/lib/ops/metrics";
import { NO_STORE, readOnly, refuse } from "./verbs";

/** Serves the metrics of this process for Prometheus. Failures: `credentials_missing`, or `metrics_private` without METRICS_TOKEN. */
export const metrics = readOnly(async ({ headers }) => {
  if (!(await maySeeMetrics(headers))) {
    return env.METRICS_TOKEN ? refuse("credentials_missing") : refuse("metrics_private");
  }
  const { text, mediaType } = await renderMetrics();
  return new Response(text, { headers: { ...NO_STORE, "Content-Type": mediaType } });
});
