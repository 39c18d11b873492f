import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { env } from "@/lib/env";
import { Prisma, PrismaClient } from "./generated/sqlite/client";
import { sqliteAdapter } from "./sqlite";

type ReadingMethod = "findUnique" | "findUniqueOrThrow" | "findFirst" | "findFirstOrThrow" | "findMany";
type Model = Uncapitalize<Prisma.ModelName>;

/** A client that can look, and not change: what `read` is, and what a transaction of `write` is, too. */
export type Reader = { [M in Model]: Pick<PrismaClient[M], ReadingMethod & keyof PrismaClient[M]> } & Pick<
  PrismaClient,
  "$queryRaw"
>;

/** A client inside a transaction of `write`. */
export type Writer = Prisma.TransactionClient;

interface Database {
  reader: PrismaClient;
  writer: PrismaClient;
  /** Settles when the last write that was queued has ended. */
  lastWrite: Promise<unknown>;
}

const TRANSACTION_MS_MAX = 10_000;
/** Later than Prisma's own end of a transaction, so that no commit is reported as failed. */
const DEADLINE_MS = TRANSACTION_MS_MAX + 1000;
/** How long a write waits for another process that writes, such as the seed. */
const LOCK_WAIT_MS_MAX = 5000;
const LOCK_RETRY_MS = 20;

// Kept across the hot reloads of development, which evaluate this module again.
const kept = globalThis as { sarafanDatabase?: Database };

function database(): Database {
  kept.sarafanDatabase ??= {
    reader: new PrismaClient({ adapter: sqliteAdapter(env.DATABASE_URL, { readonly: true }) }),
    writer: new PrismaClient({
      adapter: sqliteAdapter(env.DATABASE_URL),
      transactionOptions: { timeout: TRANSACTION_MS_MAX },
    }),
    lastWrite: Promise.resolve(),
  };
  return kept.sarafanDatabase;
}

/** Reads committed rows, on a connection of its own: neither does it see an open transaction, nor wait for one. */
export const read: Reader = new Proxy({} as Reader, {
  get: (_, name) => Reflect.get(database().reader, name),
});

/**
 * Runs `fn` in a transaction, the only way to change anything, and returns what it returns once that is committed.
 * Whatever `fn` throws undoes it all and is thrown on. A process has one SQLite writer, so writes queue here; `fn` must
 * not wait for anything but its own transaction, and a `write` inside a `write` throws.
 */
export async function write<Value>(fn: (tx: Writer) => Promise<Value>): Promise<Value> {
  if (writing.getStore()) throw new Error("a write inside a write would wait for itself");
  const { lastWrite } = database();
  const giveUpAt = performance.now() + LOCK_WAIT_MS_MAX;
  const result = lastWrite.then(() => writing.run(true, () => transact(fn, giveUpAt)));
  database().lastWrite = result.catch(() => undefined);
  return result;
}

const writing = new AsyncLocalStorage<true>();

/** One transaction, begun again while another process has SQLite's write lock: waiting here blocks nobody else. */
async function transact<Value>(fn: (tx: Writer) => Promise<Value>, giveUpAt: number): Promise<Value> {
  for (;;) {
    let isLocked = false;
    try {
      return await withDeadline(
        database().writer.$transaction(async (tx) => {
          // A transaction that begins with a read fails at its first write when another process wrote in between. One
          // that begins with a write, even of no row, holds SQLite's write lock from here on.
          await tx.$executeRaw`UPDATE "User" SET "id" = "id" WHERE 0`;
          isLocked = true;
          return fn(tx);
        }),
      );
    } catch (error) {
      if (isLocked || !isBusy(error) || performance.now() > giveUpAt) throw error;
      await sleep(LOCK_RETRY_MS);
    }
  }
}

/** Prisma undoes a transaction that takes too long, but waits for its function for ever; the queue must not. */
async function withDeadline<Value>(transaction: Promise<Value>): Promise<Value> {
  const ended = new AbortController();
  const deadline = sleep(DEADLINE_MS, undefined, { ref: false, signal: ended.signal }).then(() => {
    throw new Error(`a write did not end within ${DEADLINE_MS} ms`);
  });
  try {
    return await Promise.race([transaction, deadline]);
  } finally {
    deadline.catch(() => undefined);
    ended.abort();
  }
}

/** Whether the database could not be asked at all, or kept somebody else's lock for too long: time will tell. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true;
  // P1…: Prisma's errors of reaching a database, as against P2… of asking it.
  return error instanceof Prisma.PrismaClientKnownRequestError && (/^P1/.test(error.code) || isBusy(error));
}

/** Whether SQLite answered that somebody else has the lock. */
function isBusy(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  const { driverAdapterError } = (error.meta ?? {}) as { driverAdapterError?: { cause?: { kind?: string } } };
  return driverAdapterError?.cause?.kind === "SocketTimeout";
}

/** Whether `error` is a row refused because one with the same unique value is there. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002";
}
