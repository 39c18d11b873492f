import { z } from "zod";

export const AccountId = z.int().positive().meta({ description: "The id of an account." });
const InviteCodeField = z.string().meta({ description: "An invite code." });
const SessionIdField = z.uuid().meta({ description: "The id of a session. It is no credential." });
export const Time = z.iso.datetime();
const Doer = z.enum(["owner", "administrator", "api_key", "command_line", "server"]).meta({
  description:
    "Who did it: the account's owner, an administrator, a backend with an API key, the operator at the machine, or the server at a time that was set before.",
});
const NoData = z.strictObject({});

/** Why sessions were ended. */
const EndReason = z
  .enum([
    "logged_out",
    "ended_by_owner",
    "ended_by_administrator",
    "ended_by_api_key",
    "device_rejected",
    "token_reused",
    "identity_changed",
    "account_blocked",
    "account_deleted",
  ])
  .meta({
    description:
      "`logged_out` and `ended_by_owner`: in the session itself, and from another session of the account. `device_rejected`: a trusted device said that the new device is not the owner's. `token_reused`: a refresh token was sent again after a newer one had been used, so it may have been copied. `identity_changed`: a proven phone or mailbox of the account changed.",
  });
export type EndReason = z.output<typeof EndReason>;

/** The most sessions that one `session.ended` names. Further ones follow in further events. */
export const SESSIONS_PER_EVENT_MAX = 100;

/** The most groups that one `code.undelivered` lists. */
export const UNDELIVERED_GROUPS_MAX = 100;

const Count = z.int().nonnegative();

/**
 * The types of events of an account, and the data of each. They have ids, times and invite codes, and never a phone, a mailbox or a
 * reason that an administrator wrote.
 */
const ACCOUNT_EVENT_DATA = {
  "account.created": z
    .strictObject({ inviteCode: InviteCodeField, by: Doer })
    .meta({ description: "The account was made: by a login, an administrator, a backend or the command line (`by`)." }),
  "account.updated": z
    .strictObject({ fields: z.array(z.enum(["phone", "claimedPhone", "email"])).min(1) })
    .meta({ description: "Fields of an account changed; read the account for their values." }),
  "account.blocked": NoData.meta({
    description: "The account was blocked by an administrator, a backend or the command line.",
  }),
  "account.unblocked": NoData.meta({ description: "The account is no longer blocked, and can log in again." }),
  "account.deleted": z.strictObject({ by: Doer, inviterId: AccountId.nullable() }).meta({
    description:
      "An account was deleted. This is its last event. Its inviter loses the referral, and the accounts that it invited have no inviter from then on.",
  }),
  "account.imported": z
    .strictObject({
      inviteCode: InviteCodeField,
      createdAt: Time,
      blockedAt: Time.nullable(),
      activation: z.strictObject({ inviterId: AccountId, activatedAt: Time }).nullable(),
    })
    .meta({
      description:
        "An account of another system was imported, with its activation. No `account.created`, `account.blocked` or `invite.activated` follows.",
    }),
  "identifier.changed": z
    .strictObject({
      identifier: z.enum(["phone", "email"]),
      was: z.enum(["added", "changed", "removed"]).meta({ description: "What happened to it." }),
    })
    .meta({
      description:
        "A proven phone or mailbox of an account was added, changed or removed. `account.updated` comes as well; for a claimed phone it comes alone.",
    }),
  "session.opened": z
    .strictObject({
      sessionId: SessionIdField,
      kind: z.enum(["browser", "client"]),
      isConfirmed: z.boolean(),
      expiresAt: Time,
    })
    .meta({
      description:
        "An account logged in. `expiresAt` is when the session ends, without a further event. A browser's session ends earlier when it is idle.",
    }),
  "session.ended": z
    .strictObject({ sessionIds: z.array(SessionIdField).min(1).max(SESSIONS_PER_EVENT_MAX), reason: EndReason })
    .meta({ description: "Sessions were ended before they expired." }),
  "session.unconfirmed": z.strictObject({ sessionId: SessionIdField }).meta({
    description:
      "A session was opened on a device that the account does not trust. Follows `session.opened` with `isConfirmed: false`. Then follows `session.confirmed`, or `session.ended`, for example with the reason `device_rejected`.",
  }),
  "session.confirmed": z
    .strictObject({ sessionIds: z.array(SessionIdField).min(1) })
    .meta({ description: "A trusted device of the account confirmed these sessions, which were unconfirmed." }),
  "invite.activated": z
    .strictObject({ inviterId: AccountId, inviteCode: InviteCodeField, activatedAt: Time })
    .meta({ description: "The account activated the invite code of another account." }),
  "invite.moved": z
    .strictObject({ inviterIdBefore: AccountId.nullable(), inviterId: AccountId, inviteCode: InviteCodeField })
    .meta({ description: "The account's activation was moved to another invite code." }),
  "invite.reversed": z
    .strictObject({ inviterIdBefore: AccountId.nullable() })
    .meta({ description: "The account's activation was undone." }),
} as const;

/** The types of events of the service, which concern no account, and the data of each. They name no recipient of a code. */
const SERVICE_EVENT_DATA = {
  "code.undelivered": z
    .strictObject({
      from: Time,
      until: Time,
      count: z.int().positive().meta({ description: "How many messages were not delivered, of all groups." }),
      groups: z
        .array(
          z.strictObject({
            sender: z.string(),
            channel: z.enum(["phone", "email"]),
            country: z.string().nullable().meta({ description: "ISO 3166-1 alpha-2; null for mailboxes." }),
            messages: z.int().positive().meta({ description: "How many messages the sender was asked to send." }),
            undelivered: Count.meta({
              description: "The sender accepted them and reported later that they did not arrive.",
            }),
            failed: Count.meta({ description: "The sender failed." }),
            unanswered: Count.meta({ description: "The sender did not answer, so they may have been sent." }),
            refused: Count.meta({ description: "The sender refused the phone or mailbox." }),
          }),
        )
        .min(1)
        .max(UNDELIVERED_GROUPS_MAX)
        .meta({ description: "By sender and country, the group with the most such messages first." }),
    })
    .meta({
      description:
        "Sums of the messages with codes that senders did not deliver in one hour. The event follows some ten minutes after the hour, and leaves out what senders report later. A message counts although a further sender delivered its code.",
    }),
  "sender.resting": z
    .strictObject({ sender: z.string(), until: Time.meta({ description: "Then one message tries the sender." }) })
    .meta({
      description:
        "A sender gets no messages for a while, after failures in a row. If it keeps failing, it rests again without a further event.",
    }),
  "budget.threshold": z
    .strictObject({
      budget: z.enum(["messages", "cost"]).meta({ description: "`SMS_BUDGET_PER_DAY` or `SMS_COST_PER_DAY`." }),
      percent: z.literal([80, 90, 100]).meta({
        description: "The percentage that was reached.",
      }),
      used: z.number().nonnegative(),
      max: z.number().nonnegative(),
      resetsAt: Time,
    })
    .meta({
      description:
        "80, 90 or 100 percent of the day's messages, or of their cost, are used up. Each percentage is published once a day. From 90 on, codes for phones are refused to browsers that are not recognised, and at 100 to all.",
    }),
  "alarm.started": z
    .strictObject({ digits: z.int().positive().meta({ description: "How many digits new codes have at least." }) })
    .meta({ description: "There are far more wrong codes than usual, so new codes are longer." }),
  "alarm.ended": z.strictObject({ startedAt: Time }).meta({
    description: "The number of wrong codes is usual again.",
  }),
} as const;

export const EVENT_DATA = { ...ACCOUNT_EVENT_DATA, ...SERVICE_EVENT_DATA } as const;

export type AccountEventType = keyof typeof ACCOUNT_EVENT_DATA;
export type ServiceEventType = keyof typeof SERVICE_EVENT_DATA;
export type EventType = AccountEventType | ServiceEventType;
export type EventData<Type extends EventType> = z.output<(typeof EVENT_DATA)[Type]>;
export const EVENT_TYPES = Object.keys(EVENT_DATA) as EventType[];

/** Returns whether events of this type concern an account. */
export function isAccountEventType(type: EventType): type is AccountEventType {
  return type in ACCOUNT_EVENT_DATA;
}

type NewEventOf<Type extends EventType> = { [Each in Type]: { type: Each; data: EventData<Each> } }[Type];
/** What to publish of an account, or of the service: a type with its data. */
export type NewAccountEvent = NewEventOf<AccountEventType>;
export type NewServiceEvent = NewEventOf<ServiceEventType>;
