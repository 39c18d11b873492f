import { INVITE_CODE_DRAWS_MAX } from "@/lib/core/policy";
import { isUniqueViolation } from "@/lib/db/database";

/**
 * Runs `fn`, which must be one transaction, and runs it again after a unique violation: the drawn invite code belongs to an
 * account already, or a parallel request made the same account. Throws the violation of run number `INVITE_CODE_DRAWS_MAX`.
 */
export async function retryOnUnique<Value>(fn: () => Promise<Value>): Promise<Value> {
  for (let draws = 1; ; draws += 1) {
    try {
      return await fn();
    } catch (error) {
      if (!isUniqueViolation(error) || draws === INVITE_CODE_DRAWS_MAX) throw error;
    }
  }
}
