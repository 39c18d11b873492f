import { setTimeout as wait } from "node:timers/promises";
import type { Factor } from "@/lib/core/accounts/accounts";
import type { Phone } from "@/lib/core/identity/phone";
import type { Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { keyedHash, keyedHashes } from "@/lib/core/keyed-hash";
import { CODE_TTL_MS, PROOF_TTL_MS } from "@/lib/core/policy";
import { type Queries, readPrimary, statement, type Transaction, write } from "@/lib/db/database";
import type { SenderName } from "@/lib/env";
import { countSending } from "@/lib/ops/metrics";
import type { ChainSending } from "@/lib/senders/chain";
import type { DeliveryReport } from "@/lib/senders/report";
import { TEST_NUMBER_SENDER } from "./fixed-code";
import type { Purpose } from "./one-time-code";
import { countryOf } from "./served-countries";

/** What a message was for: a code's purpose, or the trial of a sender with digits that are no code. */
export type DeliveryPurpose = Purpose | "trial";

/** A request for a code, as its deliveries keep it. `digits` is null if the request was refused before a code was drawn. */
export interface CodeRequest {
  at: Date;
  /** The value of `X-Request-Id`; null outside a request. */
  id: string | null;
  recipient: Recipient;
  requester: Requester;
  purpose: DeliveryPurpose;
  digits: number | null;
}

/**
 * Why a request for a code was refused before a sender was asked: the wait after the last code, a limit that is used up, a phone
 * that gets no codes, or senders that all rest. Versions before 0.2 stored both limits of the day as `budget_spent`.
 */
export const REFUSAL_REASONS = [
  "resend_too_early",
  "recipient_hour_spent",
  "recipient_day_spent",
  "recipient_network_hour_spent",
  "recipient_network_day_spent",
  "network_hour_spent",
  "day_messages_spent",
  "day_cost_spent",
  "country_not_allowed",
  "senders_resting",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

const ADD_DELIVERY = statement({
  params: {
    at: "time",
    sender: "text?",
    providerId: "text?",
    state: "text",
    reason: "text?",
    recipient: "text",
    lastDigits: "text",
    country: "text?",
    cost: "real?",
    currency: "text?",
    requestId: "text?",
    network: "text",
    agent: "text?",
    purpose: "text",
    digits: "integer?",
    phone: "text?",
    email: "text?",
  },
  sql: `
    INSERT INTO "Delivery" ("at", "sender", "providerId", "state", "stateAt", "reason", "recipient", "lastDigits", "country",
      "cost", "currency", "requestId", "network", "agent", "purpose", "digits", "userId")
    VALUES (:at, :sender, :providerId, :state, :at, :reason, :recipient, :lastDigits, :country, :cost, :currency, :requestId,
      :network, :agent, :purpose, :digits,
      COALESCE((SELECT "id" FROM "User" WHERE "phone" = :phone), (SELECT "id" FROM "User" WHERE "email" = :email)))`,
});
const NO_ANSWER = { sender: null, providerId: null, reason: null, cost: null, currency: null };

/**
 * Stores a delivery for each sender that was asked to send one message, with the sender's answer. If all senders rested, stores
 * that as a refusal.
 */
export function recordSending(tx: Transaction, request: CodeRequest, { accepted, passedOver }: ChainSending): void {
  const about = { ...NO_ANSWER, ...columnsOf(request) };
  for (const { sender, outcome, reason, mayBeSent } of passedOver) {
    if (outcome === "resting") continue;
    tx.queue(ADD_DELIVERY, { ...about, sender, state: mayBeSent ? "unanswered" : outcome, reason });
  }
  const isAsked = accepted !== null || passedOver.some(({ outcome }) => outcome !== "resting");
  if (!isAsked && passedOver.length > 0) recordRefusal(tx, request, "senders_resting");
  if (!accepted) return;
  const { sender, id: providerId, cost } = accepted;
  const paid = { cost: cost?.amount ?? null, currency: cost?.currency ?? null };
  tx.queue(ADD_DELIVERY, { ...about, sender, providerId, state: "accepted", ...paid });
}

/** Stores a delivery for a request that was refused before any sender was asked. `isTest` says that it was for a test number. */
export function recordRefusal(
  tx: Transaction,
  request: CodeRequest,
  reason: RefusalReason,
  { isTest = false } = {},
): void {
  const sender = isTest ? TEST_NUMBER_SENDER : null;
  tx.queue(ADD_DELIVERY, { ...NO_ANSWER, ...columnsOf(request), sender, state: "refused", reason });
}

/**
 * Stores the states of messages that a provider reports. The first final state of a message stays. A late or repeated report,
 * or one that names no message of ours, changes nothing. Waits up to 4.3 seconds for a message not yet stored as accepted.
 */
export async function recordReports(sender: SenderName, reports: DeliveryReport[]): Promise<void> {
  let open = reports;
  // A provider may send its report before it answers our request, so the message may not be stored yet.
  for (const waitMs of REPORT_RETRIES_AFTER_MS) {
    if (open.length === 0) break;
    await wait(waitMs);
    const missing: DeliveryReport[] = [];
    for (const report of open) if (!(await recordReport(sender, report))) missing.push(report);
    open = missing;
  }
}

const REPORT_RETRIES_AFTER_MS = [0, 300, 1000, 3000];

/** Stores one report. Returns whether the message has a final state now, from this report or an earlier one. */
async function recordReport(sender: SenderName, { providerId, state, reason }: DeliveryReport): Promise<boolean> {
  const { count } = await write((tx) =>
    tx.delivery.updateMany({
      where: { sender, providerId, state: "accepted" },
      data: { state, reason, stateAt: new Date() },
    }),
  );
  if (count > 0) {
    countSending({ sender, outcome: state });
    return true;
  }
  // A message whose state is still `accepted` was stored after the update above, and still needs this report.
  const where = { sender, providerId, state: { not: "accepted" } };
  return (await readPrimary.delivery.findFirst({ where })) !== null;
}

/** How a code was sent, and what is known of its delivery. */
export interface CodeDelivery {
  /** The last sender that was asked; null while no sender has answered. */
  sender: string | null;
  /**
   * `sending`: no sender has answered. `sent`: a sender accepted the message. `uncertain`: a sender did not answer, and may
   * have sent the message.
   */
  state: "sending" | "sent" | "delivered" | "undelivered" | "uncertain";
}

const CODE_STATE_BY_DELIVERY_STATE: Record<string, CodeDelivery["state"]> = {
  accepted: "sent",
  delivered: "delivered",
  unanswered: "uncertain",
};

const FIND_DELIVERIES = statement({
  params: { hash: "text", previousHash: "text", at: "time" },
  row: { sender: "text?", state: "text" },
  sql: `
    SELECT "sender", "state" FROM "Delivery"
    WHERE "recipient" IN (:hash, :previousHash) AND "at" = :at ORDER BY "id" DESC`,
});

/**
 * Returns the delivery of the message that was handed to senders at the time `at`. Codes of version 0.1 have no such time
 * (null), and count as sent.
 */
export async function findCodeDelivery(db: Queries, recipient: Recipient, at: Date | null): Promise<CodeDelivery> {
  if (at === null) return { sender: null, state: "sent" };
  const [hash, previousHash = hash] = keyedHashes(recipient.address);
  const rows = await db.all(FIND_DELIVERIES, { hash, previousHash, at });
  if (rows.length === 0) return { sender: null, state: "sending" };
  // The newest row is the one of the sender that accepted the message. If no sender accepted it, one that did not answer may
  // have sent it before a later sender failed.
  const latest = rows.find(({ state }) => state in CODE_STATE_BY_DELIVERY_STATE || state === "undelivered") ?? rows[0];
  return { sender: latest?.sender ?? null, state: CODE_STATE_BY_DELIVERY_STATE[latest?.state ?? ""] ?? "undelivered" };
}

/** The senders whose messages are SMS. What the sender `http` sends is known to the operator alone. */
const SMS_SENDERS: readonly string[] = ["twilio", "smsru", "smsc"] satisfies SenderName[];
/** How long before a login its code was sent at the earliest. */
const SENT_BEFORE_LOGIN_MS_MAX = CODE_TTL_MS + PROOF_TTL_MS;

const FIND_SENDERS = statement({
  params: { hash: "text", previousHash: "text", since: "time", until: "time" },
  row: { sender: "text?" },
  sql: `
    SELECT "sender" FROM "Delivery"
    WHERE "recipient" IN (:hash, :previousHash) AND "at" >= :since AND "at" <= :until
      AND "state" IN ('accepted', 'delivered', 'unanswered')`,
});

/**
 * Returns whether the code of a login with this phone came by SMS. False if any code that may have been the login's came by a messenger, and
 * after `DELIVERIES_KEPT_S`, because the deliveries are deleted then.
 */
export async function wasCodeSentBySms(phone: Phone, loggedInAt: Date): Promise<boolean> {
  const [hash, previousHash = hash] = keyedHashes(phone);
  const since = new Date(loggedInAt.getTime() - SENT_BEFORE_LOGIN_MS_MAX);
  const rows = await readPrimary.all(FIND_SENDERS, { hash, previousHash, since, until: loggedInAt });
  return rows.length > 0 && rows.every(({ sender }) => sender !== null && SMS_SENDERS.includes(sender));
}

const DELIVERIES_LISTED_MAX = 1000;

/**
 * Returns the newest `DELIVERIES_LISTED_MAX` deliveries to these phones and mailboxes, the newest first. Leaves out deliveries
 * from before the account had the phone or mailbox.
 */
export function listDeliveries(factors: readonly Factor[]) {
  return readPrimary.delivery.findMany({
    where: {
      OR: factors.map(({ recipient, since }) => ({
        recipient: { in: keyedHashes(recipient.address) },
        at: { gte: since },
      })),
    },
    orderBy: { id: "desc" },
    take: DELIVERIES_LISTED_MAX,
    select: {
      ...{ at: true, sender: true, state: true, stateAt: true, reason: true, country: true, lastDigits: true },
      ...{ purpose: true, network: true, agent: true },
    },
  });
}

/**
 * Returns the columns of a delivery that describe the request and its recipient. Of the recipient these are a keyed hash, the
 * last two digits and the country: rows of a known address can be found by its hash, but the address can't be read from the row.
 * The address itself only finds the account.
 */
function columnsOf({ at, id, recipient, requester, purpose, digits }: CodeRequest) {
  const { kind, address } = recipient;
  return {
    ...{ at, requestId: id, purpose, digits, network: requester.network, agent: requester.agent },
    recipient: keyedHash(address),
    lastDigits: kind === "phone" ? address.slice(-2) : "",
    country: kind === "phone" ? countryOf(address) : null,
    phone: kind === "phone" ? address : null,
    email: kind === "email" ? address : null,
  };
}
