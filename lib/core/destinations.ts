import { type CountryCode, type NumberType, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { env } from "@/lib/env";
import type { Phone } from "./phone";

/** Numbers whose owner is paid for what reaches them, or that reach whoever rents them. */
const REFUSED_TYPES: readonly NumberType[] = ["PREMIUM_RATE", "SHARED_COST", "TOLL_FREE", "UAN", "VOIP"];

/** The country of a phone, as far as its number tells. */
export function countryOf(phone: Phone): CountryCode | null {
  return parsePhoneNumberFromString(phone)?.country ?? null;
}

/** Whether codes are sent to this phone: to countries of `OTP_COUNTRIES` only, and to no number that somebody earns by. */
export function isDestination(phone: Phone): boolean {
  const number = parsePhoneNumberFromString(phone);
  const country = number?.country;
  const isServed = env.OTP_COUNTRIES.includes("*") || (country !== undefined && env.OTP_COUNTRIES.includes(country));
  return isServed && !REFUSED_TYPES.includes(number?.getType());
}
