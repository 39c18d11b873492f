import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { readPrimary, statement, type Transaction } from "@/lib/db/database";

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

const FIND_PROFILE = statement({
  params: { userId: "integer" },
  row: {
    id: "integer",
    phone: "text?",
    claimedPhone: "text?",
    email: "text?",
    inviteCode: "text",
    referralCount: "integer",
    activatedCode: "text?",
    activatedAt: "time?",
    inviterId: "integer?",
    inviterPhone: "text?",
    inviterEmail: "text?",
  },
  sql: `
    SELECT "User"."id", "User"."phone", "User"."claimedPhone", "User"."email", "User"."inviteCode", "User"."referralCount",
      "Activation"."code" AS "activatedCode", "Activation"."activatedAt",
      "inviter"."id" AS "inviterId", "inviter"."phone" AS "inviterPhone", "inviter"."email" AS "inviterEmail"
    FROM "User"
    LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id"
    LEFT JOIN "User" AS "inviter" ON "inviter"."id" = "Activation"."inviterId"
    WHERE "User"."id" = :userId`,
});

/** The owner's view of an account, or null when there is none. One statement, however many referrals the account has. */
export async function getProfile(userId: number): Promise<Profile | null> {
  const row = await readPrimary.get(FIND_PROFILE, { userId });
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

/** What the account has proven of this kind, else of the other: it has one of them at least. */
export function provenFactor({ phone, email }: Pick<Account, "phone" | "email">, kind: Recipient["kind"]): Recipient {
  const factors = [phone && phoneRecipient(phone), email && emailRecipient(email)].filter((factor) => factor !== null);
  const factor = factors.find((one) => one.kind === kind) ?? factors[0];
  if (!factor) throw new Error("an account has neither phone nor mailbox");
  return factor;
}

/** The column that holds what the recipient is, with its address: to look an account up by, or to write into it. */
export function factorOf({ kind, address }: Recipient): { phone: Phone } | { email: Email } {
  return kind === "phone" ? { phone: address } : { email: address };
}

/** A phone or mailbox of an account, and since when it is: since the code was sent that proved it. */
export interface Factor {
  recipient: Recipient;
  since: Date;
}

/** The columns of a factor, to write into an account. */
export function provenFactorOf({ recipient, since }: Factor) {
  return recipient.kind === "phone"
    ? { phone: recipient.address, phoneProvenAt: since }
    : { email: recipient.address, emailProvenAt: since };
}

/** What an account has proven, and since when. */
export async function listFactors(userId: number): Promise<Factor[]> {
  const user = await readPrimary.user.findUnique({
    where: { id: userId },
    select: { phone: true, phoneProvenAt: true, email: true, emailProvenAt: true },
  });
  const { phone = null, phoneProvenAt = null, email = null, emailProvenAt = null } = user ?? {};
  return [
    phone && phoneProvenAt ? { recipient: phoneRecipient(phone as Phone), since: phoneProvenAt } : null,
    email && emailProvenAt ? { recipient: emailRecipient(email as Email), since: emailProvenAt } : null,
  ].filter((factor) => factor !== null);
}

const LOCK_ACCOUNT = statement({
  params: { userId: "integer", phone: "text?", email: "text?" },
  sql: `
    UPDATE "User" SET "referralCount" = "referralCount"
    WHERE "id" = :userId AND (:phone IS NULL OR "phone" = :phone) AND (:email IS NULL OR "email" = :email)`,
});

/**
 * Locks the account's row (a no-op update), so that no other transaction changes or deletes the account until this one ends.
 * Returns whether the account is there, and has proven `proven` where that is given.
 */
export async function lockAccount(tx: Transaction, userId: number, proven?: Recipient): Promise<boolean> {
  const factor = { phone: null, email: null, ...(proven && factorOf(proven)) };
  return (await tx.run(LOCK_ACCOUNT, { userId, ...factor })) > 0;
}
