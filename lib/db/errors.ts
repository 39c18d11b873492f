import { Prisma } from "./generated/sqlite/client";

/** Whether `error` is a row refused because one with the same unique value is there. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002";
}

/** SQLite's and PostgreSQL's own codes: a lock that is somebody else's, a conflict, a deadlock, no connection free. */
const BUSY = /^(SQLITE_BUSY|SQLITE_LOCKED|40001|40P01|55P03|53300)/;

/** Whether somebody else had what was needed, or undid what was done: the same again may well succeed. */
export function isBusy(error: unknown): boolean {
  return BUSY.test(causeOf(error).originalCode ?? "");
}

/**
 * SQLite's and PostgreSQL's own codes: a disk that is full, broken, gone or read-only; a connection lost, no resources, a
 * server that shuts down or stands by.
 */
const AWAY = /^(SQLITE_(FULL|IOERR|CANTOPEN|READONLY|NOMEM)|08|25006|53|57014|57P|58)/;
/** pg's own words where it has no code: it could not connect, or waited in vain for an answer. */
const PG_AWAY =
  /^(Connection terminated|timeout e(xpired|xceeded)|Query read timeout|Client (has encountered|was closed))/;
/** The adapters' names for what has no code: nobody there, nobody any more, or nobody who lets us in. */
const KINDS_AWAY =
  /^(DatabaseNotReachable|ConnectionClosed|SocketTimeout|TlsConnectionError|DatabaseAccessDenied|AuthenticationFailed)$/;
/** P1…: Prisma's errors of reaching a database, as against P2… of asking it; P2028 is a transaction that took too long. */
const PRISMA_AWAY = /^(P1|P2028)/;

/** A transaction that had to be given up, because whatever it waited for didn't come. */
export class TransactionTimeout extends Error {
  override name = "TransactionTimeout";
}

/** Whether the database could not be asked at all, or kept somebody else's lock for too long: time will tell. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof TransactionTimeout || error instanceof Prisma.PrismaClientInitializationError) return true;
  if (error instanceof Prisma.PrismaClientKnownRequestError && PRISMA_AWAY.test(error.code)) return true;
  const { originalCode = "", kind = "" } = causeOf(error);
  return isBusy(error) || AWAY.test(originalCode) || KINDS_AWAY.test(kind) || PG_AWAY.test(error.message);
}

/** What the adapter says of a refusal: the database's own code, and its name for it. */
function causeOf(error: unknown): { originalCode?: string; kind?: string } {
  const adapterError = error instanceof Prisma.PrismaClientKnownRequestError ? error.meta?.driverAdapterError : error;
  return (adapterError as { cause?: object } | undefined)?.cause ?? {};
}
