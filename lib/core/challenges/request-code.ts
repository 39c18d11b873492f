import type { Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import {
  CODE_TTL_MS,
  MAIL_TIMEOUT_MS,
  SEND_RETRY_AFTER_MS,
  SENDER_FAILURES_MAX,
  SENDER_REST_MS,
  SENDER_TIMEOUT_MS,
} from "@/lib/core/policy";
import {
  type Charged,
  consume,
  type LimitFailure,
  networkCharges,
  REFUSALS_OF_NETWORK,
  record,
  refund,
  SENDS_FROM_NETWORK,
  SENDS_OF_RECOGNISED_BROWSER,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { sweepInBackground } from "@/lib/core/sweeping";
import { CLOCK_SKEW_MS_MAX, type RolledBack, rollBack, type Transaction, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { countOutcome, countSending } from "@/lib/ops/metrics";
import { currentRequestId } from "@/lib/ops/request-ids";
import { type ChainSender, type ChainSending, sendByFirst } from "@/lib/senders/chain";
import { consoleSender } from "@/lib/senders/console";
import { mailChannel, mailSender } from "@/lib/senders/mail";
import { phoneSenders } from "@/lib/senders/phone";
import type { OutgoingMessage, Sender } from "@/lib/senders/sender";
import { abandonSending, acceptSending, beginSending, type Challenge, lockChallenge, type Sending } from "./challenge";
import { isAlarm, neededDigits, newCodeDigits } from "./code-length";
import { composeCodeMessage, type Language } from "./code-message";
import { getCodeStatus } from "./code-status";
import { findCodeDelivery, recordRefusal, recordSending } from "./deliveries";
import { type ChallengeKey, drawOneTimeCode, type OneTimeCode } from "./one-time-code";
import { isInSchedule, resendWaitMs } from "./resend-schedule";
import { messageCharges, ownSendCharges, sendCharges, warnOfClosing, warnOfMessages } from "./send-limits";
import { countryOf, isServedPhone } from "./served-countries";

export interface SentCode {
  digits: number;
  /** The code itself while `REVEAL_CODES` is on. The caller decides whom to show it to. */
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
   * When the requester was last told how things stand: a code that was sent after that is the one asked for, and no other is
   * sent. So a form that is sent twice sends one code.
   */
  askedAt?: Date | undefined;
  /** Runs what no answer waits for: the conversation with the mail server. */
  defer?: (task: () => Promise<void>) => void;
}

/** Whether codes can be sent to mailboxes: by a mail server, or in the demonstration by the console. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of the holder's last one. Whether the recipient has an account plays no part. The
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
  key: ChallengeKey,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure>> {
  return countOutcome("codes_sent", await issueChallenge(key, requester, options));
}

async function issueChallenge(
  key: ChallengeKey,
  requester: Requester,
  { now = new Date(), language = "ru", sender, draw = drawOneTimeCode, askedAt, defer = runUnawaited }: SendingOptions,
): Promise<Result<SentCode, RequestCodeFailure>> {
  const { recipient } = key;
  if (recipient.kind === "phone" && !isServedPhone(recipient.address)) {
    await refuse(recipient, requester, "country_not_allowed", now);
    return fail({ name: "country_not_allowed" });
  }
  const channels = channelsTo(recipient, sender);
  if (channels.every(({ isResting }) => isResting())) {
    for (const { name } of channels) countSending({ sender: name, outcome: "resting" });
    return fail({ name: "code_not_sent", retryAfterMs: SEND_RETRY_AFTER_MS, mayArrive: false });
  }
  const begun = await transact((tx) => storeCode(tx, key, requester, { now, askedAt, draw }));
  if (!begun.ok) {
    if (begun.failure.name !== "messages_spent") return fail(begun.failure);
    const spent = { name: "budget_spent", retryAfterMs: begun.failure.retryAfterMs } as const;
    warnOfClosing(requester, recipient, spent, now);
    await refuse(recipient, requester, "budget_spent", now);
    return fail(spent);
  }
  const { sending, charged } = begun.value;
  warnOfMessages(charged);
  sweepInBackground();

  const { code } = sending;
  const sent = succeed({ digits: code.length, revealed: env.REVEAL_CODES ? code : null });
  const message = {
    ...composeCodeMessage(key, code, language),
    ttlMs: CODE_TTL_MS,
    requesterAddress: requester.network,
  };
  const deliver = () => deliverCode(begun.value, requester, message, channels, now);
  if (recipient.kind === "email") {
    defer(async () => void (await deliver()));
    return sent;
  }
  const sentBy = await deliver();
  if (sentBy.accepted) return sent;
  const { resendInMs = 0 } = (await getCodeStatus(key, requester, now)) ?? {};
  const retryAfterMs = Math.max(SEND_RETRY_AFTER_MS, resendInMs);
  return fail({ name: "code_not_sent", retryAfterMs, mayArrive: countUnanswered(sentBy) > 0 });
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

/** A code that was stored, what it was charged, and the sender to begin after. */
interface Begun {
  sending: Sending;
  charged: Charged;
  /** The sender of the last code, where that was not delivered as far as is known, and not used. */
  undelivered: string | null;
}

type StoreCodeFailure = RequestCodeFailure | { name: "messages_spent"; retryAfterMs: number };

/**
 * Stores a new code in place of the last one, charges it, and starts the wait before the next. A request that is refused is rolled
 * back, so that it leaves no row.
 */
async function storeCode(
  tx: Transaction,
  key: ChallengeKey,
  requester: Requester,
  { now, askedAt, draw }: { now: Date; askedAt: Date | undefined; draw: (digits: number) => OneTimeCode },
): Promise<Result<Begun, StoreCodeFailure> | RolledBack<Result<Begun, StoreCodeFailure>>> {
  const { recipient } = key;
  const [last, needed, isDuringAlarm] = await Promise.all([
    lockChallenge(tx, key, now),
    neededDigits(tx, recipient, requester, now),
    isAlarm(tx, now),
  ]);
  const retryAfterMs = resendWaitMs(last, needed, now);
  const isAnswered = last.codeHmac !== null;
  // One that was sent later than now was sent by a clock that ran ahead.
  const isSentSince = askedAt && last.sentAt > askedAt && last.sentAt.getTime() <= now.getTime() + CLOCK_SKEW_MS_MAX;
  if (isSentSince && isAnswered) return rollBack(fail({ name: "resend_too_early", retryAfterMs }));
  // Charged last, because other requests may wait for the limits' rows until this is committed.
  const ownCharges = ownSendCharges(recipient, requester);
  const own = ownCharges && (await consume(tx, ownCharges, now));
  if (!own?.ok && retryAfterMs > 0) return rollBack(fail({ name: "resend_too_early", retryAfterMs }));
  const [consumed, messages] = await Promise.all([
    own?.ok ? own : consume(tx, sendCharges(recipient, requester), now),
    consume(tx, messageCharges(recipient, requester), now),
  ]);
  if (!consumed.ok) return rollBack(consumed);
  if (!messages.ok) return rollBack(fail({ ...messages.failure, name: "messages_spent" }));
  const code = draw(newCodeDigits(needed, isDuringAlarm));
  const sending = beginSending(tx, key, last, { code, network: own?.ok ? null : requester.network, now });
  const undelivered = await findUndelivered(tx, recipient, last, now);
  return succeed({ sending, charged: [...consumed.value, ...messages.value], undelivered });
}

/** The sender of the last code, where that was sent in this round of the schedule, and neither delivered nor used. */
async function findUndelivered(
  tx: Transaction,
  recipient: Recipient,
  { sends, sendsSince, state, deliveryAt }: Challenge,
  now: Date,
): Promise<string | null> {
  if (!isInSchedule({ sends, sendsSince }, now) || state === "used") return null;
  const delivery = await findCodeDelivery(tx, recipient, deliveryAt);
  return delivery.state === "delivered" ? null : delivery.sender;
}

/** Offers the code to the channels, and writes down what became of it. */
async function deliverCode(
  { sending, charged, undelivered }: Begun,
  requester: Requester,
  message: OutgoingMessage,
  channels: readonly ChainSender[],
  now: Date,
): Promise<ChainSending> {
  const { recipient } = sending.key;
  let sent: ChainSending = { accepted: null, passedOver: [] };
  try {
    sent = await sendByFirst(startingAfter(channels, undelivered), message, countSending);
    for (const { sender, outcome, reason } of sent.passedOver) {
      if (outcome === "failed")
        log.warn({ requestId: currentRequestId(), sender, reason }, "a sender failed to send a code");
    }
  } finally {
    const unanswered = countUnanswered(sent);
    const isTaken = sent.accepted !== null || unanswered > 0;
    const also = await transact(async (tx) => {
      recordSending(tx, recipient, sent, now);
      if (isTaken) {
        await acceptSending(tx, sending);
      } else {
        await abandonSending(tx, sending, now);
        refund(tx, refundable(charged, sent));
      }
      // One of them was paid for at the beginning.
      return chargeMessages(tx, recipient, requester, unanswered - (sent.accepted ? 0 : 1), now);
    });
    for (const messages of also) warnOfMessages(messages);
  }
  return sent;
}

/** The channels in their order, beginning after the one that took the last code and, as far as is known, did not deliver it. */
function startingAfter(channels: readonly ChainSender[], undelivered: string | null): readonly ChainSender[] {
  const at = channels.findIndex(({ name }) => name === undelivered) + 1;
  return [...channels.slice(at), ...channels.slice(0, at)];
}

/** What a refused message costs all the same: what the requester may ask for, so that providers aren't asked without end. */
const REQUESTERS_LIMITS = [SENDS_FROM_NETWORK, SENDS_OF_RECOGNISED_BROWSER].map(({ name }) => name);

/** What is given back for a code that no channel took. */
function refundable(charged: Charged, { passedOver }: ChainSending): Charged {
  const isRefused = passedOver.some(({ outcome }) => outcome === "refused");
  return charged.filter(({ limit }) => !isRefused || !REQUESTERS_LIMITS.includes(limit.name));
}

/** How many senders haven't answered: they may have sent the message all the same, and be paid for it. */
function countUnanswered({ passedOver }: ChainSending): number {
  return passedOver.filter(({ mayBeSent }) => mayBeSent).length;
}

/** Counts messages that may have been sent besides the one that was asked for. */
async function chargeMessages(
  tx: Transaction,
  recipient: Recipient,
  requester: Requester,
  count: number,
  now: Date,
): Promise<Charged[]> {
  const charged: Charged[] = [];
  while (charged.length < count) charged.push(await record(tx, messageCharges(recipient, requester), now));
  return charged;
}

/** Remembers a refusal, so often of one network: being refused fills no table. */
async function refuse(recipient: Recipient, { network }: Requester, reason: string, now: Date): Promise<void> {
  await transact(async (tx) => {
    const consumed = await consume(tx, networkCharges(REFUSALS_OF_NETWORK, network), now);
    if (consumed.ok) recordRefusal(tx, recipient, reason, now);
  });
  countSending({ sender: "none", outcome: reason });
}
