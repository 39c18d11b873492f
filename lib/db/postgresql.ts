import type { Socket } from "node:net";
import { PrismaPg } from "@prisma/adapter-pg";
import { type Client as PgClient, Pool, type PoolClient, type QueryResult, types } from "pg";
import {
  type Client,
  type Connections,
  retryWhileBusy,
  runThroughPrisma,
  TRANSACTION_OPTIONS,
  withDeadline,
} from "./connections";
import { asDatabaseError, TransactionTimeout } from "./errors";
import { PrismaClient } from "./generated/postgresql/client";
import type { Prisma } from "./generated/sqlite/client";
import { namedValues, type Queries, type Statement, type Transaction } from "./statement";

/** How long to wait for a connection, and for the answer to one statement: a database that hangs is as good as away. */
const CONNECT_MS_MAX = 3000;
const STATEMENT_MS_MAX = 5000;
/** How long a write waits for others that have what it needs. */
const CONFLICT_MS_MAX = 5000;
/** In PostgreSQL's milliseconds: how long one attempt waits for a lock, and how long its holder may stay silent. */
const [LOCK_TIMEOUT, IDLE_TIMEOUT] = ["2000", "8000"];

/** Named, because at a stricter level, which a database may have by default, the snapshot is older than the lock. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";
/**
 * The server gives a statement up before this process does: COMMIT may be on its way already, and must find the transaction
 * aborted. Set once on each connection, and behind a pooler in each transaction.
 */
const STATEMENT_TIMEOUT = `statement_timeout = ${STATEMENT_MS_MAX - 500}`;
const BEGIN_BEHIND_POOLER = `${BEGIN}; SET LOCAL ${STATEMENT_TIMEOUT}`;

/** Pools of connections: writes run side by side, each at READ COMMITTED, which every write of the core is made for. */
export function openPostgres(
  url: string,
  { replicaUrl, connections }: { replicaUrl: string | undefined; connections: number },
): Connections {
  const pools = {
    primary: poolOf(url, connections),
    ...(replicaUrl !== undefined && { replica: poolOf(replicaUrl, connections) }),
  };
  const asked = (pool: Pool, preparation: Preparation) => {
    const client = new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: TRANSACTION_OPTIONS });
    // The two generated clients differ in their names only.
    return {
      prisma: client as unknown as Client,
      statements: queriesOf((statement, params) => ask(pool, preparation, statement, params)),
    };
  };
  const preparation = preparationAt(url);
  const primary = asked(pools.primary, preparation);
  const begin = <Value>(attempt: () => Promise<Value>, lock: number | null) => {
    const giveUpAt = performance.now() + CONFLICT_MS_MAX;
    const run = () => retryWhileBusy(attempt, giveUpAt);
    return lock === null ? run() : queueFor(lock, run, giveUpAt);
  };
  return {
    primary,
    replica: pools.replica && replicaUrl ? asked(pools.replica, preparationAt(replicaUrl)) : primary,
    transact: (fn, lock = null) => begin(() => runTransaction(pools.primary, preparation, fn, lock), lock),
    write: (fn, lock = null) => {
      const run = async (tx: Prisma.TransactionClient) => {
        if (lock !== null) await tx.$executeRawUnsafe(TAKE_LOCK, LOCK_TIMEOUT, IDLE_TIMEOUT, lock);
        return runThroughPrisma(tx, ({ postgresql }) => postgresql, fn);
      };
      const options = { isolationLevel: "ReadCommitted" as Prisma.TransactionIsolationLevel };
      return begin(() => withDeadline(primary.prisma.$transaction(run, options)), lock);
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

/** Takes a lock, which a transaction that hangs has to give back: all others wait for it. */
const TAKE_LOCK = `SELECT set_config('lock_timeout', $1, true),
  set_config('idle_in_transaction_session_timeout', $2, true), pg_advisory_xact_lock($3::bigint)`;

/**
 * Runs `fn` in a transaction on one connection of the pool. What is asked without waiting for the answer goes out together:
 * BEGIN with the first statement, and the statements that were queued with the next one or with COMMIT.
 */
async function runTransaction<Value>(
  pool: Pool,
  preparation: Preparation,
  fn: (tx: Transaction) => Promise<Value>,
  lock: number | null,
): Promise<Value> {
  const client = await connect(pool);
  const queued: Promise<unknown>[] = [];
  let firstError: unknown;
  const note = <Answer>(asked: Promise<Answer>): Promise<Answer> => {
    asked.catch((error: unknown) => {
      firstError ??= error;
    });
    return asked;
  };
  const askHere: Ask = (statement, params) => note(ask(client, preparation, statement, params));
  const run = async (statement: AnyStatement, params: unknown) => (await askHere(statement, params)).rowCount ?? 0;
  const tx = {
    ...queriesOf(askHere),
    run,
    queue: (statement: AnyStatement, params: unknown) => void queued.push(note(run(statement, params))),
  };
  try {
    gather(client);
    queued.push(note(client.query(preparation.isOnce ? BEGIN : BEGIN_BEHIND_POOLER)));
    if (lock !== null) await client.query(TAKE_LOCK, [LOCK_TIMEOUT, IDLE_TIMEOUT, lock]);
    const value = await fn(tx);
    gather(client);
    queued.push(note(client.query("COMMIT")));
    await Promise.all(queued);
    // Where a statement has failed whose error fn passed over, the server has answered COMMIT by undoing all, without an error.
    if (firstError) throw firstError;
    return value;
  } catch (error) {
    // Where that fails, too, the pool closes the connection, and the database undoes its transaction.
    await client.query("ROLLBACK").catch(() => undefined);
    // What went out with a statement that failed is refused because the transaction is aborted: that says nothing.
    throw asDatabaseError(isOfAborted(error) ? (firstError ?? error) : error);
  } finally {
    client.release();
  }
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asDatabaseError(error);
  }
}

/** "current transaction is aborted, commands ignored until end of transaction block" */
function isOfAborted(error: unknown): boolean {
  return (error as { code?: unknown }).code === "25P02";
}

type AnyStatement = Statement<never, unknown>;
type Ask = (statement: AnyStatement, params: unknown) => Promise<QueryResult>;

function queriesOf(askHere: Ask): Queries {
  const all = async <Params, Row>(statement: Statement<Params, Row>, params: Params) =>
    (await askHere(statement as AnyStatement, params)).rows as Row[];
  return { all, get: async (statement, params) => (await all(statement, params))[0] };
}

/**
 * Whether statements are prepared once on each connection, by their names, or each time they are asked. A pooler in transaction mode
 * gives one client's connection to another, which has statements of other names.
 */
interface Preparation {
  isOnce: boolean;
}

/** Each time with `pgbouncer=true` in the URL, as Prisma knows it; else once, until the server shows that it is such a pooler. */
function preparationAt(url: string): Preparation {
  return { isOnce: new URL(url).searchParams.get("pgbouncer") !== "true" };
}

/** A statement of this name is there already, or is not there any more. */
const FOREIGN_STATEMENT = /^(42P05|26000)$/;

async function ask(
  client: Pool | PoolClient,
  preparation: Preparation,
  statement: AnyStatement,
  params: unknown,
): Promise<QueryResult> {
  const { text, name, names } = statement.postgresql;
  const query = { text, values: namedValues(names, params).map(encode) };
  const { isOnce } = preparation;
  gather(client);
  try {
    return await client.query(isOnce ? { name, ...query } : query);
  } catch (error) {
    const isForeign = isOnce && FOREIGN_STATEMENT.test(String((error as { code?: unknown }).code));
    if (isForeign) preparation.isOnce = false;
    // A transaction begins again by itself.
    if (isForeign && client instanceof Pool) return ask(client, preparation, statement, params);
    throw asDatabaseError(error);
  }
}

/** Has what is asked on a connection in one turn of the event loop go out in one packet, which costs one call of the system. */
function gather(client: Pool | PoolClient): void {
  const { stream } = (client as Partial<WithStream>).connection ?? {};
  if (!stream || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** What pg has and its types don't. A pool has no connection of its own. */
interface WithStream {
  connection: { stream: Socket };
}

/** Times are stored without a zone, and are those of UTC. */
function encode(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value;
}

const READERS: Partial<Record<number, (text: string) => unknown>> = {
  [types.builtins.TIMESTAMP]: (text) => new Date(`${text.replace(" ", "T")}Z`),
  [types.builtins.INT8]: Number,
  [types.builtins.NUMERIC]: Number,
};

/** For each lock: settles when the last transaction of this process that waits for it has ended. A waiting one holds no connection. */
const lastOfLock = new Map<number, Promise<unknown>>();

function queueFor<Value>(lock: number, begin: () => Promise<Value>, giveUpAt: number): Promise<Value> {
  const result = (lastOfLock.get(lock) ?? Promise.resolve()).then(() => {
    if (performance.now() > giveUpAt) throw new TransactionTimeout("a write waited in vain for its lock");
    return begin();
  });
  lastOfLock.set(
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
    types: { getTypeParser: (id, format) => READERS[id] ?? types.getTypeParser(id, format) },
    ...({ pipeline: true } as object),
  });
  // A connection that is lost fails the statement that is asked on it; one that lies idle is replaced by the pool.
  pool.on("error", ignore);
  pool.on("connect", (client) => {
    client.on("error", ignore);
    // Behind a pooler it would stay on a connection that goes to other clients.
    if (preparationAt(url).isOnce) client.query(`SET ${STATEMENT_TIMEOUT}`).catch(ignore);
  });
  // Where a statement was given up, its transaction may still be open, and the next one would commit it.
  pool.on("release", (_, client) => {
    const connection = client as unknown as PgClient & WithStatus;
    if (connection.getTransactionStatus() !== IDLE) void connection.end().catch(() => undefined);
  });
  return pool;
}

function ignore(): void {}

/** What pg has and its types don't: `I` outside of a transaction. */
interface WithStatus {
  getTransactionStatus(): string | null;
}
const IDLE = "I";
