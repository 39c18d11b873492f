import { setTimeout as sleep } from "node:timers/promises";
import { isBusy, TransactionTimeout } from "./errors";
import { Prisma, type PrismaClient } from "./generated/sqlite/client";
import { type Kinds, namedValues, type Queries, type Soon, type Statement, type Transaction } from "./statement";

/** Prisma's client: one type for both databases, whose generated clients have the same shape. */
export type Client = PrismaClient;

export type Model = Uncapitalize<Prisma.ModelName>;
export const MODELS = Object.values(Prisma.ModelName).map(
  (name) => (name.charAt(0).toLowerCase() + name.slice(1)) as Model,
);

/** What Prisma offers inside a transaction, and the statements besides. */
export type Writer = Pick<Prisma.TransactionClient, Model | "$queryRaw" | "$executeRaw"> & Transaction;

/** Some connections, and how many wait for one. */
export interface Pool {
  busy: number;
  idle: number;
  waiting: number;
}

/** What is different in the two databases: `lib/db/database.ts` has what is the same. */
export interface Connections {
  /** Reads what is committed, the last write included. */
  primary: { prisma: Client; statements: Queries };
  /** Reads what was committed some time ago, where there is a replica. */
  replica: { prisma: Client; statements: Queries };
  /**
   * Runs `fn`, which does nothing but run statements, in one transaction that others can't disturb, beginning it again while
   * another transaction has what it needs; then it throws what `isBusy` knows. Those that take one `lock` go one at a time through the
   * whole system.
   */
  transact: <Value>(fn: (tx: Transaction) => Promise<Value>, lock?: number | null) => Promise<Value>;
  /** The same with what Prisma offers. */
  write: <Value>(fn: (tx: Writer) => Promise<Value>, lock?: number | null) => Promise<Value>;
  /** How things are with the connections, by their pools' names. */
  pools: () => Record<string, Pool>;
}

type TextOf = (statement: Statement<never, unknown>) => { text: string; names: readonly string[] };

/**
 * Runs `fn` with what a transaction of Prisma's offers, and with the statements through it, in the text that `textOf` knows. The
 * statements run one after the other, in their order; all that were queued have ended when this settles.
 */
export async function runThroughPrisma<Value>(
  prisma: Prisma.TransactionClient,
  textOf: TextOf,
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
  const models = Object.fromEntries(MODELS.map((name) => [name, prisma[name]]));
  const $queryRaw = prisma.$queryRaw.bind(prisma);
  const $executeRaw = prisma.$executeRaw.bind(prisma);
  const value = await fn({ ...models, $queryRaw, $executeRaw, all, get, run, queue } as unknown as Writer);
  await last;
  return value;
}

/** Prisma answers some numbers as bigint, and SQLite's truth values as numbers where they come from no column. */
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
/** Later than Prisma's own end of a transaction, so that no commit is reported as failed. */
const DEADLINE_MS = TRANSACTION_MS_MAX + 1000;

/** How long Prisma waits for a connection to begin a transaction on, and for the transaction to end. */
export const TRANSACTION_OPTIONS = { maxWait: 3000, timeout: TRANSACTION_MS_MAX };

/** Prisma undoes a transaction that takes too long, but waits for its function for ever; other requests must not. */
export async function withDeadline<Value>(transaction: Promise<Value>): Promise<Value> {
  const ended = new AbortController();
  const deadline = sleep(DEADLINE_MS, undefined, { ref: false, signal: ended.signal }).then(() => {
    throw new TransactionTimeout(`a write did not end within ${DEADLINE_MS} ms`);
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
 * Runs `attempt` again while it throws what `isBusy` knows: `RETRIES_MAX` times and no longer than until `giveUpAt`, by
 * `performance.now()`. The pauses double, and their lengths are drawn, so that those who met once don't meet again.
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
