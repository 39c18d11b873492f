import { z } from "zod";
import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { removeAccount } from "./account-removal";
import { type Account, factorOf, holdAccount } from "./accounts";
import { recordOwnEvent } from "./audit";
import { runInBackground } from "./background";
import { retryOnCollision } from "./collisions";
import { type Device, describeDevice } from "./devices";
import type { Email } from "./email";
import { type ChangedIdentity, replaceIdentity } from "./identity-replacement";
import { type Masked, maskEmail, maskPhone } from "./masking";
import { tellOfChange, tellOfDeletion } from "./notices";
import type { Phone } from "./phone";
import { CHANGE_DELAY_MS } from "./policy";
import type { Recipient } from "./recipient";
import { fail, isDatabaseAway, type Result, succeed } from "./result";
import type { Session } from "./sessions";
import { isTimeToSweep } from "./sweeping";

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
  { id: sessionId, userId }: Own,
  { action, next = null }: { action: DelayedAction; next?: Recipient | null },
  now: Date,
): Promise<Result<Date, { name: "change_waiting" }>> {
  const where = { userId_action: { userId, action } };
  const waiting = await tx.delayedChange.findUnique({ where, select: { sessionId: true, dueAt: true } });
  if (waiting && (waiting.sessionId !== sessionId || waiting.dueAt <= now)) return fail({ name: "change_waiting" });
  const dueAt = new Date(now.getTime() + CHANGE_DELAY_MS);
  const session = await tx.session.findUnique({ where: { id: sessionId }, select: { agent: true, network: true } });
  const { agent = null, network = null } = session ?? {};
  const data = { next: next?.address ?? null, sessionId, agent, network, requestedAt: now, dueAt };
  await tx.delayedChange.upsert({ where, create: { userId, action, ...data }, update: data });
  const details = { what: action, device: describeDevice(agent) };
  await recordOwnEvent(tx, userId, { action: "change_requested", details, now });
  return succeed(dueAt);
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
    const next = nextOf(row);
    return {
      action: DelayedAction.parse(row.action),
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
    if (!(await holdAccount(tx, userId))) return false;
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

/** Whose changes: those of one account; or those that are about a phone or mailbox, be it the old one or the new one. */
type Concerned = { userId: number } | Recipient;

/** How many changes one request applies at most. */
const APPLIED_AT_ONCE = 100;

/**
 * Applies the changes that are due. Each is applied once, whoever asks for it at the same time: taking its row is the gate, in
 * the transaction that makes the change. One whose phone or mailbox is another account's by now is dropped, which is on record.
 * The mailboxes hear of what was applied. A change that can't be applied keeps no other from it: its error is logged; where the
 * database is away it is thrown, once the others were tried.
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

/**
 * Applies a change that waits before it is due, as `applyDueChanges` does, and drops what else waits; answers whether it was
 * applied. Only for whoever has proven both factors of the account.
 */
export async function applyAtOnce(userId: number, action: DelayedAction, now: Date): Promise<boolean> {
  const row = await readPrimary.delayedChange.findUnique({ where: { userId_action: { userId, action } } });
  if (!row || !(await apply(row, now))) return false;
  await write((tx) => tx.delayedChange.deleteMany({ where: { userId } }));
  return true;
}

async function apply(row: Row, now: Date): Promise<boolean> {
  const { userId } = row;
  const next = nextOf(row);
  if (next) {
    const changed = await retryOnCollision(() => write((tx) => applyIdentity(tx, { ...row, next }, now)));
    if (changed) tellInBackground(row, () => tellOfChange(changed.mailboxes, { ...changed, at: now }));
    return changed !== null;
  }
  const isWanted = async (tx: Writer) => (await holdAccount(tx, userId)) && (await takeRow(tx, row));
  const removed = await removeAccount({ userId, actorId: userId, now, isWanted });
  const email = removed?.email;
  if (email) tellInBackground(row, () => tellOfDeletion(email, now));
  return removed !== null;
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

async function findDue(db: Reader, concerned: Concerned | null, now: Date): Promise<Row[]> {
  // In SQL, because this is asked with each login, and next to nothing is ever due.
  const due = await db.$queryRaw<unknown[]>`SELECT 1 AS "due" FROM "DelayedChange" WHERE "dueAt" <= ${now} LIMIT 1`;
  if (due.length === 0) return [];
  const dueAt = { lte: now };
  const order = { orderBy: { dueAt: "asc" }, take: APPLIED_AT_ONCE } as const;
  if (concerned === null) return db.delayedChange.findMany({ where: { dueAt }, ...order });
  if ("userId" in concerned) return db.delayedChange.findMany({ where: { dueAt, ...concerned }, ...order });
  const either = [{ action: concerned.kind, next: concerned.address }, { user: factorOf(concerned) }];
  return db.delayedChange.findMany({ where: { dueAt, OR: either }, ...order });
}

async function applyIdentity(
  tx: Writer,
  { next, ...row }: Omit<Row, "next"> & { next: Recipient },
  now: Date,
): Promise<ChangedIdentity | null> {
  const { userId, sessionId, requestedAt } = row;
  if (!(await holdAccount(tx, userId)) || !(await takeRow(tx, row))) return null;
  const user = await tx.user.findUniqueOrThrow({ where: { id: userId }, select: { phone: true, email: true } });
  const account = { id: userId, ...(user as Pick<Account, "phone" | "email">) };
  const changed = await replaceIdentity(tx, { account, next, since: requestedAt, sessionId, now });
  if (!changed) await recordOwnEvent(tx, userId, { action: "change_dropped", details: { what: next.kind }, now });
  return changed;
}

/** Takes the change's row, unless it was cancelled, replaced or taken already, and answers whether it was there. */
async function takeRow(tx: Writer, { userId, action, dueAt }: Pick<Row, "userId" | "action" | "dueAt">) {
  const { count } = await tx.delayedChange.deleteMany({ where: { userId, action, dueAt } });
  return count > 0;
}

function nextOf({ action, next }: Pick<Row, "action" | "next">): Recipient | null {
  if (action === "phone") return { kind: "phone", address: next as Phone };
  if (action === "email") return { kind: "email", address: next as Email };
  return null;
}

function tellInBackground({ userId, action }: Row, tell: () => Promise<void>): void {
  void runInBackground(`${action} of ${userId} is told`, tell);
}
