import { lockAccount } from "@/lib/core/accounts/accounts";
import { recordEventByOwner } from "@/lib/core/accounts/audit-log";
import { readPrimary, statement, transact } from "@/lib/db/database";
import { ClientId } from "./clients";
import { addLogoutNotices } from "./logout-notices";
import { readScopes, type Scope } from "./scopes";

/** What a person allows an application to learn. */
export interface Consent {
  clientId: string;
  /** The name of the application. */
  name: string;
  scopes: Scope[];
  /** When the person was asked last. */
  givenAt: Date;
  /** When the newest login whose tokens are still valid began; null without one. */
  loggedInAt: Date | null;
}

const LIST_CONSENTS = statement({
  params: { userId: "integer", now: "time" },
  row: { clientId: "text", name: "text", scopes: "text", givenAt: "time", loggedInAt: "time?" },
  sql: `
    SELECT "OAuthConsent"."clientId", "name", "OAuthConsent"."scopes", "givenAt",
      (SELECT MAX("OAuthGrant"."createdAt") FROM "OAuthGrant"
        JOIN "Session" ON "Session"."id" = "OAuthGrant"."sessionId"
        WHERE "OAuthGrant"."userId" = "OAuthConsent"."userId" AND "OAuthGrant"."clientId" = "OAuthConsent"."clientId"
          AND "Session"."expiresAt" > :now) AS "loggedInAt"
    FROM "OAuthConsent" JOIN "OAuthClient" ON "OAuthClient"."id" = "OAuthConsent"."clientId"
    WHERE "OAuthConsent"."userId" = :userId AND "OAuthConsent"."scopes" <> ''
    ORDER BY "givenAt" DESC, "OAuthConsent"."clientId"`,
});
const EMPTY_CONSENT = statement({
  params: { userId: "integer", clientId: "text" },
  row: { clientId: "text" },
  sql: `
    UPDATE "OAuthConsent" SET "scopes" = ''
    WHERE "userId" = :userId AND "clientId" = :clientId AND "scopes" <> '' RETURNING "clientId"`,
});
const FIND_NAME = statement({
  params: { clientId: "text" },
  row: { name: "text" },
  sql: `SELECT "name" FROM "OAuthClient" WHERE "id" = :clientId`,
});
const REMOVE_CODES = statement({
  params: { userId: "integer", clientId: "text" },
  sql: `DELETE FROM "AuthorizationCode" WHERE "userId" = :userId AND "clientId" = :clientId`,
});
const REMOVE_GRANTS = statement({
  params: { userId: "integer", clientId: "text" },
  sql: `DELETE FROM "OAuthGrant" WHERE "userId" = :userId AND "clientId" = :clientId`,
});

/**
 * Returns what the account allows applications to learn, the last consent first. First-party applications are left out: they ask for
 * no consent.
 */
export async function listConsents(userId: number, now = new Date()): Promise<Consent[]> {
  const rows = await readPrimary.all(LIST_CONSENTS, { userId, now });
  return rows.map(({ scopes, ...row }) => ({ ...row, scopes: readScopes(scopes) }));
}

/**
 * Withdraws the account's consent for an application: its tokens and codes end now, the application is told that its logins are over, and
 * the next login there asks for consent. Returns false if the account has given it none.
 */
export async function withdrawConsent(
  { userId, clientId }: { userId: number; clientId: string },
  now = new Date(),
): Promise<boolean> {
  // A form may name any text, also one with characters that PostgreSQL refuses.
  if (!ClientId.safeParse(clientId).success) return false;
  return transact(async (tx) => {
    if (!(await lockAccount(tx, userId)) || !(await tx.get(EMPTY_CONSENT, { userId, clientId }))) return false;
    await addLogoutNotices(tx, userId, { clientId }, now);
    tx.queue(REMOVE_CODES, { userId, clientId });
    tx.queue(REMOVE_GRANTS, { userId, clientId });
    const { name: clientName = "" } = (await tx.get(FIND_NAME, { clientId })) ?? {};
    const details = { client: clientId, clientName };
    recordEventByOwner(tx, userId, { action: "consent_withdrawn", details, now });
    return true;
  });
}
