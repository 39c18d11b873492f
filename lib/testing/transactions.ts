import { createRequire } from "node:module";
import { setImmediate as nextTurn } from "node:timers/promises";
import { backgroundTasks } from "@/lib/core/background";
import { write } from "@/lib/db/database";
import type { Batch } from "@/lib/db/postgresql-batch";
import { env, isPostgresUrl } from "@/lib/env";
import { perProcess } from "@/lib/per-process";

// Through `require`, which returns the same classes that Prisma's adapters use.
const require = createRequire(import.meta.url);

/**
 * Runs `work` and returns the SQL of all statements in their order, prepared ones and Prisma's, including BEGIN, COMMIT and the like.
 */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const kept: (() => void)[] = [];
  const listen = (
    driver: Record<string, unknown>,
    method: string,
    textsOf: (self: never, query: never) => string[],
  ) => {
    const original = driver[method] as (...args: unknown[]) => unknown;
    driver[method] = function (this: never, ...args: unknown[]) {
      statements.push(...textsOf(this, args[0] as never));
      return original.apply(this, args);
    };
    kept.push(() => (driver[method] = original));
  };
  if (isPostgresUrl(env.DATABASE_URL)) {
    const textsOf = (_: never, query: string | { text: string } | Batch) => {
      if (typeof query === "string") return [query];
      return "texts" in query ? query.texts : [query.text];
    };
    listen(require("pg").Client.prototype, "query", textsOf);
  } else {
    const prototype = Object.getPrototypeOf(new (require("better-sqlite3"))(":memory:").prepare("SELECT 1"));
    const textsOf = (self: { source: string }) => [self.source];
    for (const method of ["all", "get", "run"]) listen(prototype, method, textsOf);
  }
  try {
    await work();
  } finally {
    for (const restore of kept) restore();
  }
  return statements;
}

/**
 * Waits for all background tasks, then runs `work` while requests start no regular work (see `isTimeToSweep`). Some of that work is due
 * once a minute, so that it would be counted in a test that takes long.
 */
async function withoutRegularWork<Value>(work: () => Promise<Value>): Promise<Value> {
  const sweepTimes = perProcess<Map<string, number>>("sweep times", missingState);
  // A last sweep in the future is never due again.
  sweepTimes.get = () => Number.POSITIVE_INFINITY;
  try {
    await backgroundTasks();
    return await work();
  } finally {
    Reflect.deleteProperty(sweepTimes, "get");
  }
}

/**
 * Runs `work` without regular work. Counts its statements, its transactions and, on PostgreSQL, its round trips. Statements that are
 * sent together share a round trip. SQLite has no round trips.
 */
export async function costOf(work: () => Promise<unknown>): Promise<{
  statements: number;
  transactions: number;
  roundTrips: number;
}> {
  let [roundTrips, underWay] = [0, 0];
  const counted = async () => {
    if (!isPostgresUrl(env.DATABASE_URL)) return work();
    const prototype = require("pg").Client.prototype;
    const { query } = prototype;
    prototype.query = function (...args: unknown[]) {
      if (underWay === 0) roundTrips += 1;
      underWay += 1;
      const end = () => {
        underWay -= 1;
      };
      const [batch] = args as [Partial<Batch>];
      if (batch.callback) {
        const { callback } = batch;
        batch.callback = (error) => {
          end();
          callback(error);
        };
        return query.apply(this, args);
      }
      // The pool passes a callback, so `query` returns no promise.
      const answer: Promise<unknown> | undefined = query.apply(this, args);
      answer ? answer.then(end, end) : setImmediate(end);
      return answer;
    };
    try {
      await work();
    } finally {
      prototype.query = query;
    }
  };
  const all = await withoutRegularWork(() => statementsOf(counted));
  const isOfTransaction = (text: string) => /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)/.test(text);
  const statements = all.filter((text) => !isOfTransaction(text)).length;
  return { statements, transactions: all.filter((text) => text.startsWith("BEGIN")).length, roundTrips };
}

/** For `perProcess` in a test, which reaches for state that a module must have made. */
export function missingState(): never {
  throw new Error("the state is kept under another name");
}

class RolledBackOnPurpose extends Error {}

type Begin = <Value>(fn: (tx: never) => Promise<Value>, lock?: number | null) => Promise<Value>;

/** Runs `work` while `write` and `transact` begin their transactions by what `wrap` returns. */
async function withBegin<Value>(wrap: (begin: Begin) => Begin, work: () => Promise<Value>): Promise<Value> {
  await write(async () => undefined);
  await backgroundTasks();
  const connections = perProcess<Record<"write" | "transact", Begin>>("database connections", missingState);
  const kept = { ...connections };
  connections.write = wrap(kept.write);
  connections.transact = wrap(kept.transact);
  try {
    return await work();
  } finally {
    Object.assign(connections, kept);
  }
}

/**
 * Runs `work` with each transaction rolled back once and run again, as after a deadlock. An effect of a transaction outside the
 * database then happens twice.
 */
export function withEachWriteRunAgain<Value>(work: () => Promise<Value>): Promise<Value> {
  const runTwice =
    (begin: Begin): Begin =>
    async (fn, lock) => {
      const undone = begin(async (tx) => {
        await fn(tx);
        throw new RolledBackOnPurpose();
      }, lock);
      await undone.catch((error) => {
        if (!(error instanceof RolledBackOnPurpose)) throw error;
      });
      return begin(fn, lock);
    };
  return withBegin(runTwice, work);
}

/** Thrown by a transaction that `withCrashAfter` rolls back. */
export class Crash extends Error {}

/**
 * Runs `work` without regular work, with the first `writes` transactions committed, and each later one rolled back at its end, as by
 * a crash.
 */
export function withCrashAfter<Value>(writes: number, work: () => Promise<Value>): Promise<Value> {
  let begun = 0;
  const crash =
    (begin: Begin): Begin =>
    (fn, lock) => {
      begun += 1;
      if (begun <= writes) return begin(fn, lock);
      return begin(async (tx) => {
        await fn(tx);
        throw new Crash();
      }, lock);
    };
  return withoutRegularWork(() => withBegin(crash, work));
}

/** Runs `work` while each transaction fails as with a database that is locked or away. */
export function withoutWrites<Value>(work: () => Promise<Value>): Promise<Value> {
  const away = () => Object.assign(new Error("a write did not end"), { name: "TransactionTimeout" });
  return withBegin(() => () => Promise.reject(away()), work);
}

/** Makes the next request begin to sweep, as if a minute had passed since the last sweep. */
export function makeSweepDue(): void {
  perProcess<Map<string, number>>("sweep times", missingState).delete("tables");
}

/** Whether a background task is still running. */
export function isBackgroundBusy(): Promise<boolean> {
  return Promise.race([backgroundTasks().then(() => false), nextTurn(true)]);
}
