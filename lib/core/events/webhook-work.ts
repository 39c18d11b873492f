import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { NO_ACCOUNT_ID, recordEvent } from "@/lib/core/accounts/audit-log";
import { listAdministratorMailboxes } from "@/lib/core/administration/administrators";
import { groupBy } from "@/lib/core/group-by";
import {
  EVENTS_KEPT_MS,
  RETRY_AFTER_OBEYED_MS_MAX,
  WEBHOOK_ATTEMPTS_PER_ENDPOINT,
  WEBHOOK_ATTEMPTS_PER_PROCESS,
  WEBHOOK_DELIVERIES_PER_ROUND,
  WEBHOOK_EVENTS_PER_ROUND,
  WEBHOOK_FAILING_MS_MAX,
  WEBHOOK_JITTER_PART,
  WEBHOOK_LEASE_LEFT_MS_MIN,
  WEBHOOK_LEASE_MS,
  WEBHOOK_WAITS_MS,
} from "@/lib/core/policy";
import { notifyMailboxes } from "@/lib/core/sessions/security-notices";
import { type RowOf, readPrimary, transact } from "@/lib/db/database";
import { log, logError } from "@/lib/ops/log";
import { countWebhookAttempt } from "@/lib/ops/metrics";
import { mailSender } from "@/lib/senders/mail";
import type { MessageSender } from "@/lib/senders/sender";
import { type PostWebhook, postWebhook, type WebhookAnswer, type WebhookFault } from "@/lib/senders/webhooks";
import { eventBodyOf } from "./event-body";
import { EventCursor, type EventPage, eventIdOf, type PublishedEvent, readEvents } from "./event-log";
import { openWebhookSecrets, signWebhook, type WebhookSecrets } from "./webhook-signing";
import {
  ADD_ATTEMPTS,
  ADD_DELIVERIES,
  BEGIN_FAILING,
  DELETE_DELIVERIES,
  DELETE_ENDPOINT,
  DISABLE,
  DROP_PREVIOUS,
  drawDeliveryId,
  END_FAILING,
  GIVE_BACK,
  LEASE_DUE,
  LIST_ENDPOINTS_OF_ROUND,
  MOVE_CURSOR,
  READ_EVENTS,
  READ_IDENTITIES,
  RESEAL,
  STORE_OUTCOMES,
} from "./webhook-store";

/**
 * Why an attempt failed: as the sender says, or before it was sent.
 * - `secret_unreadable`: neither `AUTH_SECRET` nor `AUTH_SECRET_PREVIOUS` opens the stored secrets.
 * - `event_deleted`: the event was deleted, because it is older than `EVENTS_KEPT_MS` or a copy was restored.
 */
export type AttemptFault = WebhookFault | "secret_unreadable" | "event_deleted";

type EndpointOfRound = RowOf<typeof LIST_ENDPOINTS_OF_ROUND>;

/** An endpoint as a round found it, with the secrets that sign; none if they can't be opened. */
interface Receiver extends EndpointOfRound {
  secrets: WebhookSecrets[];
}

/** A delivery that this process has leased, with what is sent. */
interface Lease {
  id: string;
  step: number;
  leaseUntil: Date;
  receiver: Receiver;
  /** Null if the event was deleted. */
  body: string | null;
}

/** What came of an attempt. */
interface Outcome {
  lease: Lease;
  at: Date;
  durationMs: number;
  answer: Omit<WebhookAnswer, "fault"> & { fault: AttemptFault | null };
}

/** The state of this process's work for one endpoint. */
interface Lane {
  queue: Lease[];
  running: number;
  /** How many attempts ended since the last lease. Up to twice as many deliveries are leased next. */
  ended: number;
}

/** The HTTP status of a receiver that wants no webhooks any more (Standard Webhooks, "Responding to webhooks"). */
const GONE_STATUS = 410;
/** How long a delivery may be due before the log says so. */
const LATE_MS = 5 * 60 * 1000;
/** How long a worker that ends waits for attempts that it has aborted. */
const ABORTED_MS_MAX = 1000;
/** How old an endpoint's cursor becomes at most while no events come, so that it doesn't expire. */
const CURSOR_MS_MAX = EVENTS_KEPT_MS / 4;

export interface WorkerOptions {
  post?: PostWebhook;
  /** The mail sender for administrators; null sends no mails. */
  mail?: MessageSender | null;
  /** By which deliveries are due and leased. Without one it is the database's clock, because the clocks of servers differ. */
  clock?: () => Date;
  /** The clock of this server. */
  serverClock?: () => Date;
}

/**
 * Makes deliveries of new events and attempts to deliver them. Any number of processes may run workers. Attempts run between rounds; the
 * next round stores their outcomes in one transaction.
 */
export class WebhookWorker {
  readonly #id = crypto.randomUUID();
  readonly #post: PostWebhook;
  readonly #mail: MessageSender | null;
  readonly #clock: () => Date;
  readonly #serverClock: () => Date;
  /** By how much the database's clock is ahead of this server's, as the last round found it. */
  #aheadMs = 0;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<Promise<void>>();
  /** The ids of all deliveries that are leased to this worker and not stored yet. */
  readonly #leased = new Set<string>();
  readonly #abort = new AbortController();
  /** The endpoints whose secrets can't be opened, of which the log was told. */
  readonly #unreadable = new Set<string>();
  /** The endpoints whose deliveries are late, of which the log was told. */
  readonly #late = new Set<string>();
  #outcomes: Outcome[] = [];
  #isStopping = false;

  constructor({ post = postWebhook, mail = mailSender, ...clocks }: WorkerOptions = {}) {
    this.#post = post;
    this.#mail = mail;
    // Each attempt under way listens. Node.js would take more than ten listeners for a leak.
    setMaxListeners(WEBHOOK_ATTEMPTS_PER_PROCESS, this.#abort.signal);
    const { serverClock = () => new Date(), clock } = clocks;
    this.#serverClock = serverClock;
    this.#clock = clock ?? (() => new Date(serverClock().getTime() + this.#aheadMs));
  }

  /**
   * Stores what came of earlier attempts, makes deliveries of new events, leases those that are due, and begins the attempts. Returns how
   * many endpoints there are, and whether more may be due already.
   */
  async round(): Promise<{ endpoints: number; isMore: boolean }> {
    await this.#store();
    const askedAt = this.#serverClock().getTime();
    const listed = await readPrimary.all(LIST_ENDPOINTS_OF_ROUND, { now: this.#clock() });
    const [first] = listed;
    if (first) this.#aheadMs = first.databaseNow.getTime() - (askedAt + this.#serverClock().getTime()) / 2;
    const now = this.#clock();
    for (const { id } of listed.filter(({ state }) => state === "deleted")) await deleteStep(id);
    const active = listed.filter(({ state }) => state === "active");
    const receivers: Receiver[] = [];
    for (const endpoint of listed.filter(({ state }) => state !== "deleted")) {
      const receiver = await openReceiver(endpoint, now);
      this.#tellUnreadable(receiver);
      if (endpoint.state !== "active") continue;
      receivers.push(receiver);
      this.#tellLate(receiver, now);
    }
    for (const id of this.#lanes.keys()) if (!active.some((endpoint) => endpoint.id === id)) this.#forgetEndpoint(id);
    const pages = new Map<string, ReturnType<typeof readPage>>();
    let isMore = false;
    const due: Receiver[] = [];
    for (const receiver of receivers) {
      const isGivenBack = await this.#giveBackOld(receiver);
      const added = await addDeliveriesOf(receiver, pages, now);
      isMore ||= added.isMore;
      if (receiver.dueSince !== null || isGivenBack || added.added > 0) due.push(receiver);
    }
    const perEndpoint = Math.max(
      1,
      Math.min(WEBHOOK_ATTEMPTS_PER_ENDPOINT, Math.floor(WEBHOOK_ATTEMPTS_PER_PROCESS / Math.max(1, active.length))),
    );
    const leased = due.length > 0 && !this.#isStopping ? await this.#lease(due, perEndpoint) : 0;
    for (const { id } of receivers) this.#beginAttempts(id, perEndpoint);
    const endpoints = listed.filter(({ state }) => state === "active" || state === "deleted").length;
    return { endpoints, isMore: isMore || leased > 0 };
  }

  /** Runs rounds until nothing is due now, or until `signal` is aborted, and gives back what it still has leased. */
  async runUntilIdle(signal?: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const { isMore } = await this.round();
        const isIdle = this.#running.size === 0 && !isMore && this.#outcomes.length === 0;
        if (isIdle || signal?.aborted) return;
        if (this.#running.size > 0) await Promise.race([Promise.all(this.#running), sleep(isMore ? 10 : 200)]);
      }
    } finally {
      await this.stop(0);
    }
  }

  /**
   * Ends the work: no more attempts begin, those under way have `graceMs` to end, and all that is leased is given back, so that other
   * processes deliver it. An attempt that is aborted may have reached its receiver, which gets it again. It is not kept: what came of it is
   * not known, and a server that ends is no failure of the receiver.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const lane of this.#lanes.values()) lane.queue = [];
    await this.#waitForAttempts(graceMs);
    this.#abort.abort();
    await this.#waitForAttempts(ABORTED_MS_MAX);
    await this.#store();
    await this.#giveBack([...this.#leased]);
  }

  async #giveBack(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    const rows = JSON.stringify(ids.map((id) => ({ id })));
    const given = { rows, worker: this.#id, now: this.#clock() };
    await transact(async (tx) => tx.run(GIVE_BACK, given));
    for (const id of ids) this.#leased.delete(id);
  }

  /** Gives back the deliveries that were leased before the endpoint changed and not begun. Returns whether there were some. */
  async #giveBackOld({ id, version }: Receiver): Promise<boolean> {
    const lane = this.#lane(id);
    const old = lane.queue.filter(({ receiver }) => receiver.version !== version);
    lane.queue = lane.queue.filter(({ receiver }) => receiver.version === version);
    await this.#giveBack(old.map((lease) => lease.id));
    return old.length > 0;
  }

  /** Resolves when no attempt is under way, or after `ms`. */
  async #waitForAttempts(ms: number): Promise<void> {
    if (this.#running.size === 0) return;
    const timer = new AbortController();
    await Promise.race([Promise.all(this.#running), sleep(ms, undefined, timer).catch(() => undefined)]);
    timer.abort();
  }

  /** Logs once that deliveries of an endpoint wait for long, until they don't any more. */
  #tellLate({ id, dueSince }: Receiver, now: Date): void {
    const isLate = dueSince !== null && now.getTime() - dueSince.getTime() > LATE_MS;
    if (!isLate) this.#late.delete(id);
    else if (!this.#late.has(id)) {
      this.#late.add(id);
      log.warn({ webhook: id, dueSince }, "deliveries to a webhook endpoint have been due for more than five minutes");
    }
  }

  /** Logs once that no secret of an endpoint can be opened. */
  #tellUnreadable({ id, secrets }: Receiver): void {
    if (secrets.length > 0) this.#unreadable.delete(id);
    else if (!this.#unreadable.has(id)) {
      this.#unreadable.add(id);
      log.error(
        { webhook: id },
        "the secrets of a webhook endpoint can't be opened: rotate them, or set AUTH_SECRET_PREVIOUS",
      );
    }
  }

  #lane(id: string): Lane {
    const lane = this.#lanes.get(id) ?? { queue: [], running: 0, ended: 0 };
    this.#lanes.set(id, lane);
    return lane;
  }

  /** Forgets an endpoint that is not active any more. Its leases end by themselves. */
  #forgetEndpoint(id: string): void {
    const lane = this.#lane(id);
    for (const { id: leased } of lane.queue) this.#leased.delete(leased);
    lane.queue = [];
    if (lane.running === 0) this.#lanes.delete(id);
  }

  /** Leases due deliveries: for each endpoint up to twice as many as it finished since the last lease. Returns how many it leased. */
  async #lease(receivers: Receiver[], perEndpoint: number): Promise<number> {
    const now = this.#clock();
    const leaseUntil = new Date(now.getTime() + WEBHOOK_LEASE_MS);
    const wanted = receivers.map((receiver) => {
      const { queue, running, ended } = this.#lane(receiver.id);
      const limit = Math.min(WEBHOOK_DELIVERIES_PER_ROUND, Math.max(perEndpoint, 2 * ended)) - queue.length - running;
      return { receiver, limit };
    });
    const able = wanted.filter(({ limit }) => limit > 0);
    if (able.length === 0) return 0;
    const leased = await transact(async (tx) => {
      const rows: (Omit<RowOf<typeof LEASE_DUE>, never> & { receiver: Receiver })[] = [];
      for (const { receiver, limit } of able) {
        const asked = { endpointId: receiver.id, now, limit, worker: this.#id, until: leaseUntil };
        for (const row of await tx.all(LEASE_DUE, asked)) rows.push({ ...row, receiver });
      }
      return rows;
    });
    for (const { receiver } of able) this.#lane(receiver.id).ended = 0;
    const bodies = await composeBodies(leased);
    for (const [at, { id, step, receiver }] of leased.entries()) {
      this.#leased.add(id);
      this.#lane(receiver.id).queue.push({ id, step, leaseUntil, receiver, body: bodies[at] ?? null });
    }
    return leased.length;
  }

  /** Begins attempts while there are fewer than `limit` for the endpoint. */
  #beginAttempts(endpointId: string, limit: number): void {
    const lane = this.#lane(endpointId);
    while (lane.running < limit && !this.#isStopping) {
      const lease = lane.queue.shift();
      if (!lease) return;
      // Other processes may lease it soon. It is leased again by the round that finds it due.
      if (lease.leaseUntil.getTime() - this.#clock().getTime() < WEBHOOK_LEASE_LEFT_MS_MIN) {
        this.#leased.delete(lease.id);
        continue;
      }
      lane.running += 1;
      const attempt = this.#attempt(lease).then((outcome) => {
        lane.running -= 1;
        lane.ended += 1;
        this.#running.delete(attempt);
        if (outcome) this.#outcomes.push(outcome);
        this.#beginAttempts(endpointId, limit);
      });
      this.#running.add(attempt);
    }
  }

  /** Makes an attempt. Returns null if it was aborted. */
  async #attempt(lease: Lease): Promise<Outcome | null> {
    const { id, receiver, body } = lease;
    const at = this.#clock();
    const startedAt = performance.now();
    const end = (answer: Outcome["answer"]): Outcome => ({
      lease,
      at,
      durationMs: Math.round(performance.now() - startedAt),
      answer,
    });
    const failed = (fault: AttemptFault) => end({ status: null, fault, retryAfter: null, body: null });
    if (body === null) return failed("event_deleted");
    if (receiver.secrets.length === 0) return failed("secret_unreadable");
    const headers = {
      "content-type": "application/json",
      "user-agent": "Sarafan-Webhooks",
      ...signWebhook({ id, at, body }, receiver.secrets),
    };
    try {
      return end(await this.#post({ url: receiver.url, headers, body }, this.#abort.signal));
    } catch (error) {
      if (this.#abort.signal.aborted) return null;
      throw error;
    }
  }

  /** Stores all outcomes so far in one transaction. If that fails, the next round stores them. */
  async #store(): Promise<void> {
    const outcomes = this.#outcomes;
    if (outcomes.length === 0) return;
    const now = this.#clock();
    this.#outcomes = [];
    let disabled: Disabled[];
    try {
      disabled = await storeOutcomes(outcomes, this.#id, now);
    } catch (error) {
      this.#outcomes = [...outcomes, ...this.#outcomes];
      throw error;
    }
    for (const { lease, answer } of outcomes) {
      this.#leased.delete(lease.id);
      countWebhookAttempt(answer.fault ?? "ok");
    }
    for (const one of disabled) void tellAdministrators(one, this.#mail, now);
  }
}

/** Logs that the server disabled an endpoint, and sends a mail to all administrators. Never rejects. */
async function tellAdministrators({ id, url, reason }: Disabled, mail: MessageSender | null, now: Date): Promise<void> {
  log.warn({ webhook: id, reason }, "a webhook endpoint was disabled");
  try {
    const notice = { name: "webhook_disabled", host: new URL(url).host, reason, at: now } as const;
    if (mail) await notifyMailboxes(await listAdministratorMailboxes(), notice, mail);
  } catch (error) {
    logError(error, "the administrators got no mail about a disabled webhook endpoint");
  }
}

/** Opens the secrets that sign now. Stores them again if another key had sealed them, and forgets those that have ended. */
async function openReceiver(endpoint: EndpointOfRound, now: Date): Promise<Receiver> {
  const { id, secret, previousSecret, previousUntil } = endpoint;
  const isPreviousOver = previousUntil !== null && previousUntil <= now;
  if (isPreviousOver) await transact(async (tx) => tx.run(DROP_PREVIOUS, { id, now }));
  const secrets: WebhookSecrets[] = [];
  for (const sealed of [secret, isPreviousOver ? null : previousSecret]) {
    const opened = sealed === null ? null : openWebhookSecrets(sealed, id);
    if (!opened || sealed === null) continue;
    secrets.push(opened.secrets);
    const { resealed } = opened;
    if (resealed !== null) await transact(async (tx) => tx.run(RESEAL, { id, secret: sealed, resealed }));
  }
  return { ...endpoint, secrets };
}

/**
 * Reads a page of events after the cursor, also if some of them were deleted. In another log, of a restored copy, the page begins with the
 * oldest event.
 */
async function readPage(from: EventCursor, now: Date): Promise<EventPage & { isMissing: boolean }> {
  const limit = WEBHOOK_EVENTS_PER_ROUND;
  const read = await readEvents({ after: from, limit }, now);
  if (read.ok) return { ...read.value, isMissing: false };
  const after = read.failure.because === "swept" ? { ...from, at: now } : null;
  const rest = await readEvents({ after, limit }, now);
  if (!rest.ok) throw new Error(rest.failure.name);
  return { ...rest.value, isMissing: true };
}

/**
 * Makes deliveries of the next page of events and moves the endpoint's cursor behind them, in one transaction. The cursor is the gate: if
 * another server has moved it, this one adds nothing. Endpoints with the same cursor share the page.
 */
async function addDeliveriesOf(
  { id, types, version, ...endpoint }: Receiver,
  pages: Map<string, ReturnType<typeof readPage>>,
  now: Date,
): Promise<{ added: number; isMore: boolean }> {
  const from = { at: endpoint.cursorAt, transactionId: endpoint.cursorTransactionId, id: endpoint.cursorId };
  const key = EventCursor.encode(from);
  const reading = pages.get(key) ?? readPage(from, now);
  pages.set(key, reading);
  const { events, next, isMore, isMissing } = await reading;
  const isCursorOld = now.getTime() - from.at.getTime() > CURSOR_MS_MAX;
  if (events.length === 0 && !isMissing && !isCursorOld) return { added: 0, isMore: false };
  const wanted: readonly string[] | null = types === null ? null : JSON.parse(types);
  const chosen = events
    .filter(({ type }) => wanted === null || wanted.includes(type))
    .map((event) => ({ id: drawDeliveryId(), eventId: event.rowId }));
  const move = {
    ...{ id, version, missedAt: isMissing ? now : null },
    ...{ fromTransactionId: String(from.transactionId), fromId: from.id },
    ...{ toAt: next.at, toTransactionId: String(next.transactionId), toId: next.id },
  };
  const isMoved = await transact(async (tx) => {
    if ((await tx.run(MOVE_CURSOR, move)) === 0) return false;
    if (chosen.length > 0) tx.queue(ADD_DELIVERIES, { endpointId: id, rows: JSON.stringify(chosen), now });
    return true;
  });
  if (!isMoved) return { added: 0, isMore };
  if (isMissing) log.warn({ webhook: id }, "events were deleted before a webhook endpoint got them");
  return { added: chosen.length, isMore };
}

/** Deletes some deliveries of a deleted endpoint; the endpoint itself when none is left. */
async function deleteStep(id: string): Promise<void> {
  await transact(async (tx) => {
    if ((await tx.run(DELETE_DELIVERIES, { endpointId: id })) === 0) await tx.run(DELETE_ENDPOINT, { id });
  });
}

interface LeasedRow {
  id: string;
  eventId: number | null;
  type: string;
  at: Date;
  receiver: Receiver;
}

/** Returns the body of each delivery: null if its event was deleted. Phones and mailboxes are read only for those that have them. */
async function composeBodies(leased: readonly LeasedRow[]): Promise<(string | null)[]> {
  if (leased.length === 0) return [];
  const rowsOf = (ids: Iterable<number>) => JSON.stringify([...new Set(ids)].map((id) => ({ id })));
  const ids = leased.flatMap(({ eventId }) => eventId ?? []);
  const events = ids.length > 0 ? await readPrimary.all(READ_EVENTS, { rows: rowsOf(ids) }) : [];
  const eventById = new Map(events.map((event) => [event.id, event]));
  const accountIds = leased.flatMap(({ eventId, receiver }) =>
    receiver.hasPhones && eventId !== null ? (eventById.get(eventId)?.accountId ?? []) : [],
  );
  const accounts = accountIds.length > 0 ? await readPrimary.all(READ_IDENTITIES, { rows: rowsOf(accountIds) }) : [];
  const accountById = new Map(accounts.map(({ id, phone, email }) => [id, { phone, email }]));
  return leased.map(({ id, eventId, type, at, receiver }) => {
    const event = eventId === null ? TEST_EVENT : eventById.get(eventId);
    if (!event) return null;
    const { accountId, sequence, isTest, data, since } = event;
    const published = { type, at, accountId, sequence, isTest, data: JSON.parse(data) };
    const body = eventBodyOf({ ...published, id: eventId === null ? id : eventIdOf(eventId, since) } as PublishedEvent);
    const account = accountId === null ? undefined : (accountById.get(accountId) ?? null);
    return JSON.stringify(receiver.hasPhones && account !== undefined ? { ...body, account } : body);
  });
}

/** What a test event has in place of an event of the log. */
const TEST_EVENT = { accountId: null, sequence: null, isTest: true, data: "{}", since: null };

/** What a `Retry-After` asks for, in milliseconds: seconds or a date (RFC 9110 §10.2.3). Null for other text. */
export function readRetryAfter(text: string | null, now: Date): number | null {
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_OBEYED_MS_MAX);
}

/** Returns what becomes of a delivery after an attempt, with `step` attempts of the schedule before it. */
function resultOf({ lease, answer }: Outcome, now: Date): { state: string; step: number; dueAt: Date | null } {
  const step = lease.step + 1;
  if (answer.fault === null) return { state: "delivered", step, dueAt: null };
  const waitMs = WEBHOOK_WAITS_MS[lease.step];
  if (waitMs === undefined || answer.fault === "event_deleted") return { state: "failed", step, dueAt: null };
  const laterMs = waitMs * (1 + WEBHOOK_JITTER_PART * Math.random());
  const askedMs = readRetryAfter(answer.retryAfter, now) ?? 0;
  return { state: "pending", step, dueAt: new Date(now.getTime() + Math.max(laterMs, askedMs)) };
}

/** An endpoint that the server disabled. */
interface Disabled {
  id: string;
  url: string;
  reason: "gone" | "failing";
}

/** Stores outcomes in one transaction, with what they say of their endpoints. Returns the endpoints that it disabled. */
async function storeOutcomes(outcomes: readonly Outcome[], worker: string, now: Date): Promise<Disabled[]> {
  const results = outcomes.map((outcome) => ({ id: outcome.lease.id, ...resultOf(outcome, now) }));
  const outcomeById = new Map(outcomes.map((outcome) => [outcome.lease.id, outcome]));
  return transact(async (tx) => {
    const stored = await tx.all(STORE_OUTCOMES, { rows: JSON.stringify(results), worker });
    const kept = stored.flatMap(({ id, attempts: number }) => {
      const outcome = outcomeById.get(id);
      return outcome ? { ...outcome, id, number } : [];
    });
    const attempts = kept.map(({ id, number, at, durationMs, answer }) => {
      return { id, number, at, durationMs, status: answer.status, fault: answer.fault, answer: answer.body };
    });
    if (attempts.length > 0) tx.queue(ADD_ATTEMPTS, { rows: JSON.stringify(attempts) });
    const disabled: Disabled[] = [];
    // An attempt counts only for the endpoint as it was then: its address may be another one now. Without its event, nothing was sent.
    const sent = kept.filter(({ answer }) => answer.fault !== "event_deleted");
    const byVersion = groupBy(sent, ({ lease: { receiver } }) => [`${receiver.id} ${receiver.version}`]);
    for (const own of byVersion.values()) {
      const receiver = own[0]?.lease.receiver;
      if (!receiver) continue;
      const { id, version } = receiver;
      const isGone = own.some(({ answer }) => answer.status === GONE_STATUS);
      if (isGone) await disable("gone", id, version);
      else if (own.some(({ answer }) => answer.fault === null)) tx.queue(END_FAILING, { id, version });
      else {
        const since = new Date(Math.min(...own.map(({ at }) => at.getTime())));
        tx.queue(BEGIN_FAILING, { id, version, since });
        await disable("failing", id, version);
      }
    }
    return disabled;

    async function disable(reason: Disabled["reason"], id: string, version: number): Promise<void> {
      const before = new Date(now.getTime() - WEBHOOK_FAILING_MS_MAX);
      const row = await tx.get(DISABLE, { id, version, reason, before });
      if (!row) return;
      disabled.push({ id, url: row.url, reason });
      const event = { actorKind: "server", actorId: NO_ACCOUNT_ID, subjectId: null } as const;
      recordEvent(tx, { action: "webhook_disabled", ...event, details: { webhook: id, disabledFor: reason }, now });
    }
  });
}

/** Delivers all that is due now, as a process that runs no loop does. Resolves when it is done, or soon after `signal` is aborted. */
export async function deliverWebhooks(options: WorkerOptions & { signal?: AbortSignal } = {}): Promise<void> {
  await new WebhookWorker(options).runUntilIdle(options.signal);
}
