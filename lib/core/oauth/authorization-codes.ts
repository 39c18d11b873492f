import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { recordEventByOwner } from "@/lib/core/accounts/audit-log";
import type { Phone } from "@/lib/core/identity/phone";
import {
  ACCESS_TOKEN_TTL_MS,
  AUTHORIZATION_CODE_REPLAY_MS,
  AUTHORIZATION_CODE_TTL_MS,
  CLOCK_SKEW_MS_MAX,
} from "@/lib/core/policy";
import {
  AUTHORIZATION_CODES_OF_USER,
  AUTHORIZATION_CODES_OF_USER_AT_CLIENT,
  consume,
  type LimitFailure,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { checkSession, type SessionRef } from "@/lib/core/sessions/sessions";
import {
  type Queries,
  type RowOf,
  readPrimary,
  rollBack,
  statement,
  type Transaction,
  transact,
} from "@/lib/db/database";
import type { AuthorizationRequest } from "./authorization-request";
import type { OAuthClient } from "./clients";
import { addLogoutNotices } from "./logout-notices";
import { drawToken, hashToken } from "./random-token";
import { matchRedirectUri, type RedirectUri } from "./redirect-uri";
import { readScopes, type Scope, spellScopes } from "./scopes";
import { drawSubject, drawSubjectOfInviter } from "./subjects";

/** What one exchanged code gave one application. All tokens that come from it end with it, and it ends with its session. */
export interface Grant {
  id: string;
  clientId: string;
  userId: number;
  sessionId: string;
  /** The `firstId` of the session. */
  firstSessionId: string;
  scopes: Scope[];
  /** The `nonce` of the request; null without one. */
  nonce: string | null;
  /** Whether the application had not used the tokens of any login of this account when it exchanged the code. */
  isFirst: boolean;
  /** When the application first used the tokens of a login of this account; null until then. */
  firstLoginAt: Date | null;
  /** How often the refresh token was exchanged, and when last; null without `offline_access`, which gives none. */
  generation: number | null;
  refreshedAt: Date | null;
  /** Whether an access token of this generation was used here, which proves that the application got its tokens. */
  isGenerationUsed: boolean;
  /** When the person logged in for this grant. A later login in the same browser does not change it. */
  loggedInAt: Date;
  /** The phone whose code opened the session; null if it was a code to a mailbox. */
  provenPhone: Phone | null;
  /** When the session, and the grant with it, ends at the latest. */
  endsAt: Date;
}

/** The part of a request that `needsConsent` and `issueAuthorizationCode` read. */
type CodeRequest = Pick<
  AuthorizationRequest,
  "client" | "redirectUri" | "scopes" | "prompts" | "nonce" | "codeChallenge"
>;

const FIND_OPEN_SESSION = statement({
  params: { sessionId: "text", userId: "integer", now: "time" },
  row: { id: "text" },
  sql: `SELECT "id" FROM "Session" WHERE "id" = :sessionId AND "userId" = :userId AND "expiresAt" > :now`,
});
/** Keeps the row until the end of the transaction, so that a removal of the application waits. */
const KEEP_CLIENT = statement({
  params: { clientId: "text" },
  row: { id: "text" },
  sql: {
    // Only one transaction writes at a time.
    sqlite: `SELECT "id" FROM "OAuthClient" WHERE "id" = :clientId AND "disabledAt" IS NULL`,
    postgresql: `SELECT "id" FROM "OAuthClient" WHERE "id" = :clientId AND "disabledAt" IS NULL FOR KEY SHARE`,
  },
});
const FIND_CONSENT = statement({
  params: { userId: "integer", clientId: "text" },
  row: { scopes: "text" },
  sql: `SELECT "scopes" FROM "OAuthConsent" WHERE "userId" = :userId AND "clientId" = :clientId`,
});
const SET_CONSENT = statement({
  params: { userId: "integer", clientId: "text", scopes: "text", now: "time" },
  sql: `
    INSERT INTO "OAuthConsent" ("userId", "clientId", "scopes", "givenAt") VALUES (:userId, :clientId, :scopes, :now)
    ON CONFLICT ("userId", "clientId") DO UPDATE SET "scopes" = excluded."scopes", "givenAt" = excluded."givenAt"`,
});
/** For a first-party application, which needs the row to remember the first login. Nothing counts as allowed by the person. */
const ADD_EMPTY_CONSENT = statement({
  params: { userId: "integer", clientId: "text", now: "time" },
  sql: `
    INSERT INTO "OAuthConsent" ("userId", "clientId", "scopes", "givenAt") VALUES (:userId, :clientId, '', :now)
    ON CONFLICT ("userId", "clientId") DO NOTHING`,
});
const ADD_CODE = statement({
  params: {
    hash: "text",
    clientId: "text",
    userId: "integer",
    sessionId: "text",
    redirectUri: "text",
    codeChallenge: "text",
    scopes: "text",
    nonce: "text?",
    expiresAt: "time",
  },
  sql: `
    INSERT INTO "AuthorizationCode"
      ("hash", "clientId", "userId", "sessionId", "redirectUri", "codeChallenge", "scopes", "nonce", "expiresAt")
    VALUES (:hash, :clientId, :userId, :sessionId, :redirectUri, :codeChallenge, :scopes, :nonce, :expiresAt)`,
});

/**
 * Returns whether the person has to be asked before the application gets these scopes. A consent is remembered, and a first-party
 * application needs none. But `prompt=consent` asks each time, and so does a public client at a loopback address or private scheme,
 * because another application may claim the same address (RFC 8252 §8.6).
 */
export function needsConsent(request: CodeRequest, userId: number): Promise<boolean> {
  return isConsentMissing(readPrimary, request, userId);
}

async function isConsentMissing(
  db: Queries,
  { client, redirectUri, scopes, prompts }: CodeRequest,
  userId: number,
): Promise<boolean> {
  if (prompts.includes("consent")) return true;
  if (client.isPublic && !redirectUri.startsWith("https:")) return true;
  if (client.isFirstParty) return false;
  const allowed = await listAllowedScopes(db, userId, client.id);
  return !scopes.every((scope) => allowed.includes(scope));
}

async function listAllowedScopes(db: Queries, userId: number, clientId: string): Promise<Scope[]> {
  return readScopes((await db.get(FIND_CONSENT, { userId, clientId }))?.scopes ?? "");
}

type IssueFailure = { name: "session_ended" | "client_gone" | "consent_missing" } | LimitFailure;

/**
 * Makes an authorization code for the session, valid for `AUTHORIZATION_CODE_TTL_MS` (OAuth 2.1 §4.1.2). Only the code's hash is stored.
 * `isAllowed` says that the person has just allowed the scopes of the request on the consent page. The same transaction then remembers
 * the consent and records it in the history.
 *
 * Fails with `session_ended`; with `client_gone` if the application was removed or disabled; with `consent_missing` if `needsConsent` is true and the person was not asked; and with `budget_spent`
 * after too many codes of the account for this application, or for all applications together.
 */
export async function issueAuthorizationCode(
  request: CodeRequest,
  { id: sessionId, userId }: SessionRef,
  { isAllowed, now = new Date() }: { isAllowed: boolean; now?: Date },
): Promise<Result<string, IssueFailure>> {
  const code = drawToken();
  const { client, redirectUri, codeChallenge, scopes, nonce } = request;
  const clientId = client.id;
  // In a transaction of its own: this one locks the person's row, and no further row of an account after it.
  if (scopes.includes("referral")) await drawSubjectOfInviter(userId);
  return transact(async (tx): Promise<Result<string, IssueFailure>> => {
    // All transactions lock the account before they change its sessions, or what their end deletes.
    const isThere = await lockAccount(tx, userId);
    if (!isThere || !(await tx.get(FIND_OPEN_SESSION, { sessionId, userId, now })))
      return fail({ name: "session_ended" });
    if (!(await tx.get(KEEP_CLIENT, { clientId }))) return fail({ name: "client_gone" });
    if (!isAllowed && (await isConsentMissing(tx, request, userId))) return fail({ name: "consent_missing" });
    const charges = [
      { limit: AUTHORIZATION_CODES_OF_USER_AT_CLIENT, subject: `${userId} ${clientId}` },
      { limit: AUTHORIZATION_CODES_OF_USER, subject: String(userId) },
    ];
    const counted = await consume(tx, charges, now);
    if (!counted.ok) return counted;
    if (isAllowed) {
      const allowed = [...scopes, ...(await listAllowedScopes(tx, userId, clientId))];
      tx.queue(SET_CONSENT, { userId, clientId, scopes: spellScopes(allowed), now });
      const details = { client: clientId, clientName: client.name, scopes };
      recordEventByOwner(tx, userId, { action: "consent_given", details, now });
    } else {
      tx.queue(ADD_EMPTY_CONSENT, { userId, clientId, now });
    }
    // Before the exchange, so that the application can be told by this name if the session ends during it.
    drawSubject(tx, userId);
    const expiresAt = new Date(now.getTime() + AUTHORIZATION_CODE_TTL_MS);
    const stored = { redirectUri, codeChallenge, scopes: spellScopes(scopes), nonce, expiresAt };
    tx.queue(ADD_CODE, { hash: hashToken(code), clientId, userId, sessionId, ...stored });
    return succeed(code);
  });
}

const FIND_CODE = statement({
  params: { hash: "text" },
  row: {
    clientId: "text",
    userId: "integer",
    redirectUri: "text",
    codeChallenge: "text",
    scopes: "text",
    redeemedAt: "time?",
    grantId: "text?",
    redirectUris: "text",
  },
  sql: `
    SELECT "clientId", "userId", "redirectUri", "codeChallenge", "AuthorizationCode"."scopes", "redeemedAt", "grantId",
      "OAuthClient"."redirectUris"
    FROM "AuthorizationCode" JOIN "OAuthClient" ON "OAuthClient"."id" = "AuthorizationCode"."clientId"
    WHERE "hash" = :hash`,
});
const REDEEM_CODE = statement({
  params: { hash: "text", grantId: "text", now: "time" },
  row: { hash: "text" },
  sql: `
    UPDATE "AuthorizationCode" SET "redeemedAt" = :now, "grantId" = :grantId
    WHERE "hash" = :hash AND "redeemedAt" IS NULL AND "expiresAt" > :now RETURNING "hash"`,
});
/** Each login is the first as long as the application has not used the tokens of a login, so that a lost answer loses nothing. */
const ADD_GRANT = statement({
  params: {
    grantId: "text",
    hash: "text",
    generation: "integer?",
    refreshedAt: "time?",
    now: "time",
  },
  sql: `
    INSERT INTO "OAuthGrant" ("id", "clientId", "userId", "sessionId", "scopes", "nonce", "isFirst", "createdAt", "generation",
      "refreshedAt")
    SELECT :grantId, "code"."clientId", "code"."userId", "sessionId", "code"."scopes", "nonce", "firstLoginAt" IS NULL, :now, :generation,
      :refreshedAt
    FROM "AuthorizationCode" AS "code"
    LEFT JOIN "OAuthConsent" ON "OAuthConsent"."userId" = "code"."userId" AND "OAuthConsent"."clientId" = "code"."clientId"
    WHERE "hash" = :hash`,
});
/**
 * A grant counts while its session lasts and its application is enabled. The application also needs the person's consent now, unless it
 * is a first-party one. So a grant of a first-party application ends when the operator makes it a third-party one.
 */
export const FIND_GRANT = statement({
  params: { id: "text", now: "time" },
  row: {
    id: "text",
    clientId: "text",
    userId: "integer",
    sessionId: "text",
    firstSessionId: "text",
    scopes: "text",
    clientName: "text",
    clientScopes: "text",
    isFirstParty: "boolean",
    allowedScopes: "text?",
    firstLoginAt: "time?",
    nonce: "text?",
    isFirst: "boolean",
    generation: "integer?",
    refreshedAt: "time?",
    isGenerationUsed: "boolean",
    loggedInAt: "time",
    provenPhone: "text?",
    endsAt: "time",
  },
  sql: `
    SELECT "OAuthGrant"."id", "OAuthGrant"."clientId", "OAuthGrant"."userId", "sessionId",
      COALESCE("Session"."firstId", "sessionId") AS "firstSessionId", "OAuthGrant"."scopes", "nonce", "isFirst",
      "OAuthGrant"."generation", "OAuthGrant"."refreshedAt", "OAuthGrant"."isGenerationUsed", "OAuthClient"."name" AS "clientName",
      "OAuthClient"."scopes" AS "clientScopes", "isFirstParty", "OAuthConsent"."scopes" AS "allowedScopes", "firstLoginAt",
      COALESCE("OAuthGrant"."loggedInAt", "Session"."createdAt") AS "loggedInAt", "Session"."provenPhone",
      "Session"."expiresAt" AS "endsAt"
    FROM "OAuthGrant"
    JOIN "Session" ON "Session"."id" = "OAuthGrant"."sessionId"
    JOIN "OAuthClient" ON "OAuthClient"."id" = "OAuthGrant"."clientId"
    LEFT JOIN "OAuthConsent"
      ON "OAuthConsent"."userId" = "OAuthGrant"."userId" AND "OAuthConsent"."clientId" = "OAuthGrant"."clientId"
    WHERE "OAuthGrant"."id" = :id AND "Session"."expiresAt" > :now AND "OAuthClient"."disabledAt" IS NULL
      AND ("isFirstParty" OR "OAuthConsent"."scopes" LIKE 'openid%')`,
});
/** After it no further login of the account at this application is the first. */
export const RECORD_FIRST_LOGIN = statement({
  params: { userId: "integer", clientId: "text", now: "time" },
  sql: `
    UPDATE "OAuthConsent" SET "firstLoginAt" = :now
    WHERE "userId" = :userId AND "clientId" = :clientId AND "firstLoginAt" IS NULL`,
});
/** Removes the older grants of the grant's session and application that have no refresh token and whose access token is over. */
const REMOVE_OVER_GRANTS = statement({
  params: { id: "text", overAt: "time" },
  sql: `
    DELETE FROM "OAuthGrant" WHERE "generation" IS NULL AND "createdAt" <= :overAt AND "id" <> :id
      AND "sessionId" = (SELECT "sessionId" FROM "OAuthGrant" WHERE "id" = :id)
      AND "clientId" = (SELECT "clientId" FROM "OAuthGrant" WHERE "id" = :id)`,
});
export const REMOVE_GRANT = statement({ params: { id: "text" }, sql: `DELETE FROM "OAuthGrant" WHERE "id" = :id` });

/** What an application presents to exchange a code. It has authenticated itself as `client`. */
export interface Redemption {
  code: string;
  client: Pick<OAuthClient, "id">;
  redirectUri: string;
  /** The PKCE verifier (RFC 7636 §4.1). */
  verifier: string;
}

type RedemptionFailure = { name: "code_invalid" | "code_replayed" };

/**
 * Exchanges an authorization code (OAuth 2.1 §4.1.3). It works once: of parallel calls one gets the grant.
 *
 * Failures, which the application must not be able to tell apart:
 * - `code_invalid`: the code is unknown or expired, its session has ended, the client, redirect URI or verifier is another one, or the
 *   application has lost the redirect URI or the person's consent since. Also
 *   a second exchange by the rightful application within `AUTHORIZATION_CODE_REPLAY_MS`, which ends nothing: it may be the same request.
 * - `code_replayed`: any other use of an exchanged code, which is a sign of a stolen code and ends the tokens that it gave
 *   (RFC 9700 §4.5, OAuth 2.1 §4.1.3).
 */
export async function redeemAuthorizationCode(
  redemption: Redemption,
  now = new Date(),
): Promise<Result<Grant, RedemptionFailure>> {
  const hash = hashToken(redemption.code);
  const grantId = randomUUID();
  return transact<Result<Grant, RedemptionFailure>>(async (tx) => {
    const known = await tx.get(FIND_CODE, { hash });
    if (!known) return fail({ name: "code_invalid" });
    const { userId } = known;
    const isRightful = isFor(known, redemption);
    // A wrong attempt at a code that was not exchanged ends nothing: it would let a stranger who saw the code lock the person out.
    if (!isRightful && !known.redeemedAt) return fail({ name: "code_invalid" });
    if (!(await lockAccount(tx, userId))) return fail({ name: "code_invalid" });
    const registered: RedirectUri[] = JSON.parse(known.redirectUris);
    const isRegistered = matchRedirectUri(known.redirectUri, registered) !== null;
    if (isRightful && isRegistered && (await tx.get(REDEEM_CODE, { hash, grantId, now }))) {
      const isRefreshable = readScopes(known.scopes).includes("offline_access");
      const refresh = isRefreshable ? { generation: 0, refreshedAt: now } : { generation: null, refreshedAt: null };
      tx.queue(ADD_GRANT, { grantId, hash, now, ...refresh });
      const overAt = new Date(now.getTime() - ACCESS_TOKEN_TTL_MS - CLOCK_SKEW_MS_MAX);
      tx.queue(REMOVE_OVER_GRANTS, { id: grantId, overAt });
      const row = await tx.get(FIND_GRANT, { id: grantId, now });
      return row ? succeed(grantOf(row)) : rollBack(fail({ name: "code_invalid" }));
    }
    // Read again, because a parallel call may have exchanged the code before the account was locked.
    const { redeemedAt = null, grantId: given = null } = (await tx.get(FIND_CODE, { hash })) ?? {};
    if (!redeemedAt || !given) return fail({ name: "code_invalid" });
    const isSameRequest = isRightful && now.getTime() - redeemedAt.getTime() < AUTHORIZATION_CODE_REPLAY_MS;
    if (isSameRequest) return fail({ name: "code_invalid" });
    await endCopiedGrant(tx, { id: given, userId }, now);
    return fail({ name: "code_replayed" });
  });
}

/**
 * Ends a grant whose code or refresh token was used again, so that it may have been copied. The application is told that the login is over,
 * and the account's history says why. The caller has locked the account's row.
 */
export async function endCopiedGrant(
  tx: Transaction,
  { id, userId }: Pick<Grant, "id" | "userId">,
  now: Date,
): Promise<void> {
  const row = await tx.get(FIND_GRANT, { id, now });
  await addLogoutNotices(tx, userId, { grantId: id }, now);
  tx.queue(REMOVE_GRANT, { id });
  // A further use of the same code finds no grant.
  if (!row) return;
  const details = { client: row.clientId, clientName: row.clientName };
  recordEventByOwner(tx, userId, { action: "application_token_reused", details, now });
}

/** Returns a grant that has not ended, or null. The session, the account and the application are still there. */
export async function findGrant(id: string, now = new Date()): Promise<Grant | null> {
  const row = await readPrimary.get(FIND_GRANT, { id, now });
  return row ? grantOf(row) : null;
}

/** Returns whether the session of a grant that was just read is still open, and stores that it was used (`checkSession`). */
export async function checkSessionOfGrant(
  { id, sessionId }: Pick<Grant, "id" | "sessionId">,
  now: Date,
): Promise<boolean> {
  if (await checkSession(sessionId, now)) return true;
  // A login of the same browser may have replaced the session since the grant was read.
  const moved = await findGrant(id, now);
  return moved !== null && moved.sessionId !== sessionId && (await checkSession(moved.sessionId, now)) !== null;
}

function isFor(known: RowOf<typeof FIND_CODE>, { client, redirectUri, verifier }: Redemption): boolean {
  return (
    known.clientId === client.id && known.redirectUri === redirectUri && isRightVerifier(verifier, known.codeChallenge)
  );
}

/** Returns whether the text may be a PKCE verifier (RFC 7636 §4.1). */
export function isVerifier(text: string): boolean {
  return /^[\w.~-]{43,128}$/.test(text);
}

/** Returns whether the challenge is the hash of the verifier, by the method S256 (RFC 7636 §4.6). */
function isRightVerifier(verifier: string, challenge: string): boolean {
  if (!isVerifier(verifier)) return false;
  const hashed = createHash("sha256").update(verifier).digest("base64url");
  return timingSafeEqual(Buffer.from(hashed), Buffer.from(challenge));
}

/** Makes a grant from its row. */
export function grantOf(row: RowOf<typeof FIND_GRANT>): Grant {
  const { scopes, clientName: _, clientScopes, isFirstParty, allowedScopes, provenPhone, ...rest } = row;
  const possible = readScopes(clientScopes);
  const allowed = isFirstParty ? possible : readScopes(allowedScopes ?? "");
  // After the login the operator may have taken a scope from the application, or made a first-party application a third-party one.
  const left = readScopes(scopes).filter((scope) => possible.includes(scope) && allowed.includes(scope));
  return {
    ...rest,
    scopes: left,
    ...(!left.includes("offline_access") && { generation: null, refreshedAt: null }),
    provenPhone: provenPhone as Phone | null,
  };
}
