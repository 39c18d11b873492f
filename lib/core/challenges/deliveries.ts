import { setTimeout as wait } from "node:timers/promises";
import type { Factor } from "@/lib/core/accounts/accounts";
import type { Recipient } from "@/lib/core/identity/recipient";
import { keyedHash, keyedHashes } from "@/lib/core/keyed-hash";
import { type Queries, readPrimary, statement, type Transaction, write } from "@/lib/db/database";
import type { SenderName } from "@/lib/env";
import { countSending } from "@/lib/ops/metrics";
import type { ChainSending } from "@/lib/senders/chain";
import type { DeliveryReport } from "@/lib/senders/report";
import { countryOf } from "./served-countries";

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
  },
  sql: `
    INSERT INTO "Delivery" ("at", "sender", "providerId", "state", "stateAt", "reason", "recipient", "lastDigits", "country",
      "cost", "currency")
    VALUES (:at, :sender, :providerId, :state, :at, :reason, :recipient, :lastDigits, :country, :cost, :currency)`,
});
const NO_ANSWER = { sender: null, providerId: null, reason: null, cost: null, currency: null };

/** Stores a delivery for each sender that was asked to send one message, with the sender's answer. */
export function recordSending(
  tx: Transaction,
  recipient: Recipient,
  { accepted, passedOver }: ChainSending,
  now: Date,
): void {
  const about = { ...NO_ANSWER, ...recipientColumns(recipient), at: now };
  for (const { sender, outcome, reason, mayBeSent } of passedOver) {
    if (outcome === "resting") continue;
    tx.queue(ADD_DELIVERY, { ...about, sender, state: mayBeSent ? "unanswered" : outcome, reason });
  }
  if (!accepted) return;
  const { sender, id: providerId, cost } = accepted;
  const paid = { cost: cost?.amount ?? null, currency: cost?.currency ?? null };
  tx.queue(ADD_DELIVERY, { ...about, sender, providerId, state: "accepted", ...paid });
}

/** Stores a delivery for a message that was refused before any sender was asked. `reason` is the name of the failure. */
export function recordRefusal(tx: Transaction, recipient: Recipient, reason: string, now: Date): void {
  tx.queue(ADD_DELIVERY, { ...NO_ANSWER, ...recipientColumns(recipient), at: now, state: "refused", reason });
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
    select: { at: true, sender: true, state: true, stateAt: true, reason: true, country: true, lastDigits: true },
  });
}

/**
 * Returns the columns of a delivery that describe its recipient: a keyed hash, the last two digits and the country. Rows of a
 * known address can be found by its hash, but the address can't be read from the row.
 */
function recipientColumns(recipient: Recipient) {
  return {
    recipient: keyedHash(recipient.address),
    lastDigits: recipient.kind === "phone" ? recipient.address.slice(-2) : "",
    country: recipient.kind === "phone" ? countryOf(recipient.address) : null,
  };
}
