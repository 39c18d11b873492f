import type { Email } from "@/lib/core/identity/email";
import { lockWithInviter } from "@/lib/core/invites/activation";
import { type Writer, write } from "@/lib/db/database";
import { lockAccount } from "./accounts";
import { recordEvent } from "./audit-log";

interface Removal {
  userId: number;
  /** The account of whoever removes it. */
  actorId: number;
  now: Date;
}

/** An account that is gone, and which mailbox it had. */
export interface RemovedAccount {
  email: Email | null;
}

/**
 * Removes an account with its sessions and its own activation, whose inviter loses the referral, so that leaving and
 * coming back earns nothing. What others activated of it stays with them. Answers which mailbox it had, or null where it was
 * not there, or not wanted any more.
 *
 * An account with many referrals goes in several transactions. `isWanted` is asked first in each of them, and locks the account's
 * row: a removal that was called off has lost nothing, or nothing more.
 */
export async function removeAccount({
  isWanted = (tx) => lockAccount(tx, removal.userId),
  ...removal
}: Removal & { isWanted?: (tx: Writer) => Promise<boolean> }): Promise<RemovedAccount | null> {
  for (;;) {
    const step = await write(async (tx) => {
      await lockForRemoval(tx, removal.userId);
      return (await isWanted(tx)) ? removeOrDetach(tx, removal) : null;
    });
    if (step !== "detached") return step;
  }
}

/**
 * Locks what the removal of an account changes: the codes to its phone and mailbox, then the account and its inviter, who loses a
 * referral. Codes are locked before accounts everywhere.
 */
export async function lockForRemoval(tx: Writer, userId: number): Promise<void> {
  await tx.challenge.updateMany({ where: await codesTo(tx, userId), data: { sends: { increment: 0 } } });
  await lockWithInviter(tx, userId);
}

const REFERRALS_DETACHED_AT_ONCE = 2000;

/**
 * Removes the account in the transaction at hand, which has called `lockForRemoval`. Where the account has too many referrals for one transaction, only takes some of them off it, with its count: a million in one go would keep
 * everybody waiting.
 */
export async function removeOrDetach(
  tx: Writer,
  { userId, actorId, now }: Removal,
): Promise<RemovedAccount | "detached"> {
  const { email, referralCount } = await tx.user.findUniqueOrThrow({
    where: { id: userId },
    select: { email: true, referralCount: true },
  });
  if (referralCount > REFERRALS_DETACHED_AT_ONCE && (await detachReferrals(tx, userId)) > 0) return "detached";
  // They hold the address in clear.
  await tx.challenge.deleteMany({ where: await codesTo(tx, userId) });
  const activation = await tx.activation.findUnique({ where: { inviteeId: userId }, select: { inviterId: true } });
  await tx.activation.deleteMany({ where: { inviteeId: userId } });
  if (activation?.inviterId) {
    await tx.user.update({ where: { id: activation.inviterId }, data: { referralCount: { decrement: 1 } } });
  }
  await tx.user.delete({ where: { id: userId } });
  await recordEvent(tx, { action: "account_deleted", actorId, subjectId: userId, now });
  return { email: email as Email | null };
}

/** Takes some of its referrals off the account, with its count, and answers how many. */
async function detachReferrals(tx: Writer, userId: number): Promise<number> {
  const count = await tx.$executeRaw`
    UPDATE "Activation" SET "inviterId" = NULL WHERE "inviteeId" IN
      (SELECT "inviteeId" FROM "Activation" WHERE "inviterId" = ${userId} LIMIT ${REFERRALS_DETACHED_AT_ONCE})`;
  await tx.user.update({ where: { id: userId }, data: { referralCount: { decrement: count } } });
  return count;
}

async function codesTo(tx: Writer, userId: number) {
  const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
  return { recipient: { in: [user?.phone, user?.email].filter((address) => address != null) } };
}
