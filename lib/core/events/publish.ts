import { statement, type Transaction } from "@/lib/db/database";
import { type EndReason, type NewEvent, SESSIONS_PER_EVENT_MAX } from "./event-types";

const COUNT_EVENTS = statement({
  params: { accountId: "integer", count: "integer" },
  sql: `UPDATE "User" SET "eventSequence" = "eventSequence" + :count WHERE "id" = :accountId`,
});
const addEvent = (transactionId: string) => `
  INSERT INTO "Event" ("at", "type", "accountId", "sequence", "isTest", "data", "transactionId")
  SELECT :now, :type, "id", "eventSequence" - :later, "isTest", :data, ${transactionId} FROM "User" WHERE "id" = :accountId`;
const ADD_EVENT = statement({
  params: { now: "time", type: "text", later: "integer", data: "text", accountId: "integer" },
  sql: {
    sqlite: addEvent("0"),
    postgresql: addEvent("CAST(CAST(pg_current_xact_id() AS text) AS bigint)"),
  },
});

/**
 * Publishes events of one account, in the transaction of the deed that they report, and numbers them. The transaction holds the
 * lock of the account's row (`lockAccount`) or has made the account, so that the numbers have no gap. The events of a test
 * number's account are marked. Costs no round trip.
 */
export function publishEvents(tx: Transaction, accountId: number, events: readonly NewEvent[], now: Date): void {
  if (events.length === 0) return;
  tx.queue(COUNT_EVENTS, { accountId, count: events.length });
  for (const [at, { type, data }] of events.entries()) {
    tx.queue(ADD_EVENT, { now, type, later: events.length - 1 - at, data: JSON.stringify(data), accountId });
  }
}

/** Publishes one event, as `publishEvents` does. */
export function publishEvent(tx: Transaction, accountId: number, event: NewEvent, now: Date): void {
  publishEvents(tx, accountId, [event], now);
}

/** Publishes that these sessions of the account ended, as `publishEvents` does. */
export function publishEndOfSessions(
  tx: Transaction,
  accountId: number,
  { sessionIds, reason }: { sessionIds: readonly string[]; reason: EndReason },
  now: Date,
): void {
  const events: NewEvent[] = [];
  for (let first = 0; first < sessionIds.length; first += SESSIONS_PER_EVENT_MAX) {
    const part = sessionIds.slice(first, first + SESSIONS_PER_EVENT_MAX);
    events.push({ type: "session.ended", data: { sessionIds: part, reason } });
  }
  publishEvents(tx, accountId, events, now);
}
