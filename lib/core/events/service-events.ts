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
import { type PublishedMarks, readPublished, setPublished } from "./published-marks";

/** Events that are due, and the marks to set with them; a time of null deletes the mark. */
interface Due {
  events: NewServiceEvent[];
  marks: [what: string, at: Date | null][];
}

/** The mark of the alarm while it is on: when `alarm.started` was published. */
const ALARM = "alarm";

async function dueOfAlarm(db: Queries, published: PublishedMarks, now: Date): Promise<Due> {
  const startedAt = published.get(ALARM);
  const isOn = await isAlarm(db, now);
  if (isOn === (startedAt !== undefined)) return { events: [], marks: [] };
  return startedAt
    ? {
        events: [{ type: "alarm.ended", data: { startedAt: startedAt.toISOString() } }],
        marks: [[ALARM, null]],
      }
    : { events: [{ type: "alarm.started", data: { digits: ALARM_DIGITS } }], marks: [[ALARM, now]] };
}

/** The mark of each part of a budget is the end of the day in which it was published last. */
async function dueOfBudgets(db: Queries, published: PublishedMarks, now: Date): Promise<Due> {
  const due: Due = { events: [], marks: [] };
  for (const { what: budget, used, max, resetsAt, reached } of await readMessageBudgets(db, now)) {
    if (!resetsAt) continue;
    for (const percent of reached) {
      const what = `budget ${budget} ${percent}`;
      if (published.get(what)?.getTime() === resetsAt.getTime()) continue;
      const data = { budget, percent, used, max, resetsAt: resetsAt.toISOString() };
      due.events.push({ type: "budget.threshold", data });
      due.marks.push([what, resetsAt]);
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

/** The mark of the hours: the end of the last one whose sums were published. */
const UNDELIVERED = "undelivered";
/** After a longer pause, only the hours of this time are published. */
const HOURS_PUBLISHED_MS_MAX = 24 * 60 * 60 * 1000;

/**
 * Returns an event for each hour since the last one published whose sums are final, `LATE_ROWS_MS` after its end. Without a mark it begins
 * with the current hour.
 */
async function dueOfUndelivered(
  db: Queries,
  published: PublishedMarks,
  computedAt: Date | null,
  now: Date,
): Promise<Due> {
  const last = published.get(UNDELIVERED);
  // A later time was written by a clock that ran ahead.
  if (!last || last.getTime() > now.getTime() + CLOCK_SKEW_MS_MAX) return { events: [], marks: [[UNDELIVERED, now]] };
  const wholeMs = Math.min(now.getTime(), computedAt?.getTime() ?? Number.NEGATIVE_INFINITY) - LATE_ROWS_MS;
  const since = new Date(Math.max(last.getTime(), now.getTime() - HOURS_PUBLISHED_MS_MAX));
  const hours = hoursBetween(since, now).filter(({ end }) => end > last && end.getTime() <= wholeMs);
  const due: Due = { events: [], marks: [] };
  for (const { start, end } of hours) {
    const rows = await db.all(LIST_UNDELIVERED, { hour: start, limit: UNDELIVERED_GROUPS_MAX });
    due.marks = [[UNDELIVERED, end]];
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
  const published = await readPublished(db);
  const found = [
    await dueOfAlarm(db, published, now),
    await dueOfBudgets(db, published, now),
    await dueOfUndelivered(db, published, computedAt, now),
  ];
  return { events: found.flatMap(({ events }) => events), marks: found.flatMap((due) => due.marks) };
}

/**
 * Publishes what happened to the service since the last time: an alarm that started or ended, a budget that is used up in part, and
 * the messages of the last hours that were not delivered. Usually it only reads. If an event is due, one transaction reads again and
 * publishes it, so that several servers publish it once.
 */
export async function publishServiceEvents(now = new Date()): Promise<void> {
  const computedAt = await sumsComputedAt();
  const { events, marks } = await findDue(readPrimary, computedAt, now);
  if (events.length === 0 && marks.length === 0) return;
  await transact(
    async (tx) => {
      const due = await findDue(tx, computedAt, now);
      for (const event of due.events) publishServiceEvent(tx, event, now);
      for (const [what, at] of due.marks) setPublished(tx, what, at);
    },
    { lock: "service-events" },
  );
}

/** Publishes events of the service in the background, at most once a minute in each process. */
export function publishServiceEventsInBackground(): void {
  if (isTimeToSweep("service events")) void runInBackground("service events", () => publishServiceEvents());
}
