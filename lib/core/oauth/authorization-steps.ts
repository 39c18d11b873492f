import type { Session } from "@/lib/core/sessions/sessions";
import { needsConsent } from "./authorization-codes";
import type { AuthorizationErrorName, AuthorizationRequest } from "./authorization-request";
import type { OAuthClient } from "./clients";
import { getSubject } from "./subjects";

/** What a request for authorization demands of the login. */
export interface LoginDemand extends Pick<AuthorizationRequest, "prompts" | "maxAgeS"> {
  clientId: string;
  /** The `sub` of the person that the application expects; null for any person. */
  expectedSub: string | null;
  /** The session of the browser when the request arrived; null without one. */
  sessionIdAtStart: string | null;
}

/** A request for authorization whose next step is to be found. */
export interface Authorization
  extends LoginDemand,
    Pick<AuthorizationRequest, "redirectUri" | "scopes" | "nonce" | "codeChallenge"> {
  client: OAuthClient;
}

/** What comes next: the person logs in, is asked for consent, or the application gets a code or an error. */
export type AuthorizationStep =
  | { name: "login" }
  | { name: "consent" }
  | { name: "code"; session: Session }
  | { name: "refused"; error: AuthorizationErrorName; description: string };

/**
 * Returns whether the person has to log in before the request can go on: without a session, and for a session that `prompt=login`,
 * `max_age` or `id_token_hint` does not accept (OpenID Connect Core §3.1.2.1). These three accept every session that was opened after
 * the request arrived, so that a person logs in once. Such a session has another id than the one at the start; times are not
 * compared, because the clocks of two servers differ.
 */
export async function needsLogin(demand: LoginDemand, session: Session | null, now = new Date()): Promise<boolean> {
  if (!session) return true;
  if (session.id !== demand.sessionIdAtStart) return false;
  const ageMs = now.getTime() - session.createdAt.getTime();
  const isTooOld = demand.maxAgeS !== null && ageMs >= demand.maxAgeS * 1000;
  return demand.prompts.includes("login") || isTooOld || !(await isExpected(demand, session));
}

/**
 * Finds the next step of a request in a browser with this session. With `prompt=none` no page may be shown, so that a login or consent
 * that is missing is refused. A person who has logged in for this request and is not the expected one is refused, too.
 */
export async function findNextStep(
  authorization: Authorization,
  session: Session | null,
  now = new Date(),
): Promise<AuthorizationStep> {
  const isSilent = authorization.prompts.includes("none");
  if (!session || (await needsLogin(authorization, session, now)))
    return isSilent ? refuse("login_required", "the person has to log in") : { name: "login" };
  if (!(await isExpected(authorization, session)))
    return refuse("login_required", "another person than the one of id_token_hint has logged in");
  if (await needsConsent(authorization, session.userId))
    return isSilent ? refuse("consent_required", "the person has to be asked for consent") : { name: "consent" };
  return { name: "code", session };
}

const refuse = (error: AuthorizationErrorName, description: string) =>
  ({ name: "refused", error, description }) as const;

async function isExpected({ expectedSub, clientId }: LoginDemand, { userId }: Session): Promise<boolean> {
  return expectedSub === null || expectedSub === (await getSubject({ userId, clientId }));
}
