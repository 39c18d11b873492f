import { z } from "zod";
import { ACCOUNT_ID_MAX, LAST_TIME } from "@/lib/core/policy";
import { addDays, momentOf, startOfDay } from "@/lib/core/statistics/days";
import { env } from "@/lib/env";

/** How many rows a page of a list shows. */
export const ROWS_PER_PAGE = 50;
/** How many rows a page of a list examines at most, so that a page costs the same however large its table is. */
export const ROWS_EXAMINED_MAX = 5000;

/** A row of a list. Lists are sorted by `at` and `id`, the newest first. */
export interface ListRow {
  at: Date;
  id: number;
}

/**
 * Where a page of a list begins: before the row with this time and id. In a URL it is `<milliseconds>-<id>`. Other text fails
 * with the zod issue `cursor_malformed`.
 */
export const ListCursor = z.codec(
  z.string().regex(/^\d{1,15}-\d{1,10}$/, "cursor_malformed"),
  z.object({ at: z.date().max(LAST_TIME, "cursor_malformed"), id: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed") }),
  {
    decode: (text) => {
      const [ms, id] = text.split("-").map(Number);
      return { at: new Date(ms ?? 0), id: id ?? 0 };
    },
    encode: ({ at, id }) => `${at.getTime()}-${id}`,
  },
);
export type ListCursor = z.output<typeof ListCursor>;

const START_OF_LIST: ListCursor = { at: LAST_TIME, id: ACCOUNT_ID_MAX };
/** The lower bound of a range of time without one. */
export const START_OF_TIME = new Date(0);

/** A range of time: from the first moment, inclusive, up to the second, exclusive. Without one, it is open at that end. */
export interface MomentRange {
  from?: Date | undefined;
  to?: Date | undefined;
}

/** Returns where a list begins: at the cursor, and not after `to`, which is outside of the range. */
export function beginningOf(cursor: ListCursor | null, to: Date | undefined): ListCursor {
  const begin = cursor ?? START_OF_LIST;
  return to && to < begin.at ? { at: to, id: 0 } : begin;
}

/**
 * A page of a list. `next` is null at the end of the list. A page may have fewer rows than it shows and still a next one: then
 * `ROWS_EXAMINED_MAX` rows were examined, and `next` begins after the last of them.
 */
export interface ListPage<Row, Cursor = ListCursor> {
  rows: Row[];
  next: Cursor | null;
}

/** The order of a list: by its time and id, or by its id alone where the index of a filter has no time. */
type Order = "time" | "id";

/** The parameters of a `findEnd`: where the page begins, and the earliest time of its rows. */
export const END_PARAMS = { at: "time", id: "integer", since: "time" } as const;
/** The parameters of a `rows`: where the page begins, the last row that it examines, and how many rows it has at most. */
export const PAGE_PARAMS = { at: "time", id: "integer", endAt: "time", endId: "integer", limit: "integer" } as const;

/** An SQL text for each database, as `statement` takes it. */
interface Sql {
  sqlite: string;
  postgresql: string;
}

/**
 * Makes the two statements by which a page of a list is read along the index that begins with the columns of `where`, followed by
 * those of the order. `where` names the list's filters that this index serves.
 * - `findEnd` finds the last row that the page examines; none if fewer than `ROWS_EXAMINED_MAX` are left.
 * - `rows` reads the rows from the beginning of the page up to that one. `select` selects from them, by the name `walked`, those that
 *   match.
 */
export function walk({
  columns,
  source,
  at,
  id,
  where = "",
  order = "time",
  select,
}: {
  columns: string;
  source: string;
  at: string;
  id: string;
  where?: string;
  order?: Order;
  select: string;
}): { findEnd: Sql; rows: Sql } {
  const key = `${at} AS "at", ${id} AS "id"`;
  const from = (what: string, condition: string) => `SELECT ${what} FROM ${source} WHERE ${condition} ${where}`;
  const lastOf = (ordered: string) => `${ordered} LIMIT 1 OFFSET ${ROWS_EXAMINED_MAX - 1}`;
  const pageOf = (walked: string, orderBy: string) =>
    `WITH "walked" AS (${walked}) ${select} ORDER BY ${orderBy} LIMIT :limit`;
  const all = `${columns}, ${key}`;
  if (order === "id") {
    const findEnd = lastOf(`${from(key, `${id} < :id`)} ORDER BY ${id} DESC`);
    const rows = pageOf(from(all, `${id} < :id AND ${id} >= :endId`), `"walked"."id" DESC`);
    return { findEnd: { sqlite: findEnd, postgresql: findEnd }, rows: { sqlite: rows, postgresql: rows } };
  }
  const newestFirst = `"walked"."at" DESC, "walked"."id" DESC`;
  const begin = `(${at}, ${id}) < (:at, :id)`;
  return {
    findEnd: {
      // SQLite compares a pair with an index by its first column only if the second is the rowid, and would read all rows of one time.
      sqlite: lastOf(`
        SELECT "at", "id" FROM (
          ${from(key, `${at} = :at AND ${id} < :id AND :at >= :since`)}
          UNION ALL ${from(key, `${at} < :at AND ${at} >= :since`)})
        ORDER BY "at" DESC, "id" DESC`),
      postgresql: lastOf(`${from(key, `${begin} AND ${at} >= :since`)} ORDER BY ${at} DESC, ${id} DESC`),
    },
    rows: {
      sqlite: pageOf(
        [
          `${at} = :at AND ${id} < :id AND :at >= :endAt AND ${id} >= CASE WHEN :at = :endAt THEN :endId ELSE 0 END`,
          `${at} < :at AND ${at} > :endAt`,
          `${at} = :endAt AND :endAt < :at AND ${id} >= :endId`,
        ]
          .map((condition) => from(all, condition))
          .join(" UNION ALL "),
        newestFirst,
      ),
      postgresql: pageOf(from(all, `${begin} AND (${at}, ${id}) >= (:endAt, :endId)`), newestFirst),
    },
  };
}

/**
 * Makes a page of the rows that match. The last row that the page examines is found before the rows are read, so that rows which are
 * added or deleted between the two are neither left out nor repeated on the next page. `since` is the earliest time of the rows.
 */
export async function readPage<Row extends ListRow>(
  { limit, since }: { limit: number; since: Date },
  findEnd: () => ListCursor | undefined | Promise<ListCursor | undefined>,
  readRows: (page: { endAt: Date; endId: number; limit: number }) => Row[] | Promise<Row[]>,
): Promise<ListPage<Row>> {
  const end = await findEnd();
  const found = await readRows({ endAt: end?.at ?? since, endId: end?.id ?? 0, limit: limit + 1 });
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : end;
  return { rows, next: last ? { at: last.at, id: last.id } : null };
}

/** A day of the filter of a list, as a form has it: `2026-11-29`, optionally with a time: `2026-11-29T14:02`. */
export const FilterTime = z
  .string()
  // Years that both databases can store, also a day and a time zone further.
  .regex(/^(?:19|2\d)\d{2}-\d{2}-\d{2}(T\d{2}:\d{2})?$/)
  .refine((text) => z.iso.date().safeParse(text.slice(0, 10)).success && !Number.isNaN(Date.parse(text)));

/** Returns the moment that a text of `FilterTime` means in `TIME_ZONE`: of a day its first. */
export function timeOf(text: string, timeZone = env.TIME_ZONE): Date {
  return text.includes("T") ? momentOf(text, timeZone) : startOfDay(text, timeZone);
}

/**
 * Returns the range of time of a filter, in `TIME_ZONE`: from the beginning of `from` up to, and without, `to`. A day as `to` is
 * included.
 */
export function rangeOf(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  timeZone = env.TIME_ZONE,
): { from: Date; to: Date | undefined } {
  const end = to === undefined || to.includes("T") ? to : addDays(to, 1);
  return {
    from: from === undefined ? START_OF_TIME : timeOf(from, timeZone),
    to: end === undefined ? undefined : timeOf(end, timeZone),
  };
}

/**
 * Reads a filter from the fields of a form or an address. Empty fields are left out. Returns the filter of the other fields, and the
 * names of those that are malformed.
 */
export function readFields<Filter>(
  schema: z.ZodType<Filter>,
  given: Record<string, unknown>,
): { filter: Filter; malformed: string[] } {
  const typed = Object.entries(given).map(([name, value]) => [name, typeof value === "string" ? value.trim() : value]);
  const filled = typed.filter(([, value]) => value !== "" && value !== undefined);
  const first = schema.safeParse(Object.fromEntries(filled));
  const malformed = [...new Set(first.error?.issues.map(({ path }) => String(path[0])))];
  const filter = schema.parse(Object.fromEntries(filled.filter(([name]) => !malformed.includes(String(name)))));
  return { filter, malformed };
}
