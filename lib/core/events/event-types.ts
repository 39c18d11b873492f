import { z } from "zod";

const AccountId = z.int().positive().meta({ description: "The id of an account." });
const InviteCodeOut = z.string().meta({ description: "An invite code." });
const SessionIdOut = z.uuid().meta({ description: "The id of a session. It opens nothing." });
const Time = z.iso.datetime();
const Doer = z.enum(["owner", "administrator", "command_line", "server"]).meta({
  description:
    "Who did it: the account's owner, an administrator, the operator at the machine, or the server at a time that was set before.",
});
const Nothing = z.strictObject({});

/** Why sessions ended. */
const EndReason = z.enum([
  "logged_out",
  "ended_by_owner",
  "ended_by_administrator",
  "device_rejected",
  "token_reused",
  "identity_changed",
  "account_blocked",
  "account_deleted",
]);
export type EndReason = z.output<typeof EndReason>;

/** The most sessions that one `session.ended` names. Further ones follow in further events. */
export const SESSIONS_PER_EVENT_MAX = 100;

/**
 * The types of events, and the data of each. They have ids, times and invite codes, and never a phone, a mailbox or a reason that
 * an administrator wrote.
 */
export const EVENT_DATA = {
  "account.created": z
    .strictObject({ inviteCode: InviteCodeOut, by: Doer })
    .meta({ description: "An account was made by a login, or by an administrator." }),
  "account.updated": z
    .strictObject({ fields: z.array(z.enum(["phone", "claimedPhone", "email"])).min(1) })
    .meta({ description: "Fields of an account changed; read the account for their values." }),
  "account.blocked": Nothing.meta({ description: "An administrator blocked an account." }),
  "account.unblocked": Nothing.meta({ description: "A blocked account can log in again." }),
  "account.deleted": z.strictObject({ by: Doer, inviterId: AccountId.nullable() }).meta({
    description: "An account was deleted: its last event. The inviter that it had loses the referral.",
  }),
  "account.imported": z
    .strictObject({
      inviteCode: InviteCodeOut,
      createdAt: Time,
      blockedAt: Time.nullable(),
      invitation: z.strictObject({ inviterId: AccountId, activatedAt: Time }).nullable(),
    })
    .meta({
      description:
        "An account of another system was imported, with its invitation; no `account.created`, `account.blocked` or `invite.activated` follows.",
    }),
  "identifier.changed": z
    .strictObject({ identifier: z.enum(["phone", "email"]), was: z.enum(["added", "changed", "removed"]) })
    .meta({ description: "A proven phone or mailbox of an account was added, changed or removed." }),
  "session.opened": z
    .strictObject({
      sessionId: SessionIdOut,
      kind: z.enum(["browser", "client"]),
      isConfirmed: z.boolean(),
      expiresAt: Time,
    })
    .meta({
      description:
        "An account logged in. The session ends at `expiresAt` without a further event; a browser's also when it is idle.",
    }),
  "session.ended": z
    .strictObject({ sessionIds: z.array(SessionIdOut).min(1).max(SESSIONS_PER_EVENT_MAX), reason: EndReason })
    .meta({ description: "Sessions were ended before their time." }),
  "session.unconfirmed": z
    .strictObject({ sessionId: SessionIdOut })
    .meta({ description: "A session was opened on a device that the account does not trust." }),
  "invite.activated": z
    .strictObject({ inviterId: AccountId, inviteCode: InviteCodeOut, activatedAt: Time })
    .meta({ description: "The account activated the invite code of another account." }),
  "invite.moved": z
    .strictObject({ inviterIdBefore: AccountId.nullable(), inviterId: AccountId, inviteCode: InviteCodeOut })
    .meta({ description: "An administrator moved the account's activation to another invite code." }),
  "invite.reversed": z
    .strictObject({ inviterIdBefore: AccountId.nullable() })
    .meta({ description: "An administrator undid the account's activation." }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export type EventData<Type extends EventType> = z.output<(typeof EVENT_DATA)[Type]>;
export const EVENT_TYPES = Object.keys(EVENT_DATA) as EventType[];

/** What to publish: a type with its data. */
export type NewEvent = { [Type in EventType]: { type: Type; data: EventData<Type> } }[EventType];

/** Returns the JSON Schema of an event of this type, as readers get it: see `PublishedEvent` in event-log.ts. */
export function jsonSchemaOf(type: EventType) {
  return z.toJSONSchema(
    z.strictObject({
      id: z.string().meta({ description: "The event's id. The same event has the same id wherever it is read." }),
      type: z.literal(type),
      at: Time.meta({ description: "When it happened." }),
      accountId: AccountId,
      sequence: z.int().positive().meta({
        description: "Numbers the events of the account without a gap, from 1. The larger number is the later event.",
      }),
      isTest: z.boolean().meta({ description: "Whether the account is a test number's." }),
      data: EVENT_DATA[type],
    }),
  );
}
