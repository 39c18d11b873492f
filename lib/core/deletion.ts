import { type Writer, write } from "@/lib/db/database";
import { AccountGone, getProfile, provenFactor } from "./accounts";
import { recordEvent } from "./audit";
import { type CheckCodeFailure, checkCode, giveTryBack, spendCode } from "./challenges";
import { Asker, type CodeOwner, type TypedCode } from "./one-time-code";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { IS_MAIL_OFFERED, type RequestCodeFailure, requestCode, type SendingOptions, type SentCode } from "./sending";
import { isRecentLogin, type Session } from "./sessions";

type Own = Pick<Session, "id" | "userId">;

/** The code that the deletion of an account waits for: it goes to the phone, or to the mailbox where none is proven. */
export async function deletionCode({ id, userId }: Own): Promise<CodeOwner> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  const recipient = provenFactor(account, "phone");
  return { recipient, purpose: "deletion", asker: Asker.parse(id) };
}

/** Sends the code that the deletion waits for. Fails with `mail_unavailable` where it would be a mail and none can be sent. */
export async function requestDeletionCode(
  session: Own,
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const owner = await deletionCode(session);
  if (owner.recipient.kind === "email" && !IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(owner, by, options);
}

/** Deletes the account, for good, of whoever types the code. */
export async function deleteByCode(
  session: Own,
  code: TypedCode,
  by: Requester,
  now = new Date(),
): Promise<Result<null, CheckCodeFailure>> {
  const right = await checkCode(await deletionCode(session), code, by, now);
  if (!right.ok) return right;
  const isUsed = await write(async (tx) => {
    await giveTryBack(tx, right.value);
    return spendCode(tx, right.value, now);
  });
  if (!isUsed) return fail({ name: "code_expired" });
  await removeAccount({ userId: session.userId, actorId: session.userId, now });
  return succeed(null);
}

/**
 * Deletes the account of a browser that logged in a moment ago (`RECENT_LOGIN_MS`), for good. Fails with `login_too_old`, so
 * that a browser that was left open can't, and with `cookie_required` for a client application's session, whose access tokens
 * are shown to other services as well.
 */
export async function deleteOwnAccount(
  session: Session,
  now = new Date(),
): Promise<Result<null, { name: "cookie_required" | "login_too_old" }>> {
  if (session.isClient) return fail({ name: "cookie_required" });
  if (!isRecentLogin(session, now)) return fail({ name: "login_too_old" });
  await removeAccount({ userId: session.userId, actorId: session.userId, now });
  return succeed(null);
}

/**
 * Removes an account with its sessions and its own activation, whose inviter loses the referral, so that leaving and
 * coming back earns nothing. What others activated of it stays with them. Answers whether it was there.
 */
export async function removeAccount(removal: { userId: number; actorId: number; now: Date }): Promise<boolean> {
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
  { userId, actorId, now }: { userId: number; actorId: number; now: Date },
): Promise<boolean> {
  const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
  const addresses = [user?.phone, user?.email].filter((address) => address != null);
  // They hold the address in clear. Codes before accounts: so are they locked everywhere.
  await tx.oneTimeCode.deleteMany({ where: { recipient: { in: addresses } } });
  const activation = await tx.activation.findUnique({ where: { inviteeId: userId }, select: { inviterId: true } });
  const taken = await tx.activation.deleteMany({ where: { inviteeId: userId } });
  if (activation?.inviterId && taken.count > 0) {
    await tx.user.update({ where: { id: activation.inviterId }, data: { referralCount: { decrement: 1 } } });
  }
  const { count } = await tx.user.deleteMany({ where: { id: userId } });
  if (count === 0) return false;
  await recordEvent(tx, { action: "account_deleted", actorId, subjectId: userId, now });
  return true;
}
