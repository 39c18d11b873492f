import { Prisma } from "./generated/sqlite/client";

/** The databases' own codes of a row that is refused because one with the same unique value is there. */
const NOT_UNIQUE = /^(SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)|23505)$/;

/** Whether `error` is a row refused because one with the same unique value is there. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002") return true;
  return NOT_UNIQUE.test(causeOf(error).originalCode ?? "");
}

/**
 * SQLite's and PostgreSQL's own codes: a lock that another transaction has, a conflict, a deadlock, no connection free; and a
 * prepared statement that a pooler has given to another connection.
 */
const BUSY = /^(SQLITE_BUSY|SQLITE_LOCKED|40001|40P01|55P03|53300|42P05|26000)/;

/** Whether another transaction had what was needed, or undid what was done: the same again may well succeed. */
export function isBusy(error: unknown): boolean {
  return BUSY.test(causeOf(error).originalCode ?? "");
}

/**
 * SQLite's and PostgreSQL's own codes: a disk that is full, broken, gone or read-only; a connection lost, no resources, a
 * server that shuts down or stands by, one that lets us in no more.
 */
const AWAY = /^(SQLITE_(FULL|IOERR|CANTOPEN|READONLY|NOMEM)|08|25006|28|53|57014|57P|58)/;
/** pg's own words where it has no code: it could not connect, or waited in vain for an answer. */
const PG_AWAY =
  /^(Connection terminated|timeout e(xpired|xceeded)|Query read timeout|Client (has encountered|was closed))/;
/** The adapters' names for what has no code: no server there, none any more, or one that does not let us in. */
const KINDS_AWAY =
  /^(DatabaseNotReachable|ConnectionClosed|SocketTimeout|TlsConnectionError|DatabaseAccessDenied|AuthenticationFailed)$/;
/** P1…: Prisma's errors of reaching a database, as against P2… of asking it; P2028 is a transaction that took too long. */
const PRISMA_AWAY = /^(P1|P2028)/;

/** A transaction that had to be given up, because what it waited for didn't come. */
export class TransactionTimeout extends Error {
  override name = "TransactionTimeout";
}

/** The database's server could not be reached, or was lost while it was asked. */
class DatabaseUnreachable extends Error {
  override name = "DatabaseUnreachable";
}

/** These and the drivers' errors are told by their names, because the bundles of one process each have classes of their own. */
const NAMES_AWAY = /^(TransactionTimeout|DatabaseUnreachable|PrismaClientInitializationError)$/;

/** An error of a driver or a disk as it is thrown on: one of the system, which has no code of the database's, is told from others. */
export function asDatabaseError(error: unknown): unknown {
  const isOfConnection =
    error instanceof AggregateError ||
    (error instanceof Error && (PG_AWAY.test(error.message) || "syscall" in error)) ||
    (error as { code?: string }).code?.startsWith("ERR_");
  return isOfConnection ? new DatabaseUnreachable((error as Error).message, { cause: error }) : error;
}

/** Whether the database could not be asked at all, or kept the lock of another transaction for too long: time will tell. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (NAMES_AWAY.test(error.name)) return true;
  if (error instanceof Prisma.PrismaClientKnownRequestError && PRISMA_AWAY.test(error.code)) return true;
  const { originalCode = "", kind = "" } = causeOf(error);
  return isBusy(error) || AWAY.test(originalCode) || KINDS_AWAY.test(kind) || PG_AWAY.test(error.message);
}

/** What the driver, or its adapter to Prisma, says of a refusal: the database's own code, and the adapter's name for it. */
function causeOf(error: unknown): { originalCode?: string; kind?: string } {
  if (isDriverError(error)) return { originalCode: error.code };
  const adapterError = error instanceof Prisma.PrismaClientKnownRequestError ? error.meta?.driverAdapterError : error;
  return (adapterError as { cause?: object } | undefined)?.cause ?? {};
}

/** better-sqlite3's errors, and pg's of what the server answers. */
function isDriverError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && /^(SqliteError|error)$/.test(error.name) && "code" in error;
}
