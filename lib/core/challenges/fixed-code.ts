import { createHmac, timingSafeEqual } from "node:crypto";
import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { deriveKeys } from "@/lib/core/keys";
import { siteOf } from "@/lib/core/networks";
import {
  consume,
  FIXED_CODE_TRIES_FROM_BROWSER,
  FIXED_CODE_TRIES_FROM_NETWORK,
  fixedCodeTriesLimit,
  refund,
} from "@/lib/core/rate-limits";
import type { Transaction } from "@/lib/db/database";
import type { OneTimeCode, TypedCode } from "./one-time-code";
import { readCodeOf } from "./typed-code";

/** The fixed code of a test number, as it is stored. It takes the place of each code that is requested for the number. */
export interface StoredFixedCode {
  codeHmac: string;
  digits: number;
}

/** The `sender` of the deliveries of a test number, for which no message is sent. Statistics leave them out. */
export const TEST_NUMBER_SENDER = "test_number";

const KEYS = deriveKeys("test number code");

const sealBy = (key: Buffer, code: string, phone: string) =>
  createHmac("sha256", key).update(`${phone}\n${code}`).digest("base64url");

/** Returns the value that is stored for a fixed code: an HMAC under a secret key, which alone does not reveal the code. */
export function sealFixedCode(code: OneTimeCode, phone: string): string {
  return sealBy(KEYS[0], code, phone);
}

/** Returns whether the typed text is the fixed code of this phone. Compares in constant time. */
export function isFixedCode({ codeHmac, digits }: StoredFixedCode, typed: TypedCode, phone: string): boolean {
  const code = readCodeOf(typed, digits);
  if (code === null) return false;
  const matches = KEYS.map((key) => timingSafeEqual(Buffer.from(codeHmac), Buffer.from(sealBy(key, code, phone))));
  return matches.includes(true);
}

/**
 * Counts an attempt at a fixed code in a day of the requester's network and of all networks, and takes a right one back. Returns
 * false if one of these limits was used up before: the code must not be accepted then, even if it is right. A browser that has logged
 * in with the number before has limits of its own, so that strangers can't keep it out. All such browsers together have as many attempts
 * as all networks, because a person who knew an earlier code of the number may have any number of them. The transaction has locked the
 * recipient's attempts, so that parallel right codes are never counted as wrong ones.
 */
export async function countFixedCodeAttempt(
  tx: Transaction,
  recipient: Recipient,
  requester: Requester,
  { digits, isRight, now }: { digits: number; isRight: boolean; now: Date },
): Promise<boolean> {
  const subject = limitSubject(recipient);
  const charges =
    requester.browser && isRecognised(requester, recipient)
      ? [
          { limit: FIXED_CODE_TRIES_FROM_BROWSER, subject: `${subject} ${requester.browser.id}` },
          { limit: fixedCodeTriesLimit(digits), subject: `${subject} browsers` },
        ]
      : [
          { limit: FIXED_CODE_TRIES_FROM_NETWORK, subject: `${subject} ${siteOf(requester.network)}` },
          { limit: fixedCodeTriesLimit(digits), subject },
        ];
  const consumed = await consume(tx, charges, now);
  if (consumed.ok && isRight) refund(tx, consumed.value);
  return consumed.ok;
}
