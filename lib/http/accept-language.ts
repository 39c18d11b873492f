import { readWeights } from "./accept";

/**
 * Chooses the language of `languages` that has the highest weight in an `Accept-Language` header (RFC 9110 §12.5.4). Returns
 * the first if there is no header, as in a request for a link preview, and the last if the header names only other languages.
 */
export function preferredLanguage<Language extends string>(
  acceptLanguage: string | null,
  languages: readonly [Language, ...Language[]],
): Language {
  const [first] = languages;
  if (!acceptLanguage || acceptLanguage === "*") return first;
  const accepted = readWeights(acceptLanguage)
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight);
  const known = accepted.map(({ value }) => languages.find((language) => language === value.split("-")[0]));
  return known.find((language) => language !== undefined) ?? languages.at(-1) ?? first;
}
