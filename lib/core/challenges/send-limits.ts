import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { siteOf } from "@/lib/core/networks";
import {
  SMS_BUDGET_KEPT_PART,
  SMS_BUDGET_PER_DAY,
  SMS_BUDGET_WARNING_PART,
  SMS_COST_PER_DAY,
  SMS_PRICE_BY_COUNTRY,
} from "@/lib/core/policy";
import {
  type Charge,
  type Charged,
  CONSOLE_SENDS_TO_RECIPIENT,
  CONSOLE_SENDS_TO_RECIPIENT_A_DAY,
  consume,
  findSpentLimit,
  networkCharges,
  record,
  refund,
  resetCounters,
  retryAfterMs,
  SENDER_TRIALS_OF_ADMINISTRATOR,
  SENDS_FROM_NETWORK,
  SENDS_OF_RECOGNISED_BROWSER,
  SENDS_OF_RECOGNISED_BROWSERS,
  SENDS_TO_RECIPIENT,
  SENDS_TO_RECIPIENT_A_DAY,
  SENDS_TO_RECIPIENT_FROM_NETWORK,
  SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY,
  type SpentLimit,
  smsCostLimit,
  smsLimit,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Queries, Transaction } from "@/lib/db/database";
import { log } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";
import type { RefusalReason } from "./deliveries";
import type { ChallengeKey } from "./one-time-code";
import { countryOf } from "./served-countries";

/** What a code is sent to, and for. */
type Send = Pick<ChallengeKey, "recipient" | "purpose">;

/** A refused send: the wait after the last code is not over, or a limit is used up. */
export interface RefusedSend {
  name: RefusalReason;
  retryAfterMs: number;
}

const REASON_BY_LIMIT_NAME: Readonly<Record<string, RefusalReason>> = {
  [SENDS_TO_RECIPIENT.name]: "recipient_hour_spent",
  [SENDS_TO_RECIPIENT_A_DAY.name]: "recipient_day_spent",
  [CONSOLE_SENDS_TO_RECIPIENT.name]: "recipient_hour_spent",
  [CONSOLE_SENDS_TO_RECIPIENT_A_DAY.name]: "recipient_day_spent",
  [SENDS_TO_RECIPIENT_FROM_NETWORK.name]: "recipient_network_hour_spent",
  [SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY.name]: "recipient_network_day_spent",
  [SENDS_FROM_NETWORK.name]: "network_hour_spent",
  [smsLimit(0).name]: "day_messages_spent",
  [smsCostLimit(0).name]: "day_cost_spent",
};

function refusedBy({ limit, retryAfterMs }: SpentLimit): RefusedSend {
  const name = REASON_BY_LIMIT_NAME[limit];
  if (!name) throw new Error(`the limit "${limit}" has no reason for a refusal`);
  return { name, retryAfterMs };
}

/**
 * Charges a new code to the limits of its recipient, its requester and the operator's day. A browser that is recognised for the
 * recipient has limits of its own, and when they are used up those of all requesters. `earlyMs` is how much is left of the wait
 * after the last code: during this wait only the browser's own limits allow a code. A code for the admin console is charged to
 * limits that only the administrator's sessions reach, so that strangers who request codes to log in don't keep the console
 * shut. A code to a test number (`isTest`) is charged to its requester alone: no message is sent, and strangers must not use up the
 * number's codes. Returns the charges, and the network that the code was charged to; null if no network was charged.
 *
 * Fails with the reason of the refusal. After a failure the caller rolls the transaction back.
 */
export async function chargeSend(
  tx: Transaction,
  { recipient, purpose }: Send,
  requester: Requester,
  { earlyMs, isTest, now }: { earlyMs: number; isTest: boolean; now: Date },
): Promise<Result<{ charged: Charged; network: string | null }, RefusedSend>> {
  const isForConsole = purpose === "console";
  const ownCharges = isForConsole ? null : recognisedBrowserCharges(recipient, requester);
  const own = ownCharges && (await consume(tx, ownCharges, now));
  if (!own?.ok && earlyMs > 0) return fail({ name: "resend_too_early", retryAfterMs: earlyMs });
  const [sends, messages] = await Promise.all([
    own?.ok ? own : consume(tx, sharedCharges({ recipient, purpose }, requester, isTest), now),
    consume(tx, isTest ? [] : messageCharges(recipient, requester), now),
  ]);
  if (!sends.ok) return fail(refusedBy(sends.failure));
  if (!messages.ok) return fail(refusedBy(messages.failure));
  return succeed({
    charged: [...sends.value, ...messages.value],
    network: own?.ok || isForConsole ? null : requester.network,
  });
}

/**
 * The names of the limits whose charges stay when a provider refuses the number, so that a requester can't have providers asked
 * without end.
 */
const REQUESTER_LIMIT_NAMES = [SENDS_FROM_NETWORK, SENDS_OF_RECOGNISED_BROWSER, CONSOLE_SENDS_TO_RECIPIENT].map(
  ({ name }) => name,
);

/** Refunds a code that no channel accepted. If a provider refused the number, the requester's own limits stay charged. */
export function refundUnsent(tx: Transaction, charged: Charged, { isRefused }: { isRefused: boolean }): void {
  refund(
    tx,
    charged.filter(({ limit }) => !isRefused || !REQUESTER_LIMIT_NAMES.includes(limit.name)),
  );
}

/**
 * Charges a message that tries a sender to the administrator's own limit and to the operator's day. Fails with the limit that is
 * used up. After a failure the caller rolls the transaction back.
 */
export async function chargeTrial(
  tx: Transaction,
  { userId, recipient, requester }: { userId: number; recipient: Recipient; requester: Requester },
  now: Date,
): Promise<Result<Charged, RefusedTrial>> {
  const own = { limit: SENDER_TRIALS_OF_ADMINISTRATOR, subject: String(userId) };
  const charged = await consume(tx, [own, ...messageCharges(recipient, requester)], now);
  if (charged.ok) return charged;
  const { limit, retryAfterMs } = charged.failure;
  return fail(limit === own.limit.name ? { name: "trials_spent", retryAfterMs } : refusedBy(charged.failure));
}

/** A refused trial of a sender: `trials_spent` if the administrator's own limit is used up, otherwise a limit of the day. */
export interface RefusedTrial {
  name: RefusalReason | "trials_spent";
  retryAfterMs: number;
}

/** Refunds the message of a trial that no provider can have taken. The administrator's own limit stays charged. */
export function refundTrial(tx: Transaction, charged: Charged): void {
  refund(
    tx,
    charged.filter(({ limit }) => limit.name !== SENDER_TRIALS_OF_ADMINISTRATOR.name),
  );
}

/** Charges `count` messages that may have been sent in addition to the one that `chargeSend` charged. Returns the charges of each. */
export async function chargeFurtherMessages(
  tx: Transaction,
  recipient: Recipient,
  requester: Requester,
  { count, now }: { count: number; now: Date },
): Promise<Charged[]> {
  const charged: Charged[] = [];
  while (charged.length < count) charged.push(await record(tx, messageCharges(recipient, requester), now));
  return charged;
}

/** Returns the charges to the limits that all who can request this code share. */
function sharedCharges({ recipient, purpose }: Send, { network }: Requester, isTest: boolean): Charge[] {
  if (purpose === "console") return consoleCharges(recipient);
  return [
    ...recipientFromNetworkCharges(recipient, network),
    ...(isTest ? [] : recipientCharges(recipient)),
    ...networkCharges(SENDS_FROM_NETWORK, network),
  ];
}

function consoleCharges(recipient: Recipient): Charge[] {
  const subject = limitSubject(recipient);
  return [
    { limit: CONSOLE_SENDS_TO_RECIPIENT, subject },
    { limit: CONSOLE_SENDS_TO_RECIPIENT_A_DAY, subject },
  ];
}

/**
 * Returns the charges for a code that this network requests for the recipient. The widest network (for IPv6 a /48) is counted, so
 * that the networks of a site can't use up a recipient's codes.
 */
export function recipientFromNetworkCharges(recipient: Recipient, network: string): Charge[] {
  const subject = `${limitSubject(recipient)} ${siteOf(network)}`;
  return [
    { limit: SENDS_TO_RECIPIENT_FROM_NETWORK, subject },
    { limit: SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY, subject },
  ];
}

function recipientCharges(recipient: Recipient): Charge[] {
  const subject = limitSubject(recipient);
  return [
    { limit: SENDS_TO_RECIPIENT, subject },
    { limit: SENDS_TO_RECIPIENT_A_DAY, subject },
  ];
}

/**
 * Starts the limits of codes to this recipient again: those of all requesters, of these networks, and of these recognised
 * browsers. The limits of a network for all recipients, and the operator's limits of the day, stay.
 */
export function resetSendLimits(
  tx: Transaction,
  recipient: Recipient,
  { networks, browserIds }: { networks: readonly string[]; browserIds: readonly string[] },
): void {
  const ofBrowsers = browserIds.flatMap((id) => browserCharges(recipient, id));
  const ofNetworks = networks.flatMap((network) => recipientFromNetworkCharges(recipient, network));
  resetCounters(tx, [...ofBrowsers, ...ofNetworks, ...recipientCharges(recipient), ...consoleCharges(recipient)]);
}

/**
 * Returns the charges for a code that a recognised browser requests; null if the browser is not recognised for this recipient.
 * These charges have limits of their own, so that strangers can't use up this browser's codes.
 */
function recognisedBrowserCharges(recipient: Recipient, requester: Requester): Charge[] | null {
  return requester.browser && isRecognised(requester, recipient)
    ? browserCharges(recipient, requester.browser.id)
    : null;
}

function browserCharges(recipient: Recipient, browserId: string): Charge[] {
  const subject = limitSubject(recipient);
  return [
    { limit: SENDS_OF_RECOGNISED_BROWSER, subject: `${browserId} ${subject}` },
    { limit: SENDS_OF_RECOGNISED_BROWSERS, subject },
  ];
}

/**
 * Returns the charges for one message to a phone against the operator's daily limits. The last `SMS_BUDGET_KEPT_PART` of these
 * limits is for recognised browsers. A message to a mailbox has no such charges.
 */
function messageCharges(recipient: Recipient, requester: Requester): Charge[] {
  if (recipient.kind !== "phone") return [];
  const part = isRecognised(requester, recipient) ? 1 : 1 - SMS_BUDGET_KEPT_PART;
  const partOf = (max: number) => Math.floor(max * part);
  const price = SMS_PRICE_BY_COUNTRY.get(countryOf(recipient.address) ?? "*") ?? SMS_PRICE_BY_COUNTRY.get("*") ?? 0;
  return [
    SMS_BUDGET_PER_DAY === null ? [] : { limit: smsLimit(partOf(SMS_BUDGET_PER_DAY)), subject: "all" },
    SMS_COST_PER_DAY === null ? [] : { limit: smsCostLimit(partOf(SMS_COST_PER_DAY)), subject: "all", amount: price },
  ].flat();
}

/**
 * Returns in how many milliseconds the limits allow this code; 0 means now. `sharedMs` is the wait by the limits
 * for all requesters. `ownMs` is the wait by the limits for a recognised browser; null for another browser. `isTest` says that the
 * recipient is a test number.
 */
export async function sendWaitMs(
  db: Queries,
  { recipient, purpose }: Send,
  requester: Requester,
  now: Date,
  { isTest = false } = {},
): Promise<{ sharedMs: number; ownMs: number | null }> {
  const own = purpose === "console" ? null : recognisedBrowserCharges(recipient, requester);
  const messages = isTest ? [] : messageCharges(recipient, requester);
  const [sharedMs, ownMs] = await Promise.all([
    retryAfterMs(db, [...sharedCharges({ recipient, purpose }, requester, isTest), ...messages], now),
    own && retryAfterMs(db, [...own, ...messages], now),
  ]);
  return { sharedMs, ownMs };
}

/**
 * Returns the limit that refuses a code for a login to this recipient now, by the charges of `chargeSend`; null if none does. Takes no
 * charge. Without a `network` only the limits of the recipient and of the operator's day are read. `isTest` says that the recipient is
 * a test number.
 */
export async function findRefusal(
  db: Queries,
  recipient: Recipient,
  network: string | null,
  now: Date,
  { isTest = false } = {},
): Promise<RefusedSend | null> {
  const stranger = { network: network ?? "", agent: null, browser: null };
  const sends =
    network === null
      ? recipientCharges(recipient).filter(() => !isTest)
      : sharedCharges({ recipient, purpose: "login" }, stranger, isTest);
  const messages = isTest ? [] : messageCharges(recipient, stranger);
  const spent = await findSpentLimit(db, [...sends, ...messages], now);
  return spent && refusedBy(spent);
}

const windowEndByWarning = perProcess("send warnings", () => new Map<string, number>());

/** Logs a warning when most of the day's messages, or of the money for them, is used up. Each process logs it once a day. */
export function warnWhenNearlyUsedUp(charged: Charged): void {
  const bounds = [
    { setting: "SMS_BUDGET_PER_DAY", limit: smsLimit(0), max: SMS_BUDGET_PER_DAY },
    { setting: "SMS_COST_PER_DAY", limit: smsCostLimit(0), max: SMS_COST_PER_DAY },
  ];
  for (const { setting, limit, max } of bounds) {
    const one = charged.find((each) => each.limit.name === limit.name);
    if (!one || max === null) continue;
    if (one.count < max * SMS_BUDGET_WARNING_PART || isWarned(setting, one.resetsAt)) continue;
    log.warn({ setting, usedPart: one.count / max }, "most of the day's messages are used up");
  }
}

/**
 * Logs a warning when codes are refused because the day's messages are used up. Each process logs it once a day for each group
 * of requesters.
 */
export function warnWhenUsedUp(
  requester: Requester,
  recipient: Recipient,
  { retryAfterMs }: Pick<RefusedSend, "retryAfterMs">,
  now: Date,
): void {
  const toWhom = isRecognised(requester, recipient) ? "all requesters" : "all requesters but recognised browsers";
  const resetsAt = new Date(now.getTime() + retryAfterMs);
  if (isWarned(toWhom, resetsAt)) return;
  log.warn({ resetsAt }, `the day's messages are used up: codes for phones are refused to ${toWhom}`);
}

/** Remembers this warning for the window that ends at `resetsAt`. Returns whether it was already logged in that window. */
function isWarned(warning: string, resetsAt: Date): boolean {
  const isKnown = windowEndByWarning.get(warning) === resetsAt.getTime();
  windowEndByWarning.set(warning, resetsAt.getTime());
  return isKnown;
}
