import { setTimeout as sleep } from "node:timers/promises";
import { isBusy, TransactionTimeout } from "./errors";
import type { Prisma, PrismaClient } from "./generated/sqlite/client";
import { type Kinds, namedValues, type Queries, type Soon, type Statement, type Transaction } from "./statement";

/** Prisma's client. One type stands for both generated clients, of SQLite and PostgreSQL, because they have the same shape. */
export type Client = PrismaClient;

export type Model = Uncapitalize<Prisma.ModelName>;
const MODELS: Record<Model, true> = {
  user: true,
  activation: true,
  challenge: true,
  wrongCode: true,
  session: true,
  trustedBrowser: true,
  unconfirmedSignIn: true,
  delayedChange: true,
  delivery: true,
  hourlySum: true,
  dailySum: true,
  counter: true,
  administrator: true,
  testNumber: true,
  webhookAttempt: true,
  webhookDelivery: true,
  webhookEndpoint: true,
  importRun: true,
  importPart: true,
  signal: true,
  auditEvent: true,
  event: true,
  apiKey: true,
  idempotencyKey: true,
  signingKey: true,
  oAuthClient: true,
  oAuthConsent: true,
  authorizationCode: true,
  oAuthGrant: true,
  logoutNotice: true,
  mark: true,
};
export const MODEL_NAMES = Object.keys(MODELS) as Model[];

/** A transaction in which Prisma's models and prepared statements can be used. */
export type Writer = Pick<Prisma.TransactionClient, Model | "$queryRaw" | "$executeRaw"> & Transaction;

/** How many connections of a pool are busy and idle, and how many requests wait for one. */
export interface Pool {
  busy: number;
  idle: number;
  waiting: number;
}

/** The operations that SQLite and PostgreSQL implement in different ways; `lib/db/database.ts` has what both share. */
export interface Connections {
  /** Reads committed rows, including the last write. */
  primary: { prisma: Client; statements: Queries };
  /** Reads from the replica, which may lag behind; the same as `primary` where there is none. */
  replica: { prisma: Client; statements: Queries };
  /**
   * Runs `fn`, which only runs statements, in one transaction. Repeats it while it fails with an error that `isBusy`
   * recognises, and throws that error when the retries are used up. Transactions with the same `lock` run one after the other,
   * across all servers.
   */
  transact: <Value>(fn: (tx: Transaction) => Promise<Value>, lock?: number | null) => Promise<Value>;
  /** As `transact` without a lock, but `fn` can use Prisma's models as well. */
  write: <Value>(fn: (tx: Writer) => Promise<Value>) => Promise<Value>;
  pools: () => Record<string, Pool>;
}

type ChooseText = (statement: Statement<never, unknown>) => { text: string; names: readonly string[] };

/**
 * Runs `fn` inside a transaction of Prisma's, with its models and with statements, whose SQL `textOf` chooses for the database.
 * The statements run one after the other, in the order of their calls. Resolves after all queued statements.
 */
export async function runThroughPrisma<Value>(
  prisma: Prisma.TransactionClient,
  textOf: ChooseText,
  fn: (tx: Writer) => Promise<Value>,
): Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    const asked = last.then(ask);
    asked.catch(() => undefined);
    last = asked;
    return asked;
  };
  const all = (statement: Statement<never, unknown>, params: never) =>
    inOrder(async () => {
      const { text, names } = textOf(statement);
      const rows = await prisma.$queryRawUnsafe<Record<string, unknown>[]>(text, ...namedValues(names, params));
      return rows.map((row) => decode(row, statement.row));
    });
  const run = (statement: Statement<never, unknown>, params: never) =>
    inOrder(() => {
      const { text, names } = textOf(statement);
      return prisma.$executeRawUnsafe(text, ...namedValues(names, params));
    });
  const get = async (statement: Statement<never, unknown>, params: never) => (await all(statement, params))[0];
  const queue = (statement: Statement<never, unknown>, params: never) => void run(statement, params);
  const models = Object.fromEntries(MODEL_NAMES.map((name) => [name, prisma[name]]));
  const $queryRaw = prisma.$queryRaw.bind(prisma);
  const $executeRaw = prisma.$executeRaw.bind(prisma);
  const value = await fn({ ...models, $queryRaw, $executeRaw, all, get, run, queue } as unknown as Writer);
  await last;
  return value;
}

/** Converts a row of a raw query by Prisma, in which integers may be bigint, and booleans of SQLite are numbers. */
function decode(row: Record<string, unknown>, kinds: Kinds): Record<string, unknown> {
  const decoded = Object.entries(kinds).map(([name, kind]) => {
    const value = row[name];
    if (value === null) return [name, null];
    if (kind.startsWith("integer")) return [name, Number(value)];
    if (kind.startsWith("boolean")) return [name, Boolean(value)];
    return [name, kind.startsWith("time") ? new Date(value as string) : value];
  });
  return Object.fromEntries(decoded);
}

const TRANSACTION_MS_MAX = 8000;
/** Later than Prisma's own time-out, so that a transaction that was committed in time is never reported as failed. */
const TRANSACTION_DEADLINE_MS = TRANSACTION_MS_MAX + 1000;

/** Milliseconds that Prisma waits for a connection (`maxWait`) and for the end of a transaction (`timeout`). */
export const TRANSACTION_OPTIONS = { maxWait: 3000, timeout: TRANSACTION_MS_MAX };

/**
 * Throws a `TransactionTimeout` when the transaction hasn't ended within `TRANSACTION_DEADLINE_MS`. Prisma rolls back a
 * transaction that takes too long, but waits without limit for the function that runs in it.
 */
export async function withDeadline<Value>(transaction: Promise<Value>): Promise<Value> {
  const ended = new AbortController();
  const deadline = sleep(TRANSACTION_DEADLINE_MS, undefined, { ref: false, signal: ended.signal }).then(() => {
    throw new TransactionTimeout(`a write did not end within ${TRANSACTION_DEADLINE_MS} ms`);
  });
  try {
    return await Promise.race([transaction, deadline]);
  } finally {
    deadline.catch(() => undefined);
    ended.abort();
  }
}

const RETRIES_MAX = 20;
const RETRY_AFTER_MS = 10;
const RETRY_AFTER_MS_MAX = 500;

/**
 * Repeats `attempt` while it throws an error that `isBusy` recognises, up to `RETRIES_MAX` times and until `giveUpAt` (a time
 * of `performance.now()`); then throws that error. Random, growing pauses keep transactions from colliding again.
 */
export async function retryWhileBusy<Value>(attempt: () => Soon<Value>, giveUpAt: number): Promise<Value> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || retries === RETRIES_MAX || performance.now() > giveUpAt) throw error;
    }
    await sleep(Math.random() * Math.min(RETRY_AFTER_MS_MAX, RETRY_AFTER_MS * 2 ** retries));
  }
}
