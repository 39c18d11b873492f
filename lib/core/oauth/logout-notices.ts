import { statement, type Transaction } from "@/lib/db/database";
import { pairwiseSessionId, pairwiseSubject } from "./subjects";

const LIST_LOGINS = statement({
  params: { userId: "integer", clientId: "text?", grantId: "text?" },
  row: { sessionId: "text", firstId: "text", clientId: "text", subject: "text" },
  sql: `
    SELECT DISTINCT "sessionId", COALESCE("firstId", "sessionId") AS "firstId", "clientId", "subject"
    FROM "OAuthGrant"
    JOIN "Session" ON "Session"."id" = "OAuthGrant"."sessionId"
    JOIN "OAuthClient" ON "OAuthClient"."id" = "OAuthGrant"."clientId"
    JOIN "User" ON "User"."id" = "OAuthGrant"."userId"
    WHERE "OAuthGrant"."userId" = :userId AND (:clientId IS NULL OR "clientId" = :clientId)
      AND (:grantId IS NULL OR "OAuthGrant"."id" = :grantId)
      AND "backChannelLogoutUri" IS NOT NULL AND "subject" IS NOT NULL`,
});
const ADD_NOTICE = statement({
  params: { clientId: "text", sub: "text", sid: "text", at: "time", dueAt: "time" },
  sql: `
    INSERT INTO "LogoutNotice" ("clientId", "sub", "sid", "at", "dueAt") VALUES (:clientId, :sub, :sid, :at, :dueAt)`,
});

/** Earlier than now by the clock of each server. */
const DUE_AT_ONCE = new Date(0);

/** Which logins of an account at applications end: all that match. */
interface EndingLogins {
  sessionIds?: readonly string[];
  clientId?: string | null;
  grantId?: string | null;
}

/**
 * Adds a notice for each login that ends, in the transaction that ends it and before it deletes the grants, if the application has an
 * address for them (OpenID Connect Back-Channel Logout §2.2). The caller has locked the account.
 */
export async function addLogoutNotices(
  tx: Transaction,
  userId: number,
  { sessionIds, clientId = null, grantId = null }: EndingLogins,
  now: Date,
): Promise<void> {
  const logins = await tx.all(LIST_LOGINS, { userId, clientId, grantId });
  for (const { sessionId, firstId, subject, ...login } of logins) {
    if (sessionIds && !sessionIds.includes(sessionId)) continue;
    const sub = pairwiseSubject(subject, login.clientId);
    const sid = pairwiseSessionId(firstId, login.clientId);
    tx.queue(ADD_NOTICE, { clientId: login.clientId, sub, sid, at: now, dueAt: DUE_AT_ONCE });
  }
}
