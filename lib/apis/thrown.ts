import { AccountGone } from "@/lib/core/accounts/accounts";
import { retryAfter } from "@/lib/http/retry-after";
import { logError } from "@/lib/ops/log";
import { isDatabaseAway } from "@/lib/ops/outage";

/** The names of the failures that a thrown error becomes, each with its HTTP status. */
export const THROWN_STATUSES = { credentials_missing: 401, unexpected: 500, database_away: 503 } as const;

/** How long a client is asked to wait, in `Retry-After`, while the database is away. */
const DATABASE_RETRY_MS = 5000;

/** Returns the failure that a thrown error becomes, and the headers of its response. Logs an error that is not expected. */
export function nameError(thrown: unknown): { name: keyof typeof THROWN_STATUSES; headers: Record<string, string> } {
  // The account was deleted while its request ran, so the response is the same as without a session.
  if (thrown instanceof AccountGone) return { name: "credentials_missing", headers: {} };
  if (isDatabaseAway(thrown)) return { name: "database_away", headers: retryAfter(DATABASE_RETRY_MS) };
  logError(thrown, "unexpected error in an API");
  return { name: "unexpected", headers: {} };
}
