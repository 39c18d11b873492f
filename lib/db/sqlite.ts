import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";

/** Short, because the wait for a lock stops the whole process; `write` waits longer, and stops nobody. */
const BUSY_TIMEOUT_MS = 10;

/** All are per connection. FULL, because an acknowledged write has to survive a power cut. */
const PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/**
 * An adapter whose connections are set up alike: WAL, `synchronous=FULL`, foreign keys on. With `readonly`, SQLite itself
 * refuses whatever would change a row.
 */
export function sqliteAdapter(url: string, { readonly = false } = {}): PrismaBetterSqlite3 {
  const factory = new PrismaBetterSqlite3({ url, timeout: BUSY_TIMEOUT_MS });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    await connection.executeScript(readonly ? `${PRAGMAS} PRAGMA query_only = ON;` : PRAGMAS);
    return connection;
  };
  return factory;
}
