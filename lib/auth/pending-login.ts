import { cookies } from "next/headers";
import { z } from "zod";
import { InviteCode } from "@/lib/core/invite-code";
import { Asker, OneTimeCode } from "@/lib/core/one-time-code";
import { Phone } from "@/lib/core/phone";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import { COOKIE_OPTIONS, cookieName } from "./cookies";
import { seal, unseal } from "./tokens";

/**
 * A login under way, kept by the browser in a sealed cookie: who asks, for which phone, by whose invitation.
 */
const PendingLogin = z.object({
  asker: Asker,
  /** The phone that a code was sent to last. */
  phone: Phone.nullable(),
  invite: InviteCode.nullable(),
  /** The code itself, for whoever may see it while codes are revealed. */
  revealed: OneTimeCode.nullable(),
});
export type PendingLogin = z.output<typeof PendingLogin>;

const NAME = cookieName("sarafan-login");
const SEAL = { purpose: "login under way", schema: PendingLogin, ttlMs: PENDING_LOGIN_TTL_MS };

/** The login under way in this browser, or null when it knows of none. */
export async function readPendingLogin(): Promise<PendingLogin | null> {
  return unseal(SEAL, (await cookies()).get(NAME)?.value);
}

/** Keeps what is known of the login under way; `changes` go over what was kept. Only in actions and route handlers. */
export async function updatePendingLogin(changes: Partial<Omit<PendingLogin, "asker">>): Promise<PendingLogin> {
  const kept = (await readPendingLogin()) ?? { asker: newAsker(), phone: null, invite: null, revealed: null };
  const pending = { ...kept, ...changes };
  (await cookies()).set(NAME, await seal(SEAL, pending), { ...COOKIE_OPTIONS, maxAge: SEAL.ttlMs / 1000 });
  return pending;
}

const newAsker = () => Asker.parse(crypto.randomUUID());
