import { z } from "zod";
import { readPrimary, write } from "@/lib/db/database";
import { holdAccount } from "./accounts";
import { recordOwnEvent } from "./audit";
import { type Device, describeDevice } from "./devices";
import { SESSIONS_LISTED_MAX } from "./policy";
import { isOpen, removeSession, type Session } from "./sessions";
import { trustBrowser } from "./trusted-browsers";

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
const NEW_SESSIONS_MAX = 3;

/** The newest of the other sessions of devices that nobody has confirmed yet. Nobody is warned of themselves. */
export async function listNewSessions({ id, userId }: Own, now = new Date()): Promise<ListedSession[]> {
  const rows = await readPrimary.session.findMany({
    where: { ...isOpen(userId, now), isNew: true, NOT: { id } },
    orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    take: NEW_SESSIONS_MAX,
  });
  return rows.map((row) => listed(row, id));
}

/**
 * Ends another session of the same account. One that is gone, of somebody else, or of whoever asks, is none; nobody is told
 * which.
 */
export async function endOtherSession({ id, userId }: Own, other: string, now = new Date()): Promise<void> {
  if (other !== id) await write((tx) => removeSession(tx, { id: other, userId }, now));
}

/** Ends all sessions of the account but the one that asks. */
export async function endOtherSessions({ id, userId }: Own, now = new Date()): Promise<void> {
  await write(async (tx) => {
    const { count } = await tx.session.deleteMany({ where: { userId, NOT: { id } } });
    if (count > 0) await recordOwnEvent(tx, userId, { action: "sessions_ended", details: { count }, now });
  });
}

/**
 * Takes somebody's word that a new device is theirs, and says whether it was taken. Its browser is trusted from then on. The
 * word is not taken from a session that is new itself: two of them could vouch for each other.
 */
export async function confirmSession({ id, userId }: Own, other: string, now = new Date()): Promise<boolean> {
  return write(async (tx) => {
    // Before its sessions, as everybody takes them.
    if (!(await holdAccount(tx, userId))) return false;
    // A change of nothing holds the row, so that it can't be ended meanwhile.
    const own = await tx.session.updateMany({ where: { id, userId, isNew: false }, data: { isNew: false } });
    if (own.count === 0) return false;
    const [row] = await tx.session.updateManyAndReturn({
      where: { id: other, userId, isNew: true },
      data: { isNew: false },
      select: { agent: true, browserId: true },
    });
    if (!row) return false;
    await trustBrowser(tx, { userId, browserId: row.browserId }, now);
    const details = { device: describeDevice(row.agent) };
    await recordOwnEvent(tx, userId, { action: "device_confirmed", details, now });
    return true;
  });
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
