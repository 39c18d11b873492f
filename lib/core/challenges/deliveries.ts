import { setTimeout as wait } from "node:timers/promises";
import type { Factor } from "@/lib/core/accounts/accounts";
import type { Recipient } from "@/lib/core/identity/recipient";
import { keyedHash, keyedHashes } from "@/lib/core/keyed-hash";
import { type Queries, readPrimary, statement, type Transaction, write } from "@/lib/db/database";
import type { SenderName } from "@/lib/env";
import { countSending } from "@/lib/ops/metrics";
import type { ChainSending } from "@/lib/senders/chain";
import type { Report } from "@/lib/senders/report";
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
const NOTHING_KNOWN = { sender: null, providerId: null, reason: null, cost: null, currency: null };

/** Remembers a row for each sender that was asked, and what it said. */
export function recordSending(
  tx: Transaction,
  recipient: Recipient,
  { accepted, passedOver }: ChainSending,
  now: Date,
): void {
  const about = { ...NOTHING_KNOWN, ...whoOf(recipient), at: now };
  for (const { sender, outcome, reason, mayBeSent } of passedOver) {
    if (outcome === "resting") continue;
    tx.queue(ADD_DELIVERY, { ...about, sender, state: mayBeSent ? "unanswered" : outcome, reason });
  }
  if (!accepted) return;
  const { sender, id: providerId, cost } = accepted;
  const paid = { cost: cost?.amount ?? null, currency: cost?.currency ?? null };
  tx.queue(ADD_DELIVERY, { ...about, sender, providerId, state: "accepted", ...paid });
}

/** Remembers that a message was refused before any sender was asked, and why. */
export function recordRefusal(tx: Transaction, recipient: Recipient, reason: string, now: Date): void {
  tx.queue(ADD_DELIVERY, { ...NOTHING_KNOWN, ...whoOf(recipient), at: now, state: "refused", reason });
}

/**
 * Records what a provider has reported of its messages. The first final state of a message stays: a report that comes late or twice,
 * or names no message of ours, changes nothing. Takes up to 4.3 seconds while a message is not yet stored as accepted.
 */
export async function recordReports(sender: SenderName, reports: Report[]): Promise<void> {
  let open = reports;
  // A provider may report before it has answered, and what it has accepted is not written down yet.
  for (const waitMs of REPORT_RETRIES_AFTER_MS) {
    if (open.length === 0) break;
    await wait(waitMs);
    const missing: Report[] = [];
    for (const report of open) if (!(await recordReport(sender, report))) missing.push(report);
    open = missing;
  }
}

const REPORT_RETRIES_AFTER_MS = [0, 300, 1000, 3000];

/** Whether the message has its last word, by this report or by one before. */
async function recordReport(sender: SenderName, { providerId, state, reason }: Report): Promise<boolean> {
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
  // A message that is accepted by now was stored since: its report is still to be recorded.
  const where = { sender, providerId, state: { not: "accepted" } };
  return (await readPrimary.delivery.findFirst({ where })) !== null;
}

/** How a code went out, and what became of it as far as it is known. */
export interface CodeDelivery {
  /** The last sender that was asked; null while the first is asked. */
  sender: string | null;
  /** `sending`: no sender has answered yet. `sent`: one has taken it. `uncertain`: it may have been sent. */
  state: "sending" | "sent" | "delivered" | "undelivered" | "uncertain";
}

const CODE_STATES: Record<string, CodeDelivery["state"]> = {
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

/** What became of the message that senders were handed at that time; null is a code of version 0.1, which is taken for sent. */
export async function findCodeDelivery(db: Queries, recipient: Recipient, at: Date | null): Promise<CodeDelivery> {
  if (at === null) return { sender: null, state: "sent" };
  const [hash, previousHash = hash] = keyedHashes(recipient.address);
  const rows = await db.all(FIND_DELIVERIES, { hash, previousHash, at });
  if (rows.length === 0) return { sender: null, state: "sending" };
  // A sender that took the message was asked last; one that hasn't answered may have taken it before another one failed.
  const told = rows.find(({ state }) => state in CODE_STATES || state === "undelivered") ?? rows[0];
  return { sender: told?.sender ?? null, state: CODE_STATES[told?.state ?? ""] ?? "undelivered" };
}

const DELIVERIES_LISTED_MAX = 1000;

/** What became of the newest messages to these phones and mailboxes, each since it is the account's, the newest first. */
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

/** Enough to recognise a phone by whoever has it, and to find nobody. */
function whoOf(recipient: Recipient) {
  return {
    recipient: keyedHash(recipient.address),
    lastDigits: recipient.kind === "phone" ? recipient.address.slice(-2) : "",
    country: recipient.kind === "phone" ? countryOf(recipient.address) : null,
  };
}
