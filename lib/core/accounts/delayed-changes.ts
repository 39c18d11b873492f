import { z } from "zod";
import { runInBackground } from "@/lib/core/background";
import type { Email } from "@/lib/core/identity/email";
import { type Masked, maskEmail, maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import type { Recipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { tellOfChange, tellOfDeletion } from "@/lib/core/sessions/security-notices";
import type { Session } from "@/lib/core/sessions/sessions";
import { type Device, describeDevice } from "@/lib/core/sessions/user-agent";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { isDatabaseAway, type Reader, readPrimary, statement, type Writer, write } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { type Account, factorOf, lockAccount } from "./accounts";
import { recordOwnEvent } from "./audit-log";
import { lockForRemoval, type RemovedAccount, removeAccount, removeOrDetach } from "./remove-account";
import { type ChangedIdentity, replaceIdentity } from "./replace-identity";
import { retryOnUnique } from "./retry-on-unique";

/** What takes effect `CHANGE_DELAY_MS` later when an unconfirmed session asks for it. */
export const DelayedAction = z.enum(["deletion", "phone", "email"]);
export type DelayedAction = z.output<typeof DelayedAction>;

/** A change of an account that takes effect later, as the account's sessions see it. */
export interface DelayedChange {
  action: DelayedAction;
  /** The new phone or mailbox, null for a deletion. */
  next: Masked | null;
  /** What asked for it, from which network, and when. */
  device: Device;
  network: string | null;
  requestedAt: Date;
  dueAt: Date;
  /** Whether the session that looks has asked for it. */
  isOwn: boolean;
  /** Whether the session that looks may cancel it: one that is confirmed, or the one that asked for it. */
  mayCancel: boolean;
}

type Own = Pick<Session, "id" | "userId">;

/**
 * Has a change take effect later, in the transaction at hand, which holds the account's row, and answers when. A change of the
 * same kind that this session asked for is replaced, and its time begins again. Fails with `change_waiting` where another
 * session's waits, which only a trusted device may cancel; and where it is due, since it may have begun.
 */
export async function delayChange(
  tx: Writer,
  session: Own,
  { action, next = null }: { action: DelayedAction; next?: Recipient | null },
  now: Date,
): Promise<Result<Date, { name: "change_waiting" }>> {
  const where = { userId_action: { userId: session.userId, action } };
  const waiting = await tx.delayedChange.findUnique({ where, select: { sessionId: true, dueAt: true } });
  if (waiting && (waiting.sessionId !== session.id || waiting.dueAt <= now)) return fail({ name: "change_waiting" });
  const dueAt = new Date(now.getTime() + CHANGE_DELAY_MS);
  const agent = await storeChange(tx, session, { action, next, dueAt, now });
  const details = { what: action, device: describeDevice(agent) };
  await recordOwnEvent(tx, session.userId, { action: "change_requested", details, now });
  return succeed(dueAt);
}

/** Stores a change in place of the one of the same kind, and answers what the session called itself that asks for it. */
async function storeChange(
  tx: Writer,
  { id: sessionId, userId }: Own,
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

/** The account's changes that take effect later, the first of them first. */
export async function listDelayedChanges(
  { id, userId, isNew }: Own & Pick<Session, "isNew">,
  now = new Date(),
): Promise<DelayedChange[]> {
  const rows = await readPrimary.delayedChange.findMany({
    where: { userId, dueAt: { gt: now } },
    orderBy: [{ dueAt: "asc" }, { action: "asc" }],
  });
  return rows.map((row) => {
    const action = DelayedAction.parse(row.action);
    const next = nextOf({ ...row, action });
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
 * Cancels a change that has not taken effect, for a session that is confirmed or that asked for it itself, and answers whether
 * there was one.
 */
export async function cancelDelayedChange(own: Own, action: DelayedAction, now = new Date()): Promise<boolean> {
  const { id, userId } = own;
  return write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return false;
    const session = await tx.session.findFirst({ where: { id, userId }, select: { isNew: true } });
    if (!session) return false;
    const requestedBy = session.isNew ? { sessionId: id } : {};
    const { count } = await tx.delayedChange.deleteMany({
      where: { userId, action, dueAt: { gt: now }, ...requestedBy },
    });
    if (count > 0) await recordOwnEvent(tx, userId, { action: "change_cancelled", details: { what: action }, now });
    return count > 0;
  });
}

/** A change as a page has shown it: one that was asked for since has another time. */
export type ShownChange = Pick<DelayedChange, "action" | "dueAt">;

/** Whether the very change is still to take effect that a page has shown. */
export async function isWaiting({ userId }: Own, shown: ShownChange): Promise<boolean> {
  return (await findShown(readPrimary, userId, shown)) !== null;
}

/**
 * Applies the change that a page has shown before it is due, and drops what else waits, for a session that `spend` lets do so: it
 * uses up codes to both factors of the account. One transaction does it all, so that a failure loses no codes. Fails with
 * `change_gone` where that very change waits no longer, or its phone or mailbox is another account's by now; and with
 * `session_over`.
 */
export async function applyNow<Failure extends { name: string }>(
  session: Own,
  shown: ShownChange,
  spend: (tx: Writer) => Promise<Result<null, Failure>>,
  now: Date,
): Promise<Result<null, Failure | { name: "change_gone" | "session_over" }>> {
  const { id, userId } = session;
  const isDeletion = shown.action === "deletion";
  type Applied = { removed: RemovedAccount | "detached" } | { changed: ChangedIdentity };
  const applied = await retryOnUnique(() =>
    write(async (tx): Promise<Result<Applied, Failure | { name: "change_gone" | "session_over" }>> => {
      const spent = await spend(tx);
      if (!spent.ok) return spent;
      if (isDeletion) await lockForRemoval(tx, userId);
      if (!(await lockAccount(tx, userId))) return fail({ name: "session_over" });
      const own = await tx.session.findFirst({ where: { id, userId }, select: { id: true } });
      if (!own) return fail({ name: "session_over" });
      const row = await findShown(tx, userId, shown);
      if (!row) return fail({ name: "change_gone" });
      if (isDeletion) return succeed({ removed: await deleteNow(tx, session, now) });
      const changed = await applyIdentity(tx, row, now);
      if (!changed) return fail({ name: "change_gone" });
      await dropChanges(tx, userId, now);
      return succeed({ changed });
    }),
  );
  if (!applied.ok) return applied;
  if ("changed" in applied.value) tellOfAppliedChange(userId, applied.value.changed, now);
  else if (applied.value.removed !== "detached") tellOfAppliedDeletion(userId, applied.value.removed, now);
  else await applyDueChanges({ userId }, now);
  return succeed(null);
}

/**
 * Deletes the account of a session, in a transaction as `removeOrDetach` wants it. Where the account is too large for one
 * transaction, its deletion is due from now on: nothing cancels it any more, and `applyDueChanges` goes on with it, whichever
 * request asks that, so that a crash in between leaves no account that has lost some of its referrals.
 */
export async function deleteNow(tx: Writer, session: Own, now: Date): Promise<RemovedAccount | "detached"> {
  const { userId } = session;
  const removed = await removeOrDetach(tx, { userId, actorId: userId, now });
  if (removed === "detached") await storeChange(tx, session, { action: "deletion", next: null, dueAt: now, now });
  return removed;
}

/**
 * Drops what waits, in a transaction that holds the account's row: codes to what the account had before have allowed it. A
 * deletion that is due stays, since it may have begun.
 */
export async function dropChanges(tx: Writer, userId: number, now: Date): Promise<void> {
  await tx.delayedChange.deleteMany({ where: { userId, NOT: { action: "deletion", dueAt: { lte: now } } } });
}

/** Whose changes: those of one account; or those that are about a phone or mailbox, be it the old one or the new one. */
type Concerned = { userId: number } | Recipient;

/** How many changes one request applies at most. */
const APPLIED_AT_ONCE = 100;

/**
 * Applies the changes that are due. Each is applied once, whoever asks for it at the same time: its row goes in the transaction
 * that makes the change. One whose phone or mailbox is another account's by now is dropped, which is on record. The mailboxes hear
 * of what was applied. A change that can't be applied keeps no other from it: its error is logged; where the database is away it is
 * thrown, once the others were tried.
 */
export async function applyDueChanges(concerned: Concerned | null, now = new Date()): Promise<void> {
  const away: unknown[] = [];
  for (const row of await findDue(readPrimary, concerned, now)) {
    try {
      await apply(row, now);
    } catch (error) {
      if (isDatabaseAway(error)) away.push(error);
      else logError(error, "a change that is due was not applied");
    }
  }
  if (away.length > 0) throw away[0];
}

async function apply(row: Row, now: Date): Promise<void> {
  const { userId, dueAt } = row;
  const action = DelayedAction.parse(row.action);
  if (action === "deletion") {
    // In each transaction of the removal, of which the last takes the row with the account: nothing cancels what is due.
    const isWanted = async (tx: Writer) =>
      (await lockAccount(tx, userId)) && (await findShown(tx, userId, { action, dueAt })) !== null;
    const removed = await removeAccount({ userId, actorId: userId, now, isWanted });
    if (removed) tellOfAppliedDeletion(userId, removed, now);
    return;
  }
  const changed = await retryOnUnique(() =>
    write(async (tx) => {
      if (!(await lockAccount(tx, userId))) return null;
      const still = await findShown(tx, userId, { action, dueAt });
      return still && applyIdentity(tx, still, now);
    }),
  );
  if (changed) tellOfAppliedChange(userId, changed, now);
}

/** As `applyDueChanges`, of all accounts, in the background, now and then: nobody may ever come to an account that is to go. */
export function sweepDueChanges(): void {
  if (isTimeToSweep("delayed changes")) void runInBackground("delayed changes", () => applyDueChanges(null));
}

interface Row {
  userId: number;
  action: string;
  next: string | null;
  sessionId: string;
  requestedAt: Date;
  dueAt: Date;
}

const FIND_ANY_DUE = statement({
  params: { now: "time" },
  row: { due: "integer" },
  sql: `SELECT 1 AS "due" FROM "DelayedChange" WHERE "dueAt" <= :now LIMIT 1`,
});

/** Whether any account's change is due. It is asked with each login, and next to nothing is ever due. */
export async function isAnyChangeDue(now: Date): Promise<boolean> {
  return (await readPrimary.get(FIND_ANY_DUE, { now })) !== undefined;
}

async function findDue(db: Reader, concerned: Concerned | null, now: Date): Promise<Row[]> {
  if (!(await isAnyChangeDue(now))) return [];
  const dueAt = { lte: now };
  const order = { orderBy: { dueAt: "asc" }, take: APPLIED_AT_ONCE } as const;
  if (concerned === null) return db.delayedChange.findMany({ where: { dueAt }, ...order });
  if ("userId" in concerned) return db.delayedChange.findMany({ where: { dueAt, ...concerned }, ...order });
  const either = [{ action: concerned.kind, next: concerned.address }, { user: factorOf(concerned) }];
  return db.delayedChange.findMany({ where: { dueAt, OR: either }, ...order });
}

/** The row of a change, unless it was cancelled, replaced or applied. */
async function findShown(
  db: Reader,
  userId: number,
  { action, dueAt }: ShownChange,
): Promise<(Row & { action: DelayedAction }) | null> {
  const row = await db.delayedChange.findFirst({ where: { userId, action, dueAt } });
  return row && { ...row, action };
}

/**
 * Changes the phone or mailbox as the row says, which goes, in a transaction that holds the account's row. Answers null where that
 * phone or mailbox is another account's.
 */
async function applyIdentity(
  tx: Writer,
  row: Row & { action: DelayedAction },
  now: Date,
): Promise<ChangedIdentity | null> {
  const { userId, action, sessionId, requestedAt } = row;
  const next = nextOf(row);
  if (!next) throw new Error("a deletion changes no phone and no mailbox");
  await tx.delayedChange.delete({ where: { userId_action: { userId, action } } });
  const user = await tx.user.findUniqueOrThrow({ where: { id: userId }, select: { phone: true, email: true } });
  const account = { id: userId, ...(user as Pick<Account, "phone" | "email">) };
  const changed = await replaceIdentity(tx, { account, next, since: requestedAt, sessionId, now });
  if (!changed) await recordOwnEvent(tx, userId, { action: "change_dropped", details: { what: next.kind }, now });
  return changed;
}

function nextOf({ action, next }: { action: DelayedAction; next: string | null }): Recipient | null {
  if (action === "phone") return { kind: "phone", address: next as Phone };
  if (action === "email") return { kind: "email", address: next as Email };
  return null;
}

function tellOfAppliedChange(userId: number, changed: ChangedIdentity, at: Date): void {
  void runInBackground(`${changed.name} of ${userId} is told`, () =>
    tellOfChange(changed.mailboxes, { ...changed, at }),
  );
}

function tellOfAppliedDeletion(userId: number, { email }: RemovedAccount, at: Date): void {
  if (email) void runInBackground(`deletion of ${userId} is told`, () => tellOfDeletion(email, at));
}
