import { startBackgroundWork } from "@/lib/core/background-work";
import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { CLOCK_SKEW_MS_MAX, CODE_TTL_MS, SEND_RETRY_AFTER_MS } from "@/lib/core/policy";
import {
  type Charged,
  consume,
  type LimitFailure,
  networkCharges,
  retryAfterMs,
  STORED_REFUSALS_OF_NETWORK,
  STORED_REFUSALS_TO_RECIPIENT,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type RolledBack, readPrimary, rollBack, type Transaction, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { log, logError } from "@/lib/ops/log";
import { countOutcome, countSending } from "@/lib/ops/metrics";
import { currentRequestId } from "@/lib/ops/request-ids";
import { type ChainSender, type ChainSending, deliverThroughChain } from "@/lib/senders/chain";
import { mailSender } from "@/lib/senders/mail";
import type { OutgoingCodeMessage, Sender } from "@/lib/senders/sender";
import { abandonSending, acceptSending, beginSending, type Challenge, lockChallenge, type Sending } from "./challenge";
import { channelsTo, rememberSendingMs, TEST_NUMBER_CHANNEL } from "./channels";
import { findCodeNeeds, newCodeDigits } from "./code-length";
import { composeCodeMessage, type Language } from "./code-message";
import { getCodeStatus } from "./code-status";
import { type CodeRequest, findCodeDelivery, type RefusalReason, recordRefusal, recordSending } from "./deliveries";
import { type ChallengeKey, drawOneTimeCode, type OneTimeCode } from "./one-time-code";
import { isInSchedule, waitMsFor } from "./resend-schedule";
import {
  chargeFurtherMessages,
  chargeSend,
  type RefusedSend,
  refundUnsent,
  warnWhenNearlyUsedUp,
  warnWhenUsedUp,
} from "./send-limits";
import { isServedPhone } from "./served-countries";
/** A code that was stored and is being sent, or was sent. */
export interface SentCode {
  digits: number;
  /** The code itself if `REVEAL_CODES` is on, otherwise null. The caller decides who sees the code. */
  revealed: OneTimeCode | null;
}

/** The failures of `requestCode`. `mayArrive`: a sender did not answer, so the message may still arrive. */
export type RequestCodeFailure =
  | { name: "country_not_allowed" }
  | { name: "resend_too_early"; retryAfterMs: number }
  | LimitFailure
  | { name: "code_not_sent"; retryAfterMs: number; mayArrive: boolean };

/** Options of a request for a code. In tests, `sender` replaces the configured channels and `draw` the random generator. */
export interface SendingOptions {
  now?: Date;
  language?: Language;
  sender?: Sender;
  draw?: (digits: number) => OneTimeCode;
  /**
   * When the form was last shown to the requester. If a code was sent after that time, no other code is sent, so that a form
   * that is submitted twice sends one code.
   */
  askedAt?: Date | undefined;
  /** Runs a task that the answer does not wait for: the dialogue with the mail server. */
  defer?: (task: () => Promise<void>) => void;
}

/** Whether codes can be sent to mailboxes: through a mail server, or through the console in a demonstration. */
export const IS_MAIL_OFFERED = mailSender !== null || env.REVEAL_CODES;

/**
 * Sends a new code to the recipient, in place of the last code of this challenge, whether or not the recipient has an account.
 *
 * The code is stored before it is sent, so that a code that arrives is valid even if this process ends. If no channel accepts
 * the new code, the last code is valid again. For a phone, the promise settles when a channel has accepted the code. For a
 * mailbox, it settles before the mail server is asked, so that neither the result nor the duration says anything about the
 * mailbox. The delivery is stored, and the page that asks for the code shows the delivery.
 *
 * No message is sent to a test number: its fixed code is valid as long as a code that was sent would be. The promise settles after
 * the time that a sender took for another phone, so that the duration does not tell a test number from outside.
 *
 * Failures:
 * - `country_not_allowed`: the phone is of a country or kind that gets no codes.
 * - `resend_too_early`: the wait after the last code is not over.
 * - `budget_spent`: a limit of the recipient, the network or the operator's day is used up.
 * - `code_not_sent`: no channel accepted the code. All charges are refunded, except those of the requester if a provider
 *   refused the number. With `mayArrive`, a sender did not answer: the code is valid if it arrives, and its charges stay.
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
  const { recipient, purpose } = key;
  const request = { at: now, id: currentRequestId() ?? null, recipient, requester, purpose, digits: null };
  if (recipient.kind === "phone" && !isServedPhone(recipient.address)) {
    await storeRefusal(request, "country_not_allowed");
    return fail({ name: "country_not_allowed" });
  }
  const channels = channelsTo(recipient, sender);
  const isSenderless = channels.every(({ restLeftMs }) => restLeftMs() > 0);
  if (isSenderless && !(await findCodeNeeds(readPrimary, recipient, requester, now)).fixedCode) {
    for (const { name } of channels) countSending({ sender: name, outcome: "resting" });
    await storeRefusal(request, "senders_resting");
    return fail({ name: "code_not_sent", retryAfterMs: SEND_RETRY_AFTER_MS, mayArrive: false });
  }
  const stored = await transact((tx) => storeCode(tx, key, requester, { now, askedAt, draw }));
  if (!stored.ok) {
    const { name: reason, retryAfterMs, isTest } = stored.failure;
    if (reason === "day_messages_spent" || reason === "day_cost_spent")
      warnWhenUsedUp(requester, recipient, { retryAfterMs }, now);
    await storeRefusal(request, reason, { isTest });
    return fail({ name: reason === "resend_too_early" ? reason : "budget_spent", retryAfterMs });
  }
  const { sending, charged, isTest } = stored.value;
  warnWhenNearlyUsedUp(charged);
  startBackgroundWork();

  const { code } = sending;
  const sent = succeed({ digits: code.length, revealed: env.REVEAL_CODES && !isTest ? code : null });
  const message = {
    ...composeCodeMessage(key, code, language),
    ttlMs: CODE_TTL_MS,
    requesterAddress: requester.network,
  };
  const asked = isTest ? [TEST_NUMBER_CHANNEL] : channels;
  const deliver = () => deliverCode(stored.value, { ...request, digits: code.length }, message, asked);
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

function runUnawaited(task: () => Promise<void>): void {
  task().catch((error: unknown) => logError(error, "a code was not sent"));
}

/** A code that was stored, and the charges that were consumed for it. */
interface StoredCode {
  /** Whether the recipient is a test number. The stored code is then never sent, and it is not accepted: the fixed code is. */
  isTest: boolean;
  sending: Sending;
  charged: Charged;
  /**
   * The sender of the last code, if that code is neither known to be delivered nor used; otherwise null. The new code is first
   * offered to the channel after this sender.
   */
  undelivered: string | null;
}

type StoringResult = Result<StoredCode, RefusedSend & { isTest: boolean }>;

/**
 * Stores a new code in place of the last one, consumes the charges for the new code, and starts the wait before the next code.
 * A failure rolls the transaction back, so that a refused request changes neither challenge nor counters.
 */
async function storeCode(
  tx: Transaction,
  key: ChallengeKey,
  requester: Requester,
  { now, askedAt, draw }: { now: Date; askedAt: Date | undefined; draw: (digits: number) => OneTimeCode },
): Promise<StoringResult | RolledBack<StoringResult>> {
  const { recipient } = key;
  const [last, needs] = await Promise.all([lockChallenge(tx, key, now), newCodeDigits(tx, key, requester, now)]);
  const isTest = needs.fixedCode !== null;
  const earlyMs = waitMsFor(last, needs, requester, now);
  const isAnswered = last.codeHmac !== null;
  // A later time than this was written by a clock that ran ahead.
  const isSentSince = askedAt && last.sentAt > askedAt && last.sentAt.getTime() <= now.getTime() + CLOCK_SKEW_MS_MAX;
  if (isSentSince && isAnswered) return rollBack(fail({ name: "resend_too_early", retryAfterMs: earlyMs, isTest }));
  // The limits are charged last, because other requests may wait for their rows until this transaction commits.
  const sent = await chargeSend(tx, key, requester, { earlyMs, isTest, now });
  if (!sent.ok) return rollBack(fail({ ...sent.failure, isTest }));
  const { charged, network } = sent.value;
  const sending = beginSending(tx, key, last, { code: draw(needs.ofNewCode), network, now });
  return succeed({ isTest, sending, charged, undelivered: await findUndelivered(tx, recipient, last, now) });
}

/**
 * Returns the sender of the last code. Returns null if that code is delivered, used, or older than the current resend schedule.
 */
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

/** Hands the code to the channels, and stores the result. Refunds the charges if no channel accepted it. */
async function deliverCode(
  { isTest, sending, charged, undelivered }: StoredCode,
  request: CodeRequest,
  message: OutgoingCodeMessage,
  channels: readonly ChainSender[],
): Promise<ChainSending> {
  const { at: now, recipient, requester } = request;
  let sent: ChainSending = { accepted: null, passedOver: [] };
  try {
    const startedAt = performance.now();
    sent = await deliverThroughChain(startingAfter(channels, undelivered), message, countSending);
    if (recipient.kind === "phone" && !isTest && sent.accepted) rememberSendingMs(performance.now() - startedAt);
    for (const { sender, outcome, reason } of sent.passedOver) {
      if (outcome === "failed")
        log.warn({ requestId: request.id ?? undefined, sender, reason }, "a sender failed to send a code");
    }
  } finally {
    const unanswered = countUnanswered(sent);
    const isTaken = sent.accepted !== null || unanswered > 0;
    const extraMessages = await transact(async (tx) => {
      recordSending(tx, request, sent);
      if (isTaken) {
        await acceptSending(tx, sending);
      } else {
        await abandonSending(tx, sending, now);
        refundUnsent(tx, charged, { isRefused: sent.passedOver.some(({ outcome }) => outcome === "refused") });
      }
      // A sender that did not answer may have sent its message. One message was charged when the code was stored.
      return chargeFurtherMessages(tx, recipient, requester, { count: unanswered - (sent.accepted ? 0 : 1), now });
    });
    for (const messages of extraMessages) warnWhenNearlyUsedUp(messages);
  }
  return sent;
}

function startingAfter(channels: readonly ChainSender[], undelivered: string | null): readonly ChainSender[] {
  const at = channels.findIndex(({ name }) => name === undelivered) + 1;
  return [...channels.slice(at), ...channels.slice(0, at)];
}

/** Returns how many senders did not answer. Each may have sent the message, and may charge for it. */
function countUnanswered({ passedOver }: ChainSending): number {
  return passedOver.filter(({ mayBeSent }) => mayBeSent).length;
}

/**
 * Stores a refused request for a code as a delivery. Limits for each recipient and network keep a flood of such requests from
 * filling the table: when they are used up, a request only reads their counters and writes nothing.
 */
async function storeRefusal(request: CodeRequest, reason: RefusalReason, { isTest = false } = {}): Promise<void> {
  const { at: now, recipient, requester } = request;
  countSending({ sender: "none", outcome: reason });
  const charges = [
    { limit: STORED_REFUSALS_TO_RECIPIENT, subject: limitSubject(recipient) },
    ...networkCharges(STORED_REFUSALS_OF_NETWORK, requester.network),
  ];
  if ((await retryAfterMs(readPrimary, charges, now)) > 0) return;
  await transact(async (tx) => {
    const consumed = await consume(tx, charges, now);
    if (!consumed.ok) return rollBack(undefined);
    recordRefusal(tx, request, reason, { isTest });
  });
}
