import { randomUUID } from "node:crypto";
import { read, write } from "@/lib/db/database";
import { SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "./policy";

export interface Session {
  id: string;
  userId: number;
  /** When it ends, however much it is used. */
  expiresAt: Date;
}

/** Opens a session for the account and returns it; sessions that are over are swept away on the way. */
export async function openSession(userId: number, now = new Date()): Promise<Session> {
  const session = { id: randomUUID(), userId, expiresAt: new Date(now.getTime() + SESSION_TTL_MS) };
  await write(async (tx) => {
    await tx.session.deleteMany({ where: { expiresAt: { lte: now } } });
    await tx.session.create({
      data: { ...session, createdAt: now, seenAt: now },
    });
  });
  return session;
}

/**
 * The session with this id, or null when it was ended, was idle for too long or is too old. One read; when it was last
 * seen is written at most every `SESSION_SEEN_EVERY_MS`.
 */
export async function checkSession(id: string, now = new Date()): Promise<Session | null> {
  const row = await read.session.findUnique({ where: { id } });
  if (!row) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.expiresAt <= now || idleMs >= SESSION_IDLE_MS) return null;
  if (idleMs >= SESSION_SEEN_EVERY_MS) {
    await write((tx) => tx.session.updateMany({ where: { id, seenAt: row.seenAt }, data: { seenAt: now } }));
  }
  return { id, userId: row.userId, expiresAt: row.expiresAt };
}

/** Ends the session at once; one that is not there is ended already. */
export async function endSession(id: string): Promise<void> {
  await write((tx) => tx.session.deleteMany({ where: { id } }));
}
