import type { CountryCode, NumberType } from "libphonenumber-js/max";
import { type Phone, parseStoredPhone } from "@/lib/core/identity/phone";
import { env, isServed } from "@/lib/env";

/** Numbers whose owner is paid for what reaches them, or that reach whoever rents them. */
const REFUSED_TYPES: readonly NumberType[] = [
  "PREMIUM_RATE",
  "SHARED_COST",
  "TOLL_FREE",
  "UAN",
  "VOIP",
  "PERSONAL_NUMBER",
];

/** The country of a phone, as far as its number tells. */
export function countryOf(phone: Phone): CountryCode | null {
  return parseStoredPhone(phone).country ?? null;
}

/** Whether codes are sent to this phone: to countries of `OTP_COUNTRIES` only, and to no number that somebody earns by. */
export function isServedPhone(phone: Phone): boolean {
  const number = parseStoredPhone(phone);
  const { country } = number;
  // Satellites and the like have no country, and the dearest minutes there are.
  if (country === undefined || !isServed(country, env.OTP_COUNTRIES)) return false;
  return !REFUSED_TYPES.includes(number.getType());
}
