import { z } from "zod";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { Prompt } from "@/lib/core/oauth/authorization-request";
import { RedirectUri } from "@/lib/core/oauth/redirect-uri";
import { Scope } from "@/lib/core/oauth/scopes";
import {
  AUTHORIZATION_CODE_TTL_MS,
  PENDING_AUTHORIZATION_TTL_MS,
  PENDING_AUTHORIZATIONS_BYTES_MAX,
  PENDING_AUTHORIZATIONS_MAX,
} from "@/lib/core/policy";
import { decryptToken, encryptToken } from "./sealed-cookie";

/**
 * The name of a request for authorization: 128 random bits in base64url. It stands in the addresses of our pages, where it opens
 * nothing, because the request itself is in the browser's cookie.
 */
export const AuthorizationId = z.string().regex(/^[\w-]{22}$/);

/** A request for authorization that waits for a login or a consent. */
const PendingAuthorization = z.object({
  id: AuthorizationId,
  clientId: z.string(),
  redirectUri: RedirectUri,
  scopes: z.array(Scope),
  state: z.string().nullable(),
  nonce: z.string().nullable(),
  codeChallenge: z.string(),
  prompts: z.array(Prompt),
  maxAgeS: z.number().nullable(),
  /** The phone to fill in; null for none. */
  loginHint: Phone.nullable(),
  /** The `sub` of the person that the application expects; null for any person. */
  expectedSub: z.string().nullable(),
  /** The session of the browser when the request arrived; null without one. */
  sessionIdAtStart: z.string().nullable(),
  /** The invite code that a new account activates; null without one, and for an unknown one. */
  invite: z.object({ code: InviteCode, isChecked: z.boolean() }).nullable(),
  startedAt: z.iso.datetime().transform((text) => new Date(text)),
});
export type PendingAuthorization = z.output<typeof PendingAuthorization>;

/** The answer to a request for authorization, which the browser has to take to the application. */
const AuthorizationAnswer = z.object({
  id: AuthorizationId,
  clientName: z.string(),
  /** The address of the application with the code or the error in its query. */
  address: z.string(),
});
export type AuthorizationAnswer = z.output<typeof AuthorizationAnswer>;

/** How the cookies are sealed, and for how long they are kept. */
export const PENDING_KIND = {
  purpose: "authorization under way",
  schema: PendingAuthorization,
  ttlMs: PENDING_AUTHORIZATION_TTL_MS,
};
export const ANSWER_KIND = {
  purpose: "authorization answer",
  schema: AuthorizationAnswer,
  ttlMs: AUTHORIZATION_CODE_TTL_MS,
};

/** Seals a pending authorization for a cookie of the browser. Even the longest request fits into one (RFC 6265 §6.1: 4,096 bytes). */
export function sealPendingAuthorization({ startedAt, ...rest }: PendingAuthorization): string {
  return encryptToken(PENDING_KIND, { ...rest, startedAt: startedAt.toISOString() });
}

/** Seals an answer for a cookie of the browser. */
export function sealAuthorizationAnswer(answer: AuthorizationAnswer): string {
  return encryptToken(ANSWER_KIND, answer);
}

interface Cookie {
  name: string;
  value: string;
}

/**
 * Returns the names of the cookies of requests that have to go, so that one of `newBytes` fits in: the oldest ones above
 * `PENDING_AUTHORIZATIONS_MAX` or `PENDING_AUTHORIZATIONS_BYTES_MAX`, and before them answers and what can't be opened.
 */
export function chooseCookiesToRemove(cookies: readonly Cookie[], newBytes: number): string[] {
  const startOf = ({ value }: Cookie) => decryptToken(PENDING_KIND, value)?.startedAt.getTime() ?? 0;
  const latestFirst = cookies
    .map((cookie) => ({ ...cookie, startedAt: startOf(cookie) }))
    .sort((one, other) => other.startedAt - one.startedAt);
  let bytes = newBytes;
  return latestFirst
    .filter(({ name, value }, at) => {
      bytes += name.length + value.length;
      return at >= PENDING_AUTHORIZATIONS_MAX - 1 || bytes > PENDING_AUTHORIZATIONS_BYTES_MAX;
    })
    .map(({ name }) => name);
}
