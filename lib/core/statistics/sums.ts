import { setTimeout as sleep } from "node:timers/promises";
import { runInBackground } from "@/lib/core/background";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { CLOCK_SKEW_MS_MAX, SMS_PRICE_BY_COUNTRY, SUMMED_MS_MAX } from "@/lib/core/policy";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { addDays, type Hour, hoursBetween, startOfDay } from "./days";

/**
 * The steps from a requested code to an activated invite code. Each is counted in the hour in which it happened.
 * - `asked`: codes that were requested for a login or a registration, with those that were refused and stored. The deliveries
 *   of one code have one recipient and one time; those of version 0.1 name no purpose. Refused requests of a flood are not stored,
 *   so they are not counted.
 * - `sent`: those of them that a sender accepted, or may have accepted without an answer.
 * - `delivered`: those of them that the provider reported as delivered. Some providers report nothing.
 * - `verified`: sign-ins (`signed_in`). Each needs a right code and opens a session.
 * - `signed_up`: accounts that their owners made (`account_created`).
 * - `activated`: invite codes that were activated (`invite_activated`), at the sign-up or later.
 */
export const STEPS = ["asked", "sent", "delivered", "verified", "signed_up", "activated"] as const;
export type Step = (typeof STEPS)[number];

/**
 * What is counted.
 * - a `Step`, by channel and country: those of the code, of the sign-in or of the account.
 * - `added`: accounts that an administrator or the command line made.
 * - `refused`: requests for a code that were refused before a sender was asked, by reason.
 * - `message_` and the state of a delivery: messages that were offered to a sender, by sender and reason. The amount is their
 *   cost: as the provider stated it, otherwise by `SMS_PRICE` and without a currency. Refused and failed messages cost nothing.
 */
export type Measure = Step | "added" | "refused" | `message_${MessageState}`;
export type MessageState = "accepted" | "delivered" | "undelivered" | "refused" | "failed" | "unanswered";

/** The messages that the provider took, or may have taken, and charges for. */
const PAID_MEASURES: readonly string[] = [
  "message_accepted",
  "message_delivered",
  "message_undelivered",
  "message_unanswered",
];

const CHANNEL_SQL = `CASE WHEN "lastDigits" = '' THEN 'email' ELSE 'phone' END`;

/** Leaves out the rows of test numbers, which are neither people nor messages. */
const IS_OF_PERSON_SQL = `COALESCE("sender", '') <> '${TEST_NUMBER_SENDER}'`;

const COUNT_MESSAGES = statement({
  params: { start: "time", end: "time" },
  row: {
    measure: "text",
    channel: "text",
    country: "text",
    sender: "text",
    reason: "text",
    currency: "text",
    count: "integer",
    cost: "real?",
  },
  sql: `
    SELECT CASE WHEN "sender" IS NULL THEN 'refused' ELSE 'message_' || "state" END AS "measure", ${CHANNEL_SQL} AS "channel",
      COALESCE("country", '') AS "country", COALESCE("sender", '') AS "sender", COALESCE("reason", '') AS "reason",
      COALESCE("currency", '') AS "currency", COUNT(*) AS "count", SUM("cost") AS "cost"
    FROM "Delivery" WHERE "at" >= :start AND "at" < :end AND ${IS_OF_PERSON_SQL} GROUP BY 1, 2, 3, 4, 5, 6`,
});

const COUNT_CODES = statement({
  params: { start: "time", end: "time" },
  row: { channel: "text", country: "text", asked: "integer", sent: "integer", delivered: "integer" },
  sql: `
    SELECT "channel", "country", COUNT(*) AS "asked", SUM("sent") AS "sent", SUM("delivered") AS "delivered" FROM (
      SELECT MAX(${CHANNEL_SQL}) AS "channel", MAX(COALESCE("country", '')) AS "country",
        MAX(CASE WHEN "state" IN ('accepted', 'delivered', 'undelivered', 'unanswered') THEN 1 ELSE 0 END) AS "sent",
        MAX(CASE WHEN "state" = 'delivered' THEN 1 ELSE 0 END) AS "delivered"
      FROM "Delivery"
      WHERE "at" >= :start AND "at" < :end AND ${IS_OF_PERSON_SQL} AND ("purpose" IS NULL OR "purpose" IN ('login', 'registration'))
      GROUP BY "recipient", "at") AS "codes"
    GROUP BY "channel", "country"`,
});

// Events of version 0.1 name no kind of actor: there an account that acted on itself was a person.
const countEvents = (detail: (name: string) => string) => `
  SELECT CASE
      WHEN "action" = 'signed_in' THEN 'verified'
      WHEN "action" = 'invite_activated' THEN 'activated'
      WHEN "actorKind" = 'person' OR ("actorKind" IS NULL AND "actorId" = "subjectId") THEN 'signed_up'
      ELSE 'added' END AS "measure",
    COALESCE(${detail("channel")}, '') AS "channel", COALESCE(${detail("country")}, '') AS "country", COUNT(*) AS "count"
  FROM "AuditEvent"
  WHERE "at" >= :start AND "at" < :end AND "action" IN ('signed_in', 'account_created', 'invite_activated')
    AND ${detail("isTest")} IS NULL
  GROUP BY 1, 2, 3`;
/**
 * The SQL of an audit event's details without the escapes of U+0000 and of surrogates, which a reason may contain. PostgreSQL can't
 * convert them to text, and fails even if only another field is read.
 */
const READABLE_DETAILS = String.raw`
  CASE strpos("details", '\u') WHEN 0 THEN "details"
    ELSE regexp_replace("details", '(?<!\\)((\\\\)*)\\u(0000|d[89a-f][0-9a-f]{2})', '\1', 'gi') END`;
const COUNT_EVENTS = statement({
  params: { start: "time", end: "time" },
  row: { measure: "text", channel: "text", country: "text", count: "integer" },
  sql: {
    sqlite: countEvents((name) => `json_extract("details", '$.${name}')`),
    postgresql: countEvents((name) => `(CAST(${READABLE_DETAILS} AS json) ->> '${name}')`),
  },
});

const HAS_ROWS = statement({
  params: { start: "time", end: "time" },
  row: { found: "integer" },
  sql: `
    SELECT 1 AS "found" WHERE EXISTS (SELECT 1 FROM "Delivery" WHERE "at" >= :start AND "at" < :end)
      OR EXISTS (SELECT 1 FROM "AuditEvent" WHERE "at" >= :start AND "at" < :end)`,
});

/** A row of `HourlySum` without its hour. */
interface Sum {
  measure: Measure;
  channel: string;
  country: string;
  sender: string;
  reason: string;
  currency: string;
  count: number;
  amount: number;
}

const SUM_COLUMNS = `"measure", "channel", "country", "sender", "reason", "currency"`;
// After a change of `TIME_ZONE` by half an hour there are hours that overlap with this one.
const DELETE_HOUR = statement({
  params: { previous: "time", end: "time" },
  sql: `DELETE FROM "HourlySum" WHERE "hour" > :previous AND "hour" < :end`,
});
const ADD_SUM = statement({
  params: {
    hour: "time",
    measure: "text",
    channel: "text",
    country: "text",
    sender: "text",
    reason: "text",
    currency: "text",
    count: "integer",
    amount: "real",
  },
  sql: `
    INSERT INTO "HourlySum" ("hour", ${SUM_COLUMNS}, "count", "amount")
    VALUES (:hour, :measure, :channel, :country, :sender, :reason, :currency, :count, :amount)`,
});
const DELETE_DAY = statement({
  params: { day: "text" },
  sql: `DELETE FROM "DailySum" WHERE "day" = :day`,
});
const ADD_DAY = statement({
  params: { day: "text", start: "time", end: "time" },
  sql: `
    INSERT INTO "DailySum" ("day", ${SUM_COLUMNS}, "count", "amount")
    SELECT :day, ${SUM_COLUMNS}, SUM("count"), SUM("amount") FROM "HourlySum"
    WHERE "hour" >= :start AND "hour" < :end GROUP BY ${SUM_COLUMNS}`,
});

/**
 * Returns the name of the row of `Mark` that says when the sums were last computed in this time zone. After a change of the time
 * zone there is no such row, so that the hours are counted again.
 */
const sumsMarkOf = (timeZone: string) => `sums ${timeZone}`;
const FIND_MARK = statement({
  params: { name: "text" },
  row: { at: "time" },
  sql: `SELECT "at" FROM "Mark" WHERE "name" = :name`,
});
const SET_MARK = statement({
  params: { name: "text", now: "time" },
  sql: `
    INSERT INTO "Mark" ("name", "at") VALUES (:name, :now) ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at"`,
});

const DELETE_OTHER_MARKS = statement({
  params: { name: "text" },
  sql: `DELETE FROM "Mark" WHERE "name" LIKE 'sums %' AND "name" <> :name`,
});

/** Returns when the sums were last computed in a time zone; null if they never were. */
export async function sumsComputedAt(timeZone = env.TIME_ZONE): Promise<Date | null> {
  return (await readPrimary.get(FIND_MARK, { name: sumsMarkOf(timeZone) }))?.at ?? null;
}

/** Returns the sums of the rows of one hour, which are read from the indexes of their times. */
async function countHour(tx: Transaction, { start, end }: Hour): Promise<Sum[]> {
  const [messages, codes, events] = await Promise.all([
    tx.all(COUNT_MESSAGES, { start, end }),
    tx.all(COUNT_CODES, { start, end }),
    tx.all(COUNT_EVENTS, { start, end }),
  ]);
  const none = { sender: "", reason: "", currency: "", amount: 0 };
  const sums: Sum[] = [];
  for (const { cost, ...about } of messages) {
    const { measure, channel, country, currency, count } = about;
    const isPaid = channel === "phone" && PAID_MEASURES.includes(measure);
    const amount = currency === "" ? (isPaid ? count * priceOf(country) : 0) : (cost ?? 0);
    sums.push({ ...about, measure: measure as Measure, amount });
  }
  for (const { asked, sent, delivered, ...about } of codes) {
    for (const [measure, count] of Object.entries({ asked, sent, delivered })) {
      if (count > 0) sums.push({ ...none, ...about, measure: measure as Step, count });
    }
  }
  for (const { measure, ...about } of events) sums.push({ ...none, ...about, measure: measure as Measure });
  return sums;
}

/** Returns the price of one message by `SMS_PRICE`, in the operator's currency; 0 if the setting has no price for the country. */
function priceOf(country: string): number {
  return (SMS_PRICE_BY_COUNTRY.get(country) ?? SMS_PRICE_BY_COUNTRY.get("*") ?? 0) / 100;
}

/**
 * Counts one hour again from its rows, and the sums of its day from its hours, in one transaction. The result depends on the
 * rows alone, so that it is the same however often and by however many servers it is computed.
 */
async function sumHour(hour: Hour, timeZone: string): Promise<void> {
  const { day, start, end } = hour;
  const [{ start: previous } = hour] = hoursBetween(new Date(start.getTime() - 1), start, timeZone);
  const ofDay = { day, start: startOfDay(day, timeZone), end: startOfDay(addDays(day, 1), timeZone) };
  await transact(
    async (tx) => {
      const sums = await countHour(tx, hour);
      tx.queue(DELETE_HOUR, { previous, end });
      for (const sum of sums) tx.queue(ADD_SUM, { hour: start, ...sum });
      tx.queue(DELETE_DAY, { day });
      tx.queue(ADD_DAY, ofDay);
    },
    { lock: "sums" },
  );
}

const HOUR_MS = 60 * 60 * 1000;
/** How long after its end an hour is still counted at each run, because rows of its last minutes may be stored late. */
export const LATE_ROWS_MS = 10 * 60 * 1000;
/** How often the age of an hour doubles while it is counted again: the last time 64 hours after it began. */
const DOUBLINGS_MAX = 6;

/**
 * Returns a number that changes when an hour of this age is due: at its end, and each time its age has doubled, because most
 * providers report a delivery within minutes, and few after days.
 */
function stepOf(ageMs: number): number {
  return Math.min(Math.floor(Math.log2(Math.max(ageMs, HOUR_MS / 2) / HOUR_MS)), DOUBLINGS_MAX);
}

/** How long before the last run an hour began at most that may still be due. */
const OPEN_MS = (2 ** DOUBLINGS_MAX + 2) * HOUR_MS;

/**
 * Returns the hours that are due at `now`, the newest first. `last` is when the sums were last computed, or null. Hours with rows
 * that may have been deleted are not due: their sums stay as they are.
 */
function dueHours(now: Date, last: Date | null, timeZone: string): Hour[] {
  const lastMs = last?.getTime() ?? Number.NEGATIVE_INFINITY;
  const since = Math.max(now.getTime() - SUMMED_MS_MAX, Math.min(lastMs, now.getTime()) - OPEN_MS);
  return hoursBetween(new Date(since), now, timeZone)
    .filter(({ start, end }) => {
      if (start.getTime() < now.getTime() - SUMMED_MS_MAX) return false;
      if (end.getTime() + LATE_ROWS_MS > lastMs) return true;
      return stepOf(now.getTime() - start.getTime()) > stepOf(lastMs - start.getTime());
    })
    .reverse();
}

/** After an hour was counted, the job rests this many times as long as that took. */
const REST_FACTOR = 4;

/**
 * Computes the hourly and daily sums. The first run counts the rows of the last `SUMMED_MS_MAX`. A later run counts the current
 * hour, and the hours that ended or whose age doubled since the last run, with the delivery reports that came late. Each hour is a
 * short transaction of its own, followed by a rest. No request waits for a row that it changes. Several servers can run this at the
 * same time.
 */
export async function computeSums(now = new Date(), timeZone = env.TIME_ZONE): Promise<void> {
  const marked = await sumsComputedAt(timeZone);
  // A later time was written by a clock that ran ahead.
  const last = marked && marked.getTime() <= now.getTime() + CLOCK_SKEW_MS_MAX ? marked : null;
  for (const hour of dueHours(now, last, timeZone)) {
    if (!(await readPrimary.get(HAS_ROWS, { start: hour.start, end: hour.end }))) continue;
    const startedAt = performance.now();
    await sumHour(hour, timeZone);
    const isCurrent = hour.end > now;
    if (!isCurrent) await sleep(REST_FACTOR * (performance.now() - startedAt), undefined, { ref: false });
  }
  const name = sumsMarkOf(timeZone);
  await transact(async (tx) => {
    tx.queue(SET_MARK, { name, now });
    tx.queue(DELETE_OTHER_MARKS, { name });
  });
}

/**
 * Computes the sums in the background, at most once a minute in each process. Returns a promise that resolves when a run that
 * is under way has ended, and never rejects. Requests that come often call this function outside of their transactions.
 */
export function computeSumsInBackground(): Promise<void> {
  if (!isTimeToSweep("sums")) return Promise.resolve();
  return runInBackground("sums", () => computeSums());
}
