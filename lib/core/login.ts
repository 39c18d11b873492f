import { isUniqueViolation, type Reader, read, type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { sendToConsole } from "@/lib/senders/console";
import type { Sender } from "@/lib/senders/sender";
import { drawInviteCode, type InviteCode } from "./invite-code";
import { findInviter, recordActivation } from "./invites";
import { type CodeOwner, drawOneTimeCode, isSealedCode, type OneTimeCode, sealCode } from "./one-time-code";
import {
  CODE_DIGITS,
  CODE_TTL_MS,
  INVITE_CODE_DRAWS_MAX,
  PENDING_LOGIN_TTL_MS,
  RESEND_AFTER_MS,
  RESEND_WINDOW_MS,
  TRIES_PER_CODE,
} from "./policy";
import { fail, type Result, succeed } from "./result";

export interface SentCode {
  digits: number;
  /** The code itself while `REVEAL_CODES` is on. Whom to show it to is the caller's to decide. */
  revealed: OneTimeCode | null;
}

export type RequestCodeFailure = { name: "resend_too_early"; retryAfterMs: number } | { name: "code_not_sent" };

/**
 * Sends a new code to the phone, in place of this asker's last one, and settles when the channel accepted it. Whether
 * the phone has an account plays no part. Fails with `resend_too_early` until the wait after the last code is over, and
 * with `code_not_sent` when the channel refuses, which leaves everything as it was.
 */
export async function requestCode(
  owner: CodeOwner,
  { now = new Date(), send = sendToConsole as Sender, draw = drawOneTimeCode } = {},
): Promise<Result<SentCode, RequestCodeFailure>> {
  const code = draw();
  const begun = await write((tx) => beginSending(tx, owner, now));
  if (!begun.ok) return begun;
  let isAccepted = false;
  try {
    isAccepted = await send({ phone: owner.phone, code });
  } finally {
    await write((tx) => (isAccepted ? keepCode(tx, owner, code, now) : forgetSending(tx, owner, now, begun.value)));
  }
  if (!isAccepted) return fail({ name: "code_not_sent" });
  return succeed({ digits: CODE_DIGITS, revealed: env.REVEAL_CODES ? code : null });
}

/** How things stand with the last code that an asker had sent to a phone. */
export interface CodeStatus {
  /** `spent`: too many wrong tries. All but `live` need a new code. */
  state: "live" | "expired" | "spent" | "used";
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
  const row = await findCode(read, owner);
  return row?.codeHmac ? statusOf(row, now) : null;
}

export type VerifyCodeFailure =
  | { name: "code_not_requested" }
  | { name: "code_expired" }
  | { name: "code_spent" }
  | { name: "code_wrong"; triesLeft: number }
  | { name: "invite_unknown" };

export interface Login {
  userId: number;
  /** Whether this code made the account. */
  created: boolean;
}

/**
 * Opens the phone's account, or makes it, for whoever types the code that was sent. A new account activates `invite` in
 * the same transaction; an older one is left as it is. The invite is looked up first, so that an unknown one says
 * nothing of the code. A try is counted and committed before it is compared (NIST SP 800-63B-4 §3.2.2), and of
 * parallel right ones a single one succeeds.
 */
export async function verifyCode(
  { code, invite = null, ...owner }: CodeOwner & { code: OneTimeCode; invite?: InviteCode | null },
  { now = new Date(), drawInvite = drawInviteCode } = {},
): Promise<Result<Login, VerifyCodeFailure>> {
  if (invite && !(await findInviter(read, invite))) return fail({ name: "invite_unknown" });

  const tried = await countTry(owner, now);
  if (!tried.ok) return tried;
  const { codeHmac, triesLeft } = tried.value;
  if (!isSealedCode(codeHmac, code, owner)) return fail({ name: "code_wrong", triesLeft });

  for (let draws = 1; ; draws += 1) {
    try {
      return await write((tx) => consumeCode(tx, owner, codeHmac, { invite, inviteCode: drawInvite(), now }));
    } catch (error) {
      // The new account's invite code is somebody's already, or its phone became somebody's a moment ago.
      if (!isUniqueViolation(error) || draws === INVITE_CODE_DRAWS_MAX) throw error;
    }
  }
}

type CodeRow = NonNullable<Awaited<ReturnType<typeof findCode>>>;

function findCode(db: Reader, owner: CodeOwner) {
  return db.oneTimeCode.findUnique({ where: { phone_purpose_asker: owner } });
}

/**
 * Starts the wait before the next code, while the last one stays as good as it was: the new one takes its place when it
 * was accepted. Answers the row as it was before.
 */
async function beginSending(
  tx: Writer,
  owner: CodeOwner,
  now: Date,
): Promise<Result<CodeRow | null, RequestCodeFailure>> {
  const last = await findCode(tx, owner);
  const retryAfterMs = last ? resendWaitMs(last, now) : 0;
  if (retryAfterMs > 0) return fail({ name: "resend_too_early", retryAfterMs });
  const isGrowing = last && last.sends > 0 && now.getTime() - last.sendsSince.getTime() < RESEND_WINDOW_MS;
  const sending = {
    sentAt: now,
    sends: isGrowing ? last.sends + 1 : 1,
    sendsSince: isGrowing ? last.sendsSince : now,
  };
  await tx.oneTimeCode.upsert({
    where: { phone_purpose_asker: owner },
    create: { ...owner, ...sending, digits: CODE_DIGITS, expiresAt: now },
    update: sending,
  });
  const forgottenBefore = new Date(now.getTime() - PENDING_LOGIN_TTL_MS);
  await tx.oneTimeCode.deleteMany({ where: { sentAt: { lt: forgottenBefore } } });
  return succeed(last);
}

async function keepCode(tx: Writer, owner: CodeOwner, code: OneTimeCode, now: Date): Promise<void> {
  await tx.oneTimeCode.update({
    where: { phone_purpose_asker: owner },
    data: {
      codeHmac: sealCode(code, owner),
      digits: code.length,
      tries: 0,
      expiresAt: new Date(now.getTime() + CODE_TTL_MS),
      usedAt: null,
    },
  });
}

/** Takes the wait back, unless a later code has begun another one, or a right one ended it. */
async function forgetSending(tx: Writer, owner: CodeOwner, now: Date, last: CodeRow | null): Promise<void> {
  const where = { ...owner, sentAt: now, sends: { gt: 0 } };
  if (!last) await tx.oneTimeCode.deleteMany({ where: { ...where, codeHmac: null } });
  else {
    const { sentAt, sends, sendsSince } = last;
    await tx.oneTimeCode.updateMany({ where, data: { sentAt, sends, sendsSince } });
  }
}

function statusOf(row: CodeRow, now: Date): CodeStatus {
  const expiresInMs = Math.max(0, row.expiresAt.getTime() - now.getTime());
  const triesLeft = Math.max(0, TRIES_PER_CODE - row.tries);
  const state = row.usedAt ? "used" : expiresInMs === 0 ? "expired" : triesLeft === 0 ? "spent" : "live";
  return {
    state,
    digits: row.digits,
    sentAt: row.sentAt,
    triesUsed: row.tries,
    triesLeft,
    expiresInMs,
    resendInMs: resendWaitMs(row, now),
  };
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
): Promise<Result<{ codeHmac: string; triesLeft: number }, VerifyCodeFailure>> {
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

/** Uses the code up and opens or makes the account. Taking the row is the gate: of parallel right codes one passes. */
async function consumeCode(
  tx: Writer,
  owner: CodeOwner,
  codeHmac: string,
  { invite, inviteCode, now }: { invite: InviteCode | null; inviteCode: InviteCode; now: Date },
): Promise<Result<Login, VerifyCodeFailure>> {
  const { phone } = owner;
  const known = await tx.user.findUnique({ where: { phone }, select: { id: true } });
  const inviter = !known && invite ? await findInviter(tx, invite) : null;
  if (!known && invite && !inviter) return fail({ name: "invite_unknown" });

  const { count } = await tx.oneTimeCode.updateMany({
    where: { ...owner, codeHmac, usedAt: null },
    data: { usedAt: now, sends: 0 },
  });
  if (count === 0) return fail({ name: "code_expired" });
  if (known) return succeed({ userId: known.id, created: false });

  const user = await tx.user.create({ data: { phone, inviteCode, createdAt: now }, select: { id: true } });
  if (invite && inviter) await recordActivation(tx, { inviteeId: user.id, inviterId: inviter.id, code: invite, now });
  return succeed({ userId: user.id, created: true });
}
