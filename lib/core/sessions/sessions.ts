import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { recordOwnEvent } from "@/lib/core/accounts/audit-log";
import { applyDueChanges, sweepDueChanges } from "@/lib/core/accounts/delayed-changes";
import type { SignIn } from "@/lib/core/accounts/sign-in";
import { runInBackground } from "@/lib/core/background";
import type { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { RECENT_LOGIN_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { sweepInBackground } from "@/lib/core/sweeping";
import {
  CLOCK_SKEW_MS_MAX,
  type Queries,
  type Reader,
  readPrimary,
  statement,
  type Transaction,
  transact,
  type Writer,
  write,
} from "@/lib/db/database";
import { hasTrustedBrowser, renewTrust, trustDevice } from "./trusted-devices";
import { describeDevice } from "./user-agent";

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

/** Whether it is a client application's session. */
export function isClientSession(session: Session | null): session is ClientSession {
  return session?.isClient ?? false;
}

/** A browser's session has a cookie and ends when it is idle; a client application's has tokens. */
export type SessionKind = "browser" | "client";

/** Who logged in, by what, whether that made the account, and whether this browser had logged in by it before. */
type Opening = Pick<SignIn, "userId" | "proven"> & Partial<Pick<SignIn, "created">> & { isReturning?: boolean };

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
  sweepInBackground();
  let row = await readPrimary.get(FIND_SESSION, { id, now });
  if (row?.isChangeDue) {
    // What is due takes effect before the session is looked at, which may be gone by that; unless the database is busy.
    await Promise.race([applyInBackground(row.userId, now), sleep(APPLY_WAIT_MS_MAX, undefined, { ref: false })]);
    row = await readPrimary.get(FIND_SESSION, { id, now });
  }
  if (!row || row.expiresAt <= now) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.generation === null && idleMs >= SESSION_IDLE_MS) return null;
  // The first tokens have no older ones, whose reuse could be judged by this.
  const isFirstUse = generation !== null && generation > 0 && generation === row.generation && !row.isGenerationUsed;
  if (isFirstUse || idleMs >= SESSION_SEEN_EVERY_MS) {
    const seen = { id, generation: row.generation, isFirstUse, now };
    void runInBackground(`use of ${id} ${generation}`, () => transact(async (tx) => tx.queue(NOTE_USE, seen)));
  }
  return sessionOf(row);
}

const SESSION = {
  id: "text",
  userId: "integer",
  provenPhone: "text?",
  createdAt: "time",
  seenAt: "time",
  expiresAt: "time",
  generation: "integer?",
  isGenerationUsed: "boolean",
  refreshedAt: "time?",
  isNew: "boolean",
} as const;
const SESSION_COLUMNS = Object.keys(SESSION)
  .map((name) => `"${name}"`)
  .join(", ");

const IS_CHANGE_DUE = `
  EXISTS (SELECT 1 FROM "DelayedChange" WHERE "DelayedChange"."userId" = "Session"."userId" AND "dueAt" <= :now)
    AS "isChangeDue"`;

const FIND_SESSION = statement({
  params: { id: "text", now: "time" },
  row: { ...SESSION, isChangeDue: "boolean" },
  sql: `
    SELECT ${SESSION_COLUMNS}, ${IS_CHANGE_DUE}
    FROM "Session" WHERE "id" = :id`,
});

const NOTE_USE = statement({
  params: { id: "text", generation: "integer?", isFirstUse: "boolean", now: "time" },
  sql: `
    UPDATE "Session" SET "seenAt" = :now, "isGenerationUsed" = "isGenerationUsed" OR :isFirstUse
    WHERE "id" = :id AND ("generation" = :generation OR :generation IS NULL)`,
});

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
  let isChangeDue = false;
  const refreshed = await transact(async (tx): Promise<ClientSession | "invalid" | "reused"> => {
    const exchanged = await tx.get(EXCHANGE, { id, generation, now });
    const row = exchanged ?? (await tx.get(FIND_SESSION, { id, now }));
    if (!row || row.expiresAt <= now || row.generation === null || !row.refreshedAt) return "invalid";
    const isAnswerLost = row.generation === generation + 1 && !row.isGenerationUsed;
    if (!exchanged && !isAnswerLost) return "reused";
    isChangeDue = row.isChangeDue;
    return { ...sessionOf(row), generation: row.generation, refreshedAt: row.refreshedAt };
  });
  if (typeof refreshed !== "string" && isChangeDue) {
    // What is due takes effect before there is a token that other services take.
    await applyDueChanges({ userId: refreshed.userId }, now);
    if (!(await readPrimary.get(FIND_SESSION, { id, now }))) return fail({ name: "token_invalid" });
  }
  if (refreshed === "reused") {
    await write((tx) => removeSession(tx, { id }, now, { isTokenReused: true }));
  }
  return typeof refreshed === "string" ? fail({ name: "token_invalid" }) : succeed(refreshed);
}

const EXCHANGE = statement({
  params: { id: "text", generation: "integer", now: "time" },
  row: { ...SESSION, isChangeDue: "boolean" },
  sql: `
    UPDATE "Session" SET "generation" = "generation" + 1, "isGenerationUsed" = FALSE, "refreshedAt" = :now, "seenAt" = :now
    WHERE "id" = :id AND "generation" = :generation AND "expiresAt" > :now
    RETURNING ${SESSION_COLUMNS}, ${IS_CHANGE_DUE}`,
});

/** Whether a session was opened less than `RECENT_LOGIN_MS` ago, as what can't be undone wants it. */
export function isRecentLogin({ createdAt }: Pick<Session, "createdAt">, now: Date): boolean {
  const ageMs = now.getTime() - createdAt.getTime();
  // One of the future was noted by a clock that ran ahead.
  return ageMs < RECENT_LOGIN_MS && ageMs >= -CLOCK_SKEW_MS_MAX;
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

const ADD_SESSION = statement({
  params: {
    id: "text",
    userId: "integer",
    provenPhone: "text?",
    now: "time",
    expiresAt: "time",
    generation: "integer?",
    refreshedAt: "time?",
    agent: "text?",
    network: "text?",
    browserId: "text?",
    isNew: "boolean",
  },
  sql: `
    INSERT INTO "Session" ("id", "userId", "provenPhone", "createdAt", "seenAt", "expiresAt", "generation", "refreshedAt",
      "agent", "network", "browserId", "isNew")
    VALUES (:id, :userId, :provenPhone, :now, :now, :expiresAt, :generation, :refreshedAt, :agent, :network, :browserId, :isNew)`,
});
const ADD_UNCONFIRMED_SIGN_IN = statement({
  params: { sessionId: "text", userId: "integer", agent: "text?", network: "text?", browserId: "text?", now: "time" },
  sql: `
    INSERT INTO "UnconfirmedSignIn" ("sessionId", "userId", "agent", "network", "browserId", "at")
    VALUES (:sessionId, :userId, :agent, :network, :browserId, :now)`,
});
const REMOVE_UNCONFIRMED_SIGN_INS = statement({
  params: { userId: "integer", browserId: "text?" },
  sql: `DELETE FROM "UnconfirmedSignIn" WHERE "userId" = :userId AND "browserId" = :browserId`,
});

/**
 * Opens a session in the transaction at hand, which has locked the account's row. It is unconfirmed unless the sign-in made the
 * account, or the account trusts this very browser or application. Where the account has no trusted device at all, logged in or not,
 * a browser that comes again is trusted: its first coming was told by mail. An unconfirmed sign-in is told to the trusted devices
 * until one of them answers. A client application's refresh token is of generation 0.
 */
export async function addSession(
  tx: Transaction,
  { userId, proven, created = false, isReturning = false }: Opening,
  { agent, network, browserId }: Pick<Requester, "agent" | "network"> & { browserId: string | null },
  kind: SessionKind,
  now: Date,
): Promise<ClientSession | Session> {
  const browser = { userId, browserId };
  const isTrusted = !created && (await renewTrust(tx, browser, now));
  const vouchesForItself = created || (!isTrusted && isReturning && !(await hasTrustedDevice(tx, userId, now)));
  if (vouchesForItself) {
    trustDevice(tx, browser, now);
    if (browserId !== null && !created) tx.queue(REMOVE_UNCONFIRMED_SIGN_INS, { userId, browserId });
  }
  const session = {
    id: randomUUID(),
    userId,
    provenPhone: proven.kind === "phone" ? proven.address : null,
    expiresAt: new Date(now.getTime() + SESSION_TTL_MS),
    isNew: !isTrusted && !vouchesForItself,
  };
  const refresh = kind === "client" ? { generation: 0, refreshedAt: now } : { generation: null, refreshedAt: null };
  const origin = { agent, network, browserId };
  tx.queue(ADD_SESSION, { ...session, ...refresh, ...origin, now });
  if (session.isNew) tx.queue(ADD_UNCONFIRMED_SIGN_IN, { sessionId: session.id, userId, ...origin, now });
  const details = { device: describeDevice(agent), isNew: session.isNew };
  recordOwnEvent(tx, userId, { action: "signed_in", details, now });
  const opened = { ...session, createdAt: now };
  return refresh.generation === null ? { ...opened, isClient: false } : { ...opened, ...refresh, isClient: true };
}

/** Whether the account has a trusted device: a browser that it trusts, logged in or not, or an open session that isn't new. */
async function hasTrustedDevice(db: Queries, userId: number, now: Date): Promise<boolean> {
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

const FIND_CONFIRMED = statement({
  params: { userId: "integer", now: "time", idleSince: "time" },
  row: { id: "text" },
  sql: `
    SELECT "id" FROM "Session"
    WHERE "userId" = :userId AND "expiresAt" > :now AND ("generation" IS NOT NULL OR "seenAt" > :idleSince) AND NOT "isNew"
    LIMIT 1`,
});

/** Whether the account has an open session that is confirmed. */
async function isLoggedIn(db: Queries, userId: number, now: Date): Promise<boolean> {
  const idleSince = new Date(now.getTime() - SESSION_IDLE_MS);
  return (await db.get(FIND_CONFIRMED, { userId, now, idleSince })) !== undefined;
}

/** Which sessions of an account are open, as `checkSession` sees them. */
export function isOpen(userId: number, now: Date) {
  const idleSince = new Date(now.getTime() - SESSION_IDLE_MS);
  return { userId, expiresAt: { gt: now }, OR: [{ generation: { not: null } }, { seenAt: { gt: idleSince } }] };
}

/** A row with what is public of a session. */
type SessionRow = Omit<Session, "provenPhone" | "isClient"> & { provenPhone: string | null; generation: number | null };

function sessionOf({ id, userId, provenPhone, createdAt, expiresAt, isNew, generation }: SessionRow): Session {
  const isClient = generation !== null;
  return { id, userId, provenPhone: provenPhone as Phone | null, createdAt, expiresAt, isNew, isClient };
}
