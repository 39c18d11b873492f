import { HANDLER_STATUSES, type Handler, makeHandlers } from "@/lib/apis/handlers";
import { answerPage, consentPage, type RefusalReason, refusalPage } from "@/lib/auth/authorization-pages";
import { currentRequester } from "@/lib/auth/current-requester";
import { currentSession } from "@/lib/auth/nextauth";
import {
  continuePage,
  readAuthorizationAnswer,
  readPendingAuthorization,
  storeAuthorizationAnswer,
  storePendingAuthorization,
} from "@/lib/auth/pending-authorization";
import { storeRequestedLanguage } from "@/lib/auth/requested-language";
import { loginPage } from "@/lib/auth/return-page";
import { checkBroughtInvite } from "@/lib/core/invites/look-up";
import {
  type AuthorizationRequest,
  composeRefusal,
  readAuthorizationRequest,
} from "@/lib/core/oauth/authorization-request";
import { advanceAuthorization, resumeAuthorization } from "@/lib/core/oauth/authorization-steps";
import { readIdTokenHint } from "@/lib/core/oauth/tokens";
import { NO_STORE } from "@/lib/http/caching";
import { isNavigation } from "@/lib/http/navigation";
import { refuse } from "./verbs";

/**
 * Serves `/oauth/authorize` (OAuth 2.1 §3.1, OpenID Connect Core §3.1.2): where an application sends a person to log in. A request that
 * needs no page is answered immediately: with a code, or with an error for the application. Else the request is stored in a cookie of
 * the browser, and the person logs in or is asked for consent. So the parameters leave the address, the phone of `login_hint` among
 * them. A request that names no application and redirect URI of this server is answered with status 400 and leads to a page of ours.
 * Failure: `origin_foreign` for a request that is no navigation, because an answer may write a code.
 */
export const authorize = pageVerbs({
  GET: async ({ url, headers }) => {
    if (!isNavigation(headers)) return refuse("origin_foreign");
    const now = new Date();
    const read = await readAuthorizationRequest(new URL(url).searchParams);
    if (!read.ok) {
      const { failure } = read;
      return failure.name === "untrusted" ? refuseUntrusted(failure.reason) : redirectTo(composeRefusal(failure));
    }
    const request = read.value;
    const expectedSub = await readExpectedSub(request, now);
    if (expectedSub === undefined) {
      const description = "id_token_hint must be an ID token of this server for this client";
      return redirectTo(composeRefusal({ ...request, error: "invalid_request", description }));
    }
    const session = await currentSession();
    const sessionIdAtStart = session?.id ?? null;
    const authorization = { ...request, clientId: request.client.id, expectedSub, sessionIdAtStart, startedAt: now };
    const outcome = await advanceAuthorization(authorization, session, now);
    if (outcome.name === "answered") return redirectTo(outcome.address);

    // Also for a person who is asked for consent: on that page they may log in with another account, a new one perhaps.
    const invite = request.invite && (await checkBroughtInvite(request.invite, await currentRequester(), now));
    const id = await storePendingAuthorization({ ...authorization, invite });
    if (request.language) await storeRequestedLanguage(request.language);
    if (outcome.name === "consent") return redirectTo(consentPage(id));
    const isInviteGone = request.invite !== null && invite === null;
    return redirectTo(loginPage(continuePage(id), isInviteGone ? { invitation: "gone" } : {}));
  },
});

interface ContinueRoute {
  params: Promise<{ id: string }>;
}

/**
 * Serves `/oauth/continue/<id>`: goes on with the request of this id after a login. Finds the next step each time from the session and
 * the application as they are then.
 * It leads to pages of this server only: a form that ends in a redirect to another origin would be stopped by browsers that apply
 * `form-action` of the content security policy to it. Answers a request that is no navigation with 204, so that Next.js loads the
 * address as a browser does.
 */
export const continueAuthorization = pageVerbs<ContinueRoute>({
  GET: async ({ headers }, { params }) => {
    if (!isNavigation(headers)) return new Response(null, { status: 204, headers: NO_STORE });
    const { id } = await params;
    if (await readAuthorizationAnswer(id)) return redirectTo(answerPage(id));
    const pending = await readPendingAuthorization(id);
    if (!pending) return redirectTo(refusalPage("expired"));
    const authorization = await resumeAuthorization(pending);
    if (!authorization) return redirectTo(refusalPage("outdated"));
    const outcome = await advanceAuthorization(authorization, await currentSession());
    switch (outcome.name) {
      case "login":
        return redirectTo(loginPage(continuePage(id)));
      case "consent":
        return redirectTo(consentPage(id));
      case "answered":
        await storeAuthorizationAnswer({ id, clientName: authorization.client.name, address: outcome.address });
        return redirectTo(answerPage(id));
    }
  },
});

/** Redirects by GET (RFC 9110 §15.4.4, RFC 9700 §4.12). */
const redirectTo = (location: string) =>
  new Response(null, { status: 303, headers: { ...NO_STORE, Location: location } });

/**
 * Returns the `sub` that `id_token_hint` names, null without a hint, and undefined for a text that is no ID token of this server for
 * this application.
 */
async function readExpectedSub(
  { idTokenHint, client }: AuthorizationRequest,
  now: Date,
): Promise<string | null | undefined> {
  if (idTokenHint === null) return null;
  const hint = await readIdTokenHint(idTokenHint, now);
  return hint?.clientId === client.id ? hint.sub : undefined;
}

/** Answers a request that may come from a stranger: status 400 without a redirect (RFC 6749 §4.1.2.1). */
const refuseUntrusted = (reason: RefusalReason) => leadToPage(reason, { name: reason, status: 400 });

/** Makes the exports of an address that people open. A failure that is not the client's leads to a page, not to JSON. */
function pageVerbs<Context = unknown>(given: { GET: Handler<Context> }) {
  return makeHandlers(given, {
    sharing: null,
    refuse: (name, headers) => {
      const reason = REASON_BY_FAILURE[name];
      return reason ? leadToPage(reason, { name, status: HANDLER_STATUSES[name], headers }) : refuse(name, headers);
    },
  });
}

/** What the page says after a failure. The account is gone if it was deleted in another tab. */
const REASON_BY_FAILURE: Partial<Record<keyof typeof HANDLER_STATUSES, RefusalReason>> = {
  credentials_missing: "expired",
  unexpected: "unavailable",
  database_away: "unavailable",
};

/** Answers with this status and a document that leads to the page of the reason. A route can't render a page. */
function leadToPage(
  reason: RefusalReason,
  { name, status, headers }: { name: string; status: number; headers?: Record<string, string> | undefined },
): Response {
  const page = refusalPage(reason);
  const html = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${page}"><title>${reason}</title><a href="${page}">${reason}</a>`;
  return new Response(html, {
    status,
    headers: { ...NO_STORE, "Content-Type": "text/html; charset=utf-8", ...headers, "Sarafan-Error": name },
  });
}
