import { createHmac, randomInt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Recipient } from "@/lib/core/identity/recipient";
import { deriveKeys } from "@/lib/core/keys";
import { foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { wholeNumber } from "@/lib/core/typed-field";
import { holdsCode } from "./typed-code";

/** What a code was asked for; a code for one purpose is worth nothing for another. */
export type Purpose = "login" | "registration" | "identity_change" | "identity_proof" | "deletion" | "apply_now";

/**
 * Who had a code sent: a browser, or a change of phone or mailbox that it began, by a random name that only its sealed
 * cookie holds; a session, by its id; or whoever speaks an API that carries nothing but phone and code, and shares that
 * phone's one stateless code.
 */
export const Holder = z.uuid().brand<"Holder">();
export type Holder = z.output<typeof Holder>;
/** No uuid, so no cookie can name it. */
export const STATELESS = "stateless" as Holder;

/** Whose code: one recipient, one purpose, one holder. */
export interface ChallengeKey {
  recipient: Recipient;
  purpose: Purpose;
  holder: Holder;
}

/**
 * A one-time code as a person or a program gives it: a text as it is seen, which may be the whole message that the code came
 * in, or a whole number. How many digits the code has, and so which it is, is known where it is compared; see `readCodeOf`.
 * The one issue is `code_malformed`.
 */
export const TypedCode = z.union(
  [
    z
      .string()
      .transform((text) => foldDigits(readPastedText(text)))
      .refine(holdsCode, "code_malformed")
      .brand<"TypedCode">(),
    wholeNumber("code_malformed").brand<"TypedCode">(),
  ],
  "code_malformed",
);
export type TypedCode = z.output<typeof TypedCode>;

/** A one-time code as it was sent: 4 to 10 digits. The one issue is `code_malformed`. */
export const OneTimeCode = z
  .string("code_malformed")
  .regex(/^\d{4,10}$/, "code_malformed")
  .brand<"TypedCode">()
  .brand<"OneTimeCode">();
export type OneTimeCode = z.output<typeof OneTimeCode>;

const keys = deriveKeys("one-time code");

/** A code of that many digits from a CSPRNG, leading zeros and all. */
export function drawOneTimeCode(digits: number): OneTimeCode {
  return randomInt(10 ** digits)
    .toString()
    .padStart(digits, "0") as OneTimeCode;
}

/** What is stored instead of the code: an HMAC under a key of ours, so that the table alone can't be searched for it. */
export function sealCode(code: OneTimeCode, owner: ChallengeKey): string {
  return sealBy(keys[0], code, owner);
}

function sealBy(key: Buffer, code: OneTimeCode, { recipient, purpose, holder }: ChallengeKey): string {
  return createHmac("sha256", key).update(`${purpose}\n${recipient.address}\n${holder}\n${code}`).digest("base64url");
}

/** Whether `code` is the one that was sealed, by this secret or the previous one; compared in constant time. */
export function isSealedCode(sealed: string, code: OneTimeCode, owner: ChallengeKey): boolean {
  const matches = keys.map((key) => timingSafeEqual(Buffer.from(sealed), Buffer.from(sealBy(key, code, owner))));
  return matches.includes(true);
}
