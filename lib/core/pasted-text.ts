// Without imports, because forms in the browser read what is typed by it, too.

/** What layout leaves in a text and no person sees: marks of direction, zero widths, soft hyphens, a byte order mark. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** The Braille pattern without dots is a symbol to Unicode, and a space to people. */
const SPACES = /[\p{White_Space}\u2800]+/gu;
/** The look behind keeps the search linear: it begins once for each run. */
const PUNCTUATION_AT_END = /(?<![\p{P}\p{S}\s])[\p{P}\p{S}\s]+$/u;
const SEPARATORS = /^[ ,;]*$/;

/**
 * The text as it is seen on the screen that it was copied from: without invisible characters, with one plain space for
 * each gap, without gaps at its ends, and with plain letters and digits for those of another width (Unicode's NFKC).
 */
export function readPastedText(text: string): string {
  return text.normalize("NFKC").replace(INVISIBLE, "").replace(SPACES, " ").trim();
}

/** The text with 0 to 9 for the decimal digits of any script (Unicode's category Nd). */
export function foldDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, digitOf);
}

/** The text without the full stop, bracket or quotation mark that follows it in a sentence. */
export function dropPunctuationBehind(text: string): string {
  return text.replace(PUNCTUATION_AT_END, "");
}

/** The text once where it stands there twice, with a space, comma or semicolon between, or without. */
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

/** Each script has its ten digits in a row, from zero on (Unicode §4.6); some rows follow each other directly. */
function digitOf(digit: string): string {
  const codePoint = digit.codePointAt(0) ?? 0;
  let start = codePoint;
  while (isDigit(start - 1)) start -= 1;
  return String((codePoint - start) % 10);
}
