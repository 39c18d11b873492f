import { z } from "zod";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { recordEventByOwner } from "@/lib/core/accounts/audit-log";
import { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import { publishEvent } from "@/lib/core/events/publish";
import { SESSIONS_LISTED_MAX } from "@/lib/core/policy";
import { readPrimary, type Writer, write } from "@/lib/db/database";
import { deleteSessions } from "./delete-sessions";
import { removeSession, type Session, type SessionRef, whereOpen } from "./sessions";
import { trustDevice } from "./trusted-devices";
import { type Device, describeDevice } from "./user-agent";

/** The form of a session's id. A well-formed id need not belong to a session. */
export const SessionId = z.uuid();

/** A session as it is shown to its account. The id alone opens nothing: access takes a sealed cookie or a signed token. */
export interface ListedSession {
  id: string;
  device: Device;
  /** An IPv4 address or an IPv6 /64; null if it is unknown. */
  network: string | null;
  createdAt: Date;
  /** When the session was last used, accurate to `SESSION_SEEN_EVERY_MS`. */
  seenAt: Date;
  isNew: boolean;
  /** Whether this is the session that reads the list. */
  isOwn: boolean;
}

/**
 * Returns the account's open sessions, the newest first: the current one and up to `SESSIONS_LISTED_MAX` others. `isCut` is
 * true if there are more.
 */
export async function listSessions(
  { id, userId }: SessionRef,
  now = new Date(),
): Promise<{ sessions: ListedSession[]; isCut: boolean }> {
  const select = { id: true, agent: true, network: true, createdAt: true, seenAt: true, isNew: true } as const;
  const [own, others] = await Promise.all([
    readPrimary.session.findMany({ where: { ...whereOpen(userId, now), id }, select }),
    readPrimary.session.findMany({
      where: { ...whereOpen(userId, now), NOT: { id } },
      select,
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: SESSIONS_LISTED_MAX + 1,
    }),
  ]);
  const sessions = [...own, ...others.slice(0, SESSIONS_LISTED_MAX)]
    .sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime())
    .map(({ agent, ...session }) => ({ ...session, device: describeDevice(agent), isOwn: session.id === id }));
  return { sessions, isCut: others.length > SESSIONS_LISTED_MAX };
}

const NEW_SIGN_INS_MAX = 3;

/** A sign-in from a device that the account did not trust, and that no trusted device has confirmed or rejected. */
export interface NewSignIn extends Pick<ListedSession, "id" | "device" | "network"> {
  at: Date;
  /** Whether the session that the sign-in opened is still open and can be ended. */
  isOpen: boolean;
}

/**
 * Returns the newest sign-ins of which this session is warned. A session of a trusted device is warned of each sign-in until a
 * trusted device confirms or rejects the sign-in, even after the sign-in's session has ended. An unconfirmed session is warned
 * of other unconfirmed sessions that are open. No session is warned of its own sign-in.
 */
export async function listNewSignIns(
  { id, userId, isNew }: SessionRef & Pick<Session, "isNew">,
  now = new Date(),
): Promise<NewSignIn[]> {
  const open = { ...whereOpen(userId, now), isNew: true };
  if (isNew) {
    const sessions = await readPrimary.session.findMany({
      where: { ...open, NOT: { id } },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: NEW_SIGN_INS_MAX,
    });
    return sessions.map(({ id, agent, network, createdAt }) => ({
      id,
      device: describeDevice(agent),
      network,
      at: createdAt,
      isOpen: true,
    }));
  }
  const signIns = await readPrimary.unconfirmedSignIn.findMany({
    where: { userId, NOT: { sessionId: id } },
    orderBy: [{ at: "desc" }, { sessionId: "desc" }],
    take: NEW_SIGN_INS_MAX,
  });
  const ids = signIns.map(({ sessionId }) => sessionId);
  const sessions = await readPrimary.session.findMany({ where: { ...open, id: { in: ids } }, select: { id: true } });
  return signIns.map(({ sessionId, agent, network, at }) => ({
    id: sessionId,
    device: describeDevice(agent),
    network,
    at,
    isOpen: sessions.some((session) => session.id === sessionId),
  }));
}

/**
 * Ends another session of the same account. If a trusted device does it, the account also stops trusting the other device's
 * browser, the other unconfirmed sessions of that browser end, and the delayed changes that they requested are cancelled. Does
 * nothing for a session that has ended, belongs to another account, or is the current one.
 */
export async function endOtherSession({ id, userId }: SessionRef, other: string, now = new Date()): Promise<void> {
  if (other === id) return;
  await write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return;
    const isTrusted = await isTrustedSession(tx, { id, userId });
    if (isTrusted) await withdrawTrust(tx, { id, userId }, other);
    const answered = isTrusted ? await removeUnconfirmedSignIns(tx, userId, other) : [];
    const isRejected = answered.length > 0;
    await removeSession(tx, { id: other, userId }, { reason: isRejected ? "device_rejected" : "ended_by_owner" }, now);
    if (!isRejected) return;
    const sessionId = { in: answered.map((signIn) => signIn.sessionId) };
    await deleteSessions(tx, userId, { id: sessionId, isNew: true }, { reason: "device_rejected" }, now);
    const device = describeDevice(answered[0]?.agent ?? null);
    await recordEventByOwner(tx, userId, { action: "device_rejected", details: { device }, now });
    await cancelChanges(tx, userId, sessionId, now);
  });
}

/**
 * Ends all sessions of the account except the current one. If a trusted device does it, the account also stops trusting all
 * other browsers, and the delayed changes of other sessions are cancelled, so that a stranger in one of them keeps nothing.
 */
export async function endOtherSessions({ id, userId }: SessionRef, now = new Date()): Promise<void> {
  await write(async (tx) => {
    if (!(await lockAccount(tx, userId))) return;
    if (await isTrustedSession(tx, { id, userId })) {
      const own = await tx.session.findFirst({ where: { id, userId }, select: { browserId: true } });
      const kept = own?.browserId ?? null;
      await tx.trustedBrowser.deleteMany({ where: { userId, ...(kept !== null && { NOT: { browserId: kept } }) } });
      await cancelChanges(tx, userId, { not: id }, now);
    }
    const count = await deleteSessions(tx, userId, { NOT: { id } }, { reason: "ended_by_owner" }, now);
    if (count > 0) await recordEventByOwner(tx, userId, { action: "sessions_ended", details: { count }, now });
  });
}

/** Makes the account stop trusting the browser of another session, unless the current session has the same browser. */
async function withdrawTrust(tx: Writer, { id, userId }: SessionRef, other: string): Promise<void> {
  const rows = await tx.session.findMany({
    where: { userId, id: { in: [id, other] } },
    select: { id: true, browserId: true },
  });
  const browserOf = (one: string) => rows.find((row) => row.id === one)?.browserId ?? null;
  const browserId = browserOf(other);
  if (browserId === null || browserId === browserOf(id)) return;
  await tx.trustedBrowser.deleteMany({ where: { userId, browserId } });
}

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
    await recordEventByOwner(tx, userId, { action: "change_cancelled", details: { what }, now });
  }
}

/**
 * Confirms that the device of another session belongs to the account's owner. The account trusts the device's browser from now
 * on, and the browser's other sign-ins are confirmed as well. Returns false if there is no such unconfirmed sign-in. Also
 * returns false if the current session is unconfirmed, because two unconfirmed sessions could otherwise confirm each other.
 */
export async function confirmSignIn({ id, userId }: SessionRef, other: string, now = new Date()): Promise<boolean> {
  return write(async (tx) => {
    // All transactions lock an account before its sessions, so that no two of them wait for each other.
    if (!(await lockAccount(tx, userId)) || !(await isTrustedSession(tx, { id, userId }))) return false;
    const answered = await removeUnconfirmedSignIns(tx, userId, other);
    const [signIn] = answered;
    if (!signIn) return false;
    const ids = answered.map(({ sessionId }) => sessionId);
    const where = { id: { in: ids }, userId, isNew: true };
    const sessions = await tx.session.findMany({ where, select: { id: true } });
    await tx.session.updateMany({ where, data: { isNew: false } });
    const sessionIds = sessions.map((session) => session.id);
    if (sessionIds.length > 0) publishEvent(tx, userId, { type: "session.confirmed", data: { sessionIds } }, now);
    await trustDevice(tx, { userId, browserId: signIn.browserId }, now);
    const details = { device: describeDevice(signIn.agent) };
    await recordEventByOwner(tx, userId, { action: "device_confirmed", details, now });
    return true;
  });
}

/** Returns whether the session is stored and confirmed. Locks its row, so that it can't end before this transaction. */
async function isTrustedSession(tx: Writer, { id, userId }: SessionRef): Promise<boolean> {
  const { count } = await tx.session.updateMany({ where: { id, userId, isNew: false }, data: { isNew: false } });
  return count > 0;
}

/** Deletes the unconfirmed sign-in of a session and those of the same browser, and returns them. */
async function removeUnconfirmedSignIns(tx: Writer, userId: number, sessionId: string) {
  const signIn = await tx.unconfirmedSignIn.findFirst({ where: { sessionId, userId } });
  if (!signIn) return [];
  const { browserId } = signIn;
  const others = browserId === null ? [] : await tx.unconfirmedSignIn.findMany({ where: { userId, browserId } });
  const all = [signIn, ...others.filter((other) => other.sessionId !== sessionId)];
  await tx.unconfirmedSignIn.deleteMany({ where: { sessionId: { in: all.map((one) => one.sessionId) } } });
  return all;
}
