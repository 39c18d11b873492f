import { z } from "zod";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { type Actor, type ActorFailure, auditOf, lockActor, settle } from "@/lib/core/administration/actor";
import { WEBHOOK_DELIVERIES_COUNTED_MAX, WEBHOOK_DELIVERIES_PER_PAGE } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type RowOf, readPrimary, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { EVENTS_SINCE_MARK, eventIdOf } from "./event-log";
import type { EventType } from "./event-types";
import { FIND_DELIVERY, REPLAY, type TEST_EVENT_TYPE } from "./webhook-store";
import type { AttemptFault } from "./webhook-work";

/** What has become of a delivery: an attempt is due or under way, one succeeded, or the last one failed. */
export const WEBHOOK_STATES = ["pending", "delivered", "failed"] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** An event on its way to an endpoint. */
export interface WebhookDelivery {
  /** The `webhook-id`. */
  id: string;
  /** The id of the event, and the account that it concerns; null for a test event, or once the event is deleted. */
  eventId: string | null;
  accountId: number | null;
  type: EventType | typeof TEST_EVENT_TYPE;
  /** When the event happened. */
  at: Date;
  state: WebhookState;
  /** How many attempts were made, replays included. */
  attempts: number;
  /** When the next attempt is due; null when none is. */
  nextAt: Date | null;
  /** Whether a server makes an attempt now, or will in a moment. */
  isUnderWay: boolean;
}

/** An attempt at a delivery. */
export interface WebhookAttempt {
  /** From 1. */
  number: number;
  at: Date;
  durationMs: number;
  /** The status of the answer; null without one. */
  status: number | null;
  /** Null after a success. */
  fault: AttemptFault | null;
  /** The first kilobyte of the answer, without control characters; null for an empty one. */
  answer: string | null;
}

/**
 * A place in a list of deliveries, the newest first: the reader has read all down to it. As text it is `1796000000000-msg_…`. Other text
 * fails with the zod issue `cursor_malformed`.
 */
export const WebhookDeliveryCursor = z.codec(
  z.string().regex(/^\d{1,14}-msg_[\w-]{22}$/, "cursor_malformed"),
  z.object({ at: z.date(), id: z.string() }),
  {
    decode: (text) => {
      const at = text.indexOf("-");
      return { at: new Date(Number(text.slice(0, at))), id: text.slice(at + 1) };
    },
    encode: ({ at, id }) => `${at.getTime()}-${id}`,
  },
);
export type WebhookDeliveryCursor = z.output<typeof WebhookDeliveryCursor>;

/** Which deliveries of an endpoint: those in one state, of one type, of events from `from` on and before `until`. */
export interface WebhookFilter {
  state?: WebhookState | undefined;
  type?: WebhookDelivery["type"] | undefined;
  from?: Date | undefined;
  until?: Date | undefined;
}

const DELIVERY_COLUMNS = {
  id: "text",
  number: "integer?",
  accountId: "integer?",
  type: "text",
  at: "time",
  state: "text",
  attempts: "integer",
  dueAt: "time?",
  worker: "text?",
  since: "time?",
} as const;
const SELECT_DELIVERIES = `
  SELECT "WebhookDelivery"."id", "Event"."id" AS "number", "accountId", "WebhookDelivery"."type", "WebhookDelivery"."at", "state",
    "attempts", "dueAt", "worker", (SELECT "at" FROM "Mark" WHERE "name" = '${EVENTS_SINCE_MARK}') AS "since"
  FROM "WebhookDelivery" LEFT JOIN "Event" ON "Event"."id" = "WebhookDelivery"."eventId"`;
/** Lists deliveries in one state, so that the index serves. */
const LIST_DELIVERIES = statement({
  params: {
    endpointId: "text",
    state: "text",
    type: "text?",
    from: "time",
    until: "time",
    beforeId: "text",
    limit: "integer",
  },
  row: DELIVERY_COLUMNS,
  sql: `${SELECT_DELIVERIES}
    WHERE "endpointId" = :endpointId AND "state" = :state AND "WebhookDelivery"."at" >= :from
      AND ("WebhookDelivery"."at", "WebhookDelivery"."id") < (:until, :beforeId)
      AND (:type IS NULL OR "WebhookDelivery"."type" = :type)
    ORDER BY "WebhookDelivery"."at" DESC, "WebhookDelivery"."id" DESC LIMIT :limit`,
});
const READ_DELIVERY = statement({
  params: { id: "text", endpointId: "text" },
  row: DELIVERY_COLUMNS,
  sql: `${SELECT_DELIVERIES} WHERE "WebhookDelivery"."id" = :id AND "endpointId" = :endpointId`,
});
const LIST_ATTEMPTS = statement({
  params: { deliveryId: "text" },
  row: {
    number: "integer",
    at: "time",
    durationMs: "integer",
    status: "integer?",
    fault: "text?",
    answer: "text?",
  },
  sql: `
    SELECT "number", "at", "durationMs", "status", "fault", "answer" FROM "WebhookAttempt"
    WHERE "deliveryId" = :deliveryId ORDER BY "number"`,
});

const DAY_MS = 24 * 60 * 60 * 1000;
const EARLIEST = new Date(0);
/** Later than each event, with room for clocks that run ahead. */
const LATEST = new Date("9999-01-01");

function deliveryOf(row: RowOf<typeof READ_DELIVERY>): WebhookDelivery {
  const { number, since, dueAt, worker, ...delivery } = row;
  return {
    ...delivery,
    eventId: number === null ? null : eventIdOf(number, since),
    nextAt: worker === null ? dueAt : null,
    isUnderWay: worker !== null,
  } as WebhookDelivery;
}

/** Some deliveries, the newest first. `next` is null on the last page. */
export interface WebhookDeliveryPage {
  deliveries: WebhookDelivery[];
  next: WebhookDeliveryCursor | null;
}

/** Returns a page of the deliveries of an endpoint that the filter lets through, the newest first. */
export async function listWebhookDeliveries({
  endpointId,
  cursor = null,
  limit = WEBHOOK_DELIVERIES_PER_PAGE,
  ...filter
}: {
  endpointId: string;
  cursor?: WebhookDeliveryCursor | null;
  limit?: number;
} & WebhookFilter): Promise<WebhookDeliveryPage> {
  const before = cursor ?? { at: filter.until ?? LATEST, id: "" };
  const bounds = { from: filter.from ?? EARLIEST, until: before.at, beforeId: before.id, limit: limit + 1 };
  const asked = { endpointId, type: filter.type ?? null, ...bounds };
  const states = filter.state ? [filter.state] : WEBHOOK_STATES;
  const lists = await Promise.all(states.map((state) => readPrimary.all(LIST_DELIVERIES, { ...asked, state })));
  const rows = lists.flat().sort((one, other) => (isNewer(one, other) ? -1 : 1));
  const deliveries = rows.slice(0, limit).map(deliveryOf);
  const last = deliveries.at(-1);
  return { deliveries, next: rows.length > limit && last ? { at: last.at, id: last.id } : null };
}

const isNewer = (one: { at: Date; id: string }, other: { at: Date; id: string }) =>
  one.at.getTime() === other.at.getTime() ? one.id > other.id : one.at > other.at;

/** Returns a delivery of an endpoint; null if there is none. */
export async function findWebhookDelivery(endpointId: string, id: string): Promise<WebhookDelivery | null> {
  const row = await readPrimary.get(READ_DELIVERY, { id, endpointId });
  return row ? deliveryOf(row) : null;
}

/**
 * Returns the attempts at a delivery, the first one first. `seesPhones` says whether the reader may see phones: without it `answer` is
 * null, because a receiver may repeat the phone and the mailbox that it got.
 */
export async function listWebhookAttempts(
  deliveryId: string,
  { seesPhones }: { seesPhones: boolean },
): Promise<WebhookAttempt[]> {
  const attempts = (await readPrimary.all(LIST_ATTEMPTS, { deliveryId })) as WebhookAttempt[];
  return seesPhones ? attempts : attempts.map((attempt) => ({ ...attempt, answer: null }));
}

const COUNT_DELIVERIES = statement({
  params: { endpointId: "text", state: "text", type: "text?", from: "time", until: "time", limit: "integer" },
  row: { examined: "integer", matching: "integer", tried: "integer" },
  sql: `
    SELECT COUNT(*) AS "examined",
      COUNT(CASE WHEN :type IS NULL OR "type" = :type THEN 1 END) AS "matching",
      COUNT(CASE WHEN "attempts" > 0 THEN 1 END) AS "tried"
    FROM (
      SELECT "type", "attempts" FROM "WebhookDelivery"
      WHERE "endpointId" = :endpointId AND "state" = :state AND "at" >= :from AND "at" < :until
      ORDER BY "at" DESC, "id" DESC LIMIT :limit) AS "newest"`,
});

/** Counts the newest deliveries in each state, up to one more than `WEBHOOK_DELIVERIES_COUNTED_MAX` in a state. */
function countByState(
  endpointId: string,
  { type = null, from = EARLIEST, until = LATEST }: { type?: string | null; from?: Date; until?: Date },
  states: readonly WebhookState[] = WEBHOOK_STATES,
) {
  const asked = { endpointId, type, from, until, limit: WEBHOOK_DELIVERIES_COUNTED_MAX + 1 };
  return Promise.all(
    states.map(async (state) => ({ state, ...(await readPrimary.get(COUNT_DELIVERIES, { ...asked, state })) })),
  );
}

/**
 * Counts the deliveries of an endpoint that a filter lets through. With `isMore`, there are more: the newest
 * `WEBHOOK_DELIVERIES_COUNTED_MAX` in each state are examined.
 */
export async function countWebhookDeliveries({
  endpointId,
  state,
  type,
  ...times
}: { endpointId: string } & WebhookFilter): Promise<{ count: number; isMore: boolean }> {
  const { from = EARLIEST, until = LATEST } = times;
  const counts = await countByState(endpointId, { type: type ?? null, from, until }, state && [state]);
  const isMore = counts.some(({ examined = 0 }) => examined > WEBHOOK_DELIVERIES_COUNTED_MAX);
  return { count: counts.reduce((sum, { matching = 0 }) => sum + matching, 0), isMore };
}

/**
 * What became of the events of an endpoint's last 24 hours: how many it accepted, and how many of those that were tried it has not
 * accepted. A number above `WEBHOOK_DELIVERIES_COUNTED_MAX` means that there are more.
 */
export interface DayOfEndpoint {
  delivered: number;
  refused: number;
}

/** Returns what became of the events of an endpoint's last 24 hours. */
export async function countDayOfEndpoint(endpointId: string, now = new Date()): Promise<DayOfEndpoint> {
  const counts = await countByState(endpointId, { from: new Date(now.getTime() - DAY_MS) });
  const triedIn = (of: WebhookState) => counts.find(({ state }) => state === of)?.tried ?? 0;
  return { delivered: triedIn("delivered"), refused: triedIn("pending") + triedIn("failed") };
}

/** How many deliveries one transaction of a replay changes: so few that SQLite's only writer is busy for milliseconds. */
const REPLAYED_PER_STEP = 200;

/**
 * Makes deliveries due again, also those that succeeded: each begins the schedule again, with the same id. With `deliveryId` it is one
 * delivery; without it, all that match the filter. Leaves out those that are due or under way anyway. Returns how many it made due.
 * If the endpoint is paused or disabled, the attempts are made when it goes on.
 *
 * Fails with an `ActorFailure`, `endpoint_unknown`, or with `delivery_unknown` if there is no such delivery of the endpoint.
 */
export async function replayDeliveries<Who extends Actor>(
  actor: Who,
  endpointId: string,
  what: { deliveryId: string } | WebhookFilter,
  { reason }: { reason?: string | undefined } = {},
  now = new Date(),
): Promise<Result<{ count: number }, ActorFailure<Who> | { name: "endpoint_unknown" | "delivery_unknown" }>> {
  type Replayed = Awaited<ReturnType<typeof replayDeliveries<Who>>>;
  const pages =
    "deliveryId" in what ? [{ ids: [what.deliveryId], isFirst: true, isLast: true }] : pagesOf(endpointId, what);
  let count = 0;
  for await (const { ids, isFirst, isLast } of pages) {
    const before = count;
    const replayed = await transact<Replayed>(async (tx) => {
      const locked = await lockActor(tx, actor, now);
      if (!locked.ok) return rollBack<Replayed>(locked);
      if (!(await tx.get(FIND_ENDPOINT_ID, { id: endpointId })))
        return rollBack<Replayed>(fail({ name: "endpoint_unknown" }));
      if ("deliveryId" in what && !(await tx.get(FIND_DELIVERY, { id: what.deliveryId, endpointId })))
        return rollBack<Replayed>(fail({ name: "delivery_unknown" }));
      if (isFirst) recordReplay(tx, actor, endpointId, what, { reason, now });
      const rows = JSON.stringify(ids.map((id) => ({ id })));
      const done = { count: before + (ids.length > 0 ? await tx.run(REPLAY, { rows, endpointId, now }) : 0) };
      return isLast ? settle(tx, actor, done) : succeed(done);
    });
    if (!replayed.ok) return replayed;
    count = replayed.value.count;
  }
  return succeed({ count });
}

const FIND_ENDPOINT_ID = statement({
  params: { id: "text" },
  row: { id: "text" },
  sql: `SELECT "id" FROM "WebhookEndpoint" WHERE "id" = :id AND "state" <> 'deleted'`,
});

interface ReplayPage {
  ids: string[];
  isFirst: boolean;
  isLast: boolean;
}

/**
 * The order in which a replay walks the states. It makes deliveries pending, and servers attempt them while it walks: in this order no
 * delivery that succeeds meanwhile is found again.
 */
const REPLAY_ORDER = ["delivered", "failed", "pending"] as const;

/** Returns the ids of the deliveries that a filter lets through. */
async function* pagesOf(endpointId: string, filter: WebhookFilter): AsyncGenerator<ReplayPage> {
  const states = filter.state ? [filter.state] : REPLAY_ORDER;
  let isFirst = true;
  for (const [at, state] of states.entries()) {
    let cursor: WebhookDeliveryCursor | null = null;
    do {
      const page: WebhookDeliveryPage = await listWebhookDeliveries({
        ...{ ...filter, state, endpointId, cursor, limit: REPLAYED_PER_STEP },
      });
      cursor = page.next;
      const isLast = cursor === null && at === states.length - 1;
      yield { ids: page.deliveries.map(({ id }) => id), isFirst, isLast };
      isFirst = false;
    } while (cursor);
  }
}

function recordReplay(
  tx: Transaction,
  actor: Actor,
  webhook: string,
  what: { deliveryId: string } | WebhookFilter,
  { reason, now }: { reason: string | undefined; now: Date },
): void {
  const filter =
    "deliveryId" in what
      ? { delivery: what.deliveryId }
      : { state: what.state, type: what.type, from: what.from?.toISOString(), until: what.until?.toISOString() };
  recordEvent(tx, {
    ...{ action: "webhook_replayed", ...auditOf(actor), subjectId: null },
    ...{ details: { webhook, filter, ...(reason !== undefined && { reason }) }, now },
  });
}
