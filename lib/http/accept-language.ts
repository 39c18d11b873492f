import { readWeights } from "./accept";

/**
 * The one of `languages` that an `Accept-Language` header likes best (RFC 9110 §12.5.4). The first when it names none at
 * all, as link previews do; the last when it names only others.
 */
export function preferredLanguage<Language extends string>(
  acceptLanguage: string | null,
  languages: readonly [Language, ...Language[]],
): Language {
  const [first] = languages;
  if (!acceptLanguage || acceptLanguage === "*") return first;
  const wished = readWeights(acceptLanguage)
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight);
  const known = wished.map(({ value }) => languages.find((language) => language === value.split("-")[0]));
  return known.find((language) => language !== undefined) ?? languages.at(-1) ?? first;
}
