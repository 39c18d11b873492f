import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { siteOf } from "@/lib/core/networks";
import {
  SMS_BUDGET_KEPT_PART,
  SMS_BUDGET_PER_DAY,
  SMS_BUDGET_WARNING_PART,
  SMS_COST_PER_DAY,
  SMS_PRICE,
} from "@/lib/core/policy";
import {
  type Charge,
  type Charged,
  type LimitFailure,
  MESSAGE_COST,
  MESSAGES,
  networkCharges,
  refundCharges,
  retryAfterMs,
  SENDS_FROM_NETWORK,
  SENDS_OF_RECOGNISED_BROWSER,
  SENDS_OF_RECOGNISED_BROWSERS,
  SENDS_TO_RECIPIENT,
  SENDS_TO_RECIPIENT_A_DAY,
  SENDS_TO_RECIPIENT_FROM_NETWORK,
  SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY,
  VERIFIED_SENDS_FROM_NETWORK,
} from "@/lib/core/rate-limits";
import type { Queries, Transaction } from "@/lib/db/database";
import { log } from "@/lib/ops/log";
import { perProcess } from "@/lib/per-process";
import { countryOf } from "./served-countries";

/** What a code costs that anybody may have sent. */
export function sendCharges(recipient: Recipient, { network }: Requester): Charge[] {
  const subject = limitSubject(recipient);
  return [
    // By the widest network: a recipient's codes are too few to be shared out among the networks of one site.
    { limit: SENDS_TO_RECIPIENT_FROM_NETWORK, subject: `${subject} ${siteOf(network)}` },
    { limit: SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY, subject: `${subject} ${siteOf(network)}` },
    { limit: SENDS_TO_RECIPIENT, subject },
    { limit: SENDS_TO_RECIPIENT_A_DAY, subject },
    ...networkCharges(SENDS_FROM_NETWORK, network),
  ];
}

/** What a code that was typed right is charged to, in place of its network's hourly codes. */
export function verifiedSendCharges(network: string): Charge[] {
  return networkCharges(VERIFIED_SENDS_FROM_NETWORK, network);
}

/** Gives a network back what a code was charged that was sent at that time. */
export function refundSend(tx: Transaction, { network, sentAt }: { network: string; sentAt: Date }): void {
  refundCharges(tx, networkCharges(SENDS_FROM_NETWORK, network), sentAt);
}

/** What it costs a browser that is known to the recipient, so that strangers can't use its codes up; else null. */
export function ownSendCharges(recipient: Recipient, requester: Requester): Charge[] | null {
  if (!requester.browser || !isRecognised(requester, recipient)) return null;
  const subject = limitSubject(recipient);
  return [
    { limit: SENDS_OF_RECOGNISED_BROWSER, subject: `${requester.browser.id} ${subject}` },
    { limit: SENDS_OF_RECOGNISED_BROWSERS, subject },
  ];
}

/** What a message to a phone costs the operator; the last part of it is for browsers that are known to the phone. */
export function messageCharges(recipient: Recipient, requester: Requester): Charge[] {
  if (recipient.kind !== "phone") return [];
  const part = isRecognised(requester, recipient) ? 1 : 1 - SMS_BUDGET_KEPT_PART;
  const partOf = (max: number) => Math.floor(max * part);
  const price = SMS_PRICE.get(countryOf(recipient.address) ?? "*") ?? SMS_PRICE.get("*") ?? 0;
  return [
    SMS_BUDGET_PER_DAY === null ? [] : { limit: MESSAGES(partOf(SMS_BUDGET_PER_DAY)), subject: "all" },
    SMS_COST_PER_DAY === null ? [] : { limit: MESSAGE_COST(partOf(SMS_COST_PER_DAY)), subject: "all", amount: price },
  ].flat();
}

/** How long until a code may be sent to this recipient as far as budgets go, by whoever asks; 0 is now. */
export async function sendWaitMs(
  db: Queries,
  recipient: Recipient,
  requester: Requester,
  now: Date,
): Promise<{ anybodysMs: number; ownMs: number | null }> {
  const [own, messages] = [ownSendCharges(recipient, requester), messageCharges(recipient, requester)];
  const [anybodysMs, ownMs] = await Promise.all([
    retryAfterMs(db, [...sendCharges(recipient, requester), ...messages], now),
    own && retryAfterMs(db, [...own, ...messages], now),
  ]);
  return { anybodysMs, ownMs };
}

const warned = perProcess("send warnings", () => new Map<string, number>());

/** Warns the operator when most of a day's messages or money is used up; each process once a day. */
export function warnOfMessages(taken: Charged): void {
  const bounds = [
    { setting: "SMS_BUDGET_PER_DAY", limit: MESSAGES(0), max: SMS_BUDGET_PER_DAY },
    { setting: "SMS_COST_PER_DAY", limit: MESSAGE_COST(0), max: SMS_COST_PER_DAY },
  ];
  for (const { setting, limit, max } of bounds) {
    const one = taken.find((each) => each.limit.name === limit.name);
    if (!one || max === null) continue;
    if (one.count < max * SMS_BUDGET_WARNING_PART || isWarned(setting, one.resetsAt)) continue;
    log.warn({ setting, usedPart: one.count / max }, "most of the day's messages are used up");
  }
}

/** Warns the operator that codes are refused now, to everybody or to all but known browsers; each process once a day. */
export function warnOfClosing(
  requester: Requester,
  recipient: Recipient,
  { retryAfterMs }: LimitFailure,
  now: Date,
): void {
  const toWhom = isRecognised(requester, recipient) ? "everybody" : "everybody but known browsers";
  const resetsAt = new Date(now.getTime() + retryAfterMs);
  if (isWarned(toWhom, resetsAt)) return;
  log.warn({ resetsAt }, `the day's messages are used up: codes for phones are refused to ${toWhom}`);
}

/** Whether that was warned of before on this day, which ends then. */
function isWarned(warning: string, resetsAt: Date): boolean {
  const isKnown = warned.get(warning) === resetsAt.getTime();
  warned.set(warning, resetsAt.getTime());
  return isKnown;
}
