import { createHmac } from "node:crypto";
import { z } from "zod";
import { readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { drawToken } from "./random-token";

/** The random value of an account from which the identifier that each application gets (`sub`) is made. Other text fails with `subject_malformed`. */
export const Subject = z
  .string()
  .regex(/^[\w-]{43}$/, "subject_malformed")
  .brand<"Subject">();
export type Subject = z.output<typeof Subject>;

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
 * Returns the identifier by which one application knows an account (`sub`); null if there is no such account. Each application gets another
 * one (OpenID Connect Core §8.1), so that two applications can't find out which of their people are the same. It is an HMAC of the
 * application's id under the account's random subject, which is drawn at the first call. So it depends on no setting, and an account
 * that is moved to another server with its subject keeps its identifiers.
 */
export async function getPairwiseSubject({
  userId,
  clientId,
}: {
  userId: number;
  clientId: string;
}): Promise<string | null> {
  const found = await readPrimary.get(FIND_SUBJECT, { userId });
  if (!found) return null;
  const subject = found.subject ?? (await drawAndRead(userId));
  return subject && pairwiseSubject(subject, clientId);
}

function drawAndRead(userId: number): Promise<string | null> {
  return transact(async (tx) => {
    drawSubject(tx, userId);
    return (await tx.get(FIND_SUBJECT, { userId }))?.subject ?? null;
  });
}

/** Draws the account's random subject in this transaction, unless it has one. */
export function drawSubject(tx: Transaction, userId: number): void {
  tx.queue(SET_SUBJECT, { userId, drawn: drawToken() });
}

const FIND_INVITER_WITHOUT_SUBJECT = statement({
  params: { userId: "integer" },
  row: { id: "integer" },
  sql: `
    SELECT "User"."id" FROM "Activation" JOIN "User" ON "User"."id" = "Activation"."inviterId"
    WHERE "inviteeId" = :userId AND "subject" IS NULL`,
});

/** Draws the random subject of the account's inviter, unless it has one, so that the claims of this account are read without a write. */
export async function drawSubjectOfInviter(userId: number): Promise<void> {
  const inviter = await readPrimary.get(FIND_INVITER_WITHOUT_SUBJECT, { userId });
  if (inviter) await transact(async (tx) => drawSubject(tx, inviter.id));
}

/** Returns the identifier by which an application knows the account that has this random subject. */
export function pairwiseSubject(subject: string, clientId: string): string {
  return createHmac("sha256", subject).update(clientId).digest("base64url");
}

/**
 * Returns the identifier by which an application knows a session (`sid`, OpenID Connect Back-Channel Logout §2.1). Each application gets
 * another one, so that two applications can't find out by it which of their people are the same. `firstId` is that of
 * the `Session`, so that a repeated login in the same browser doesn't change the identifier.
 */
export function pairwiseSessionId(firstId: string, clientId: string): string {
  return createHmac("sha256", firstId).update(clientId).digest("base64url");
}
