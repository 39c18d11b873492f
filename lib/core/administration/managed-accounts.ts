import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { keyedHash } from "@/lib/core/keyed-hash";
import { type Queries, readPrimary, statement, transact } from "@/lib/db/database";
import { type AccountLookup, recordRead } from "./accounts";
import type { Actor } from "./actor";

/** An account as backends see it. */
export interface ManagedAccount {
  id: number;
  inviteCode: InviteCode;
  createdAt: Date;
  /** When it was blocked; null if it isn't. */
  blockedAt: Date | null;
  /** Whether it is the account of a test number. */
  isTest: boolean;
  /** The invite code that it activated; `inviterId` is null if the code's account was deleted. */
  activation: { inviteCode: InviteCode; inviterId: number | null; activatedAt: Date } | null;
  /** The proven phone and mailbox, and a phone that is claimed only. */
  phone: Phone | null;
  claimedPhone: Phone | null;
  email: Email | null;
  /** How many events the account has had: the sequence of its last one. */
  sequence: number;
  /** Another text after each change of the account. Further events, such as a login, don't change it. */
  version: string;
}

const COLUMNS = {
  id: true,
  inviteCode: true,
  createdAt: true,
  blockedAt: true,
  isTest: true,
  eventSequence: true,
  phone: true,
  claimedPhone: true,
  email: true,
  activation: { select: { code: true, inviterId: true, activatedAt: true } },
} as const;

/**
 * Finds accounts by exact values (`lookup`) or lists all, the oldest first, from the one after the id `after`. The page is recorded in the
 * audit log if the actor sees phones, or looks up by phone or mailbox: that an account is found, or none, tells whose the phone is.
 */
export async function listManagedAccounts(
  actor: Actor,
  {
    lookup: { phone, email, inviteCode } = {},
    after = 0,
    limit,
    seesPhones,
  }: { lookup?: AccountLookup; after?: number; limit: number; seesPhones: boolean },
): Promise<{ accounts: ManagedAccount[]; next: number | null }> {
  const rows = await readPrimary.user.findMany({
    where: {
      ...(phone && { OR: [{ phone }, { claimedPhone: phone }] }),
      ...(email && { email }),
      ...(inviteCode && { inviteCode }),
      id: { gt: after },
    },
    orderBy: { id: "asc" },
    take: limit + 1,
    select: COLUMNS,
  });
  const accounts = rows.slice(0, limit).map(accountOf);
  const ids = accounts.map(({ id }) => id);
  const isByIdentity = phone !== undefined || email !== undefined;
  if (isByIdentity && ids.length === 0)
    await transact(async (tx) => recordRead(tx, actor, { subjectId: null, now: new Date() }));
  else if (isByIdentity || seesPhones)
    await recordAccountReads(actor, { ids, isList: !isByIdentity && inviteCode === undefined });
  return { accounts, next: rows.length > limit ? (accounts.at(-1)?.id ?? null) : null };
}

const FIND_ACCOUNT = statement({
  params: { userId: "integer" },
  row: {
    id: "integer",
    inviteCode: "text",
    createdAt: "time",
    blockedAt: "time?",
    isTest: "boolean",
    eventSequence: "integer",
    phone: "text?",
    claimedPhone: "text?",
    email: "text?",
    code: "text?",
    inviterId: "integer?",
    activatedAt: "time?",
  },
  sql: `
    SELECT "User"."id", "inviteCode", "createdAt", "blockedAt", "isTest", "eventSequence", "phone", "claimedPhone", "email",
      "Activation"."code", "Activation"."inviterId", "Activation"."activatedAt"
    FROM "User" LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id" WHERE "User"."id" = :userId`,
});

/** Returns the account, or null if there is none. In a transaction, `db` is the transaction. */
export async function findManagedAccount(userId: number, db: Queries = readPrimary): Promise<ManagedAccount | null> {
  const row = await db.get(FIND_ACCOUNT, { userId });
  if (!row) return null;
  const { code, inviterId, activatedAt, ...account } = row;
  const activation = code === null || activatedAt === null ? null : { code, inviterId, activatedAt };
  return accountOf({ ...account, activation });
}

/**
 * Records that an actor saw the phones and mailboxes of these accounts: each as a read, which its owner sees in the history, or with
 * `isList` together as a list.
 */
export async function recordAccountReads(
  actor: Actor,
  { ids, isList }: { ids: number[]; isList: boolean },
  now = new Date(),
): Promise<void> {
  if (ids.length === 0) return;
  await transact(async (tx) => {
    if (isList) recordRead(tx, actor, { subjectId: null, ids, now });
    else for (const id of ids) recordRead(tx, actor, { subjectId: id, now });
  });
}

type Row = Pick<ManagedAccount, "id" | "createdAt" | "blockedAt" | "isTest"> & {
  eventSequence: number;
  inviteCode: string;
  phone: string | null;
  claimedPhone: string | null;
  email: string | null;
  activation: { code: string; inviterId: number | null; activatedAt: Date } | null;
};

function accountOf({ activation, eventSequence, ...row }: Row): ManagedAccount {
  const account = {
    id: row.id,
    inviteCode: row.inviteCode as InviteCode,
    createdAt: row.createdAt,
    blockedAt: row.blockedAt,
    isTest: row.isTest,
    activation: activation && {
      inviteCode: activation.code as InviteCode,
      inviterId: activation.inviterId,
      activatedAt: activation.activatedAt,
    },
    phone: row.phone as Phone | null,
    claimedPhone: row.claimedPhone as Phone | null,
    email: row.email as Email | null,
  };
  // A keyed hash, so that a version tells no phone to a client that doesn't see phones.
  return { ...account, sequence: eventSequence, version: keyedHash(JSON.stringify(account)).slice(0, 16) };
}
