import { AsyncLocalStorage } from "node:async_hooks";
import { env, IS_PREVIEW, isPostgresUrl } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { type Client, type Connections, MODEL_NAMES, type Model, type Pool, type Writer } from "./connections";
import { isDatabaseAway } from "./errors";
import { openPostgres } from "./postgresql";
import { providePreviewDatabase } from "./preview";
import { openSqlite } from "./sqlite";
import type { Queries, Statement, Transaction } from "./statement";

export type { Writer } from "./connections";
export { isDatabaseAway, isUniqueViolation } from "./errors";
export { type Kinds, type Queries, type RowOf, type Statement, statement, type Transaction } from "./statement";

const READING_METHODS = ["findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany"] as const;
type ReadingMethod = (typeof READING_METHODS)[number];

/** A client that can only read. A transaction of `write` can be passed as a reader, too. */
export type Reader = { [M in Model]: Pick<Client[M], ReadingMethod & keyof Client[M]> } & Pick<Client, "$queryRaw"> &
  Queries;

function connections(): Connections {
  return perProcess("database connections", () =>
    isPostgresUrl(env.DATABASE_URL)
      ? openPostgres(env.DATABASE_URL, { replicaUrl: env.DATABASE_READ_URL, connections: env.DATABASE_CONNECTIONS })
      : openSqlite(IS_PREVIEW ? providePreviewDatabase(env.DATABASE_URL) : env.DATABASE_URL),
  );
}

/**
 * Reads committed rows on separate connections, so that a read neither sees nor waits for open transactions. Reads from the
 * replica if there is one; the replica may lag behind the last write.
 */
export const read: Reader = readerOf(() => connections().replica);

/** As `read`, but never from the replica: for sessions, codes and all reads that must see the last write. */
export const readPrimary: Reader = readerOf(() => connections().primary);

/** The state of each pool of connections, by its name. */
export function connectionPools(): Record<string, Pool> {
  return connections().pools();
}

/** Makes a reader of a connection, which is opened at the first read. */
function readerOf(connection: () => Connections["primary"]): Reader {
  const modelOf = (name: Model) => {
    const methods = READING_METHODS.map((method) => {
      const ask = (query: never) => askWithFallback(connection(), ({ prisma }) => (prisma[name][method] as Ask)(query));
      return [method, ask];
    });
    return [name, Object.fromEntries(methods)];
  };
  const $queryRaw = (...query: Parameters<Client["$queryRaw"]>) =>
    askWithFallback(connection(), ({ prisma }) => prisma.$queryRaw(...query));
  const all = (statement: Statement<never, never>, params: never) =>
    askWithFallback(connection(), ({ statements }) => statements.all(statement, params));
  const get = (statement: Statement<never, never>, params: never) =>
    askWithFallback(connection(), ({ statements }) => statements.get(statement, params));
  return { ...Object.fromEntries(MODEL_NAMES.map(modelOf)), $queryRaw, all, get } as unknown as Reader;
}

type Ask = (query: never) => Promise<unknown>;

/** Runs `ask` on a connection, and again on the primary if the connection was a replica that is away. */
function askWithFallback<Answer>(
  connection: Connections["primary"],
  ask: (connection: Connections["primary"]) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const { primary } = connections();
  if (connection === primary) return ask(primary);
  return Promise.resolve(ask(connection)).catch((error: unknown) => {
    if (isDatabaseAway(error)) return ask(primary);
    throw error;
  });
}

/** The locks that transactions of all servers share, each with the number of its advisory lock on PostgreSQL. */
const LOCK_IDS = {
  "invite-graph": 5_327_001,
  administrators: 5_327_002,
  sums: 5_327_003,
  imports: 5_327_005,
  "service-events": 5_327_006,
} as const;

/**
 * Runs `fn` in a transaction and returns its value after the commit. An error that `fn` throws rolls the transaction back and
 * is thrown on. After a conflict with another transaction `fn` runs again, so it must have no effect outside `tx`. Throws an
 * error inside another transaction, and one that `isDatabaseAway` recognises when the database is away or stays locked.
 *
 * On SQLite, transactions queue for the one writing connection. On PostgreSQL they run in parallel at READ COMMITTED: rows that
 * `fn` has read may change until the commit, unless `fn` has locked them by an update, even one that changes no value.
 *
 * `write` offers all of Prisma; `transact` offers only statements, at a small part of the cost.
 */
export function write<Value>(fn: (tx: Writer) => Promise<Value>): Promise<Value> {
  return begin((run) => connections().write((tx) => run(() => fn(tx))));
}

/**
 * As `write`, for paths that many requests take. `fn` awaits only its own statements. When it returns `rollBack(value)`, the
 * transaction is rolled back and `value` is returned. Transactions with the same `lock` run one after the other across all
 * servers, and each reads what the last one committed.
 */
export async function transact<Value>(
  fn: (tx: Transaction) => Promise<Value | RolledBack<Value>>,
  { lock = null }: { lock?: keyof typeof LOCK_IDS | null } = {},
): Promise<Value> {
  const runOrRollBack = async (tx: Transaction) => {
    const value = await fn(tx);
    if (value instanceof RolledBack) throw value;
    return value;
  };
  try {
    return await begin((run) => connections().transact((tx) => run(() => runOrRollBack(tx)), lock && LOCK_IDS[lock]));
  } catch (thrown) {
    if (thrown instanceof RolledBack) return thrown.value;
    throw thrown;
  }
}

/** Returned by the function of a `transact` call to roll its transaction back; `value` is then the result. Made by `rollBack`. */
export class RolledBack<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }
}

/** Marks `value` as the result of a transaction that is to be rolled back; see `transact`. */
export function rollBack<Value>(value: Value): RolledBack<Value> {
  return new RolledBack(value);
}

async function begin<Value>(
  open: (run: (fn: () => Promise<Value>) => Promise<Value>) => Promise<Value>,
): Promise<Value> {
  if (transactionMark.getStore()) throw new Error("a transaction inside a transaction would wait for itself");
  const value = await open((fn) => transactionMark.run(true, fn));
  for (const listener of commitListeners) listener();
  return value;
}

const commitListeners = perProcess("commit listeners", () => new Set<() => void>());

/** Calls `listener` after each transaction that this process commits, until the returned function is called. */
export function onCommit(listener: () => void): () => void {
  commitListeners.add(listener);
  return () => commitListeners.delete(listener);
}

const transactionMark = perProcess("transaction under way", () => new AsyncLocalStorage<true>());
