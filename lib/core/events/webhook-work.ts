import { NO_ACCOUNT_ID, recordEvent } from "@/lib/core/accounts/audit-log";
import { listAdministratorMailboxes } from "@/lib/core/administration/administrators";
import { groupBy } from "@/lib/core/group-by";
import {
  type Lease,
  type Outcome as OutcomeOf,
  OutgoingWorker,
  type Round,
  type WorkerOptions,
} from "@/lib/core/outgoing/outgoing-worker";
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
import type { WebhookFault, WebhookRequest } from "@/lib/senders/webhooks";
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
  LEASES,
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
export type AttemptFault = WebhookFault | UnsentFault;
type UnsentFault = "secret_unreadable" | "event_deleted";

type EndpointOfRound = RowOf<typeof LIST_ENDPOINTS_OF_ROUND>;

/** An endpoint as a round found it, with the secrets that sign; none if they can't be opened. */
interface Receiver extends EndpointOfRound {
  secrets: WebhookSecrets[];
}

type LeasedRow = Lease<Receiver, RowOf<typeof LEASES.leaseDue>>;

/** A delivery that this process has leased, with what is sent. */
interface Delivery extends LeasedRow {
  /** Null if the event was deleted. */
  body: string | null;
}

type Outcome = OutcomeOf<Delivery, UnsentFault>;

/** The state of this process's work for one endpoint. */
interface Lane {
  queue: Delivery[];
  /** How many attempts ended since the last lease. Up to twice as many deliveries are leased next. */
  ended: number;
}

/** The HTTP status of a receiver that wants no webhooks any more (Standard Webhooks, "Responding to webhooks"). */
const GONE_STATUS = 410;
/** How long a delivery may be due before the log says so. */
const LATE_MS = 5 * 60 * 1000;
/** How old an endpoint's cursor becomes at most while no events come, so that it doesn't expire. */
const CURSOR_MS_MAX = EVENTS_KEPT_MS / 4;

export interface WebhookWorkerOptions extends WorkerOptions {
  /** The mail sender for administrators; null sends no mails. */
  mail?: MessageSender | null;
}

/**
 * Makes deliveries of new events and attempts to deliver them. Attempts run between rounds; the next round stores their outcomes in one
 * transaction.
 */
export class WebhookWorker extends OutgoingWorker<Receiver, RowOf<typeof LEASES.leaseDue>, Delivery, UnsentFault> {
  protected readonly statements = LEASES;
  protected readonly leaseMs = WEBHOOK_LEASE_MS;
  readonly #mail: MessageSender | null;
  readonly #lanes = new Map<string, Lane>();
  /** How many attempts run at a time for each endpoint. */
  #perEndpoint = 1;
  #outcomes: Outcome[] = [];

  constructor({ mail = mailSender, ...options }: WebhookWorkerOptions = {}) {
    super(options);
    this.#mail = mail;
  }

  /** Stores what came of earlier attempts, makes deliveries of new events, leases those that are due, and begins the attempts. */
  async round(): Promise<Round> {
    await this.#store();
    const listed = await this.list(LIST_ENDPOINTS_OF_ROUND);
    const now = this.now();
    const receivers: Receiver[] = [];
    for (const endpoint of listed) {
      if (endpoint.state === "deleted") await deleteStep(endpoint.id);
      else {
        const receiver = await openReceiver(endpoint, now);
        this.#tellUnreadable(receiver);
        if (endpoint.state === "active") receivers.push(receiver);
      }
    }
    for (const id of this.#lanes.keys()) if (!receivers.some((one) => one.id === id)) this.#forgetEndpoint(id);
    const pages = new Map<string, ReturnType<typeof readPage>>();
    let isMore = false;
    const due: Receiver[] = [];
    for (const receiver of receivers) {
      this.#tellLate(receiver, now);
      const isGivenBack = await this.#giveBackOld(receiver);
      const added = await addDeliveriesOf(receiver, pages, now);
      isMore ||= added.isMore;
      if (receiver.dueSince !== null || isGivenBack || added.added > 0) due.push(receiver);
    }
    const share = Math.floor(WEBHOOK_ATTEMPTS_PER_PROCESS / Math.max(1, receivers.length));
    this.#perEndpoint = Math.max(1, Math.min(WEBHOOK_ATTEMPTS_PER_ENDPOINT, share));
    const leased = await this.#leaseDue(due);
    for (const { id } of receivers) this.#beginAttempts(id);
    if (isMore || leased > 0) return "more";
    return listed.some(({ state }) => state === "active" || state === "deleted") ? "waiting" : "idle";
  }

  /** As for any worker, and stores what came of attempts. */
  override async stop(graceMs: number): Promise<void> {
    await super.stop(graceMs);
    await this.#store();
  }

  /** Gives back the deliveries that were leased before the endpoint changed and not begun. Returns whether there were some. */
  async #giveBackOld({ id, version }: Receiver): Promise<boolean> {
    const lane = this.#lane(id);
    const old = lane.queue.filter(({ receiver }) => receiver.version !== version);
    lane.queue = lane.queue.filter(({ receiver }) => receiver.version === version);
    await this.giveBack(old.map((delivery) => delivery.id));
    return old.length > 0;
  }

  /** Logs once that deliveries of an endpoint wait for long, until they don't any more. */
  #tellLate({ id, dueSince }: Receiver, now: Date): void {
    const isLate = dueSince !== null && now.getTime() - dueSince.getTime() > LATE_MS;
    this.tellOnce(`late ${id}`, isLate, () =>
      log.warn({ webhook: id, dueSince }, "deliveries to a webhook endpoint have been due for more than five minutes"),
    );
  }

  /** Logs once that no secret of an endpoint can be opened. */
  #tellUnreadable({ id, secrets }: Receiver): void {
    const advice = "the secrets of a webhook endpoint can't be opened: rotate them, or set AUTH_SECRET_PREVIOUS";
    this.tellOnce(`unreadable ${id}`, secrets.length === 0, () => log.error({ webhook: id }, advice));
  }

  #lane(id: string): Lane {
    const lane = this.#lanes.get(id) ?? { queue: [], ended: 0 };
    this.#lanes.set(id, lane);
    return lane;
  }

  /** Forgets an endpoint that is not active any more. Its leases end by themselves. */
  #forgetEndpoint(id: string): void {
    for (const delivery of this.#lane(id).queue) this.leased.delete(delivery.id);
    this.#lanes.delete(id);
  }

  /** Leases due deliveries: for each endpoint up to twice as many as it finished since the last lease. Returns how many it leased. */
  async #leaseDue(receivers: Receiver[]): Promise<number> {
    const asked = receivers.map((receiver) => {
      const { queue, ended } = this.#lane(receiver.id);
      const wanted = Math.min(WEBHOOK_DELIVERIES_PER_ROUND, Math.max(this.#perEndpoint, 2 * ended));
      return { receiver, limit: wanted - queue.length - this.countOf(receiver.id) };
    });
    const leased = await this.lease(asked);
    for (const { receiver, limit } of asked) if (limit > 0) this.#lane(receiver.id).ended = 0;
    const bodies = await composeBodies(leased);
    for (const [at, row] of leased.entries())
      this.#lane(row.receiver.id).queue.push({ ...row, body: bodies[at] ?? null });
    return leased.length;
  }

  /** Begins as many attempts as may run for the endpoint. */
  #beginAttempts(endpointId: string): void {
    const { queue } = this.#lane(endpointId);
    while (this.countOf(endpointId) < this.#perEndpoint) {
      const delivery = queue.shift();
      if (!delivery) return;
      // Other processes may lease it soon. It is leased again by the round that finds it due.
      const isOver = delivery.leaseUntil.getTime() - this.now().getTime() < WEBHOOK_LEASE_LEFT_MS_MIN;
      if (isOver) this.leased.delete(delivery.id);
      else this.begin(delivery);
    }
  }

  protected makeRequest({ id, receiver, body }: Delivery, at: Date): WebhookRequest | UnsentFault {
    if (body === null) return "event_deleted";
    if (receiver.secrets.length === 0) return "secret_unreadable";
    const signature = signWebhook({ id, at, body }, receiver.secrets);
    const headers = { "content-type": "application/json", "user-agent": "Sarafan-Webhooks", ...signature };
    return { url: receiver.url, headers, body };
  }

  protected keep(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  protected goOn({ lease: { receiver } }: Outcome): void {
    this.#lane(receiver.id).ended += 1;
    this.#beginAttempts(receiver.id);
  }

  /** Stores all outcomes so far in one transaction. If that fails, the next round stores them. */
  async #store(): Promise<void> {
    const outcomes = [...this.#outcomes];
    if (outcomes.length === 0) return;
    const now = this.now();
    const disabled = await storeOutcomes(outcomes, this.id, now);
    this.#outcomes = this.#outcomes.slice(outcomes.length);
    for (const { answer } of outcomes) countWebhookAttempt(answer.fault ?? "ok");
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
    // An attempt counts only for the endpoint as it was then: its address may be another one now. A delivery without its event was not sent.
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
export async function deliverWebhooks(options: WebhookWorkerOptions & { signal?: AbortSignal } = {}): Promise<void> {
  await new WebhookWorker(options).runUntilIdle(options.signal);
}
