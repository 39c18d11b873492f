import { limitSubject } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { keyedHash } from "@/lib/core/keyed-hash";
import { siteOf } from "@/lib/core/networks";
import { type Charged, consume, record, refund, TRIES_AT_RECIPIENT } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { sweepInBackground } from "@/lib/core/sweeping";
import { statement, type Transaction, transact } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { type Attempted, attemptChallenge, consumeCode, findChallenge, keepVerified, statusOf } from "./challenge";
import { countWrongCodes, digitsAfter, digitsAt, wrongCodeCharges } from "./code-length";
import { type ChallengeKey, type Holder, isSealedCode, type OneTimeCode, type TypedCode } from "./one-time-code";
import { refundSend, verifiedSendCharges } from "./send-limits";
import { readCodeOf } from "./typed-code";

/** `code_expired` is the one failure where no code is live, for any reason: an answer tells nothing of the recipient. */
export type VerifyCodeFailure =
  | { name: "code_expired" }
  | { name: "code_spent" }
  | { name: "code_wrong"; triesLeft: number };

/** A code that was typed right, and is still to be used. */
export interface VerifiedCode {
  key: ChallengeKey;
  codeHmac: string;
  /** When it was sent, and the network whose hourly codes it was charged to. */
  sentAt: Date;
  network: string | null;
  /** What the attempt has cost, for `refundAttempt`. */
  attempt: Attempt;
}

interface Attempt {
  wrongCode: { recipient: string; at: Date; digits: number; network: string };
  charged: Charged;
}

/**
 * Takes one try, committed before the code is compared (NIST SP 800-63B-4 §3.2.2), and says whether the code is right. The code
 * is read with as many digits as the one that was sent has, so that what was typed stands for one code at most. The attempt
 * counts as a wrong code until `refundAttempt`.
 */
export async function verifyCode(
  key: ChallengeKey,
  typed: TypedCode,
  requester: Requester,
  now: Date,
): Promise<Result<VerifiedCode, VerifyCodeFailure>> {
  const attempted = await countAttempt(key, requester, now);
  return countOutcome("codes_verified", attempted.ok ? compare(key, typed, attempted.value) : attempted);
}

function compare(
  key: ChallengeKey,
  typed: TypedCode,
  { triesLeft, digits, ...rest }: Attempted & { attempt: Attempt },
): Result<VerifiedCode, VerifyCodeFailure> {
  const code = readCodeOf(typed, digits) as OneTimeCode | null;
  if (code === null || !isSealedCode(rest.codeHmac, code, key)) return fail({ name: "code_wrong", triesLeft });
  return succeed({ key, ...rest });
}

const WRONG_CODE = { recipient: "text", at: "time", digits: "integer", network: "text" } as const;
const ADD_WRONG_CODE = statement({
  params: WRONG_CODE,
  sql: `INSERT INTO "WrongCode" ("recipient", "at", "digits", "network") VALUES (:recipient, :at, :digits, :network)`,
});

/**
 * Takes one try off the code, and counts it as a wrong code, in a transaction of its own: both stay, whatever comes next.
 * Attempts at one recipient run one after the other, so that each sees how many wrong codes there were before it. Where no code
 * is live as many statements run, and what stays is the network's attempt alone.
 */
async function countAttempt(
  key: ChallengeKey,
  requester: Requester,
  now: Date,
): Promise<Result<Attempted & { attempt: Attempt }, VerifyCodeFailure>> {
  const { recipient } = key;
  const subject = limitSubject(recipient);
  const charges = [{ limit: TRIES_AT_RECIPIENT, subject }, ...wrongCodeCharges(recipient, requester)];
  const counted = await transact(async (tx): Promise<Result<Attempted & { attempt: Attempt }, VerifyCodeFailure>> => {
    // The count is read after the lock: the statements are sent in this order.
    const [[lock, ...charged], wrongCodes] = await Promise.all([
      record(tx, charges, now),
      countWrongCodes(tx, recipient, now),
    ]);
    const needed = digitsAt(charged, digitsAfter(wrongCodes));
    const attempted = await attemptChallenge(tx, key, needed, now);
    if (!attempted) {
      const dead = await findChallenge(tx, key);
      if (lock) refund(tx, [lock]);
      const isSpent = dead !== undefined && statusOf(dead, needed, now) === "spent";
      return fail({ name: isSpent ? "code_spent" : "code_expired" });
    }
    const { digits } = attempted;
    const wrongCode = { recipient: keyedHash(subject), at: now, digits, network: siteOf(requester.network) };
    tx.queue(ADD_WRONG_CODE, wrongCode);
    return succeed({ ...attempted, attempt: { wrongCode, charged } });
  });
  sweepInBackground();
  return counted;
}

const REMOVE_WRONG_CODE = statement({
  params: WRONG_CODE,
  sql: `
    DELETE FROM "WrongCode" WHERE "id" = (
      SELECT "id" FROM "WrongCode"
      WHERE "recipient" = :recipient AND "at" = :at AND "digits" = :digits AND "network" = :network LIMIT 1)`,
});

/** Takes the wrong code back that a right one was counted as. Wrong codes of one moment at one recipient are alike. */
export function refundAttempt(tx: Transaction, { attempt: { wrongCode, charged } }: VerifiedCode): void {
  tx.queue(REMOVE_WRONG_CODE, wrongCode);
  refund(tx, charged, { keepsRows: true });
}

/**
 * Uses a right code up, and says whether it was still there to be used: of parallel requests one has it. With `kept`, the code is
 * not used up, but stands for one sign-in of `next` until `verifiedUntil`.
 *
 * The network that asked for the code gets its charge back, unless `isCharged`, and the charge moves to a wider limit: people who
 * share an address don't shut each other out, and no network makes accounts without end. Where that limit is spent, the charge
 * stays.
 */
export async function consumeChallenge(
  tx: Transaction,
  { key, codeHmac, sentAt, network }: VerifiedCode,
  now: Date,
  { isCharged = false, kept = null }: { isCharged?: boolean; kept?: Kept | null } = {},
): Promise<boolean> {
  const isRefunded = network !== null && !isCharged;
  const [isThere, wider] = await Promise.all([
    kept ? keepVerified(tx, key, codeHmac, kept) : consumeCode(tx, key, codeHmac),
    isRefunded ? consume(tx, verifiedSendCharges(network), now) : null,
  ]);
  if (isThere && isRefunded && wider?.ok) refundSend(tx, { network, sentAt });
  if (!isThere && wider?.ok) refund(tx, wider.value);
  return isThere;
}

interface Kept {
  next: Holder;
  verifiedUntil: Date;
}
