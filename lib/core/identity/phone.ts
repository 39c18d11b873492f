import { getCountryCallingCode, type PhoneNumber, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { z } from "zod";
import { dropPunctuationBehind, dropRepetition, foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { typedText } from "@/lib/core/typed-field";
import { env } from "@/lib/env";

/** Letters and marks beside a number, without what an address or another number has; brackets in pairs. */
const LABEL = String.raw`(?:[^\p{N}+()@/=?&#]|\([^\p{N}+()@/=?&#]*\))*`;
/** What may stand before a number: a link's beginning, a label with its end or the scheme of a link (RFC 3966), a bracket. */
const BEFORE_NUMBER = new RegExp(
  String.raw`^(?:[<"\p{Pi}]?https?://wa\.me/|${LABEL}[\s.:,;<"'\p{Pi}\p{Pf}\p{So}](?=[+(\p{Nd}]))?(?:(?!.*\p{Pe})\p{Ps}+)?`,
  "iu",
);
/** `(+7) 945 000-00-01`. */
const COUNTRY_IN_BRACKETS = /^\((\+\d{1,3})\)/;
/** What a link asks of the message. The look ahead keeps the search linear. */
const LINK_FIELDS = /^(?=[^?]*wa\.me\/)([^?]*)\?.*$/i;
/**
 * A label after a number: in a bracket, after a comma, semicolon or dash, or after a space where its letters can't be Latin
 * ones that stand for digits (ITU-T E.161).
 */
const AFTER_NUMBER = /(?<=\p{Nd}\)?)(?: ?[(,;] ?| \p{Pd} | (?!\p{Script=Latin}))[\p{L}\p{M} .'’-]+$/u;

/**
 * A phone number: any usual spelling in, as text or as a number, E.164 (`+79991234567`) out. One without a country code is
 * read as a number of `DEFAULT_COUNTRY`. The one issue is `phone_invalid`.
 */
export const Phone = typedText("phone_invalid")
  .transform((typed, context) => {
    const text = dropPunctuationBehind(foldDigits(readPastedText(typed)));
    const number = parsePhone(text) ?? parsePhone(dropPunctuationBehind(dropRepetition(text)));
    if (number) return number.number as string;
    context.addIssue({ code: "custom", message: "phone_invalid" });
    return z.NEVER;
  })
  .brand<"Phone">();
export type Phone = z.output<typeof Phone>;

/** Too long for a national number, so a number whose plus was left out; E.164 ends at 15 digits. */
const DIGITS_WITH_COUNTRY_CODE = /^[1-9]\d{10,14}$/;

/** The prefix of a call to another country that the ITU recommends (E.164 §7.3.2), where the own country has another. */
const INTERNATIONAL_PREFIX = /^00(?=[ (-]*[1-9])/;

function parsePhone(text: string): PhoneNumber | undefined {
  const alone = text
    .replace(LINK_FIELDS, "$1")
    .replace(BEFORE_NUMBER, "")
    .replace(COUNTRY_IN_BRACKETS, "$1")
    .replace(AFTER_NUMBER, "");
  const spellings = DIGITS_WITH_COUNTRY_CODE.test(alone)
    ? [alone, `+${alone}`]
    : [alone, alone.replace(INTERNATIONAL_PREFIX, "+")];
  return spellings
    .map((spelling) => parsePhoneNumberFromString(spelling, { defaultCountry: env.DEFAULT_COUNTRY, extract: false }))
    .find((number) => number?.isValid() && !number.ext);
}

/** The spellings that are remembered: a list of people is read again and again, and reading a number takes longest in it. */
const DIGITS_KEPT_MAX = 10_000;
const digitsKept = new Map<Phone, string>();

/** The number's digits alone, or with its plus where the digits alone would be read as another number, or as none. */
export function spellDigits(phone: Phone): string {
  const kept = digitsKept.get(phone);
  if (kept !== undefined) return kept;
  const digits = phone.slice(1);
  const spelt = Phone.safeParse(digits).data === phone ? digits : phone;
  if (digitsKept.size >= DIGITS_KEPT_MAX) digitsKept.clear();
  digitsKept.set(phone, spelt);
  return spelt;
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
