import type { Phone } from "@/lib/core/identity/phone";
import { type Queries, statement, type Transaction } from "@/lib/db/database";

/** The number of PostgreSQL's advisory lock that orders new test numbers and the phones that accounts get without a login. */
const LOCK_ID = 5_327_004;

const lockBy = (lockFunction: string) =>
  statement({
    params: {},
    row: { locked: "integer" },
    // SQLite has one writer.
    sql: { sqlite: `SELECT 1 AS "locked"`, postgresql: `SELECT 1 AS "locked" FROM ${lockFunction}(${LOCK_ID})` },
  });
const LOCK_ALONE = lockBy("pg_advisory_xact_lock");
const LOCK_SHARED = lockBy("pg_advisory_xact_lock_shared");

const FIND_TEST_PHONE = statement({
  params: { phone: "text" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "TestNumber" WHERE "phone" = :phone`,
});

/**
 * Lets this transaction make or delete test numbers: until it ends, no other transaction gives a phone to an account without a login,
 * and those before have committed. A login consumes a challenge of its phone instead: see `makeTestNumber`. Challenges are locked
 * before this lock, and never after it.
 */
export async function lockTestPhones(tx: Transaction): Promise<void> {
  await tx.get(LOCK_ALONE, {});
}

/** Keeps test numbers as they are until this transaction ends. Transactions that give phones to accounts without a login call it. */
export async function shareTestPhones(tx: Transaction): Promise<void> {
  await tx.get(LOCK_SHARED, {});
}

/** Returns whether the phone is a test number, also one that has ended and is being deleted. */
export async function findTestPhone(db: Queries, phone: Phone): Promise<boolean> {
  return (await db.get(FIND_TEST_PHONE, { phone })) !== undefined;
}

/** As `findTestPhone`, and the answer holds until the transaction ends. */
export async function isTestPhone(tx: Transaction, phone: Phone): Promise<boolean> {
  await shareTestPhones(tx);
  return findTestPhone(tx, phone);
}

/** Finds the account that has this phone. */
export const FIND_ACCOUNT_OF_PHONE = statement({
  params: { phone: "text" },
  row: { id: "integer", isTest: "boolean" },
  sql: `SELECT "id", "isTest" FROM "User" WHERE "phone" = :phone`,
});
/** Deletes the challenges of this phone, after which no code that was verified before makes an account. */
export const DELETE_CHALLENGES = statement({
  params: { phone: "text" },
  sql: `DELETE FROM "Challenge" WHERE "recipient" = :phone`,
});
