import { AccountGone } from "@/lib/core/accounts/accounts";
import { recordEventByOwner } from "@/lib/core/accounts/audit-log";
import { channelOf } from "@/lib/core/challenges/served-countries";
import { publishEvent } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { ACTIVATIONS_OF_USER, consume, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import {
  type Queries,
  type RolledBack,
  type RowOf,
  rollBack,
  statement,
  type Transaction,
  transact,
} from "@/lib/db/database";
import { countOutcome } from "@/lib/ops/metrics";
import type { InviteCode } from "./invite-code";

/** An invite code with its inviter, as another account sees them. */
export interface Invite {
  code: InviteCode;
  inviter: Masked;
}

/** Why an invite code can't be activated. `invite_circular`: the inviter was invited, directly or not, by the invitee. */
type InviteFailure =
  | { name: "invite_already_activated"; activated: InviteCode }
  | { name: "invite_unknown" | "invite_own" | "invite_circular" };
/** The failures of `activateInvite`. */
export type ActivateInviteFailure = LimitFailure | InviteFailure;

const FIND_INVITER = statement({
  params: { inviteCode: "text" },
  row: { id: "integer", phone: "text?", email: "text?", inviteCode: "text", isTest: "boolean" },
  sql: `
    SELECT "id", "phone", "email", "inviteCode", "isTest" FROM "User"
    WHERE "inviteCode" = :inviteCode AND "blockedAt" IS NULL`,
});
/** The account that an invite code belongs to. */
type Inviter = RowOf<typeof FIND_INVITER>;

/** Returns the inviter's invite code, with the inviter masked. */
export function inviteOf({ inviteCode, phone, email }: Inviter): Invite {
  return { code: inviteCode as InviteCode, inviter: maskIdentity({ phone, email }) };
}

/** Returns the account that the invite code belongs to. Returns null without one, and for a blocked account. */
export async function findInviter(db: Queries, inviteCode: InviteCode): Promise<Inviter | null> {
  return (await db.get(FIND_INVITER, { inviteCode })) ?? null;
}

/**
 * Activates the invite code of another account, permanently. An account can activate one code, never its own and never in a
 * circle. The codes of people are unknown to test numbers, and the other way round, so that test numbers change no count of people. A
 * null `code` stands for text that can't be an invite code, and fails as an unknown code. Each call counts against
 * the account's limit, even if it fails. Fails with an `InviteFailure`, or with `budget_spent`. Throws `AccountGone`.
 *
 * A circle arises only if the invitee invited the inviter, directly or through other accounts. An invitee without referrals
 * invited no account, and gets no referral while its row is locked, because an activation of its code changes that row. So
 * nearly all activations lock only two rows. An activation by an invitee with referrals takes the lock `invite-graph`, which
 * lets one such activation run at a time, and follows the chain of inviters upwards from the inviter.
 */
export async function activateInvite(
  { userId, code }: { userId: number; code: InviteCode | null },
  now = new Date(),
): Promise<Result<Invite, ActivateInviteFailure>> {
  const asked = { userId, code, now };
  const activated =
    (await transact((tx) => activate(tx, asked, { mayWalk: false }))) ??
    (await transact((tx) => activate(tx, asked, { mayWalk: true }), { lock: "invite-graph" }));
  if (!activated) throw new Error("an activation was not checked for circles");
  countOutcome("activations", activated);
  return activated.ok ? succeed(inviteOf(activated.value)) : activated;
}

/**
 * Activates the code for an account that was made by the verification of a code, at its first login, in this transaction. Does nothing
 * if the code can't be activated, or if the account has referrals already, because circles are not searched for. Returns whether the
 * code was activated. Throws `AccountGone`.
 */
export async function activateAtFirstLogin(
  tx: Transaction,
  { userId, code, factor, now }: { userId: number; code: InviteCode; factor: Recipient; now: Date },
): Promise<boolean> {
  const inviter = await findInviter(tx, code);
  if (!inviter) return false;
  const invitee = await lockPair(tx, userId, inviter.id);
  const checked = checkAllButCircles(invitee, userId, invitee.isOtherThere ? inviter : null);
  if (!checked.ok || invitee.referralCount > 0) return false;
  recordActivation(tx, { inviteeId: userId, inviterId: inviter.id, code, factor, isTest: invitee.isTest, now });
  return true;
}

/**
 * Activates the code in this transaction. If circles must be searched for and `mayWalk` is false, changes nothing and returns
 * null.
 */
async function activate(
  tx: Transaction,
  { userId, code, now }: { userId: number; code: InviteCode | null; now: Date },
  { mayWalk }: { mayWalk: boolean },
): Promise<Result<Inviter, ActivateInviteFailure> | null | RolledBack<null>> {
  const [consumed, inviter] = await Promise.all([
    consume(tx, [{ limit: ACTIVATIONS_OF_USER, subject: String(userId) }], now),
    code && findInviter(tx, code),
  ]);
  if (!consumed.ok) return consumed;
  const invitee = await lockPair(tx, userId, inviter?.id ?? userId);
  const checked = checkAllButCircles(invitee, userId, inviter && invitee.isOtherThere ? inviter : null);
  if (!checked.ok) return checked;
  if (invitee.referralCount > 0) {
    if (!mayWalk) return rollBack(null);
    if (await isDescendant(tx, checked.value.id, userId)) return fail({ name: "invite_circular" });
  }
  const { id: inviterId, inviteCode } = checked.value;
  const activated = { inviteeId: userId, inviterId, code: inviteCode as InviteCode };
  recordActivation(tx, { ...activated, factor: mainFactorOf(invitee), isTest: invitee.isTest, now });
  return checked;
}

const LOCK_ACCOUNT = statement({
  params: { id: "integer" },
  row: { referralCount: "integer", isBlocked: "boolean", isTest: "boolean", phone: "text?", email: "text?" },
  sql: `
    UPDATE "User" SET "referralCount" = "referralCount" WHERE "id" = :id
    RETURNING "referralCount", "blockedAt" IS NOT NULL AS "isBlocked", "isTest", "phone", "email"`,
});
const FIND_ACTIVATION = statement({
  params: { userId: "integer" },
  row: { code: "text", inviterId: "integer?" },
  sql: `SELECT "code", "inviterId" FROM "Activation" WHERE "inviteeId" = :userId`,
});
const FIND_REFERRAL_COUNT = statement({
  params: { userId: "integer" },
  row: { referralCount: "integer", isTest: "boolean", activated: "text?" },
  sql: `
    SELECT "User"."referralCount", "User"."isTest", "Activation"."code" AS "activated"
    FROM "User" LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id" WHERE "User"."id" = :userId`,
});

/**
 * Locks two accounts in the order of their ids, so that no two transactions wait for each other. Returns the state of the
 * account `userId` after the lock, and whether the other account exists. Throws `AccountGone` if the account `userId` does not
 * exist.
 */
async function lockPair(tx: Transaction, userId: number, otherId: number) {
  const ids = [userId, otherId].sort((one, other) => one - other);
  const locking = ids.map((id) => tx.get(LOCK_ACCOUNT, { id }));
  const activation = tx.get(FIND_ACTIVATION, { userId });
  const [rows, activated] = await Promise.all([Promise.all(locking), activation]);
  const [own, other] = ids[0] === userId ? rows : rows.reverse();
  if (!own) throw new AccountGone();
  return { ...own, activated: activated?.code ?? null, isOtherThere: other !== undefined && !other.isBlocked };
}

/**
 * Locks an account, its inviter and, with `besides`, a further account, in the order of their ids, for a transaction that deletes
 * the account's activation. If the account activates a code between the read and the locks, a deadlock is possible; the database
 * then aborts the transaction, which runs again.
 */
export async function lockWithInviter(tx: Transaction, userId: number, besides: number | null = null): Promise<void> {
  await lockInOrder(tx, [userId, (await tx.get(FIND_ACTIVATION, { userId }))?.inviterId, besides]);
}

/** Locks the rows of these accounts in the order of their ids, so that no two transactions wait for each other. */
async function lockInOrder(tx: Transaction, ids: readonly (number | null | undefined)[]): Promise<void> {
  const known = new Set(ids.filter((id) => id != null));
  for (const id of [...known].sort((one, other) => one - other)) await tx.get(LOCK_ACCOUNT, { id });
}

/** The ids of an account's inviters before and after a change of its activation; null for no account. */
interface Inviters<After extends number | null> {
  before: number | null;
  after: After;
}

/** A change of an account's activation that another actor makes: see `moveActivation`. */
interface Change<Failure extends { name: string }> {
  userId: number;
  besides: number | null;
  check: () => Promise<Failure | null>;
}

/** The failures of `moveActivation`. `activation_missing`: the account has activated no code. `invite_same`: it is this one. */
export type MoveActivationFailure = {
  name: "activation_missing" | "invite_unknown" | "invite_same" | "invite_own" | "invite_circular";
};

const MOVE_ACTIVATION = statement({
  params: { userId: "integer", inviterId: "integer", code: "text" },
  sql: `UPDATE "Activation" SET "inviterId" = :inviterId, "code" = :code WHERE "inviteeId" = :userId`,
});
const DELETE_ACTIVATION = statement({
  params: { userId: "integer" },
  sql: `DELETE FROM "Activation" WHERE "inviteeId" = :userId`,
});
const DECREMENT_REFERRAL_COUNT = statement({
  params: { inviterId: "integer" },
  sql: `UPDATE "User" SET "referralCount" = "referralCount" - 1 WHERE "id" = :inviterId`,
});

/**
 * Moves an account's activation to another invite code; its time stays. The earlier inviter loses the referral, and the inviter
 * of `code` gets it. The transaction must hold the lock `invite-graph`: while it walks the chain of inviters, no other account with
 * referrals may come below another inviter. `besides` is the id of a further account whose row is locked in the same order, and
 * `check` runs when all rows are locked. Fails with what `check` returns, or with a `MoveActivationFailure`.
 */
export async function moveActivation<Failure extends { name: string }>(
  tx: Transaction,
  { userId, code, besides, check }: Change<Failure> & { code: InviteCode },
): Promise<Result<Inviters<number>, MoveActivationFailure | Failure>> {
  const [inviter, before] = await Promise.all([findInviter(tx, code), tx.get(FIND_ACTIVATION, { userId })]);
  await lockInOrder(tx, [userId, inviter?.id, before?.inviterId, besides]);
  const refused = await check();
  if (refused) return fail(refused);
  const [activation, inviterNow, invitee] = await Promise.all([
    tx.get(FIND_ACTIVATION, { userId }),
    findInviter(tx, code),
    tx.get(FIND_REFERRAL_COUNT, { userId }),
  ]);
  if (!activation) return fail({ name: "activation_missing" });
  if (inviterNow?.isTest !== invitee?.isTest || !inviterNow) return fail({ name: "invite_unknown" });
  if (inviterNow.id === userId) return fail({ name: "invite_own" });
  if (inviterNow.id === activation.inviterId) return fail({ name: "invite_same" });
  if (await isDescendant(tx, inviterNow.id, userId)) return fail({ name: "invite_circular" });
  tx.queue(MOVE_ACTIVATION, { userId, inviterId: inviterNow.id, code });
  if (activation.inviterId !== null) tx.queue(DECREMENT_REFERRAL_COUNT, { inviterId: activation.inviterId });
  tx.queue(INCREMENT_REFERRAL_COUNT, { inviterId: inviterNow.id });
  return succeed({ before: activation.inviterId, after: inviterNow.id });
}

/**
 * Undoes an account's activation, so that the account can activate a code again. The inviter loses the referral. Returns the
 * inviters before and after. `besides` and `check` are as in `moveActivation`. Fails with what `check` returns, or with
 * `activation_missing`.
 */
export async function undoActivation<Failure extends { name: string }>(
  tx: Transaction,
  { userId, besides, check }: Change<Failure>,
): Promise<Result<Inviters<null>, { name: "activation_missing" } | Failure>> {
  await lockWithInviter(tx, userId, besides);
  const refused = await check();
  if (refused) return fail(refused);
  const activation = await tx.get(FIND_ACTIVATION, { userId });
  if (!activation) return fail({ name: "activation_missing" });
  tx.queue(DELETE_ACTIVATION, { userId });
  if (activation.inviterId !== null) tx.queue(DECREMENT_REFERRAL_COUNT, { inviterId: activation.inviterId });
  return succeed({ before: activation.inviterId, after: null });
}

/** Checks all rules of activation but the one against circles. Returns the inviter, or the first failure. */
function checkAllButCircles(
  { activated, isTest }: { activated: string | null; isTest: boolean },
  userId: number,
  inviter: Inviter | null,
) {
  if (activated) return fail({ name: "invite_already_activated", activated: activated as InviteCode });
  if (!inviter || inviter.isTest !== isTest) return fail({ name: "invite_unknown" });
  return inviter.id === userId ? fail({ name: "invite_own" }) : succeed(inviter);
}

/**
 * Returns the inviter or failure that `activateInvite` would return now. Activates nothing, counts nothing, and does not check
 * the account's limit. Throws `AccountGone`.
 */
export async function checkInvite(
  db: Queries,
  userId: number,
  code: InviteCode | null,
): Promise<Result<Inviter, InviteFailure>> {
  const invitee = await db.get(FIND_REFERRAL_COUNT, { userId });
  if (!invitee) throw new AccountGone();
  const checked = checkAllButCircles(invitee, userId, code && (await findInviter(db, code)));
  if (!checked.ok || invitee.referralCount === 0) return checked;
  return (await isDescendant(db, checked.value.id, userId)) ? fail({ name: "invite_circular" }) : checked;
}

const ADD_ACTIVATION = statement({
  params: { inviteeId: "integer", inviterId: "integer", code: "text", now: "time" },
  sql: `
    INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt") VALUES (:inviteeId, :inviterId, :code, :now)`,
});
const INCREMENT_REFERRAL_COUNT = statement({
  params: { inviterId: "integer" },
  sql: `UPDATE "User" SET "referralCount" = "referralCount" + 1 WHERE "id" = :inviterId`,
});

/**
 * Stores an activation, and adds one to the inviter's number of referrals. The caller has locked the inviter's row. It has
 * locked the invitee's row too, or made the invitee's account in this transaction.
 */
export function recordActivation(
  tx: Transaction,
  {
    inviteeId,
    inviterId,
    code,
    factor,
    isTest,
    now,
  }: {
    inviteeId: number;
    inviterId: number;
    code: InviteCode;
    factor: Recipient | null;
    isTest: boolean;
    now: Date;
  },
): void {
  tx.queue(ADD_ACTIVATION, { inviteeId, inviterId, code, now });
  tx.queue(INCREMENT_REFERRAL_COUNT, { inviterId });
  const details = { ...(factor && channelOf(factor)), ...(isTest && { isTest }) };
  recordEventByOwner(tx, inviteeId, { action: "invite_activated", details, now });
  const data = { inviterId, inviteCode: code, activatedAt: now.toISOString() };
  publishEvent(tx, inviteeId, { type: "invite.activated", data }, now);
}

/** Returns the proven phone of an account, or its mailbox if it has no proven phone. */
function mainFactorOf({ phone, email }: { phone: string | null; email: string | null }): Recipient | null {
  if (phone) return phoneRecipient(phone as Phone);
  return email ? emailRecipient(email as Email) : null;
}

/** Locks the inviter of an account that is being made. Returns whether the inviter's account still exists. */
export async function lockInviter(tx: Transaction, { id }: Inviter): Promise<boolean> {
  const row = await tx.get(LOCK_ACCOUNT, { id });
  return row !== undefined && !row.isBlocked;
}

const ADD_IMPORTED_ACTIVATION = statement({
  params: { inviteeId: "integer", inviterId: "integer", activatedAt: "time" },
  sql: `
    INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt")
    SELECT :inviteeId, "id", "inviteCode", :activatedAt FROM "User" WHERE "id" = :inviterId`,
});

/** Locks accounts that exist, for an import of their invitees. Returns the ids of those that still exist. */
export async function lockInviters(tx: Transaction, ids: readonly number[]): Promise<Set<number>> {
  const inOrder = [...new Set(ids)].sort((one, other) => one - other);
  const rows = await Promise.all(inOrder.map((id) => tx.get(LOCK_ACCOUNT, { id })));
  return new Set(inOrder.filter((_, at) => rows[at] !== undefined));
}

/**
 * Stores the activation of an imported account, and adds one to the inviter's number of referrals. The caller has made the invitee's
 * account in this transaction, and has locked the inviter's row or made it, too.
 */
export function recordImportedActivation(
  tx: Transaction,
  activation: { inviteeId: number; inviterId: number; activatedAt: Date },
): void {
  tx.queue(ADD_IMPORTED_ACTIVATION, activation);
  tx.queue(INCREMENT_REFERRAL_COUNT, { inviterId: activation.inviterId });
}

const FIND_ANCESTOR = statement({
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

/** Returns whether the account `ancestorId` invited the account `userId`, directly or through other accounts. */
async function isDescendant(db: Queries, userId: number, ancestorId: number): Promise<boolean> {
  return (await db.get(FIND_ANCESTOR, { userId, ancestorId })) !== undefined;
}
