import { cookies, headers } from "next/headers";
import { z } from "zod";
import type { IdentityChange } from "@/lib/core/accounts/change-identity";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { isSameRecipient, Recipient } from "@/lib/core/identity/recipient";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import type { Session } from "@/lib/core/sessions/sessions";
import { assertOwnRequest } from "@/lib/http/origin";
import { COOKIE_OPTIONS, cookieName, readCookie } from "./cookies";
import { newHolder } from "./pending-login";
import { seal, unseal } from "./sealed-cookie";

/** A change of phone or mailbox under way, kept by the browser in a sealed cookie: whose session began it, and to what. */
const PendingChange = z.object({ sid: z.string(), holder: Holder, next: Recipient });

const NAME = cookieName("sarafan-change");
const SEAL = { purpose: "change under way", schema: PendingChange, ttlMs: PENDING_LOGIN_TTL_MS };

/** The change that this session has begun, or null when it knows of none. */
export async function readPendingChange(session: Session): Promise<IdentityChange | null> {
  const pending = await unseal(SEAL, await readCookie(NAME));
  return pending?.sid === session.id ? pending : null;
}

/** Begins a change, or goes on with it where it is the same. Only in actions. */
export async function beginPendingChange(session: Session, next: Recipient): Promise<IdentityChange> {
  assertOwnRequest(await headers());
  const known = await readPendingChange(session);
  // Another value is another change: codes that were sent for the one allow no other.
  const holder = known && isSameRecipient(known.next, next) ? known.holder : newHolder();
  const token = await seal(SEAL, { sid: session.id, holder, next });
  (await cookies()).set(NAME, token, { ...COOKIE_OPTIONS, maxAge: SEAL.ttlMs / 1000 });
  return { holder, next };
}

/** The change is done. Only in actions. */
export async function endPendingChange(): Promise<void> {
  (await cookies()).set(NAME, "", { ...COOKIE_OPTIONS, maxAge: 0 });
}
