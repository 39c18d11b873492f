import { type DatabaseStatus, databaseStatus } from "@/lib/db/status";
import { isEnding } from "./shutdown";

/** Longer is too long for whoever waits at a load balancer. */
const DATABASE_WAIT_MS_MAX = 2000;

/** Whether this process should be sent requests: not while its database is away or of another version, nor at its end. */
export async function checkReadiness(): Promise<DatabaseStatus & { status: "ready" | "unready" }> {
  const database = await databaseStatus(DATABASE_WAIT_MS_MAX);
  const isReady = database.database === "up" && database.migrations === "applied" && !isEnding();
  return { status: isReady ? "ready" : "unready", ...database };
}
