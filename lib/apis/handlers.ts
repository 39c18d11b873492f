import { AccountGone } from "@/lib/core/accounts/accounts";
import { type Permission, permissionOf, preflightHeaders, type Sharing } from "@/lib/http/cross-origin";
import { isForeignRequest } from "@/lib/http/origin";
import { retryAfter } from "@/lib/http/retry-after";
import { hasUnknownMethod } from "@/lib/http/unknown-method";
import { logError } from "@/lib/ops/log";
import { isDatabaseAway } from "@/lib/ops/outage";

const VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Verb = (typeof VERBS)[number];

/** Answers one verb of an address. `Context` is what Next.js passes to the route: the parameters of its path. */
export type Handler<Context> = (request: Request, context: Context) => Response | Promise<Response>;

/** The failures of handlers, each with its HTTP status: those that a thrown error becomes, and those of `makeHandlers`. */
export const HANDLER_STATUSES = {
  credentials_missing: 401,
  origin_foreign: 403,
  method_not_allowed: 405,
  unexpected: 500,
  database_away: 503,
} as const;

/**
 * Makes the handlers that a route exports: the verbs of `given`, OPTIONS, and 405 with `Allow` for all others. `refuse` makes the
 * response to a failure: a thrown error, a request by a page of another origin, or another verb. `sharing` says which pages of other
 * origins may send requests as well.
 */
export function makeHandlers<Context>(
  given: Partial<Record<Verb, Handler<Context>>>,
  {
    sharing,
    refuse,
  }: {
    sharing: Sharing | null;
    refuse: (name: keyof typeof HANDLER_STATUSES, headers?: Record<string, string>) => Response;
  },
): Record<Verb | "OPTIONS", Handler<Context>> {
  const verbs = VERBS.filter((verb) => given[verb]);
  const Allow = [...verbs.flatMap((verb) => (verb === "GET" ? [verb, "HEAD"] : [verb])), "OPTIONS"].join(", ");
  const refuseVerb = () => refuse("method_not_allowed", { Allow });
  const catching = async (answer: () => Promise<Response>) => {
    try {
      return await answer();
    } catch (error) {
      const { name, headers } = nameError(error);
      return refuse(name, headers);
    }
  };
  const handlerOf =
    (answer: Handler<Context>): Handler<Context> =>
    async (request, context) => {
      let permission: Permission = { isGiven: false, headers: {} };
      const response = await catching(async () => {
        permission = await permissionOf(sharing, request.headers);
        return isForeignRequest(request) && !permission.isGiven ? refuse("origin_foreign") : answer(request, context);
      });
      for (const [name, value] of Object.entries(permission.headers)) response.headers.append(name, value);
      return response;
    };
  const handlers = VERBS.map((verb) => [verb, handlerOf(given[verb] ?? refuseVerb)]);
  const answerOptions: Handler<Context> = ({ headers }) =>
    catching(async () =>
      hasUnknownMethod(headers)
        ? refuseVerb()
        : new Response(null, {
            status: 204,
            headers: { Allow, ...(await preflightHeaders(sharing, headers, verbs)) },
          }),
    );
  return { ...(Object.fromEntries(handlers) as Record<Verb, Handler<Context>>), OPTIONS: answerOptions };
}

/** How long a client is asked to wait, in `Retry-After`, while the database is away. */
const DATABASE_RETRY_MS = 5000;

/** Returns the failure that a thrown error becomes, and the headers of its response. Logs an error that is not expected. */
function nameError(thrown: unknown) {
  // The account was deleted while its request ran, so the response is the same as without a session.
  if (thrown instanceof AccountGone) return { name: "credentials_missing" } as const;
  if (isDatabaseAway(thrown)) return { name: "database_away", headers: retryAfter(DATABASE_RETRY_MS) } as const;
  logError(thrown, "unexpected error in an API");
  return { name: "unexpected" } as const;
}
