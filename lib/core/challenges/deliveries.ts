import { setTimeout as wait } from "node:timers/promises";
import type { Factor } from "@/lib/core/accounts/accounts";
import type { Recipient } from "@/lib/core/identity/recipient";
import { keyedHash, keyedHashes } from "@/lib/core/keyed-hash";
import { type Queries, readPrimary, statement, type Transaction, write } from "@/lib/db/database";
import { env, type SenderName } from "@/lib/env";
import { countSending } from "@/lib/ops/metrics";
import type { ChainSending } from "@/lib/senders/chain";
import { TWILIO_STATUS_PATH } from "@/lib/senders/phone";
import type { Report } from "@/lib/senders/report";
import { readSmsruReports } from "@/lib/senders/smsru";
import { readTwilioReport } from "@/lib/senders/twilio";
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

/** What came to an address for reports; `unexpected` where no such sender is set up. */
export type Reported = "noted" | "forged" | "unexpected";

/** Notes what Twilio reports, signed by it. */
export async function noteTwilioReport(fields: Record<string, string>, signature: string): Promise<Reported> {
  const authToken = env.SENDERS_NAMED.includes("twilio") ? env.TWILIO_AUTH_TOKEN : undefined;
  if (!authToken) return "unexpected";
  const url = `${env.APP_URL}${TWILIO_STATUS_PATH}`;
  const report = readTwilioReport({ url, authToken }, fields, signature);
  return note("twilio", report === "forged" ? report : report ? [report] : []);
}

/** Notes what SMS.ru reports, with its hash. */
export async function noteSmsruReports(fields: Record<string, string>): Promise<Reported> {
  const apiId = env.SENDERS_NAMED.includes("smsru") ? env.SMSRU_API_ID : undefined;
  return apiId ? note("smsru", readSmsruReports({ apiId }, fields)) : "unexpected";
}

/** The first word on a message is the last: what comes late or twice, or is about none of ours, changes nothing. */
async function note(sender: SenderName, reports: Report[] | "forged"): Promise<Reported> {
  if (reports === "forged") return "forged";
  let open = reports;
  // A provider may report before it has answered, and what it has accepted is not written down yet.
  for (const waitMs of REPORT_RETRIES_AFTER_MS) {
    if (open.length === 0) break;
    await wait(waitMs);
    const missing: Report[] = [];
    for (const report of open) if (!(await noteOne(sender, report))) missing.push(report);
    open = missing;
  }
  return "noted";
}

const REPORT_RETRIES_AFTER_MS = [0, 300, 1000, 3000];

/** Whether the message has its last word, by this report or by one before. */
async function noteOne(sender: SenderName, { providerId, state, reason }: Report): Promise<boolean> {
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
  // One that is accepted by now was written down since: it is still to be noted.
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
