import { readPrimary, type Writer, write } from "@/lib/db/database";
import { recordEvent } from "./audit";
import {
  type CheckCodeFailure,
  checkCode,
  giveTryBack,
  type RequestCodeFailure,
  requestCode,
  type SendingOptions,
  spendCode,
} from "./challenges";
import { retryOnCollision } from "./collisions";
import type { Email } from "./email";
import type { InviteCode } from "./invite-code";
import { type Masked, maskIdentity } from "./masking";
import { Asker, type CodeOwner, type OneTimeCode, type Recipient } from "./one-time-code";
import type { Phone } from "./phone";
import { RECENT_LOGIN_MS } from "./policy";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import type { Session } from "./sessions";

/** Thrown where an account is gone that was there a moment ago, or is no longer whose it was. */
export class AccountGone extends Error {
  override name = "AccountGone";
}

/** An account as its owner and administrators see it. */
export interface Account {
  id: number;
  /** Proven; null while only the mailbox is. */
  phone: Phone | null;
  /** The phone that an account without a proven one says is its own. */
  claimedPhone: Phone | null;
  email: Email | null;
  inviteCode: InviteCode;
  activatedCode: InviteCode | null;
}

export interface Profile extends Account {
  referralCount: number;
  /** The one invite code that the account activated; the inviter is null when that account is gone. */
  activated: { code: InviteCode; readonly inviter: Masked | null; activatedAt: Date } | null;
}

interface ProfileRow extends Omit<AccountRow, "activation"> {
  referralCount: number;
  activatedCode: string | null;
  activatedAt: Date | null;
  inviterId: number | null;
  inviterPhone: string | null;
  inviterEmail: string | null;
}

/** The owner's view of an account, or null when there is none. One statement, whatever the number of referrals. */
export async function getProfile(userId: number): Promise<Profile | null> {
  // In SQL, because Prisma asks once for each table, and takes four times as long.
  const [row] = await readPrimary.$queryRaw<ProfileRow[]>`
    SELECT "User"."id", "User"."phone", "User"."claimedPhone", "User"."email", "User"."inviteCode", "User"."referralCount",
      "Activation"."code" AS "activatedCode", "Activation"."activatedAt",
      "inviter"."id" AS "inviterId", "inviter"."phone" AS "inviterPhone", "inviter"."email" AS "inviterEmail"
    FROM "User"
    LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id"
    LEFT JOIN "User" AS "inviter" ON "inviter"."id" = "Activation"."inviterId"
    WHERE "User"."id" = ${userId}`;
  if (!row) return null;
  const { activatedCode, activatedAt, inviterId, inviterPhone, inviterEmail } = row;
  return {
    ...accountOf({ ...row, activation: activatedCode === null ? null : { code: activatedCode } }),
    referralCount: row.referralCount,
    activated:
      activatedCode === null || activatedAt === null
        ? null
        : {
            code: activatedCode as InviteCode,
            activatedAt,
            // Worked out only where it is looked at.
            get inviter() {
              return inviterId === null ? null : maskIdentity({ phone: inviterPhone, email: inviterEmail });
            },
          },
  };
}

/** A row with what `accountOf` needs of it. */
export const ACCOUNT_ROW = {
  id: true,
  phone: true,
  claimedPhone: true,
  email: true,
  inviteCode: true,
  activation: { select: { code: true } },
} as const;

interface AccountRow {
  id: number;
  phone: string | null;
  claimedPhone: string | null;
  email: string | null;
  inviteCode: string;
  activation: { code: string } | null;
}

/** The account in a row of the database. */
export function accountOf({ id, phone, claimedPhone, email, inviteCode, activation }: AccountRow): Account {
  return {
    id,
    phone: phone as Phone | null,
    claimedPhone: claimedPhone as Phone | null,
    email: email as Email | null,
    inviteCode: inviteCode as InviteCode,
    activatedCode: (activation?.code ?? null) as InviteCode | null,
  };
}

/** The phone that an account is known by: the one it has proven, else the one that it says is its own. */
export function shownPhone<P extends string>({
  phone,
  claimedPhone,
}: {
  phone: P | null;
  claimedPhone: P | null;
}): P | null {
  return phone ?? claimedPhone;
}

/**
 * Keeps anybody else from changing or deleting the account until the transaction ends, and answers whether it is there,
 * and known by what was `proven` where that is given.
 */
export async function holdAccount(tx: Writer, userId: number, proven?: Recipient): Promise<boolean> {
  const { count } = await tx.user.updateMany({
    where: { id: userId, ...(proven !== undefined && { OR: [{ phone: proven }, { email: proven }] }) },
    data: { referralCount: { increment: 0 } },
  });
  return count > 0;
}

/**
 * Deletes the account of whoever logged in a moment ago (`RECENT_LOGIN_MS`), for good. Fails with `login_too_old`, so
 * that a browser that was left open can't.
 */
export async function deleteOwnAccount(
  session: Session,
  now = new Date(),
): Promise<Result<null, { name: "login_too_old" }>> {
  if (now.getTime() - session.createdAt.getTime() >= RECENT_LOGIN_MS) return fail({ name: "login_too_old" });
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

/** The code that the proof of a phone waits for; there are two, one to the mailbox and one to the phone. */
export function phoneProofCode(recipient: Recipient, session: { id: string }): CodeOwner {
  return { recipient, purpose: "phone_proof", asker: Asker.parse(session.id) };
}

/** An account by mail that still has a phone to prove. */
interface Unproven {
  email: Email;
  claimedPhone: Phone;
}

/** What the account would have to prove, or null when there is nothing. */
export async function getUnproven(userId: number): Promise<Unproven | null> {
  const account = await getProfile(userId);
  if (!account?.email || !account.claimedPhone || account.phone) return null;
  return { email: account.email, claimedPhone: account.claimedPhone };
}

export type RequestPhoneProofFailure = RequestCodeFailure | { name: "nothing_to_prove" };

/** Sends a code to the account's mailbox, and when that was accepted one to the phone that it says is its own. */
export async function requestPhoneProof(
  session: Pick<Session, "id" | "userId">,
  by: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestPhoneProofFailure>> {
  const unproven = await getUnproven(session.userId);
  if (!unproven) return fail({ name: "nothing_to_prove" });
  const toMailbox = await requestCode(phoneProofCode(unproven.email, session), by, options);
  if (!toMailbox.ok) return toMailbox;
  const toPhone = await requestCode(phoneProofCode(unproven.claimedPhone, session), by, options);
  return toPhone.ok ? succeed(null) : toPhone;
}

export type ProvePhoneFailure =
  | { name: "nothing_to_prove" }
  | { name: "phone_taken" }
  | { name: "code_refused"; email: CheckCodeFailure | null; phone: CheckCodeFailure | null };

/**
 * Makes the phone that the account says is its own its identity, for whoever types both codes. That it is another
 * account's is told only then.
 */
export async function provePhone(
  session: Pick<Session, "id" | "userId">,
  { emailCode, phoneCode }: { emailCode: OneTimeCode; phoneCode: OneTimeCode },
  by: Requester,
  now = new Date(),
): Promise<Result<null, ProvePhoneFailure>> {
  const { userId } = session;
  const unproven = await getUnproven(userId);
  if (!unproven) return fail({ name: "nothing_to_prove" });
  const { claimedPhone } = unproven;
  const email = await checkCode(phoneProofCode(unproven.email, session), emailCode, by, now);
  const phone = await checkCode(phoneProofCode(claimedPhone, session), phoneCode, by, now);
  if (!email.ok || !phone.ok) {
    await write(async (tx) => {
      for (const checked of [email, phone]) if (checked.ok) await giveTryBack(tx, checked.value);
    });
    return fail({
      name: "code_refused",
      email: email.ok ? null : email.failure,
      phone: phone.ok ? null : phone.failure,
    });
  }
  return retryOnCollision(() =>
    write(async (tx) => {
      for (const { value } of [email, phone]) await giveTryBack(tx, value);
      const isUsed = (await spendCode(tx, email.value, now)) && (await spendCode(tx, phone.value, now));
      if (!isUsed) {
        const gone = { name: "code_expired" } as const;
        return fail({ name: "code_refused", email: gone, phone: gone });
      }
      if (await tx.user.findUnique({ where: { phone: claimedPhone }, select: { id: true } })) {
        return fail({ name: "phone_taken" });
      }
      const { count } = await tx.user.updateMany({
        where: { id: userId, email: unproven.email, phone: null, claimedPhone },
        data: { phone: claimedPhone, claimedPhone: null },
      });
      return count > 0 ? succeed(null) : fail({ name: "nothing_to_prove" });
    }),
  );
}
