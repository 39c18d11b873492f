import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { type Connections, retryWhileBusy, TRANSACTION_OPTIONS, withDeadline } from "./connections";
import { PrismaClient } from "./generated/sqlite/client";

/** Short, because the wait for a lock stops the whole process; `transact` waits longer, and stops nobody. */
const BUSY_TIMEOUT_MS = 10;
/** How long a write waits for its turn and for another process that writes, such as the seed. */
const LOCK_WAIT_MS_MAX = 5000;

/** All are per connection. FULL, because an acknowledged write has to survive a power cut. */
const PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/** One connection that writes, for which `transact` queues, and one that can only look. */
export function openSqlite(url: string): Connections {
  const reader = new PrismaClient({ adapter: adapterOf(url, { readonly: true }) });
  const writer = new PrismaClient({ adapter: adapterOf(url), transactionOptions: TRANSACTION_OPTIONS });
  /** Settles when the last write that was queued has ended. */
  let lastWrite: Promise<unknown> = Promise.resolve();
  return {
    primary: reader,
    replica: reader,
    transact: (fn) => {
      const giveUpAt = performance.now() + LOCK_WAIT_MS_MAX;
      const begin = () =>
        withDeadline(
          writer.$transaction(async (tx) => {
            // A transaction that begins with a read fails at its first write when another process wrote in between. One
            // that begins with a write, even of no row, holds SQLite's write lock from here on.
            await tx.$executeRaw`UPDATE "User" SET "id" = "id" WHERE 0`;
            return fn(tx);
          }),
        );
      const result = lastWrite.then(() => retryWhileBusy(begin, giveUpAt));
      lastWrite = result.catch(() => undefined);
      return result;
    },
    // Whoever writes has the one lock that there is.
    takeTurns: async () => {},
  };
}

/** Connections that are set up alike; with `readonly`, SQLite itself refuses whatever would change a row. */
function adapterOf(url: string, { readonly = false } = {}): PrismaBetterSqlite3 {
  const factory = new PrismaBetterSqlite3({ url, timeout: BUSY_TIMEOUT_MS });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    await connection.executeScript(readonly ? `${PRAGMAS} PRAGMA query_only = ON;` : PRAGMAS);
    return connection;
  };
  return factory;
}
