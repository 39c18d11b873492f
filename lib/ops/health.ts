import { type DatabaseStatus, databaseStatus } from "@/lib/db/status";
import { isEnding } from "./shutdown";

/** How long the check waits for the database: less than the time-outs of load balancers. */
const DATABASE_WAIT_MS_MAX = 2000;

/**
 * Returns whether this process should get requests: not while the database is away or lacks a migration, and not while the
 * process ends. Takes up to `DATABASE_WAIT_MS_MAX`, and doesn't throw when the database fails.
 */
export async function checkReadiness(): Promise<DatabaseStatus & { status: "ready" | "unready" }> {
  const database = await databaseStatus(DATABASE_WAIT_MS_MAX);
  const isReady = database.database === "up" && database.migrations === "applied" && !isEnding();
  return { status: isReady ? "ready" : "unready", ...database };
}
