import { z } from "zod";
import { Device } from "@/lib/core/sessions/user-agent";
import { statement, type Transaction } from "@/lib/db/database";

export type AuditAction =
  | "accounts_listed"
  | "account_read"
  | "account_created"
  | "account_changed"
  | "account_deleted"
  | "signed_in"
  | "device_confirmed"
  | "device_rejected"
  | "session_ended"
  | "sessions_ended"
  | "phone_changed"
  | "email_changed"
  | "change_requested"
  | "change_cancelled"
  | "change_dropped"
  | "invite_activated"
  | "data_exported";

/** What else is known of an event, which must not be anything of a person. */
export const EventDetails = z.object({
  /** Which fields were changed. */
  fields: z.array(z.string()).optional(),
  /** Which accounts were looked at. */
  ids: z.array(z.number()).optional(),
  /** What was used to sign in, or was signed out. */
  device: Device.optional(),
  /** Whether the account had not seen it before. */
  isNew: z.boolean().optional(),
  /** Whether there was no phone, or mailbox, before this one. */
  isAdded: z.boolean().optional(),
  /** What was asked to be done later, or was not done after all. */
  what: z.enum(["deletion", "phone", "email"]).optional(),
  /** How many sessions were ended. */
  count: z.number().optional(),
  /** Whether it was ended because somebody used a refresh token that was spent. */
  isTokenReused: z.boolean().optional(),
});
export type EventDetails = z.output<typeof EventDetails>;

const ADD_EVENT = statement({
  params: { now: "time", action: "text", actorId: "integer", subjectId: "integer?", details: "text" },
  sql: `
    INSERT INTO "AuditEvent" ("at", "action", "actorId", "subjectId", "details")
    VALUES (:now, :action, :actorId, :subjectId, :details)`,
});

/** Adds an act to the record, in the transaction that does it. */
export function recordEvent(
  tx: Transaction,
  {
    details = {},
    ...event
  }: {
    action: AuditAction;
    /** The account that acts. */
    actorId: number;
    /** The account it is done to, null where that is no single one. */
    subjectId: number | null;
    details?: EventDetails;
    now: Date;
  },
): void {
  tx.queue(ADD_EVENT, { ...event, details: JSON.stringify(details) });
}

/** The name of the row of `Mark` that the database's triggers look for. It is there once events were deleted. */
export const EVENTS_OVER = "audit_events_over";

const LET_GO = statement({
  params: { until: "time" },
  sql: `
    INSERT INTO "Mark" ("name", "at") VALUES ('${EVENTS_OVER}', :until)
    ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at"`,
});

/**
 * Has the database's triggers let go of events up to a time. They let go of no others, nor of any that is younger than thirty days by
 * the database's own clock.
 */
export function letEventsGo(tx: Transaction, until: Date): void {
  tx.queue(LET_GO, { until });
}

/** Adds to the record what an account does to itself. */
export function recordOwnEvent(
  tx: Transaction,
  userId: number,
  event: { action: AuditAction; details?: EventDetails; now: Date },
): void {
  recordEvent(tx, { ...event, actorId: userId, subjectId: userId });
}
