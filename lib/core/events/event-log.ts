import { z } from "zod";
import { EVENTS_SCANNED_PER_PAGE_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, statement, type Transaction } from "@/lib/db/database";
import type { AccountEventType, EventData, EventType } from "./event-types";

/** An event as other systems read it. */
export type PublishedEvent = { [Type in EventType]: PublishedEventOf<Type> }[EventType];
interface PublishedEventOf<Type extends EventType> {
  id: string;
  /** The id of the row in this database. Readers get `id`: see `eventIdOf`. */
  rowId: number;
  type: Type;
  at: Date;
  /** Null for an event of the service, which concerns no account. */
  accountId: Type extends AccountEventType ? number : null;
  /** Numbers the events of the account without a gap, from 1; null without an account. */
  sequence: Type extends AccountEventType ? number : null;
  /** Whether the account is a test number's. */
  isTest: boolean;
  data: EventData<Type>;
}

/** The largest id that the column can hold. */
const EVENT_ID_MAX = 2_147_483_647;

/**
 * A place in the event log: the reader has read all events up to it. `at` is the age of the cursor: the time of its last event, or of
 * the reading if there were no further events. As text it is `1796000000000-791-42`, which readers keep and send back
 * as it is. Other text fails with the zod issue `cursor_malformed`.
 */
export const EventCursor = z.codec(
  z.string().regex(/^\d{1,14}-\d{1,15}-\d{1,10}$/, "cursor_malformed"),
  z.object({ at: z.date(), transactionId: z.int(), id: z.int().max(EVENT_ID_MAX, "cursor_malformed") }),
  {
    decode: (text) => {
      const [at = 0, transactionId = 0, id = 0] = text.split("-").map(Number);
      return { at: new Date(at), transactionId, id };
    },
    encode: ({ at, transactionId, id }) => `${at.getTime()}-${transactionId}-${id}`,
  },
);
export type EventCursor = z.output<typeof EventCursor>;

/** Some events, the oldest first. `next` is the cursor to read on from, also when there are none yet. */
export interface EventPage {
  events: PublishedEvent[];
  next: EventCursor;
  /** Whether further events can be read now. */
  isMore: boolean;
}

/** The name of the row of `Mark` whose time says since when the event log is whole. `npm run restore` sets it. */
export const EVENTS_SINCE_MARK = "events_since";

/** The name of the row of `Mark` with the time of the newest event that the sweep has deleted. */
const EVENTS_DELETED_MARK = "events_deleted";
const SET_DELETED = statement({
  params: { until: "time" },
  sql: `
    INSERT INTO "Mark" ("name", "at")
    SELECT '${EVENTS_DELETED_MARK}', "at" FROM (SELECT "at" FROM "Event" WHERE "at" <= :until ORDER BY "at" DESC LIMIT 1) AS "newest"
    WHERE TRUE ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at" WHERE excluded."at" > "Mark"."at"`,
});

/** Remembers that the events up to `until` are deleted, so that cursors before the newest of them expire. */
export function markDeletion(tx: Transaction, until: Date): void {
  tx.queue(SET_DELETED, { until });
}

/** `horizon` is the SQL of the last place before which no transaction is open, `isAmong` the condition that `:types` has the event's type. */
const readPage = (horizon: string, isAmong: string) => `
  WITH "horizon" AS (${horizon}),
  "scanned" AS (
    SELECT "id", "at", "type", "accountId", "sequence", "isTest", "data", "transactionId" FROM "Event"
    WHERE ("transactionId", "id") > (CAST(:afterTransactionId AS bigint), :afterId)
      AND "transactionId" <= (SELECT "horizonTransactionId" FROM "horizon")
    ORDER BY "transactionId", "id" LIMIT :scan
  ),
  "last" AS (
    SELECT "transactionId" AS "lastTransactionId", "id" AS "lastId", "at" AS "lastAt",
      (SELECT COUNT(*) FROM "scanned") AS "scannedCount"
    FROM "scanned" ORDER BY "transactionId" DESC, "id" DESC LIMIT 1
  ),
  "page" AS (
    SELECT * FROM "scanned" WHERE :types IS NULL OR ${isAmong} ORDER BY "transactionId", "id" LIMIT :limit
  )
  SELECT "horizon".*, "last".*, "page".*, (SELECT "at" FROM "Mark" WHERE "name" = '${EVENTS_SINCE_MARK}') AS "since",
    (SELECT "at" FROM "Mark" WHERE "name" = '${EVENTS_DELETED_MARK}') AS "deletedUntil"
  FROM "horizon" LEFT JOIN "last" ON TRUE LEFT JOIN "page" ON TRUE ORDER BY "page"."transactionId", "page"."id"`;
const READ_PAGE = statement({
  params: { afterTransactionId: "text", afterId: "integer", types: "text?", limit: "integer", scan: "integer" },
  row: {
    horizonTransactionId: "integer",
    horizonId: "integer",
    lastTransactionId: "integer?",
    lastId: "integer?",
    lastAt: "time?",
    scannedCount: "integer?",
    since: "time?",
    deletedUntil: "time?",
    id: "integer?",
    at: "time?",
    type: "text?",
    accountId: "integer?",
    sequence: "integer?",
    isTest: "boolean?",
    data: "text?",
    transactionId: "integer?",
  },
  sql: {
    // SQLite has one writer, so ids are in the order of the commits.
    sqlite: readPage(
      `SELECT 0 AS "horizonTransactionId",
        COALESCE((SELECT "seq" FROM "sqlite_sequence" WHERE "name" = 'Event'), 0) AS "horizonId"`,
      `"type" IN (SELECT "value" FROM json_each(:types))`,
    ),
    // All transactions before xmin have ended, and this statement sees those that committed.
    postgresql: readPage(
      `SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) - 1 AS "horizonTransactionId",
        ${EVENT_ID_MAX} AS "horizonId"`,
      `"type" IN (SELECT jsonb_array_elements_text(CAST(:types AS jsonb)))`,
    ),
  },
});

/** Events after a cursor may have been deleted. */
export interface CursorExpired {
  name: "cursor_expired";
  because: "swept" | "restored";
}

/**
 * Reads events after the cursor, or from the oldest that is kept: at most `limit`, of these types or of all. A reader that goes on
 * from `next` gets each event once. A page of some types looks at `EVENTS_SCANNED_PER_PAGE_MAX` events at most, so it may be empty
 * although `isMore`.
 *
 * On PostgreSQL, transactions commit in another order than they begin. So a page has only events of transactions before which no
 * transaction of the database server is still open, and a transaction that stays open delays the events after it. Events of
 * transactions that ran at the same time may come in another order than they happened; the sequence of the account shows the order.
 *
 * Fails with `cursor_expired` if events after the cursor may have been deleted: the sweep has deleted events that are younger than it
 * (`swept`), or the database was restored from a copy since (`restored`). The reader then begins again as docs/events.md says: it takes the cursor of the end, reads all
 * accounts, and follows from that cursor.
 */
export async function readEvents(
  { after, limit, types = null }: { after: EventCursor | null; limit: number; types?: readonly EventType[] | null },
  now = new Date(),
): Promise<Result<EventPage, CursorExpired>> {
  const scan = types === null ? limit + 1 : Math.max(EVENTS_SCANNED_PER_PAGE_MAX, limit + 1);
  const rows = await readPrimary.all(READ_PAGE, {
    afterTransactionId: String(after?.transactionId ?? 0),
    afterId: after?.id ?? 0,
    types: types && JSON.stringify(types),
    limit: limit + 1,
    scan,
  });
  const [first] = rows;
  if (!first) throw new Error("the event log has no horizon");
  const horizon = { transactionId: first.horizonTransactionId, id: first.horizonId };
  const { since, deletedUntil } = first;
  if (after) {
    // A place that the log has not reached was of another database, before a copy was restored by hand.
    const { transactionId, id } = after;
    const isBeyond =
      transactionId > horizon.transactionId || (transactionId === horizon.transactionId && id > horizon.id);
    if (isBeyond || (since !== null && after.at < since)) return fail({ name: "cursor_expired", because: "restored" });
    if (deletedUntil !== null && after.at <= deletedUntil) return fail({ name: "cursor_expired", because: "swept" });
  }
  const found = rows.filter((row) => row.id !== null) as FoundRow[];
  const isCut = found.length > limit;
  const page = found.slice(0, limit);
  const { scannedCount, lastAt, lastTransactionId, lastId } = first;
  // The rows between the page and the last one that was scanned are of other types.
  const scanned =
    scannedCount === scan && lastAt !== null && lastTransactionId !== null && lastId !== null
      ? { at: lastAt, transactionId: lastTransactionId, id: lastId }
      : null;
  const last = isCut ? page.at(-1) : scanned;
  const isMore = isCut || scanned !== null;
  const next = last ? { at: last.at, transactionId: last.transactionId, id: last.id } : { at: now, ...horizon };
  return succeed({ events: page.map((row) => eventOf(row, since)), next, isMore });
}

interface FoundRow {
  id: number;
  at: Date;
  type: string;
  accountId: number | null;
  sequence: number | null;
  isTest: boolean;
  data: string;
  transactionId: number;
}

/**
 * Returns the id of an event as readers get it. A restored copy gives its numbers again, so `since`, the time of the mark
 * `EVENTS_SINCE_MARK`, is a part of the id: a reader that remembers ids would otherwise take a new event for an old one.
 */
export function eventIdOf(id: number, since: Date | null): string {
  return since ? `${since.getTime()}-${id}` : String(id);
}

function eventOf({ id, data, transactionId: _, ...row }: FoundRow, since: Date | null): PublishedEvent {
  const { at, type, accountId, sequence, isTest } = row;
  return {
    id: eventIdOf(id, since),
    rowId: id,
    type,
    at,
    accountId,
    sequence,
    isTest,
    data: JSON.parse(data),
  } as PublishedEvent;
}

/** Returns the cursor behind all events that can be read now. */
export async function findEndOfEvents(now = new Date()): Promise<EventCursor> {
  const read = await readEvents({ after: null, limit: 0 }, now);
  if (!read.ok) throw new Error(read.failure.name);
  return read.value.next;
}
