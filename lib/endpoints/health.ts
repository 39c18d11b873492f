import { NO_STORE } from "@/lib/http/caching";
import { checkReadiness } from "@/lib/ops/health";
import { readOnlyVerbs } from "./verbs";

/** Serves the liveness check: 200 as long as the process answers. The check asks neither the database nor the providers. */
export const live = readOnlyVerbs(() => Response.json({ status: "live" }, { headers: NO_STORE }));

/** Serves the readiness check: 200 if requests should be sent to this process, else 503 with `Retry-After`. */
export const ready = readOnlyVerbs(async () => {
  const readiness = await checkReadiness();
  return readiness.status === "ready"
    ? Response.json(readiness, { headers: NO_STORE })
    : Response.json(readiness, {
        status: 503,
        headers: { ...NO_STORE, "Retry-After": "5", "Sarafan-Error": "unready" },
      });
});
