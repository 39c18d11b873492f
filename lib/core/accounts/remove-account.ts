import { dropAdministrator } from "@/lib/core/administration/administrators";
import { publishEvent } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import { lockWithInviter } from "@/lib/core/invites/activation";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { deleteSessions } from "@/lib/core/sessions/delete-sessions";
import { statement, type Writer, write } from "@/lib/db/database";
import { listFactors, lockAccount } from "./accounts";
import { type ActorKind, type EventDetails, recordEvent } from "./audit-log";

interface Removal {
  userId: number;
  /** The account or the API key that requests the removal; `NO_ACCOUNT_ID` for the server. */
  actorId: number;
  /** Who requests it. By default the account itself, or an administrator if `actorId` is another account. */
  actorKind?: ActorKind;
  /** The details of the event that records the removal. */
  details?: EventDetails;
  now: Date;
}

/** The result of a removal: the mailbox of the removed account; null if it had none. */
export interface RemovedAccount {
  email: Email | null;
}

/**
 * Deletes an account with its sessions and its own activation. The inviter loses the referral, so that deleting and making an
 * account again earns nothing. The activations of the account's invite code by other accounts stay. The deliveries of its codes
 * stay, too, without network and `User-Agent`. Returns the mailbox of the account; null if the account did not exist or `isWanted`
 * returned false.
 *
 * An account with many referrals is deleted in several transactions. Each transaction first calls `isWanted`, which must lock the
 * account's row. If `isWanted` returns false in a later one, the account stays, but has lost some referrals.
 */
export async function removeAccount({
  isWanted = (tx) => lockAccount(tx, removal.userId),
  ...removal
}: Removal & { isWanted?: (tx: Writer) => Promise<boolean> }): Promise<RemovedAccount | null> {
  for (;;) {
    const step = await write(async (tx) => {
      await lockForRemoval(tx, removal.userId, removal.actorKind === "administrator" ? removal.actorId : null);
      return (await isWanted(tx)) ? removeOrDetach(tx, removal) : null;
    });
    if (step !== "detached") return step;
  }
}

/**
 * Locks the rows that the removal of an account changes: the challenges of its phone and mailbox, then the account and its
 * inviter. `besides` is the administrator who removes it, whose row is locked in the same order. All transactions lock challenges
 * before accounts, so that no two of them wait for each other.
 */
export async function lockForRemoval(tx: Writer, userId: number, besides: number | null = null): Promise<void> {
  await tx.challenge.updateMany({ where: await whereChallengesTo(tx, userId), data: { sends: { increment: 0 } } });
  await lockWithInviter(tx, userId, besides);
}

const REFERRALS_DETACHED_AT_ONCE = 2000;

const DELETE_ACCOUNT = statement({
  params: { userId: "integer" },
  sql: `DELETE FROM "User" WHERE "id" = :userId`,
});

/**
 * Deletes the account. The transaction must have called `lockForRemoval`. If the account has too many referrals for one
 * transaction, detaches some of them and returns `detached`: detaching a million at a time would block all other writers.
 */
export async function removeOrDetach(
  tx: Writer,
  { userId, actorId, actorKind = actorId === userId ? "person" : "administrator", details = {}, now }: Removal,
): Promise<RemovedAccount | "detached"> {
  const { phone, email, referralCount } = await tx.user.findUniqueOrThrow({
    where: { id: userId },
    select: { phone: true, email: true, referralCount: true },
  });
  if (referralCount > REFERRALS_DETACHED_AT_ONCE && (await detachReferrals(tx, userId)) > 0) return "detached";
  await clearDeliveries(tx, userId);
  // The challenges are deleted because they contain the phone or mailbox in plain text.
  await tx.challenge.deleteMany({ where: await whereChallengesTo(tx, userId) });
  const activation = await tx.activation.findUnique({ where: { inviteeId: userId }, select: { inviterId: true } });
  await tx.activation.deleteMany({ where: { inviteeId: userId } });
  if (activation?.inviterId) {
    await tx.user.update({ where: { id: activation.inviterId }, data: { referralCount: { decrement: 1 } } });
  }
  await deleteSessions(tx, userId, {}, { reason: "account_deleted" }, now);
  const by = actorKind === "person" ? "owner" : actorKind;
  const inviterId = activation?.inviterId ?? null;
  publishEvent(tx, userId, { type: "account.deleted", data: { by, inviterId } }, now);
  // A statement, because statements run in their order: the event is numbered before the row is gone.
  await tx.run(DELETE_ACCOUNT, { userId });
  await dropAdministrator(tx, phone);
  recordEvent(tx, { action: "account_deleted", actorKind, actorId, subjectId: userId, details, now });
  return { email: email as Email | null };
}

/**
 * Clears the network and the `User-Agent` in the deliveries to the account's phone and mailbox, from the time at which the account
 * proved them. What was sent, and what it cost, stays under the keyed hash of the recipient.
 */
async function clearDeliveries(tx: Writer, userId: number): Promise<void> {
  for (const { recipient, since } of await listFactors(userId, tx)) {
    await tx.delivery.updateMany({
      where: { recipient: { in: keyedHashes(recipient.address) }, at: { gte: since } },
      data: { network: null, agent: null },
    });
  }
}

/** Removes the account as the inviter from at most `REFERRALS_DETACHED_AT_ONCE` activations, and returns from how many. */
async function detachReferrals(tx: Writer, userId: number): Promise<number> {
  const count = await tx.$executeRaw`
    UPDATE "Activation" SET "inviterId" = NULL WHERE "inviteeId" IN
      (SELECT "inviteeId" FROM "Activation" WHERE "inviterId" = ${userId} LIMIT ${REFERRALS_DETACHED_AT_ONCE})`;
  await tx.user.update({ where: { id: userId }, data: { referralCount: { decrement: count } } });
  return count;
}

async function whereChallengesTo(tx: Writer, userId: number) {
  const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
  return { recipient: { in: [user?.phone, user?.email].filter((address) => address != null) } };
}
