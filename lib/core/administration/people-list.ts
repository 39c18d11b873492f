import metadata from "libphonenumber-js/max/metadata";
import { z } from "zod";
import { InviteCode } from "@/lib/core/invites/invite-code";
import type { SignalState } from "@/lib/core/invites/signals";
import { type RowOf, readPrimary, statement } from "@/lib/db/database";
import type { Administrator } from "./actor";
import {
  beginningOf,
  END_PARAMS,
  FilterTime,
  type ListCursor,
  type ListPage,
  PAGE_PARAMS,
  ROWS_PER_PAGE,
  rangeOf,
  readPage,
  START_OF_TIME,
  walk,
} from "./list";
import { recordListing } from "./people";
import { AccountId } from "./search";
import { findSignalMarks } from "./signal-list";

/** The countries of each calling code, the main one first: those of `7` are Russia and Kazakhstan. */
export const COUNTRIES_BY_CALLING_CODE: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(metadata.country_calling_codes),
);

/** The filter of the list of people, as an address holds it. Phones and mailboxes are not in it. */
export const PeopleFilter = z.object({
  /** The first and the last day, or moment, of the account's making. */
  from: FilterTime.optional(),
  to: FilterTime.optional(),
  /** The same of its last visit: the newest session that is stored. Accounts without a session don't match. */
  seenFrom: FilterTime.optional(),
  seenTo: FilterTime.optional(),
  /** The calling code of the proven phone: `7`. */
  country: z
    .string()
    .refine((code) => COUNTRIES_BY_CALLING_CODE.has(code))
    .optional(),
  /** The account that invited them: its id, or its invite code. */
  inviter: z.union([AccountId.transform(String), InviteCode]).optional(),
  /** `mail`: only accounts without a proven phone. `blocked`: only blocked ones. `test`: only those of test numbers. */
  only: z.enum(["mail", "blocked", "test"]).optional(),
});
export type PeopleFilter = z.output<typeof PeopleFilter>;

const PARAMS = {
  ...PAGE_PARAMS,
  from: "time",
  to: "time",
  seenFrom: "time?",
  seenTo: "time?",
  prefix: "text?",
  isMailOnly: "boolean",
  isBlockedOnly: "boolean",
  isTestOnly: "boolean",
  inviterId: "integer",
} as const;

const SEEN_AT = `(SELECT max("seenAt") FROM "Session" WHERE "userId" = "walked"."id")`;
const COLUMNS = [
  "phone",
  "claimedPhone",
  "email",
  "inviteCode",
  "referralCount",
  "createdAt",
  "blockedAt",
  "isTest",
  "subject",
]
  .map((name) => `"User"."${name}"`)
  .join(", ");

const SELECT_PAGE = `
  SELECT "walked".*, ${SEEN_AT} AS "seenAt", (
    SELECT "inviter"."inviteCode" FROM "Activation" JOIN "User" AS "inviter" ON "inviter"."id" = "inviterId"
    WHERE "inviteeId" = "walked"."id") AS "inviterCode", (
    SELECT "activatedAt" FROM "Activation" WHERE "inviteeId" = "walked"."id") AS "activatedAt"
  FROM "walked"
  WHERE "createdAt" >= :from AND "createdAt" < :to
    AND (:prefix IS NULL OR substr("phone", 1, length(:prefix)) = :prefix)
    AND (NOT :isMailOnly OR "phone" IS NULL)
    AND (NOT :isBlockedOnly OR "blockedAt" IS NOT NULL)
    AND (NOT :isTestOnly OR "isTest")
    AND (:seenFrom IS NULL OR ${SEEN_AT} >= :seenFrom)
    AND (:seenTo IS NULL OR ${SEEN_AT} < :seenTo)
    AND (:inviterId = 0 OR EXISTS (
      SELECT 1 FROM "Activation" WHERE "inviteeId" = "walked"."id" AND "inviterId" = :inviterId))`;

/** Makes the statements that walk the accounts along one index. */
function statementsOf(along: Omit<Parameters<typeof walk>[0], "select">) {
  const { findEnd, rows: sql } = walk({ ...along, select: SELECT_PAGE });
  const rows = statement({
    params: PARAMS,
    row: {
      id: "integer",
      at: "time",
      phone: "text?",
      claimedPhone: "text?",
      email: "text?",
      inviteCode: "text",
      referralCount: "integer",
      createdAt: "time",
      blockedAt: "time?",
      isTest: "boolean",
      subject: "text?",
      seenAt: "time?",
      inviterCode: "text?",
      activatedAt: "time?",
    },
    sql,
  });
  const params = { ...END_PARAMS, inviterId: "integer" } as const;
  const end = statement({ params, row: { at: "time", id: "integer" }, sql: findEnd });
  return { rows, end };
}

const ALL = { columns: COLUMNS, source: `"User"`, at: `"User"."createdAt"`, id: `"User"."id"` };
const BY_CREATION = statementsOf(ALL);
const BY_MAIL_ONLY = statementsOf({ ...ALL, where: `AND ("User"."phone" IS NULL) = TRUE` });
const BY_BLOCK = statementsOf({ ...ALL, where: `AND ("User"."blockedAt" IS NOT NULL) = TRUE` });
// SQLite reads the tables of a CROSS JOIN in their order, so it begins with the few test numbers.
const BY_TEST = statementsOf({
  ...ALL,
  source: `"TestNumber" CROSS JOIN "User"`,
  where: `AND "User"."phone" = "TestNumber"."phone" AND "User"."isTest"`,
});
/** The invitees of one account, in the order in which they activated its code. */
const BY_INVITER = statementsOf({
  columns: COLUMNS,
  source: `"Activation" JOIN "User" ON "User"."id" = "Activation"."inviteeId"`,
  at: `"Activation"."activatedAt"`,
  id: `"Activation"."inviteeId"`,
  where: `AND "Activation"."inviterId" = :inviterId`,
});

/** An account in the list of people. */
export type ListedPerson = RowOf<typeof BY_CREATION.rows>;

/**
 * Returns a page of the accounts that match the filter, the newest first; with an inviter, in the order of their activations.
 * `seenAt` is the last use of a session that is stored. `inviterCode` is the invite code of the inviter, and `activatedAt` is when
 * the account activated it. Records nothing: `listPeoplePage` and the export do.
 */
export async function walkPeople(
  filter: PeopleFilter,
  cursor: ListCursor | null,
  limit = ROWS_PER_PAGE,
): Promise<ListPage<ListedPerson>> {
  const inviterId = await findInviterId(filter.inviter);
  if (inviterId === null) return { rows: [], next: null };
  const { from, to } = rangeOf(filter);
  const seen = rangeOf({ from: filter.seenFrom, to: filter.seenTo });
  const isByInviter = inviterId !== 0;
  const byOnly = filter.only && { mail: BY_MAIL_ONLY, blocked: BY_BLOCK, test: BY_TEST }[filter.only];
  const { rows, end } = isByInviter ? BY_INVITER : (byOnly ?? BY_CREATION);
  // The list of an inviter is sorted by activations, so the days of creation don't bound it.
  const begin = { ...beginningOf(cursor, isByInviter ? undefined : to), inviterId };
  const since = isByInviter ? START_OF_TIME : from;
  const filters = {
    from,
    to: to ?? beginningOf(null, undefined).at,
    seenFrom: filter.seenFrom === undefined ? null : seen.from,
    seenTo: seen.to ?? null,
    prefix: filter.country === undefined ? null : `+${filter.country}`,
    isMailOnly: filter.only === "mail",
    isBlockedOnly: filter.only === "blocked",
    isTestOnly: filter.only === "test",
  };
  return readPage(
    { limit, since },
    () => readPrimary.get(end, { ...begin, since }),
    (page) => readPrimary.all(rows, { ...begin, ...page, ...filters }),
  );
}

/** An account in the list of people as a page shows it, with the mark of its signals. */
export type MarkedPerson = ListedPerson & { mark: SignalState | null };

/** Returns a page as `walkPeople` does, with the mark of each account's signals, and records which accounts were listed. */
export async function listPeoplePage(
  administrator: Administrator,
  filter: PeopleFilter,
  cursor: ListCursor | null,
  now = new Date(),
): Promise<ListPage<MarkedPerson>> {
  const { rows, next } = await walkPeople(filter, cursor);
  const ids = rows.map(({ id }) => id);
  const marks = await findSignalMarks(ids);
  await recordListing(administrator, ids, now);
  return { rows: rows.map((row) => ({ ...row, mark: marks.get(row.id) ?? null })), next };
}

/** Returns the id of the inviter that a filter names; 0 if it names none, null if there is no such account. */
async function findInviterId(inviter: string | undefined): Promise<number | null> {
  if (inviter === undefined) return 0;
  const id = AccountId.safeParse(inviter).data;
  const code = InviteCode.safeParse(inviter).data;
  const byCode = code && (await readPrimary.user.findUnique({ where: { inviteCode: code }, select: { id: true } }));
  return byCode?.id ?? id ?? null;
}
