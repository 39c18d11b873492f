import { PrismaClientKnownRequestError } from "@prisma/client/runtime/client";

/** SQLite's and PostgreSQL's codes for a violated unique constraint or primary key. */
const NOT_UNIQUE_ERROR_CODE_PATTERN = /^(SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)|23505)$/;

/** Whether `error` says that a row with the same unique value exists already. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof PrismaClientKnownRequestError && error.code === "P2002") return true;
  return NOT_UNIQUE_ERROR_CODE_PATTERN.test(causeOf(error).originalCode ?? "");
}

/**
 * SQLite's and PostgreSQL's codes for a lock held by another transaction, a serialisation conflict, a deadlock and a server
 * without a free connection; and for a named statement that is missing or exists already, because a pooler has switched the
 * connection.
 */
const BUSY_ERROR_CODE_PATTERN = /^(SQLITE_BUSY|SQLITE_LOCKED|40001|40P01|55P03|53300|42P05|26000)/;

/** Whether a transaction failed because of another transaction or a pooler, so that running it again may succeed. */
export function isBusy(error: unknown): boolean {
  return BUSY_ERROR_CODE_PATTERN.test(causeOf(error).originalCode ?? "");
}

/**
 * SQLite's and PostgreSQL's codes for a disk that is full, broken, missing or read-only; for a lost connection and missing
 * resources; and for a server that shuts down, is on standby or refuses our credentials.
 */
const AWAY_ERROR_CODE_PATTERN = /^(SQLITE_(FULL|IOERR|CANTOPEN|READONLY|NOMEM)|08|25006|28|53|57014|57P|58)/;
/** The messages of pg's errors without a code: it could not connect, or got no answer in time. */
const PG_AWAY_MESSAGE_PATTERN =
  /^(Connection terminated|timeout e(xpired|xceeded)|Query read timeout|Client (has encountered|was closed))/;
/** The kinds of errors that Prisma's adapters report without a code: no server, a lost connection, refused credentials. */
const AWAY_ERROR_KIND_PATTERN =
  /^(DatabaseNotReachable|ConnectionClosed|SocketTimeout|TlsConnectionError|DatabaseAccessDenied|AuthenticationFailed)$/;
/** Prisma's P1… are errors of connecting (P2… are errors of a query); P2028 is a transaction that took too long. */
const PRISMA_AWAY_ERROR_CODE_PATTERN = /^(P1|P2028)/;

/** A transaction was given up because it waited too long, for its lock or for the database. */
export class TransactionTimeout extends Error {
  override name = "TransactionTimeout";
}

/** The database's server could not be reached, or the connection was lost during a query. */
class DatabaseUnreachable extends Error {
  override name = "DatabaseUnreachable";
}

/** Names of error classes. Each bundle of Next.js has its own copy of the classes, so `instanceof` would fail. */
const AWAY_ERROR_NAME_PATTERN = /^(TransactionTimeout|DatabaseUnreachable|PrismaClientInitializationError)$/;

/** Wraps a driver's error about the connection or the system in `DatabaseUnreachable`. Returns other errors unchanged. */
export function asDatabaseError(error: unknown): unknown {
  const isConnectionError =
    error instanceof AggregateError ||
    (error instanceof Error && (PG_AWAY_MESSAGE_PATTERN.test(error.message) || "syscall" in error)) ||
    (error as { code?: string }).code?.startsWith("ERR_");
  return isConnectionError ? new DatabaseUnreachable((error as Error).message, { cause: error }) : error;
}

/** Whether the database could not be reached, or was locked for too long: the caller answers 503, and a later attempt may succeed. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (AWAY_ERROR_NAME_PATTERN.test(error.name) || isBusy(error)) return true;
  if (error instanceof PrismaClientKnownRequestError && PRISMA_AWAY_ERROR_CODE_PATTERN.test(error.code)) return true;
  const { originalCode = "", kind = "" } = causeOf(error);
  return (
    AWAY_ERROR_CODE_PATTERN.test(originalCode) ||
    AWAY_ERROR_KIND_PATTERN.test(kind) ||
    PG_AWAY_MESSAGE_PATTERN.test(error.message)
  );
}

/** Returns the database's code of an error (from the driver or from Prisma's adapter), and the adapter's name for its kind. */
function causeOf(error: unknown): { originalCode?: string; kind?: string } {
  // An error of better-sqlite3, or one of pg that the server answered.
  const isDriverError = error instanceof Error && /^(SqliteError|error)$/.test(error.name) && "code" in error;
  if (isDriverError) return { originalCode: String(error.code) };
  const adapterError = error instanceof PrismaClientKnownRequestError ? error.meta?.driverAdapterError : error;
  return (adapterError as { cause?: object } | undefined)?.cause ?? {};
}
