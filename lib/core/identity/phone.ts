import { getCountryCallingCode, type PhoneNumber, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { z } from "zod";
import { dropRepetition, dropTrailingPunctuation, foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { typedText } from "@/lib/core/typed-field";
import { env } from "@/lib/env";

/**
 * The source of a pattern: text beside a number, without characters of an address or another number. Brackets must be paired.
 */
const LABEL = String.raw`(?:[^\p{N}+()@/=?&#]|\([^\p{N}+()@/=?&#]*\))*`;
/**
 * What may stand before a number: the start of a `wa.me` link, a label, the scheme of a `tel:` link (RFC 3966), or a bracket.
 */
const BEFORE_NUMBER_PATTERN = new RegExp(
  String.raw`^(?:[<"\p{Pi}]?https?://wa\.me/|${LABEL}[\s.:,;<"'\p{Pi}\p{Pf}\p{So}](?=[+(\p{Nd}]))?(?:(?!.*\p{Pe})\p{Ps}+)?`,
  "iu",
);
/** A country code in brackets, as in `(+7) 945 000-00-01`. */
const COUNTRY_IN_BRACKETS_PATTERN = /^\((\+\d{1,3})\)/;
/** The query of a `wa.me` link. The lookahead keeps matching linear in the text's length. */
const LINK_QUERY_PATTERN = /^(?=[^?]*wa\.me\/)([^?]*)\?.*$/i;
/**
 * A label after a number: in brackets; after a comma, semicolon or dash; or after a space. After a space the label can't begin
 * with a Latin letter, because Latin letters can stand for digits (ITU-T E.161).
 */
const AFTER_NUMBER_PATTERN = /(?<=\p{Nd}\)?)(?: ?[(,;] ?| \p{Pd} | (?!\p{Script=Latin}))[\p{L}\p{M} .'’-]+$/u;

/**
 * A phone number. The input is text in any usual spelling, or a whole number. The output is E.164 (`+79451234567`). A number
 * without a country code counts as one of `DEFAULT_COUNTRY`. Other input fails with the zod issue `phone_invalid`.
 */
export const Phone = typedText("phone_invalid")
  .transform((typed, context) => {
    const text = dropTrailingPunctuation(foldDigits(readPastedText(typed)));
    const number = parsePhone(text) ?? parsePhone(dropTrailingPunctuation(dropRepetition(text)));
    if (number) return number.number as string;
    context.addIssue({ code: "custom", message: "phone_invalid" });
    return z.NEVER;
  })
  .brand<"Phone">();
export type Phone = z.output<typeof Phone>;

/**
 * Digits that are too many for a national number, so they begin with a country code without its plus. E.164 allows 15 at most.
 */
const E164_WITHOUT_PLUS_PATTERN = /^[1-9]\d{10,14}$/;

/** The international prefix that the ITU recommends (E.164 §7.3.2), accepted even where a country uses another prefix. */
const INTERNATIONAL_PREFIX_PATTERN = /^00(?=[ (-]*[1-9])/;

function parsePhone(text: string): PhoneNumber | undefined {
  const alone = text
    .replace(LINK_QUERY_PATTERN, "$1")
    .replace(BEFORE_NUMBER_PATTERN, "")
    .replace(COUNTRY_IN_BRACKETS_PATTERN, "$1")
    .replace(AFTER_NUMBER_PATTERN, "");
  const spellings = E164_WITHOUT_PLUS_PATTERN.test(alone)
    ? [alone, `+${alone}`]
    : [alone, alone.replace(INTERNATIONAL_PREFIX_PATTERN, "+")];
  return spellings
    .map((spelling) => parsePhoneNumberFromString(spelling, { defaultCountry: env.DEFAULT_COUNTRY, extract: false }))
    .find((number) => number?.isValid() && !number.ext);
}

/** How many results of `spellDigits` are cached: parsing numbers is the slowest part of answering with a list of people. */
const CACHED_DIGITS_MAX = 10_000;
const cachedDigits = new Map<Phone, string>();

/**
 * Returns the number without its plus (`79451234567`). Keeps the plus if `Phone` would read the digits alone as another number.
 */
export function spellDigits(phone: Phone): string {
  const kept = cachedDigits.get(phone);
  if (kept !== undefined) return kept;
  const digits = phone.slice(1);
  const spelt = Phone.safeParse(digits).data === phone ? digits : phone;
  if (cachedDigits.size >= CACHED_DIGITS_MAX) cachedDigits.clear();
  cachedDigits.set(phone, spelt);
  return spelt;
}

/** Returns the number with its country code, in the country's notation: `+7 945 123-45-67`, `+44 20 7946 0018`. */
export function formatPhone(phone: Phone): string {
  const spaced = formatInternational(phone);
  return phone.startsWith("+7") ? spaced.replace(/ (\d\d) (\d\d)$/, "-$1-$2") : spaced;
}

/**
 * The placeholder of phone fields: an example number for Russia, the country code alone for any other `DEFAULT_COUNTRY`.
 */
export const PHONE_PLACEHOLDER =
  env.DEFAULT_COUNTRY === "RU" ? "+7 945 123-45-67" : `+${getCountryCallingCode(env.DEFAULT_COUNTRY)}`;

/** Returns the number with its country code, in groups of digits that are separated by spaces: `+7 945 123 45 67`. */
export function formatInternational(phone: Phone): string {
  return parseStoredPhone(phone).formatInternational().replaceAll("-", " ");
}

/** How many parsed numbers are cached: a login asks several times for the country of its phone. */
const CACHED_NUMBERS_MAX = 1000;
const cachedNumbers = new Map<Phone, PhoneNumber>();

/** Parses an E.164 number into its country and its type (mobile, premium rate, …). Throws if the number can't be parsed. */
export function parseStoredPhone(phone: Phone): PhoneNumber {
  const cached = cachedNumbers.get(phone);
  if (cached) return cached;
  const number = parsePhoneNumberFromString(phone, { extract: false });
  if (!number) throw new Error("a stored phone number can't be read");
  if (cachedNumbers.size >= CACHED_NUMBERS_MAX) cachedNumbers.clear();
  cachedNumbers.set(phone, number);
  return number;
}
