import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { neededDigits } from "./code-length";
import {
  type Budget,
  giveBack,
  type LimitFailure,
  networkBudgets,
  type Taken,
  TRIES_AT_RECIPIENT,
  take,
  WRONG_CODES_FROM_NETWORK,
  waitFor,
} from "./limits";
import { type CodeOwner, isSealedCode, type OneTimeCode, rowKey, type TypedCode } from "./one-time-code";
import { ALARM_MEAN_MS, RESEND_AFTER_MS, RESEND_WINDOW_MS, TRIES_PER_CODE } from "./policy";
import { limitSubject } from "./recipient";
import { isKnownTo, type Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { sendWaitMs } from "./send-budgets";
import { isTimeToSweep } from "./sweeping";
import { readCodeOf } from "./typed-code";

/** How things stand with the last code that an asker had sent to a recipient. */
export interface CodeStatus {
  /**
   * `spent`: too many wrong tries. `outgrown`: so many wrong codes were typed for its recipient that it would have to be
   * longer. `proven`: right, and good for one login. All but it and `live` need a new code.
   */
  state: "live" | "expired" | "spent" | "outgrown" | "used" | "proven";
  digits: number;
  sentAt: Date;
  triesUsed: number;
  triesLeft: number;
  expiresInMs: number;
  /** How long until a new code may be asked for; 0 is now. */
  resendInMs: number;
  /** How long until another code may be tried from here; 0 is now. */
  tryInMs: number;
}

/** The status of the owner's last code to whoever asks, or null when there is none. */
export async function getCodeStatus(owner: CodeOwner, by: Requester, now = new Date()): Promise<CodeStatus | null> {
  const row = await findCode(readPrimary, owner);
  if (!row?.codeHmac) return null;
  const [needed, tryInMs, sendWait] = await Promise.all([
    neededDigits(readPrimary, owner.recipient, now),
    waitFor(readPrimary, tryBudgets(owner, by), now),
    sendWaitMs(readPrimary, owner.recipient, by, now),
  ]);
  return {
    state: stateOf(row, needed, now),
    digits: row.digits,
    sentAt: row.sentAt,
    triesUsed: row.tries,
    triesLeft: Math.max(0, TRIES_PER_CODE - row.tries),
    expiresInMs: Math.max(0, row.expiresAt.getTime() - now.getTime()),
    resendInMs: sendWait.ownMs === 0 ? 0 : Math.max(resendWaitMs(row, needed, now), sendWait.anybodysMs),
    tryInMs,
  };
}

/** How long until whoever asks may have a first code sent; 0 is now. */
export async function getFirstWaitMs({ recipient }: CodeOwner, by: Requester, now = new Date()): Promise<number> {
  const { anybodysMs, ownMs } = await sendWaitMs(readPrimary, recipient, by, now);
  return Math.min(anybodysMs, ownMs ?? anybodysMs);
}

export type CheckCodeFailure =
  | LimitFailure
  | { name: "code_not_requested" }
  | { name: "code_expired" }
  | { name: "code_spent" }
  | { name: "code_wrong"; triesLeft: number };

/** A code that was typed right, and is still to be used. */
export interface RightCode {
  owner: CodeOwner;
  codeHmac: string;
  /** What the try has cost, for `giveTryBack`. */
  cost: TryCost;
}

interface TryCost {
  wrongCodeId: number;
  taken: Taken;
}

/**
 * Takes one try, committed before the code is compared (NIST SP 800-63B-4 §3.2.2), and says whether the code is right. It is
 * read with as many digits as the one that was sent has, so that what was typed stands for one code at most. A try counts as a wrong code until whoever asked has said that it wasn't, by `giveTryBack`.
 */
export async function checkCode(
  owner: CodeOwner,
  typed: TypedCode,
  by: Requester,
  now: Date,
): Promise<Result<RightCode, CheckCodeFailure>> {
  return countOutcome("codes_verified", await tryCode(owner, typed, by, now));
}

async function tryCode(
  owner: CodeOwner,
  typed: TypedCode,
  by: Requester,
  now: Date,
): Promise<Result<RightCode, CheckCodeFailure>> {
  const tried = await countTry(owner, by, now);
  if (!tried.ok) return tried;
  const { codeHmac, digits, triesLeft, cost } = tried.value;
  const code = readCodeOf(typed, digits) as OneTimeCode | null;
  if (code === null || !isSealedCode(codeHmac, code, owner)) return fail({ name: "code_wrong", triesLeft });
  return succeed({ owner, codeHmac, cost });
}

/** Takes the wrong code back that a right one was counted as. */
export async function giveTryBack(tx: Writer, { cost: { wrongCodeId, taken } }: RightCode): Promise<void> {
  await tx.wrongCode.deleteMany({ where: { id: wrongCodeId } });
  await giveBack(tx, taken);
}

/**
 * Uses a right code up, with `changes` to its row, and says whether it was still there to be used. Taking the row is the
 * gate: of parallel right codes one passes.
 */
export async function spendCode(
  tx: Writer,
  { owner, codeHmac }: RightCode,
  now: Date,
  changes: Partial<Pick<CodeRow, "asker" | "provenUntil">> = {},
): Promise<boolean> {
  const { count } = await tx.oneTimeCode.updateMany({
    where: { ...rowKey(owner), codeHmac, usedAt: null },
    data: { usedAt: now, sends: 0, ...changes },
  });
  return count > 0;
}

/** Uses up what a right code has proven, and says whether there was something. */
export async function spendProof(tx: Writer, owner: CodeOwner, now: Date): Promise<boolean> {
  const { count } = await tx.oneTimeCode.updateMany({
    where: { ...rowKey(owner), provenUntil: { gt: now } },
    data: { provenUntil: null },
  });
  return count > 0;
}

export type CodeRow = NonNullable<Awaited<ReturnType<typeof findCode>>>;

function findCode(db: Reader, owner: CodeOwner) {
  return db.oneTimeCode.findUnique({ where: { recipient_purpose_asker: rowKey(owner) } });
}

/** What a try costs while it isn't known to be right; a browser that is known to the recipient has none but the code's. */
function tryBudgets({ recipient }: CodeOwner, by: Requester): Budget[] {
  return isKnownTo(by, recipient) ? [] : networkBudgets(WRONG_CODES_FROM_NETWORK, by.network);
}

function stateOf({ usedAt, provenUntil, expiresAt, tries, digits }: CodeRow, needed: number, now: Date) {
  if (provenUntil && provenUntil > now) return "proven";
  if (usedAt) return "used";
  if (digits < needed) return "outgrown";
  if (expiresAt <= now) return "expired";
  return tries >= TRIES_PER_CODE ? "spent" : "live";
}

/** The wait before the next code; there is none before a longer one than the last. */
export function resendWaitMs({ sends, sendsSince, sentAt, digits }: CodeRow, needed: number, now: Date): number {
  const isOutgrown = digits > 0 && digits < needed;
  if (isOutgrown || sends === 0 || now.getTime() - sendsSince.getTime() >= RESEND_WINDOW_MS) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}

interface CountedTry {
  codeHmac: string;
  digits: number;
  triesLeft: number;
  cost: TryCost;
}

/**
 * Takes one try off the code, and counts it as a wrong code, in a transaction of its own: both stay whatever comes next.
 * Tries at one recipient go one at a time, so that each sees how many wrong codes there were before it.
 */
async function countTry(owner: CodeOwner, by: Requester, now: Date): Promise<Result<CountedTry, CheckCodeFailure>> {
  const { recipient } = owner;
  // So that nobody makes rows by asking for codes that there are none of.
  if (!(await findCode(readPrimary, owner))?.codeHmac) return fail({ name: "code_not_requested" });
  const counted = await write(async (tx): Promise<Result<CountedTry | null, LimitFailure>> => {
    await take(tx, [{ limit: TRIES_AT_RECIPIENT, subject: limitSubject(recipient) }], now);
    const taken = await take(tx, tryBudgets(owner, by), now);
    if (!taken.ok) return taken;
    const [row] = await tx.oneTimeCode.updateManyAndReturn({
      where: {
        ...rowKey(owner),
        codeHmac: { not: null },
        usedAt: null,
        expiresAt: { gt: now },
        tries: { lt: TRIES_PER_CODE },
        digits: { gte: await neededDigits(tx, recipient, now) },
      },
      data: { tries: { increment: 1 } },
    });
    if (!row?.codeHmac) {
      await giveBack(tx, taken.value);
      return succeed(null);
    }
    const { id: wrongCodeId } = await tx.wrongCode.create({
      data: { recipient: limitSubject(recipient), at: now },
      select: { id: true },
    });
    if (isTimeToSweep("wrong codes")) {
      await tx.wrongCode.deleteMany({ where: { at: { lt: new Date(now.getTime() - ALARM_MEAN_MS) } } });
    }
    const cost = { wrongCodeId, taken: taken.value };
    const { codeHmac, digits, tries } = row;
    return succeed({ codeHmac, digits, triesLeft: TRIES_PER_CODE - tries, cost });
  });
  if (!counted.ok) return counted;
  if (counted.value) return succeed(counted.value);
  const status = await getCodeStatus(owner, by, now);
  if (!status) return fail({ name: "code_not_requested" });
  return fail({ name: status.state === "spent" ? "code_spent" : "code_expired" });
}
