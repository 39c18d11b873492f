import { FIRST_SEQUENCE } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { type Reader, readPrimary, type Statement, statement, type Transaction } from "@/lib/db/database";

/** Thrown when an account was deleted, or lost the phone or mailbox that a code proved, after it was read. */
export class AccountGone extends Error {
  override name = "AccountGone";
}

/** An account as its owner and administrators see it. */
export interface Account {
  id: number;
  /** The proven phone; null if only a mailbox is proven. */
  phone: Phone | null;
  /** The phone that the owner named without proving it; only accounts without a proven phone have one. */
  claimedPhone: Phone | null;
  email: Email | null;
  inviteCode: InviteCode;
  activatedCode: InviteCode | null;
  /** Whether it is the account of a test number. */
  isTest: boolean;
}

/** An account with its invitations, as its owner sees it. */
export interface Profile extends Account {
  referralCount: number;
  /** The invite code that the account activated, or null. `inviter` is null if the code's account was deleted. */
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
    isTest: "boolean",
    activatedCode: "text?",
    activatedAt: "time?",
    inviterId: "integer?",
    inviterPhone: "text?",
    inviterEmail: "text?",
  },
  sql: `
    SELECT "User"."id", "User"."phone", "User"."claimedPhone", "User"."email", "User"."inviteCode", "User"."referralCount", "User"."isTest",
      "Activation"."code" AS "activatedCode", "Activation"."activatedAt",
      "inviter"."id" AS "inviterId", "inviter"."phone" AS "inviterPhone", "inviter"."email" AS "inviterEmail"
    FROM "User"
    LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id"
    LEFT JOIN "User" AS "inviter" ON "inviter"."id" = "Activation"."inviterId"
    WHERE "User"."id" = :userId`,
});

/** Returns an account with its invitations, or null if there is no such account. Runs one SQL statement. */
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
            // The inviter is masked on access, because masking a phone takes long and many callers don't need the inviter.
            get inviter() {
              return inviterId === null ? null : maskIdentity({ phone: inviterPhone, email: inviterEmail });
            },
          },
  };
}

/** Returns the profile of a session's account. Throws `AccountGone` if the account was deleted after the session was read. */
export async function getOwnProfile({ userId }: { userId: number }): Promise<Profile> {
  const profile = await getProfile(userId);
  if (!profile) throw new AccountGone();
  return profile;
}

/** The columns that `accountOf` needs, as a Prisma `select`. */
export const ACCOUNT_COLUMNS = {
  id: true,
  phone: true,
  claimedPhone: true,
  email: true,
  inviteCode: true,
  isTest: true,
  activation: { select: { code: true } },
} as const;

interface AccountRow {
  id: number;
  phone: string | null;
  claimedPhone: string | null;
  email: string | null;
  inviteCode: string;
  isTest: boolean;
  activation: { code: string } | null;
}

/** Converts a row of `User`, selected with `ACCOUNT_COLUMNS`, to an account. */
export function accountOf({ id, phone, claimedPhone, email, inviteCode, isTest, activation }: AccountRow): Account {
  return {
    id,
    phone: phone as Phone | null,
    claimedPhone: claimedPhone as Phone | null,
    email: email as Email | null,
    inviteCode: inviteCode as InviteCode,
    activatedCode: (activation?.code ?? null) as InviteCode | null,
    isTest,
  };
}

/** Returns the phone to show for an account: the proven one, or else the claimed one. */
export function shownPhone<P extends string>(account: Record<"phone" | "claimedPhone", P | null>): P | null {
  return account.phone ?? account.claimedPhone;
}

/** Returns the account's factor of this kind, or else its factor of the other kind. Throws if the account has neither. */
export function provenFactor({ phone, email }: Pick<Account, "phone" | "email">, kind: Recipient["kind"]): Recipient {
  const factors = [phone && phoneRecipient(phone), email && emailRecipient(email)].filter((factor) => factor !== null);
  const factor = factors.find((one) => one.kind === kind) ?? factors[0];
  if (!factor) throw new Error("an account has neither phone nor mailbox");
  return factor;
}

/** Returns the recipient's address under the name of its column in `User`, for a Prisma `where` or `data`. */
export function factorColumn({ kind, address }: Recipient): { phone: Phone } | { email: Email } {
  return kind === "phone" ? { phone: address } : { email: address };
}

/** A phone or mailbox that an account has proven. `since` is the time when the proving code was sent. */
export interface Factor {
  recipient: Recipient;
  since: Date;
}

/** Returns the columns of `User` that store this factor. */
export function factorColumns({ recipient, since }: Factor) {
  return recipient.kind === "phone"
    ? { phone: recipient.address, phoneProvenAt: since }
    : { email: recipient.address, emailProvenAt: since };
}

/** Returns the account's factors, read by `db`; empty if there is no such account. */
export async function listFactors(userId: number, db: Reader = readPrimary): Promise<Factor[]> {
  const user = await db.user.findUnique({
    where: { id: userId },
    select: { phone: true, phoneProvenAt: true, email: true, emailProvenAt: true },
  });
  const { phone = null, phoneProvenAt = null, email = null, emailProvenAt = null } = user ?? {};
  return [
    phone && phoneProvenAt ? { recipient: phoneRecipient(phone as Phone), since: phoneProvenAt } : null,
    email && emailProvenAt ? { recipient: emailRecipient(email as Email), since: emailProvenAt } : null,
  ].filter((factor) => factor !== null);
}

const ADD_ACCOUNT = statement({
  params: {
    phone: "text?",
    phoneProvenAt: "time?",
    claimedPhone: "text?",
    email: "text?",
    emailProvenAt: "time?",
    inviteCode: "text",
    createdAt: "time",
    isTest: "boolean",
  },
  row: { id: "integer" },
  sql: `
    INSERT INTO "User" ("phone", "phoneProvenAt", "claimedPhone", "email", "emailProvenAt", "inviteCode", "createdAt", "isTest",
      "eventSequence")
    VALUES (:phone, :phoneProvenAt, :claimedPhone, :email, :emailProvenAt, :inviteCode, :createdAt, :isTest, ${FIRST_SEQUENCE})
    RETURNING "id"`,
});

/**
 * Adds an account's row, and returns its id. The caller publishes its first event with `publishFirstEvent`. Fails with a unique
 * violation if another account has one of its values.
 */
export async function insertAccount(
  tx: Transaction,
  columns: typeof ADD_ACCOUNT extends Statement<infer Params, unknown> ? Params : never,
): Promise<number> {
  const added = await tx.get(ADD_ACCOUNT, columns);
  if (!added) throw new Error("the database returned no id for a new account");
  return added.id;
}

const LOCK_ACCOUNT = statement({
  params: { userId: "integer", phone: "text?", email: "text?" },
  sql: `
    UPDATE "User" SET "referralCount" = "referralCount"
    WHERE "id" = :userId AND (:phone IS NULL OR ("phone" = :phone AND "blockedAt" IS NULL))
      AND (:email IS NULL OR ("email" = :email AND "blockedAt" IS NULL))`,
});

/**
 * Locks the account's row (a no-op update), so that no other transaction changes or deletes the account until this one ends.
 * Returns whether the account exists and, if `proven` is given, has this phone or mailbox as a factor and is not blocked.
 */
export async function lockAccount(tx: Transaction, userId: number, proven?: Recipient): Promise<boolean> {
  const factor = { phone: null, email: null, ...(proven && factorColumn(proven)) };
  return (await tx.run(LOCK_ACCOUNT, { userId, ...factor })) > 0;
}
