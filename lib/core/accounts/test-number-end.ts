import { runInBackground } from "@/lib/core/background";
import type { Phone } from "@/lib/core/identity/phone";
import { CLOCK_SKEW_MS_MAX } from "@/lib/core/policy";
import { type RolledBack, readPrimary, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { NO_ACCOUNT_ID, recordEvent } from "./audit-log";
import { removeAccount } from "./remove-account";
import { FIND_ACCOUNT_OF_PHONE, lockPhone } from "./test-number-lock";

const FIND_ENDED = statement({
  params: { now: "time" },
  row: { id: "integer", phone: "text", until: "time" },
  sql: `SELECT "id", "phone", "until" FROM "TestNumber" WHERE "until" <= :now ORDER BY "until"`,
});
const FIND_ENDED_NUMBER = statement({
  params: { id: "integer", now: "time" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "TestNumber" WHERE "id" = :id AND "until" <= :now`,
});
const DELETE_TEST_NUMBER = statement({
  params: { id: "integer" },
  sql: `DELETE FROM "TestNumber" WHERE "id" = :id`,
});

/** The actor of what the server does at a time that was set before. */
const SERVER = { actorKind: "server", actorId: NO_ACCOUNT_ID } as const;

/** Deletes the test numbers that have ended, each after its account. Several servers can run this at the same time. */
export async function sweepTestNumbers(now = new Date()): Promise<void> {
  for (const { id, phone } of await readPrimary.all(FIND_ENDED, { now })) {
    await removeEndedNumber({ id, phone: phone as Phone }, now);
  }
}

/**
 * Deletes a test number that has ended, after its account. The transaction that deletes the number holds `lockPhone`, so that no account
 * of the number is left behind. Does nothing if another server has deleted the number: the phone may be a new test number by now, or a
 * person's.
 */
export async function removeEndedNumber({ id, phone }: { id: number; phone: Phone }, now: Date): Promise<void> {
  const details = { testNumber: id };
  const step = async (tx: Transaction): Promise<number | null | RolledBack<null>> => {
    await lockPhone(tx, phone, now);
    if (!(await tx.get(FIND_ENDED_NUMBER, { id, now }))) return rollBack(null);
    const account = await tx.get(FIND_ACCOUNT_OF_PHONE, { phone });
    if (account?.isTest) return account.id;
    tx.queue(DELETE_TEST_NUMBER, { id });
    recordEvent(tx, { action: "test_number_deleted", ...SERVER, subjectId: null, details, now });
    return null;
  };
  for (;;) {
    const userId = await transact(step);
    if (userId === null) break;
    await removeAccount({ userId, ...SERVER, details, now });
  }
}

/** Deletes ended test numbers in the background. A number must have ended by the clock of the slowest server, too. */
export function sweepTestNumbersInBackground(): void {
  void runInBackground("test numbers", () => sweepTestNumbers(new Date(Date.now() - CLOCK_SKEW_MS_MAX)));
}
