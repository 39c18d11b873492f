import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { leaseStatements, NOW } from "@/lib/core/outgoing/leases";
import {
  type Lease,
  type Outcome,
  OutgoingWorker,
  type Round,
  type WorkerOptions,
} from "@/lib/core/outgoing/outgoing-worker";
import {
  LOGOUT_NOTICE_LEASE_MS,
  LOGOUT_NOTICE_WAITS_MS,
  LOGOUT_NOTICES_AT_ONCE,
  LOGOUT_TOKEN_TTL_MS,
} from "@/lib/core/policy";
import { type RowOf, statement, transact } from "@/lib/db/database";
import { log } from "@/lib/ops/log";
import { countLogoutNotice } from "@/lib/ops/metrics";
import type { WebhookRequest } from "@/lib/senders/webhooks";
import { ISSUER } from "./authorization-request";
import { getSigningKey, SigningAlgorithm } from "./signing-keys";

const listWaiting = (now: string) => `
  SELECT "id", "backChannelLogoutUri" AS "uri", "signingAlgorithm", ${now} AS "now" FROM "OAuthClient"
  WHERE "backChannelLogoutUri" IS NOT NULL AND EXISTS (
    SELECT 1 FROM "LogoutNotice" WHERE "clientId" = "OAuthClient"."id" AND "dueAt" <= ${now})`;
/** Lists the applications for which notices are due. */
const LIST_WAITING = statement({
  params: { now: "time?" },
  row: { id: "text", uri: "text", signingAlgorithm: "text", now: "time" },
  sql: { sqlite: listWaiting(NOW.sqlite), postgresql: listWaiting(NOW.postgresql) },
});
type Application = RowOf<typeof LIST_WAITING>;

const LEASES = leaseStatements("LogoutNotice", "clientId", {
  id: "integer",
  sub: "text",
  sid: "text",
  attempts: "integer",
});
type Notice = RowOf<typeof LEASES.leaseDue>;
type Leased = Lease<Application, Notice>;

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

/** Sends the logout notices that are due to the back-channel addresses of their applications. */
export class LogoutNoticeWorker extends OutgoingWorker<Application, Notice> {
  protected readonly statements = LEASES;
  protected readonly leaseMs = LOGOUT_NOTICE_LEASE_MS;
  /** The applications for which more notices may be due than could be begun. */
  readonly #waiting = new Set<string>();

  async round(): Promise<Round> {
    let begun = 0;
    for (const application of await this.list(LIST_WAITING)) begun += await this.#beginDue(application);
    return begun > 0 ? "more" : "idle";
  }

  /** Begins the attempts that are due for an application, as many as it may have at a time. Returns how many it began. */
  async #beginDue(application: Application): Promise<number> {
    const { id } = application;
    const limit = LOGOUT_NOTICES_AT_ONCE - this.countOf(id);
    if (limit <= 0) return 0;
    // Counted before the lease, so that attempts that end at the same time don't lease more than the limit together.
    this.count(id, limit);
    try {
      const notices = await this.lease([{ receiver: application, limit }]);
      if (notices.length === limit) this.#waiting.add(id);
      else this.#waiting.delete(id);
      for (const notice of notices) this.begin(notice);
      return notices.length;
    } finally {
      this.count(id, -limit);
    }
  }

  protected async makeRequest({ receiver, sub, sid }: Leased): Promise<WebhookRequest> {
    const algorithm = SigningAlgorithm.parse(receiver.signingAlgorithm);
    const token = await signLogoutToken({ clientId: receiver.id, sub, sid, algorithm });
    const headers = { "content-type": "application/x-www-form-urlencoded", "user-agent": "Sarafan-Logout" };
    return { url: receiver.uri, headers, body: new URLSearchParams({ logout_token: token }).toString() };
  }

  /** Removes a notice that was accepted or tried for the last time, and postpones others. */
  protected async keep({ lease, answer: { fault } }: Outcome<Leased>): Promise<void> {
    const { id, attempts, receiver } = lease;
    countLogoutNotice(fault ?? "ok");
    this.tellOnce(receiver.id, fault !== null, () =>
      log.warn({ client: receiver.id, fault }, "an application does not accept logout notices"),
    );
    const waitMs = LOGOUT_NOTICE_WAITS_MS[attempts];
    const own = { id, worker: this.id };
    await transact(async (tx) => {
      if (fault === null || waitMs === undefined) tx.queue(REMOVE_NOTICE, own);
      else tx.queue(POSTPONE_NOTICE, { ...own, dueAt: new Date(this.now().getTime() + waitMs) });
    });
  }

  /** The next notice doesn't wait for the next round, so that many logins that end together are told within seconds. */
  protected async goOn({ lease: { receiver }, answer }: Outcome<Leased>): Promise<void> {
    if (answer.fault === null && this.#waiting.has(receiver.id)) await this.#beginDue(receiver);
  }
}

/** Sends all notices that are due now, as a process that runs no loop does. */
export async function sendLogoutNotices(options: WorkerOptions & { signal?: AbortSignal } = {}): Promise<void> {
  await new LogoutNoticeWorker(options).runUntilIdle(options.signal);
}
