import { lockAccount } from "@/lib/core/accounts/accounts";
import { statement, type Transaction, write } from "@/lib/db/database";
import { removeSession, type Session } from "./sessions";

type Replacement = { previousId: string; nextId: string };

const FOLLOW = statement({
  params: { previousId: "text", nextId: "text" },
  row: { id: "text" },
  sql: `
    UPDATE "Session" SET "firstId" = (SELECT COALESCE("firstId", "id") FROM "Session" WHERE "id" = :previousId)
    WHERE "id" = :nextId AND EXISTS (SELECT 1 FROM "Session" WHERE "id" = :previousId) RETURNING "id"`,
});
const MOVE_GRANTS = statement({
  params: { previousId: "text", nextId: "text" },
  sql: `
    UPDATE "OAuthGrant" SET "sessionId" = :nextId,
      "loggedInAt" = COALESCE("loggedInAt", (SELECT "createdAt" FROM "Session" WHERE "id" = :previousId))
    WHERE "sessionId" = :previousId`,
});
const MOVE_CODES = statement({
  params: { previousId: "text", nextId: "text" },
  sql: `UPDATE "AuthorizationCode" SET "sessionId" = :nextId WHERE "sessionId" = :previousId`,
});

/**
 * Ends the session that a browser had before it opened the next one. If both are of one account, the logins at applications go on in the
 * next session, with the same `sid`: a person who has repeated a login, for `prompt=login` of one application perhaps, has not logged
 * out anywhere. In any other case they end with the previous session. Does nothing if the previous session has ended.
 */
export async function replaceSession(
  previous: Pick<Session, "id" | "userId">,
  next: Pick<Session, "id" | "userId">,
  now = new Date(),
): Promise<void> {
  await write(async (tx) => {
    if (previous.userId === next.userId && (await lockAccount(tx, previous.userId)))
      await moveLogins(tx, { previousId: previous.id, nextId: next.id });
    await removeSession(tx, { id: previous.id }, { reason: "logged_out" }, now);
  });
}

/** Moves grants and codes to the next session. Does nothing if one of the sessions has ended since the login. */
async function moveLogins(tx: Transaction, both: Replacement): Promise<void> {
  if (!(await tx.get(FOLLOW, both))) return;
  tx.queue(MOVE_GRANTS, both);
  tx.queue(MOVE_CODES, both);
}
