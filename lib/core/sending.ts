import { type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { countOutcome, countSending } from "@/lib/ops/metrics";
import { currentRequestId } from "@/lib/ops/request-ids";
import { type ChainSender, type ChainSending, sendByFirst } from "@/lib/senders/chain";
import { consoleSender } from "@/lib/senders/console";
import { mailChannel, mailSender } from "@/lib/senders/mail";
import { phoneSenders } from "@/lib/senders/phone";
import type { OutgoingMessage, Sender } from "@/lib/senders/sender";
import { type CodeRow, getCodeStatus, resendWaitMs } from "./challenges";
import { isAlarm, neededDigits, newCodeDigits } from "./code-length";
import { composeCodeMessage, type Language } from "./code-message";
import { findCodeDelivery, recordRefusal, recordSending, sweepDeliveries } from "./deliveries";
import { countryOf, isDestination } from "./destinations";
import { type CodeOwner, drawOneTimeCode, type OneTimeCode, rowKey, sealCode } from "./one-time-code";
import {
  CODE_TTL_MS,
  MAIL_TIMEOUT_MS,
  PENDING_LOGIN_TTL_MS,
  RESEND_WINDOW_MS,
  SEND_RETRY_AFTER_MS,
  SENDER_FAILURES_MAX,
  SENDER_REST_MS,
  SENDER_TIMEOUT_MS,
} from "./policy";
import {
  type Charged,
  consume,
  type LimitFailure,
  networkCharges,
  REFUSALS_OF_NETWORK,
  record,
  refund,
  SENDS_FROM_NETWORK,
  SENDS_OF_KNOWN_BROWSER,
  sweepCounters,
} from "./rate-limits";
import type { Recipient } from "./recipient";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { messageCharges, ownSendCharges, sendCharges, warnOfClosing, warnOfMessages } from "./send-budgets";
import { sweep } from "./sweeping";

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
  sender?: Sender;
  draw?: (digits: number) => OneTimeCode;
  /**
   * When whoever asks was last told how things stand: a code that was sent after that is what they ask for, and none is
   * sent again. So a form that is sent twice sends one.
   */
  askedAt?: Date | undefined;
  /** Runs what no answer waits for: the conversation with the mail server. */
  defer?: (task: () => Promise<void>) => void;
}

/** Whether codes can be sent to mailboxes: by a mail server, or in the demonstration by the console. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of this asker's last one. Whether the recipient has an account plays no part. The
 * code is stored before it is sent, so that a code that arrives is good, whatever becomes of this process; where no channel takes
 * it the last one is good again. For a phone this settles when a channel has accepted the code. For a mailbox it settles before
 * the mail server is asked, so that neither its answer nor its time tells anything of the mailbox; what becomes of the message
 * is a delivery, which the page with the code shows.
 *
 * Fails with `country_not_allowed` for phones that no code is sent to, with `resend_too_early` until the wait after the last code
 * is over, with `budget_spent` when the recipient, the network or the operator's day has had its codes, and with `code_not_sent`
 * when no channel takes it, which leaves everything as it was but for what a refusal costs the requester. With `mayArrive` a
 * channel hasn't answered: a code that comes is good, and costs what it costs.
 */
export async function requestCode(
  owner: CodeOwner,
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure>> {
  return countOutcome("codes_sent", await sendCode(owner, by, options));
}

async function sendCode(
  owner: CodeOwner,
  by: Requester,
  { now = new Date(), language = "ru", sender, draw = drawOneTimeCode, askedAt, defer = runUnawaited }: SendingOptions,
): Promise<Result<SentCode, RequestCodeFailure>> {
  const { recipient } = owner;
  if (recipient.kind === "phone" && !isDestination(recipient.address)) {
    await refuse(recipient, by, "country_not_allowed", now);
    return fail({ name: "country_not_allowed" });
  }
  const channels = channelsTo(recipient, sender);
  if (channels.every(({ isResting }) => isResting())) {
    for (const { name } of channels) countSending({ sender: name, outcome: "resting" });
    return fail({ name: "code_not_sent", retryAfterMs: SEND_RETRY_AFTER_MS, mayArrive: false });
  }
  const isDuringAlarm = await isAlarm(now);
  const begun = await write((tx) => beginSending(tx, owner, by, { now, askedAt, isDuringAlarm, draw }));
  if (!begun.ok) {
    if (begun.failure.name !== "messages_spent") return fail(begun.failure);
    const spent = { name: "budget_spent", retryAfterMs: begun.failure.retryAfterMs } as const;
    warnOfClosing(by, recipient, spent, now);
    await refuse(recipient, by, "budget_spent", now);
    return fail(spent);
  }
  warnOfMessages(begun.value.taken);
  const forgottenBefore = new Date(now.getTime() - PENDING_LOGIN_TTL_MS);
  await sweep("codes", (tx) => tx.oneTimeCode.deleteMany({ where: { sentAt: { lt: forgottenBefore } } }));
  await sweepCounters(now);

  const { code } = begun.value;
  const sent = succeed({ digits: code.length, revealed: env.REVEAL_CODES ? code : null });
  const message = { ...composeCodeMessage(owner, code, language), ttlMs: CODE_TTL_MS, requesterAddress: by.network };
  const deliver = () => deliverCode(owner, by, begun.value, message, channels, now);
  if (recipient.kind === "email") {
    defer(async () => void (await deliver()));
    return sent;
  }
  const sending = await deliver();
  if (sending.accepted) return sent;
  const { resendInMs = 0 } = (await getCodeStatus(owner, by, now)) ?? {};
  const retryAfterMs = Math.max(SEND_RETRY_AFTER_MS, resendInMs);
  return fail({ name: "code_not_sent", retryAfterMs, mayArrive: countUnanswered(sending) > 0 });
}

/** For callers that have no answer to send first. */
function runUnawaited(task: () => Promise<void>): void {
  task().catch((error: unknown) => logError(error, "a code was not sent"));
}

const NEVER_ABORTED = new AbortController().signal;

const PATIENCE = { failuresMax: SENDER_FAILURES_MAX, restMs: SENDER_REST_MS };

/** The channels to a recipient, in their order: phones have a chain, which their country may have of its own. */
function channelsTo(recipient: Recipient, sender?: Sender): readonly ChainSender[] {
  if (sender) return [onlyChannel("mail", sender)];
  if (recipient.kind === "phone") {
    return phoneSenders(countryOf(recipient.address) ?? undefined, { ...PATIENCE, timeoutMs: SENDER_TIMEOUT_MS });
  }
  return [mailChannel({ ...PATIENCE, timeoutMs: MAIL_TIMEOUT_MS }) ?? onlyChannel("console", consoleSender)];
}

function onlyChannel(name: string, sender: Sender): ChainSender {
  return { name, isResting: () => false, send: (message) => sender.send(message, NEVER_ABORTED) };
}

/** Offers the code to the channels, and writes down what became of it. */
async function deliverCode(
  owner: CodeOwner,
  by: Requester,
  begun: BegunSending,
  message: OutgoingMessage,
  channels: readonly ChainSender[],
  now: Date,
): Promise<ChainSending> {
  let sending: ChainSending = { accepted: null, passedOver: [] };
  try {
    sending = await sendByFirst(startingAfter(channels, begun.undelivered), message, countSending);
    for (const { sender, outcome, reason } of sending.passedOver) {
      if (outcome === "failed")
        log.warn({ requestId: currentRequestId(), sender, reason }, "a sender failed to send a code");
    }
  } finally {
    const taken = await write(async (tx) => {
      await recordSending(tx, owner.recipient, sending, now);
      const unanswered = countUnanswered(sending);
      if (!sending.accepted && unanswered === 0) await forgetSending(tx, owner, begun, sending, now);
      // One of them was paid for at the beginning.
      return takeMessages(tx, owner.recipient, by, unanswered - (sending.accepted ? 0 : 1), now);
    });
    for (const messages of taken) warnOfMessages(messages);
    await sweepDeliveries(now);
  }
  return sending;
}

/** The channels in their order, beginning after the one that took the last code and, as far as is known, did not deliver it. */
function startingAfter(channels: readonly ChainSender[], undelivered: string | null): readonly ChainSender[] {
  const at = channels.findIndex(({ name }) => name === undelivered) + 1;
  return [...channels.slice(at), ...channels.slice(0, at)];
}

interface BegunSending {
  code: OneTimeCode;
  codeHmac: string;
  taken: Charged;
  /** The row as it was before. */
  last: CodeRow;
  /** The sender of the last code, where that was not delivered as far as is known, and not used. */
  undelivered: string | null;
}

/**
 * Stores a new code in place of the last one, and starts the wait before the next. The last one can't be tried from here on: two
 * live codes would double the chance of a guess.
 */
async function beginSending(
  tx: Writer,
  owner: CodeOwner,
  by: Requester,
  {
    now,
    askedAt,
    isDuringAlarm,
    draw,
  }: { now: Date; askedAt: Date | undefined; isDuringAlarm: boolean; draw: (digits: number) => OneTimeCode },
): Promise<Result<BegunSending, RequestCodeFailure | { name: "messages_spent"; retryAfterMs: number }>> {
  const { recipient } = owner;
  const key = rowKey(owner);
  const where = { recipient_purpose_asker: key };
  // Locks the row (an update that changes nothing), so that parallel requests for one code run one after the other.
  const last = await tx.oneTimeCode.upsert({
    where,
    create: { ...key, digits: 0, expiresAt: now, sentAt: now, sends: 0, sendsSince: now },
    update: { sends: { increment: 0 } },
  });
  const needed = await neededDigits(tx, recipient, by, now);
  const retryAfterMs = resendWaitMs(last, needed, now);
  const isAnswered = last.codeHmac !== null || last.sends > 0;
  if (askedAt && isAnswered && last.sentAt > askedAt) return fail({ name: "resend_too_early", retryAfterMs });
  // Last of all, because others may wait for the budgets' rows until this is committed.
  const ownBudgets = ownSendCharges(recipient, by);
  const own = ownBudgets && (await consume(tx, ownBudgets, now));
  if (!own?.ok && retryAfterMs > 0) return fail({ name: "resend_too_early", retryAfterMs });
  const taken = own?.ok ? own : await consume(tx, sendCharges(recipient, by), now);
  if (!taken.ok) {
    await dropEmpty(tx, owner);
    return taken;
  }
  const messages = await consume(tx, messageCharges(recipient, by), now);
  if (!messages.ok) {
    await dropEmpty(tx, owner);
    await refund(tx, taken.value);
    return fail({ name: "messages_spent", retryAfterMs: messages.failure.retryAfterMs });
  }
  const code = draw(newCodeDigits(needed, isDuringAlarm));
  const codeHmac = sealCode(code, owner);
  const isAgain = last.sends > 0 && now.getTime() - last.sendsSince.getTime() < RESEND_WINDOW_MS;
  await tx.oneTimeCode.update({
    where,
    data: {
      codeHmac,
      digits: code.length,
      tries: 0,
      expiresAt: new Date(now.getTime() + CODE_TTL_MS),
      usedAt: null,
      provenUntil: null,
      sentAt: now,
      deliveryAt: now,
      sends: isAgain ? last.sends + 1 : 1,
      sendsSince: isAgain ? last.sendsSince : now,
      network: own?.ok ? null : by.network,
    },
  });
  const delivery = isAgain && !last.usedAt ? await findCodeDelivery(tx, recipient, last.deliveryAt) : null;
  const undelivered = delivery && delivery.state !== "delivered" ? delivery.sender : null;
  return succeed({ code, codeHmac, taken: [...taken.value, ...messages.value], last, undelivered });
}

/** Deletes the placeholder row when no code was sent, so that refused requests leave no rows. */
async function dropEmpty(tx: Writer, owner: CodeOwner): Promise<void> {
  await tx.oneTimeCode.deleteMany({ where: { ...rowKey(owner), codeHmac: null, sends: 0 } });
}

/** Remembers a refusal, so often of one network: being refused fills no table. */
async function refuse(recipient: Recipient, { network }: Requester, reason: string, now: Date): Promise<void> {
  await write(async (tx) => {
    const taken = await consume(tx, networkCharges(REFUSALS_OF_NETWORK, network), now);
    if (taken.ok) await recordRefusal(tx, recipient, reason, now);
  });
  countSending({ sender: "none", outcome: reason });
}

/** What a refused message costs all the same: what the requester may ask for, so that providers aren't asked without end. */
const REQUESTERS_LIMITS = [SENDS_FROM_NETWORK, SENDS_OF_KNOWN_BROWSER].map(({ name }) => name);

/**
 * Undoes what was begun for a code that no channel took: its costs and its wait, and where the last code is still good it can be
 * tried again. Where a later code has taken its place meanwhile, what was before it is kept for that one. A mailbox's code stays
 * where there is no good one before it: its answer was given, and the page says that it was not delivered.
 */
async function forgetSending(
  tx: Writer,
  owner: CodeOwner,
  begun: BegunSending,
  sending: ChainSending,
  now: Date,
): Promise<void> {
  const { codeHmac, taken } = begun;
  // Locks the row (an update that changes nothing), so that overlapping sendings of one owner end one after the other.
  const [row] = await tx.oneTimeCode.updateManyAndReturn({
    where: rowKey(owner),
    data: { sends: { increment: 0 } },
  });
  const last = await takeKept(tx, owner, begun.last);
  const { sends, sendsSince, sentAt, digits, tries, expiresAt, usedAt, provenUntil, network } = last;
  const before = { codeHmac: last.codeHmac, sentAt, digits, tries, expiresAt, usedAt, provenUntil, network };
  if (row && row.codeHmac !== codeHmac) {
    await tx.oneTimeCode.create({ data: { ...keptKey(owner, codeHmac), ...before, sends, sendsSince } });
  } else {
    const isGood = last.codeHmac !== null && last.usedAt === null && last.expiresAt > now;
    await tx.oneTimeCode.updateMany({
      where: { ...rowKey(owner), codeHmac, usedAt: null },
      data: { sends, sendsSince, ...((isGood || owner.recipient.kind === "phone") && before) },
    });
    await dropEmpty(tx, owner);
  }
  const isRefused = sending.passedOver.some(({ outcome }) => outcome === "refused");
  await refund(
    tx,
    taken.filter(({ limit }) => !isRefused || !REQUESTERS_LIMITS.includes(limit.name)),
  );
}

/** The key of a row that keeps what was before a code which no channel took. No asker has such a name. */
function keptKey(owner: CodeOwner, codeHmac: string) {
  return { ...rowKey(owner), asker: `before ${codeHmac}` };
}

/** The row as it is, or what was before it when no channel took its code: then it was kept, and is kept no longer. */
async function takeKept(tx: Writer, owner: CodeOwner, row: CodeRow): Promise<CodeRow> {
  if (row.codeHmac === null) return row;
  const where = { recipient_purpose_asker: keptKey(owner, row.codeHmac) };
  const kept = await tx.oneTimeCode.findUnique({ where });
  if (!kept) return row;
  await tx.oneTimeCode.delete({ where });
  return takeKept(tx, owner, kept);
}

/** How many senders haven't answered: they may have sent the message all the same, and be paid for it. */
function countUnanswered({ passedOver }: ChainSending): number {
  return passedOver.filter(({ mayBeSent }) => mayBeSent).length;
}

/** Counts messages that may have been sent besides the one that was asked for. */
async function takeMessages(
  tx: Writer,
  recipient: Recipient,
  by: Requester,
  count: number,
  now: Date,
): Promise<Charged[]> {
  const taken: Charged[] = [];
  while (taken.length < count) taken.push(await record(tx, messageCharges(recipient, by), now));
  return taken;
}
