import { ENGINE_STATUSES, respondWithFailure } from "@/lib/apis/engine";
import { type Handler, makeHandlers, type Verb } from "@/lib/apis/handlers";
import { NO_STORE } from "@/lib/http/caching";
import { SHARED_WITH_CORS_ORIGINS } from "@/lib/http/cross-origin";

/** The HTTP status of each failure: those of the engine, and those that only these addresses have. */
const STATUS_BY_FAILURE = {
  ...ENGINE_STATUSES,
  metrics_private: 403,
  signature_invalid: 403,
  address_unknown: 404,
  budget_spent: 429,
} as const;

/** Makes the exports of an address that has only GET. Pages of `CORS_ORIGINS` may read it as well. */
export function readOnlyVerbs(GET: Handler<unknown>) {
  return makeHandlers({ GET }, { sharing: SHARED_WITH_CORS_ORIGINS, refuse });
}

/** Makes the exports of an address that belongs to no API, and that no page of another origin uses. */
export function verbs<Context = unknown>(given: Partial<Record<Verb, Handler<Context>>>) {
  return makeHandlers(given, { sharing: null, refuse });
}

/** Makes the exports of a page's former address: a GET is redirected to `page` with 307 (RFC 9110 §15.4.8). */
export function movedTo(page: string) {
  const redirect = () => new Response(null, { status: 307, headers: { Location: page } });
  return verbs({ GET: redirect });
}

/** Makes the response to a failure at an address that belongs to no API: `{ "detail": name }` with the failure's status. */
export function refuse(name: keyof typeof STATUS_BY_FAILURE, headers: Record<string, string> = {}): Response {
  const status = STATUS_BY_FAILURE[name];
  return respondWithFailure({ name, status, body: { detail: name }, headers: { ...NO_STORE, ...headers } });
}
