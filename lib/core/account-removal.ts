import { type Writer, write } from "@/lib/db/database";
import { recordEvent } from "./audit";
import type { Email } from "./email";

interface Removal {
  userId: number;
  /** The account of whoever removes it. */
  actorId: number;
  now: Date;
  /** Asked in the transaction that removes the account: whether it shall be done still. */
  isWanted?: (tx: Writer) => Promise<boolean>;
}

/**
 * Removes an account with its sessions and its own activation, whose inviter loses the referral, so that leaving and
 * coming back earns nothing. What others activated of it stays with them. Answers which mailbox it had, or null where it was
 * not there, or not wanted any more.
 */
export async function removeAccount(removal: Removal): Promise<{ email: Email | null } | null> {
  while (await detachReferrals(removal.userId));
  return write((tx) => removeRow(tx, removal), { turn: "who invited whom" });
}

const REFERRALS_DETACHED_AT_ONCE = 2000;

/**
 * Takes some of its referrals off an account that has too many to go in one transaction, with its count, and answers
 * whether it did: a million in one go would keep everybody waiting.
 */
function detachReferrals(userId: number): Promise<boolean> {
  return write(
    async (tx) => {
      const user = await tx.user.findUnique({ where: { id: userId }, select: { referralCount: true } });
      if (!user || user.referralCount <= REFERRALS_DETACHED_AT_ONCE) return false;
      const count = await tx.$executeRaw`
        UPDATE "Activation" SET "inviterId" = NULL WHERE "inviteeId" IN
          (SELECT "inviteeId" FROM "Activation" WHERE "inviterId" = ${userId} LIMIT ${REFERRALS_DETACHED_AT_ONCE})`;
      await tx.user.updateMany({ where: { id: userId }, data: { referralCount: { decrement: count } } });
      return count > 0;
    },
    { turn: "who invited whom" },
  );
}

async function removeRow(
  tx: Writer,
  { userId, actorId, now, isWanted = async () => true }: Removal,
): Promise<{ email: Email | null } | null> {
  const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
  const addresses = [user?.phone, user?.email].filter((address) => address != null);
  // They hold the address in clear. Codes before accounts: so are they locked everywhere.
  await tx.oneTimeCode.deleteMany({ where: { recipient: { in: addresses } } });
  if (!(await isWanted(tx))) return null;
  const activation = await tx.activation.findUnique({ where: { inviteeId: userId }, select: { inviterId: true } });
  const taken = await tx.activation.deleteMany({ where: { inviteeId: userId } });
  if (activation?.inviterId && taken.count > 0) {
    await tx.user.update({ where: { id: activation.inviterId }, data: { referralCount: { decrement: 1 } } });
  }
  const { count } = await tx.user.deleteMany({ where: { id: userId } });
  if (!user || count === 0) return null;
  await recordEvent(tx, { action: "account_deleted", actorId, subjectId: userId, now });
  return { email: user.email as Email | null };
}
