import { PrismaPg } from "@prisma/adapter-pg";
import { type Client as PgClient, Pool } from "pg";
import { perProcess } from "@/lib/per-process";
import {
  type Client,
  type Connections,
  retryWhileBusy,
  runThroughPrisma,
  TRANSACTION_OPTIONS,
  withDeadline,
} from "./connections";
import { asDatabaseError, TransactionTimeout } from "./errors";
import { getPrismaClientClass } from "./generated/postgresql/internal/class";
import type { Prisma } from "./generated/sqlite/client";
import { type Answer, type AnyStatement, type Ask, Batch, type Preparation, parserOf, Turns } from "./postgresql-batch";
import { type Queries, type Statement, statement, type Transaction } from "./statement";

const PrismaClient = getPrismaClientClass();

/** How long to wait for a connection, and for the answer to one statement, before the database counts as away. */
const CONNECT_MS_MAX = 3000;
const STATEMENT_MS_MAX = 5000;
/** How long a transaction is retried after conflicts with others. */
const CONFLICT_MS_MAX = 5000;
/** Milliseconds for `set_config`: how long one attempt waits for a lock, and how long the lock's holder may be idle. */
const [LOCK_TIMEOUT_MS, IDLE_TIMEOUT_MS] = [2000, 8000];

/** The isolation level is explicit: a database may default to a stricter one, whose snapshot would be older than the lock. */
const BEGIN = statement({ params: {}, sql: "BEGIN ISOLATION LEVEL READ COMMITTED" });
const COMMIT = statement({ params: {}, sql: "COMMIT" });
/**
 * The server cancels a slow statement a little earlier than this process stops waiting for it. A COMMIT that was sent together
 * with the statement is then skipped. Set once on each connection; behind a pooler, in each transaction.
 */
const STATEMENT_TIMEOUT = `statement_timeout = ${STATEMENT_MS_MAX - 500}`;
const LIMIT_STATEMENTS = statement({ params: {}, sql: `SET LOCAL ${STATEMENT_TIMEOUT}` });

/** Opens the pools of connections. Transactions run in parallel at READ COMMITTED, which every write of the core allows for. */
export function openPostgres(
  url: string,
  { replicaUrl, connections }: { replicaUrl: string | undefined; connections: number },
): Connections {
  const pools = {
    primary: poolOf(url, connections),
    ...(replicaUrl !== undefined && { replica: poolOf(replicaUrl, connections) }),
  };
  const openClient = (pool: Pool, preparation: Preparation) => {
    const client = new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: TRANSACTION_OPTIONS });
    // The two generated clients differ in their names only.
    return {
      prisma: client as unknown as Client,
      statements: queriesOf((...asked) => askPool(pool, preparation, ...asked)),
    };
  };
  const preparation = preparationAt(url);
  const primary = openClient(pools.primary, preparation);
  const begin = <Value>(attempt: () => Promise<Value>, lock: number | null = null) => {
    const giveUpAt = performance.now() + CONFLICT_MS_MAX;
    const run = () => retryWhileBusy(attempt, giveUpAt);
    return lock === null ? run() : queueForLock(lock, run, giveUpAt);
  };
  return {
    primary,
    replica: pools.replica && replicaUrl ? openClient(pools.replica, preparationAt(replicaUrl)) : primary,
    transact: (fn, lock = null) => begin(() => runTransaction(pools.primary, preparation, fn, lock), lock),
    write: (fn) => {
      const run = (tx: Prisma.TransactionClient) => runThroughPrisma(tx, ({ postgresql }) => postgresql, fn);
      const options = { isolationLevel: "ReadCommitted" as Prisma.TransactionIsolationLevel };
      return begin(() => withDeadline(primary.prisma.$transaction(run, options)));
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

/** Takes the advisory lock. The idle time-out ends a transaction that hangs while it holds the lock for which others wait. */
const TAKE_LOCK = statement({
  params: { lock: "integer" },
  sql: `
    SELECT set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', true),
      set_config('idle_in_transaction_session_timeout', '${IDLE_TIMEOUT_MS}', true), pg_advisory_xact_lock(:lock)`,
});

/**
 * Runs `fn` in a transaction on one connection of the pool. Statements of one turn of the event loop share a round trip: BEGIN goes
 * out with the first statement, and queued statements go out with the next one or with COMMIT.
 */
async function runTransaction<Value>(
  pool: Pool,
  preparation: Preparation,
  fn: (tx: Transaction) => Promise<Value>,
  lock: number | null,
): Promise<Value> {
  const client = await pool.connect().catch((error: unknown) => {
    throw asDatabaseError(error);
  });
  const turns = new Turns(client, preparation);
  const tx: Transaction = {
    ...queriesOf(turns.ask),
    run: (statement, params) => turns.ask(statement as AnyStatement, params, ({ count }) => count),
    queue: (statement, params) => turns.queue(statement as AnyStatement, params),
  };
  try {
    tx.queue(BEGIN, {});
    if (!preparation.isOnce) tx.queue(LIMIT_STATEMENTS, {});
    if (lock !== null) await tx.run(TAKE_LOCK, { lock });
    const value = await fn(tx);
    // Fails if a statement has failed, also if `fn` ignored its error.
    await tx.run(COMMIT, {});
    return value;
  } catch (error) {
    turns.end(error);
    // If ROLLBACK fails as well, the pool closes the connection, and the database rolls back.
    await client.query("ROLLBACK").catch(ignore);
    // `retryWhileBusy` repeats the transaction.
    if (isOfChangedConnection(error)) preparation.isOnce = false;
    throw asDatabaseError(error);
  } finally {
    client.release();
  }
}

function queriesOf(ask: Ask): Queries {
  return {
    all: <Params, Row>(statement: Statement<Params, Row>, params: Params) =>
      ask(statement as AnyStatement, params, ({ rows }) => rows as Row[]),
    get: <Params, Row>(statement: Statement<Params, Row>, params: Params) =>
      ask(statement as AnyStatement, params, ({ rows }) => rows[0] as Row | undefined),
  };
}

/** Statements are prepared once unless the URL has `pgbouncer=true` (Prisma's convention) or an error tells of a pooler. */
function preparationAt(url: string): Preparation {
  return { isOnce: new URL(url).searchParams.get("pgbouncer") !== "true" };
}

/** Whether the error says that a named statement exists already or is missing: a pooler has switched the connection. */
function isOfChangedConnection(error: unknown): boolean {
  return /^(42P05|26000)$/.test(String((error as { code?: unknown }).code));
}

/** Runs a statement that reads, outside of a transaction. */
async function askPool<Value>(
  pool: Pool,
  preparation: Preparation,
  statement: AnyStatement,
  params: unknown,
  pick: (answer: Answer) => Value,
): Promise<Value> {
  const { isOnce } = preparation;
  try {
    return await new Promise<Value>((resolve, reject) => {
      const batch = new Batch();
      let release: (error?: Error) => void;
      const settle = (answer: Answer) => {
        release();
        resolve(pick(answer));
      };
      const fail = (error: unknown) => {
        // With an error, the pool closes the connection.
        release(error as Error);
        reject(error);
      };
      batch.add(statement, params, { isOnce, settle, fail });
      pool.connect((error, client, releaseClient) => {
        if (!client) return reject(error);
        release = releaseClient;
        client.query(batch);
      });
    });
  } catch (error) {
    if (!isOnce || !isOfChangedConnection(error)) throw asDatabaseError(error);
    preparation.isOnce = false;
    return askPool(pool, preparation, statement, params, pick);
  }
}

/** By lock: settles when the last transaction with that lock has ended. A waiting transaction holds no connection. */
const lastByLock = perProcess("lock queues", () => new Map<number, Promise<unknown>>());

function queueForLock<Value>(lock: number, begin: () => Promise<Value>, giveUpAt: number): Promise<Value> {
  const result = (lastByLock.get(lock) ?? Promise.resolve()).then(() => {
    if (performance.now() > giveUpAt) throw new TransactionTimeout("a transaction did not get its lock in time");
    return begin();
  });
  lastByLock.set(
    lock,
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
    types: { getTypeParser: parserOf },
    ...({ pipeline: true } as object),
  });
  // A lost connection fails the statement that runs on it, and the pool replaces an idle one, so this event needs no action.
  pool.on("error", ignore);
  pool.on("connect", (client) => {
    client.on("error", ignore);
    // Behind a pooler each transaction sets the time-out, because the pooler gives this connection to other clients as well.
    if (preparationAt(url).isOnce) client.query(`SET ${STATEMENT_TIMEOUT}`).catch(ignore);
  });
  // A statement that this process gave up may leave its transaction open, and the next transaction on the connection would
  // commit it. So a connection with an open transaction is closed.
  pool.on("release", (_, client) => {
    // A method of pg's clients that pg's types lack. It returns `I` outside of a transaction.
    const connection = client as unknown as PgClient & { getTransactionStatus: () => string | null };
    if (connection.getTransactionStatus() !== "I") void connection.end().catch(() => undefined);
  });
  return pool;
}

function ignore(): void {}
