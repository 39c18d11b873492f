import type { InviteCode } from "@/lib/core/invites/invite-code";
import { readPrimary, statement } from "@/lib/db/database";
import {
  beginningOf,
  END_PARAMS,
  type ListCursor,
  type ListPage,
  type ListRow,
  type MomentRange,
  PAGE_PARAMS,
  readPage,
  START_OF_TIME,
  walk,
} from "./list";

/** Makes the statements that walk the activations along one index. */
function statementsOf(where: string) {
  const { findEnd, rows: sql } = walk({
    columns: `"inviterId", "code"`,
    source: `"Activation"`,
    at: `"Activation"."activatedAt"`,
    id: `"Activation"."inviteeId"`,
    where,
    select: `SELECT "walked".*, "User"."isTest" FROM "walked" JOIN "User" ON "User"."id" = "walked"."id"`,
  });
  const rows = statement({
    params: { ...PAGE_PARAMS, inviter: "integer" },
    row: { id: "integer", at: "time", inviterId: "integer?", code: "text", isTest: "boolean" },
    sql,
  });
  const end = statement({
    params: { ...END_PARAMS, inviter: "integer" },
    row: { at: "time", id: "integer" },
    sql: findEnd,
  });
  return { rows, end };
}

const ALL = statementsOf("");
const BY_INVITER = statementsOf(`AND "Activation"."inviterId" = :inviter`);

/** An activation in the list: `id` is the invitee's account, and `at` the time of the activation. */
export interface ListedActivation extends ListRow {
  /** Null if the inviter's account was deleted. */
  inviterId: number | null;
  code: InviteCode;
  /** Whether it is by the account of a test number. */
  isTest: boolean;
}

/** Returns a page of the activations of this time, of all codes or of one inviter's, the newest first. */
export async function findActivations(
  { inviter, from: since = START_OF_TIME, to }: { inviter?: number | undefined } & MomentRange,
  cursor: ListCursor | null,
  limit: number,
): Promise<ListPage<ListedActivation>> {
  const { rows, end } = inviter === undefined ? ALL : BY_INVITER;
  const begin = { ...beginningOf(cursor, to), inviter: inviter ?? 0 };
  const page = await readPage(
    { limit, since },
    () => readPrimary.get(end, { ...begin, since }),
    (part) => readPrimary.all(rows, { ...begin, ...part }),
  );
  return { ...page, rows: page.rows.map((row) => ({ ...row, code: row.code as InviteCode })) };
}
