import { randomInt } from "node:crypto";
import type { z } from "zod";
import { dropPunctuationBehind, foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { INVITE_CODE_LENGTH } from "@/lib/core/policy";
import { typedText } from "@/lib/core/typed-field";

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHABET = DIGITS + LETTERS;

/** What people type or dictate for a character of the alphabet: letters like digits, Cyrillic letters like Latin ones. */
const READ_AS: Record<string, string> = {
  ...{ O: "0", I: "1", L: "1" },
  ...{ А: "A", В: "B", Е: "E", К: "K", М: "M", Н: "H", О: "0", Р: "P", С: "C", Т: "T", У: "Y", Х: "X" },
};

const SHAPE = new RegExp(`^(?=.*[${DIGITS}])(?=.*[${LETTERS}])[${ALPHABET}]{${INVITE_CODE_LENGTH}}$`);

/** The code in an invitation's link. */
const IN_LINK = /\/i\/([^\s/?#]+)/gi;
/** A label with its colon, and punctuation. */
const BEFORE_CODE = /^(?:[\p{L}\p{M}\p{P}\s]*:)?[\p{P}\p{S}\s]*/u;
const PASTED_TWICE = new RegExp(`^(.{${INVITE_CODE_LENGTH}})\\1$`, "u");

/**
 * The characters of the invite code in a typed text: the code of the link where there is one, without what is around it. The whole
 * text, which is no code, where links lead to different codes: an activation can't be undone.
 */
export function readInviteText(typed: string): string {
  const text = foldDigits(readPastedText(typed));
  const found = new Set(Array.from(text.matchAll(IN_LINK), ([, inLink = ""]) => charactersOf(inLink).toUpperCase()));
  const [inLink = charactersOf(text)] = found;
  return found.size > 1 ? text : inLink;
}

function charactersOf(text: string): string {
  const characters = dropPunctuationBehind(text)
    .replace(BEFORE_CODE, "")
    .replace(/[ \p{Dash}]/gu, "");
  return characters.replace(PASTED_TWICE, "$1");
}

/**
 * An invite code: typed in any case, with spaces or dashes, with look-alikes of other letters, or as its whole link in; six
 * characters of the alphabet, a digit and a letter among them, out. The one issue is `invite_code_malformed`.
 */
export const InviteCode = typedText("invite_code_malformed")
  .transform((typed) => Array.from(readInviteText(typed).toUpperCase(), (each) => READ_AS[each] ?? each).join(""))
  .refine((code) => SHAPE.test(code), "invite_code_malformed")
  .brand<"InviteCode">();
export type InviteCode = z.output<typeof InviteCode>;

/** A code at random, each one as likely as any other. Whether it is taken is for the database to say. */
export function drawInviteCode(): InviteCode {
  for (;;) {
    const code = Array.from({ length: INVITE_CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
    if (SHAPE.test(code)) return code as InviteCode;
  }
}
