import { z } from "zod";
import { recordAccountReads } from "@/lib/core/administration/managed-accounts";
import { EVENT_TYPES } from "@/lib/core/events/event-types";
import {
  findWebhookDelivery,
  listWebhookAttempts,
  listWebhookDeliveries,
  replayDeliveries,
  WEBHOOK_STATES,
  type WebhookAttempt,
  type WebhookDelivery,
  WebhookDeliveryCursor,
} from "@/lib/core/events/webhook-deliveries";
import { findWebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { TEST_EVENT_TYPE } from "@/lib/core/events/webhook-store";
import { ACCOUNTS_PER_PAGE } from "@/lib/core/policy";
import { fail } from "@/lib/core/result";
import { address, reply } from "./engine";
import { Moment, manageApi, nextLink, problem, TIME_PAGE_QUERY, Time } from "./manage";
import { ENDPOINT_UNKNOWN, ENDPOINTS, readEndpointId } from "./manage-webhooks";

const Type = z.enum([...EVENT_TYPES, TEST_EVENT_TYPE], "event_type_unknown");

const Delivery = z.object({
  id: z.string().meta({ description: "The `webhook-id`.", examples: ["msg_4fzJ0v3hRk6n8qTzWm1xYg"] }),
  eventId: z.string().nullable().meta({ description: "Null for a test event, and once the event is deleted." }),
  accountId: z.int().nullable().meta({ description: "The account that the event concerns." }),
  type: z.string().meta({ description: "The event's type, or `webhook.test`.", examples: [TEST_EVENT_TYPE] }),
  happenedAt: Time,
  state: z.enum(WEBHOOK_STATES),
  attemptCount: z.int().meta({ description: "How many attempts were made, also after it was sent again." }),
  nextAttemptAt: Time.nullable().meta({ description: "Null when none is due, or one is under way." }),
  isUnderWay: z.boolean().meta({ description: "Whether an attempt is being made." }),
});
const Attempt = z.object({
  number: z.int(),
  startedAt: Time,
  durationMs: z.int(),
  status: z.int().nullable().meta({ description: "The status of the answer; null without one." }),
  fault: z.string().nullable().meta({ description: "Why it failed, such as `timeout`; null after a success." }),
  answer: z.string().nullable().meta({
    description: "The first kilobyte of the answer; null without `phones:read`, because it may repeat a phone.",
  }),
});

function deliveryOf({ at, attempts, nextAt, ...delivery }: WebhookDelivery): z.input<typeof Delivery> {
  const nextAttemptAt = nextAt?.toISOString() ?? null;
  return { ...delivery, happenedAt: at.toISOString(), attemptCount: attempts, nextAttemptAt };
}

function attemptOf({ at, ...attempt }: WebhookAttempt): z.input<typeof Attempt> {
  return { ...attempt, startedAt: at.toISOString() };
}

/** Returns a delivery's id; text that can't be one becomes "", which is the id of no delivery. */
const readDeliveryId = (text: string) => (/^msg_[\w-]{22}$/.test(text) ? text : "");

const DELIVERY_UNKNOWN = problem(404, "delivery_unknown", "The endpoint has no such delivery.");

const { from, until, limit } = TIME_PAGE_QUERY;
const FILTER = { state: z.enum(WEBHOOK_STATES).optional(), type: Type.optional(), from, until };

export const webhookDeliveries = address(manageApi, `${ENDPOINTS}/{endpoint_id}/deliveries`, (endpoint) => ({
  GET: endpoint({
    summary: "The deliveries to a webhook endpoint, the latest event first",
    who: "key",
    scope: "webhooks:read",
    query: {
      ...FILTER,
      cursor: WebhookDeliveryCursor.optional().meta({ description: "`next` of the page before." }),
      limit,
    },
    answer: { body: z.object({ deliveries: z.array(Delivery), next: z.string().nullable() }), headers: ["Link"] },
    run: async ({ request, params, query: { cursor = null, limit = ACCOUNTS_PER_PAGE, ...filter } }) => {
      const found = await findWebhookEndpoint(readEndpointId(params.endpoint_id));
      if (!found) return fail({ name: "endpoint_unknown" });
      const page = await listWebhookDeliveries({ endpointId: found.id, cursor, limit, ...filter });
      const next = page.next && WebhookDeliveryCursor.encode(page.next);
      const headers = nextLink(request, next === null ? null : { cursor: next });
      return reply({ deliveries: page.deliveries.map(deliveryOf), next }, headers);
    },
    failures: { endpoint_unknown: ENDPOINT_UNKNOWN },
  }),
}));

export const webhookDelivery = address(
  manageApi,
  `${ENDPOINTS}/{endpoint_id}/deliveries/{delivery_id}`,
  (endpoint) => ({
    GET: endpoint({
      summary: "A delivery to a webhook endpoint, with its attempts, the first one first",
      who: "key",
      scope: "webhooks:read",
      answer: { body: Delivery.extend({ attempts: z.array(Attempt) }) },
      run: async ({ key, params }) => {
        const found = await findWebhookEndpoint(readEndpointId(params.endpoint_id));
        if (!found) return fail({ name: "endpoint_unknown" });
        const delivery = await findWebhookDelivery(found.id, readDeliveryId(params.delivery_id));
        if (!delivery) return fail({ name: "delivery_unknown" });
        const { id, accountId } = delivery;
        const attempts = await listWebhookAttempts(id, { seesPhones: key.has("phones:read") });
        if (accountId !== null && attempts.some(({ answer }) => answer !== null))
          await recordAccountReads(key.actor, { ids: [accountId], isList: false });
        return reply({ ...deliveryOf(delivery), attempts: attempts.map(attemptOf) });
      },
      failures: { endpoint_unknown: ENDPOINT_UNKNOWN, delivery_unknown: DELIVERY_UNKNOWN },
    }),
  }),
);

export const webhookDeliveryReplay = address(
  manageApi,
  `${ENDPOINTS}/{endpoint_id}/deliveries/{delivery_id}/replay`,
  (endpoint) => ({
    POST: endpoint({
      summary: "Sends a delivery again, with the same id, also if it succeeded",
      who: "key",
      scope: "webhooks:write",
      answer: { body: z.void() },
      run: ({ key, params: { endpoint_id, delivery_id } }) =>
        key.deed(
          (actor) => replayDeliveries(actor, readEndpointId(endpoint_id), { deliveryId: readDeliveryId(delivery_id) }),
          () => reply(undefined),
        ),
      failures: { endpoint_unknown: ENDPOINT_UNKNOWN, delivery_unknown: DELIVERY_UNKNOWN },
    }),
  }),
);

export const webhookReplay = address(manageApi, `${ENDPOINTS}/{endpoint_id}/replay`, (endpoint) => ({
  POST: endpoint({
    summary: "Sends the deliveries of a state, a type or a time again, with the same ids",
    who: "key",
    scope: "webhooks:write",
    input: { ...FILTER, from: Moment.optional(), until: Moment.optional() },
    answer: { body: z.object({ count: z.int().meta({ description: "How many are sent again." }) }) },
    run: async ({ key, params, input }) => {
      // A client that forgot the filter would send all deliveries again.
      if (Object.values(input).every((value) => value === undefined)) return fail({ name: "filter_missing" });
      return key.deed((actor) => replayDeliveries(actor, readEndpointId(params.endpoint_id), input), reply);
    },
    failures: {
      endpoint_unknown: ENDPOINT_UNKNOWN,
      delivery_unknown: DELIVERY_UNKNOWN,
      filter_missing: problem(400, "filter_missing", "Name at least one of state, type, from and until."),
    },
  }),
}));
