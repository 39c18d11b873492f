import type { Email } from "@/lib/core/identity/email";
import type { Recipient } from "@/lib/core/identity/recipient";
import type { Writer } from "@/lib/db/database";
import { type Account, factorOf, provenFactorOf } from "./accounts";
import { recordOwnEvent } from "./audit-log";

/** A phone or mailbox that an account has in place of another one, and who is to hear of it. */
export interface ChangedIdentity {
  name: "phone_changed" | "email_changed";
  /** Whether there was none before, is another one now, or is none any more. */
  was: "added" | "changed" | "removed";
  /** The mailbox that the account had until now, and the new one. */
  mailboxes: Email[];
}

/**
 * Gives the account, whose row the transaction holds, another phone or mailbox, and ends all of its sessions but the one that
 * asked for it, which has proven a new phone as a login would have. Answers null where that phone or mailbox is another
 * account's.
 */
export async function replaceIdentity(
  tx: Writer,
  {
    account,
    next,
    since,
    sessionId,
    now,
  }: {
    account: Pick<Account, "id" | "phone" | "email">;
    next: Recipient;
    /** When what has proven it was sent. */
    since: Date;
    sessionId: string;
    now: Date;
  },
): Promise<ChangedIdentity | null> {
  const { id: userId } = account;
  if (await tx.user.findUnique({ where: factorOf(next), select: { id: true } })) return null;
  if (next.kind === "phone") {
    await tx.session.updateMany({ where: { id: sessionId, userId }, data: { provenPhone: next.address } });
  }
  await tx.user.update({
    where: { id: userId },
    data: { ...provenFactorOf({ recipient: next, since }), ...(next.kind === "phone" && { claimedPhone: null }) },
  });
  await tx.session.deleteMany({ where: { userId, NOT: { id: sessionId } } });
  const name = next.kind === "phone" ? "phone_changed" : "email_changed";
  const isAdded = account[next.kind] === null;
  await recordOwnEvent(tx, userId, { action: name, details: { isAdded }, now });
  const mailboxes = [account.email, next.kind === "email" ? next.address : null].flatMap((email) => email ?? []);
  return { name, was: isAdded ? "added" : "changed", mailboxes };
}
