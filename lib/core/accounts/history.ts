import { z } from "zod";
import { EVENTS_PER_PAGE } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { type ActorKind, type AuditAction, EventDetails } from "./audit-log";

/** An event in the history of an account. */
export interface AccountEvent {
  at: Date;
  action: AuditAction;
  /** Whether an administrator, or a backend with an API key, caused the event, as opposed to the account itself. */
  isByAdministrator: boolean;
  details: OwnEventDetails;
}

/** The details that an account sees of its events: not why an administrator acted, and no ids of other accounts. */
const OwnEventDetails = EventDetails.omit({ reason: true, inviters: true, ids: true, verdict: true, signals: true });
type OwnEventDetails = z.output<typeof OwnEventDetails>;

/** Where a page of events begins: before the event with this id. Other text fails with the zod issue `cursor_malformed`. */
export const EventCursor = z
  .string()
  .regex(/^\d{1,10}$/, "cursor_malformed")
  .transform(Number)
  .refine((id) => id < 2 ** 31, "cursor_malformed");
export type EventCursor = z.output<typeof EventCursor>;

/**
 * The actions that an account does not see. A review of signals would tell a cheater which of the invitees were noticed, and when to
 * begin again in another way.
 */
const UNSEEN_ACTIONS: AuditAction[] = ["signals_reviewed"];

/** The actors that an account sees as an administrator. The account is not shown which backend acted. */
const STAFF_KINDS: string[] = ["administrator", "api_key"] satisfies ActorKind[];

/** Returns a page of the events that concern the account, the newest first. `next` is null on the last page. */
export async function listEvents(
  userId: number,
  { before = null, limit = EVENTS_PER_PAGE }: { before?: EventCursor | null; limit?: number } = {},
): Promise<{ events: AccountEvent[]; next: EventCursor | null }> {
  const rows = await readPrimary.auditEvent.findMany({
    where: { subjectId: userId, action: { notIn: UNSEEN_ACTIONS }, ...(before !== null && { id: { lt: before } }) },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  return {
    events: page.map(({ at, action, actorKind, actorId, details }) => ({
      at,
      action: action as AuditAction,
      // Events of version 0.1 have no kind.
      isByAdministrator: actorKind === null ? actorId !== userId : STAFF_KINDS.includes(actorKind),
      details: OwnEventDetails.safeParse(JSON.parse(details)).data ?? {},
    })),
    next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}
