import { randomInt } from "node:crypto";
import type { z } from "zod";
import { dropTrailingPunctuation, foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { INVITE_CODE_LENGTH } from "@/lib/core/policy";
import { typedText } from "@/lib/core/typed-field";

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHABET = DIGITS + LETTERS;

/**
 * The character of `ALPHABET` for each look-alike that people type: letters that look like digits, and Cyrillic letters that
 * look like Latin ones.
 */
const BY_LOOK_ALIKE: Record<string, string> = {
  ...{ O: "0", I: "1", L: "1" },
  ...{ А: "A", В: "B", Е: "E", К: "K", М: "M", Н: "H", О: "0", Р: "P", С: "C", Т: "T", У: "Y", Х: "X" },
};

const INVITE_CODE_PATTERN = new RegExp(`^(?=.*[${DIGITS}])(?=.*[${LETTERS}])[${ALPHABET}]{${INVITE_CODE_LENGTH}}$`);

/** The invite code in the link of an invitation. */
const LINK_PATTERN = /\/i\/([^\s/?#]+)/gi;
/** What may stand before a code: a label with its colon, and punctuation. */
const BEFORE_CODE_PATTERN = /^(?:[\p{L}\p{M}\p{P}\s]*:)?[\p{P}\p{S}\s]*/u;
const PASTED_TWICE_PATTERN = new RegExp(`^(.{${INVITE_CODE_LENGTH}})\\1$`, "u");

/**
 * Returns the characters of the invite code in a typed text. If the text contains an invitation's link, they are the link's
 * code. If it contains links with different codes, the whole text is returned, which is no valid code: an activation can't be
 * undone, so no code is chosen.
 */
export function readInviteText(typed: string): string {
  const text = foldDigits(readPastedText(typed));
  const found = new Set(Array.from(text.matchAll(LINK_PATTERN), ([, code = ""]) => charactersOf(code).toUpperCase()));
  const [inLink = charactersOf(text)] = found;
  return found.size > 1 ? text : inLink;
}

function charactersOf(text: string): string {
  const characters = dropTrailingPunctuation(text)
    .replace(BEFORE_CODE_PATTERN, "")
    .replace(/[ \p{Dash}]/gu, "");
  return characters.replace(PASTED_TWICE_PATTERN, "$1");
}

/**
 * An invite code. The input may have any case, spaces, dashes and look-alike letters, or be an invitation's link. The output
 * has six characters of `ALPHABET`, among them a digit and a letter. Other input fails with the zod issue
 * `invite_code_malformed`.
 */
export const InviteCode = typedText("invite_code_malformed")
  .transform((typed) => Array.from(readInviteText(typed).toUpperCase(), (each) => BY_LOOK_ALIKE[each] ?? each).join(""))
  .refine((code) => INVITE_CODE_PATTERN.test(code), "invite_code_malformed")
  .brand<"InviteCode">();
export type InviteCode = z.output<typeof InviteCode>;

/** Draws an invite code at random. An account may have it already; the unique index of `User` then refuses the code. */
export function drawInviteCode(): InviteCode {
  for (;;) {
    const code = Array.from({ length: INVITE_CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
    if (INVITE_CODE_PATTERN.test(code)) return code as InviteCode;
  }
}
