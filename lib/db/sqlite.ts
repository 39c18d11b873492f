import { setImmediate } from "node:timers/promises";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { type Connections, retryWhileBusy, TRANSACTION_OPTIONS, type Writer, withDeadline } from "./connections";
import { PrismaClient } from "./generated/sqlite/client";

/** Short, because the wait for a lock stops the whole process; `transact` waits longer, and stops nobody. */
const BUSY_TIMEOUT_MS = 10;
/** How long a write waits for its turn and for another process that writes, such as the seed. */
const LOCK_WAIT_MS_MAX = 5000;

/** All are per connection. FULL, because an acknowledged write has to survive a power cut. */
const PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/** How many writes go into one transaction at most. */
const BATCH_MAX = 64;

/** A write that waits for its turn, and whoever waits for it. */
interface Job {
  attempt: (tx: Writer) => Promise<Outcome>;
  fail: (error: unknown) => void;
  giveUpAt: number;
}

/** What became of a write, to be told once the transaction is committed. */
interface Outcome {
  tell: () => void;
  undone: { error: unknown } | null;
}

/**
 * One connection that writes, for which `transact` queues, and one that can only look. What has queued while the disk was
 * busy with the last transaction goes into the next one together, for a disk takes as long for one as for many; each is
 * undone by itself, and none is acknowledged before all are committed.
 */
export function openSqlite(url: string): Connections {
  const reader = new PrismaClient({ adapter: adapterOf(url, { readonly: true }) });
  let connection: Connection | undefined;
  const adapter = adapterOf(url, { onConnect: (opened) => (connection = opened) });
  const writer = new PrismaClient({ adapter, transactionOptions: TRANSACTION_OPTIONS });
  const queue: Job[] = [];
  let isWriting = false;

  async function writeAll() {
    isWriting = true;
    for (;;) {
      // Whatever else is under way gets as far as its write, and comes along.
      await setImmediate();
      const batch = queue.splice(0, BATCH_MAX);
      const [oldest] = batch;
      if (!oldest) break;
      const begin = () => withDeadline(writer.$transaction((tx) => runBatch(tx, connection, batch)));
      try {
        for (const { tell } of await retryWhileBusy(begin, oldest.giveUpAt)) tell();
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    isWriting = false;
  }

  return {
    primary: reader,
    replica: reader,
    // Whoever writes has the one lock that there is, so that all go one at a time.
    transact: (fn) =>
      new Promise((resolve, fail) => {
        const attempt = async (tx: Writer): Promise<Outcome> => {
          try {
            const value = await fn(tx);
            return { tell: () => resolve(value), undone: null };
          } catch (error) {
            return { tell: () => fail(error), undone: { error } };
          }
        };
        queue.push({ attempt, fail, giveUpAt: performance.now() + LOCK_WAIT_MS_MAX });
        if (!isWriting) void writeAll();
      }),
    pools: () => ({ writer: { busy: Number(isWriting), idle: Number(!isWriting), waiting: queue.length } }),
  };
}

/** What is not for Prisma to know goes past it, to the connection that its transaction is on: that costs next to nothing. */
async function runBatch(tx: Writer, connection: Connection | undefined, batch: Job[]): Promise<Outcome[]> {
  if (!connection) throw new Error("a transaction has begun on no connection");
  // A transaction that begins with a read fails at its first write when another process wrote in between. One that begins
  // with a write, even of no row, holds SQLite's write lock from here on.
  await connection.executeScript('UPDATE "User" SET "id" = "id" WHERE 0');
  const outcomes: Outcome[] = [];
  for (const { attempt } of batch) {
    // One that is alone is undone with its transaction.
    if (batch.length > 1) await connection.executeScript("SAVEPOINT job");
    const outcome = await attempt(tx);
    const { undone } = outcome;
    if (undone && batch.length === 1) throw undone.error;
    if (undone) {
      try {
        await connection.executeScript("ROLLBACK TO job");
      } catch {
        // SQLite has undone all of them, as it does when the disk is full.
        throw undone.error;
      }
    }
    if (batch.length > 1) await connection.executeScript("RELEASE job");
    outcomes.push(outcome);
  }
  return outcomes;
}

type Connection = Awaited<ReturnType<PrismaBetterSqlite3["connect"]>>;

/** Connections that are set up alike; with `readonly`, SQLite itself refuses whatever would change a row. */
function adapterOf(
  url: string,
  { readonly = false, onConnect }: { readonly?: boolean; onConnect?: (connection: Connection) => void } = {},
): PrismaBetterSqlite3 {
  const factory = new PrismaBetterSqlite3({ url, timeout: BUSY_TIMEOUT_MS });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    await connection.executeScript(readonly ? `${PRAGMAS} PRAGMA query_only = ON;` : PRAGMAS);
    onConnect?.(connection);
    return connection;
  };
  return factory;
}
