// This file has no imports, because forms use it in the browser as well.

/**
 * Invisible characters that pasted text may contain: direction marks, zero-width characters, soft hyphens, a byte order mark.
 */
const INVISIBLE_PATTERN = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** White space, and the empty Braille pattern (U+2800), which looks like a space but is a symbol in Unicode. */
const SPACES_PATTERN = /[\p{White_Space}\u2800]+/gu;
/**
 * Punctuation at the end of a text. The lookbehind keeps matching linear in the text's length: a match can only start at the
 * beginning of a run of punctuation.
 */
const PUNCTUATION_AT_END_PATTERN = /(?<![\p{P}\p{S}\s])[\p{P}\p{S}\s]+$/u;
const SEPARATORS = /^[ ,;]*$/;
/** Decimal digits other than 0 to 9. */
const FOREIGN_DIGITS_PATTERN = /(?![0-9])\p{Nd}/gu;

/**
 * Returns the text as it looked where it was copied: without invisible characters, with one plain space for each gap, without
 * spaces at its ends, and with plain letters and digits in place of full-width and similar ones (Unicode's NFKC).
 */
export function readPastedText(text: string): string {
  return text.normalize("NFKC").replace(INVISIBLE_PATTERN, "").replace(SPACES_PATTERN, " ").trim();
}

/** Returns the text with the decimal digits of all scripts (Unicode's category Nd) replaced by 0 to 9. */
export function foldDigits(text: string): string {
  return text.replace(FOREIGN_DIGITS_PATTERN, digitOf);
}

/** Returns the text without punctuation, symbols and spaces at its end. */
export function dropTrailingPunctuation(text: string): string {
  return text.replace(PUNCTUATION_AT_END_PATTERN, "");
}

/**
 * Returns the first half of a text that consists of the same text twice, with up to two spaces, commas or semicolons between.
 * Returns any other text as it is.
 */
export function dropRepetition(text: string): string {
  for (const between of [0, 1, 2]) {
    const length = (text.length - between) / 2;
    const once = text.slice(0, length);
    if (once !== "" && text.slice(length + between) === once && SEPARATORS.test(text.slice(length, length + between))) {
      return once;
    }
  }
  return text;
}

const isDigit = (codePoint: number) => /^\p{Nd}$/u.test(String.fromCodePoint(codePoint));

/**
 * Returns the ASCII digit for a digit of any script. Each script has its ten digits in a row, beginning with zero (Unicode
 * §4.6). Some scripts' rows follow each other without a gap.
 */
function digitOf(digit: string): string {
  const codePoint = digit.codePointAt(0) ?? 0;
  let start = codePoint;
  while (isDigit(start - 1)) start -= 1;
  return String((codePoint - start) % 10);
}
