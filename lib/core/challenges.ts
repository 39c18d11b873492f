import { parsePhoneNumberFromString } from "libphonenumber-js/max";
import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { countOutcome, countSending } from "@/lib/ops/metrics";
import { type Patience, sendByFirst } from "@/lib/senders/chain";
import { consoleSender } from "@/lib/senders/console";
import { mailSender } from "@/lib/senders/mail";
import { phoneSenders } from "@/lib/senders/phone";
import { accepted, type MailSender, type Sender, type Sending } from "@/lib/senders/sender";
import { neededDigits, newCodeDigits } from "./code-length";
import { composeCodeMessage, type Language } from "./code-message";
import {
  type Budget,
  giveBack,
  type LimitFailure,
  SENDS_FROM_NETWORK,
  SENDS_OF_KNOWN_BROWSER,
  SENDS_TO_RECIPIENT,
  SENDS_TO_RECIPIENT_A_DAY,
  SENDS_TO_RECIPIENT_FROM_NETWORK,
  type Taken,
  TRIES_AT_RECIPIENT,
  take,
  WRONG_CODES_FROM_NETWORK,
  waitFor,
} from "./limits";
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
  ALARM_MEAN_MS,
  CODE_TTL_MS,
  PENDING_LOGIN_TTL_MS,
  RESEND_AFTER_MS,
  RESEND_WINDOW_MS,
  SEND_RETRY_AFTER_MS,
  SENDER_FAILURES_MAX,
  SENDER_REST_MS,
  SENDER_TIMEOUT_MS,
  TRIES_PER_CODE,
} from "./policy";
import { isKnownTo, type Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { isTimeToSweep } from "./sweeping";

export interface SentCode {
  digits: number;
  /** The code itself while `REVEAL_CODES` is on. Whom to show it to is the caller's to decide. */
  revealed: OneTimeCode | null;
}

export type RequestCodeFailure =
  | { name: "resend_too_early"; retryAfterMs: number }
  | LimitFailure
  | { name: "code_not_sent"; retryAfterMs: number };

export interface SendingOptions {
  now?: Date;
  language?: Language;
  sender?: Sender | MailSender;
  draw?: (digits: number) => OneTimeCode;
}

/** Whether codes can be sent to mailboxes: by a mail server, or in the demonstration by the console. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of this asker's last one, and settles when the channel accepted it. Whether
 * the recipient has an account plays no part. Fails with `resend_too_early` until the wait after the last code is over,
 * with `budget_spent` when the recipient or the network has had its codes, and with `code_not_sent` when the channel
 * refuses, which leaves everything as it was. With `isDecoy` all goes the same way, but nothing is sent and no code is
 * right.
 */
export async function requestCode(
  owner: CodeOwner,
  by: Requester,
  options: SendingOptions & { isDecoy?: boolean } = {},
): Promise<Result<SentCode, RequestCodeFailure>> {
  return countOutcome("codes_sent", await sendCode(owner, by, options));
}

async function sendCode(
  owner: CodeOwner,
  by: Requester,
  {
    now = new Date(),
    language = "ru",
    sender = senderTo(owner.recipient),
    draw = drawOneTimeCode,
    isDecoy = false,
  }: SendingOptions & { isDecoy?: boolean },
): Promise<Result<SentCode, RequestCodeFailure>> {
  const begun = await write((tx) => beginSending(tx, owner, by, now));
  if (!begun.ok) return begun;
  const code = draw(begun.value.digits);
  const sealed = isDecoy ? sealNothing() : sealCode(code, owner);
  let isAccepted = false;
  try {
    const message = { ...composeCodeMessage(owner, code, language), ttlMs: CODE_TTL_MS, requesterAddress: by.network };
    isAccepted = isDecoy
      ? await pretend(sender, owner.recipient)
      : (await sender.send(message, NEVER_ABORTED)).outcome === "accepted";
  } finally {
    await write((tx) =>
      isAccepted
        ? keepCode(tx, owner, { codeHmac: sealed, digits: code.length }, now)
        : forgetSending(tx, owner, now, begun.value),
    );
  }
  if (!isAccepted) return fail({ name: "code_not_sent", retryAfterMs: SEND_RETRY_AFTER_MS });
  return succeed({ digits: code.length, revealed: env.REVEAL_CODES ? code : null });
}

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
  const [needed, tryInMs, sendInMs, ownSendInMs] = await Promise.all([
    neededDigits(readPrimary, owner.recipient, now),
    waitFor(readPrimary, tryBudgets(owner, by), now),
    waitFor(readPrimary, sendBudgets(owner, by), now),
    waitFor(readPrimary, ownSendBudgets(owner, by), now),
  ]);
  const isWaitless = isKnownTo(by, owner.recipient) && ownSendInMs === 0;
  return {
    state: stateOf(row, needed, now),
    digits: row.digits,
    sentAt: row.sentAt,
    triesUsed: row.tries,
    triesLeft: Math.max(0, TRIES_PER_CODE - row.tries),
    expiresInMs: Math.max(0, row.expiresAt.getTime() - now.getTime()),
    resendInMs: isWaitless ? 0 : Math.max(resendWaitMs(row, needed, now), sendInMs),
    tryInMs,
  };
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
 * Takes one try, committed before the code is compared (NIST SP 800-63B-4 §3.2.2), and says whether the code is right. A
 * try counts as a wrong code until whoever asked has said that it wasn't, by `giveTryBack`.
 */
export async function checkCode(
  owner: CodeOwner,
  code: OneTimeCode,
  by: Requester,
  now: Date,
): Promise<Result<RightCode, CheckCodeFailure>> {
  return countOutcome("codes_verified", await tryCode(owner, code, by, now));
}

async function tryCode(
  owner: CodeOwner,
  code: OneTimeCode,
  by: Requester,
  now: Date,
): Promise<Result<RightCode, CheckCodeFailure>> {
  const tried = await countTry(owner, by, now);
  if (!tried.ok) return tried;
  const { codeHmac, triesLeft, cost } = tried.value;
  if (!isSealedCode(codeHmac, code, owner)) return fail({ name: "code_wrong", triesLeft });
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

function senderTo(recipient: Recipient): Sender | MailSender {
  return isPhone(recipient) ? phoneSender : (mailSender ?? consoleSender);
}

/** A request that was begun is carried through; each sender of the chain has its own end. */
const NEVER_ABORTED = new AbortController().signal;

const PATIENCE: Patience = {
  timeoutMs: SENDER_TIMEOUT_MS,
  failuresMax: SENDER_FAILURES_MAX,
  restMs: SENDER_REST_MS,
};

/** Phones have a chain of senders, which their country may have of its own. */
const phoneSender: Sender = {
  send: async (message): Promise<Sending> => {
    const senders = phoneSenders(parsePhoneNumberFromString(message.to)?.country, PATIENCE);
    const sent = await sendByFirst(senders, message, countSending);
    return sent.accepted ? accepted(sent.accepted.id, sent.accepted.cost) : { outcome: "refused", reason: "by_all" };
  },
};

function pretend(sender: Sender | MailSender, recipient: Recipient): Promise<boolean> {
  if (!("pretend" in sender)) throw new Error("Only mailboxes have decoys.");
  return sender.pretend(recipient);
}

interface BegunSending {
  digits: number;
  taken: Taken;
  /** The row as it was before. */
  last: CodeRow;
}

/**
 * Starts the wait before the next code, while the last one stays as good as it was: the new one takes its place when it
 * was accepted.
 */
async function beginSending(
  tx: Writer,
  owner: CodeOwner,
  by: Requester,
  now: Date,
): Promise<Result<BegunSending, RequestCodeFailure>> {
  const where = { recipient_purpose_asker: owner };
  // A change of nothing holds the row: of parallel requests each sees what the one before it did.
  const last = await tx.oneTimeCode.upsert({
    where,
    create: { ...owner, digits: 0, expiresAt: now, sentAt: now, sends: 0, sendsSince: now },
    update: { sends: { increment: 0 } },
  });
  const needed = await neededDigits(tx, owner.recipient, now);
  const digits = await newCodeDigits(tx, needed, now);
  // Last of all, because others may wait for the budgets' rows until this is committed.
  const own = isKnownTo(by, owner.recipient) ? await take(tx, ownSendBudgets(owner, by), now) : null;
  const retryAfterMs = resendWaitMs(last, needed, now);
  if (!own?.ok && retryAfterMs > 0) return fail({ name: "resend_too_early", retryAfterMs });
  const taken = own?.ok ? own : await take(tx, sendBudgets(owner, by), now);
  if (!taken.ok) return taken;
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
  return succeed({ digits, taken: taken.value, last });
}

/** What a code costs that anybody may have sent. */
function sendBudgets({ recipient }: CodeOwner, { network }: Requester): Budget[] {
  return [
    { limit: SENDS_TO_RECIPIENT_FROM_NETWORK, subject: `${recipient} ${network}` },
    { limit: SENDS_TO_RECIPIENT, subject: recipient },
    { limit: SENDS_TO_RECIPIENT_A_DAY, subject: recipient },
    { limit: SENDS_FROM_NETWORK, subject: network },
  ];
}

/** What it costs a browser that is known to the recipient, so that strangers can't use its codes up. */
function ownSendBudgets({ recipient }: CodeOwner, { browser }: Requester): Budget[] {
  return browser ? [{ limit: SENDS_OF_KNOWN_BROWSER, subject: `${browser.id} ${recipient}` }] : [];
}

/** What a try costs while it isn't known to be right; a browser that is known to the recipient has none but the code's. */
function tryBudgets({ recipient }: CodeOwner, by: Requester): Budget[] {
  return isKnownTo(by, recipient) ? [] : [{ limit: WRONG_CODES_FROM_NETWORK, subject: by.network }];
}

/** Puts the new code in the last one's place; the row may have gone to another asker meanwhile, with what it proves. */
async function keepCode(
  tx: Writer,
  owner: CodeOwner,
  code: { codeHmac: string; digits: number },
  now: Date,
): Promise<void> {
  const sealed = {
    ...code,
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

/** Takes the wait back, unless a later code has begun another one, or a right one ended it, and what it cost. */
async function forgetSending(tx: Writer, owner: CodeOwner, now: Date, { last, taken }: BegunSending): Promise<void> {
  const { sentAt, sends, sendsSince } = last;
  await tx.oneTimeCode.updateMany({
    where: { ...owner, sentAt: now, sends: { gt: 0 } },
    data: { sentAt, sends, sendsSince },
  });
  await giveBack(tx, taken);
}

function stateOf({ usedAt, provenUntil, expiresAt, tries, digits }: CodeRow, needed: number, now: Date) {
  if (provenUntil && provenUntil > now) return "proven";
  if (usedAt) return "used";
  if (digits < needed) return "outgrown";
  if (expiresAt <= now) return "expired";
  return tries >= TRIES_PER_CODE ? "spent" : "live";
}

/** The wait before the next code; there is none before a longer one than the last. */
function resendWaitMs({ sends, sendsSince, sentAt, digits }: CodeRow, needed: number, now: Date): number {
  const isOutgrown = digits > 0 && digits < needed;
  if (isOutgrown || sends === 0 || now.getTime() - sendsSince.getTime() >= RESEND_WINDOW_MS) return 0;
  const waitMs = RESEND_AFTER_MS[Math.min(sends, RESEND_AFTER_MS.length) - 1] ?? 0;
  return Math.max(0, sentAt.getTime() + waitMs - now.getTime());
}

interface CountedTry {
  codeHmac: string;
  triesLeft: number;
  cost: TryCost;
}

/**
 * Takes one try off the code, and counts it as a wrong code, in a transaction of its own: both stay whatever comes next.
 * Tries at one recipient go one at a time, so that each sees how many wrong codes there were before it.
 */
async function countTry(owner: CodeOwner, by: Requester, now: Date): Promise<Result<CountedTry, CheckCodeFailure>> {
  const { recipient } = owner;
  const counted = await write(async (tx): Promise<Result<CountedTry | null, LimitFailure>> => {
    await take(tx, [{ limit: TRIES_AT_RECIPIENT, subject: recipient }], now);
    const taken = await take(tx, tryBudgets(owner, by), now);
    if (!taken.ok) return taken;
    const [row] = await tx.oneTimeCode.updateManyAndReturn({
      where: {
        ...owner,
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
    const { id: wrongCodeId } = await tx.wrongCode.create({ data: { recipient, at: now }, select: { id: true } });
    if (isTimeToSweep("wrong codes")) {
      await tx.wrongCode.deleteMany({ where: { at: { lt: new Date(now.getTime() - ALARM_MEAN_MS) } } });
    }
    const cost = { wrongCodeId, taken: taken.value };
    return succeed({ codeHmac: row.codeHmac, triesLeft: TRIES_PER_CODE - row.tries, cost });
  });
  if (!counted.ok) return counted;
  if (counted.value) return succeed(counted.value);
  const status = await getCodeStatus(owner, by, now);
  if (!status) return fail({ name: "code_not_requested" });
  return fail({ name: status.state === "spent" ? "code_spent" : "code_expired" });
}
