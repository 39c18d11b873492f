import { fdatasync, open } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import Database from "better-sqlite3";
import {
  type Connections,
  retryWhileBusy,
  runThroughPrisma,
  TRANSACTION_OPTIONS,
  type Writer,
  withDeadline,
} from "./connections";
import { asDatabaseError } from "./errors";
import { getPrismaClientClass } from "./generated/sqlite/internal/class";
import { namedValues, type Statement, type Transaction } from "./statement";

const PrismaClient = getPrismaClientClass();

/** How long SQLite waits for a lock. That wait blocks the process, so `retryWhileBusy` does most of the waiting. */
const BUSY_TIMEOUT_MS = 10;
/** How long a write waits for its turn in the queue and for other processes that write, such as the seed. */
const LOCK_WAIT_MS_MAX = 5000;

/** Pragmas of each connection. `synchronous` is FULL, because an acknowledged write must survive a power cut. */
const PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
const READ_ONLY_PRAGMAS = `${PRAGMAS} PRAGMA query_only = ON;`;
/**
 * On the connection of `transact`, `synchronous` is NORMAL: a commit only writes to the write-ahead log. `LogFlush` flushes the
 * log to the disk, off the main thread, before the commit is acknowledged. With FULL the whole process would wait for the disk
 * at each commit (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
const TRANSACT_PRAGMAS = `${PRAGMAS} PRAGMA synchronous = NORMAL;`;

const BATCH_SIZE_MAX = 64;

/** A `transact` call that waits for its turn, and the callbacks of its promise. */
interface Job {
  fn: (tx: Transaction) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * Opens four connections: a writing and a read-only one for statements, and another two for Prisma. All writes go through one
 * queue, because SQLite has one write lock: a transaction begins after the last one is committed. `transact` calls of one turn
 * of the event loop share a transaction. Each has its own savepoint, so it can be rolled back alone.
 */
export function openSqlite(url: string): Connections {
  const reader = new DriverConnection(url, READ_ONLY_PRAGMAS);
  const writer = new DriverConnection(url, TRANSACT_PRAGMAS);
  const flush = new LogFlush(`${fileOf(url)}-wal`);
  const prismaReader = new PrismaClient({ adapter: adapterOf(url, READ_ONLY_PRAGMAS) });
  let prismaConnection: PrismaConnection | undefined;
  const adapter = adapterOf(url, PRAGMAS, (opened) => {
    prismaConnection = opened;
  });
  const prismaWriter = new PrismaClient({ adapter, transactionOptions: TRANSACTION_OPTIONS });

  let jobs: Job[] = [];
  /** Settles when all work that was queued so far has ended. */
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  function enqueue<Value>(work: (giveUpAt: number) => Promise<Value>): Promise<Value> {
    const giveUpAt = performance.now() + LOCK_WAIT_MS_MAX;
    waiting += 1;
    const ended = last.then(() => work(giveUpAt)).finally(() => (waiting -= 1));
    last = ended.catch(() => undefined);
    return ended;
  }

  async function runJobs(giveUpAt: number): Promise<void> {
    // Waits for other requests of this turn of the event loop to reach their writes and join this batch.
    await setImmediate();
    const batch = jobs.slice(0, BATCH_SIZE_MAX);
    jobs = jobs.slice(BATCH_SIZE_MAX);
    if (jobs.length > 0) void enqueue(runJobs);
    const rejectAll = (error: unknown) => {
      for (const { reject } of batch) reject(error);
    };
    try {
      const answers = await retryWhileBusy(() => runBatch(writer, batch), giveUpAt);
      // The calls of this batch settle after this flush. The next batch doesn't wait for it, and settles after a later flush.
      flush.run().then(() => {
        for (const answer of answers) answer();
      }, rejectAll);
    } catch (error) {
      rejectAll(error);
    }
  }

  async function beginInPrisma<Value>(fn: (tx: Writer) => Promise<Value>): Promise<Value> {
    return prismaWriter.$transaction(async (tx) => {
      if (!prismaConnection) throw new Error("a transaction has begun on no connection");
      // A transaction that begins with a read fails at its first write if another process wrote in between. This update of no row
      // takes SQLite's write lock at the start.
      await prismaConnection.executeScript('UPDATE "User" SET "id" = "id" WHERE 0');
      return runThroughPrisma(tx, ({ sqlite }) => sqlite, fn);
    });
  }

  const both = { prisma: prismaReader, statements: reader };
  return {
    primary: both,
    replica: both,
    // The named locks are not needed: SQLite runs all writes one after the other.
    transact: (fn) =>
      new Promise((resolve, reject) => {
        jobs.push({ fn, resolve, reject });
        if (jobs.length === 1) void enqueue(runJobs);
      }),
    write: (fn) => enqueue((giveUpAt) => retryWhileBusy(() => withDeadline(beginInPrisma(fn)), giveUpAt)),
    pools: () => ({
      writer: {
        busy: Math.min(1, waiting),
        idle: Number(waiting === 0),
        waiting: Math.max(0, waiting - 1) + jobs.length,
      },
    }),
  };
}

/** Runs the jobs in one transaction. Returns for each job a callback that settles its promise, to be called after the flush. */
async function runBatch(connection: DriverConnection, batch: Job[]): Promise<(() => void)[]> {
  const answers: (() => void)[] = [];
  connection.run(BEGIN);
  try {
    for (const { fn, resolve, reject } of batch) {
      connection.run(SAVEPOINT);
      try {
        const value = await fn(connection);
        answers.push(() => resolve(value as never));
      } catch (error) {
        // SQLite itself has rolled back the transaction, as it does when the disk is full: all jobs of the batch fail.
        if (!connection.inTransaction) throw error;
        connection.run(ROLLBACK_TO);
        answers.push(() => reject(error));
      }
      connection.run(RELEASE);
    }
    connection.run(COMMIT);
  } catch (error) {
    if (connection.inTransaction) connection.run(ROLLBACK);
    throw error;
  }
  return answers;
}

/**
 * Flushes SQLite's write-ahead log to the disk, one flush at a time. All commits that come during a flush share the next flush,
 * because a disk takes as long for one commit as for many.
 */
export class LogFlush {
  readonly #file: string;
  readonly #flushFile: (descriptor: number) => Promise<void>;
  #opened: Promise<number> | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(file: string, flushFile = promisify(fdatasync)) {
    this.#file = file;
    this.#flushFile = flushFile;
  }

  /** Resolves when all that was written to the log before this call is on the disk; rejects with the disk's error. */
  run(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(async () => {
        this.#running = this.#next ?? Promise.resolve();
        this.#next = undefined;
        await this.#flush();
      });
    return this.#next;
  }

  async #flush(): Promise<void> {
    try {
      // The file stays open between flushes: SQLite keeps the same log file while a connection to the database is open.
      this.#opened ??= promisify(open)(this.#file, "r+");
      await this.#flushFile(await this.#opened);
    } catch (error) {
      this.#opened = undefined;
      throw asDatabaseError(error);
    }
  }
}

const fileOf = (url: string) => url.replace(/^file:/, "");

const command = (text: string) => ({ sqlite: { text, names: [] }, row: {} });
const BEGIN = command("BEGIN IMMEDIATE");
const COMMIT = command("COMMIT");
const ROLLBACK = command("ROLLBACK");
const SAVEPOINT = command("SAVEPOINT job");
const RELEASE = command("RELEASE job");
const ROLLBACK_TO = command("ROLLBACK TO job");

type SqliteStatement = Pick<Statement<never, never>, "sqlite" | "row">;

/** A prepared statement, the order of its parameters, and the columns whose values have to be converted. */
interface Prepared {
  statement: Database.Statement;
  names: readonly string[];
  times: readonly string[];
  booleans: readonly string[];
}

/** A connection of the driver, without Prisma. It is opened at its first statement and prepares each statement once. */
class DriverConnection implements Transaction {
  readonly #file: string;
  readonly #pragmas: string;
  readonly #prepared = new WeakMap<SqliteStatement, Prepared>();
  #database: Database.Database | undefined;

  constructor(url: string, pragmas: string) {
    this.#file = fileOf(url);
    this.#pragmas = pragmas;
  }

  get inTransaction(): boolean {
    return this.#database?.inTransaction ?? false;
  }

  all<Params, Row>(statement: Statement<Params, Row>, params: Params): Row[] {
    const prepared = this.#prepare(statement);
    const rows = prepared.statement.all(...valuesOf(prepared, params)) as Row[];
    for (const row of rows) decode(prepared, row);
    return rows;
  }

  get<Params, Row>(statement: Statement<Params, Row>, params: Params): Row | undefined {
    const prepared = this.#prepare(statement);
    const row = prepared.statement.get(...valuesOf(prepared, params)) as Row | undefined;
    if (row) decode(prepared, row);
    return row;
  }

  run<Params>(statement: SqliteStatement, params?: Params): number {
    const prepared = this.#prepare(statement);
    return prepared.statement.run(...valuesOf(prepared, params)).changes;
  }

  queue<Params>(statement: SqliteStatement, params: Params): void {
    this.run(statement, params);
  }

  #prepare(asked: SqliteStatement): Prepared {
    const known = this.#prepared.get(asked);
    if (known) return known;
    const { sqlite, row } = asked;
    const columnsOf = (kind: string) => Object.keys(row).filter((name) => row[name]?.startsWith(kind));
    const statement = this.#open().prepare(sqlite.text);
    const { names } = sqlite;
    const prepared = { statement, names, times: columnsOf("time"), booleans: columnsOf("boolean") };
    this.#prepared.set(asked, prepared);
    return prepared;
  }

  #open(): Database.Database {
    this.#database ??= new Database(this.#file, { timeout: BUSY_TIMEOUT_MS }).exec(this.#pragmas);
    return this.#database;
  }
}

/** Times are stored as text in Prisma's format, whose alphabetical order is the order of time. */
function valuesOf({ names }: Prepared, params: unknown): unknown[] {
  return namedValues(names, params).map((value) => {
    if (value instanceof Date) return `${value.toISOString().slice(0, -1)}+00:00`;
    return typeof value === "boolean" ? Number(value) : value;
  });
}

function decode({ times, booleans }: Prepared, row: unknown): void {
  const columns = row as Record<string, unknown>;
  for (const name of times) columns[name] = columns[name] === null ? null : new Date(columns[name] as string);
  for (const name of booleans) columns[name] = columns[name] === null ? null : columns[name] === 1;
}

type PrismaConnection = Awaited<ReturnType<PrismaBetterSqlite3["connect"]>>;

function adapterOf(
  url: string,
  pragmas: string,
  onConnect: (connection: PrismaConnection) => void = () => undefined,
): PrismaBetterSqlite3 {
  const factory = new PrismaBetterSqlite3({ url, timeout: BUSY_TIMEOUT_MS });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    await connection.executeScript(pragmas);
    onConnect(connection);
    return connection;
  };
  return factory;
}
