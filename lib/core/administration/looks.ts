import { consume, type LimitFailure, LOOKS_OF_ADMINISTRATOR } from "@/lib/core/rate-limits";
import { type Result, succeed } from "@/lib/core/result";
import { type Transaction, transact } from "@/lib/db/database";
import type { Administrator } from "./actor";

/**
 * Charges a look at a person, a recipient or a full phone to the administrator's limit, and records it with `recordLook`. If the
 * limit is used up, fails with `budget_spent` and records nothing.
 */
export function look(
  { userId }: Administrator,
  recordLook: (tx: Transaction) => void,
  now: Date,
): Promise<Result<null, LimitFailure>> {
  const charge = { limit: LOOKS_OF_ADMINISTRATOR, subject: String(userId) };
  return transact<Result<null, LimitFailure>>(async (tx) => {
    const charged = await consume(tx, [charge], now);
    if (!charged.ok) return charged;
    recordLook(tx);
    return succeed(null);
  });
}
