import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { countOutcome } from "@/lib/ops/metrics";
import { consoleSender } from "@/lib/senders/console";
import { mailSender } from "@/lib/senders/mail";
import type { Sender } from "@/lib/senders/sender";
import { composeCodeMessage, type Language } from "./code-message";
import {
  type CodeOwner,
  drawOneTimeCode,
  isPhone,
  isSealedCode,
  type OneTimeCode,
  type Recipient,
  sealCode,
  sealNothing,
} from "./one-time-code";
import {
  CODE_DIGITS,
  CODE_TTL_MS,
  PENDING_LOGIN_TTL_MS,
  RESEND_AFTER_MS,
  RESEND_WINDOW_MS,
  SEND_RETRY_AFTER_MS,
  TRIES_PER_CODE,
} from "./policy";
import { fail, type Result, succeed } from "./result";
import { isTimeToSweep } from "./sweeping";

export interface SentCode {
  digits: number;
  /** The code itself while `REVEAL_CODES` is on. Whom to show it to is the caller's to decide. */
  revealed: OneTimeCode | null;
}

export type RequestCodeFailure =
  | { name: "resend_too_early"; retryAfterMs: number }
  | { name: "code_not_sent"; retryAfterMs: number };

export interface SendingOptions {
  now?: Date;
  language?: Language;
  sender?: Sender;
  draw?: () => OneTimeCode;
}

/** Whether codes can be sent to mailboxes: by a mail server, or in the demonstration by the console. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of this asker's last one, and settles when the channel accepted it. Whether
 * the recipient has an account plays no part. Fails with `resend_too_early` until the wait after the last code is over,
 * and with `code_not_sent` when the channel refuses, which leaves everything as it was. With `isDecoy` all goes the same
 * way, but nothing is sent and no code is right.
 */
export async function requestCode(
  owner: CodeOwner,
  options: SendingOptions & { isDecoy?: boolean } = {},
): Promise<Result<SentCode, RequestCodeFailure>> {
  return countOutcome("codes_sent", await sendCode(owner, options));
}

async function sendCode(
  owner: CodeOwner,
  {
    now = new Date(),
    language = "ru",
    sender = senderTo(owner.recipient),
    draw = drawOneTimeCode,
    isDecoy = false,
  }: SendingOptions & { isDecoy?: boolean },
): Promise<Result<SentCode, RequestCodeFailure>> {
  const code = draw();
  const begun = await write((tx) => beginSending(tx, owner, now));
  if (!begun.ok) return begun;
  const sealed = isDecoy ? sealNothing() : sealCode(code, owner);
  let isAccepted = false;
  try {
    isAccepted = await (isDecoy
      ? sender.pretend(owner.recipient)
      : sender.send(composeCodeMessage(owner, code, language)));
  } finally {
    await write((tx) => (isAccepted ? keepCode(tx, owner, sealed, now) : forgetSending(tx, owner, now, begun.value)));
  }
  if (!isAccepted) return fail({ name: "code_not_sent", retryAfterMs: SEND_RETRY_AFTER_MS });
  return succeed({ digits: CODE_DIGITS, revealed: env.REVEAL_CODES ? code : null });
}

/** How things stand with the last code that an asker had sent to a recipient. */
export interface CodeStatus {
  /** `spent`: too many wrong tries. `proven`: right, and good for one login. All but it and `live` need a new code. */
  state: "live" | "expired" | "spent" | "used" | "proven";
  digits: number;
  sentAt: Date;
  triesUsed: number;
  triesLeft: number;
  expiresInMs: number;
  /** How long until a new code may be asked for; 0 is now. */
  resendInMs: number;
}

/** The status of the owner's last code, or null when there is none. */
export async function getCodeStatus(owner: CodeOwner, now = new Date()): Promise<CodeStatus | null> {
  const row = await findCode(readPrimary, owner);
  return row?.codeHmac ? statusOf(row, now) : null;
}

export type CheckCodeFailure =
  | { name: "code_not_requested" }
  | { name: "code_expired" }
  | { name: "code_spent" }
  | { name: "code_wrong"; triesLeft: number };

/** A code that was typed right, and is still to be used. */
export interface RightCode {
  owner: CodeOwner;
  codeHmac: string;
}

/** Takes one try, committed before the code is compared (NIST SP 800-63B-4 §3.2.2), and says whether the code is right. */
export async function checkCode(
  owner: CodeOwner,
  code: OneTimeCode,
  now: Date,
): Promise<Result<RightCode, CheckCodeFailure>> {
  return countOutcome("codes_verified", await tryCode(owner, code, now));
}

async function tryCode(owner: CodeOwner, code: OneTimeCode, now: Date): Promise<Result<RightCode, CheckCodeFailure>> {
  const tried = await countTry(owner, now);
  if (!tried.ok) return tried;
  const { codeHmac, triesLeft } = tried.value;
  if (!isSealedCode(codeHmac, code, owner)) return fail({ name: "code_wrong", triesLeft });
  return succeed({ owner, codeHmac });
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
    where: { ...owner, codeHmac, usedAt: null },
    data: { usedAt: now, sends: 0, ...changes },
  });
  return count > 0;
}

/** Uses up what a right code has proven, and says whether there was something. */
export async function spendProof(tx: Writer, owner: CodeOwner, now: Date): Promise<boolean> {
  const { count } = await tx.oneTimeCode.updateMany({
    where: { ...owner, provenUntil: { gt: now } },
    data: { provenUntil: null },
  });
  return count > 0;
}

type CodeRow = NonNullable<Awaited<ReturnType<typeof findCode>>>;

function findCode(db: Reader, owner: CodeOwner) {
  return db.oneTimeCode.findUnique({ where: { recipient_purpose_asker: owner } });
}

function senderTo(recipient: Recipient): Sender {
  return !isPhone(recipient) && mailSender ? mailSender : consoleSender;
}

/**
 * Starts the wait before the next code, while the last one stays as good as it was: the new one takes its place when it
 * was accepted. Answers the row as it was before.
 */
async function beginSending(tx: Writer, owner: CodeOwner, now: Date): Promise<Result<CodeRow, RequestCodeFailure>> {
  const where = { recipient_purpose_asker: owner };
  // A change of nothing holds the row: of parallel requests each sees what the one before it did.
  const last = await tx.oneTimeCode.upsert({
    where,
    create: { ...owner, digits: CODE_DIGITS, expiresAt: now, sentAt: now, sends: 0, sendsSince: now },
    update: { sends: { increment: 0 } },
  });
  const retryAfterMs = resendWaitMs(last, now);
  if (retryAfterMs > 0) return fail({ name: "resend_too_early", retryAfterMs });
  const isGrowing = last.sends > 0 && now.getTime() - last.sendsSince.getTime() < RESEND_WINDOW_MS;
  const sending = {
    sentAt: now,
    sends: isGrowing ? last.sends + 1 : 1,
    sendsSince: isGrowing ? last.sendsSince : now,
  };
  await tx.oneTimeCode.update({ where, data: sending });
  if (isTimeToSweep("codes")) {
    const forgottenBefore = new Date(now.getTime() - PENDING_LOGIN_TTL_MS);
    await tx.oneTimeCode.deleteMany({ where: { sentAt: { lt: forgottenBefore } } });
  }
  return succeed(last);
}

/** Puts the new code in the last one's place; the row may have gone to another asker meanwhile, with what it proves. */
async function keepCode(tx: Writer, owner: CodeOwner, codeHmac: string, now: Date): Promise<void> {
  const sealed = {
    codeHmac,
    digits: CODE_DIGITS,
    tries: 0,
    expiresAt: new Date(now.getTime() + CODE_TTL_MS),
    usedAt: null,
    provenUntil: null,
  };
  await tx.oneTimeCode.upsert({
    where: { recipient_purpose_asker: owner },
    create: { ...owner, ...sealed, sentAt: now, sends: 1, sendsSince: now },
    update: sealed,
  });
}

/** Takes the wait back, unless a later code has begun another one, or a right one ended it. */
async function forgetSending(tx: Writer, owner: CodeOwner, now: Date, last: CodeRow): Promise<void> {
  const { sentAt, sends, sendsSince } = last;
  await tx.oneTimeCode.updateMany({
    where: { ...owner, sentAt: now, sends: { gt: 0 } },
    data: { sentAt, sends, sendsSince },
  });
}

function statusOf(row: CodeRow, now: Date): CodeStatus {
  const expiresInMs = Math.max(0, row.expiresAt.getTime() - now.getTime());
  const triesLeft = Math.max(0, TRIES_PER_CODE - row.tries);
  return {
    state: stateOf(row, now),
    digits: row.digits,
    sentAt: row.sentAt,
    triesUsed: row.tries,
    triesLeft,
    expiresInMs,
    resendInMs: resendWaitMs(row, now),
  };
}

function stateOf({ usedAt, provenUntil, expiresAt, tries }: CodeRow, now: Date): CodeStatus["state"] {
  if (provenUntil && provenUntil > now) return "proven";
  if (usedAt) return "used";
  if (expiresAt <= now) return "expired";
  return tries >= TRIES_PER_CODE ? "spent" : "live";
}

function resendWaitMs({ sends, sendsSince, sentAt }: CodeRow, now: Date): number {
  if (sends === 0 || now.getTime() - sendsSince.getTime() >= RESEND_WINDOW_MS) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}

/** Takes one try off the code, in a transaction of its own: it stays taken whatever comes next. */
async function countTry(
  owner: CodeOwner,
  now: Date,
): Promise<Result<{ codeHmac: string; triesLeft: number }, CheckCodeFailure>> {
  const [row] = await write((tx) =>
    tx.oneTimeCode.updateManyAndReturn({
      where: { ...owner, codeHmac: { not: null }, usedAt: null, expiresAt: { gt: now }, tries: { lt: TRIES_PER_CODE } },
      data: { tries: { increment: 1 } },
    }),
  );
  if (row?.codeHmac) return succeed({ codeHmac: row.codeHmac, triesLeft: TRIES_PER_CODE - row.tries });
  const status = await getCodeStatus(owner, now);
  if (!status) return fail({ name: "code_not_requested" });
  return fail({ name: status.state === "spent" ? "code_spent" : "code_expired" });
}
