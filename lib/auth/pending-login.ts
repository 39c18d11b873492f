import { cookies, headers } from "next/headers";
import { z } from "zod";
import { Holder, OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { Email } from "@/lib/core/identity/email";
import type { Masked } from "@/lib/core/identity/masking";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import { assertOwnRequest } from "@/lib/http/origin";
import { COOKIE_OPTIONS, cookieName, readCookie } from "./cookies";
import { seal, unseal } from "./sealed-cookie";
import { WantedPage } from "./wanted-page";

const MaskedText = z.string().transform((text) => text as Masked);

/** A login under way, kept by the browser in a sealed cookie: who asks, for which phone or mailbox, by whose invitation. */
const PendingLogin = z.object({
  holder: Holder,
  /** The phone that wants to log in; a code was sent to it, or to `email`. */
  phone: Phone.nullable(),
  /** The mailbox that a code was sent to instead. */
  email: Email.nullable().default(null),
  invite: z.object({ code: InviteCode, inviter: MaskedText }).nullable().catch(null),
  /** The phone, masked, of the account whose mailbox was proven with another one. */
  mismatch: MaskedText.nullable().default(null),
  /** Where the login leads when it is done; null for the profile. */
  wanted: WantedPage.nullable().catch(null),
  /** The code itself, for whoever may see it while codes are revealed. */
  revealed: OneTimeCode.nullable(),
});
export type PendingLogin = z.output<typeof PendingLogin>;

const NAME = cookieName("sarafan-login");
const SEAL = { purpose: "login under way", schema: PendingLogin, ttlMs: PENDING_LOGIN_TTL_MS };

/** The login under way in this browser, or null when it knows of none. */
export async function readPendingLogin(): Promise<PendingLogin | null> {
  return unseal(SEAL, await readCookie(NAME));
}

/** The phone that a code for a login was sent to, and who asked for it; null when it was a mailbox, or none was. */
export async function readPendingPhone(): Promise<{ phone: Phone; holder: Holder } | null> {
  const { phone, email, holder } = (await readPendingLogin()) ?? {};
  return phone && !email && holder ? { phone, holder } : null;
}

/**
 * Keeps what is known of the login under way; `changes` go over what was kept. A browser that has no name yet gets `holder`.
 * Only in actions and route handlers.
 */
export async function updatePendingLogin(
  changes: Changes | ((kept: PendingLogin) => Changes),
  holder = newHolder(),
): Promise<PendingLogin> {
  const kept = (await readPendingLogin()) ?? { ...NOTHING, holder };
  return keep({ ...kept, ...(typeof changes === "function" ? changes(kept) : changes) });
}

type Changes = Partial<Omit<PendingLogin, "holder">>;

/** Gives the login under way to another holder; the name that the browser had before is worth nothing any more. */
export async function handOverPendingLogin(next: Holder): Promise<void> {
  const pending = await readPendingLogin();
  await keep({ ...NOTHING, ...pending, holder: next });
}

/** The login is done. The browser stays the same holder: a code that another tab waits for is still good. */
export async function finishPendingLogin(): Promise<void> {
  await updatePendingLogin(NOTHING);
}

/** A name that nobody has asked in yet. */
export const newHolder = () => Holder.parse(crypto.randomUUID());

const NOTHING = { phone: null, email: null, invite: null, mismatch: null, wanted: null, revealed: null };

async function keep(pending: PendingLogin): Promise<PendingLogin> {
  assertOwnRequest(await headers());
  (await cookies()).set(NAME, await seal(SEAL, pending), { ...COOKIE_OPTIONS, maxAge: SEAL.ttlMs / 1000 });
  return pending;
}
