import { dropAdministrator } from "@/lib/core/administration/administrators";
import { publishEvents } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import type { Recipient } from "@/lib/core/identity/recipient";
import { deleteSessions } from "@/lib/core/sessions/delete-sessions";
import type { Writer } from "@/lib/db/database";
import { type Account, factorColumn, factorColumns } from "./accounts";
import { recordEventByOwner } from "./audit-log";
import { isTestNumberWithLock } from "./test-number-lock";

/** How an account's phone or mailbox was changed. */
export interface ChangedIdentity {
  name: "phone_changed" | "email_changed";
  /** `added`: the account had no phone (or mailbox) before. `removed`: it has none now. */
  was: "added" | "changed" | "removed";
  /** The mailboxes to notify: the one that the account had before, and the new one. */
  mailboxes: Email[];
}

/** Returns whether the phone or mailbox is a factor of an account, or the phone a test number. */
export async function isIdentityTaken(tx: Writer, next: Recipient): Promise<boolean> {
  if (next.kind === "phone" && (await isTestNumberWithLock(tx, next.address))) return true;
  return (await tx.user.findUnique({ where: factorColumn(next), select: { id: true } })) !== null;
}

/**
 * Gives the account a new phone or mailbox, and ends all of its sessions except `sessionId`, which requested the change. After
 * a change of phone, that session counts as opened by a code to the new phone. The caller has locked the account's row. Returns
 * null, with nothing changed, if `isIdentityTaken`.
 */
export async function replaceIdentity(
  tx: Writer,
  change: {
    account: Pick<Account, "id" | "phone" | "email">;
    next: Recipient;
    /** When the code that proved `next` was sent. */
    since: Date;
    sessionId: string;
    now: Date;
  },
): Promise<ChangedIdentity | null> {
  const { account, next, since, sessionId, now } = change;
  const { id: userId } = account;
  if (await isIdentityTaken(tx, next)) return null;
  if (next.kind === "phone") {
    // The console was opened by a code to the phone before.
    const data = { provenPhone: next.address, consoleAt: null };
    await tx.session.updateMany({ where: { id: sessionId, userId }, data });
    await dropAdministrator(tx, account.phone);
  }
  const before = await tx.user.findUniqueOrThrow({ where: { id: userId }, select: { claimedPhone: true } });
  const isClaimGone = next.kind === "phone" && before.claimedPhone !== null;
  await tx.user.update({
    where: { id: userId },
    data: { ...factorColumns({ recipient: next, since }), ...(next.kind === "phone" && { claimedPhone: null }) },
  });
  await deleteSessions(tx, userId, { NOT: { id: sessionId } }, { reason: "identity_changed" }, now);
  const name = next.kind === "phone" ? "phone_changed" : "email_changed";
  const isAdded = account[next.kind] === null;
  recordEventByOwner(tx, userId, { action: name, details: { isAdded }, now });
  const was = isAdded ? "added" : "changed";
  publishEvents(
    tx,
    userId,
    [
      { type: "account.updated", data: { fields: [next.kind, ...(isClaimGone ? (["claimedPhone"] as const) : [])] } },
      { type: "identifier.changed", data: { identifier: next.kind, was } },
    ],
    now,
  );
  const mailboxes = [account.email, next.kind === "email" ? next.address : null].flatMap((email) => email ?? []);
  return { name, was, mailboxes };
}
