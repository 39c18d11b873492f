import { runInBackground } from "@/lib/core/background";
import type { Phone } from "@/lib/core/identity/phone";
import { CLOCK_SKEW_MS_MAX } from "@/lib/core/policy";
import { readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { NO_ACCOUNT_ID, recordEvent } from "./audit-log";
import { removeAccount } from "./remove-account";
import { FIND_ACCOUNT_OF_PHONE, lockPhone } from "./test-number-lock";

const FIND_ENDED = statement({
  params: { now: "time" },
  row: { id: "integer", phone: "text", until: "time" },
  sql: `SELECT "id", "phone", "until" FROM "TestNumber" WHERE "until" <= :now ORDER BY "until"`,
});
const DELETE_TEST_NUMBER = statement({
  params: { id: "integer", now: "time" },
  sql: `DELETE FROM "TestNumber" WHERE "id" = :id AND "until" <= :now`,
});

/** The actor of what the server does at a time that was set before. */
const SERVER = { actorKind: "server", actorId: NO_ACCOUNT_ID } as const;

/**
 * Deletes the test numbers that have ended, each after its account. Several servers can run this at the same time. The
 * transaction that deletes a number holds `lockPhone`, so that no account of the number is left behind.
 */
export async function sweepTestNumbers(now = new Date()): Promise<void> {
  for (const { id, phone } of await readPrimary.all(FIND_ENDED, { now })) {
    const details = { testNumber: id };
    const step = async (tx: Transaction): Promise<number | null> => {
      await lockPhone(tx, phone as Phone, now);
      const account = await tx.get(FIND_ACCOUNT_OF_PHONE, { phone });
      if (account?.isTest) return account.id;
      const isDeleted = (await tx.run(DELETE_TEST_NUMBER, { id, now })) > 0;
      if (isDeleted) recordEvent(tx, { action: "test_number_deleted", ...SERVER, subjectId: null, details, now });
      return null;
    };
    for (;;) {
      const userId = await transact(step);
      if (userId === null) break;
      await removeAccount({ userId, ...SERVER, details, now });
    }
  }
}

/** Deletes ended test numbers in the background. A number must have ended by the clock of the slowest server, too. */
export function sweepTestNumbersInBackground(): void {
  void runInBackground("test numbers", () => sweepTestNumbers(new Date(Date.now() - CLOCK_SKEW_MS_MAX)));
}
