import { z } from "zod";
import { Holder, OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { Email } from "@/lib/core/identity/email";
import type { Masked } from "@/lib/core/identity/masking";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";

const MaskedText = z.string().transform((text) => text as Masked);

/** A pending login: one that a browser has begun and not finished, kept in its sealed cookie. */
export const PendingLogin = z.object({
  /** The browser's random name, under which its challenges are stored. */
  holder: Holder,
  /** The phone that the person logs in with. The code was sent to it if `email` is null. */
  phone: Phone.nullable(),
  /** The mailbox that the code was sent to; null for a login by phone. */
  email: Email.nullable().default(null),
  /** An invite code that this browser has looked up. The masked inviter in a cookie of version 0.1 is ignored. */
  invite: z.object({ code: InviteCode }).nullable().catch(null),
  /** The account's phone, masked, if it differs from `phone` after a right code by mail; else null. */
  mismatch: MaskedText.nullable().default(null),
  /** Whether the account turned out to be blocked after the right code. */
  isBlocked: z.boolean().default(false),
  /** The code, in a demonstration that shows it on the page; else null. */
  revealed: OneTimeCode.nullable(),
});
export type PendingLogin = z.output<typeof PendingLogin>;

/** Makes a login that has a holder and nothing else. */
export function newPendingLogin(holder = newHolder()): PendingLogin {
  return {
    holder,
    phone: null,
    email: null,
    invite: null,
    mismatch: null,
    isBlocked: false,
    revealed: null,
  };
}

/** Makes a random name for a browser or a pending change, under which its challenges are stored. */
export const newHolder = () => Holder.parse(crypto.randomUUID());

/** Who logs in: the phone, and the mailbox of a login by mail. */
export type Identity = Pick<PendingLogin, "phone" | "email">;

/** Returns the login with `identity`, without what the login held about another identity. */
export function withIdentity(pending: PendingLogin, identity: Identity): PendingLogin {
  const isSame = pending.phone === identity.phone && pending.email === identity.email;
  return isSame ? pending : { ...pending, ...identity, mismatch: null, isBlocked: false, revealed: null };
}
