import { INVITE_CODE_DRAWS_MAX } from "@/lib/core/policy";
import { isUniqueViolation } from "@/lib/db/database";

/**
 * Runs `fn`, a whole `write`, again when it breaks a uniqueness: the invite code that it drew is somebody's already, or
 * the account that it makes came to be a moment ago. A collision that stays is thrown.
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
