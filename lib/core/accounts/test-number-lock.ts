import type { Phone } from "@/lib/core/identity/phone";
import { record, refund, TRIES_AT_RECIPIENT } from "@/lib/core/rate-limits";
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

const FIND_TEST_NUMBER = statement({
  params: { phone: "text" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "TestNumber" WHERE "phone" = :phone`,
});

/**
 * Lets no transaction make or delete test numbers until this one ends. Transactions that give phones to accounts without a login
 * call it, after they have locked challenges; see `lockPhone`.
 */
export async function lockTestNumbersShared(tx: Transaction): Promise<void> {
  await tx.get(LOCK_SHARED, {});
}

/** Returns whether the phone is a test number, also one that has ended and is being deleted. */
export async function isTestNumber(db: Queries, phone: Phone): Promise<boolean> {
  return (await db.get(FIND_TEST_NUMBER, { phone })) !== undefined;
}

/** Returns what `isTestNumber` does, with the shared lock, so that the answer stays true until the transaction ends. */
export async function isTestNumberWithLock(tx: Transaction, phone: Phone): Promise<boolean> {
  await lockTestNumbersShared(tx);
  return isTestNumber(tx, phone);
}

/** Finds the account that has this phone. */
export const FIND_ACCOUNT_OF_PHONE = statement({
  params: { phone: "text" },
  row: { id: "integer", isTest: "boolean" },
  sql: `SELECT "id", "isTest" FROM "User" WHERE "phone" = :phone`,
});
const DELETE_CHALLENGES = statement({
  params: { phone: "text" },
  sql: `DELETE FROM "Challenge" WHERE "recipient" = :phone`,
});

/**
 * Locks the phone for a transaction that makes it a test number, or that ends a test number. No code to the phone is verified until
 * the transaction ends, because it holds the lock of the phone's attempts. A sign-up by a code that was verified before must
 * consume its challenge. So either this transaction has deleted the challenge, and the sign-up fails, or this transaction finds the
 * account.
 */
export async function lockPhone(tx: Transaction, phone: Phone, now: Date): Promise<void> {
  refund(tx, await record(tx, [{ limit: TRIES_AT_RECIPIENT, subject: phone }], now), { keepsRows: true });
  tx.queue(DELETE_CHALLENGES, { phone });
  await tx.get(LOCK_ALONE, {});
}
