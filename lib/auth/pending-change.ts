import { headers } from "next/headers";
import { z } from "zod";
import type { IdentityChange } from "@/lib/core/accounts/change-identity";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { isSameRecipient, Recipient } from "@/lib/core/identity/recipient";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import type { Session } from "@/lib/core/sessions/sessions";
import { assertOwnRequest } from "@/lib/http/origin";
import { cookieName, readCookie, removeCookie, setCookie } from "./cookies";
import { newHolder } from "./pending-login";
import { decryptToken, encryptToken } from "./sealed-cookie";

/**
 * A pending change of phone or mailbox, kept in a sealed cookie: the id of the session that began it, the holder of the change's
 * codes, and the new phone or mailbox.
 */
const PendingChange = z.object({ sid: z.string(), holder: Holder, next: Recipient });

const COOKIE_NAME = cookieName("sarafan-change");
const TOKEN_KIND = { purpose: "change under way", schema: PendingChange, ttlMs: PENDING_LOGIN_TTL_MS };

/** Reads the change that this session has begun, from this browser's cookie. Null if there is none, or another session began it. */
export async function readPendingChange(session: Session): Promise<IdentityChange | null> {
  const pending = decryptToken(TOKEN_KIND, await readCookie(COOKIE_NAME));
  return pending?.sid === session.id ? pending : null;
}

/**
 * Begins the change of `session`'s account to `next` and stores it in this browser's cookie. If a change to the same value is
 * pending already, it is continued. Throws for a request that a page of another origin sent. Only for server actions.
 */
export async function beginPendingChange(session: Session, next: Recipient): Promise<IdentityChange> {
  assertOwnRequest(await headers());
  const known = await readPendingChange(session);
  // A code is stored for a holder. Another value gets another holder, so that codes sent for one change don't permit the other.
  const holder = known && isSameRecipient(known.next, next) ? known.holder : newHolder();
  await setCookie(COOKIE_NAME, encryptToken(TOKEN_KIND, { sid: session.id, holder, next }), TOKEN_KIND);
  return { holder, next };
}

/** Removes the cookie of the pending change, after the change is done. Only for server actions. */
export async function endPendingChange(): Promise<void> {
  await removeCookie(COOKIE_NAME);
}
