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
import { decryptToken, encryptToken } from "./sealed-cookie";
import { WantedPage } from "./wanted-page";

const MaskedText = z.string().transform((text) => text as Masked);

/** A login under way, kept in a sealed cookie of the browser. */
const PendingLogin = z.object({
  /** The browser's random name, which its challenges belong to. */
  holder: Holder,
  /** The phone that the person logs in with. The code was sent to it if `email` is null. */
  phone: Phone.nullable(),
  /** The mailbox that the code was sent to; null for a login by phone. */
  email: Email.nullable().default(null),
  invite: z.object({ code: InviteCode, inviter: MaskedText }).nullable().catch(null),
  /** Masked phone of the account, after a right code by mail for an account with another phone than `phone`. */
  mismatch: MaskedText.nullable().default(null),
  /** The page that the login returns to; null for the profile. */
  wanted: WantedPage.nullable().catch(null),
  /** The code, in a demonstration that shows it on the page; else null. */
  revealed: OneTimeCode.nullable(),
});
export type PendingLogin = z.output<typeof PendingLogin>;

const COOKIE = cookieName("sarafan-login");
const TOKEN = { purpose: "login under way", schema: PendingLogin, ttlMs: PENDING_LOGIN_TTL_MS };

/** Reads the login under way from this browser's cookie. Null if there is none or it is older than `PENDING_LOGIN_TTL_MS`. */
export async function readPendingLogin(): Promise<PendingLogin | null> {
  return decryptToken(TOKEN, await readCookie(COOKIE));
}

/** Reads phone and holder of a login by phone under way. Null for a login by mail, or if no login is under way. */
export async function readPendingPhone(): Promise<{ phone: Phone; holder: Holder } | null> {
  const { phone, email, holder } = (await readPendingLogin()) ?? {};
  return phone && !email && holder ? { phone, holder } : null;
}

/**
 * Replaces the fields `changes` of the login under way and stores it in this browser's cookie. `changes` may be computed from
 * the stored login. A browser without a login gets an empty one with the name `holder`. Returns the login as stored. Throws
 * for a request that a page of another origin sent. Only for server actions and route handlers.
 */
export async function updatePendingLogin(
  changes: Changes | ((kept: PendingLogin) => Changes),
  holder = newHolder(),
): Promise<PendingLogin> {
  const kept = (await readPendingLogin()) ?? { ...NOTHING, holder };
  return store({ ...kept, ...(typeof changes === "function" ? changes(kept) : changes) });
}

type Changes = Partial<Omit<PendingLogin, "holder">>;

/** Renames this browser's holder to `next`. Codes that were sent to its old name can't be typed in this browser any more. */
export async function handOverPendingLogin(next: Holder): Promise<void> {
  const pending = await readPendingLogin();
  await store({ ...NOTHING, ...pending, holder: next });
}

/** Empties the login under way, after it is done. The browser keeps its holder name, so a code that another tab asked for stays valid. */
export async function finishPendingLogin(): Promise<void> {
  await updatePendingLogin(NOTHING);
}

/** Makes a random holder name. */
export const newHolder = () => Holder.parse(crypto.randomUUID());

const NOTHING = { phone: null, email: null, invite: null, mismatch: null, wanted: null, revealed: null };

async function store(pending: PendingLogin): Promise<PendingLogin> {
  assertOwnRequest(await headers());
  (await cookies()).set(COOKIE, encryptToken(TOKEN, pending), { ...COOKIE_OPTIONS, maxAge: TOKEN.ttlMs / 1000 });
  return pending;
}
