import { CLOCK_SKEW_MS_MAX, type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import { digitsAt, neededDigits, recipientDigits, wrongCodeCharges } from "./code-length";
import { type CodeDelivery, findCodeDelivery } from "./deliveries";
import { keyedHash } from "./keyed-hash";
import { siteOf } from "./networks";
import { type CodeOwner, isSealedCode, type OneTimeCode, rowKey, type TypedCode } from "./one-time-code";
import { ALARM_MEAN_MS, CODE_TTL_MS, RESEND_AFTER_MS, RESEND_WINDOW_MS, TRIES_PER_CODE } from "./policy";
import { type Charged, record, refund, sweepCounters, TRIES_AT_RECIPIENT } from "./rate-limits";
import { limitSubject } from "./recipient";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { refundSend, sendWaitMs } from "./send-budgets";
import { sweep } from "./sweeping";
import { readCodeOf } from "./typed-code";

/** How things stand with the last code that an asker had sent to a recipient. */
export interface CodeStatus {
  /**
   * `spent`: too many wrong tries. `outgrown`: so many wrong codes were typed for its recipient, or in the requester's network,
   * that it would have to be longer. `proven`: right, and good for one login. All but it and `live` need a new code.
   */
  state: "live" | "expired" | "spent" | "outgrown" | "used" | "proven";
  digits: number;
  sentAt: Date;
  triesUsed: number;
  triesLeft: number;
  expiresInMs: number;
  /** How long until a new code may be asked for; 0 is now. */
  resendInMs: number;
  /** What became of the message with the code that was asked for last. */
  delivery: CodeDelivery;
}

/** The status of the owner's last code to whoever asks, or null when there is none. */
export async function getCodeStatus(owner: CodeOwner, by: Requester, now = new Date()): Promise<CodeStatus | null> {
  const row = await findCode(readPrimary, owner);
  if (!row?.codeHmac) return null;
  const [needed, sendWait, delivery] = await Promise.all([
    neededDigits(readPrimary, owner.recipient, by, now),
    sendWaitMs(readPrimary, owner.recipient, by, now),
    findCodeDelivery(readPrimary, owner.recipient, row.deliveryAt),
  ]);
  return {
    state: stateOf(row, needed, now),
    digits: row.digits,
    sentAt: row.sentAt,
    triesUsed: row.tries,
    triesLeft: Math.max(0, TRIES_PER_CODE - row.tries),
    expiresInMs: Math.max(0, row.expiresAt.getTime() - now.getTime()),
    resendInMs: sendWait.ownMs === 0 ? 0 : Math.max(resendWaitMs(row, needed, now), sendWait.anybodysMs),
    delivery,
  };
}

/** How long until whoever asks may have a first code sent; 0 is now. */
export async function getFirstWaitMs({ recipient }: CodeOwner, by: Requester, now = new Date()): Promise<number> {
  const { anybodysMs, ownMs } = await sendWaitMs(readPrimary, recipient, by, now);
  return Math.min(anybodysMs, ownMs ?? anybodysMs);
}

/** `code_expired` is the one failure where no code is live, whatever the reason: an answer tells nothing of the recipient. */
export type CheckCodeFailure =
  | { name: "code_expired" }
  | { name: "code_spent" }
  | { name: "code_wrong"; triesLeft: number };

/** A code that was typed right, and is still to be used. */
export interface RightCode {
  owner: CodeOwner;
  codeHmac: string;
  /** When it was sent, and the network whose hourly codes it was charged to. */
  sentAt: Date;
  network: string | null;
  /** What the try has cost, for `giveTryBack`. */
  cost: TryCost;
}

interface TryCost {
  wrongCodeId: number;
  taken: Charged;
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
  const { triesLeft, digits, ...right } = tried.value;
  const code = readCodeOf(typed, digits) as OneTimeCode | null;
  if (code === null || !isSealedCode(right.codeHmac, code, owner)) return fail({ name: "code_wrong", triesLeft });
  return succeed({ owner, ...right });
}

/** Takes the wrong code back that a right one was counted as. */
export async function giveTryBack(tx: Writer, { cost: { wrongCodeId, taken } }: RightCode): Promise<void> {
  await tx.wrongCode.deleteMany({ where: { id: wrongCodeId } });
  await refund(tx, taken);
}

/**
 * Uses a right code up, with `changes` to its row, and says whether it was still there to be used. Taking the row is the
 * gate: of parallel right codes one passes. The network that asked for the code gets its charge back, unless `isCharged`.
 */
export async function spendCode(
  tx: Writer,
  { owner, codeHmac, sentAt, network }: RightCode,
  now: Date,
  { isCharged = false, ...changes }: Partial<Pick<CodeRow, "asker" | "provenUntil">> & { isCharged?: boolean } = {},
): Promise<boolean> {
  const { count } = await tx.oneTimeCode.updateMany({
    where: { ...rowKey(owner), codeHmac, usedAt: null },
    data: { usedAt: now, sends: 0, network: null, ...changes },
  });
  if (count > 0 && network !== null && !isCharged) await refundSend(tx, { network, sentAt }, now);
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

function stateOf({ usedAt, provenUntil, expiresAt, tries, digits }: CodeRow, needed: number, now: Date) {
  if (provenUntil && provenUntil > now) return "proven";
  if (usedAt) return "used";
  if (digits < needed) return "outgrown";
  if (!isLive({ expiresAt }, now)) return "expired";
  return tries >= TRIES_PER_CODE ? "spent" : "live";
}

/** Whether the code's time has come and is not over. One that lives longer than any was made by a clock that ran ahead. */
function isLive({ expiresAt }: Pick<CodeRow, "expiresAt">, now: Date): boolean {
  return expiresAt > now && expiresAt <= latestExpiry(now);
}

const latestExpiry = (now: Date) => new Date(now.getTime() + CODE_TTL_MS + CLOCK_SKEW_MS_MAX);

/** The wait before the next code; there is none before a longer one than the last. */
export function resendWaitMs({ sends, sendsSince, sentAt, digits }: CodeRow, needed: number, now: Date): number {
  const isOutgrown = digits > 0 && digits < needed;
  if (isOutgrown || sends === 0 || now.getTime() - sendsSince.getTime() >= RESEND_WINDOW_MS) return 0;
  // Written by a clock that ran ahead.
  if (sentAt.getTime() - now.getTime() > CLOCK_SKEW_MS_MAX) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}

interface CountedTry extends Omit<RightCode, "owner"> {
  digits: number;
  triesLeft: number;
}

/**
 * Takes one try off the code, and counts it as a wrong code, in a transaction of its own: both stay whatever comes next.
 * Tries at one recipient go one at a time, so that each sees how many wrong codes there were before it. Where no code is live the
 * same statements run, and what stays is the network's try alone.
 */
async function countTry(owner: CodeOwner, by: Requester, now: Date): Promise<Result<CountedTry, CheckCodeFailure>> {
  const { recipient } = owner;
  const counted = await write(async (tx): Promise<Result<CountedTry, CheckCodeFailure>> => {
    const lock = await record(tx, [{ limit: TRIES_AT_RECIPIENT, subject: limitSubject(recipient) }], now);
    const taken = await record(tx, wrongCodeCharges(recipient, by), now);
    const needed = digitsAt(taken, await recipientDigits(tx, recipient, now));
    const [row] = await tx.oneTimeCode.updateManyAndReturn({
      where: {
        ...rowKey(owner),
        codeHmac: { not: null },
        usedAt: null,
        expiresAt: { gt: now, lte: latestExpiry(now) },
        tries: { lt: TRIES_PER_CODE },
        digits: { gte: needed },
      },
      data: { tries: { increment: 1 } },
    });
    if (!row?.codeHmac) {
      const dead = await findCode(tx, owner);
      await refund(tx, lock);
      return fail({ name: dead?.codeHmac && stateOf(dead, needed, now) === "spent" ? "code_spent" : "code_expired" });
    }
    const { codeHmac, sentAt, network, digits, tries } = row;
    const { id: wrongCodeId } = await tx.wrongCode.create({
      data: { recipient: keyedHash(limitSubject(recipient)), at: now, digits, network: siteOf(by.network) },
      select: { id: true },
    });
    const cost = { wrongCodeId, taken };
    return succeed({ codeHmac, digits, sentAt, network, triesLeft: TRIES_PER_CODE - tries, cost });
  });
  const forgottenBefore = new Date(now.getTime() - ALARM_MEAN_MS);
  await sweep("wrong codes", (tx) => tx.wrongCode.deleteMany({ where: { at: { lt: forgottenBefore } } }));
  await sweepCounters(now);
  return counted;
}
