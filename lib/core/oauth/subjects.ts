import { createHmac } from "node:crypto";
import { readPrimary, statement, transact } from "@/lib/db/database";
import { drawToken } from "./random-token";

const FIND_SUBJECT = statement({
  params: { userId: "integer" },
  row: { subject: "text?" },
  sql: `SELECT "subject" FROM "User" WHERE "id" = :userId`,
});
const SET_SUBJECT = statement({
  params: { userId: "integer", drawn: "text" },
  sql: `UPDATE "User" SET "subject" = :drawn WHERE "id" = :userId AND "subject" IS NULL`,
});

/**
 * Returns the name by which one application knows an account (`sub`); null if there is no such account. Each application gets another
 * one (OpenID Connect Core §8.1), so that two applications can't find out which of their people are the same. It is an HMAC of the
 * application's id under the account's random subject, which is drawn at the first call. So it depends on no setting, and an account
 * that is moved to another server with its subject keeps its names.
 */
export async function getSubject({ userId, clientId }: { userId: number; clientId: string }): Promise<string | null> {
  const found = await readPrimary.get(FIND_SUBJECT, { userId });
  if (!found) return null;
  const subject = found.subject ?? (await drawSubject(userId));
  return subject && pairwiseSubject(subject, clientId);
}

/** Draws the account's subject, unless a parallel call has, and returns it; null if the account was deleted. */
function drawSubject(userId: number): Promise<string | null> {
  const drawn = drawToken();
  return transact(async (tx) => {
    await tx.run(SET_SUBJECT, { userId, drawn });
    return (await tx.get(FIND_SUBJECT, { userId }))?.subject ?? null;
  });
}

function pairwiseSubject(subject: string, clientId: string): string {
  return createHmac("sha256", subject).update(clientId).digest("base64url");
}
