import { z } from "zod";
import { Device } from "@/lib/core/sessions/user-agent";
import { statement, type Transaction } from "@/lib/db/database";

/** The kinds of events: what can be done to an account. */
export const AUDIT_ACTIONS = [
  "accounts_listed",
  "account_read",
  "account_created",
  "account_changed",
  "account_deleted",
  "account_blocked",
  "account_unblocked",
  "signed_in",
  "test_number_used",
  "device_confirmed",
  "device_rejected",
  "session_ended",
  "sessions_ended",
  "phone_changed",
  "email_changed",
  "change_requested",
  "change_cancelled",
  "change_dropped",
  "invite_activated",
  "invite_moved",
  "invite_reversed",
  "limits_lifted",
  "data_exported",
  "console_opened",
  "identity_shown",
  "administrator_added",
  "administrator_removed",
  "account_imported",
  "import_checked",
  "accounts_imported",
  "list_export_started",
  "list_exported",
  "recipient_read",
  "signals_reviewed",
  "sender_tried",
  "test_number_made",
  "test_number_ended",
  "test_number_deleted",
  "api_key_made",
  "api_key_revoked",
  "webhook_made",
  "webhook_changed",
  "webhook_paused",
  "webhook_resumed",
  "webhook_rotated",
  "webhook_deleted",
  "webhook_tested",
  "webhook_replayed",
  "webhook_disabled",
  "client_made",
  "client_changed",
  "client_secret_renewed",
  "client_disabled",
  "client_enabled",
  "client_removed",
  "consent_given",
  "consent_withdrawn",
  "application_token_reused",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/**
 * Who acts: an account on itself, an administrator, a backend with an API key, the operator at the machine, or the server at a time
 * that was set before.
 */
export const ACTOR_KINDS = ["person", "administrator", "api_key", "command_line", "server"] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

/** The `actorId` of events that no account caused: those of the command line and of the server. */
export const NO_ACCOUNT_ID = 0;

/** Further details of an event. They must not contain personal data. */
export const EventDetails = z.object({
  /** The names of the fields that were changed: `phone`, `email`, or those of an application. */
  fields: z.array(z.string()).optional(),
  /** The ids of the accounts that were listed. */
  ids: z.array(z.number()).optional(),
  /** The device that signed in, was confirmed or rejected, or whose session ended. */
  device: Device.optional(),
  /** Whether the account signed in, was made or activated an invite code by a phone or a mailbox, and the phone's country. */
  channel: z.enum(["phone", "email"]).optional(),
  country: z.string().optional(),
  /** Whether the device was new to the account. */
  isNew: z.boolean().optional(),
  /** Whether the changed phone or mailbox is the account's first of its kind. */
  isAdded: z.boolean().optional(),
  /** The kind of a delayed change that was requested, cancelled or dropped. */
  what: z.enum(["deletion", "phone", "email"]).optional(),
  /** The list of the console that was exported, and its filter. */
  list: z.string().optional(),
  filter: z.record(z.string(), z.string().optional()).optional(),
  /** The sender that was tried. */
  sender: z.string().optional(),
  /** How many sessions were ended, or rows exported. */
  count: z.number().optional(),
  /** Whether the session was ended because a used refresh token was presented again. */
  isTokenReused: z.boolean().optional(),
  /** The accounts that an activation led to before and after an administrator changed it; null for no account. */
  inviters: z.object({ before: z.number().nullable(), after: z.number().nullable() }).optional(),
  /** A delivery to the phone or mailbox without an account that an administrator acted on. */
  deliveryId: z.number().optional(),
  /** What an administrator found of the signals of an inviter, and the kinds of these signals. */
  verdict: z.enum(["fine", "held"]).optional(),
  signals: z.array(z.string()).optional(),
  /** Whether the account is a test number's. */
  isTest: z.boolean().optional(),
  /** The id of the test number that was made, ended or deleted. */
  testNumber: z.number().optional(),
  /** The id of the API key that was made or revoked, and the scopes that it was made with. */
  apiKey: z.number().optional(),
  /**
   * The id of the application that was made, changed, disabled, enabled or removed, that got or lost the person's consent, or whose login
   * of the person was ended.
   */
  client: z.string().optional(),
  /** Its name then, when it was removed, a person allowed it something or its login was ended: a history outlives the application. */
  clientName: z.string().optional(),
  scopes: z.array(z.string()).optional(),
  /** The id of an endpoint of webhooks, whether it gets phones and mailboxes, and why the server disabled it. */
  webhook: z.string().optional(),
  hasPhones: z.boolean().optional(),
  disabledFor: z.enum(["gone", "failing"]).optional(),
  /** Why an administrator or a backend did it, in the actor's own words. Only administrators see it. */
  reason: z.string().optional(),
});
export type EventDetails = z.output<typeof EventDetails>;

const ADD_EVENT = statement({
  params: {
    now: "time",
    action: "text",
    actorKind: "text",
    actorId: "integer",
    subjectId: "integer?",
    details: "text",
  },
  sql: `
    INSERT INTO "AuditEvent" ("at", "action", "actorKind", "actorId", "subjectId", "details")
    VALUES (:now, :action, :actorKind, :actorId, :subjectId, :details)`,
});

/** Adds an event to the audit log, in the transaction of the change that the event describes. */
export function recordEvent(
  tx: Transaction,
  {
    details = {},
    ...event
  }: {
    action: AuditAction;
    actorKind: ActorKind;
    /** The account or the API key that acts, or `NO_ACCOUNT_ID`. */
    actorId: number;
    /** The account that is acted on; null if the event concerns a list of accounts. */
    subjectId: number | null;
    details?: EventDetails;
    now: Date;
  },
): void {
  tx.queue(ADD_EVENT, { ...event, details: JSON.stringify(details) });
}

/**
 * The name of a row of the table `Mark`. Its time tells the database's triggers up to when events may be deleted. The row
 * exists only after a deletion of events.
 */
export const EVENTS_OVER_MARK = "audit_events_over";

const ALLOW_EVENT_DELETION = statement({
  params: { until: "time" },
  sql: `
    INSERT INTO "Mark" ("name", "at") VALUES ('${EVENTS_OVER_MARK}', :until)
    ON CONFLICT ("name") DO UPDATE SET "at" = excluded."at"`,
});

/**
 * Lets this transaction delete the events up to `until`. The database's triggers refuse to delete later events, and refuse
 * events younger than thirty days by the database's own clock.
 */
export function allowEventDeletion(tx: Transaction, until: Date): void {
  tx.queue(ALLOW_EVENT_DELETION, { until });
}

/** Adds an event that an account's owner caused: the account is the actor and the subject. */
export function recordEventByOwner(
  tx: Transaction,
  userId: number,
  event: { action: AuditAction; details?: EventDetails; now: Date },
): void {
  recordEvent(tx, { ...event, actorKind: "person", actorId: userId, subjectId: userId });
}
