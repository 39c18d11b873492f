import { randomBytes } from "node:crypto";
import { cache } from "react";
import { cookieName, listCookies, readCookie, removeCookie, setCookie } from "./cookies";
import type { ContinuePage } from "./return-page";
import {
  ANSWER_KIND,
  type AuthorizationAnswer,
  AuthorizationId,
  chooseCookiesToRemove,
  PENDING_KIND,
  type PendingAuthorization,
  sealAuthorizationAnswer,
  sealPendingAuthorization,
} from "./sealed-authorization";
import { decryptToken } from "./sealed-cookie";

export type { AuthorizationAnswer, PendingAuthorization } from "./sealed-authorization";

const ID_BYTES = 16;
/** Each request has a cookie of its own, so that two tabs don't mix. The answer takes the place of the request. */
const COOKIE_PREFIX = cookieName("sarafan-authorize-");
const nameOf = (id: string) => `${COOKIE_PREFIX}${id}`;

/**
 * Stores a request in a cookie of this browser, and returns its id. Removes the cookies of the oldest requests when there are too many.
 * Only for route handlers.
 */
export async function storePendingAuthorization(request: Omit<PendingAuthorization, "id">): Promise<string> {
  const id = randomBytes(ID_BYTES).toString("base64url");
  const sealed = sealPendingAuthorization({ ...request, id });
  const others = await listCookies(COOKIE_PREFIX);
  for (const name of chooseCookiesToRemove(others, nameOf(id).length + sealed.length)) await removeCookie(name);
  await setCookie(nameOf(id), sealed, PENDING_KIND);
  return id;
}

/**
 * Reads the pending authorization of this id from this browser's cookie. Null if the text is no id, if the browser has no such
 * cookie, if the cookie is older than `PENDING_AUTHORIZATION_TTL_MS`, or if the request was answered.
 */
export const readPendingAuthorization = cache(async (id: string): Promise<PendingAuthorization | null> => {
  const pending = decryptToken(PENDING_KIND, await readCookieOf(id));
  return pending?.id === id ? pending : null;
});

/** Reads the answer to the request of this id. Null if there is none, or if it is older than `AUTHORIZATION_CODE_TTL_MS`. */
export const readAuthorizationAnswer = cache(async (id: string): Promise<AuthorizationAnswer | null> => {
  const answer = decryptToken(ANSWER_KIND, await readCookieOf(id));
  return answer?.id === id ? answer : null;
});

async function readCookieOf(id: string): Promise<string | undefined> {
  return AuthorizationId.safeParse(id).success ? readCookie(nameOf(id)) : undefined;
}

/** Returns the address that goes on with the pending authorization of this id. A login returns to it (`next=`). */
export function continuePage(id: string): ContinuePage {
  return `/oauth/continue/${id}`;
}

/** Reads the pending authorization that a login returns to. Null if `page` is another page, or as `readPendingAuthorization`. */
export async function pendingAuthorizationOf(page: string | null): Promise<PendingAuthorization | null> {
  const prefix = continuePage("");
  return page?.startsWith(prefix) ? readPendingAuthorization(page.slice(prefix.length)) : null;
}

/**
 * Changes what a pending authorization demands of the login, or its phone to fill in or its invite code (null for none). Does nothing if
 * there is no such authorization. Only for server actions.
 */
export async function changePendingAuthorization(
  id: string,
  changes: Partial<Pick<PendingAuthorization, "prompts" | "sessionIdAtStart" | "loginHint" | "invite">>,
): Promise<void> {
  const pending = await readPendingAuthorization(id);
  if (pending) await setCookie(nameOf(id), sealPendingAuthorization({ ...pending, ...changes }), PENDING_KIND);
}

/** Removes the invite code from a pending authorization. Only for server actions. */
export function dropPendingInvite(id: string): Promise<void> {
  return changePendingAuthorization(id, { invite: null });
}

/** Stores the answer to a request in place of the request. Only for server actions and route handlers. */
export async function storeAuthorizationAnswer(answer: AuthorizationAnswer): Promise<void> {
  await setCookie(nameOf(answer.id), sealAuthorizationAnswer(answer), ANSWER_KIND);
}
