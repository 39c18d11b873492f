import { z } from "zod";
import { ACTOR_KINDS, AUDIT_ACTIONS, type AuditAction, EventDetails } from "@/lib/core/accounts/audit-log";
import { readPrimary, statement } from "@/lib/db/database";
import {
  beginningOf,
  END_PARAMS,
  FilterTime,
  type ListCursor,
  type ListPage,
  type ListRow,
  PAGE_PARAMS,
  ROWS_PER_PAGE,
  rangeOf,
  readPage,
  walk,
} from "./list";
import { AccountId } from "./search";

/** The filter of the audit log, as an address holds it. */
export const AuditFilter = z.object({
  from: FilterTime.optional(),
  to: FilterTime.optional(),
  action: z.enum(AUDIT_ACTIONS).optional(),
  /** Who did it; see `AuditEvent.actorKind`. */
  kind: z.enum(ACTOR_KINDS).optional(),
  /** The id of the account that acted; with the kind `api_key`, of the key. */
  actor: AccountId.transform(String).optional(),
  /** The id of the account that was changed. */
  subject: AccountId.transform(String).optional(),
});
export type AuditFilter = z.output<typeof AuditFilter>;

/** Makes the statements that walk the events along one index. */
function statementsOf(where: string, order: "time" | "id") {
  const { findEnd, rows: sql } = walk({
    columns: `"action", "actorKind", "actorId", "subjectId", "details"`,
    source: `"AuditEvent"`,
    at: `"AuditEvent"."at"`,
    id: `"AuditEvent"."id"`,
    where,
    order,
    select: `
      SELECT * FROM "walked"
      WHERE "at" >= :from AND "at" < :to
        AND (:action IS NULL OR "action" = :action)
        AND (:kind IS NULL OR "actorKind" = :kind)
        AND (:actor IS NULL OR "actorId" = :actor)
        AND (:kind IS NOT NULL OR :actor IS NULL OR "actorKind" IS NULL OR "actorKind" <> 'api_key')`,
  });
  const rows = statement({
    params: {
      ...PAGE_PARAMS,
      from: "time",
      to: "time",
      action: "text?",
      kind: "text?",
      actor: "integer?",
      subject: "integer",
    },
    row: {
      id: "integer",
      at: "time",
      action: "text",
      actorKind: "text?",
      actorId: "integer",
      subjectId: "integer?",
      details: "text",
    },
    sql,
  });
  const params = { ...END_PARAMS, subject: "integer" } as const;
  const end = statement({ params, row: { at: "time", id: "integer" }, sql: findEnd });
  return { rows, end };
}

const BY_TIME = statementsOf("", "time");
/** The events of all actors but persons. They are few, and have an index of their own. */
const BY_STAFF = statementsOf(`AND ("AuditEvent"."actorKind" <> 'person') = TRUE`, "time");
const BY_SUBJECT = statementsOf(`AND "AuditEvent"."subjectId" = :subject`, "id");

/** An event of the audit log. `actorId` is the id of an account or of an API key, or `NO_ACCOUNT_ID`. */
export interface ListedEvent extends ListRow {
  action: AuditAction;
  /** Null in events of version 0.1. */
  actorKind: string | null;
  actorId: number;
  /** Null for an event that does not concern a single account. */
  subjectId: number | null;
  details: EventDetails;
}

/**
 * Returns a page of the audit events that match the filter, the newest first. An actor without a kind is an account: an administrator,
 * or the person of `subject`. A person acts on their own account only, so their events are found as those of the account.
 */
export async function walkEvents(
  filter: AuditFilter,
  cursor: ListCursor | null,
  limit = ROWS_PER_PAGE,
): Promise<ListPage<ListedEvent>> {
  const { from, to } = rangeOf(filter);
  const kind = filter.kind ?? (filter.actor && !filter.subject ? "administrator" : null);
  const subject = filter.subject ?? (kind === "person" ? filter.actor : undefined);
  const isStaff = kind !== null && kind !== "person";
  const { rows, end } = subject ? BY_SUBJECT : isStaff ? BY_STAFF : BY_TIME;
  const begin = { ...beginningOf(cursor, subject ? undefined : to), subject: Number(subject ?? 0) };
  const filters = {
    from,
    to: to ?? beginningOf(null, undefined).at,
    action: filter.action ?? null,
    kind,
    actor: filter.actor ? Number(filter.actor) : null,
  };
  const page = await readPage(
    { limit, since: from },
    () => readPrimary.get(end, { ...begin, since: from }),
    (part) => readPrimary.all(rows, { ...begin, ...part, ...filters }),
  );
  const eventOf = ({ action, details, ...row }: (typeof page.rows)[number]): ListedEvent => ({
    ...row,
    action: action as AuditAction,
    details: EventDetails.safeParse(JSON.parse(details)).data ?? {},
  });
  return { rows: page.rows.map(eventOf), next: page.next };
}
