import { maySeeMetrics } from "@/lib/auth/callers";
import { env } from "@/lib/env";
import { checkReadiness } from "@/lib/ops/health";
import { showMetrics } from "@/lib/ops/metrics";

// For whoever runs the server, not for clients of the APIs: none of this is described in the reference.

const FRESH = { "Cache-Control": "no-store" };
const ALLOWED = { Allow: "GET, HEAD, OPTIONS" };

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
  if (!maySeeMetrics(headers)) {
    return env.METRICS_TOKEN
      ? refuse(401, "credentials_missing", { "WWW-Authenticate": "Bearer" })
      : refuse(403, "metrics_private");
  }
  const { text, mediaType } = await showMetrics();
  return new Response(text, { headers: { ...FRESH, "Content-Type": mediaType } });
});

/** An address that can be read and no more. */
function readOnly(GET: (request: Request) => Response | Promise<Response>) {
  const refuseVerb = () => refuse(405, "method_not_allowed", ALLOWED);
  return {
    GET,
    POST: refuseVerb,
    PUT: refuseVerb,
    PATCH: refuseVerb,
    DELETE: refuseVerb,
    OPTIONS: () => new Response(null, { status: 204, headers: ALLOWED }),
  };
}

function refuse(status: number, name: string, headers: Record<string, string> = {}): Response {
  return Response.json({ detail: name }, { status, headers: { ...FRESH, ...headers, "Sarafan-Error": name } });
}
