// This file imports no zod, because the code form uses it in the browser as well.
import { foldDigits, readPastedText } from "@/lib/core/pasted-text";

const CODE_LENGTHS = [4, 5, 6, 7, 8, 9, 10];

/** Digits, also with spaces or dashes between them. Digits that touch a letter are left out: they belong to a word. */
const DIGIT_GROUPS_PATTERN = /(?<![\p{L}\p{M}\p{N}])\d+(?:[ \p{Dash}]+\d+)*(?![\p{L}\p{M}\p{N}])/gu;

/** A link, without its scheme. The digits of a port or a path are no code. */
const LINK_PATTERN = /:\/\/\S+/g;

/**
 * Returns the code with `digits` digits that the typed text or number contains; null if there is none, or more than one.
 *
 * The text may be the code, the code pasted twice, or the whole message with the code. A number gets back the leading zeros
 * that it lost in JSON. The length must be known, because 12341234 may be one code of eight digits, or one of four digits that
 * was pasted twice. Two different codes give null, so that one entry is at most one guess.
 */
export function readCodeOf(typed: string | number, digits: number): string | null {
  return findCode(typeof typed === "number" ? restoreZeros(typed, digits) : foldDigits(readPastedText(typed)), digits);
}

/** Returns whether the text, as `readPastedText` and `foldDigits` return it, contains a code of any possible length. */
export function holdsCode(text: string): boolean {
  return CODE_LENGTHS.some((digits) => findCode(text, digits) !== null);
}

function findCode(text: string, digits: number): string | null {
  const found = new Set<string>();
  for (const [group] of text.replace(LINK_PATTERN, " ").matchAll(DIGIT_GROUPS_PATTERN)) {
    const parts = group.split(/\D+/);
    for (const part of [parts.join(""), ...parts]) {
      const once = part.slice(0, digits);
      if (once.length === digits && (part === once || part === once + once)) found.add(once);
    }
  }
  const [code = null] = found;
  return found.size === 1 ? code : null;
}

function restoreZeros(code: number, digits: number): string {
  const text = String(code);
  return text.padStart(text.length > digits ? 2 * digits : digits, "0");
}
