import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { SignJWT } from "jose";
import { runInBackground } from "@/lib/core/background";
import {
  LOGOUT_NOTICE_LEASE_MS,
  LOGOUT_NOTICE_WAITS_MS,
  LOGOUT_NOTICES_AT_ONCE,
  LOGOUT_TOKEN_TTL_MS,
} from "@/lib/core/policy";
import { type RowOf, readPrimary, statement, transact } from "@/lib/db/database";
import { log } from "@/lib/ops/log";
import { countLogoutNotice } from "@/lib/ops/metrics";
import { type PostWebhook, postWebhook, type WebhookFault } from "@/lib/senders/webhooks";
import { ISSUER } from "./authorization-request";
import { DUE_AT_ONCE } from "./logout-notices";
import { getSigningKey, SigningAlgorithm } from "./signing-keys";

const listWaiting = (databaseNow: string) => `
  SELECT "id", "backChannelLogoutUri" AS "uri", "signingAlgorithm", COALESCE(:now, ${databaseNow}) AS "now"
  FROM "OAuthClient"
  WHERE "backChannelLogoutUri" IS NOT NULL AND EXISTS (
    SELECT 1 FROM "LogoutNotice" WHERE "clientId" = "OAuthClient"."id" AND "dueAt" <= COALESCE(:now, ${databaseNow}))`;
/** Lists the applications for which notices are due, by the database's clock unless the caller names a time. */
const LIST_WAITING = statement({
  params: { now: "time?" },
  row: { id: "text", uri: "text", signingAlgorithm: "text", now: "time" },
  sql: {
    sqlite: listWaiting(`strftime('%Y-%m-%dT%H:%M:%f', 'now') || '+00:00'`),
    postgresql: listWaiting("CAST(statement_timestamp() AT TIME ZONE 'UTC' AS timestamp(3))"),
  },
});
/** An application for which notices were due, and when this process listed it, by its own clock (`performance.now`). */
type Listed = RowOf<typeof LIST_WAITING> & { listedAt: number };

const findDue = `
  SELECT "id" FROM "LogoutNotice" WHERE "clientId" = :clientId AND "dueAt" <= :now ORDER BY "dueAt", "id" LIMIT :limit`;
const leaseDue = (due: string) => `
  UPDATE "LogoutNotice" SET "worker" = :worker, "dueAt" = :until WHERE "id" ${due}
  RETURNING "id", "sub", "sid", "attempts"`;
/** Leases notices to a process. Skips those that another process is leasing now. */
const LEASE_DUE = statement({
  params: { clientId: "text", now: "time", limit: "integer", worker: "text", until: "time" },
  row: { id: "integer", sub: "text", sid: "text", attempts: "integer" },
  sql: {
    sqlite: leaseDue(`IN (${findDue})`),
    postgresql: leaseDue(`= ANY (ARRAY (${findDue} FOR UPDATE SKIP LOCKED))`),
  },
});
type Notice = RowOf<typeof LEASE_DUE>;

const REMOVE_NOTICE = statement({
  params: { id: "integer", worker: "text" },
  sql: `DELETE FROM "LogoutNotice" WHERE "id" = :id AND "worker" = :worker`,
});
const POSTPONE_NOTICE = statement({
  params: { id: "integer", worker: "text", dueAt: "time" },
  sql: `
    UPDATE "LogoutNotice" SET "attempts" = "attempts" + 1, "dueAt" = :dueAt, "worker" = NULL
    WHERE "id" = :id AND "worker" = :worker`,
});
const GIVE_BACK = statement({
  params: { id: "integer", worker: "text", dueAt: "time" },
  sql: `UPDATE "LogoutNotice" SET "dueAt" = :dueAt, "worker" = NULL WHERE "id" = :id AND "worker" = :worker`,
});

/** The type of a logout token, by which no service takes one for an ID token (Back-Channel Logout §2.4). */
const LOGOUT_TYPE = "logout+jwt";
const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

/**
 * Makes a logout token (Back-Channel Logout §2.4). Each attempt has its own, because an application may refuse a `jti` that it has seen,
 * also when its answer was lost.
 */
export async function signLogoutToken(
  { clientId, sub, sid, algorithm }: { clientId: string; sub: string; sid: string; algorithm: SigningAlgorithm },
  now = new Date(),
): Promise<string> {
  const key = await getSigningKey(algorithm, now);
  return new SignJWT({ sid, events: { [LOGOUT_EVENT]: {} } })
    .setProtectedHeader({ alg: key.algorithm, kid: key.id, typ: LOGOUT_TYPE })
    .setIssuer(ISSUER)
    .setSubject(sub)
    .setAudience(clientId)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(new Date(now.getTime() + LOGOUT_TOKEN_TTL_MS))
    .sign(key.privateKey);
}

export interface NoticeWorkerOptions {
  post?: PostWebhook;
  /** The clock that says which notices are due; null for the database's clock, because the clocks of servers differ. */
  clock?: (() => Date) | null;
}

/** How long a worker that ends waits for attempts that it has aborted. */
const ABORTED_MS_MAX = 1000;

/**
 * Sends the logout notices that are due to the back-channel addresses of their applications. Any number of processes may run workers; each
 * notice is leased to one of them. An application may get a notice twice, after a crash for example, and then has nothing left to do.
 */
export class LogoutNoticeWorker {
  readonly #id = randomUUID();
  readonly #post: PostWebhook;
  readonly #clock: (() => Date) | null;
  readonly #abort = new AbortController();
  /** The attempts under way, by the ids of their notices. */
  readonly #running = new Map<number, Promise<void>>();
  /** How many attempts run for each application. */
  readonly #runningOf = new Map<string, number>();
  /** The applications for which more notices may be due than could be begun. */
  readonly #waiting = new Set<string>();
  /** The applications whose last attempt failed, which the log says already. */
  readonly #failing = new Set<string>();
  #isStopping = false;

  constructor({ post = postWebhook, clock = null }: NoticeWorkerOptions = {}) {
    this.#post = post;
    this.#clock = clock;
    // Each attempt under way listens.
    setMaxListeners(0, this.#abort.signal);
  }

  /** Begins the attempts that are due, without waiting for them. Returns how many it began. */
  async round(): Promise<number> {
    let begun = 0;
    const applications = await readPrimary.all(LIST_WAITING, { now: this.#clock?.() ?? null });
    const listedAt = performance.now();
    for (const application of applications) begun += await this.#beginDue({ ...application, listedAt });
    return begun;
  }

  /** Begins the attempts that are due for an application, as many as it may have at a time. Returns how many it began. */
  async #beginDue(application: Listed): Promise<number> {
    const { id: clientId } = application;
    const limit = LOGOUT_NOTICES_AT_ONCE - (this.#runningOf.get(clientId) ?? 0);
    if (limit <= 0 || this.#isStopping) return 0;
    const now = this.#nowFor(application);
    const until = new Date(now.getTime() + LOGOUT_NOTICE_LEASE_MS);
    // Counted before the lease, so that attempts that end at the same time don't lease more than the limit together.
    this.#count(clientId, limit);
    const leased = transact(async (tx) => tx.all(LEASE_DUE, { clientId, now, limit, worker: this.#id, until }));
    const notices = await leased.finally(() => this.#count(clientId, -limit));
    if (notices.length === limit) this.#waiting.add(clientId);
    else this.#waiting.delete(clientId);
    if (this.#isStopping) {
      await this.#giveBack(notices.map(({ id }) => id));
      return 0;
    }
    for (const notice of notices) this.#begin(application, notice);
    return notices.length;
  }

  /** Returns the time by the clock that says which notices are due. */
  #nowFor({ now, listedAt }: Listed): Date {
    return this.#clock?.() ?? new Date(now.getTime() + performance.now() - listedAt);
  }

  #count(clientId: string, by: number): void {
    this.#runningOf.set(clientId, (this.#runningOf.get(clientId) ?? 0) + by);
  }

  /** Runs rounds until no notice is due, or until `signal` is aborted. */
  async runUntilIdle(signal?: AbortSignal): Promise<void> {
    try {
      while (!signal?.aborted) {
        if ((await this.round()) === 0 && this.#running.size === 0) return;
        await Promise.race(this.#running.values());
      }
    } finally {
      await this.stop(0);
    }
  }

  /**
   * Ends the work: no more attempts begin, those under way have `graceMs` to end, and the rest is given back, so that other processes send
   * it.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#waitForAttempts(graceMs);
    const ids = [...this.#running.keys()];
    if (ids.length === 0) return;
    this.#abort.abort();
    await this.#waitForAttempts(ABORTED_MS_MAX);
    await this.#giveBack(ids);
  }

  /** Ends the leases, so that other processes send the notices. */
  async #giveBack(ids: readonly number[]): Promise<void> {
    await transact(async (tx) => {
      for (const id of ids) tx.queue(GIVE_BACK, { id, worker: this.#id, dueAt: DUE_AT_ONCE });
    });
  }

  /** Resolves when no attempt is under way, or after `ms`. */
  async #waitForAttempts(ms: number): Promise<void> {
    if (this.#running.size === 0) return;
    await Promise.race([Promise.all(this.#running.values()), sleep(ms, undefined, { ref: false })]);
  }

  #begin(application: Listed, notice: Notice): void {
    const { id: clientId } = application;
    this.#count(clientId, 1);
    const makeAttempt = async () => {
      const isAccepted = await this.#attempt(application, notice).finally(() => {
        this.#count(clientId, -1);
        this.#running.delete(notice.id);
      });
      // The next notice doesn't wait for the next round, so that many logins that end together are told within seconds.
      if (isAccepted && this.#waiting.has(clientId)) await this.#beginDue(application);
    };
    // If the outcome can't be stored, the lease ends and the notice is sent again.
    this.#running.set(notice.id, runInBackground(`logout notice ${notice.id} of ${this.#id}`, makeAttempt));
  }

  /** Makes an attempt and stores its outcome. Returns whether the application accepted it. Stores nothing if the attempt was aborted. */
  async #attempt(application: Listed, notice: Notice): Promise<boolean> {
    const { id: clientId, uri, signingAlgorithm } = application;
    const { id, sub, sid, attempts } = notice;
    const algorithm = SigningAlgorithm.parse(signingAlgorithm);
    const token = await signLogoutToken({ clientId, sub, sid, algorithm });
    const headers = { "content-type": "application/x-www-form-urlencoded", "user-agent": "Sarafan-Logout" };
    const body = new URLSearchParams({ logout_token: token }).toString();
    const sent = this.#post({ url: uri, headers, body }, this.#abort.signal);
    const answer = await sent.catch((error: unknown) => {
      if (this.#abort.signal.aborted) return null;
      throw error;
    });
    if (!answer) return false;
    countLogoutNotice(answer.fault ?? "ok");
    this.#tell(clientId, answer.fault);
    const waitMs = LOGOUT_NOTICE_WAITS_MS[attempts];
    const own = { id, worker: this.#id };
    await transact(async (tx) => {
      if (answer.fault === null || waitMs === undefined) tx.queue(REMOVE_NOTICE, own);
      else tx.queue(POSTPONE_NOTICE, { ...own, dueAt: new Date(this.#nowFor(application).getTime() + waitMs) });
    });
    return answer.fault === null;
  }

  /** Logs once that an application does not accept notices, until it accepts one. */
  #tell(client: string, fault: WebhookFault | null): void {
    if (fault === null) this.#failing.delete(client);
    else if (!this.#failing.has(client)) {
      this.#failing.add(client);
      log.warn({ client, fault }, "an application does not accept logout notices");
    }
  }
}

/** Sends all notices that are due now, as a process that runs no loop does. */
export async function sendLogoutNotices(options: NoticeWorkerOptions & { signal?: AbortSignal } = {}): Promise<void> {
  await new LogoutNoticeWorker(options).runUntilIdle(options.signal);
}
