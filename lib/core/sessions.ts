import { randomUUID } from "node:crypto";
import { readPrimary, type Writer, write } from "@/lib/db/database";
import { AccountGone, holdAccount } from "./accounts";
import { recordOwnEvent } from "./audit";
import { runInBackground } from "./background";
import { describeDevice } from "./devices";
import type { Login } from "./login";
import type { Phone } from "./phone";
import { RECENT_LOGIN_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "./policy";
import type { Requester } from "./requester";
import { fail, type Result, succeed } from "./result";
import { sweep } from "./sweeping";
import { renewTrust, sweepTrustedBrowsers, trustBrowser } from "./trusted-browsers";

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
 * for this very browser. Where nobody is logged in who could, one that comes again vouches for itself: its first coming was
 * told by mail. Sessions that are over are swept away now and then.
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
  // In SQL, because Prisma takes twice as long, and this is asked on every request.
  const [row] = await readPrimary.$queryRaw<SessionRow[]>`
    SELECT "id", "userId", "provenPhone", "createdAt", "seenAt", "expiresAt", "generation", "isGenerationUsed", "isNew"
    FROM "Session" WHERE "id" = ${id}`;
  if (!row || row.expiresAt <= now) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.generation === null && idleMs >= SESSION_IDLE_MS) return null;
  // The first tokens have no older ones, whose reuse could be judged by this.
  const isFirstUse = generation !== null && generation > 0 && generation === row.generation && !row.isGenerationUsed;
  if (isFirstUse || idleMs >= SESSION_SEEN_EVERY_MS) {
    const data = { seenAt: now, ...(isFirstUse && { isGenerationUsed: true }) };
    runInBackground(`use of ${id} ${generation}`, () =>
      write((tx) => tx.session.updateMany({ where: { id, generation: row.generation }, data })),
    );
  }
  return sessionOf(row);
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
  const opened = await write(async (tx) => {
    // The account may have got another phone or mailbox since the code was typed.
    if (!(await holdAccount(tx, userId, proven))) throw new AccountGone();
    const isTrusted = !created && (await renewTrust(tx, browser, now));
    const vouchesForItself = created || (!isTrusted && isReturning && !(await isLoggedIn(tx, userId, now)));
    if (vouchesForItself) await trustBrowser(tx, browser, now);
    const isNew = !isTrusted && !vouchesForItself;
    await tx.session.create({
      data: { ...session, ...kept, browserId: browser.browserId, seenAt: now, agent, network, isNew },
    });
    await recordOwnEvent(tx, userId, { action: "signed_in", details: { device: describeDevice(agent), isNew }, now });
    return { ...session, isNew, isClient };
  });
  await sweep("sessions", (tx) => tx.session.deleteMany({ where: { expiresAt: { lte: now } } }));
  await sweepTrustedBrowsers(now);
  return opened;
}

/** Whether the account has an open session that isn't new itself. */
async function isLoggedIn(tx: Writer, userId: number, now: Date): Promise<boolean> {
  const where = { ...isOpen(userId, now), isNew: false };
  return (await tx.session.findFirst({ where, select: { id: true } })) !== null;
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
}

function sessionOf(row: Omit<SessionRow, "seenAt" | "isGenerationUsed">): Session {
  const { id, userId, provenPhone, createdAt, expiresAt, isNew, generation } = row;
  const isClient = generation !== null;
  return { id, userId, provenPhone: provenPhone as Phone | null, createdAt, expiresAt, isNew, isClient };
}
