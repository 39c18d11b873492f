import { isDatabaseAway } from "@/lib/ops/outage";

/** Returns null for the error of a database that is away, and throws other errors. For pages that are shown without a database as well. */
export function nullIfDatabaseAway(error: unknown): null {
  if (isDatabaseAway(error)) return null;
  throw error;
}
