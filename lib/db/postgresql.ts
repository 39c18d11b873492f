import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { type Client, type Connections, retryWhileBusy, TRANSACTION_OPTIONS, withDeadline } from "./connections";
import { PrismaClient } from "./generated/postgresql/client";

/** How long to wait for a connection, and for the answer to one statement: a database that hangs is as good as away. */
const CONNECT_MS_MAX = 3000;
const STATEMENT_MS_MAX = 5000;
/** How long a write waits for others that have what it needs. */
const CONFLICT_MS_MAX = 5000;

/** Pools of connections: writes run side by side, each at READ COMMITTED, which every write of the core is made for. */
export function openPostgres(
  url: string,
  { replicaUrl, connections }: { replicaUrl: string | undefined; connections: number },
): Connections {
  const pools = {
    primary: poolOf(url, connections),
    ...(replicaUrl !== undefined && { replica: poolOf(replicaUrl, connections) }),
  };
  const primary = clientOf(pools.primary);
  return {
    primary,
    replica: pools.replica ? clientOf(pools.replica) : primary,
    transact: (fn) => retryWhileBusy(() => withDeadline(primary.$transaction(fn)), performance.now() + CONFLICT_MS_MAX),
    takeTurns: async (tx, what) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${what}::bigint)`;
    },
    pools: () =>
      Object.fromEntries(
        Object.entries(pools).map(([name, { totalCount, idleCount, waitingCount }]) => [
          name,
          { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount },
        ]),
      ),
  };
}

function poolOf(url: string, connections: number): Pool {
  return new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX,
    keepAlive: true,
    application_name: "sarafan",
  });
}

function clientOf(pool: Pool): Client {
  const client = new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: TRANSACTION_OPTIONS });
  // The two generated clients differ in their names only.
  return client as unknown as Client;
}
