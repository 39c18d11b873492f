import { z } from "zod";
import { runInBackground } from "@/lib/core/background";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskEmail, maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import type { Recipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { notifyMailboxes } from "@/lib/core/sessions/security-notices";
import type { Session, SessionRef } from "@/lib/core/sessions/sessions";
import { type Device, describeDevice } from "@/lib/core/sessions/user-agent";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { isDatabaseAway, type Reader, readPrimary, statement, type Writer, write } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { type Account, factorColumn, lockAccount } from "./accounts";
import { recordEventByOwner } from "./audit-log";
import { lockForRemoval, type RemovedAccount, removeAccount, removeOrDetach } from "./remove-account";
import { type ChangedIdentity, replaceIdentity } from "./replace-identity";
import { retryOnUnique } from "./retry-on-unique";

/** The kinds of changes that take effect `CHANGE_DELAY_MS` later if an unconfirmed session requests them. */
export const DelayedAction = z.enum(["deletion", "phone", "email"]);
export type DelayedAction = z.output<typeof DelayedAction>;

/** A delayed change, as a session of the account sees it. */
export interface DelayedChange {
  action: DelayedAction;
  /** The new phone or mailbox, masked; null for a deletion. */
  next: Masked | null;
  /** The device and the network that requested the change, and when. */
  device: Device;
  network: string | null;
  requestedAt: Date;
  dueAt: Date;
  /** Whether the session that reads the list requested this change. */
  isOwn: boolean;
  /** Whether the session that reads the list can cancel this change: the session is confirmed, or requested the change. */
  mayCancel: boolean;
}

/**
 * Stores a change that takes effect `CHANGE_DELAY_MS` later, and returns that time. The caller has locked the account's row. If
 * this session requested the waiting change of the same kind, the new change replaces it and the delay begins again. Fails with
 * `change_waiting` if another session requested the waiting change, or if that change is due and may have begun.
 */
export async function delayChange(
  tx: Writer,
  session: SessionRef,
  { action, next = null }: { action: DelayedAction; next?: Recipient | null },
  now: Date,
): Promise<Result<Date, { name: "change_waiting" }>> {
  const where = { userId_action: { userId: session.userId, action } };
  const waiting = await tx.delayedChange.findUnique({ where, select: { sessionId: true, dueAt: true } });
  if (waiting && (waiting.sessionId !== session.id || waiting.dueAt <= now)) return fail({ name: "change_waiting" });
  const dueAt = new Date(now.getTime() + CHANGE_DELAY_MS);
  const agent = await storeChange(tx, session, { action, next, dueAt, now });
  const details = { what: action, device: describeDevice(agent) };
  await recordEventByOwner(tx, session.userId, { action: "change_requested", details, now });
  return succeed(dueAt);
}

/** Stores a change in place of the waiting one of its kind. Returns the `User-Agent` of the session that requests it. */
async function storeChange(
  tx: Writer,
  { id: sessionId, userId }: SessionRef,
  { action, next, dueAt, now }: { action: DelayedAction; next: Recipient | null; dueAt: Date; now: Date },
): Promise<string | null> {
  const session = await tx.session.findUnique({ where: { id: sessionId }, select: { agent: true, network: true } });
  const { agent = null, network = null } = session ?? {};
  const data = { next: next?.address ?? null, sessionId, agent, network, requestedAt: now, dueAt };
  await tx.delayedChange.upsert({
    where: { userId_action: { userId, action } },
    create: { userId, action, ...data },
    update: data,
  });
  return agent;
}

/** Returns the account's delayed changes, in the order in which they take effect. */
export async function listDelayedChanges(
  { id, userId, isNew }: SessionRef & Pick<Session, "isNew">,
  now = new Date(),
): Promise<DelayedChange[]> {
  const rows = await readPrimary.delayedChange.findMany({
    where: { userId, dueAt: { gt: now } },
    orderBy: [{ dueAt: "asc" }, { action: "asc" }],
  });
  return rows.map((row) => {
    const action = DelayedAction.parse(row.action);
    const next = newFactorOf({ ...row, action });
    return {
      action,
      next: next && (next.kind === "phone" ? maskPhone(next.address) : maskEmail(next.address)),
      device: describeDevice(row.agent),
      network: row.network,
      requestedAt: row.requestedAt,
      dueAt: row.dueAt,
      isOwn: row.sessionId === id,
      mayCancel: !isNew || row.sessionId === id,
    };
  });
}

/**
 * Cancels the waiting change of this kind. Returns false if there is no such change, if the session has ended, or if the
 * session is unconfirmed and did not request the change.
 */
export async function cancelDelayedChange(own: SessionRef, action: DelayedAction, now = new Date()): Promise<boolean> {
  const { id, userId } = own;
  return write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return false;
    const session = await tx.session.findFirst({ where: { id, userId }, select: { isNew: true } });
    if (!session) return false;
    const requestedBy = session.isNew ? { sessionId: id } : {};
    const { count } = await tx.delayedChange.deleteMany({
      where: { userId, action, dueAt: { gt: now }, ...requestedBy },
    });
    if (count > 0) await recordEventByOwner(tx, userId, { action: "change_cancelled", details: { what: action }, now });
    return count > 0;
  });
}

/**
 * Identifies a waiting change that a page displayed. A change that is requested again gets another `dueAt`, so a page can't
 * apply a change that it did not display.
 */
export type ShownChange = Pick<DelayedChange, "action" | "dueAt">;

/** Returns whether the displayed change is still waiting. */
export async function isWaiting({ userId }: SessionRef, shown: ShownChange): Promise<boolean> {
  return (await findWaitingChange(readPrimary, userId, shown)) !== null;
}

/**
 * Applies a displayed change before its time, and drops the account's other waiting changes. The same transaction first calls
 * `consumeCodes`, which marks the codes to the account's phone and mailbox as used. Notifies the account's mailboxes.
 *
 * Failures:
 * - those of `consumeCodes`.
 * - `change_gone`: the change is not waiting any more, or its phone or mailbox belongs to another account by now.
 * - `session_over`: the session or its account has ended.
 *
 * A returned failure does not roll the transaction back: codes that `consumeCodes` marked as used stay used.
 */
export async function applyNow<Failure extends { name: string }>(
  session: SessionRef,
  shown: ShownChange,
  consumeCodes: (tx: Writer) => Promise<Result<null, Failure>>,
  now: Date,
): Promise<Result<null, Failure | { name: "change_gone" | "session_over" }>> {
  const { id, userId } = session;
  const isDeletion = shown.action === "deletion";
  type Applied = { removed: RemovedAccount | "detached" } | { changed: ChangedIdentity };
  const applied = await retryOnUnique(() =>
    write(async (tx): Promise<Result<Applied, Failure | { name: "change_gone" | "session_over" }>> => {
      const consumed = await consumeCodes(tx);
      if (!consumed.ok) return consumed;
      if (isDeletion) await lockForRemoval(tx, userId);
      if (!(await lockAccount(tx, userId))) return fail({ name: "session_over" });
      const own = await tx.session.findFirst({ where: { id, userId }, select: { id: true } });
      if (!own) return fail({ name: "session_over" });
      const row = await findWaitingChange(tx, userId, shown);
      if (!row) return fail({ name: "change_gone" });
      if (isDeletion) return succeed({ removed: await deleteNow(tx, session, now) });
      const changed = await applyIdentity(tx, row, now);
      if (!changed) return fail({ name: "change_gone" });
      await dropChanges(tx, userId, now);
      return succeed({ changed });
    }),
  );
  if (!applied.ok) return applied;
  if ("changed" in applied.value) notifyOfAppliedChange(userId, applied.value.changed, now);
  else if (applied.value.removed !== "detached") notifyOfAppliedDeletion(userId, applied.value.removed, now);
  else await applyDueChanges({ userId }, now);
  return succeed(null);
}

/**
 * Deletes the account of a session. The transaction must have called `lockForRemoval`. If the account has too many referrals
 * for one transaction, returns `detached` and stores the deletion as due now. A due deletion can't be cancelled, and
 * `applyDueChanges` completes it on any later request, even after a crash.
 */
export async function deleteNow(tx: Writer, session: SessionRef, now: Date): Promise<RemovedAccount | "detached"> {
  const { userId } = session;
  const removed = await removeOrDetach(tx, { userId, actorId: userId, now });
  if (removed === "detached") await storeChange(tx, session, { action: "deletion", next: null, dueAt: now, now });
  return removed;
}

/**
 * Deletes the waiting changes of an account whose phone or mailbox is being changed, because codes that were sent to the earlier
 * phone or mailbox allowed those changes. Keeps a deletion that is due, because the removal may have begun. The caller has locked
 * the account's row.
 */
export async function dropChanges(tx: Writer, userId: number, now: Date): Promise<void> {
  await tx.delayedChange.deleteMany({ where: { userId, NOT: { action: "deletion", dueAt: { lte: now } } } });
}

const CHANGES_APPLIED_AT_ONCE = 100;

/**
 * Applies the due changes, at most `CHANGES_APPLIED_AT_ONCE`: all of them if `selection` is null, otherwise those of one account,
 * or those that take this phone or mailbox from an account or give it to one. Parallel requests apply each change once, because
 * its row is deleted in the transaction that makes the change. A change whose phone or mailbox belongs to another account by now
 * is dropped, and the drop is recorded. Notifies the mailboxes of each account.
 *
 * An error in one change is logged and does not stop the others. If the database can't be reached, the first such error is
 * thrown after all changes were tried.
 */
export async function applyDueChanges(
  selection: { userId: number } | Recipient | null,
  now = new Date(),
): Promise<void> {
  const unreachable: unknown[] = [];
  for (const row of await findDueChanges(selection, now)) {
    try {
      await applyChange(row, now);
    } catch (error) {
      if (isDatabaseAway(error)) unreachable.push(error);
      else logError(error, "a due change was not applied");
    }
  }
  if (unreachable.length > 0) throw unreachable[0];
}

type ChangeRow = Awaited<ReturnType<typeof findDueChanges>>[number];

async function applyChange(row: ChangeRow, now: Date): Promise<void> {
  const { userId, dueAt } = row;
  const action = DelayedAction.parse(row.action);
  if (action === "deletion") {
    // Each transaction of the removal checks that the deletion is still stored. The last one deletes its row with the account.
    const isWanted = async (tx: Writer) =>
      (await lockAccount(tx, userId)) && (await findWaitingChange(tx, userId, { action, dueAt })) !== null;
    const removed = await removeAccount({ userId, actorId: userId, now, isWanted });
    if (removed) notifyOfAppliedDeletion(userId, removed, now);
    return;
  }
  const changed = await retryOnUnique(() =>
    write(async (tx) => {
      if (!(await lockAccount(tx, userId))) return null;
      const waiting = await findWaitingChange(tx, userId, { action, dueAt });
      return waiting && applyIdentity(tx, waiting, now);
    }),
  );
  if (changed) notifyOfAppliedChange(userId, changed, now);
}

/**
 * Applies the due changes of all accounts in the background, at most once a minute in each process. So an account is deleted
 * even if no request concerns it.
 */
export function sweepDueChanges(): void {
  if (isTimeToSweep("delayed changes")) void runInBackground("delayed changes", () => applyDueChanges(null));
}

const FIND_ANY_DUE_CHANGE = statement({
  params: { now: "time" },
  row: { due: "integer" },
  sql: `SELECT 1 AS "due" FROM "DelayedChange" WHERE "dueAt" <= :now LIMIT 1`,
});

/** Returns whether a change of any account is due. The answer is nearly always no. */
async function isAnyChangeDue(now: Date): Promise<boolean> {
  return (await readPrimary.get(FIND_ANY_DUE_CHANGE, { now })) !== undefined;
}

async function findDueChanges(selection: { userId: number } | Recipient | null, now: Date) {
  if (!(await isAnyChangeDue(now))) return [];
  const ofFactor = (factor: Recipient) => ({
    OR: [{ action: factor.kind, next: factor.address }, { user: factorColumn(factor) }],
  });
  const selected = selection && ("userId" in selection ? selection : ofFactor(selection));
  return readPrimary.delayedChange.findMany({
    where: { dueAt: { lte: now }, ...selected },
    orderBy: { dueAt: "asc" },
    take: CHANGES_APPLIED_AT_ONCE,
  });
}

/** Returns the row of a change; null if the change was cancelled, replaced or applied. */
async function findWaitingChange(db: Reader, userId: number, { action, dueAt }: ShownChange) {
  const row = await db.delayedChange.findFirst({ where: { userId, action, dueAt } });
  return row && { ...row, action };
}

/**
 * Changes the phone or mailbox as the row says, and deletes the row. The caller has locked the account's row. If the new phone
 * or mailbox belongs to another account, records that the change was dropped, and returns null.
 */
async function applyIdentity(
  tx: Writer,
  row: ChangeRow & { action: DelayedAction },
  now: Date,
): Promise<ChangedIdentity | null> {
  const { userId, action, sessionId, requestedAt } = row;
  const next = newFactorOf(row);
  if (!next) throw new Error("a deletion has no new phone or mailbox");
  await tx.delayedChange.delete({ where: { userId_action: { userId, action } } });
  const user = await tx.user.findUniqueOrThrow({ where: { id: userId }, select: { phone: true, email: true } });
  const account = { id: userId, ...(user as Pick<Account, "phone" | "email">) };
  const changed = await replaceIdentity(tx, { account, next, since: requestedAt, sessionId, now });
  if (!changed) await recordEventByOwner(tx, userId, { action: "change_dropped", details: { what: next.kind }, now });
  return changed;
}

function newFactorOf({ action, next }: { action: DelayedAction; next: string | null }): Recipient | null {
  if (action === "phone") return { kind: "phone", address: next as Phone };
  if (action === "email") return { kind: "email", address: next as Email };
  return null;
}

function notifyOfAppliedChange(userId: number, changed: ChangedIdentity, at: Date): void {
  void runInBackground(`notice of ${changed.name} to account ${userId}`, () =>
    notifyMailboxes(changed.mailboxes, { ...changed, at }),
  );
}

function notifyOfAppliedDeletion(userId: number, { email }: RemovedAccount, at: Date): void {
  if (!email) return;
  void runInBackground(`notice of deletion to account ${userId}`, () =>
    notifyMailboxes([email], { name: "account_deleted", at }),
  );
}
