import { recordEvent } from "@/lib/core/accounts/audit-log";
import type { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import type { LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, type Transaction } from "@/lib/db/database";
import type { Administrator } from "./actor";
import { look } from "./looks";

/** A recipient as an address of the console names it: the keyed hash of its phone or mailbox. Other text can't be one. */
export const RECIPIENT_HASH_PATTERN = /^[\w-]{43}$/;

/** A phone or mailbox that codes were requested for, known by its keyed hash. */
export interface FoundRecipient {
  hash: string;
  kind: Recipient["kind"];
  /** The last two digits and the country of a phone; empty and null for a mailbox. */
  lastDigits: string;
  country: string | null;
  /** The phone or mailbox itself, while the challenge of its last code is kept; otherwise null. */
  recipient: Recipient | null;
  /** The last stored request for a code to it. */
  lastDeliveryId: number;
  /** The account that has the phone or mailbox, as far as it is known. */
  userId: number | null;
}

/** Returns the recipient with this keyed hash; null if no request for a code to it is stored. Each look-up reads an index. */
export async function findRecipient(hash: string): Promise<FoundRecipient | null> {
  const where = { recipient: hash };
  const orderBy = [{ at: "desc" as const }, { id: "desc" as const }];
  const rows = await readPrimary.delivery.findMany({ where, orderBy, take: ROWS_READ });
  const [last] = rows;
  if (!last) return null;
  const kind = last.lastDigits === "" ? "email" : "phone";
  // A code that was handed to the senders has the time of its challenge.
  const sentAt = rows.find(({ sender }) => sender !== null)?.at;
  const challenges = sentAt
    ? await readPrimary.challenge.findMany({ where: { sentAt }, select: { recipient: true } })
    : [];
  const address = challenges.find((one) => keyedHashes(one.recipient).includes(hash))?.recipient;
  const recipient = address === undefined ? null : toRecipient(kind, address);
  const userId = rows.find((row) => row.userId !== null)?.userId ?? null;
  return {
    hash,
    kind,
    lastDigits: last.lastDigits,
    country: last.country,
    recipient,
    lastDeliveryId: last.id,
    userId: (await findOwner(hash, userId)) ?? (recipient && (await findAccountOf(recipient))),
  };
}

/** So many rows that a code that was sent is found behind the refusals of some hours. */
const ROWS_READ = 50;

function toRecipient(kind: Recipient["kind"], address: string): Recipient {
  return kind === "phone" ? phoneRecipient(Phone.parse(address)) : emailRecipient(address as Email);
}

/** Returns the account if it still has the phone or mailbox with this hash. */
async function findOwner(hash: string, userId: number | null): Promise<number | null> {
  if (userId === null) return null;
  const user = await readPrimary.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
  const addresses = [user?.phone, user?.email].filter((address) => address != null);
  return addresses.some((address) => keyedHashes(address).includes(hash)) ? userId : null;
}

async function findAccountOf({ kind, address }: Recipient): Promise<number | null> {
  const where = kind === "phone" ? { phone: address } : { email: address };
  return (await readPrimary.user.findUnique({ where: where as { phone: string }, select: { id: true } }))?.id ?? null;
}

/**
 * Returns a recipient for its page, as `findRecipient` does, and records the look. The event has no subject, because there is no
 * account. A recipient that has an account is returned without a record, because its page leads to the account. Fails with
 * `recipient_unknown`, or with `budget_spent` if the administrator has looked at people too often within an hour.
 */
export async function readRecipient(
  administrator: Administrator,
  hash: string,
  now = new Date(),
): Promise<Result<FoundRecipient, LimitFailure | { name: "recipient_unknown" }>> {
  const found = RECIPIENT_HASH_PATTERN.test(hash) ? await findRecipient(hash) : null;
  if (!found) return fail({ name: "recipient_unknown" });
  if (found.userId !== null) return succeed(found);
  const event = { action: "recipient_read", actorKind: "administrator", subjectId: null } as const;
  const record = (tx: Transaction) => recordEvent(tx, { ...event, actorId: administrator.userId, now });
  const looked = await look(administrator, record, now);
  return looked.ok ? succeed(found) : looked;
}
