import { checkReadiness } from "@/lib/ops/health";
import { FRESH, readOnly } from "./verbs";

/** That the process answers at all. Nothing is asked for it: this is as fast as an answer can be. */
export const live = readOnly(() => Response.json({ status: "live" }, { headers: FRESH }));

/** Whether requests should be sent here: 503 while not. */
export const ready = readOnly(async () => {
  const readiness = await checkReadiness();
  return readiness.status === "ready"
    ? Response.json(readiness, { headers: FRESH })
    : Response.json(readiness, { status: 503, headers: { ...FRESH, "Retry-After": "5", "Sarafan-Error": "unready" } });
});
