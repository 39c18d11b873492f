import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { recordEventByOwner } from "@/lib/core/accounts/audit-log";
import { applyDueChanges, sweepDueChanges } from "@/lib/core/accounts/delayed-changes";
import type { SignIn } from "@/lib/core/accounts/sign-in";
import { runInBackground } from "@/lib/core/background";
import { startBackgroundWork } from "@/lib/core/background-work";
import { channelOf } from "@/lib/core/challenges/served-countries";
import type { EndReason } from "@/lib/core/events/event-types";
import { publishEvents } from "@/lib/core/events/publish";
import type { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import {
  CLOCK_SKEW_MS_MAX,
  RECENT_LOGIN_MS,
  SESSION_IDLE_MS,
  SESSION_SEEN_EVERY_MS,
  SESSION_TTL_MS,
} from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import {
  type Queries,
  type Reader,
  readPrimary,
  statement,
  type Transaction,
  transact,
  type Writer,
  write,
} from "@/lib/db/database";
import { deleteSessions } from "./delete-sessions";
import { hasTrustedBrowser, renewTrust, trustDevice } from "./trusted-devices";
import { describeDevice } from "./user-agent";

/** A session: a browser or client application that is logged in to an account. */
export interface Session {
  id: string;
  /**
   * The id of the first of the sessions that followed each other in this browser, each by a login to the same account. Applications know
   * the session by an identifier that is made of it.
   */
  firstId: string;
  userId: number;
  /** The phone whose code opened the session; null if a code to a mailbox opened it. */
  provenPhone: Phone | null;
  createdAt: Date;
  /** When the session ends at the latest; use does not extend it. */
  expiresAt: Date;
  /** Whether the session is unconfirmed: no trusted device has confirmed it, and its device was not trusted at the sign-in. */
  isNew: boolean;
  /** Whether the session belongs to a client application, which has tokens, and not to a browser, which has a cookie. */
  isClient: boolean;
}

/** What identifies a session and its account. */
export type SessionRef = Pick<Session, "id" | "userId">;

/** A client application's session, with the state of its refresh token. */
export interface ClientSession extends Session {
  /** How often the session's refresh token was exchanged. */
  generation: number;
  /** When the refresh token was made or last exchanged. */
  refreshedAt: Date;
}

/** Returns whether the session is a client application's. */
export function isClientSession(session: Session | null): session is ClientSession {
  return session?.isClient ?? false;
}

/** A browser's session has a cookie and ends when it is idle. A client application's session has tokens. */
export type SessionKind = "browser" | "client";

/**
 * What the opening of a session needs of its sign-in. `isReturning` says that this browser has logged in with the phone or mailbox
 * before, `isTest` that the account is a test number's.
 */
type Opening = Pick<SignIn, "userId" | "proven"> &
  Partial<Pick<SignIn, "created">> & { isReturning?: boolean; isTest?: boolean };

/**
 * Returns the session, with one read. Returns null if the session was ended, is older than `SESSION_TTL_MS` or, for a browser,
 * was idle for `SESSION_IDLE_MS`. `generation` is that of the request's access token; null for a cookie.
 *
 * Updates when the session was last seen, at most every `SESSION_SEEN_EVERY_MS`. Also stores the first use of each generation
 * of access tokens. These writes run in the background, because a read must neither fail nor wait when the database takes no
 * writes.
 */
export async function checkSession(
  id: string,
  now = new Date(),
  generation: number | null = null,
): Promise<Session | null> {
  sweepDueChanges();
  startBackgroundWork();
  let row = await readPrimary.get(FIND_SESSION, { id, now });
  if (row?.isChangeDue) {
    // Due changes are applied before the session is returned, because they may end it. The read waits at most
    // `APPLY_WAIT_MS_MAX`.
    const { userId } = row;
    const applying = runInBackground(`due changes of ${userId}`, () => applyDueChanges({ userId }, now));
    await Promise.race([applying, sleep(APPLY_WAIT_MS_MAX, undefined, { ref: false })]);
    row = await readPrimary.get(FIND_SESSION, { id, now });
  }
  if (!row || row.expiresAt <= now) return null;
  const idleMs = now.getTime() - row.seenAt.getTime();
  if (row.generation === null && idleMs >= SESSION_IDLE_MS) return null;
  // The first use of a generation is stored because older refresh tokens are refused after it. Generation 0 has no older ones.
  const isFirstUse = generation !== null && generation > 0 && generation === row.generation && !row.isGenerationUsed;
  if (isFirstUse || idleMs >= SESSION_SEEN_EVERY_MS) {
    const seen = { id, generation: row.generation, isFirstUse, now };
    void runInBackground(`use of ${id} ${generation}`, () => transact(async (tx) => tx.queue(TOUCH_SESSION, seen)));
  }
  return sessionOf(row);
}

const SESSION_COLUMNS = {
  id: "text",
  firstId: "text?",
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
const SESSION_COLUMNS_SQL = Object.keys(SESSION_COLUMNS)
  .map((name) => `"${name}"`)
  .join(", ");

const IS_CHANGE_DUE_SQL = `
  EXISTS (SELECT 1 FROM "DelayedChange" WHERE "DelayedChange"."userId" = "Session"."userId" AND "dueAt" <= :now)
    AS "isChangeDue"`;

const FIND_SESSION = statement({
  params: { id: "text", now: "time" },
  row: { ...SESSION_COLUMNS, isChangeDue: "boolean" },
  sql: `
    SELECT ${SESSION_COLUMNS_SQL}, ${IS_CHANGE_DUE_SQL}
    FROM "Session" WHERE "id" = :id`,
});

const TOUCH_SESSION = statement({
  params: { id: "text", generation: "integer?", isFirstUse: "boolean", now: "time" },
  sql: `
    UPDATE "Session" SET "seenAt" = :now, "isGenerationUsed" = "isGenerationUsed" OR :isFirstUse
    WHERE "id" = :id AND ("generation" = :generation OR :generation IS NULL)`,
});

const APPLY_WAIT_MS_MAX = 1000;

/**
 * Exchanges a refresh token of this generation for one of the next generation. The same token gets the same successor again, in
 * case the answer was lost, until that successor is used: its refresh token is exchanged, or an access token of its generation
 * arrives here.
 *
 * Fails with `token_invalid`. A refresh token whose successor was used is a sign of a stolen token, and ends the session (RFC
 * 9700 §4.14.2).
 */
export async function refreshSession(
  { id, generation }: { id: string; generation: number },
  now = new Date(),
): Promise<Result<ClientSession, { name: "token_invalid" }>> {
  let isChangeDue = false;
  const refreshed = await transact(async (tx): Promise<ClientSession | "invalid" | "reused"> => {
    const exchanged = await tx.get(EXCHANGE_REFRESH_TOKEN, { id, generation, now });
    const row = exchanged ?? (await tx.get(FIND_SESSION, { id, now }));
    if (!row || row.expiresAt <= now || row.generation === null || !row.refreshedAt) return "invalid";
    const isAnswerLost = row.generation === generation + 1 && !row.isGenerationUsed;
    if (!exchanged && !isAnswerLost) return "reused";
    isChangeDue = row.isChangeDue;
    return { ...sessionOf(row), generation: row.generation, refreshedAt: row.refreshedAt };
  });
  if (typeof refreshed !== "string" && isChangeDue) {
    // Other services accept an access token without asking this server. So due changes, which may end the session, are applied
    // before a new token is returned.
    await applyDueChanges({ userId: refreshed.userId }, now);
    if (!(await readPrimary.get(FIND_SESSION, { id, now }))) return fail({ name: "token_invalid" });
  }
  if (refreshed === "reused") {
    await write((tx) => removeSession(tx, { id }, { reason: "token_reused" }, now));
  }
  return typeof refreshed === "string" ? fail({ name: "token_invalid" }) : succeed(refreshed);
}

const EXCHANGE_REFRESH_TOKEN = statement({
  params: { id: "text", generation: "integer", now: "time" },
  row: { ...SESSION_COLUMNS, isChangeDue: "boolean" },
  sql: `
    UPDATE "Session" SET "generation" = "generation" + 1, "isGenerationUsed" = FALSE, "refreshedAt" = :now, "seenAt" = :now
    WHERE "id" = :id AND "generation" = :generation AND "expiresAt" > :now
    RETURNING ${SESSION_COLUMNS_SQL}, ${IS_CHANGE_DUE_SQL}`,
});

/** Returns whether the session was opened less than `RECENT_LOGIN_MS` ago. Irreversible actions require such a session. */
export function isRecentLogin({ createdAt }: Pick<Session, "createdAt">, now: Date): boolean {
  const ageMs = now.getTime() - createdAt.getTime();
  // A time in the future was written by a clock that ran ahead.
  return ageMs < RECENT_LOGIN_MS && ageMs >= -CLOCK_SKEW_MS_MAX;
}

/** Ends the session. Does nothing if there is no such session. */
export async function endSession(id: string, now = new Date()): Promise<void> {
  await write((tx) => removeSession(tx, { id }, { reason: "logged_out" }, now));
}

/**
 * Deletes the session, publishes its end and records it in the audit log. Locks the account's row first, as all transactions do
 * that change sessions. Does nothing if there is no such session.
 */
export async function removeSession(
  tx: Writer,
  where: { id: string; userId?: number },
  { reason }: { reason: EndReason },
  now: Date,
): Promise<void> {
  const row = await tx.session.findFirst({ where, select: { userId: true, agent: true } });
  if (!row || !(await lockAccount(tx, row.userId))) return;
  if ((await deleteSessions(tx, row.userId, { id: where.id }, { reason }, now)) === 0) return;
  const details = { device: describeDevice(row.agent), ...(reason === "token_reused" && { isTokenReused: true }) };
  recordEventByOwner(tx, row.userId, { action: "session_ended", details, now });
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
 * Opens a session. The caller has locked the account's row. The session is confirmed if the sign-in made the account, or if the
 * account trusts this browser or client application. It is also confirmed if this browser has logged in before and the account
 * has no trusted device, because the mailbox was notified of the browser's first sign-in. Otherwise the sign-in is stored as
 * unconfirmed, and trusted devices are warned until one of them confirms or rejects it. The refresh token of a client
 * application has generation 0.
 */
export async function addSession(
  tx: Transaction,
  { userId, proven, created = false, isReturning = false, isTest = false }: Opening,
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
  const id = randomUUID();
  const session = {
    id,
    userId,
    provenPhone: proven.kind === "phone" ? proven.address : null,
    expiresAt: new Date(now.getTime() + SESSION_TTL_MS),
    isNew: !isTrusted && !vouchesForItself,
  };
  const refresh = kind === "client" ? { generation: 0, refreshedAt: now } : { generation: null, refreshedAt: null };
  const origin = { agent, network, browserId };
  tx.queue(ADD_SESSION, { ...session, ...refresh, ...origin, now });
  if (session.isNew) tx.queue(ADD_UNCONFIRMED_SIGN_IN, { sessionId: session.id, userId, ...origin, now });
  const details = { device: describeDevice(agent), isNew: session.isNew, ...channelOf(proven) };
  recordEventByOwner(tx, userId, { action: isTest ? "test_number_used" : "signed_in", details, now });
  const { id: sessionId, expiresAt, isNew } = session;
  const isConfirmed = !isNew;
  publishEvents(
    tx,
    userId,
    [
      { type: "session.opened", data: { sessionId, kind, isConfirmed, expiresAt: expiresAt.toISOString() } },
      ...(isNew ? [{ type: "session.unconfirmed", data: { sessionId } } as const] : []),
    ],
    now,
  );
  const opened = { ...session, firstId: id, createdAt: now };
  return refresh.generation === null ? { ...opened, isClient: false } : { ...opened, ...refresh, isClient: true };
}

const FIND_CONFIRMED_SESSION = statement({
  params: { userId: "integer", now: "time", idleSince: "time" },
  row: { id: "text" },
  sql: `
    SELECT "id" FROM "Session"
    WHERE "userId" = :userId AND "expiresAt" > :now AND ("generation" IS NOT NULL OR "seenAt" > :idleSince) AND NOT "isNew"
    LIMIT 1`,
});

/** Returns whether the account trusts a browser, logged in or not, or has an open session that is confirmed. */
async function hasTrustedDevice(db: Queries, userId: number, now: Date): Promise<boolean> {
  if (await hasTrustedBrowser(db, userId, now)) return true;
  const idleSince = new Date(now.getTime() - SESSION_IDLE_MS);
  return (await db.get(FIND_CONFIRMED_SESSION, { userId, now, idleSince })) !== undefined;
}

/**
 * Returns whether a deletion or a change of factor by this session has to wait for `CHANGE_DELAY_MS`: the session is
 * unconfirmed, and the account has a trusted device, which can cancel the change. Returns null if the session has ended. The
 * answer holds until the end of a transaction that has locked the account's row.
 */
export async function mustDelayChange(db: Reader, { id, userId }: SessionRef, now: Date): Promise<boolean | null> {
  const own = await db.session.findFirst({ where: { id, userId }, select: { isNew: true } });
  if (!own) return null;
  return own.isNew && (await hasTrustedDevice(db, userId, now));
}

/** Returns whether a change by this session would have to wait, so that a page can say so in advance. */
export async function willDelayChange(session: Session, now = new Date()): Promise<boolean> {
  return (await mustDelayChange(readPrimary, session, now)) ?? false;
}

/** Returns a Prisma `where` for the open sessions of an account, by the rules of `checkSession`. */
export function whereOpen(userId: number, now: Date) {
  const idleSince = new Date(now.getTime() - SESSION_IDLE_MS);
  return { userId, expiresAt: { gt: now }, OR: [{ generation: { not: null } }, { seenAt: { gt: idleSince } }] };
}

type SessionRow = Omit<Session, "firstId" | "provenPhone" | "isClient"> & {
  firstId: string | null;
  provenPhone: string | null;
  generation: number | null;
};

function sessionOf({ id, firstId, userId, provenPhone, createdAt, expiresAt, isNew, generation }: SessionRow): Session {
  const isClient = generation !== null;
  const phone = provenPhone as Phone | null;
  return { id, firstId: firstId ?? id, userId, provenPhone: phone, createdAt, expiresAt, isNew, isClient };
}
