import { z } from "zod";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { recordOwnEvent } from "@/lib/core/accounts/audit-log";
import { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import { SESSIONS_LISTED_MAX } from "@/lib/core/policy";
import { readPrimary, type Writer, write } from "@/lib/db/database";
import { isOpen, removeSession, type Session } from "./sessions";
import { trustDevice } from "./trusted-devices";
import { type Device, describeDevice } from "./user-agent";

/** What can be a session's id; whose it is, is another question. */
export const SessionId = z.uuid();

/** A session as its account sees it. Its id opens nothing: that is what the sealed cookie and the signed tokens do. */
export interface ListedSession {
  id: string;
  device: Device;
  /** An IPv4 address or the first 64 bits of an IPv6 one; null where it isn't known. */
  network: string | null;
  createdAt: Date;
  /** When it was last seen, an hour ago at most. */
  seenAt: Date;
  isNew: boolean;
  /** Whether it is the one that asks. */
  isOwn: boolean;
}

type Own = Pick<Session, "id" | "userId">;

/**
 * The account's open sessions, the newest first: the one that asks and `SESSIONS_LISTED_MAX` others at most. `isCut` says
 * that there are more.
 */
export async function listSessions(
  { id, userId }: Own,
  now = new Date(),
): Promise<{ sessions: ListedSession[]; isCut: boolean }> {
  const [own, others] = await Promise.all([
    readPrimary.session.findMany({ where: { ...isOpen(userId, now), id } }),
    readPrimary.session.findMany({
      where: { ...isOpen(userId, now), NOT: { id } },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: SESSIONS_LISTED_MAX + 1,
    }),
  ]);
  const sessions = [...own, ...others.slice(0, SESSIONS_LISTED_MAX)]
    .sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime())
    .map((row) => listed(row, id));
  return { sessions, isCut: others.length > SESSIONS_LISTED_MAX };
}

/** How many of the newest sign-ins are warned of at once. */
const NEW_SIGN_INS_MAX = 3;

/** A sign-in from a device that the account didn't trust, and that no trusted device has answered yet. */
export interface NewSignIn extends Pick<ListedSession, "id" | "device" | "network"> {
  at: Date;
  /** Whether its session can still be ended. */
  isOpen: boolean;
}

/**
 * The newest sign-ins that are still to be answered, as far as this session is told: a trusted device of each, until one of
 * them answers it, also when its session has ended; an unconfirmed session of those that are open. No session is warned of
 * itself.
 */
export async function listNewSignIns(
  { id, userId, isNew }: Own & Pick<Session, "isNew">,
  now = new Date(),
): Promise<NewSignIn[]> {
  const open = { ...isOpen(userId, now), isNew: true };
  if (isNew) {
    const sessions = await readPrimary.session.findMany({
      where: { ...open, NOT: { id } },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: NEW_SIGN_INS_MAX,
    });
    return sessions.map((row) => newSignIn({ ...row, at: row.createdAt }, true));
  }
  const signIns = await readPrimary.unconfirmedSignIn.findMany({
    where: { userId, NOT: { sessionId: id } },
    orderBy: [{ at: "desc" }, { sessionId: "desc" }],
    take: NEW_SIGN_INS_MAX,
  });
  const ids = signIns.map(({ sessionId }) => sessionId);
  const sessions = await readPrimary.session.findMany({ where: { ...open, id: { in: ids } }, select: { id: true } });
  return signIns.map((row) =>
    newSignIn(
      { ...row, id: row.sessionId },
      sessions.some((session) => session.id === row.sessionId),
    ),
  );
}

function newSignIn(
  { id, agent, network, at }: { id: string; agent: string | null; network: string | null; at: Date },
  isOpen: boolean,
): NewSignIn {
  return { id, device: describeDevice(agent), network, at, isOpen };
}

/**
 * Ends another session of the same account. From a trusted device that is an answer to its sign-in, too: the device is not the
 * account's, so that it is trusted no longer, whatever else of the same browser is unconfirmed ends with it, and what it asked
 * to be done later is cancelled. Does nothing for a session that is gone, belongs to another account, or is the current one.
 */
export async function endOtherSession({ id, userId }: Own, other: string, now = new Date()): Promise<void> {
  if (other === id) return;
  await write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return;
    const isTrusted = await isTrustedSession(tx, { id, userId });
    if (isTrusted) await forgetBrowserOf(tx, { id, userId }, other);
    await removeSession(tx, { id: other, userId }, now);
    if (!isTrusted) return;
    const answered = await takeSignIns(tx, userId, other);
    if (answered.length === 0) return;
    const sessionId = { in: answered.map((signIn) => signIn.sessionId) };
    await tx.session.deleteMany({ where: { id: sessionId, userId, isNew: true } });
    const device = describeDevice(answered[0]?.agent ?? null);
    await recordOwnEvent(tx, userId, { action: "device_rejected", details: { device }, now });
    await cancelChanges(tx, userId, sessionId, now);
  });
}

/**
 * Ends all sessions of the account but the one that asks. From a trusted device it also takes trust from all other browsers, and
 * cancels what other sessions have asked to be done later: whoever has one of them in hand is put out for good.
 */
export async function endOtherSessions({ id, userId }: Own, now = new Date()): Promise<void> {
  await write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return;
    if (await isTrustedSession(tx, { id, userId })) {
      const own = await tx.session.findFirst({ where: { id, userId }, select: { browserId: true } });
      const kept = own?.browserId ?? null;
      await tx.trustedBrowser.deleteMany({ where: { userId, ...(kept !== null && { NOT: { browserId: kept } }) } });
      await cancelChanges(tx, userId, { not: id }, now);
    }
    const { count } = await tx.session.deleteMany({ where: { userId, NOT: { id } } });
    if (count > 0) await recordOwnEvent(tx, userId, { action: "sessions_ended", details: { count }, now });
  });
}

/** Takes trust from the browser of another session of the account, unless it is the browser of this one. */
async function forgetBrowserOf(tx: Writer, { id, userId }: Own, other: string): Promise<void> {
  const rows = await tx.session.findMany({
    where: { userId, id: { in: [id, other] } },
    select: { id: true, browserId: true },
  });
  const browserOf = (one: string) => rows.find((row) => row.id === one)?.browserId ?? null;
  const browserId = browserOf(other);
  if (browserId === null || browserId === browserOf(id)) return;
  await tx.trustedBrowser.deleteMany({ where: { userId, browserId } });
}

/** Cancels what these sessions have asked to be done later, and records each. */
async function cancelChanges(
  tx: Writer,
  userId: number,
  sessionId: { in: string[] } | { not: string },
  now: Date,
): Promise<void> {
  const where = { userId, sessionId, dueAt: { gt: now } };
  const cancelled = await tx.delayedChange.findMany({ where });
  await tx.delayedChange.deleteMany({ where });
  for (const { action } of cancelled) {
    const what = DelayedAction.parse(action);
    await recordOwnEvent(tx, userId, { action: "change_cancelled", details: { what }, now });
  }
}

/**
 * Takes a trusted device's word that a new device is the account's, and says whether it was taken. Its browser is trusted from
 * then on, and its other sign-ins are answered with this one. The word is not taken from a session that is new itself: two of
 * them could vouch for each other.
 */
export async function confirmSignIn({ id, userId }: Own, other: string, now = new Date()): Promise<boolean> {
  return write(async (tx) => {
    // Before its sessions, as everybody takes them.
    if (!(await lockAccount(tx, userId)) || !(await isTrustedSession(tx, { id, userId }))) return false;
    const answered = await takeSignIns(tx, userId, other);
    const [signIn] = answered;
    if (!signIn) return false;
    const ids = answered.map(({ sessionId }) => sessionId);
    await tx.session.updateMany({ where: { id: { in: ids }, userId }, data: { isNew: false } });
    await trustDevice(tx, { userId, browserId: signIn.browserId }, now);
    const details = { device: describeDevice(signIn.agent) };
    await recordOwnEvent(tx, userId, { action: "device_confirmed", details, now });
    return true;
  });
}

/** Whether the session is there and is not new itself; its row is held, so that it can't be ended before the answer counts. */
async function isTrustedSession(tx: Writer, { id, userId }: Own): Promise<boolean> {
  const { count } = await tx.session.updateMany({ where: { id, userId, isNew: false }, data: { isNew: false } });
  return count > 0;
}

/** Takes the notice of a sign-in, and of the others of the same browser, and answers what they were of. */
async function takeSignIns(tx: Writer, userId: number, sessionId: string) {
  const signIn = await tx.unconfirmedSignIn.findFirst({ where: { sessionId, userId } });
  if (!signIn) return [];
  const { browserId } = signIn;
  const others = browserId === null ? [] : await tx.unconfirmedSignIn.findMany({ where: { userId, browserId } });
  const all = [signIn, ...others.filter((other) => other.sessionId !== sessionId)];
  await tx.unconfirmedSignIn.deleteMany({ where: { sessionId: { in: all.map((one) => one.sessionId) } } });
  return all;
}

interface Row {
  id: string;
  agent: string | null;
  network: string | null;
  createdAt: Date;
  seenAt: Date;
  isNew: boolean;
}

function listed({ id, agent, network, createdAt, seenAt, isNew }: Row, ownId: string): ListedSession {
  return { id, device: describeDevice(agent), network, createdAt, seenAt, isNew, isOwn: id === ownId };
}
