import { z } from "zod";
import { type EventDetails, recordEvent } from "@/lib/core/accounts/audit-log";
import { consume, EXPORTS_OF_USER, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, type Transaction, transact } from "@/lib/db/database";
import { type Administrator, mayChange, mayStillAct } from "./actor";
import { AuditFilter, type ListedEvent, walkEvents } from "./audit-list";
import { csvOf } from "./csv";
import { DeliveryFilter, type ListedDelivery, walkDeliveries } from "./delivery-list";
import { type ListCursor, type ListPage, readFields } from "./list";
import { type ListedPerson, PeopleFilter, walkPeople } from "./people-list";
import { type InviterCursor, type RankedInviter, ReferralFilter, walkInviters } from "./referral-list";

/** How many rows of an export are in memory at a time, where the list says nothing else. */
const ROWS_AT_ONCE = 500;

/** A list that can be exported: its filter, how its pages are read, its columns, and the cells of a row. */
interface Exported<Filter, Row, Cursor = ListCursor> {
  filter: z.ZodType<Filter>;
  walk: (filter: Filter, cursor: Cursor | null, limit: number) => Promise<ListPage<Row, Cursor>>;
  /** How many rows are in memory at a time. */
  rowsAtOnce?: number;
  columns: readonly string[];
  cellsOf: (row: Row) => (string | number | null)[];
  /** Whether it has full phones and mailboxes, and so needs a recent code, as acts do. */
  hasIdentities: boolean;
}

const REFERRALS: Exported<ReferralFilter, RankedInviter, InviterCursor> = {
  filter: ReferralFilter,
  walk: walkInviters,
  // Each reading counts all activations of the period again.
  rowsAtOnce: 10_000,
  columns: ["id", "invite_code", "brought", "referrals", "signals"],
  cellsOf: ({ id, inviteCode, count, referralCount, mark }) => [id, inviteCode, count, referralCount, mark],
  hasIdentities: false,
};

const timeCell = (time: Date | null) => time?.toISOString() ?? null;

const PEOPLE: Exported<PeopleFilter, ListedPerson> = {
  filter: PeopleFilter,
  walk: walkPeople,
  // An import reads the first ten columns, so that an installation can move to another one.
  columns: [
    ...["phone", "claimed_phone", "email", "invite_code", "inviter_code", "created", "activated", "blocked", "test"],
    ...["subject", "id", "last_seen", "referrals"],
  ],
  cellsOf: ({ createdAt, activatedAt, blockedAt, seenAt, ...row }) => [
    ...[row.phone, row.claimedPhone, row.email, row.inviteCode, row.inviterCode],
    ...[timeCell(createdAt), timeCell(activatedAt), timeCell(blockedAt), row.isTest ? "yes" : ""],
    ...[row.subject, row.id, timeCell(seenAt), row.referralCount],
  ],
  hasIdentities: true,
};
const DELIVERIES: Exported<DeliveryFilter, ListedDelivery> = {
  filter: DeliveryFilter,
  walk: walkDeliveries,
  columns: [
    ...["id", "at", "sender", "state", "state_at", "reason", "recipient", "last_digits", "country", "cost", "currency"],
  ],
  cellsOf: ({ id, at, sender, state, stateAt, reason, recipient, lastDigits, country, cost, currency }) => [
    ...[id, timeCell(at), sender, state, timeCell(stateAt), reason, recipient, lastDigits, country, cost, currency],
  ],
  hasIdentities: false,
};
const EVENTS: Exported<AuditFilter, ListedEvent> = {
  filter: AuditFilter,
  walk: walkEvents,
  columns: ["id", "at", "action", "actor_kind", "actor_id", "subject_id", "details"],
  cellsOf: ({ id, at, action, actorKind, actorId, subjectId, details }) => [
    ...[id, timeCell(at), action, actorKind, actorId, subjectId, JSON.stringify(details)],
  ],
  hasIdentities: false,
};

/** A list that can be exported, as its address names it. */
export const ExportedList = z.enum(["people", "deliveries", "referrals", "audit"]);
export type ExportedList = z.output<typeof ExportedList>;

const FILTERS = {
  people: PeopleFilter,
  deliveries: DeliveryFilter,
  referrals: ReferralFilter,
  audit: AuditFilter,
} as const;
/** The filter of one list. */
export type FilterOf<List extends ExportedList> = z.output<(typeof FILTERS)[List]>;

/** Reads the filter of a list from the fields of a form or an address; see `readFields`. */
export function readFilter<List extends ExportedList>(
  list: List,
  given: Record<string, unknown>,
): { filter: FilterOf<List>; malformed: string[] } {
  const schema: z.ZodType = FILTERS[list];
  return readFields(schema as z.ZodType<FilterOf<List>>, given);
}

/**
 * The failures of an export.
 * - `filter_malformed`: the filter is not one of this list.
 * - `login_too_old`: the list has full phones, and the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago.
 * - `budget_spent`: the administrator exported too often.
 */
export type ExportFailure = LimitFailure | { name: "filter_malformed" | "login_too_old" };

/**
 * Returns the rows of a list that match the filter, all of them, as a CSV file in pieces, so that a list of any length fits into
 * memory. The export is recorded in the audit log before the first row is read, with its filter, and once more with the number of
 * rows that were read: when the last piece was read, or when reading ends before. The file ends early when the administrator is
 * blocked or deleted while it is read.
 */
export function exportList(
  administrator: Administrator,
  list: ExportedList,
  given: Record<string, string>,
  now = new Date(),
): Promise<Result<AsyncGenerator<string>, ExportFailure>> {
  switch (list) {
    case "people":
      return openExport(administrator, { ...PEOPLE, list, given, now });
    case "deliveries":
      return openExport(administrator, { ...DELIVERIES, list, given, now });
    case "referrals":
      return openExport(administrator, { ...REFERRALS, list, given, now });
    case "audit":
      return openExport(administrator, { ...EVENTS, list, given, now });
  }
}

async function openExport<Filter extends Record<string, string | undefined>, Row, Cursor>(
  administrator: Administrator,
  exported: Exported<Filter, Row, Cursor> & { list: ExportedList; given: Record<string, string>; now: Date },
): Promise<Result<AsyncGenerator<string>, ExportFailure>> {
  const { filter, given, now } = exported;
  const parsed = filter.safeParse(given);
  // A name that is not understood would be a filter that the file ignores.
  const isUnderstood = parsed.success && Object.keys(given).every((name) => parsed.data[name] !== undefined);
  if (!isUnderstood) return fail({ name: "filter_malformed" });
  if (exported.hasIdentities && !mayChange(administrator, now)) return fail({ name: "login_too_old" });
  const charge = { limit: EXPORTS_OF_USER, subject: String(administrator.userId) };
  const { list } = exported;
  const taken = await transact(async (tx) => {
    const consumed = await consume(tx, [charge], now);
    if (consumed.ok)
      recordExport(tx, administrator, "list_export_started", { details: { list, filter: parsed.data }, now });
    return consumed;
  });
  return taken.ok ? succeed(linesOf(administrator, parsed.data, exported)) : taken;
}

function recordExport(
  tx: Transaction,
  { userId }: Administrator,
  action: "list_export_started" | "list_exported",
  event: { details: EventDetails; now: Date },
): void {
  recordEvent(tx, { action, actorKind: "administrator", actorId: userId, subjectId: null, ...event });
}

/** The mark of UTF-8 at the beginning of a file, without which Excel takes the text for one in the code page of the machine. */
const BYTE_ORDER_MARK = "\ufeff";

async function* linesOf<Filter extends Record<string, string | undefined>, Row, Cursor>(
  administrator: Administrator,
  filter: Filter,
  { walk, columns, cellsOf, list, rowsAtOnce = ROWS_AT_ONCE }: Exported<Filter, Row, Cursor> & { list: ExportedList },
): AsyncGenerator<string> {
  let count = 0;
  try {
    yield BYTE_ORDER_MARK + csvOf([[...columns]]);
    let cursor: Cursor | null = null;
    do {
      const page: ListPage<Row, Cursor> = await walk(filter, cursor, rowsAtOnce);
      count += page.rows.length;
      if (page.rows.length > 0) yield csvOf(page.rows.map(cellsOf));
      cursor = page.next;
    } while (cursor && (await mayStillAct(readPrimary, administrator)));
  } finally {
    const details = { list, filter, count };
    await transact(async (tx) => recordExport(tx, administrator, "list_exported", { details, now: new Date() }));
  }
}
