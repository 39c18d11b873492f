import { randomUUID } from "node:crypto";
import { readPrimary, write } from "@/lib/db/database";
import { AccountGone, holdAccount } from "./accounts";
import type { Login } from "./login";
import { isPhone } from "./one-time-code";
import type { Phone } from "./phone";
import { REFRESH_GRACE_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "./policy";
import { fail, type Result, succeed } from "./result";
import { isTimeToSweep } from "./sweeping";

export interface Session {
  id: string;
  userId: number;
  /** The phone whose code opened it; null when it was opened by mail. */
  provenPhone: Phone | null;
  createdAt: Date;
  /** When it ends, however much it is used. */
  expiresAt: Date;
}

/** A client application's session, and which of its refresh tokens is the one in use. */
export interface ClientSession extends Session {
  /** How often the refresh token was exchanged. */
  generation: number;
  /** When it was exchanged last, or made. */
  refreshedAt: Date;
}

/** Who logged in, and by what. */
type Opening = Pick<Login, "userId" | "proven">;

/** Opens a browser's session for whoever logged in. Sessions that are over are swept away now and then. */
export function openSession(login: Opening, now = new Date()): Promise<Session> {
  return insertSession(login, { generation: null, refreshedAt: null }, now);
}

/** Opens a client application's session, whose refresh token is of generation 0. */
export async function openClientSession(login: Opening, now = new Date()): Promise<ClientSession> {
  const kept = { generation: 0, refreshedAt: now };
  return { ...(await insertSession(login, kept, now)), ...kept };
}

/**
 * The session with this id, or null when it was ended or is too old; a browser's also when it was idle for too long. One
 * read; when it was last seen is written at most every `SESSION_SEEN_EVERY_MS`.
 */
export async function checkSession(id: string, now = new Date()): Promise<Session | null> {
  // In SQL, because Prisma takes twice as long, and this is asked on every request.
  const [row] = await readPrimary.$queryRaw<SessionRow[]>`
    SELECT "id", "userId", "provenPhone", "createdAt", "seenAt", "expiresAt", "generation"
    FROM "Session" WHERE "id" = ${id}`;
  if (!row || row.expiresAt <= now) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.generation === null && idleMs >= SESSION_IDLE_MS) return null;
  if (idleMs >= SESSION_SEEN_EVERY_MS) {
    await write((tx) => tx.session.updateMany({ where: { id, seenAt: row.seenAt }, data: { seenAt: now } }));
  }
  return sessionOf(row);
}

/**
 * Exchanges a refresh token of this generation for the next one's. Within `REFRESH_GRACE_MS` the one that was exchanged
 * last gets the same successor again, because its answer may have been lost; any older one was stolen, or its successor
 * was, and ends the session (RFC 9700 §4.14.2).
 */
export async function refreshSession(
  { id, generation }: { id: string; generation: number },
  now = new Date(),
): Promise<Result<ClientSession, { name: "token_invalid" }>> {
  return write(async (tx) => {
    const { count } = await tx.session.updateMany({
      where: { id, generation, expiresAt: { gt: now } },
      data: { generation: { increment: 1 }, refreshedAt: now, seenAt: now },
    });
    const row = await tx.session.findUnique({ where: { id } });
    if (!row || row.expiresAt <= now || row.generation === null || !row.refreshedAt) {
      return fail({ name: "token_invalid" });
    }
    const isRepeated =
      row.generation === generation + 1 && now.getTime() - row.refreshedAt.getTime() < REFRESH_GRACE_MS;
    if (count > 0 || isRepeated) {
      return succeed({ ...sessionOf(row), generation: row.generation, refreshedAt: row.refreshedAt });
    }
    await tx.session.deleteMany({ where: { id } });
    return fail({ name: "token_invalid" });
  });
}

/** Ends the session at once; one that is not there is ended already. */
export async function endSession(id: string): Promise<void> {
  await write((tx) => tx.session.deleteMany({ where: { id } }));
}

async function insertSession(
  { userId, proven }: Opening,
  kept: { generation: number | null; refreshedAt: Date | null },
  now: Date,
): Promise<Session> {
  const session = {
    id: randomUUID(),
    userId,
    provenPhone: isPhone(proven) ? proven : null,
    createdAt: now,
    expiresAt: new Date(now.getTime() + SESSION_TTL_MS),
  };
  await write(async (tx) => {
    if (isTimeToSweep("sessions")) await tx.session.deleteMany({ where: { expiresAt: { lte: now } } });
    // An administrator may have given the account another phone or mailbox since the code was typed.
    if (!(await holdAccount(tx, userId, proven))) throw new AccountGone();
    await tx.session.create({ data: { ...session, ...kept, seenAt: now } });
  });
  return session;
}

interface SessionRow extends Omit<Session, "provenPhone"> {
  provenPhone: string | null;
  seenAt: Date;
  generation: number | null;
}

function sessionOf(row: Omit<SessionRow, "seenAt" | "generation">): Session {
  const { id, userId, provenPhone, createdAt, expiresAt } = row;
  return { id, userId, provenPhone: provenPhone as Phone | null, createdAt, expiresAt };
}
