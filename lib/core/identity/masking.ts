import type { z } from "zod";
import { type Email, formatEmail } from "./email";
import { type Phone, spell } from "./phone";

/** Who somebody is, as far as somebody else may see it: `+7 999 ··· ·· 45`, `a···@mail.example`. */
export type Masked = string & z.$brand<"Masked">;

const HIDDEN_DIGITS_MIN = 5;
const LAST_DIGITS_SHOWN = 2;
const FIRST_DIGITS_SHOWN_MAX = 3;
const HIDDEN_LETTERS_MIN = 3;

/** The number with five digits or more hidden; shown are its first group, where it is short, and the last two digits. */
export function maskPhone(phone: Phone): Masked {
  const [countryCode = "", first = "", ...rest] = spell(phone).split(" ");
  const hiddenBesidesFirst = rest.join("").length - LAST_DIGITS_SHOWN;
  const isFirstShown = first.length <= FIRST_DIGITS_SHOWN_MAX && hiddenBesidesFirst >= HIDDEN_DIGITS_MIN;
  const hidden = [isFirstShown ? first : hide(first), ...rest.map(hide)].join(" ");
  return `${countryCode} ${hidden.slice(0, -LAST_DIGITS_SHOWN)}${phone.slice(-LAST_DIGITS_SHOWN)}` as Masked;
}

/** The address with its first letter, unless that is most of it, and its domain. */
export function maskEmail(email: Email): Masked {
  const [local = "", domain = ""] = formatEmail(email).split("@");
  const first = local.length > HIDDEN_LETTERS_MIN ? local.slice(0, 1) : "";
  return `${first}···@${domain}` as Masked;
}

/** An account by what it has proven, its phone rather than its mailbox. */
export function maskIdentity({ phone, email }: { phone: string | null; email: string | null }): Masked {
  if (phone) return maskPhone(phone as Phone);
  if (email) return maskEmail(email as Email);
  throw new Error("an account has neither phone nor mailbox");
}

const hide = (digits: string) => digits.replace(/\d/g, "·");
