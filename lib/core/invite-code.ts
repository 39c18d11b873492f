import { randomInt } from "node:crypto";
import { z } from "zod";
import { INVITE_CODE_LENGTH } from "./policy";

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHABET = DIGITS + LETTERS;

/** What people type or dictate for a character of the alphabet: letters like digits, Cyrillic letters like Latin ones. */
const READ_AS: Record<string, string> = {
  ...{ O: "0", I: "1", L: "1" },
  ...{ А: "A", В: "B", Е: "E", К: "K", М: "M", Н: "H", О: "0", Р: "P", С: "C", Т: "T", У: "Y", Х: "X" },
};

const SHAPE = new RegExp(`^(?=.*[${DIGITS}])(?=.*[${LETTERS}])[${ALPHABET}]{${INVITE_CODE_LENGTH}}$`);

/**
 * An invite code: typed in any case, with spaces or dashes, with look-alikes of other letters in; six characters of the
 * alphabet, a digit and a letter among them, out. The one issue is `invite_code_malformed`.
 */
export const InviteCode = z
  .string("invite_code_malformed")
  .transform((text) =>
    Array.from(
      text
        .normalize("NFKC")
        .toUpperCase()
        .replace(/[\s\p{Dash}]/gu, ""),
      (typed) => READ_AS[typed] ?? typed,
    ).join(""),
  )
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
