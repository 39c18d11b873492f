import { isAlarm } from "@/lib/core/challenges/code-length";
import { type MessageBudget, readMessageBudgets } from "@/lib/core/challenges/message-budgets";
import { addDays, type Day, dayOf, daysBetween, hoursBetween } from "@/lib/core/statistics/days";
import { STEPS, type Step, sumsComputedAt } from "@/lib/core/statistics/sums";
import { readPrimary, statement } from "@/lib/db/database";
import { env } from "@/lib/env";

/** The periods that the page can show: the last 24 hours, or so many days of which today is the last. */
export const PERIODS = ["day", "week", "quarter"] as const;
export type Period = (typeof PERIODS)[number];

const DAYS_BY_PERIOD = { week: 7, quarter: 90 } as const;

export type StepCounts = Record<Step, number>;

/**
 * One step of the period. `share` is its part of the requested codes, `usual` that of the weeks before; null where there is
 * nothing to compare. `isLow`: the share is so far below the usual one that chance does not explain it.
 */
export interface FunnelStep {
  step: Step;
  count: number;
  share: number | null;
  usual: number | null;
  isLow: boolean;
}

/** An amount; without a currency it is in that of `SMS_PRICE`. */
export interface Money {
  currency: string;
  amount: number;
}

/**
 * What one sender did with the messages that it was offered in the period. `share` is the delivered part of those that it took,
 * `usual` that of the weeks before; both are null for a sender that reports no deliveries. `errors` are the messages that it
 * refused, failed to send, left without an answer or reported as undelivered.
 */
export interface SenderFigures {
  sender: string;
  messages: number;
  delivered: number;
  share: number | null;
  usual: number | null;
  isLow: boolean;
  errors: { reason: string; count: number }[];
  costs: Money[];
}

/**
 * The cost of messages in one currency: of today, and of this month up to now. `forecast` is that of the whole month, if each
 * of its other days costs the mean of the last seven whole days.
 */
export interface Costs {
  currency: string;
  today: number;
  month: number;
  forecast: number;
}

export interface Figures {
  day: Day;
  /** The first day of the period. */
  first: Day;
  /** When the sums were last computed; null if they never were. */
  computedAt: Date | null;
  funnel: FunnelStep[];
  channels: { channel: string; counts: StepCounts }[];
  /** By country of the phone, those with the most requested codes first. Mailboxes have the country "". */
  countries: { country: string; counts: StepCounts }[];
  senders: SenderFigures[];
  /** Requests that were refused before a sender was asked, by reason, the most frequent first. */
  refusals: { reason: string; count: number }[];
  costs: Costs[];
  budgets: MessageBudget[];
  isAlarm: boolean;
  /** The last 24 hours and 90 days, the oldest first. */
  hours: { start: Date; counts: StepCounts }[];
  days: { day: Day; counts: StepCounts }[];
}

const STEPS_SQL = STEPS.map((step) => `'${step}'`).join(", ");
const SUM_DAYS = statement({
  params: { since: "text" },
  row: { day: "text", measure: "text", count: "integer" },
  sql: `
    SELECT "day", "measure", CAST(SUM("count") AS INTEGER) AS "count" FROM "DailySum"
    WHERE "day" >= :since AND "measure" IN (${STEPS_SQL}) GROUP BY "day", "measure"`,
});
const SUM_HOURS = statement({
  params: { since: "time" },
  row: { hour: "time", measure: "text", count: "integer" },
  sql: `
    SELECT "hour", "measure", CAST(SUM("count") AS INTEGER) AS "count" FROM "HourlySum"
    WHERE "hour" >= :since AND "measure" IN (${STEPS_SQL}) GROUP BY "hour", "measure"`,
});

const SUMMED_PLACES = `SELECT "channel", "country", "measure", CAST(SUM("count") AS INTEGER) AS "count"`;
const BY_PLACE = `AND "measure" IN (${STEPS_SQL}) GROUP BY "channel", "country", "measure"`;
const PLACE_ROW = { channel: "text", country: "text", measure: "text", count: "integer" } as const;
const SUM_PLACES_OF_DAYS = statement({
  params: { since: "text" },
  row: PLACE_ROW,
  sql: `${SUMMED_PLACES} FROM "DailySum" WHERE "day" >= :since ${BY_PLACE}`,
});
const SUM_PLACES_OF_HOURS = statement({
  params: { since: "time" },
  row: PLACE_ROW,
  sql: `${SUMMED_PLACES} FROM "HourlySum" WHERE "hour" >= :since ${BY_PLACE}`,
});

const SUMMED_MESSAGES = `
  SELECT "sender", "measure", "reason", "currency", CAST(SUM("count") AS INTEGER) AS "count", SUM("amount") AS "amount"`;
const BY_MESSAGE = `
  AND ("measure" LIKE 'message%' OR "measure" = 'refused') GROUP BY "sender", "measure", "reason", "currency"`;
const MESSAGE_ROW = {
  sender: "text",
  measure: "text",
  reason: "text",
  currency: "text",
  count: "integer",
  amount: "real",
} as const;
const SUM_MESSAGES_OF_DAYS = statement({
  params: { since: "text", before: "text" },
  row: MESSAGE_ROW,
  sql: `${SUMMED_MESSAGES} FROM "DailySum" WHERE "day" >= :since AND "day" < :before ${BY_MESSAGE}`,
});
const SUM_MESSAGES_OF_HOURS = statement({
  params: { since: "time" },
  row: MESSAGE_ROW,
  sql: `${SUMMED_MESSAGES} FROM "HourlySum" WHERE "hour" >= :since ${BY_MESSAGE}`,
});
type MessageSum = { sender: string; measure: string; reason: string; currency: string; count: number; amount: number };

const SUM_COSTS = statement({
  params: { since: "text" },
  row: { day: "text", currency: "text", amount: "real" },
  sql: `
    SELECT "day", "currency", SUM("amount") AS "amount" FROM "DailySum"
    WHERE "day" >= :since AND "amount" > 0 GROUP BY "day", "currency"`,
});

const HOUR_MS = 60 * 60 * 1000;
const CHART_DAYS = 90;
/** A usual share is that of so many days before the period. It needs codes on at least `USUAL_DAYS_MIN` of them. */
const USUAL_DAYS = 28;
const USUAL_DAYS_MIN = 7;
/** The month's forecast is made from the mean of so many whole days. */
const MEAN_DAYS = 7;

/**
 * Returns the figures of the page "Today". They are read from hourly and daily sums, so that the page costs the same however
 * many rows the other tables hold. The alarm and the budgets of the day are read as each request for a code reads them.
 */
export async function readFigures(period: Period, now = new Date(), timeZone = env.TIME_ZONE): Promise<Figures> {
  const day = dayOf(now, timeZone);
  const hours = lastHours(now, timeZone);
  const since = hours[0]?.start ?? now;
  const first = period === "day" ? dayOf(since, timeZone) : addDays(day, 1 - DAYS_BY_PERIOD[period]);
  const usualSince = addDays(first, -USUAL_DAYS);
  const chartSince = addDays(day, 1 - CHART_DAYS);
  const [computedAt, byDay, byHour, places, messages, usualMessages, costs, alarm, budgets] = await Promise.all([
    sumsComputedAt(),
    readPrimary.all(SUM_DAYS, { since: earlier(usualSince, chartSince) }),
    readPrimary.all(SUM_HOURS, { since }),
    period === "day"
      ? readPrimary.all(SUM_PLACES_OF_HOURS, { since })
      : readPrimary.all(SUM_PLACES_OF_DAYS, { since: first }),
    period === "day"
      ? readPrimary.all(SUM_MESSAGES_OF_HOURS, { since })
      : readPrimary.all(SUM_MESSAGES_OF_DAYS, { since: first, before: addDays(day, 1) }),
    readPrimary.all(SUM_MESSAGES_OF_DAYS, { since: usualSince, before: first }),
    readPrimary.all(SUM_COSTS, { since: earlier(monthOf(day), addDays(day, -MEAN_DAYS)) }),
    isAlarm(readPrimary, now),
    readMessageBudgets(readPrimary, now),
  ]);
  const countsOfDay = collectCounts(byDay, (row) => row.day);
  const countsOfHour = collectCounts(byHour, ({ hour }) => hour.getTime());
  const of = (one: Day) => countsOfDay.get(one) ?? NO_COUNTS;
  return {
    ...{ day, first, computedAt, budgets, isAlarm: alarm },
    funnel: compareFunnel(
      [...collectCounts(places, () => "all").values()][0] ?? NO_COUNTS,
      daysBetween(usualSince, addDays(first, -1)).map(of),
    ),
    channels: listCounts(places, ({ channel }) => channel).map(([channel, counts]) => ({ channel, counts })),
    countries: listCounts(places, ({ country }) => country).map(([country, counts]) => ({ country, counts })),
    senders: describeSenders(messages, usualMessages),
    refusals: messages
      .filter(({ measure }) => measure === "refused")
      .map(({ reason, count }) => ({ reason, count }))
      .sort(byCount),
    costs: forecastCosts(costs, day),
    hours: hours.map(({ start }) => ({ start, counts: countsOfHour.get(start.getTime()) ?? NO_COUNTS })),
    days: daysBetween(chartSince, day).map((one) => ({ day: one, counts: of(one) })),
  };
}

const NO_COUNTS: StepCounts = { asked: 0, sent: 0, delivered: 0, verified: 0, signed_up: 0, activated: 0 };

const earlier = (one: Day, other: Day) => (one < other ? one : other);
const monthOf = (day: Day): Day => `${day.slice(0, 7)}-01`;
const byCount = (one: { count: number }, other: { count: number }) => other.count - one.count;

/** Returns the last 24 hours, the current one included, the oldest first. */
function lastHours(now: Date, timeZone: string) {
  return hoursBetween(new Date(now.getTime() - 24 * HOUR_MS), now, timeZone).slice(-24);
}

/** Adds up the counts of sums that have the same key. */
function collectCounts<Row extends { measure: string; count: number }, Key>(
  rows: readonly Row[],
  keyOfRow: (row: Row) => Key,
): Map<Key, StepCounts> {
  const byKey = new Map<Key, StepCounts>();
  for (const row of rows) {
    const counts = byKey.get(keyOfRow(row)) ?? { ...NO_COUNTS };
    counts[row.measure as Step] += row.count;
    byKey.set(keyOfRow(row), counts);
  }
  return byKey;
}

/** As `collectCounts`, in a list: the key with the most requested codes first. */
function listCounts<Row extends { measure: string; count: number }>(
  rows: readonly Row[],
  keyOfRow: (row: Row) => string,
): [string, StepCounts][] {
  return [...collectCounts(rows, keyOfRow)].sort(([, one], [, other]) => other.asked - one.asked);
}

/** Compares the shares of the period's steps with the usual ones: the medians of the days before. */
function compareFunnel(counts: StepCounts, before: readonly StepCounts[]): FunnelStep[] {
  const days = before.filter(({ asked }) => asked > 0);
  return STEPS.map((step) => {
    const share = counts.asked > 0 ? counts[step] / counts.asked : null;
    const usual = days.length < USUAL_DAYS_MIN ? null : median(days.map((day) => day[step] / day.asked));
    return { step, count: counts[step], share, usual, isLow: isLow(share, usual, counts.asked) };
  });
}

const LOW_POINTS_MIN = 0.05;
const STANDARD_ERRORS_MIN = 3;

/**
 * Returns whether a share of `total` is low: at least five points below the usual one, and so far below that chance would do
 * it less than once in 700 times (three standard errors).
 */
function isLow(share: number | null, usual: number | null, total: number): boolean {
  if (share === null || usual === null) return false;
  const expected = Math.min(usual, 1);
  const standardError = Math.sqrt(Math.max(expected * (1 - expected), 0.01) / total);
  return expected - share >= Math.max(LOW_POINTS_MIN, STANDARD_ERRORS_MIN * standardError);
}

/** Returns the median of values, of which there is at least one. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low = 0, high = low] = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return (low + high) / 2;
}

/** The measures of messages that the provider took, or may have taken. */
const TAKEN: readonly string[] = ["message_accepted", "message_delivered", "message_undelivered", "message_unanswered"];

function describeSenders(rows: readonly MessageSum[], usualRows: readonly MessageSum[]): SenderFigures[] {
  const messages = rows.filter(({ measure }) => measure !== "refused");
  return [...new Set(messages.map(({ sender }) => sender))]
    .map((sender) => {
      const own = messages.filter((row) => row.sender === sender);
      const now = deliveredOf(own);
      const usual = deliveredOf(usualRows.filter((row) => row.sender === sender));
      const isReporting = now.delivered > 0 || usual.delivered > 0;
      const share = isReporting && now.taken > 0 ? now.delivered / now.taken : null;
      const usualShare = usual.delivered > 0 ? usual.delivered / usual.taken : null;
      const faults = own.filter(({ measure }) => measure !== "message_accepted" && measure !== "message_delivered");
      return {
        ...{ sender, messages: countOf(own), delivered: now.delivered, share, usual: usualShare },
        isLow: isLow(share, usualShare, now.taken),
        errors: addUp(
          faults.map(({ reason, measure, count }) => [reason || measure.replace("message_", ""), count]),
          (reason, count) => ({ reason, count }),
        ).sort(byCount),
        costs: addUp(
          own.filter(({ amount }) => amount > 0).map(({ currency, amount }) => [currency, amount]),
          (currency, amount) => ({ currency, amount }),
        ),
      };
    })
    .sort((one, other) => other.messages - one.messages);
}

function deliveredOf(rows: readonly MessageSum[]): { taken: number; delivered: number } {
  return {
    taken: countOf(rows.filter(({ measure }) => TAKEN.includes(measure))),
    delivered: countOf(rows.filter(({ measure }) => measure === "message_delivered")),
  };
}

const countOf = (rows: readonly { count: number }[]) => rows.reduce((sum, { count }) => sum + count, 0);

/** Adds up the values of equal keys, and returns what `make` makes of each. */
function addUp<Made>(
  entries: readonly (readonly [string, number])[],
  make: (key: string, sum: number) => Made,
): Made[] {
  const sums = new Map<string, number>();
  for (const [key, value] of entries) sums.set(key, (sums.get(key) ?? 0) + value);
  return [...sums].map(([key, sum]) => make(key, sum));
}

function forecastCosts(rows: readonly { day: Day; currency: string; amount: number }[], day: Day): Costs[] {
  const nextMonth = monthOf(addDays(monthOf(day), 31));
  const daysLeft = daysBetween(addDays(day, 1), addDays(nextMonth, -1)).length;
  return [...new Set(rows.map(({ currency }) => currency))].sort().map((currency) => {
    const own = rows.filter((row) => row.currency === currency);
    const costOf = (from: Day, before: Day) =>
      own.filter((row) => row.day >= from && row.day < before).reduce((sum, { amount }) => sum + amount, 0);
    const [today, earlierDays] = [costOf(day, addDays(day, 1)), costOf(monthOf(day), day)];
    const mean = costOf(addDays(day, -MEAN_DAYS), day) / MEAN_DAYS;
    const forecast = earlierDays + Math.max(today, mean) + mean * daysLeft;
    return { currency, today, month: earlierDays + today, forecast };
  });
}
