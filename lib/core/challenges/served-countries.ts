import type { CountryCode, NumberType } from "libphonenumber-js/max";
import { type Phone, parseStoredPhone } from "@/lib/core/identity/phone";
import type { Recipient } from "@/lib/core/identity/recipient";
import { env, isServed } from "@/lib/env";

/** Types of phone numbers whose owner earns from incoming messages, or which anyone can rent. */
const REFUSED_TYPES: readonly NumberType[] = [
  "PREMIUM_RATE",
  "SHARED_COST",
  "TOLL_FREE",
  "UAN",
  "VOIP",
  "PERSONAL_NUMBER",
];

/** Returns the country of a phone; null if its number belongs to no single country. */
export function countryOf(phone: Phone): CountryCode | null {
  return parseStoredPhone(phone).country ?? null;
}

/** Returns what statistics know of a recipient: its kind, and a phone's country. */
export function channelOf({ kind, address }: Recipient): { channel: "phone" | "email"; country?: CountryCode } {
  const country = kind === "phone" ? countryOf(address) : null;
  return { channel: kind, ...(country && { country }) };
}

/** Returns whether codes are sent to this phone: its country is in `OTP_COUNTRIES` and its type is not in `REFUSED_TYPES`. */
export function isServedPhone(phone: Phone): boolean {
  const number = parseStoredPhone(phone);
  const { country } = number;
  // Satellite phones and other numbers without a country cost the most.
  if (country === undefined || !isServed(country, env.OTP_COUNTRIES)) return false;
  return !REFUSED_TYPES.includes(number.getType());
}
