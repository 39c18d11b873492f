import { limitSubject } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { keyedHash } from "@/lib/core/keyed-hash";
import { siteOf } from "@/lib/core/networks";
import { TRIES_PER_CODE } from "@/lib/core/policy";
import {
  type Charged,
  consume,
  networkCharges,
  record,
  refund,
  refundCharges,
  SENDS_FROM_NETWORK,
  TRIES_AT_RECIPIENT,
  VERIFIED_SENDS_FROM_NETWORK,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { sweepInBackground } from "@/lib/core/sweeping";
import { statement, type Transaction, transact } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { type Attempted, attemptChallenge, consumeCode, findChallenge, keepVerified, statusOf } from "./challenge";
import { codeDigitsAfter, codeDigitsInNetwork, readLoginFacts, wrongCodeCharges } from "./code-length";
import { countFixedCodeAttempt, isFixedCode } from "./fixed-code";
import { type ChallengeKey, type Holder, isSealedCode, type OneTimeCode, type TypedCode } from "./one-time-code";
import { recipientFromNetworkCharges } from "./send-limits";
import { readCodeOf } from "./typed-code";

/**
 * The failures of `verifyCode`. `code_expired` means that no code is live, for any reason but used-up attempts, so that the
 * answer reveals nothing about the recipient.
 */
export type VerifyCodeFailure = { name: "code_expired" | "code_spent" } | { name: "code_wrong"; triesLeft: number };

/**
 * An attempt that was counted, with its charges for `refundAttempt`. `isTest` says that the recipient is a test number, and then
 * `isFixedCodeRight` whether its fixed code was typed, and was allowed by the limits of wrong tries. `isAnyChangeDue` says that a
 * delayed change of some account was due at the attempt.
 */
interface CountedAttempt extends Attempted {
  isTest: boolean;
  isFixedCodeRight: boolean;
  isAnyChangeDue: boolean;
  attempt: { wrongCode: { recipient: string; at: Date; digits: number; network: string }; charged: Charged };
}

/**
 * A code that was typed right and is not used yet. `network` is the network whose hourly sends were charged for it; null if a
 * browser's own limit was charged.
 */
export interface VerifiedCode extends CountedAttempt {
  key: ChallengeKey;
}

/**
 * Compares a typed code with the sent one. The attempt is counted and committed before the comparison (NIST SP 800-63B-4
 * §3.2.2). It counts as a wrong code until `refundAttempt` is called. The typed text is read with the length of the sent code,
 * so that it stands for at most one code.
 *
 * Failures:
 * - `code_expired`: no code is live for this challenge and requester.
 * - `code_spent`: all attempts were used.
 * - `code_wrong`: the code is not right; `triesLeft` attempts remain.
 */
export async function verifyCode(
  key: ChallengeKey,
  typed: TypedCode,
  requester: Requester,
  now: Date,
): Promise<Result<VerifiedCode, VerifyCodeFailure>> {
  const counted = await countAttempt(key, typed, requester, now);
  return countOutcome("codes_verified", counted.ok ? compareCode(key, typed, counted.value) : counted);
}

function compareCode(
  key: ChallengeKey,
  typed: TypedCode,
  counted: CountedAttempt,
): Result<VerifiedCode, VerifyCodeFailure> {
  const { codeHmac, digits, tries, isTest, isFixedCodeRight } = counted;
  if (isFixedCodeRight) return succeed({ key, ...counted });
  // To strangers, a test number's challenge ends after as many attempts as any other.
  if (isTest && tries > TRIES_PER_CODE) return fail({ name: "code_spent" });
  const code = readCodeOf(typed, digits) as OneTimeCode | null;
  return !isTest && code !== null && isSealedCode(codeHmac, code, key)
    ? succeed({ key, ...counted })
    : fail({ name: "code_wrong", triesLeft: TRIES_PER_CODE - tries });
}

const WRONG_CODE_PARAMS = { recipient: "text", at: "time", digits: "integer", network: "text" } as const;
const ADD_WRONG_CODE = statement({
  params: WRONG_CODE_PARAMS,
  sql: `INSERT INTO "WrongCode" ("recipient", "at", "digits", "network") VALUES (:recipient, :at, :digits, :network)`,
});

/**
 * Uses one attempt of the code and counts it as a wrong code, in a transaction that is committed before the comparison.
 * Attempts at one recipient run one after the other, so that each sees the wrong codes of those before. If no code is live,
 * runs the same number of statements and counts only the network's attempt.
 *
 * A test number's fixed code is compared in the transaction, with the recipient's attempts locked: its limits count wrong tries only,
 * and no right one of a parallel login. No answer is given before the commit. Beyond these limits each attempt is answered as a wrong
 * one, as at any phone, and stored nowhere.
 */
async function countAttempt(
  key: ChallengeKey,
  typed: TypedCode,
  requester: Requester,
  now: Date,
): Promise<Result<CountedAttempt, VerifyCodeFailure>> {
  const { recipient } = key;
  const subject = limitSubject(recipient);
  const charges = [{ limit: TRIES_AT_RECIPIENT, subject }, ...wrongCodeCharges(recipient, requester)];
  const counted = await transact(async (tx): Promise<Result<CountedAttempt, VerifyCodeFailure>> => {
    // Sent together, the statements run in this order: the recipient's lock is taken before the wrong codes are counted.
    const [[lock, ...charged], { wrongCodes, fixedCode, isAnyChangeDue }] = await Promise.all([
      record(tx, charges, now),
      readLoginFacts(tx, recipient, now),
    ]);
    const isTest = fixedCode !== null;
    const needed = isTest ? 0 : codeDigitsInNetwork(charged, codeDigitsAfter(wrongCodes));
    const attempted = await attemptChallenge(tx, key, { needed, isTest, now });
    if (!attempted) {
      const dead = await findChallenge(tx, key);
      if (lock) refund(tx, [lock]);
      const isSpent = dead !== undefined && statusOf(dead, needed, now) === "spent";
      return fail({ name: isSpent ? "code_spent" : "code_expired" });
    }
    const isRight = fixedCode !== null && isFixedCode(fixedCode, typed, recipient.address);
    const isCounted =
      fixedCode === null ||
      (await countFixedCodeAttempt(tx, recipient, requester, { digits: fixedCode.digits, isRight, now }));
    const { digits } = attempted;
    const wrongCode = { recipient: keyedHash(subject), at: now, digits, network: siteOf(requester.network) };
    if (isCounted) tx.queue(ADD_WRONG_CODE, wrongCode);
    const isFixedCodeRight = isRight && isCounted;
    return succeed({ ...attempted, isTest, isFixedCodeRight, isAnyChangeDue, attempt: { wrongCode, charged } });
  });
  sweepInBackground();
  return counted;
}

const REMOVE_WRONG_CODE = statement({
  params: WRONG_CODE_PARAMS,
  sql: `
    DELETE FROM "WrongCode" WHERE "id" = (
      SELECT "id" FROM "WrongCode"
      WHERE "recipient" = :recipient AND "at" = :at AND "digits" = :digits AND "network" = :network LIMIT 1)`,
});

/**
 * Refunds the attempt of a right code: deletes its row of `WrongCode` and refunds its charges. Rows of the same time,
 * recipient, length and network are interchangeable.
 */
export function refundAttempt(tx: Transaction, { attempt: { wrongCode, charged } }: VerifiedCode): void {
  tx.queue(REMOVE_WRONG_CODE, wrongCode);
  refund(tx, charged, { keepsRows: true });
}

/**
 * Marks a right code as used, or with `kept` as verified: the code then stands for one sign-in of the holder `next` until
 * `verifiedUntil`. Returns whether the code could still be used: only one of parallel requests gets true.
 *
 * Unless `isCharged`, the network that requested the code gets its hourly charge back, and the limit
 * `VERIFIED_SENDS_FROM_NETWORK` is charged instead. So people who share an address don't block each other, and one network
 * still can't make accounts without end. If that limit is used up, the hourly charge stays.
 */
export async function consumeChallenge(
  tx: Transaction,
  { key, codeHmac, sentAt, network, isTest }: VerifiedCode,
  now: Date,
  { isCharged = false, kept = null }: { isCharged?: boolean; kept?: { next: Holder; verifiedUntil: Date } | null } = {},
): Promise<boolean> {
  const isRefunded = network !== null && !isCharged;
  const [isThere, wider] = await Promise.all([
    kept ? keepVerified(tx, key, codeHmac, kept) : consumeCode(tx, key, codeHmac),
    isRefunded ? consume(tx, networkCharges(VERIFIED_SENDS_FROM_NETWORK, network), now) : null,
  ]);
  // The fixed code of a test number can be used as often as wanted by those who know it.
  if (isThere && isTest && network !== null) {
    refundCharges(tx, recipientFromNetworkCharges(key.recipient, network), sentAt);
  }
  if (isThere && isRefunded && wider?.ok) refundCharges(tx, networkCharges(SENDS_FROM_NETWORK, network), sentAt);
  if (!isThere && wider?.ok) refund(tx, wider.value);
  return isThere;
}
