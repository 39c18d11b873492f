import { z } from "zod";
import { AnsweredEvent, eventBodyOf } from "@/lib/core/events/event-body";
import { EventCursor, findEndOfEvents } from "@/lib/core/events/event-log";
import { EVENT_TYPES, type EventType } from "@/lib/core/events/event-types";
import { waitForEvents } from "@/lib/core/events/wait-for-events";
import { EVENT_WAIT_S_MAX, EVENTS_PER_PAGE_OF_LOG, EVENTS_PER_PAGE_OF_LOG_MAX } from "@/lib/core/policy";
import { address, reply } from "./engine";
import { limitParameter, manageApi, nextLink, problem } from "./manage";

const Types = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(EVENT_TYPES as [EventType, ...EventType[]], "event_type_unknown")).min(1))
  .meta({ description: "Types of events, separated by commas; without it, all.", examples: ["account.created"] });

const Wait = z
  .string()
  .refine((text) => /^\d{1,2}$/.test(text) && Number(text) <= EVENT_WAIT_S_MAX, "malformed")
  .transform(Number)
  .meta({ description: `How many seconds to wait for the first event if there is none: 0 to ${EVENT_WAIT_S_MAX}.` });

const WAITING_RETRY_AFTER_MS = 5000;

export const events = address(manageApi, "/api/manage/v1/events", (endpoint) => ({
  GET: endpoint({
    summary: "The event log after a cursor, the oldest event first; waits for the next event if asked to",
    who: "key",
    scope: "events:read",
    query: {
      after: z
        .union([z.literal("now"), EventCursor])
        .optional()
        .meta({
          description: "`next` of the page before; `now` for what happens from now on; without it, the oldest.",
        }),
      limit: limitParameter(EVENTS_PER_PAGE_OF_LOG_MAX, EVENTS_PER_PAGE_OF_LOG),
      types: Types.optional(),
      wait: Wait.optional(),
    },
    answer: {
      body: z.object({
        events: z.array(AnsweredEvent),
        next: z.string().meta({ description: "The cursor to read on from, also when there are no events." }),
        isMore: z.boolean().meta({ description: "Whether further events can be read now." }),
      }),
      headers: ["Link"],
    },
    run: async ({ key, request, query: { after, limit, types, wait = 0 } }) => {
      const read = await waitForEvents(
        {
          after: after === "now" ? await findEndOfEvents() : (after ?? null),
          limit: limit ?? EVENTS_PER_PAGE_OF_LOG,
          types: types ?? null,
        },
        { reader: `key ${key.keyId}`, waitMs: wait * 1000, signal: request.signal },
      );
      if (!read.ok)
        return read.failure.name === "too_many_waiting"
          ? { ok: false as const, failure: { name: read.failure.name, retryAfterMs: WAITING_RETRY_AFTER_MS } }
          : { ok: false as const, failure: read.failure };
      const next = EventCursor.encode(read.value.next);
      const page = { events: read.value.events.map(eventBodyOf), next, isMore: read.value.isMore };
      return reply(page, nextLink(request, { after: next }));
    },
    failures: {
      cursor_expired: problem(
        410,
        "cursor_expired",
        "Events after this cursor may have been deleted. Ask for after=now, read all accounts, then follow from that cursor.",
      ),
      too_many_waiting: problem(429, "too_many_waiting", "Too many requests of this key wait for events."),
    },
  }),
}));
