import { ENGINE_STATUSES } from "@/lib/apis/engine";
import { nameError } from "@/lib/apis/thrown";
import { guardOrigin, preflightHeaders } from "@/lib/http/cross-origin";
import { hasUnknownMethod } from "@/lib/http/unknown-method";

/** The header of responses that must not be cached. */
export const NO_STORE = { "Cache-Control": "no-store" };

/** The HTTP status of each failure: those of the engine, and those that only these addresses have. */
const STATUS_BY_FAILURE = {
  ...ENGINE_STATUSES,
  metrics_private: 403,
  signature_invalid: 403,
  address_unknown: 404,
  budget_spent: 429,
} as const;

type Handler<Asked extends Request, Context> = (request: Asked, context: Context) => Response | Promise<Response>;

/** Makes the exports of an address that has only GET. Pages of `CORS_ORIGINS` may read it as well. */
export function readOnlyVerbs(GET: Handler<Request, unknown>) {
  return verbs({ GET, isShared: true });
}

/**
 * Makes the exports of an address that belongs to no API: the verbs that are given, OPTIONS, and 405 with `Allow` for all others.
 * With `isShared`, pages of `CORS_ORIGINS` may send requests as well.
 */
export function verbs<Asked extends Request = Request, Context = unknown>(given: {
  GET?: Handler<Asked, Context>;
  POST?: Handler<Asked, Context>;
  isShared?: boolean;
}) {
  const { GET, POST, isShared = false } = given;
  const Allow = [...(GET ? ["GET", "HEAD"] : []), ...(POST ? ["POST"] : []), "OPTIONS"].join(", ");
  const refuseVerb = () => refuse("method_not_allowed", { Allow });
  const answerOptions = ({ headers }: Asked) =>
    hasUnknownMethod(headers)
      ? refuseVerb()
      : new Response(null, {
          status: 204,
          headers: { Allow, ...(isShared && preflightHeaders(headers, GET ? ["GET"] : [])) },
        });
  return {
    ...everyVerb<Asked, Context>(refuseVerb, isShared),
    ...(GET && { GET: guard(GET, isShared) }),
    ...(POST && { POST: guard(POST, isShared) }),
    OPTIONS: answerOptions,
  };
}

/** Makes the exports of a page's former address: a GET is redirected to `page` with 307 (RFC 9110 §15.4.8). */
export function movedTo(page: string) {
  const redirect = () => new Response(null, { status: 307, headers: { Location: page } });
  return verbs({ GET: redirect });
}

/** Makes the exports of an address that handles each verb by `answer`. */
export function everyVerb<Asked extends Request = Request, Context = unknown>(
  answer: Handler<Asked, Context>,
  isShared = false,
) {
  const guarded = guard(answer, isShared);
  return { GET: guarded, POST: guarded, PUT: guarded, PATCH: guarded, DELETE: guarded, OPTIONS: guarded };
}

/** Wraps a handler: refuses requests by pages of other origins, and turns a thrown error into a refusal, as the APIs do. */
function guard<Asked extends Request, Context>(answer: Handler<Asked, Context>, isShared: boolean) {
  return (request: Asked, context: Context) =>
    guardOrigin(request, {
      isShared,
      refuse: () => refuse("origin_foreign"),
      answer: async () => {
        try {
          return await answer(request, context);
        } catch (error) {
          const { name, headers } = nameError(error);
          return refuse(name, headers);
        }
      },
    });
}

/** Makes the response to a failure at an address that belongs to no API: `{ "detail": name }` with the failure's status. */
export function refuse(name: keyof typeof STATUS_BY_FAILURE, headers: Record<string, string> = {}): Response {
  const status: number = STATUS_BY_FAILURE[name];
  // RFC 9110 §15.5.2 requires this header with each 401.
  const challenge = status === 401 ? { "WWW-Authenticate": "Bearer" } : {};
  return Response.json(
    { detail: name },
    { status, headers: { ...NO_STORE, ...challenge, ...headers, "Sarafan-Error": name } },
  );
}
