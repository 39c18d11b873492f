import { AccountGone } from "@/lib/core/accounts/accounts";
import { retryAfter } from "@/lib/http/retry-after";
import { logError } from "@/lib/ops/log";
import { isDatabaseAway } from "@/lib/ops/outage";

/** What an address says of what was thrown while it was answering, and the status. */
export const THROWN_STATUSES = { credentials_missing: 401, unexpected: 500, database_away: 503 } as const;

/** When to come again while the database is away. */
const DATABASE_RETRY_MS = 5000;

/** The name of a thrown error, by which an address chooses its response. An unexpected error is logged. */
export function nameThrown(thrown: unknown): { name: keyof typeof THROWN_STATUSES; headers: Record<string, string> } {
  // As if there had never been a session.
  if (thrown instanceof AccountGone) return { name: "credentials_missing", headers: {} };
  if (isDatabaseAway(thrown)) return { name: "database_away", headers: retryAfter(DATABASE_RETRY_MS) };
  logError(thrown, "unexpected in an API");
  return { name: "unexpected", headers: {} };
}
