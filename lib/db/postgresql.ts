import type { Socket } from "node:net";
import { PrismaPg } from "@prisma/adapter-pg";
import { type Client as PgClient, Pool, type PoolClient, type QueryResult, types } from "pg";
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
import { namedValues, type Queries, type Statement, type Transaction } from "./statement";

const PrismaClient = getPrismaClientClass();

/** How long to wait for a connection, and for the answer to one statement, before the database counts as away. */
const CONNECT_MS_MAX = 3000;
const STATEMENT_MS_MAX = 5000;
/** How long a transaction is retried after conflicts with others. */
const CONFLICT_MS_MAX = 5000;
/** Text for `set_config`: how long one attempt waits for a lock, and how long the lock's holder may be idle. */
const [LOCK_TIMEOUT_MS, IDLE_TIMEOUT_MS] = ["2000", "8000"];

/** The isolation level is explicit: a database may default to a stricter one, whose snapshot would be older than the lock. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";
/**
 * The server cancels a slow statement a little earlier than this process stops waiting for it. A COMMIT that was sent together
 * with the statement then finds the transaction aborted. Set once on each connection; behind a pooler, in each transaction.
 */
const STATEMENT_TIMEOUT = `statement_timeout = ${STATEMENT_MS_MAX - 500}`;
const BEGIN_BEHIND_POOLER = `${BEGIN}; SET LOCAL ${STATEMENT_TIMEOUT}`;

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
      statements: queriesOf((statement, params) => runStatement(pool, preparation, statement, params)),
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
const TAKE_LOCK = `SELECT set_config('lock_timeout', $1, true),
  set_config('idle_in_transaction_session_timeout', $2, true), pg_advisory_xact_lock($3::bigint)`;

/**
 * Runs `fn` in a transaction on one connection of the pool. Statements that don't wait for each other share a round trip: BEGIN goes
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
  const queued: Promise<unknown>[] = [];
  let firstError: unknown;
  const keepFirstError = <Answer>(asked: Promise<Answer>): Promise<Answer> => {
    asked.catch((error: unknown) => {
      firstError ??= error;
    });
    return asked;
  };
  const askHere: Ask = (statement, params) => keepFirstError(runStatement(client, preparation, statement, params));
  const run = async (statement: AnyStatement, params: unknown) => (await askHere(statement, params)).rowCount ?? 0;
  const tx = {
    ...queriesOf(askHere),
    run,
    queue: (statement: AnyStatement, params: unknown) => void queued.push(keepFirstError(run(statement, params))),
  };
  try {
    corkUntilNextTick(client);
    queued.push(keepFirstError(client.query(preparation.isOnce ? BEGIN : BEGIN_BEHIND_POOLER)));
    if (lock !== null) await client.query(TAKE_LOCK, [LOCK_TIMEOUT_MS, IDLE_TIMEOUT_MS, lock]);
    const value = await fn(tx);
    corkUntilNextTick(client);
    queued.push(keepFirstError(client.query("COMMIT")));
    await Promise.all(queued);
    // If fn ignored the error of a statement, the server has answered COMMIT with a rollback and without an error.
    if (firstError) throw firstError;
    return value;
  } catch (error) {
    // If ROLLBACK fails as well, the pool closes the connection, and the database rolls back.
    await client.query("ROLLBACK").catch(() => undefined);
    // Statements sent after the failed one only say that the transaction is aborted; the first error is the cause.
    const isFollowing = (error as { code?: unknown }).code === ABORTED_TRANSACTION;
    throw asDatabaseError(isFollowing ? (firstError ?? error) : error);
  } finally {
    client.release();
  }
}

/** PostgreSQL's code for "current transaction is aborted, commands ignored until end of transaction block". */
const ABORTED_TRANSACTION = "25P02";

type AnyStatement = Statement<never, unknown>;
type Ask = (statement: AnyStatement, params: unknown) => Promise<QueryResult>;

function queriesOf(askHere: Ask): Queries {
  const all = async <Params, Row>(statement: Statement<Params, Row>, params: Params) =>
    (await askHere(statement as AnyStatement, params)).rows as Row[];
  return { all, get: async (statement, params) => (await all(statement, params))[0] };
}

/**
 * Whether statements are prepared once on each connection, by name, or each time they run. A pooler in transaction mode gives one
 * connection to several clients, so a named statement may be missing on it.
 */
interface Preparation {
  isOnce: boolean;
}

/** Statements are prepared once unless the URL has `pgbouncer=true` (Prisma's convention) or `runStatement` sees a pooler. */
function preparationAt(url: string): Preparation {
  return { isOnce: new URL(url).searchParams.get("pgbouncer") !== "true" };
}

/** PostgreSQL's codes for a named statement that exists already or is missing: a pooler has switched the connection. */
const STATEMENT_CONFLICT_PATTERN = /^(42P05|26000)$/;

async function runStatement(
  client: Pool | PoolClient,
  preparation: Preparation,
  statement: AnyStatement,
  params: unknown,
): Promise<QueryResult> {
  const { text, name, names } = statement.postgresql;
  // Times are written in UTC, because the columns for times have no zone and hold UTC.
  const values = namedValues(names, params).map((value) => (value instanceof Date ? value.toISOString() : value));
  const query = { text, values };
  const { isOnce } = preparation;
  corkUntilNextTick(client);
  try {
    return await client.query(isOnce ? { name, ...query } : query);
  } catch (error) {
    const isChangedConnection = isOnce && STATEMENT_CONFLICT_PATTERN.test(String((error as { code?: unknown }).code));
    if (isChangedConnection) preparation.isOnce = false;
    // A statement of a transaction is not repeated here: `retryWhileBusy` repeats the whole transaction.
    if (isChangedConnection && client instanceof Pool) return runStatement(client, preparation, statement, params);
    throw asDatabaseError(error);
  }
}

/** Sends all that is written to a connection in one turn of the event loop as one packet, which saves system calls. */
function corkUntilNextTick(client: Pool | PoolClient): void {
  // A property of pg's clients that pg's types lack. A `Pool` doesn't have it.
  const { stream } = (client as { connection?: { stream: Socket } }).connection ?? {};
  if (!stream || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

const PARSERS_BY_TYPE_ID: Partial<Record<number, (text: string) => unknown>> = {
  [types.builtins.TIMESTAMP]: (text) => new Date(`${text.replace(" ", "T")}Z`),
  [types.builtins.INT8]: Number,
  [types.builtins.NUMERIC]: Number,
};

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
    types: { getTypeParser: (id, format) => PARSERS_BY_TYPE_ID[id] ?? types.getTypeParser(id, format) },
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
