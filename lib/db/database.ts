import { AsyncLocalStorage } from "node:async_hooks";
import { env, isPostgresUrl } from "@/lib/env";
import { type Client, type Connections, MODELS, type Model, type Pool, type Writer } from "./connections";
import { isDatabaseAway } from "./errors";
import { openPostgres } from "./postgresql";
import { openSqlite } from "./sqlite";
import type { Queries, Statement, Transaction } from "./statement";

export type { Writer } from "./connections";
export { CLOCK_SKEW_MS_MAX, countDown, countDownSince, countUp, findCounts, isPossibleEnd } from "./counters";
export { isDatabaseAway, isUniqueViolation } from "./errors";
export { type Queries, type Statement, statement, type Transaction } from "./statement";

const READING_METHODS = ["findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany"] as const;
type ReadingMethod = (typeof READING_METHODS)[number];

/** A client that can look, and not change: what `read` is, and what a transaction of `write` is, too. */
export type Reader = { [M in Model]: Pick<Client[M], ReadingMethod & keyof Client[M]> } & Pick<Client, "$queryRaw"> &
  Queries;

// Kept across the hot reloads of development, which evaluate this module again.
const kept = globalThis as { sarafanConnections?: Connections };

function connections(): Connections {
  kept.sarafanConnections ??= isPostgresUrl(env.DATABASE_URL)
    ? openPostgres(env.DATABASE_URL, { replicaUrl: env.DATABASE_READ_URL, connections: env.DATABASE_CONNECTIONS })
    : openSqlite(env.DATABASE_URL);
  return kept.sarafanConnections;
}

/**
 * Reads committed rows, on connections of their own: neither does it see an open transaction, nor wait for one. Where
 * there is a replica it is asked, which may not have heard of the last write yet.
 */
export const read: Reader = readerOf(() => connections().replica);

/** As `read`, but never from a replica: for sessions, codes and whatever has to see one's own last write. */
export const readPrimary: Reader = readerOf(() => connections().primary);

/** How things are with the connections to the database, by their pools' names. */
export function connectionPools(): Record<string, Pool> {
  return connections().pools();
}

/** The part of a client that can only look; the client itself is made when it is first asked. */
function readerOf(connection: () => Connections["primary"]): Reader {
  const modelOf = (name: Model) => {
    const methods = READING_METHODS.map((method) => {
      const ask = (query: never) => askEither(connection(), ({ prisma }) => (prisma[name][method] as Ask)(query));
      return [method, ask];
    });
    return [name, Object.fromEntries(methods)];
  };
  const $queryRaw = (...query: Parameters<Client["$queryRaw"]>) =>
    askEither(connection(), ({ prisma }) => prisma.$queryRaw(...query));
  const all = (statement: Statement<never, never>, params: never) =>
    askEither(connection(), ({ statements }) => statements.all(statement, params));
  const get = (statement: Statement<never, never>, params: never) =>
    askEither(connection(), ({ statements }) => statements.get(statement, params));
  return { ...Object.fromEntries(MODELS.map(modelOf)), $queryRaw, all, get } as unknown as Reader;
}

type Ask = (query: never) => Promise<unknown>;

/** Asks this connection, or the primary where it was a replica that is away: a replica is there to help. */
function askEither<Answer>(
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

/** The locks that serialise transactions of the whole system, each with its number on PostgreSQL. */
const LOCKS = { "invite-graph": 5_327_001 } as const;
type Lock = keyof typeof LOCKS;

/**
 * Runs `fn` in a transaction, and returns what it returns once that is committed. An error that `fn` throws undoes the transaction
 * and is thrown on. `fn` may be run again, where another transaction had what it needed, so it must have no effect but by its own
 * transaction; a transaction inside a transaction throws.
 *
 * On SQLite, transactions queue for the one writer of the process. On PostgreSQL they run side by side at READ COMMITTED: what
 * `fn` has read may have changed since, unless `fn` has changed that row before, be it by an update that changes no value. With a
 * `lock`, no other transaction that holds the same lock is between its first statement and its commit, and `fn` reads what the last
 * holder left.
 *
 * `write` offers all of Prisma; `transact` offers statements alone, at a small part of the cost.
 */
export function write<Value>(fn: (tx: Writer) => Promise<Value>, { lock = null }: Options = {}): Promise<Value> {
  return begin((run) => connections().write((tx) => run(() => fn(tx)), lock && LOCKS[lock]));
}

/**
 * As `write`, for paths that many requests take. `fn` awaits nothing but its own statements. What it returns as `rollBack(value)`
 * undoes the transaction, and `value` is returned.
 */
export async function transact<Value>(
  fn: (tx: Transaction) => Promise<Value | RolledBack<Value>>,
  { lock = null }: Options = {},
): Promise<Value> {
  const runOrRollBack = async (tx: Transaction) => {
    const value = await fn(tx);
    if (value instanceof RolledBack) throw value;
    return value;
  };
  try {
    return await begin((run) => connections().transact((tx) => run(() => runOrRollBack(tx)), lock && LOCKS[lock]));
  } catch (thrown) {
    if (thrown instanceof RolledBack) return thrown.value;
    throw thrown;
  }
}

/** What a transaction answers that is to leave nothing behind. */
export class RolledBack<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }
}

/** The answer of a transaction that is to leave nothing behind; see `transact`. */
export function rollBack<Value>(value: Value): RolledBack<Value> {
  return new RolledBack(value);
}

interface Options {
  lock?: Lock | null;
}

async function begin<Value>(
  open: (run: (fn: () => Promise<Value>) => Promise<Value>) => Promise<Value>,
): Promise<Value> {
  if (writing.getStore()) throw new Error("a transaction inside a transaction would wait for itself");
  return open((fn) => writing.run(true, fn));
}

const writing = new AsyncLocalStorage<true>();
