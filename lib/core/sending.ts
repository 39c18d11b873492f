import { type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { countOutcome, countSending } from "@/lib/ops/metrics";
import { type ChainSender, type ChainSending, type Patience, sendByFirst } from "@/lib/senders/chain";
import { consoleSender } from "@/lib/senders/console";
import { mailSender } from "@/lib/senders/mail";
import { phoneSenders } from "@/lib/senders/phone";
import type { MailSender, OutgoingMessage, Sender } from "@/lib/senders/sender";
import { type CodeRow, getCodeStatus, resendWaitMs } from "./challenges";
import { neededDigits, newCodeDigits } from "./code-length";
import { composeCodeMessage, type Language } from "./code-message";
import { recordRefusal, recordSending } from "./deliveries";
import { countryOf, isDestination } from "./destinations";
import {
  giveBack,
  type LimitFailure,
  networkBudgets,
  REFUSALS_OF_NETWORK,
  SENDS_FROM_NETWORK,
  SENDS_OF_KNOWN_BROWSER,
  type Taken,
  take,
  takeAnyway,
} from "./limits";
import { type CodeOwner, drawOneTimeCode, type OneTimeCode, rowKey, sealCode, sealNothing } from "./one-time-code";
import {
  CODE_TTL_MS,
  PENDING_LOGIN_TTL_MS,
  RESEND_WINDOW_MS,
  SEND_RETRY_AFTER_MS,
  SENDER_FAILURES_MAX,
  SENDER_REST_MS,
  SENDER_TIMEOUT_MS,
} from "./policy";
import type { Recipient } from "./recipient";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { messageBudgets, ownSendBudgets, sendBudgets, warnOfClosing, warnOfMessages } from "./send-budgets";
import { isTimeToSweep } from "./sweeping";

export interface SentCode {
  digits: number;
  /** The code itself while `REVEAL_CODES` is on. Whom to show it to is the caller's to decide. */
  revealed: OneTimeCode | null;
}

export type RequestCodeFailure =
  | { name: "country_not_allowed" }
  | { name: "resend_too_early"; retryAfterMs: number }
  | LimitFailure
  | { name: "code_not_sent"; retryAfterMs: number; mayArrive: boolean };

export interface SendingOptions {
  now?: Date;
  language?: Language;
  sender?: Sender | MailSender;
  draw?: (digits: number) => OneTimeCode;
  /**
   * When whoever asks was last told how things stand: a code that was sent after that is what they ask for, and none is
   * sent again. So a form that is sent twice sends one.
   */
  askedAt?: Date | undefined;
}

/** Whether codes can be sent to mailboxes: by a mail server, or in the demonstration by the console. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of this asker's last one, and settles when a channel accepted it. Whether
 * the recipient has an account plays no part. Fails with `country_not_allowed` for phones that no code is sent to, with
 * `resend_too_early` until the wait after the last code is over, with `budget_spent` when the recipient, the network or the
 * operator's day has had its codes, and with `code_not_sent` when no channel takes it, which leaves everything as it was
 * but for what whoever asks may ask for. With `mayArrive` a channel hasn't answered: a code that comes is good, and costs
 * what it costs.
 * With `isDecoy` all goes the same way, but nothing is sent and no code is right.
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
    sender,
    draw = drawOneTimeCode,
    isDecoy = false,
    askedAt,
  }: SendingOptions & { isDecoy?: boolean },
): Promise<Result<SentCode, RequestCodeFailure>> {
  const { recipient } = owner;
  if (recipient.kind === "phone" && !isDestination(recipient.address)) {
    await write((tx) => refuse(tx, recipient, by, "country_not_allowed", now));
    return fail({ name: "country_not_allowed" });
  }
  const begun = await write((tx) => beginSending(tx, owner, by, { now, askedAt }));
  if (!begun.ok) return begun;
  warnOfMessages(begun.value.taken);
  const code = draw(begun.value.digits);
  const codeHmac = isDecoy ? sealNothing() : sealCode(code, owner);
  let sending: ChainSending = { accepted: null, passedOver: [] };
  try {
    const message = { ...composeCodeMessage(owner, code, language), ttlMs: CODE_TTL_MS, requesterAddress: by.network };
    sending = isDecoy ? await pretend(recipient, sender) : await send(message, recipient, sender);
  } finally {
    await write((tx) =>
      sending.accepted || countUnanswered(sending) > 0
        ? keepCode(tx, owner, by, { codeHmac, digits: code.length }, sending, now)
        : forgetSending(tx, owner, begun.value, sending, now),
    );
  }
  if (!sending.accepted) {
    const { resendInMs = 0 } = (await getCodeStatus(owner, by, now)) ?? {};
    const retryAfterMs = Math.max(SEND_RETRY_AFTER_MS, resendInMs);
    return fail({ name: "code_not_sent", retryAfterMs, mayArrive: countUnanswered(sending) > 0 });
  }
  return succeed({ digits: code.length, revealed: env.REVEAL_CODES ? code : null });
}

/** A request that was begun is carried through; each sender of a chain has its own end. */
const NEVER_ABORTED = new AbortController().signal;

const PATIENCE: Patience = {
  timeoutMs: SENDER_TIMEOUT_MS,
  failuresMax: SENDER_FAILURES_MAX,
  restMs: SENDER_REST_MS,
};

/** Offers the message to the channels of its recipient: phones have a chain, which their country may have of its own. */
function send(message: OutgoingMessage, recipient: Recipient, sender?: Sender): Promise<ChainSending> {
  const senders =
    sender || recipient.kind === "email"
      ? [onlySender(sender ?? mailSender ?? consoleSender)]
      : phoneSenders(countryOf(recipient.address) ?? undefined, PATIENCE);
  return sendByFirst(senders, message, countSending);
}

function onlySender(sender: Sender): ChainSender {
  const name = sender === consoleSender ? "console" : "mail";
  return { name, send: (message) => sender.send(message, NEVER_ABORTED) };
}

async function pretend(recipient: Recipient, given?: Sender | MailSender): Promise<ChainSending> {
  const sender = given ?? mailSender ?? consoleSender;
  if (!isMailSender(sender)) throw new Error("only mailboxes have decoys");
  const name = "decoy";
  const sending = await sender.pretend(recipient.address);
  return sending.outcome === "accepted"
    ? { accepted: { sender: name, id: null, cost: null }, passedOver: [] }
    : { accepted: null, passedOver: [{ sender: name, ...sending }] };
}

function isMailSender(sender: Sender | MailSender): sender is MailSender {
  return "pretend" in sender;
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
  { now, askedAt }: { now: Date; askedAt: Date | undefined },
): Promise<Result<BegunSending, RequestCodeFailure>> {
  const { recipient } = owner;
  const key = rowKey(owner);
  const where = { recipient_purpose_asker: key };
  // A change of nothing holds the row: of parallel requests each sees what the one before it did.
  const last = await tx.oneTimeCode.upsert({
    where,
    create: { ...key, digits: 0, expiresAt: now, sentAt: now, sends: 0, sendsSince: now },
    update: { sends: { increment: 0 } },
  });
  const needed = await neededDigits(tx, recipient, now);
  const digits = await newCodeDigits(tx, needed, now);
  const retryAfterMs = resendWaitMs(last, needed, now);
  const isAnswered = last.codeHmac !== null || last.sends > 0;
  if (askedAt && isAnswered && last.sentAt > askedAt) return fail({ name: "resend_too_early", retryAfterMs });
  // Last of all, because others may wait for the budgets' rows until this is committed.
  const ownBudgets = ownSendBudgets(recipient, by);
  const own = ownBudgets && (await take(tx, ownBudgets, now));
  if (!own?.ok && retryAfterMs > 0) return fail({ name: "resend_too_early", retryAfterMs });
  const taken = own?.ok ? own : await take(tx, sendBudgets(recipient, by), now);
  if (!taken.ok) {
    await dropEmpty(tx, owner);
    return taken;
  }
  const messages = await take(tx, messageBudgets(recipient, by), now);
  if (!messages.ok) {
    await dropEmpty(tx, owner);
    await giveBack(tx, taken.value);
    await refuse(tx, recipient, by, "budget_spent", now);
    warnOfClosing(by, recipient, messages.failure, now);
    return messages;
  }
  const isGrowing = last.sends > 0 && now.getTime() - last.sendsSince.getTime() < RESEND_WINDOW_MS;
  const sending = {
    sentAt: now,
    sends: isGrowing ? last.sends + 1 : 1,
    sendsSince: isGrowing ? last.sendsSince : now,
  };
  // A code that has to be longer is void, and goes at once: of parallel requests for the longer one, one passes.
  const isOutgrown = last.digits > 0 && last.digits < needed;
  await tx.oneTimeCode.update({ where, data: { ...sending, ...(isOutgrown && { digits: needed, codeHmac: null }) } });
  if (isTimeToSweep("codes")) {
    const forgottenBefore = new Date(now.getTime() - PENDING_LOGIN_TTL_MS);
    await tx.oneTimeCode.deleteMany({ where: { sentAt: { lt: forgottenBefore } } });
  }
  return succeed({ digits, taken: [...taken.value, ...messages.value], last });
}

/** Nobody makes rows by asking for codes that aren't sent: one without a code, and without a wait, goes again. */
async function dropEmpty(tx: Writer, owner: CodeOwner): Promise<void> {
  await tx.oneTimeCode.deleteMany({ where: { ...rowKey(owner), codeHmac: null, sends: 0 } });
}

/** Remembers a refusal, so often of one network: nobody fills the table by being refused. */
async function refuse(tx: Writer, recipient: Recipient, { network }: Requester, reason: string, now: Date) {
  const taken = await take(tx, networkBudgets(REFUSALS_OF_NETWORK, network), now);
  countSending({ sender: "none", outcome: reason });
  if (taken.ok) await recordRefusal(tx, recipient, reason, now);
}

/** Puts the new code in the last one's place; the row may have gone to another asker meanwhile, with what it proves. */
async function keepCode(
  tx: Writer,
  owner: CodeOwner,
  by: Requester,
  code: { codeHmac: string; digits: number },
  sending: ChainSending,
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
    where: { recipient_purpose_asker: rowKey(owner) },
    create: { ...rowKey(owner), ...sealed, sentAt: now, sends: 1, sendsSince: now },
    update: sealed,
  });
  await recordSending(tx, owner.recipient, sending, now);
  // One of them was paid for at the beginning.
  await takeMessages(tx, owner.recipient, by, countUnanswered(sending) - (sending.accepted ? 0 : 1), now);
}

/** What a refused message costs all the same: what whoever asks may ask for, so that nobody keeps asking providers. */
const ASKERS_LIMITS = [SENDS_FROM_NETWORK, SENDS_OF_KNOWN_BROWSER].map(({ name }) => name);

/** Takes the wait back, unless a later code has begun another one, or a right one ended it, and what it cost. */
async function forgetSending(
  tx: Writer,
  owner: CodeOwner,
  { last, taken }: BegunSending,
  sending: ChainSending,
  now: Date,
): Promise<void> {
  const { sentAt, sends, sendsSince, digits, codeHmac } = last;
  await tx.oneTimeCode.updateMany({
    where: { ...rowKey(owner), sentAt: now, sends: { gt: 0 } },
    data: { sentAt, sends, sendsSince, digits, codeHmac },
  });
  const isRefused = sending.passedOver.some(({ outcome }) => outcome === "refused");
  await giveBack(
    tx,
    taken.filter(({ limit }) => !isRefused || !ASKERS_LIMITS.includes(limit.name)),
  );
  await recordSending(tx, owner.recipient, sending, now);
}

/** How many senders haven't answered: they may have sent the message all the same, and be paid for it. */
function countUnanswered({ passedOver }: ChainSending): number {
  return passedOver.filter(({ mayBeSent }) => mayBeSent).length;
}

/** Counts messages that may have been sent besides the one that was asked for. */
async function takeMessages(tx: Writer, recipient: Recipient, by: Requester, count: number, now: Date): Promise<void> {
  for (let taken = 0; taken < count; taken += 1) {
    warnOfMessages(await takeAnyway(tx, messageBudgets(recipient, by), now));
  }
}
