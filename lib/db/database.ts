import { AsyncLocalStorage } from "node:async_hooks";
import { env, isPostgresUrl } from "@/lib/env";
import type { Client, Connections, Pool, Writer } from "./connections";
import { isDatabaseAway } from "./errors";
import { Prisma } from "./generated/sqlite/client";
import { openPostgres } from "./postgresql";
import { openSqlite } from "./sqlite";

export type { Writer } from "./connections";
export { CLOCK_SKEW_MS_MAX, countDown, countUp, isPossibleEnd } from "./counters";
export { isDatabaseAway, isUniqueViolation } from "./errors";

const READING_METHODS = ["findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany"] as const;
type ReadingMethod = (typeof READING_METHODS)[number];
type Model = Uncapitalize<Prisma.ModelName>;
const MODELS = Object.values(Prisma.ModelName).map((name) => (name.charAt(0).toLowerCase() + name.slice(1)) as Model);

/** A client that can look, and not change: what `read` is, and what a transaction of `write` is, too. */
export type Reader = { [M in Model]: Pick<Client[M], ReadingMethod & keyof Client[M]> } & Pick<Client, "$queryRaw">;

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
function readerOf(client: () => Client): Reader {
  const modelOf = (name: Model) => {
    const methods = READING_METHODS.map((method) => {
      const ask = (query: never) => askEither(client(), (one) => (one[name][method] as Ask)(query));
      return [method, ask];
    });
    return [name, Object.fromEntries(methods)];
  };
  const $queryRaw = (...query: Parameters<Client["$queryRaw"]>) =>
    askEither(client(), (one) => one.$queryRaw(...query));
  return { ...Object.fromEntries(MODELS.map(modelOf)), $queryRaw };
}

type Ask = (query: never) => Promise<unknown>;

/** Asks this client, or the primary where it was a replica that is away: a replica is there to help. */
async function askEither(client: Client, ask: (client: Client) => Promise<unknown>): Promise<unknown> {
  const { primary } = connections();
  if (client === primary) return ask(primary);
  return ask(client).catch((error) => {
    if (isDatabaseAway(error)) return ask(primary);
    throw error;
  });
}

/** What goes one at a time through the whole system, and the number of its lock on PostgreSQL. */
const TURNS = { "who invited whom": 5_327_001 } as const;
type Turn = keyof typeof TURNS;

/**
 * Runs `fn` in a transaction, the only way to change anything, and returns what it returns once that is committed.
 * Whatever `fn` throws undoes it all and is thrown on. It may be run again, when somebody else had what it needed, so
 * it must not do anything but by its own transaction; a `write` inside a `write` throws.
 *
 * On SQLite, writes queue for the one writer of the process. On PostgreSQL they run side by side at READ COMMITTED: what
 * `fn` has read may have changed since, unless `fn` has changed that row before, be it by nothing. With a `turn` nobody
 * else is between its first statement and its commit who has the same one, and it reads what the last one left.
 */
export async function write<Value>(
  fn: (tx: Writer) => Promise<Value>,
  { turn = null }: { turn?: Turn | null } = {},
): Promise<Value> {
  if (writing.getStore()) throw new Error("a write inside a write would wait for itself");
  return connections().transact((tx) => writing.run(true, () => fn(tx)), turn && TURNS[turn]);
}

const writing = new AsyncLocalStorage<true>();
