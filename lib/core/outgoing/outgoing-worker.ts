import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isDatabaseAway, readPrimary, type Statement, transact } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { type PostWebhook, postWebhook, type WebhookAnswer, type WebhookRequest } from "@/lib/senders/webhooks";
import type { LeaseStatements } from "./leases";

/** How long a worker that ends waits for attempts that it has aborted. */
const ABORTED_MS_MAX = 1000;

export interface WorkerOptions {
  post?: PostWebhook;
  /** The clock by which rows are due and leased; by default the database's, because the clocks of servers differ. */
  clock?: () => Date;
  /** The clock of this server. */
  serverClock?: () => Date;
}

/** A row that a worker has leased. */
export type Lease<Receiver, Row> = Row & { receiver: Receiver; leaseUntil: Date };

/** The outcome of an attempt. `fault` is null after a success. */
export interface Outcome<Leased, Fault = never> {
  lease: Leased;
  at: Date;
  durationMs: number;
  answer: Omit<WebhookAnswer, "fault"> & { fault: WebhookAnswer["fault"] | Fault };
}

/** The result of a round: `more` rows may be due already, receivers are `waiting` for rows to come, or there is nothing to do (`idle`). */
export type Round = "more" | "waiting" | "idle";

/**
 * Sends rows of one kind to their receivers, such as webhooks, by requests that are tried again. Any number of processes may run workers;
 * each row is leased to one of them. A receiver may get a row twice, after a crash for example. `Fault` names why a row is not sent at all.
 */
export abstract class OutgoingWorker<
  Receiver extends { id: string },
  Row extends { id: string | number },
  Leased extends Lease<Receiver, Row> = Lease<Receiver, Row>,
  Fault extends string = never,
> {
  protected abstract readonly statements: LeaseStatements<Row>;
  /** How long a worker may keep a row. After a crash other processes wait as long. */
  protected abstract readonly leaseMs: number;

  protected readonly id = crypto.randomUUID();
  /** The ids of the rows that are leased to this worker, until their attempts have ended. */
  protected readonly leased = new Set<Row["id"]>();
  readonly #post: PostWebhook;
  readonly #clock: (() => Date) | undefined;
  readonly #serverClock: () => Date;
  /** By how much the database's clock is ahead of this server's, as the last round found it. */
  #aheadMs = 0;
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** How many attempts run for each receiver, with those that may begin when their rows are leased. */
  readonly #countByReceiver = new Map<string, number>();
  readonly #told = new Set<string>();
  #isStopping = false;

  constructor({ post = postWebhook, clock, serverClock = () => new Date() }: WorkerOptions = {}) {
    this.#post = post;
    this.#clock = clock;
    this.#serverClock = serverClock;
    // Each attempt under way listens. Node.js would take more than ten listeners for a leak.
    setMaxListeners(0, this.#abort.signal);
  }

  /** Leases what is due and begins attempts, without waiting for them. */
  abstract round(): Promise<Round>;

  /** Makes the request of an attempt. */
  protected abstract makeRequest(lease: Leased, at: Date): WebhookRequest | Fault | Promise<WebhookRequest>;

  /** Stores the outcome of an attempt. If it fails, the lease ends and the row is sent again. */
  protected abstract keep(outcome: Outcome<Leased, Fault>): void | Promise<void>;

  /** Begins the next attempts for a receiver when one has ended. */
  protected abstract goOn(outcome: Outcome<Leased, Fault>): void | Promise<void>;

  /** Returns the time by which rows are due and leased. */
  protected now(): Date {
    return this.#clock?.() ?? new Date(this.#serverClock().getTime() + this.#aheadMs);
  }

  /** Lists the receivers that have work by the worker's clock, and learns from the column `now` how far the database's clock is ahead. */
  protected async list<Listed extends { now: Date }>(what: Statement<{ now: Date | null }, Listed>): Promise<Listed[]> {
    const askedAt = this.#serverClock().getTime();
    const listed = await readPrimary.all(what, { now: this.#clock?.() ?? null });
    const [first] = listed;
    if (first) this.#aheadMs = first.now.getTime() - (askedAt + this.#serverClock().getTime()) / 2;
    return listed;
  }

  /** Leases due rows in one transaction, up to a number for each receiver. Leases none when the worker ends. */
  protected async lease(asked: { receiver: Receiver; limit: number }[]): Promise<Lease<Receiver, Row>[]> {
    const able = asked.filter(({ limit }) => limit > 0);
    if (able.length === 0 || this.#isStopping) return [];
    const now = this.now();
    const leaseUntil = new Date(now.getTime() + this.leaseMs);
    const leased = await transact(async (tx) => {
      const leases: Lease<Receiver, Row>[] = [];
      for (const { receiver, limit } of able) {
        const due = { receiverId: receiver.id, now, limit, worker: this.id, until: leaseUntil };
        for (const row of await tx.all(this.statements.leaseDue, due)) leases.push({ ...row, receiver, leaseUntil });
      }
      return leases;
    });
    for (const { id } of leased) this.leased.add(id);
    return leased;
  }

  /** Ends leases, so that other processes send the rows. */
  protected async giveBack(ids: Row["id"][]): Promise<void> {
    if (ids.length === 0) return;
    const given = { ids: JSON.stringify(ids), worker: this.id, dueAt: this.now() };
    await transact(async (tx) => tx.run(this.statements.giveBack, given));
    for (const id of ids) this.leased.delete(id);
  }

  /** Returns how many attempts run for a receiver. */
  protected countOf(receiverId: string): number {
    return this.#countByReceiver.get(receiverId) ?? 0;
  }

  protected count(receiverId: string, by: number): void {
    const count = this.countOf(receiverId) + by;
    if (count === 0) this.#countByReceiver.delete(receiverId);
    else this.#countByReceiver.set(receiverId, count);
  }

  /** Begins an attempt, unless the worker ends. */
  protected begin(lease: Leased): void {
    if (this.#isStopping) return;
    const { id } = lease.receiver;
    this.count(id, 1);
    const run = async () => {
      const outcome = await this.#attempt(lease).finally(() => this.count(id, -1));
      if (outcome) await this.goOn(outcome);
    };
    const tell = (error: unknown) => {
      if (!isDatabaseAway(error)) logError(error, "a task in the background failed");
    };
    const running = run()
      .catch(tell)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Makes an attempt, and stores and returns its outcome. Returns null if it was aborted. */
  async #attempt(lease: Leased): Promise<Outcome<Leased, Fault> | null> {
    const at = this.now();
    const startedAt = performance.now();
    const made = await this.makeRequest(lease, at);
    const sending: Promise<Outcome<Leased, Fault>["answer"]> =
      typeof made === "string"
        ? Promise.resolve({ status: null, fault: made, retryAfter: null, body: null })
        : this.#post(made, this.#abort.signal);
    const answer = await sending.catch((error: unknown) => {
      if (this.#abort.signal.aborted) return null;
      throw error;
    });
    if (!answer) return null;
    const outcome = { lease, at, durationMs: Math.round(performance.now() - startedAt), answer };
    await this.keep(outcome);
    this.leased.delete(lease.id);
    return outcome;
  }

  /** Calls `tell` when the thing that `what` names becomes wrong, and not again until it has been right. */
  protected tellOnce(what: string, isWrong: boolean, tell: () => void): void {
    if (isWrong && !this.#told.has(what)) tell();
    if (isWrong) this.#told.add(what);
    else this.#told.delete(what);
  }

  /** Runs rounds until nothing is due now, or until `signal` is aborted, and gives back what it still has leased. */
  async runUntilIdle(signal?: AbortSignal): Promise<void> {
    try {
      // Checked before a round, because `stop` would abort the attempts that the round begins, and their receivers could get the rows twice.
      while (!signal?.aborted) {
        const wasIdle = this.#running.size === 0;
        const isMore = (await this.round()) === "more";
        if (wasIdle && !isMore && this.#running.size === 0) return;
        await this.#waitForAttempts(isMore ? 10 : 200);
      }
    } finally {
      await this.stop(0);
    }
  }

  /**
   * Ends the work: no more attempts begin, those under way have `graceMs` to end, and all that is leased is given back, so that other
   * processes send it. An attempt that is aborted may have reached its receiver, which gets the row again. Its outcome is
   * not stored: it is unknown, and the end of a server is no failure of the receiver.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#waitForAttempts(graceMs);
    this.#abort.abort();
    await this.#waitForAttempts(ABORTED_MS_MAX);
    await this.giveBack([...this.leased]);
  }

  /** Resolves when no attempt is under way, or after `ms`. */
  async #waitForAttempts(ms: number): Promise<void> {
    if (this.#running.size === 0) return;
    const timer = new AbortController();
    await Promise.race([Promise.all(this.#running), sleep(ms, undefined, timer).catch(() => undefined)]);
    timer.abort();
  }
}
