import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Reader, readPrimary, type Writer, write } from "@/lib/db/database";
import { AccountGone, holdAccount } from "./accounts";
import { recordOwnEvent } from "./audit";
import { runInBackground } from "./background";
import { applyDueChanges, sweepDueChanges } from "./delayed-changes";
import { describeDevice } from "./devices";
import type { Login } from "./login";
import type { Phone } from "./phone";
import {
  KNOWN_BROWSER_TTL_MS,
  RECENT_LOGIN_MS,
  SESSION_IDLE_MS,
  SESSION_SEEN_EVERY_MS,
  SESSION_TTL_MS,
} from "./policy";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { sweep } from "./sweeping";
import { hasTrustedBrowser, renewTrust, sweepTrustedBrowsers, trustBrowser } from "./trusted-browsers";

export interface Session {
  id: string;
  userId: number;
  /** The phone whose code opened it; null when it was opened by mail. */
  provenPhone: Phone | null;
  createdAt: Date;
  /** When it ends, however much it is used. */
  expiresAt: Date;
  /** Whether it is of a device that the account hadn't seen before, and nobody has said yet that it is theirs. */
  isNew: boolean;
  /** Whether it is a client application's, which has tokens, and no browser's, which has a cookie. */
  isClient: boolean;
}

/** A client application's session, and which of its refresh tokens is the one in use. */
export interface ClientSession extends Session {
  /** How often the refresh token was exchanged. */
  generation: number;
  /** When it was exchanged last, or made. */
  refreshedAt: Date;
}

/** Who logged in, by what, whether that made the account, and whether this browser had logged in by it before. */
type Opening = Pick<Login, "userId" | "proven"> & Partial<Pick<Login, "created">> & { isReturning?: boolean };

/**
 * Opens a browser's session for whoever logged in. It is new to the account unless it has just made it, or somebody vouched
 * for this very browser. Where the account has no trusted device at all, logged in or not, one that comes again vouches for
 * itself: its first coming was told by mail. A sign-in that is new is told to the trusted devices until one of them answers.
 * Sessions that are over are swept away now and then.
 */
export function openSession(login: Opening, by: Requester, now = new Date()): Promise<Session> {
  return insertSession(login, by, { generation: null, refreshedAt: null }, now);
}

/**
 * The same for a client application, whose refresh token is of generation 0. Its device token says which one it is, as a
 * cookie does of a browser; one without a token is new each time.
 */
export async function openClientSession(login: Opening, by: Requester, now = new Date()): Promise<ClientSession> {
  const kept = { generation: 0, refreshedAt: now };
  return { ...(await insertSession(login, by, kept, now)), ...kept };
}

/**
 * The session with this id, or null when it was ended or is too old; a browser's also when it was idle for too long. One
 * read. When it was last seen is written at most every `SESSION_SEEN_EVERY_MS`, and once for each generation that its access
 * token has arrived, of which `generation` is one. That happens in the background: a read must not fail, nor wait, because the
 * database takes no writes.
 */
export async function checkSession(
  id: string,
  now = new Date(),
  generation: number | null = null,
): Promise<Session | null> {
  sweepDueChanges();
  let row = await findSession(id, now);
  if (row?.isChangeDue) {
    // What is due takes effect before the session is looked at, which may be gone by that; unless the database is busy.
    await Promise.race([applyInBackground(row.userId, now), sleep(APPLY_WAIT_MS_MAX, undefined, { ref: false })]);
    row = await findSession(id, now);
  }
  if (!row || row.expiresAt <= now) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.generation === null && idleMs >= SESSION_IDLE_MS) return null;
  // The first tokens have no older ones, whose reuse could be judged by this.
  const isFirstUse = generation !== null && generation > 0 && generation === row.generation && !row.isGenerationUsed;
  if (isFirstUse || idleMs >= SESSION_SEEN_EVERY_MS) {
    const data = { seenAt: now, ...(isFirstUse && { isGenerationUsed: true }) };
    void runInBackground(`use of ${id} ${generation}`, () =>
      write((tx) => tx.session.updateMany({ where: { id, generation: row.generation }, data })),
    );
  }
  return sessionOf(row);
}

async function findSession(id: string, now: Date): Promise<SessionRow | undefined> {
  // In SQL, because Prisma takes twice as long, and this is asked on every request.
  const [row] = await readPrimary.$queryRaw<SessionRow[]>`
    SELECT "id", "userId", "provenPhone", "createdAt", "seenAt", "expiresAt", "generation", "isGenerationUsed", "isNew",
      EXISTS (SELECT 1 FROM "DelayedChange" WHERE "DelayedChange"."userId" = "Session"."userId" AND "dueAt" <= ${now})
        AS "isChangeDue"
    FROM "Session" WHERE "id" = ${id}`;
  return row;
}

/** How long a read waits at most for what is due to take effect. */
const APPLY_WAIT_MS_MAX = 1000;

function applyInBackground(userId: number, now: Date): Promise<void> {
  return runInBackground(`due changes of ${userId}`, () => applyDueChanges({ userId }, now));
}

/**
 * Exchanges a refresh token of this generation for the next one's. The one that was exchanged last gets the same successor
 * again until that was used, because its answer was lost: a successor is used when its refresh token is exchanged or an
 * access token of its generation is seen here. Fails with `token_invalid`. A token that is older, or whose successor was
 * used, was stolen, or its successor was, and ends the session (RFC 9700 §4.14.2).
 */
export async function refreshSession(
  { id, generation }: { id: string; generation: number },
  now = new Date(),
): Promise<Result<ClientSession, { name: "token_invalid" }>> {
  return write(async (tx) => {
    const { count } = await tx.session.updateMany({
      where: { id, generation, expiresAt: { gt: now } },
      data: { generation: { increment: 1 }, isGenerationUsed: false, refreshedAt: now, seenAt: now },
    });
    const row = await tx.session.findUnique({ where: { id } });
    if (!row || row.expiresAt <= now || row.generation === null || !row.refreshedAt) {
      return fail({ name: "token_invalid" });
    }
    const isAnswerLost = row.generation === generation + 1 && !row.isGenerationUsed;
    if (count > 0 || isAnswerLost) {
      return succeed({ ...sessionOf(row), generation: row.generation, refreshedAt: row.refreshedAt });
    }
    await removeSession(tx, { id }, now, { isTokenReused: true });
    return fail({ name: "token_invalid" });
  });
}

/** Whether a session was opened less than `RECENT_LOGIN_MS` ago, as what can't be undone wants it. */
export function isRecentLogin({ createdAt }: Pick<Session, "createdAt">, now: Date): boolean {
  return now.getTime() - createdAt.getTime() < RECENT_LOGIN_MS;
}

/** Ends the session at once; one that is not there is ended already. */
export async function endSession(id: string, now = new Date()): Promise<void> {
  await write((tx) => removeSession(tx, { id }, now));
}

/** Removes the session, if there is one like that, and records it. */
export async function removeSession(
  tx: Writer,
  where: { id: string; userId?: number },
  now: Date,
  details: { isTokenReused?: boolean } = {},
): Promise<void> {
  const row = await tx.session.findFirst({ where, select: { userId: true, agent: true } });
  const { count } = await tx.session.deleteMany({ where });
  if (!row || count === 0) return;
  const device = describeDevice(row.agent);
  await recordOwnEvent(tx, row.userId, { action: "session_ended", details: { device, ...details }, now });
}

async function insertSession(
  { userId, proven, created = false, isReturning = false }: Opening,
  by: Requester,
  kept: { generation: number | null; refreshedAt: Date | null },
  now: Date,
): Promise<Session> {
  const session = {
    id: randomUUID(),
    userId,
    provenPhone: proven.kind === "phone" ? proven.address : null,
    createdAt: now,
    expiresAt: new Date(now.getTime() + SESSION_TTL_MS),
  };
  const isClient = kept.generation !== null;
  const { agent, network } = by;
  const browser = { userId, browserId: by.browser?.id ?? null };
  const { browserId } = browser;
  const opened = await write(async (tx) => {
    // The account may have got another phone or mailbox since the code was typed.
    if (!(await holdAccount(tx, userId, proven))) throw new AccountGone();
    const isTrusted = !created && (await renewTrust(tx, browser, now));
    const vouchesForItself = created || (!isTrusted && isReturning && !(await hasTrustedDevice(tx, userId, now)));
    if (vouchesForItself) {
      await trustBrowser(tx, browser, now);
      if (browserId !== null) await tx.unconfirmedSignIn.deleteMany({ where: { userId, browserId } });
    }
    const isNew = !isTrusted && !vouchesForItself;
    await tx.session.create({ data: { ...session, ...kept, browserId, seenAt: now, agent, network, isNew } });
    if (isNew) {
      await tx.unconfirmedSignIn.create({
        data: { sessionId: session.id, userId, agent, network, browserId, at: now },
      });
    }
    await recordOwnEvent(tx, userId, { action: "signed_in", details: { device: describeDevice(agent), isNew }, now });
    return { ...session, isNew, isClient };
  });
  await sweep("sessions", (tx) => tx.session.deleteMany({ where: { expiresAt: { lte: now } } }));
  await sweepTrustedBrowsers(now);
  // As long as a browser is trusted that has not logged in since: each that is still trusted has been told by then.
  const forgottenAt = new Date(now.getTime() - KNOWN_BROWSER_TTL_MS);
  await sweep("sign-ins", (tx) => tx.unconfirmedSignIn.deleteMany({ where: { at: { lte: forgottenAt } } }));
  return opened;
}

/** Whether the account has a trusted device: a browser that it trusts, logged in or not, or an open session that isn't new. */
async function hasTrustedDevice(db: Reader, userId: number, now: Date): Promise<boolean> {
  return (await hasTrustedBrowser(db, userId, now)) || (await isLoggedIn(db, userId, now));
}

/**
 * Whether what this session asks for, a deletion or a change of a factor, has to wait for `CHANGE_DELAY_MS`: it is new, and
 * the account has a trusted device, which may object. Null where the session has been ended. A transaction that holds the
 * account's row can rely on the answer until it ends.
 */
export async function hasToWait(
  db: Reader,
  { id, userId }: Pick<Session, "id" | "userId">,
  now: Date,
): Promise<boolean | null> {
  const own = await db.session.findFirst({ where: { id, userId }, select: { isNew: true } });
  if (!own) return null;
  return own.isNew && (await hasTrustedDevice(db, userId, now));
}

/** The same, for a page that says so beforehand. */
export async function willHaveToWait(session: Session, now = new Date()): Promise<boolean> {
  return (await hasToWait(readPrimary, session, now)) ?? false;
}

/** Whether the account has an open session that isn't new itself. */
async function isLoggedIn(db: Reader, userId: number, now: Date): Promise<boolean> {
  const where = { ...isOpen(userId, now), isNew: false };
  return (await db.session.findFirst({ where, select: { id: true } })) !== null;
}

/** Which sessions of an account are open, as `checkSession` sees them. */
export function isOpen(userId: number, now: Date) {
  const idleSince = new Date(now.getTime() - SESSION_IDLE_MS);
  return { userId, expiresAt: { gt: now }, OR: [{ generation: { not: null } }, { seenAt: { gt: idleSince } }] };
}

interface SessionRow extends Omit<Session, "provenPhone" | "isClient"> {
  provenPhone: string | null;
  seenAt: Date;
  generation: number | null;
  isGenerationUsed: boolean;
  /** SQLite has no other type for it. */
  isChangeDue: boolean | number;
}

function sessionOf(row: Omit<SessionRow, "seenAt" | "isGenerationUsed" | "isChangeDue">): Session {
  const { id, userId, provenPhone, createdAt, expiresAt, isNew, generation } = row;
  const isClient = generation !== null;
  return { id, userId, provenPhone: provenPhone as Phone | null, createdAt, expiresAt, isNew, isClient };
}
