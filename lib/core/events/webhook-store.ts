import { randomBytes } from "node:crypto";
import { DATABASE_NOW, leaseStatements, NOW } from "@/lib/core/outgoing/leases";
import { statement } from "@/lib/db/database";
import { EVENTS_SINCE_MARK } from "./event-log";

/** The type of a test event, which no event of the log has. */
export const TEST_EVENT_TYPE = "webhook.test";

/** Draws the id of a delivery, which receivers get as `webhook-id`. It stays the same in all attempts, those of a replay included. */
export function drawDeliveryId(): string {
  return `msg_${randomBytes(16).toString("base64url")}`;
}

/** The SQL of `:now`, or of the database's time if that is earlier: deliveries are due by the database's clock, and a server's may be ahead. */
const dueNow = (now: string) => `CASE WHEN :now < ${now} THEN :now ELSE ${now} END`;

/** Returns the SQL that reads the parameter `rows`, a JSON array of objects, as a table `given` with these columns. */
function jsonRows(columns: Record<string, "text" | "integer" | "time">): { sqlite: string; postgresql: string } {
  const names = Object.entries(columns);
  const read = (name: string, type: string) => {
    const value = `json_extract("value", '$.${name}')`;
    // Times are stored as in lib/db/sqlite.ts.
    return `${type === "time" ? `substr(${value}, 1, 23) || '+00:00'` : value} AS "${name}"`;
  };
  const typeOf = (type: string) => (type === "time" ? "timestamp(3)" : type);
  return {
    sqlite: `(SELECT ${names.map(([name, type]) => read(name, type)).join(", ")} FROM json_each(:rows)) AS "given"`,
    postgresql: `jsonb_to_recordset(CAST(:rows AS jsonb)) AS "given"(${names.map(([name, type]) => `"${name}" ${typeOf(type)}`).join(", ")})`,
  };
}

/**
 * Makes a statement of an SQL text in which `$rows` stands for the objects of the parameter `rows`, and `$among` for the condition that a
 * delivery is one of them, which only PostgreSQL needs: its planner doesn't know how few they are, and might read all deliveries without it.
 * `$now` stands for the SQL of `dueNow`.
 */
function onRows(columns: Parameters<typeof jsonRows>[0], sql: string): { sqlite: string; postgresql: string } {
  const { sqlite, postgresql } = jsonRows(columns);
  const among = `"WebhookDelivery"."id" = ANY (ARRAY (SELECT "given"."id" FROM ${postgresql}))`;
  return {
    sqlite: sql
      .replace("$rows", sqlite)
      .replace("$among", "TRUE")
      .replaceAll("$now", () => dueNow(DATABASE_NOW.sqlite)),
    postgresql: sql
      .replace("$rows", postgresql)
      .replace("$among", among)
      .replaceAll("$now", () => dueNow(DATABASE_NOW.postgresql)),
  };
}

const listEndpoints = (now: string) => `
  SELECT "id", "url", "types", "hasPhones", "secret", "previousSecret", "previousUntil", "cursorAt", "cursorTransactionId",
    "cursorId", "version", "state", (
      SELECT MIN("dueAt") FROM "WebhookDelivery" WHERE "endpointId" = "WebhookEndpoint"."id" AND "dueAt" <= ${now}) AS "dueSince",
    ${now} AS "now"
  FROM "WebhookEndpoint" ORDER BY "id"`;
/**
 * Lists all endpoints: active ones, which get deliveries, deleted ones, whose deliveries are still to be deleted, and those that rest,
 * whose secrets are sealed again, too. `MOVE_CURSOR` checks again that an endpoint may get deliveries. `dueSince` is when the first delivery
 * that waits became due.
 */
export const LIST_ENDPOINTS_OF_ROUND = statement({
  params: { now: "time?" },
  row: {
    id: "text",
    url: "text",
    types: "text?",
    hasPhones: "boolean",
    secret: "text",
    previousSecret: "text?",
    previousUntil: "time?",
    cursorAt: "time",
    cursorTransactionId: "integer",
    cursorId: "integer",
    version: "integer",
    state: "text",
    dueSince: "time?",
    now: "time",
  },
  sql: { sqlite: listEndpoints(NOW.sqlite), postgresql: listEndpoints(NOW.postgresql) },
});

/** Moves an endpoint's cursor, unless another server has moved it or an administrator has changed the endpoint. */
export const MOVE_CURSOR = statement({
  params: {
    id: "text",
    version: "integer",
    fromTransactionId: "text",
    fromId: "integer",
    toAt: "time",
    toTransactionId: "text",
    toId: "integer",
    missedAt: "time?",
  },
  sql: `
    UPDATE "WebhookEndpoint" SET "cursorAt" = :toAt, "cursorTransactionId" = CAST(:toTransactionId AS bigint), "cursorId" = :toId,
      "missedAt" = COALESCE(:missedAt, "missedAt")
    WHERE "id" = :id AND "state" = 'active' AND "version" = :version
      AND "cursorTransactionId" = CAST(:fromTransactionId AS bigint) AND "cursorId" = :fromId`,
});
export const ADD_DELIVERIES = statement({
  params: { endpointId: "text", rows: "text", now: "time" },
  sql: onRows(
    { id: "text", eventId: "integer" },
    `INSERT INTO "WebhookDelivery" ("id", "endpointId", "eventId", "type", "at", "state", "dueAt")
    SELECT "given"."id", :endpointId, "Event"."id", "Event"."type", "Event"."at", 'pending', :now
    FROM $rows JOIN "Event" ON "Event"."id" = "given"."eventId"`,
  ),
});
const addTestDelivery = (now: string) => `
  INSERT INTO "WebhookDelivery" ("id", "endpointId", "type", "at", "state", "dueAt")
  VALUES (:id, :endpointId, :type, :now, 'pending', ${dueNow(now)})`;
export const ADD_TEST_DELIVERY = statement({
  params: { id: "text", endpointId: "text", type: "text", now: "time" },
  sql: { sqlite: addTestDelivery(DATABASE_NOW.sqlite), postgresql: addTestDelivery(DATABASE_NOW.postgresql) },
});

/** Leases deliveries and gives them back. */
export const LEASES = leaseStatements("WebhookDelivery", "endpointId", {
  id: "text",
  eventId: "integer?",
  type: "text",
  at: "time",
  step: "integer",
});

export const READ_EVENTS = statement({
  params: { rows: "text" },
  row: {
    id: "integer",
    accountId: "integer?",
    sequence: "integer?",
    isTest: "boolean",
    data: "text",
    since: "time?",
  },
  sql: onRows(
    { id: "integer" },
    `SELECT "Event"."id", "accountId", "sequence", "isTest", "data",
      (SELECT "at" FROM "Mark" WHERE "name" = '${EVENTS_SINCE_MARK}') AS "since"
    FROM $rows JOIN "Event" ON "Event"."id" = "given"."id"`,
  ),
});
export const READ_IDENTITIES = statement({
  params: { rows: "text" },
  row: { id: "integer", phone: "text?", email: "text?" },
  sql: onRows(
    { id: "integer" },
    `SELECT "User"."id", "phone", "email" FROM $rows JOIN "User" ON "User"."id" = "given"."id"`,
  ),
});

/** Stores what came of attempts. Only rows that are still leased to this process are changed and returned. */
export const STORE_OUTCOMES = statement({
  params: { rows: "text", worker: "text" },
  row: { id: "text", attempts: "integer" },
  sql: onRows(
    { id: "text", state: "text", step: "integer", dueAt: "time" },
    `UPDATE "WebhookDelivery" SET "state" = "given"."state", "step" = "given"."step", "attempts" = "attempts" + 1,
      "dueAt" = "given"."dueAt", "worker" = NULL
    FROM $rows WHERE $among AND "WebhookDelivery"."id" = "given"."id" AND "WebhookDelivery"."worker" = :worker
    RETURNING "WebhookDelivery"."id", "attempts"`,
  ),
});
export const ADD_ATTEMPTS = statement({
  params: { rows: "text" },
  sql: onRows(
    {
      ...{ id: "text", number: "integer", at: "time", status: "integer", durationMs: "integer" },
      ...{ fault: "text", answer: "text" },
    },
    `INSERT INTO "WebhookAttempt" ("deliveryId", "number", "at", "status", "durationMs", "fault", "answer")
    SELECT "id", "number", "at", "status", "durationMs", "fault", "answer" FROM $rows`,
  ),
});

export const FIND_DELIVERY = statement({
  params: { id: "text", endpointId: "text" },
  row: { id: "text" },
  sql: `SELECT "id" FROM "WebhookDelivery" WHERE "id" = :id AND "endpointId" = :endpointId`,
});
/**
 * Makes deliveries due now, with the schedule from its beginning. Leaves out those that are due or leased now. `|| ''` keeps SQLite from
 * the index by endpoint, with which it would compare each delivery of the endpoint with the list, and not look each id of the list up.
 */
export const REPLAY = statement({
  params: { rows: "text", endpointId: "text", now: "time" },
  sql: onRows(
    { id: "text" },
    `UPDATE "WebhookDelivery" SET "state" = 'pending', "step" = 0, "dueAt" = $now FROM $rows
    WHERE $among AND "WebhookDelivery"."id" = "given"."id" AND "WebhookDelivery"."endpointId" || '' = :endpointId
      AND "WebhookDelivery"."worker" IS NULL
      AND ("WebhookDelivery"."state" <> 'pending' OR "WebhookDelivery"."dueAt" > $now)`,
  ),
});

export const END_FAILING = statement({
  params: { id: "text", version: "integer" },
  sql: `
    UPDATE "WebhookEndpoint" SET "failingSince" = NULL
    WHERE "id" = :id AND "version" = :version AND "failingSince" IS NOT NULL`,
});
export const BEGIN_FAILING = statement({
  params: { id: "text", version: "integer", since: "time" },
  sql: `
    UPDATE "WebhookEndpoint" SET "failingSince" = :since
    WHERE "id" = :id AND "version" = :version AND "failingSince" IS NULL`,
});
/** Disables an endpoint, if it is active; with the reason `failing` only if it has failed since `before`. */
export const DISABLE = statement({
  params: { id: "text", version: "integer", reason: "text", before: "time" },
  row: { url: "text" },
  sql: `
    UPDATE "WebhookEndpoint" SET "state" = 'disabled', "reason" = :reason, "version" = "version" + 1
    WHERE "id" = :id AND "version" = :version AND "state" = 'active' AND (:reason = 'gone' OR "failingSince" <= :before) RETURNING "url"`,
});
/**
 * Replaces secrets that the previous key sealed with the same secrets sealed by the current key, unless a rotation has replaced them.
 */
export const RESEAL = statement({
  params: { id: "text", secret: "text", resealed: "text" },
  sql: `
    UPDATE "WebhookEndpoint" SET
      "secret" = CASE WHEN "secret" = :secret THEN :resealed ELSE "secret" END,
      "previousSecret" = CASE WHEN "previousSecret" = :secret THEN :resealed ELSE "previousSecret" END
    WHERE "id" = :id`,
});

/** Forgets the secrets before a rotation when they sign no more. */
export const DROP_PREVIOUS = statement({
  params: { id: "text", now: "time" },
  sql: `
    UPDATE "WebhookEndpoint" SET "previousSecret" = NULL, "previousUntil" = NULL WHERE "id" = :id AND "previousUntil" <= :now`,
});

/** How many deliveries of a deleted endpoint are deleted in one step: so few that SQLite's only writer is busy for milliseconds. */
const DELETED_PER_STEP = 200;
const someOfEndpoint = `SELECT "id" FROM "WebhookDelivery" WHERE "endpointId" = :endpointId LIMIT ${DELETED_PER_STEP}`;
export const DELETE_DELIVERIES = statement({
  params: { endpointId: "text" },
  sql: {
    sqlite: `DELETE FROM "WebhookDelivery" WHERE "id" IN (${someOfEndpoint})`,
    postgresql: `DELETE FROM "WebhookDelivery" WHERE "id" = ANY (ARRAY (${someOfEndpoint}))`,
  },
});
export const DELETE_ENDPOINT = statement({
  params: { id: "text" },
  sql: `DELETE FROM "WebhookEndpoint" WHERE "id" = :id AND "state" = 'deleted'`,
});
