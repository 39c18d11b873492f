import type { Language } from "@/lib/core/challenges/code-message";
import { STATE_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Session } from "@/lib/core/sessions/sessions";
import { findLanguage } from "./authorization-request";
import { findClient, type OAuthClient } from "./clients";
import { composeAnswer, matchRedirectUri, type RedirectUri } from "./redirect-uri";
import { pairwiseSessionId } from "./subjects";
import { readIdTokenHint } from "./tokens";

/** What an application asks for at /oauth/logout (RP-Initiated Logout 1.0 §2). */
export interface LogoutRequest {
  /** The application; null if the request names none. */
  client: OAuthClient | null;
  /** Which session of which application the ID token in the request names; null without one. */
  hint: { clientId: string; sid: string } | null;
  /** Where the person goes after the logout; null if the request says nothing, or the application is disabled. */
  postLogoutUri: RedirectUri | null;
  state: string | null;
  /** The first of the preferred languages that our pages have; null without one. */
  language: Language | null;
}

/**
 * Why a request for a logout is refused.
 * - `id_token_hint_invalid`: the hint is no ID token of this server, or another application's than `client_id` names.
 * - `client_unknown`: there is no such application, or `post_logout_redirect_uri` comes without one.
 * - `post_logout_redirect_uri_unknown`: the URI is not registered for the application.
 * - `state_too_long`: `state` has more than `STATE_BYTES_MAX` bytes.
 * - `parameter_repeated`: a parameter occurs twice.
 */
export const LOGOUT_PROBLEMS = [
  "id_token_hint_invalid",
  "client_unknown",
  "post_logout_redirect_uri_unknown",
  "state_too_long",
  "parameter_repeated",
] as const;
export type LogoutProblem = (typeof LOGOUT_PROBLEMS)[number];

const PARAMETERS = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"] as const;
type Parameter = (typeof PARAMETERS)[number];

/**
 * Reads the parameters of a request for a logout. An empty one counts as missing, and unknown ones are ignored. After a failure the person
 * must not be sent to any address of the request (RP-Initiated Logout 1.0 §4).
 */
export async function readLogoutRequest(
  query: URLSearchParams,
  now = new Date(),
): Promise<Result<LogoutRequest, { name: LogoutProblem }>> {
  if (PARAMETERS.some((name) => query.getAll(name).length > 1)) return fail({ name: "parameter_repeated" });
  const value = (name: Parameter) => query.get(name) || null;
  const [token, clientId, uri, state, locales] = PARAMETERS.map(value);
  const hint = token ? await readIdTokenHint(token, now) : null;
  const isHintWrong = token && (!hint || (clientId && hint.clientId !== clientId));
  if (isHintWrong) return fail({ name: "id_token_hint_invalid" });
  const named = clientId ?? hint?.clientId ?? null;
  const client = named === null ? null : await findClient(named);
  // An application that was removed, whose ID token names it still, gets the page that asks.
  if (!client && (clientId || uri)) return fail({ name: "client_unknown" });
  const registered = client && uri ? matchRedirectUri(uri, client.postLogoutUris) : null;
  if (uri && !registered) return fail({ name: "post_logout_redirect_uri_unknown" });
  if (state && Buffer.byteLength(state) > STATE_BYTES_MAX) return fail({ name: "state_too_long" });
  const postLogoutUri = client?.disabledAt ? null : registered;
  const language = findLanguage(locales ?? "");
  return succeed({ client, hint, postLogoutUri, state: postLogoutUri && (state ?? null), language });
}

/**
 * Returns whether the request proves, by an ID token of this session, that its application may end the session. An application that was
 * disabled or removed may not.
 */
export function provesSession({ client, hint }: LogoutRequest, session: Pick<Session, "firstId">): boolean {
  if (!client || client.disabledAt) return false;
  return hint !== null && hint.sid === pairwiseSessionId(session.firstId, hint.clientId);
}

/** Returns the address that takes the person back to the application (RP-Initiated Logout 1.0 §3), or null without one. */
export function composeLogoutAnswer({ postLogoutUri, state }: LogoutRequest): string | null {
  if (!postLogoutUri) return null;
  return state === null ? postLogoutUri : composeAnswer(postLogoutUri, { state });
}

/** Returns the parameters that name the way back to the application, for an address of ours. They prove nothing. */
export function wayBackOf({ client, postLogoutUri, state }: LogoutRequest): Record<string, string> {
  return {
    ...(client && { client_id: client.id }),
    ...(postLogoutUri && { post_logout_redirect_uri: postLogoutUri }),
    ...(state !== null && { state }),
  };
}
