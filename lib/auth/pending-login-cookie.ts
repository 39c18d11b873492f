import { headers } from "next/headers";
import { cache } from "react";
import type { Phone } from "@/lib/core/identity/phone";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import { assertOwnRequest } from "@/lib/http/origin";
import { cookieName, readCookie, setCookie } from "./cookies";
import { newPendingLogin, PendingLogin } from "./pending-login";
import { decryptToken, encryptToken } from "./sealed-cookie";

const COOKIE_NAME = cookieName("sarafan-login");
const TOKEN_KIND = { purpose: "login under way", schema: PendingLogin, ttlMs: PENDING_LOGIN_TTL_MS };

/**
 * Reads the pending login from this browser's cookie. Null if there is none or it is older than `PENDING_LOGIN_TTL_MS`. React's
 * `cache` opens the cookie once for all parts of a page, but not in a server action or route handler: pass the login on there.
 */
export const readPendingLogin = cache(
  async (): Promise<PendingLogin | null> => decryptToken(TOKEN_KIND, await readCookie(COOKIE_NAME)),
);

/** Reads the pending login if it is by phone. Null for a login by mail, or if there is no pending login. */
export async function readPendingPhone(): Promise<(PendingLogin & { phone: Phone }) | null> {
  const pending = await readPendingLogin();
  return pending?.phone && !pending.email ? { ...pending, phone: pending.phone } : null;
}

/**
 * Stores the login in this browser's cookie. Throws for a request that a page of another origin sent. Only for server actions and
 * route handlers.
 */
export async function storePendingLogin(pending: PendingLogin): Promise<void> {
  assertOwnRequest(await headers());
  await setCookie(COOKIE_NAME, encryptToken(TOKEN_KIND, pending), TOKEN_KIND);
}

/** Stores the invite code that the login activates, or null for none. Throws as `storePendingLogin` does. */
export async function storeInvite(invite: PendingLogin["invite"]): Promise<void> {
  await storePendingLogin({ ...((await readPendingLogin()) ?? newPendingLogin()), invite });
}

/**
 * Empties the pending login after the sign-in, except for the browser's random name, so that a code of another tab stays valid. `invite`
 * is an accepted invitation that the browser keeps.
 */
export async function finishPendingLogin(
  { holder }: PendingLogin,
  { invite = null }: Partial<Pick<PendingLogin, "invite">> = {},
): Promise<void> {
  await storePendingLogin({ ...newPendingLogin(holder), invite });
}
