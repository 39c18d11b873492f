import { z } from "zod";
import { EVENTS_PER_PAGE } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { type AuditAction, EventDetails } from "./audit-log";

/** Something that happened to an account. */
export interface AccountEvent {
  at: Date;
  action: AuditAction;
  /** Whether it was somebody else, an administrator, who did it. */
  isByAdministrator: boolean;
  details: EventDetails;
}

/** Where a page of events ends: before an event's number. */
export const EventCursor = z
  .string()
  .regex(/^\d{1,10}$/, "cursor_malformed")
  .transform(Number)
  .refine((id) => id < 2 ** 31, "cursor_malformed");
export type EventCursor = z.output<typeof EventCursor>;

/** What happened to the account, the newest first, a page at a time; `next` is null on the last one. */
export async function listEvents(
  userId: number,
  { before = null, limit = EVENTS_PER_PAGE }: { before?: EventCursor | null; limit?: number } = {},
): Promise<{ events: AccountEvent[]; next: EventCursor | null }> {
  const rows = await readPrimary.auditEvent.findMany({
    where: { subjectId: userId, ...(before !== null && { id: { lt: before } }) },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  return {
    events: page.map(({ at, action, actorId, details }) => ({
      at,
      action: action as AuditAction,
      isByAdministrator: actorId !== userId,
      details: EventDetails.safeParse(JSON.parse(details)).data ?? {},
    })),
    next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}
