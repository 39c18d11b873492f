import { z } from "zod";
import type { PublishedEvent } from "./event-log";
import {
  AccountId,
  EVENT_DATA,
  EVENT_TYPES,
  type EventData,
  type EventType,
  isAccountEventType,
  Time,
} from "./event-types";

const Id = z.string().meta({ description: "The event's id. The same event has the same id wherever it is read." });
const Sequence = z.int().positive().meta({
  description: "Numbers the events of the account without a gap, from 1. The larger number is the later event.",
});
const Identity = z.strictObject({ phone: z.string().nullable(), email: z.string().nullable() }).nullable().meta({
  description:
    "Only in webhooks to endpoints that ask for phones: the account's proven phone and mailbox when it was sent; null if the account is gone.",
});

function bodyOfType<Type extends EventType>(type: Type) {
  const isOfAccount = isAccountEventType(type);
  return z
    .strictObject({
      id: Id,
      type: z.literal(type as string),
      timestamp: Time.meta({ description: "When it happened." }),
      accountId: isOfAccount ? AccountId : z.null().meta({ description: "The event concerns no account." }),
      sequence: isOfAccount ? Sequence : z.null(),
      isTest: (isOfAccount ? z.boolean() : z.literal(false)).meta({
        description: "Whether the account is a test number's.",
      }),
      data: EVENT_DATA[type] as z.ZodObject,
      account: Identity.optional(),
    })
    .meta({ description: EVENT_DATA[type].description ?? type });
}

/** An event as other systems get it, in pages of the event log and in webhooks: the schema of each type. */
export const EVENT_BODIES = Object.fromEntries(EVENT_TYPES.map((type) => [type, bodyOfType(type)])) as Record<
  EventType,
  ReturnType<typeof bodyOfType>
>;

/** An event of any type, as other systems get it. */
export const EventBody = z.union(Object.values(EVENT_BODIES));
export type EventBody = z.output<typeof EventBody>;

/**
 * An event in an answer. It is not checked again, because a server of a newer version may have written a type or a field that this version
 * doesn't know.
 */
export const AnsweredEvent = z.custom<EventBody>();

/** Returns an event as other systems get it. */
export function eventBodyOf({ id, type, at, accountId, sequence, isTest, data }: PublishedEvent): EventBody {
  return { id, type, timestamp: at.toISOString(), accountId, sequence, isTest, data: { ...data } };
}

const sessionId = "5a1d8e0c-4c9b-4a53-9d2e-0f6b7c1a2e34";
const at = (time: string) => `2026-11-29T${time}Z`;

/** Data of each type, as an example. */
const EXAMPLES: { [Type in EventType]: EventData<Type> } = {
  "account.created": { inviteCode: "7K4M2P", by: "owner" },
  "account.updated": { fields: ["phone"] },
  "account.blocked": {},
  "account.unblocked": {},
  "account.deleted": { by: "owner", inviterId: 17 },
  "account.imported": {
    ...{ inviteCode: "7K4M2P", createdAt: "2024-05-01T00:00:00.000Z", blockedAt: null },
    activation: { inviterId: 17, activatedAt: "2024-05-01T00:00:00.000Z" },
  },
  "identifier.changed": { identifier: "phone", was: "changed" },
  "session.opened": { sessionId, kind: "browser", isConfirmed: true, expiresAt: "2026-12-29T09:15:00.000Z" },
  "session.ended": { sessionIds: [sessionId], reason: "logged_out" },
  "session.unconfirmed": { sessionId },
  "session.confirmed": { sessionIds: [sessionId] },
  "invite.activated": { inviterId: 17, inviteCode: "9X2B4C", activatedAt: at("09:15:00.000") },
  "invite.moved": { inviterIdBefore: 17, inviterId: 23, inviteCode: "3T8N6D" },
  "invite.reversed": { inviterIdBefore: 17 },
  "code.undelivered": {
    ...{ from: at("08:00:00.000"), until: at("09:00:00.000"), count: 5 },
    groups: [
      {
        ...{ sender: "smsru", channel: "phone", country: "RU", messages: 120 },
        ...{ undelivered: 3, failed: 2, unanswered: 0, refused: 0 },
      },
    ],
  },
  "sender.resting": { sender: "smsru", until: at("09:16:00.000") },
  "budget.threshold": { budget: "messages", percent: 80, used: 400, max: 500, resetsAt: "2026-11-30T06:00:00.000Z" },
  "alarm.started": { digits: 6 },
  "alarm.ended": { startedAt: at("08:40:00.000") },
};

/** Returns an example of an event of this type, as other systems get it. */
export function exampleOf(type: EventType): EventBody {
  const sequence = type === "account.created" || type === "account.imported" ? 1 : 7;
  const about = isAccountEventType(type) ? { accountId: 42, sequence } : { accountId: null, sequence: null };
  return { id: "1043", type, timestamp: at("09:15:00.000"), ...about, isTest: false, data: { ...EXAMPLES[type] } };
}

/**
 * Returns the JSON Schema of an event of this type, as other systems get it. It allows further fields, because later versions may add
 * some.
 */
export function jsonSchemaOf(type: EventType) {
  return z.toJSONSchema(EVENT_BODIES[type], {
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
}
