import { createHmac, hkdfSync } from "node:crypto";
import { type Writer, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import type { ChainSending } from "@/lib/senders/chain";
import { countryOf } from "./destinations";
import { isPhone, type Recipient } from "./one-time-code";
import { DELIVERIES_KEPT_MS } from "./policy";
import { isTimeToSweep } from "./sweeping";

/** What became of a message that a provider accepted, as it tells later. */
export interface DeliveryReport {
  sender: string;
  /** The provider's own name for the message. */
  providerId: string;
  state: "delivered" | "undelivered";
  /** The provider's code for why it was not. */
  reason: string | null;
}

const KEY_BYTES = 32;
const key = Buffer.from(hkdfSync("sha256", env.AUTH_SECRET, "", "sarafan delivery recipient", KEY_BYTES));

/** Remembers a row for each sender that was asked, and what it said. */
export async function recordSending(
  tx: Writer,
  recipient: Recipient,
  { accepted, passedOver }: ChainSending,
  now: Date,
): Promise<void> {
  const about = { ...whoOf(recipient), at: now, stateAt: now };
  const asked = passedOver.filter(({ outcome }) => outcome !== "resting");
  await tx.delivery.createMany({
    data: [
      ...asked.map(({ sender, outcome, reason }) => ({ ...about, sender, state: outcome, reason })),
      ...(accepted
        ? [
            {
              ...about,
              sender: accepted.sender,
              providerId: accepted.id,
              state: "accepted",
              cost: accepted.cost?.amount ?? null,
              currency: accepted.cost?.currency ?? null,
            },
          ]
        : []),
    ],
  });
  if (isTimeToSweep("deliveries")) {
    await tx.delivery.deleteMany({ where: { at: { lt: new Date(now.getTime() - DELIVERIES_KEPT_MS) } } });
  }
}

/** Remembers that a message was refused before anybody was asked to send it, and why. */
export async function recordRefusal(tx: Writer, recipient: Recipient, reason: string, now: Date): Promise<void> {
  await tx.delivery.create({ data: { ...whoOf(recipient), at: now, stateAt: now, state: "refused", reason } });
}

/**
 * Notes what a provider reports of a message. The first word is the last: a message is delivered or it isn't, and a report
 * that comes late or twice changes nothing. Answers whether it is a message of ours.
 */
export async function noteReport(
  { sender, providerId, state, reason }: DeliveryReport,
  now = new Date(),
): Promise<boolean> {
  return write(async (tx) => {
    await tx.delivery.updateMany({
      where: { sender, providerId, state: "accepted" },
      data: { state, reason, stateAt: now },
    });
    return (await tx.delivery.findUnique({ where: { sender_providerId: { sender, providerId } } })) !== null;
  });
}

/** Enough to recognise a phone by whoever has it, and to find nobody. */
function whoOf(recipient: Recipient) {
  return {
    recipient: createHmac("sha256", key).update(recipient).digest("base64url"),
    lastDigits: isPhone(recipient) ? recipient.slice(-2) : "",
    country: isPhone(recipient) ? countryOf(recipient) : null,
  };
}
