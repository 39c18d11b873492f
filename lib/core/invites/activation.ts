import { AccountGone } from "@/lib/core/accounts/accounts";
import { recordOwnEvent } from "@/lib/core/accounts/audit-log";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import { ACTIVATIONS_OF_USER, consume, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Queries, type RolledBack, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import type { InviteCode } from "./invite-code";

/** An invite code as another person may see it. */
export interface Invite {
  code: InviteCode;
  inviter: Masked;
}

/** The account whose invite code it is. */
export interface Inviter {
  id: number;
  phone: string | null;
  email: string | null;
  inviteCode: string;
}

/** Why an invite code can't be activated. */
export type InviteFailure =
  | { name: "invite_already_activated"; activated: InviteCode }
  | { name: "invite_unknown" }
  | { name: "invite_own" }
  | { name: "invite_circular" };
export type ActivateInviteFailure = LimitFailure | InviteFailure;

/** The inviter's code, and the inviter as another person may see them. */
export function inviteOf({ inviteCode, ...identity }: Inviter): Invite {
  return { code: inviteCode as InviteCode, inviter: maskIdentity(identity) };
}

const FIND_INVITER = statement({
  params: { inviteCode: "text" },
  row: { id: "integer", phone: "text?", email: "text?", inviteCode: "text" },
  sql: `SELECT "id", "phone", "email", "inviteCode" FROM "User" WHERE "inviteCode" = :inviteCode`,
});

/** The account whose invite code it is, or null. */
export async function findInviter(db: Queries, inviteCode: InviteCode): Promise<Inviter | null> {
  return (await db.get(FIND_INVITER, { inviteCode })) ?? null;
}

/**
 * Activates the invite code of another account for good: once per account, never one's own, never in a circle. Null stands for a
 * text that can't be any account's code, and is unknown. Each try counts, whatever becomes of it; the next ones fail with
 * `budget_spent`.
 *
 * A circle needs an inviter below the invitee. Where the invitee has no referrals, no account is below, and none can come below
 * while the invitee's row is locked, since each activation of the invitee's code changes that row. So nearly all activations lock
 * two rows. Those of accounts with referrals go one at a time through the whole system, and walk up from the inviter.
 */
export async function activateInvite(
  { userId, code }: { userId: number; code: InviteCode | null },
  now = new Date(),
): Promise<Result<Invite, ActivateInviteFailure>> {
  const asked = { userId, code, now };
  const activated =
    (await transact((tx) => activate(tx, asked, { mayWalk: false }))) ??
    (await transact((tx) => activate(tx, asked, { mayWalk: true }), { lock: "invite-graph" }));
  if (!activated) throw new Error("an activation has found no way to look for circles");
  countOutcome("activations", activated);
  return activated.ok ? succeed(inviteOf(activated.value)) : activated;
}

type Activated = Result<Inviter, ActivateInviteFailure>;

/** Activates the code in the transaction at hand. Null, with nothing changed, where circles are to be looked for and it may not. */
async function activate(
  tx: Transaction,
  { userId, code, now }: { userId: number; code: InviteCode | null; now: Date },
  { mayWalk }: { mayWalk: boolean },
): Promise<Activated | null | RolledBack<null>> {
  const [consumed, inviter] = await Promise.all([
    consume(tx, [{ limit: ACTIVATIONS_OF_USER, subject: String(userId) }], now),
    code && findInviter(tx, code),
  ]);
  if (!consumed.ok) return consumed;
  const invitee = await lockPair(tx, userId, inviter?.id ?? userId);
  const refused = refusalOf(invitee, userId, inviter && invitee.isOtherThere ? inviter : null);
  if (!refused.ok) return refused;
  if (invitee.referralCount > 0) {
    if (!mayWalk) return rollBack(null);
    if (await isBelow(tx, refused.value.id, userId)) return fail({ name: "invite_circular" });
  }
  const { id: inviterId, inviteCode } = refused.value;
  recordActivation(tx, { inviteeId: userId, inviterId, code: inviteCode as InviteCode, now });
  return refused;
}

const LOCK_ACCOUNT = statement({
  params: { id: "integer" },
  row: { referralCount: "integer" },
  sql: `UPDATE "User" SET "referralCount" = "referralCount" WHERE "id" = :id RETURNING "referralCount"`,
});
const FIND_ACTIVATED = statement({
  params: { userId: "integer" },
  row: { code: "text", inviterId: "integer?" },
  sql: `SELECT "code", "inviterId" FROM "Activation" WHERE "inviteeId" = :userId`,
});
const FIND_INVITEE = statement({
  params: { userId: "integer" },
  row: { referralCount: "integer" },
  sql: `SELECT "referralCount" FROM "User" WHERE "id" = :userId`,
});

/** What the rules of activation ask of an invitee. */
interface Invitee {
  referralCount: number;
  activated: InviteCode | null;
}

/**
 * Locks two accounts in the order of their ids, so that no two transactions wait for each other, and returns the first one as it
 * is then, and whether the other one is there. Throws `AccountGone` where the first one is not.
 */
async function lockPair(
  tx: Transaction,
  userId: number,
  otherId: number,
): Promise<Invitee & { isOtherThere: boolean }> {
  const ids = [userId, otherId].sort((one, other) => one - other);
  const locking = ids.map((id) => tx.get(LOCK_ACCOUNT, { id }));
  const activation = tx.get(FIND_ACTIVATED, { userId });
  const [rows, activated] = await Promise.all([Promise.all(locking), activation]);
  const [own, other] = ids[0] === userId ? rows : rows.reverse();
  if (!own) throw new AccountGone();
  const { referralCount } = own;
  return {
    referralCount,
    activated: (activated?.code ?? null) as InviteCode | null,
    isOtherThere: other !== undefined,
  };
}

/**
 * Locks an account and its inviter, in the order of their ids, for a transaction that takes the account's activation away. Where
 * the account has activated a code in between, a deadlock is possible, and the transaction begins again.
 */
export async function lockWithInviter(tx: Transaction, userId: number): Promise<void> {
  const { inviterId = null } = (await tx.get(FIND_ACTIVATED, { userId })) ?? {};
  const ids = inviterId === null ? [userId] : [userId, inviterId].sort((one, other) => one - other);
  for (const id of ids) await tx.get(LOCK_ACCOUNT, { id });
}

/** The inviter, or the reason to refuse, but for circles; in the order of the rules. */
function refusalOf({ activated }: Invitee, userId: number, inviter: Inviter | null): Result<Inviter, InviteFailure> {
  if (activated) return fail({ name: "invite_already_activated", activated });
  if (!inviter) return fail({ name: "invite_unknown" });
  return inviter.id === userId ? fail({ name: "invite_own" }) : succeed(inviter);
}

/** What `activateInvite` would answer now, as far as rows tell, with nothing activated and no try counted. */
export async function checkInvite(
  db: Queries,
  userId: number,
  code: InviteCode | null,
): Promise<Result<Inviter, InviteFailure>> {
  const invitee = await db.get(FIND_INVITEE, { userId });
  if (!invitee) throw new AccountGone();
  const activated = ((await db.get(FIND_ACTIVATED, { userId }))?.code ?? null) as InviteCode | null;
  const { referralCount } = invitee;
  const checked = refusalOf({ referralCount, activated }, userId, code && (await findInviter(db, code)));
  if (!checked.ok || referralCount === 0) return checked;
  return (await isBelow(db, checked.value.id, userId)) ? fail({ name: "invite_circular" }) : checked;
}

const ADD_ACTIVATION = statement({
  params: { inviteeId: "integer", inviterId: "integer", code: "text", now: "time" },
  sql: `
    INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt") VALUES (:inviteeId, :inviterId, :code, :now)`,
});
const COUNT_REFERRAL = statement({
  params: { inviterId: "integer" },
  sql: `UPDATE "User" SET "referralCount" = "referralCount" + 1 WHERE "id" = :inviterId`,
});

/**
 * Writes down who came by whose code, and counts it, in the transaction at hand. The transaction has locked the inviter's row, and
 * either the invitee's or has made that account itself.
 */
export function recordActivation(
  tx: Transaction,
  { inviteeId, inviterId, code, now }: { inviteeId: number; inviterId: number; code: InviteCode; now: Date },
): void {
  tx.queue(ADD_ACTIVATION, { inviteeId, inviterId, code, now });
  tx.queue(COUNT_REFERRAL, { inviterId });
  recordOwnEvent(tx, inviteeId, { action: "invite_activated", now });
}

/** Locks the inviter of an account that is being made, and returns whether the inviter's account is still there. */
export async function lockInviter(tx: Transaction, { id }: Inviter): Promise<boolean> {
  return (await tx.get(LOCK_ACCOUNT, { id })) !== undefined;
}

const FIND_ABOVE = statement({
  params: { userId: "integer", ancestorId: "integer" },
  row: { id: "integer" },
  sql: `
    WITH RECURSIVE above(id) AS (
      SELECT "inviterId" FROM "Activation" WHERE "inviteeId" = :userId
      UNION
      SELECT "Activation"."inviterId" FROM "Activation" JOIN above ON "Activation"."inviteeId" = above.id
    )
    SELECT id FROM above WHERE id = :ancestorId`,
});

/** Whether the user came by `ancestorId`, directly or by any number of people in between. */
async function isBelow(db: Queries, userId: number, ancestorId: number): Promise<boolean> {
  return (await db.get(FIND_ABOVE, { userId, ancestorId })) !== undefined;
}
