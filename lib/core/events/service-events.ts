import { runInBackground } from "@/lib/core/background";
import { isAlarm } from "@/lib/core/challenges/code-length";
import { readMessageBudgets } from "@/lib/core/challenges/message-budgets";
import { ALARM_DIGITS, CLOCK_SKEW_MS_MAX } from "@/lib/core/policy";
import { hoursBetween } from "@/lib/core/statistics/days";
import { LATE_ROWS_MS, sumsComputedAt } from "@/lib/core/statistics/sums";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { type Queries, readPrimary, statement, transact } from "@/lib/db/database";
import { type NewServiceEvent, UNDELIVERED_GROUPS_MAX } from "./event-types";
import { publishServiceEvent } from "./publish";
import { readTold, setTold } from "./told-marks";

type Told = ReadonlyMap<string, Date>;

/** Events that are due, and what is remembered once they are published; a time of null forgets it. */
interface Due {
  events: NewServiceEvent[];
  told: [what: string, at: Date | null][];
}

/** What is remembered of the alarm while it is on: when it was told that it started. */
const ALARM = "alarm";

async function dueOfAlarm(db: Queries, told: Told, now: Date): Promise<Due> {
  const startedAt = told.get(ALARM);
  const isOn = await isAlarm(db, now);
  if (isOn === (startedAt !== undefined)) return { events: [], told: [] };
  return startedAt
    ? {
        events: [{ type: "alarm.ended", data: { startedAt: startedAt.toISOString() } }],
        told: [[ALARM, null]],
      }
    : { events: [{ type: "alarm.started", data: { digits: ALARM_DIGITS } }], told: [[ALARM, now]] };
}

/** Remembered of each part of a budget is the end of the day in which it was told last. */
async function dueOfBudgets(db: Queries, told: Told, now: Date): Promise<Due> {
  const due: Due = { events: [], told: [] };
  for (const { what: budget, used, max, resetsAt, reached } of await readMessageBudgets(db, now)) {
    if (!resetsAt) continue;
    for (const percent of reached) {
      const what = `budget ${budget} ${percent}`;
      if (told.get(what)?.getTime() === resetsAt.getTime()) continue;
      const data = { budget, percent, used, max, resetsAt: resetsAt.toISOString() };
      due.events.push({ type: "budget.threshold", data });
      due.told.push([what, resetsAt]);
    }
  }
  return due;
}

const countOf = (state: string) =>
  `CAST(SUM(CASE WHEN "measure" = 'message_${state}' THEN "count" ELSE 0 END) AS INTEGER)`;
const LIST_UNDELIVERED = statement({
  params: { hour: "time", limit: "integer" },
  row: {
    sender: "text",
    channel: "text",
    country: "text",
    messages: "integer",
    undelivered: "integer",
    failed: "integer",
    unanswered: "integer",
    refused: "integer",
    count: "integer",
    all: "integer",
  },
  sql: `
    SELECT *, CAST(SUM("count") OVER () AS INTEGER) AS "all" FROM (
      SELECT *, "undelivered" + "failed" + "unanswered" + "refused" AS "count" FROM (
        SELECT "sender", "channel", "country", CAST(SUM("count") AS INTEGER) AS "messages", ${countOf("undelivered")} AS "undelivered",
          ${countOf("failed")} AS "failed", ${countOf("unanswered")} AS "unanswered", ${countOf("refused")} AS "refused"
        FROM "HourlySum" WHERE "hour" = :hour AND "measure" LIKE 'message%'
        GROUP BY "sender", "channel", "country") AS "groups") AS "counted"
    WHERE "count" > 0 ORDER BY "count" DESC, "sender", "channel", "country" LIMIT :limit`,
});

/** What is remembered of the hours: the end of the last one whose sums were told. */
const UNDELIVERED = "undelivered";
/** A server that was away for longer tells the last hours only. */
const HOURS_TOLD_MS_MAX = 24 * 60 * 60 * 1000;

/** The hours that are whole in the sums, by the delivery reports that came soon. Without a remembered time, the next ones. */
async function dueOfUndelivered(db: Queries, told: Told, computedAt: Date | null, now: Date): Promise<Due> {
  const last = told.get(UNDELIVERED);
  // A later time was written by a clock that ran ahead.
  if (!last || last.getTime() > now.getTime() + CLOCK_SKEW_MS_MAX) return { events: [], told: [[UNDELIVERED, now]] };
  const wholeMs = Math.min(now.getTime(), computedAt?.getTime() ?? Number.NEGATIVE_INFINITY) - LATE_ROWS_MS;
  const since = new Date(Math.max(last.getTime(), now.getTime() - HOURS_TOLD_MS_MAX));
  const hours = hoursBetween(since, now).filter(({ end }) => end > last && end.getTime() <= wholeMs);
  const due: Due = { events: [], told: [] };
  for (const { start, end } of hours) {
    const rows = await db.all(LIST_UNDELIVERED, { hour: start, limit: UNDELIVERED_GROUPS_MAX });
    due.told = [[UNDELIVERED, end]];
    const [first] = rows;
    if (!first) continue;
    const groups = rows.map(({ count: _, all: __, country, channel, ...group }) => ({
      ...{ ...group, channel: channel as "phone" | "email" },
      country: country === "" ? null : country,
    }));
    const data = { from: start.toISOString(), until: end.toISOString(), count: first.all, groups };
    due.events.push({ type: "code.undelivered", data });
  }
  return due;
}

/** Returns what is due now by the state of the database. It is the same however many servers read it. */
async function findDue(db: Queries, computedAt: Date | null, now: Date): Promise<Due> {
  const told = await readTold(db);
  const found = [
    await dueOfAlarm(db, told, now),
    await dueOfBudgets(db, told, now),
    await dueOfUndelivered(db, told, computedAt, now),
  ];
  return { events: found.flatMap(({ events }) => events), told: found.flatMap((due) => due.told) };
}

/**
 * Publishes what has become of the service since the last time: an alarm that started or ended, a budget that is used up in part, and
 * the messages of the last hours that were not delivered. Usually it only reads. If an event is due, one transaction reads again and
 * publishes it, so that several servers publish it once.
 */
export async function publishServiceEvents(now = new Date()): Promise<void> {
  const computedAt = await sumsComputedAt();
  const { events, told } = await findDue(readPrimary, computedAt, now);
  if (events.length === 0 && told.length === 0) return;
  await transact(
    async (tx) => {
      const due = await findDue(tx, computedAt, now);
      for (const event of due.events) publishServiceEvent(tx, event, now);
      for (const [what, at] of due.told) setTold(tx, what, at);
    },
    { lock: "service-events" },
  );
}

/** Publishes events of the service in the background, at most once a minute in each process. */
export function publishServiceEventsInBackground(): void {
  if (isTimeToSweep("service events")) void runInBackground("service events", () => publishServiceEvents());
}
