import { CLOCK_SKEW_MS_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Session } from "@/lib/core/sessions/sessions";
import { issueAuthorizationCode, needsConsent } from "./authorization-codes";
import {
  type AuthorizationErrorName,
  type AuthorizationRequest,
  composeCodeAnswer,
  composeRefusal,
} from "./authorization-request";
import { findClient, type OAuthClient } from "./clients";
import { matchRedirectUri } from "./redirect-uri";
import { getPairwiseSubject } from "./subjects";

const MINUTE_MS = 60_000;

/** What a request for authorization demands of the login. */
export interface LoginDemand extends Pick<AuthorizationRequest, "prompts" | "maxAgeS"> {
  clientId: string;
  /** The `sub` of the person that the application expects; null for any person. */
  expectedSub: string | null;
  /** The session of the browser when the request arrived; null without one. */
  sessionIdAtStart: string | null;
  /** When the request arrived. */
  startedAt: Date;
}

/** A request for authorization that was read and may wait for a person, without its application. */
export interface WaitingAuthorization
  extends LoginDemand,
    Pick<AuthorizationRequest, "redirectUri" | "scopes" | "state" | "nonce" | "codeChallenge"> {}

/** A request for authorization whose next step is to be found. */
export interface Authorization extends WaitingAuthorization {
  client: OAuthClient;
}

/**
 * Returns a request that has waited, with its application. Returns null if the application was removed or disabled since, or may not
 * use the redirect URI or a scope any more.
 */
export async function resumeAuthorization(waiting: WaitingAuthorization): Promise<Authorization | null> {
  const client = await findClient(waiting.clientId);
  if (!client || client.disabledAt) return null;
  const isAllowed =
    matchRedirectUri(waiting.redirectUri, client.redirectUris) !== null &&
    waiting.scopes.every((scope) => client.scopes.includes(scope));
  return isAllowed ? { ...waiting, client } : null;
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
 * the request arrived, so that a person logs in once. Such a session has another id than the one at the start. It is no older than the
 * request either, apart from the difference of two servers' clocks, because a browser can send a request without its cookie and put
 * the cookie back.
 */
export async function needsLogin(demand: LoginDemand, session: Session | null, now = new Date()): Promise<boolean> {
  if (!session) return true;
  const isOpenedSince = session.createdAt.getTime() >= demand.startedAt.getTime() - CLOCK_SKEW_MS_MAX;
  if (session.id !== demand.sessionIdAtStart && isOpenedSince) return false;
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
  if (!session || (await needsLogin(authorization, session, now))) return askFor("login", authorization);
  if (!(await isExpected(authorization, session)))
    return refuse("login_required", "another person than the one of id_token_hint has logged in");
  if (await needsConsent(authorization, session.userId)) return askFor("consent", authorization);
  return { name: "code", session };
}

type StepOfPerson = Extract<AuthorizationStep, { name: "login" | "consent" }>;
type Refusal = Extract<AuthorizationStep, { name: "refused" }>;

/** The step that the person does on this page; a refusal if `prompt=none` forbids pages. */
function askFor(page: StepOfPerson["name"], { prompts }: Pick<LoginDemand, "prompts">): StepOfPerson | Refusal {
  if (!prompts.includes("none")) return { name: page };
  return page === "login"
    ? refuse("login_required", "the person has to log in")
    : refuse("consent_required", "the person has to be asked for consent");
}

function refuse(error: AuthorizationErrorName, description: string): Refusal {
  return { name: "refused", error, description };
}

async function isExpected({ expectedSub, clientId }: LoginDemand, { userId }: Session): Promise<boolean> {
  return expectedSub === null || expectedSub === (await getPairwiseSubject({ userId, clientId }));
}

/** What a browser does next: it shows a page to the person, or takes the answer to this address of the application. */
export type AuthorizationOutcome = { name: "login" | "consent" } | { name: "answered"; address: string };

/** Goes on with a request as far as it goes without the person, in a browser with this session. */
export async function advanceAuthorization(
  authorization: Authorization,
  session: Session | null,
  now = new Date(),
): Promise<AuthorizationOutcome> {
  const step = await findNextStep(authorization, session, now);
  if (step.name !== "code") return outcomeOf(authorization, step);
  const answered = await answerWithCode(authorization, step.session, { isAllowed: false, now });
  if (answered.ok) return { name: "answered", address: answered.value };
  // No answer goes to an application that is gone: the next page finds that, and says so.
  if (answered.failure.name === "client_gone") return { name: "consent" };
  // The session, or the consent, ended since it was read.
  return outcomeOf(
    authorization,
    askFor(answered.failure.name === "session_ended" ? "login" : "consent", authorization),
  );
}

function outcomeOf(authorization: Authorization, step: StepOfPerson | Refusal): AuthorizationOutcome {
  if (step.name !== "refused") return step;
  return { name: "answered", address: composeRefusal({ ...authorization, ...step }) };
}

/**
 * Answers a request with a code, after the person has allowed it. Returns the address of the application. Fails with `step_changed` if
 * the request has to do another step before, because the session or what the application may do has changed since the person was asked.
 */
export async function allowAuthorization(
  authorization: Authorization,
  session: Session,
  now = new Date(),
): Promise<Result<string, { name: "step_changed" }>> {
  const step = await findNextStep(authorization, session, now);
  if (step.name !== "consent") return fail({ name: "step_changed" });
  const answered = await answerWithCode(authorization, session, { isAllowed: true, now });
  return answered.ok ? answered : fail({ name: "step_changed" });
}

/**
 * Answers a request with `access_denied` (RFC 6749 §4.1.2.1), after the person has refused it. Returns the address of the application.
 * A refusal holds also if the request needs no consent any more, or the browser's session has changed.
 */
export function denyAuthorization(authorization: Authorization): string {
  const description = "the person did not allow it";
  return composeRefusal({ ...authorization, error: "access_denied", description });
}

/** Returns the address with a code, or with an error after too many codes of the account. */
async function answerWithCode(
  authorization: Authorization,
  session: Session,
  options: { isAllowed: boolean; now: Date },
): Promise<Result<string, { name: "session_ended" | "client_gone" | "consent_missing" }>> {
  const code = await issueAuthorizationCode(authorization, session, options);
  if (code.ok) return succeed(composeCodeAnswer(authorization, code.value));
  if (code.failure.name !== "budget_spent") return fail({ name: code.failure.name });
  const minutes = Math.ceil(code.failure.retryAfterMs / MINUTE_MS);
  const description = `too many logins of this account, try again in ${minutes} min`;
  return succeed(composeRefusal({ ...authorization, error: "temporarily_unavailable", description }));
}
