import type { z } from "zod";
import { type Email, formatEmail } from "./email";
import { formatInternational, type Phone } from "./phone";

/** A phone or mailbox with its middle hidden, for display to another account: `+7 945 ··· ·· 45`, `a···@mail.example`. */
export type Masked = string & z.$brand<"Masked">;

const HIDDEN_DIGITS_MIN = 5;
const LAST_DIGITS_SHOWN = 2;
const FIRST_DIGITS_SHOWN_MAX = 3;
const HIDDEN_LETTERS_MIN = 3;

/**
 * Returns the number with its middle hidden. Shown are the country code, the last two digits, and the first group after the
 * country code if this group has at most three digits and at least five other digits stay hidden.
 */
export function maskPhone(phone: Phone): Masked {
  const [countryCode = "", first = "", ...rest] = formatInternational(phone).split(" ");
  const hiddenBesidesFirst = rest.join("").length - LAST_DIGITS_SHOWN;
  const isFirstShown = first.length <= FIRST_DIGITS_SHOWN_MAX && hiddenBesidesFirst >= HIDDEN_DIGITS_MIN;
  const hidden = [isFirstShown ? first : hide(first), ...rest.map(hide)].join(" ");
  return `${countryCode} ${hidden.slice(0, -LAST_DIGITS_SHOWN)}${phone.slice(-LAST_DIGITS_SHOWN)}` as Masked;
}

/**
 * Returns the address with its local part hidden except for the first letter. A local part of up to three letters is hidden
 * whole.
 */
export function maskEmail(email: Email): Masked {
  const [local = "", domain = ""] = formatEmail(email).split("@");
  const first = local.length > HIDDEN_LETTERS_MIN ? local.slice(0, 1) : "";
  return `${first}···@${domain}` as Masked;
}

/** Returns the account's phone, masked; without a phone, its mailbox, masked. Throws if the account has neither. */
export function maskIdentity({ phone, email }: { phone: string | null; email: string | null }): Masked {
  if (phone) return maskPhone(phone as Phone);
  if (email) return maskEmail(email as Email);
  throw new Error("an account has neither phone nor mailbox");
}

const hide = (digits: string) => digits.replace(/\d/g, "·");
