// Without zod, because the form for a code reads what is typed by it in the browser, too.
import { foldDigits, readPastedText } from "./pasted-text";

/**
 * The code of that many digits that a typed one stands for, or null. A number in JSON has lost its leading zeros, and a
 * code may have been pasted twice; which it is depends on how many digits were sent, for 12341234 may be a code of eight.
 */
export function readCodeOf(typed: string | number, digits: number): string | null {
  const whole = typeof typed === "number" ? restoreZeros(typed, digits) : typed;
  if (whole.length === digits) return whole;
  const once = whole.slice(0, digits);
  return whole.length === 2 * digits && whole.endsWith(once) ? once : null;
}

function restoreZeros(code: number, digits: number): string {
  const text = String(code);
  return text.padStart(text.length > digits ? 2 * digits : digits, "0");
}

/** The code of that many digits in a text, which may be the whole message that the code came in; or null. */
export function findCode(text: string, digits: number): string | null {
  const read = foldDigits(readPastedText(text));
  const [alone] = read.match(new RegExp(`(?<!\\d)\\d{${digits}}(?!\\d)`)) ?? [];
  return alone ?? readCodeOf(read.replace(/\D/g, ""), digits);
}
