// Without zod, because the form for a code reads what is typed by it in the browser, too.
import { foldDigits, readPastedText } from "@/lib/core/pasted-text";

/** How many digits codes have that are sent. */
const LENGTHS = [4, 5, 6, 7, 8, 9, 10];

/** Digits with gaps and dashes between them. What touches a letter is part of a word: of an address, or of a typing error. */
const DIGIT_GROUPS = /(?<![\p{L}\p{M}\p{N}])\d+(?:[ \p{Dash}]+\d+)*(?![\p{L}\p{M}\p{N}])/gu;

/** A link in the message, behind its scheme: its port is no code. */
const LINK = /:\/\/\S+/g;

/**
 * The code of that many digits that a typed one stands for, or null: alone, pasted twice, or in the message that it came in. A
 * number in JSON has lost its leading zeros. Which it is depends on how many digits were sent, for 12341234 may be a code of
 * eight. Where two different codes could be meant it is null, so that what was typed is one guess at most.
 */
export function readCodeOf(typed: string | number, digits: number): string | null {
  const text = typeof typed === "number" ? restoreZeros(typed, digits) : foldDigits(readPastedText(typed));
  const found = new Set<string>();
  for (const [group] of text.replace(LINK, " ").matchAll(DIGIT_GROUPS)) {
    const parts = group.split(/\D+/);
    for (const part of [parts.join(""), ...parts]) {
      const once = part.slice(0, digits);
      if (once.length === digits && (part === once || part === once + once)) found.add(once);
    }
  }
  const [code = null] = found;
  return found.size === 1 ? code : null;
}

/** Whether a text can stand for a code of some length. */
export function holdsCode(text: string): boolean {
  return LENGTHS.some((digits) => readCodeOf(text, digits) !== null);
}

function restoreZeros(code: number, digits: number): string {
  const text = String(code);
  return text.padStart(text.length > digits ? 2 * digits : digits, "0");
}
