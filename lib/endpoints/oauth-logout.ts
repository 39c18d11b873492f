import { confirmLogoutPage, loggedOutPage, refusedLogoutPage } from "@/lib/auth/logout-pages";
import { currentSession, logOut } from "@/lib/auth/nextauth";
import { storeRequestedLanguage } from "@/lib/auth/requested-language";
import {
  composeLogoutAnswer,
  type LogoutProblem,
  type LogoutRequest,
  provesSession,
  readLogoutRequest,
} from "@/lib/core/oauth/logout-request";
import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { readBytes } from "@/lib/http/body";
import { NO_STORE } from "@/lib/http/caching";
import { isNavigation } from "@/lib/http/navigation";
import { refuse, verbs } from "./verbs";

const guarded = verbs({
  GET: ({ url, headers }) =>
    answer(headers, new URL(url).searchParams, async (asked) => {
      const session = await currentSession();
      if (session && !provesSession(asked, session)) return redirectTo(confirmLogoutPage(asked));
      if (session) await logOut();
      return redirectTo(composeLogoutAnswer(asked) ?? loggedOutPage(asked));
    }),
  POST: (request) => answerForm(request, async (asked) => redirectTo(confirmLogoutPage(asked))),
});

/**
 * Serves `/oauth/logout`, where an application sends a person to log out (RP-Initiated Logout 1.0 §2). Ends the browser's session if
 * `id_token_hint` is an ID token of that session; else a page asks the person first, because any site can link here. Then the person goes
 * to `post_logout_redirect_uri` if it is registered for the application, with `state`, or to a page of ours. A request that makes no sense
 * is answered with status 400 and leads to a page of ours.
 *
 * A form of an application (POST) comes without our cookies. It ends nothing, so it is taken from each site, and leads to the page that
 * asks. The ID token that it may contain does not come into an address.
 *
 * Failures: `origin_foreign` for a request that is no navigation, and `body_too_large`.
 */
export const logout = {
  ...guarded,
  POST: (request: Request): Promise<Response> | Response => {
    const headers = new Headers(request.headers);
    // The guard of `verbs` refuses forms by these headers. Cookies are read by the request that arrived, and are ignored for its `Origin`.
    for (const name of ["origin", "sec-fetch-site"]) headers.delete(name);
    return guarded.POST(new Request(request, { headers }), undefined);
  },
};

/**
 * Serves `/oauth/logout/end`: logs this browser out by the form of the page that asks, and leads to the page that goes on to the
 * application. A redirect to the application itself would be stopped by browsers that apply `form-action` of the content security policy
 * to it.
 */
export const confirmedLogout = verbs({
  POST: (request) =>
    answerForm(request, async (asked) => {
      await logOut();
      return redirectTo(loggedOutPage(asked));
    }),
});

type Step = (asked: LogoutRequest) => Promise<Response>;

/** Answers a request whose parameters stand in a form. */
async function answerForm(request: Request, step: Step): Promise<Response> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  if (!bytes) return refuse("body_too_large");
  return answer(request.headers, new URLSearchParams(new TextDecoder().decode(bytes)), step);
}

/** Reads the parameters of a request, and answers it by `step`, or with a refusal if they are not valid. */
async function answer(headers: Headers, parameters: URLSearchParams, step: Step): Promise<Response> {
  if (!isNavigation(headers)) return refuse("origin_foreign");
  const read = await readLogoutRequest(parameters);
  if (!read.ok) return refuseRequest(read.failure.name);
  if (read.value.language) await storeRequestedLanguage(read.value.language);
  return step(read.value);
}

/** Redirects by GET (RFC 9110 §15.4.4). */
const redirectTo = (location: string) =>
  new Response(null, { status: 303, headers: { ...NO_STORE, Location: location } });

/** Answers with status 400 and a document that leads to a page of ours, because a route can't render one. */
function refuseRequest(reason: LogoutProblem): Response {
  const page = refusedLogoutPage(reason);
  const html = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${page}"><title>${reason}</title><a href="${page}">${reason}</a>`;
  const headers = { ...NO_STORE, "Content-Type": "text/html; charset=utf-8", "Sarafan-Error": reason };
  return new Response(html, { status: 400, headers });
}
