import { createHmac, randomInt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Recipient } from "@/lib/core/identity/recipient";
import { deriveKeys } from "@/lib/core/keys";
import { foldDigits, readPastedText } from "@/lib/core/pasted-text";
import { wholeNumber } from "@/lib/core/typed-field";
import { holdsCode } from "./typed-code";

/** What a code is for. A code for one purpose is not accepted for another. */
export const PURPOSES = [
  "login",
  "registration",
  "identity_change",
  "identity_proof",
  "deletion",
  "apply_now",
  "console",
] as const;
export type Purpose = (typeof PURPOSES)[number];

/**
 * The name of the party that had a code sent. A browser, or a pending change of phone or mailbox, has a random name in a sealed
 * cookie; a session has its id. APIs without cookies use `STATELESS`, so that a phone has one code for all of them.
 */
export const Holder = z.uuid().brand<"Holder">();
export type Holder = z.output<typeof Holder>;
/** The holder of codes that APIs without cookies request. `STATELESS` is no UUID, so no sealed cookie can contain it. */
export const STATELESS = "stateless" as Holder;

/** What identifies a challenge: one code sent to one recipient for one purpose and one holder. */
export interface ChallengeKey {
  recipient: Recipient;
  purpose: Purpose;
  holder: Holder;
}

/**
 * A one-time code as a person or a program enters it: text, which may be the whole message that contains the code, or a whole
 * number. The number of digits is known only when the code is compared: see `readCodeOf`. Other input fails with the zod issue
 * `code_malformed`.
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

/** A one-time code as it was sent: 4 to 10 digits. Other text fails with the zod issue `code_malformed`. */
export const OneTimeCode = z
  .string("code_malformed")
  .regex(/^\d{4,10}$/, "code_malformed")
  .brand<"TypedCode">()
  .brand<"OneTimeCode">();
export type OneTimeCode = z.output<typeof OneTimeCode>;

const KEYS = deriveKeys("one-time code");

/** Draws a code of this many digits from a cryptographically secure generator. Leading zeros are kept. */
export function drawOneTimeCode(digits: number): OneTimeCode {
  return randomInt(10 ** digits)
    .toString()
    .padStart(digits, "0") as OneTimeCode;
}

/** Returns the value that is stored for a code: an HMAC under a secret key, which alone does not reveal the code. */
export function sealCode(code: OneTimeCode, key: ChallengeKey): string {
  return sealBy(KEYS[0], code, key);
}

function sealBy(key: Buffer, code: OneTimeCode, { recipient, purpose, holder }: ChallengeKey): string {
  return createHmac("sha256", key).update(`${purpose}\n${recipient.address}\n${holder}\n${code}`).digest("base64url");
}

/** Returns whether `sealed` was made from `code`, with the current secret or the previous one. Compares in constant time. */
export function isSealedCode(sealed: string, code: OneTimeCode, challenge: ChallengeKey): boolean {
  const matches = KEYS.map((key) => timingSafeEqual(Buffer.from(sealed), Buffer.from(sealBy(key, code, challenge))));
  return matches.includes(true);
}
