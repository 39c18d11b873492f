import { maySeeMetrics } from "@/lib/auth/demonstration";
import { env } from "@/lib/env";
import { renderMetrics } from "@/lib/ops/metrics";
import { FRESH, readOnly, refuse } from "./verbs";

/** Serves the metrics of this process for Prometheus. Failures: `credentials_missing`, or `metrics_private` without METRICS_TOKEN. */
export const metrics = readOnly(async ({ headers }) => {
  if (!(await maySeeMetrics(headers))) {
    return env.METRICS_TOKEN ? refuse("credentials_missing") : refuse("metrics_private");
  }
  const { text, mediaType } = await renderMetrics();
  return new Response(text, { headers: { ...FRESH, "Content-Type": mediaType } });
});
