import { PrismaPg } from "@prisma/adapter-pg";
import { type Client as PgClient, Pool } from "pg";
import {
  type Client,
  type Connections,
  retryWhileBusy,
  TRANSACTION_OPTIONS,
  type Writer,
  withDeadline,
} from "./connections";
import { TransactionTimeout } from "./errors";
import { PrismaClient } from "./generated/postgresql/client";

/** How long to wait for a connection, and for the answer to one statement: a database that hangs is as good as away. */
const CONNECT_MS_MAX = 3000;
const STATEMENT_MS_MAX = 5000;
/** How long a write waits for others that have what it needs. */
const CONFLICT_MS_MAX = 5000;
/** In PostgreSQL's milliseconds: how long one attempt waits for a turn, and how long who has it may say nothing. */
const [LOCK_TIMEOUT, IDLE_TIMEOUT] = ["2000", "8000"];

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
  const replica = pools.replica ? clientOf(pools.replica) : primary;
  return {
    // The two generated clients differ in their names only.
    primary: primary as unknown as Client,
    replica: replica as unknown as Client,
    transact: (fn, turn = null) => {
      const run = async (tx: unknown) => {
        if (turn !== null) await takeTurn(tx as Writer, turn);
        return fn(tx as Writer);
      };
      // Named, because at a stricter level, which a database may have by default, the snapshot is older than the turn.
      const begin = () => withDeadline(primary.$transaction(run, { isolationLevel: "ReadCommitted" }));
      const giveUpAt = performance.now() + CONFLICT_MS_MAX;
      return turn === null
        ? retryWhileBusy(begin, giveUpAt)
        : queueFor(turn, () => retryWhileBusy(begin, giveUpAt), giveUpAt);
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

/** The lock of a turn, which whoever hangs has to give back: everybody else waits for it. */
async function takeTurn(tx: Writer, turn: number): Promise<void> {
  await tx.$executeRaw`
    SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true),
      set_config('idle_in_transaction_session_timeout', ${IDLE_TIMEOUT}, true),
      pg_advisory_xact_lock(${turn}::bigint)`;
}

/** Settles when the last of this process that waits for the turn has had it: those who wait hold no connection. */
const lastOfTurn = new Map<number, Promise<unknown>>();

function queueFor<Value>(turn: number, begin: () => Promise<Value>, giveUpAt: number): Promise<Value> {
  const result = (lastOfTurn.get(turn) ?? Promise.resolve()).then(() => {
    if (performance.now() > giveUpAt) throw new TransactionTimeout("a write waited in vain for its turn");
    return begin();
  });
  lastOfTurn.set(
    turn,
    result.catch(() => undefined),
  );
  return result;
}

function poolOf(url: string, connections: number): Pool {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX,
    keepAlive: true,
    application_name: "sarafan",
  });
  // Where a statement was given up, its transaction may still be open, and the next one would commit it.
  pool.on("release", (_, client) => {
    const connection = client as unknown as PgClient & WithStatus;
    if (connection.getTransactionStatus() !== IDLE) void connection.end().catch(() => undefined);
  });
  return pool;
}

/** What pg has and its types don't: `I` outside of a transaction. */
interface WithStatus {
  getTransactionStatus(): string | null;
}
const IDLE = "I";

function clientOf(pool: Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: TRANSACTION_OPTIONS });
}
