import { statement, type Transaction } from "@/lib/db/database";
import { type EndReason, type NewAccountEvent, type NewServiceEvent, SESSIONS_PER_EVENT_MAX } from "./event-types";

const COUNT_EVENTS = statement({
  params: { accountId: "integer", count: "integer" },
  sql: `UPDATE "User" SET "eventSequence" = "eventSequence" + :count WHERE "id" = :accountId`,
});
const ADD_SQL = `INSERT INTO "Event" ("at", "type", "accountId", "sequence", "isTest", "data", "transactionId")`;
const TRANSACTION_ID_SQL = { sqlite: "0", postgresql: "CAST(CAST(pg_current_xact_id() AS text) AS bigint)" };
const addEvent = (transactionId: string) => `
  ${ADD_SQL}
  SELECT :now, :type, "id", "eventSequence" - :later, "isTest", :data, ${transactionId} FROM "User" WHERE "id" = :accountId`;
const ADD_EVENT = statement({
  params: { now: "time", type: "text", later: "integer", data: "text", accountId: "integer" },
  sql: { sqlite: addEvent(TRANSACTION_ID_SQL.sqlite), postgresql: addEvent(TRANSACTION_ID_SQL.postgresql) },
});
/** The value of `User.eventSequence` of an account that is being made, whose first event `publishFirstEvent` publishes. */
export const FIRST_SEQUENCE = 1;
const addServiceEvent = (transactionId: string) => `
  ${ADD_SQL} VALUES (:now, :type, NULL, NULL, FALSE, :data, ${transactionId})`;
const ADD_SERVICE_EVENT = statement({
  params: { now: "time", type: "text", data: "text" },
  sql: {
    sqlite: addServiceEvent(TRANSACTION_ID_SQL.sqlite),
    postgresql: addServiceEvent(TRANSACTION_ID_SQL.postgresql),
  },
});

/**
 * Publishes events of one account, in the transaction of the deed that they report, and numbers them. The transaction holds the
 * lock of the account's row (`lockAccount`) or has made the account, so that the numbers have no gap. The events of a test
 * number's account are marked. Costs no round trip.
 */
export function publishEvents(tx: Transaction, accountId: number, events: readonly NewAccountEvent[], now: Date): void {
  if (events.length === 0) return;
  tx.queue(COUNT_EVENTS, { accountId, count: events.length });
  for (const [at, event] of events.entries()) addAccountEvent(tx, accountId, event, events.length - 1 - at, now);
}

/** Publishes the event that an account was made. Its row was inserted with `FIRST_SEQUENCE`, so this event is counted already. */
export function publishFirstEvent(tx: Transaction, accountId: number, event: NewAccountEvent, now: Date): void {
  addAccountEvent(tx, accountId, event, 0, now);
}

/** Adds an event that was counted, and after which `later` further ones were counted. */
function addAccountEvent(
  tx: Transaction,
  accountId: number,
  { type, data }: NewAccountEvent,
  later: number,
  now: Date,
): void {
  tx.queue(ADD_EVENT, { now, type, later, data: JSON.stringify(data), accountId });
}

/** Publishes one event, as `publishEvents` does. */
export function publishEvent(tx: Transaction, accountId: number, event: NewAccountEvent, now: Date): void {
  publishEvents(tx, accountId, [event], now);
}

/** Publishes that these sessions of the account ended, as `publishEvents` does. */
export function publishEndOfSessions(
  tx: Transaction,
  accountId: number,
  { sessionIds, reason }: { sessionIds: readonly string[]; reason: EndReason },
  now: Date,
): void {
  const events: NewAccountEvent[] = [];
  for (let first = 0; first < sessionIds.length; first += SESSIONS_PER_EVENT_MAX) {
    const part = sessionIds.slice(first, first + SESSIONS_PER_EVENT_MAX);
    events.push({ type: "session.ended", data: { sessionIds: part, reason } });
  }
  publishEvents(tx, accountId, events, now);
}

/** Publishes an event that concerns no account, in this transaction. Costs no round trip. */
export function publishServiceEvent(tx: Transaction, { type, data }: NewServiceEvent, now: Date): void {
  tx.queue(ADD_SERVICE_EVENT, { now, type, data: JSON.stringify(data) });
}
