import { setTimeout as sleep } from "node:timers/promises";
import { isBusy, TransactionTimeout } from "./errors";
import type { Prisma, PrismaClient } from "./generated/sqlite/client";

/** Prisma's client: one type for both databases, whose generated clients have the same shape. */
export type Client = PrismaClient;

/** A client inside a transaction. */
export type Writer = Prisma.TransactionClient;

/** Some connections, and how many wait for one. */
export interface Pool {
  busy: number;
  idle: number;
  waiting: number;
}

/** What is different in the two databases: `lib/db/database.ts` has what is the same. */
export interface Connections {
  /** Reads what is committed, the last write included. */
  primary: Client;
  /** Reads what was committed some time ago, where there is a replica. */
  replica: Client;
  /**
   * Runs `fn` in one transaction that others can't disturb, beginning it again while somebody else has what it needs; then
   * it throws what `isBusy` knows. Those of one `turn` go one at a time through the whole system.
   */
  transact: <Value>(fn: (tx: Writer) => Promise<Value>, turn?: number | null) => Promise<Value>;
  /** How things are with the connections, by their pools' names. */
  pools: () => Record<string, Pool>;
}

const TRANSACTION_MS_MAX = 8000;
/** Later than Prisma's own end of a transaction, so that no commit is reported as failed. */
const DEADLINE_MS = TRANSACTION_MS_MAX + 1000;

/** How long Prisma waits for a connection to begin a transaction on, and for the transaction to end. */
export const TRANSACTION_OPTIONS = { maxWait: 3000, timeout: TRANSACTION_MS_MAX };

/** Prisma undoes a transaction that takes too long, but waits for its function for ever; nobody else must. */
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
export async function retryWhileBusy<Value>(attempt: () => Promise<Value>, giveUpAt: number): Promise<Value> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || retries === RETRIES_MAX || performance.now() > giveUpAt) throw error;
    }
    await sleep(Math.random() * Math.min(RETRY_AFTER_MS_MAX, RETRY_AFTER_MS * 2 ** retries));
  }
}
