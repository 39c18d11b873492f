import { getCountryCallingCode, type PhoneNumber, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { z } from "zod";
import { env } from "@/lib/env";
import { dropPunctuationBehind, foldDigits, readPastedText } from "./pasted-text";
import { typedText } from "./typed-field";

/** What may stand before a number: a quotation mark or bracket around it, and the scheme of a link that calls it (RFC 3966). */
const BEFORE_NUMBER = /^(?:[\p{Pi}\p{Pf}"'<]|\p{Ps}(?!.*\p{Pe}))*(?:(?:tel|sms|callto):|https?:\/\/wa\.me\/)?/iu;

/**
 * A phone number: any usual spelling in, as text or as a number, E.164 (`+79991234567`) out. One without a country code is
 * read as a number of `DEFAULT_COUNTRY`. The one issue is `phone_invalid`.
 */
export const Phone = typedText("phone_invalid")
  .transform((typed, context) => {
    const number = parsePhone(foldDigits(dropPunctuationBehind(readPastedText(typed))).replace(BEFORE_NUMBER, ""));
    if (number) return number.number as string;
    context.addIssue({ code: "custom", message: "phone_invalid" });
    return z.NEVER;
  })
  .brand<"Phone">();
export type Phone = z.output<typeof Phone>;

/** Too long for a national number, so a number whose plus was left out; E.164 ends at 15 digits. */
const DIGITS_WITH_COUNTRY_CODE = /^[1-9]\d{10,14}$/;

function parsePhone(text: string): PhoneNumber | undefined {
  const spellings = DIGITS_WITH_COUNTRY_CODE.test(text) ? [text, `+${text}`] : [text];
  return spellings
    .map((spelling) => parsePhoneNumberFromString(spelling, { defaultCountry: env.DEFAULT_COUNTRY, extract: false }))
    .find((number) => number?.isValid() && !number.ext);
}

/** The number's digits alone, or with its plus where the digits alone would be read as another number, or as none. */
export function spellDigits(phone: Phone): string {
  const digits = phone.slice(1);
  return Phone.safeParse(digits).data === phone ? digits : phone;
}

/** The number as its country writes it after the country code: `+7 999 123-45-67`, `+44 20 7946 0018`. */
export function formatPhone(phone: Phone): string {
  const spaced = spell(phone);
  return phone.startsWith("+7") ? spaced.replace(/ (\d\d) (\d\d)$/, "-$1-$2") : spaced;
}

/** What a number looks like to whoever types one here: an example, or at least how it begins. */
export const PHONE_PLACEHOLDER =
  env.DEFAULT_COUNTRY === "RU" ? "+7 999 123-45-67" : `+${getCountryCallingCode(env.DEFAULT_COUNTRY)}`;

/** The number's groups of digits with spaces between them, the country code first. */
export function spell(phone: Phone): string {
  return parseStoredPhone(phone).formatInternational().replaceAll("-", " ");
}

/** A number that was parsed before, with its country and kind. */
export function parseStoredPhone(phone: Phone): PhoneNumber {
  const number = parsePhoneNumberFromString(phone, { extract: false });
  if (!number) throw new Error("a stored phone number can't be read");
  return number;
}
