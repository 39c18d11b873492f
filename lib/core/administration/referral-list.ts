import { z } from "zod";
import type { SignalState } from "@/lib/core/invites/signals";
import { ACCOUNT_ID_MAX, ACTIVATIONS_EXAMINED_MAX, LAST_TIME } from "@/lib/core/policy";
import { addDays, type Day, dayOf, daysBetween, hoursBetween, startOfDay } from "@/lib/core/statistics/days";
import { type RowOf, readPrimary, statement } from "@/lib/db/database";
import type { Administrator } from "./actor";
import { FilterTime, type ListPage, ROWS_PER_PAGE, rangeOf } from "./list";
import { recordListing } from "./people";
import { findSignalMarks } from "./signal-list";

/** The periods that a page offers: the last 24 hours, today and the six days before, this month, today and the 89 days before. */
export const PERIODS = ["day", "week", "month", "quarter"] as const;

/** The filter of the list of referrals, as an address holds it: a period, or the first and last day, or moment, of one. */
export const ReferralFilter = z.object({
  period: z.enum(PERIODS).optional(),
  from: FilterTime.optional(),
  to: FilterTime.optional(),
});
export type ReferralFilter = z.output<typeof ReferralFilter>;

const HOUR_MS = 60 * 60 * 1000;

/** Returns the period of a filter, from `from` to before `to`. Without a period and days it is this month. */
export function periodOf({ period = "month", from, to }: ReferralFilter, now: Date): { from: Date; to: Date } {
  if (from !== undefined || to !== undefined) {
    const range = rangeOf({ from, to });
    return { from: range.from, to: range.to ?? now };
  }
  const today = dayOf(now);
  switch (period) {
    case "day":
      return { from: hoursBetween(new Date(now.getTime() - 23 * HOUR_MS), now)[0]?.start ?? now, to: now };
    case "week":
      return { from: startOfDay(addDays(today, -6)), to: now };
    case "month":
      return { from: startOfDay(`${today.slice(0, 7)}-01`), to: now };
    case "quarter":
      return { from: startOfDay(addDays(today, -89)), to: now };
  }
}

// The index has all of these columns, so no row of the table is read.
const WALKED = `
  WITH "walked" AS (
    SELECT "activatedAt", "inviteeId", "inviterId" FROM "Activation" WHERE "activatedAt" >= :from AND "activatedAt" < :to
    ORDER BY "activatedAt" DESC, "inviteeId" DESC LIMIT ${ACTIVATIONS_EXAMINED_MAX})`;

// The ids of the accounts of test numbers: there are few numbers, and each account is found by its phone. 0 stands for no account.
const TEST_ACCOUNTS = `
  SELECT COALESCE((SELECT "id" FROM "User" WHERE "User"."phone" = "TestNumber"."phone" AND "isTest"), 0) FROM "TestNumber"`;
const IS_COUNTED = `"inviterId" IS NOT NULL AND "inviterId" NOT IN (${TEST_ACCOUNTS}) AND "inviteeId" NOT IN (${TEST_ACCOUNTS})`;

const LIST_INVITERS = statement({
  params: { from: "time", to: "time", count: "integer", id: "integer", limit: "integer" },
  row: {
    id: "integer",
    count: "integer",
    total: "integer",
    phone: "text?",
    claimedPhone: "text?",
    email: "text?",
    inviteCode: "text",
    referralCount: "integer",
  },
  sql: `
    ${WALKED}, "counted" AS (
      SELECT "inviterId" AS "id", count(*) AS "count" FROM "walked" WHERE ${IS_COUNTED} GROUP BY "inviterId"),
    "top" AS (
      SELECT "id", "count" FROM "counted" WHERE "count" < :count OR ("count" = :count AND "id" > :id)
      ORDER BY "count" DESC, "id" LIMIT :limit)
    SELECT "top"."id", "top"."count", (SELECT sum("count") FROM "counted") AS "total",
      "phone", "claimedPhone", "email", "inviteCode", "referralCount"
    FROM "top" JOIN "User" ON "User"."id" = "top"."id" ORDER BY "top"."count" DESC, "top"."id"`,
});
const FIND_FIRST_WALKED = statement({
  params: { from: "time", to: "time" },
  row: { at: "time" },
  sql: `
    SELECT "activatedAt" AS "at" FROM "Activation" WHERE "activatedAt" >= :from AND "activatedAt" < :to
    ORDER BY "activatedAt" DESC, "inviteeId" DESC LIMIT 1 OFFSET ${ACTIVATIONS_EXAMINED_MAX - 1}`,
});

/**
 * Where a page of the list begins: after the account `id`, which brought `count`, in the period that ends at `to`. Because `to` is
 * fixed, later activations change no later page. In a URL it is `<milliseconds>-<count>-<id>`.
 */
export const InviterCursor = z.codec(
  z.string().regex(/^\d{1,15}-\d{1,10}-\d{1,10}$/, "cursor_malformed"),
  z.object({
    to: z.date().max(LAST_TIME, "cursor_malformed"),
    count: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed"),
    id: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed"),
  }),
  {
    decode: (text) => {
      const [ms = 0, count = 0, id = 0] = text.split("-").map(Number);
      return { to: new Date(ms), count, id };
    },
    encode: ({ to, count, id }) => `${to.getTime()}-${count}-${id}`,
  },
);
export type InviterCursor = z.output<typeof InviterCursor>;

/**
 * An account whose code was activated in the period. `count` is how often in the period, `referralCount` how often in all. `total`
 * is the number of activations of all codes in the period. `mark` is the mark of the account's signals.
 */
export type RankedInviter = RowOf<typeof LIST_INVITERS> & { mark: SignalState | null };

/**
 * Returns a page of the accounts whose codes were activated in the period of the filter, those that brought most first. It counts the
 * newest `ACTIVATIONS_EXAMINED_MAX` activations of the period. Records nothing: `listInvitersPage` and the export do.
 */
export async function walkInviters(
  filter: ReferralFilter,
  cursor: InviterCursor | null,
  limit = ROWS_PER_PAGE,
  now = new Date(),
): Promise<ListPage<RankedInviter, InviterCursor>> {
  const { from, to } = periodOf(filter, cursor?.to ?? now);
  const begin = cursor ?? { count: ACCOUNT_ID_MAX, id: ACCOUNT_ID_MAX };
  const found = await readPrimary.all(LIST_INVITERS, { from, to, count: begin.count, id: begin.id, limit: limit + 1 });
  const rows = found.slice(0, limit);
  const marks = await findSignalMarks(rows.map(({ id }) => id));
  const last = found.length > limit ? rows.at(-1) : undefined;
  return {
    rows: rows.map((row) => ({ ...row, mark: marks.get(row.id) ?? null })),
    next: last ? { to: cursor?.to ?? now, count: last.count, id: last.id } : null,
  };
}

/** Activations of one day of `TIME_ZONE`, or of one hour. */
export interface GrowthStep {
  start: Date;
  count: number;
}

const SUM_HOURS = statement({
  params: { from: "time", to: "time" },
  row: { hour: "time", count: "integer" },
  sql: `
    SELECT "hour", SUM("count") AS "count" FROM "HourlySum"
    WHERE "hour" >= :from AND "hour" < :to AND "measure" = 'activated' GROUP BY "hour"`,
});
const SUM_DAYS = statement({
  params: { from: "text", to: "text" },
  row: { day: "text", count: "integer" },
  sql: `
    SELECT "day", SUM("count") AS "count" FROM "DailySum"
    WHERE "day" >= :from AND "day" <= :to AND "measure" = 'activated' GROUP BY "day"`,
});

/** How many days a chart of growth shows at most: the last ones of the period. */
const GROWTH_DAYS_MAX = 366;

/** Returns the activations of each hour or day of the period, the oldest first, from the sums that are computed in the background. */
async function listGrowth(filter: ReferralFilter, now: Date): Promise<{ steps: GrowthStep[]; isByHour: boolean }> {
  const { from, to } = periodOf(filter, now);
  if (filter.period === "day" && filter.from === undefined && filter.to === undefined) {
    const sums = new Map(
      (await readPrimary.all(SUM_HOURS, { from, to })).map(({ hour, count }) => [hour.getTime(), count]),
    );
    const steps = hoursBetween(from, to).map(({ start }) => ({ start, count: sums.get(start.getTime()) ?? 0 }));
    return { steps: steps.filter(({ start }) => start >= from), isByHour: true };
  }
  const last = dayOf(new Date(to.getTime() - 1));
  const first = [dayOf(from), addDays(last, 1 - GROWTH_DAYS_MAX)].sort().at(-1) as Day;
  const sums = new Map(
    (await readPrimary.all(SUM_DAYS, { from: first, to: last })).map(({ day, count }) => [day, count]),
  );
  const steps = daysBetween(first, last).map((day) => ({ start: startOfDay(day), count: sums.get(day) ?? 0 }));
  return { steps, isByHour: false };
}

/**
 * The list of referrals. `count` is the number of activations that were counted. `since` is when the first of them was, if there are
 * `ACTIVATIONS_EXAMINED_MAX`, so that the period may have more, and null otherwise.
 */
export interface ReferralPage extends ListPage<RankedInviter, InviterCursor> {
  count: number;
  since: Date | null;
  growth: { steps: GrowthStep[]; isByHour: boolean };
}

/** Returns a page as `walkInviters` does, with the activations of the period, and records which accounts were listed. */
export async function listInvitersPage(
  administrator: Administrator,
  filter: ReferralFilter,
  cursor: InviterCursor | null,
  now = new Date(),
): Promise<ReferralPage> {
  const [page, first, growth] = await Promise.all([
    walkInviters(filter, cursor, ROWS_PER_PAGE, now),
    readPrimary.get(FIND_FIRST_WALKED, periodOf(filter, cursor?.to ?? now)),
    listGrowth(filter, now),
  ]);
  await recordListing(
    administrator,
    page.rows.map(({ id }) => id),
    now,
  );
  return { ...page, count: page.rows[0]?.total ?? 0, since: first?.at ?? null, growth };
}
