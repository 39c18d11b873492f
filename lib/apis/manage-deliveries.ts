import { z } from "zod";
import {
  DELIVERY_SENDERS,
  DELIVERY_STATES,
  DeliveryFilter,
  findDeliveries,
  type ListedDelivery,
} from "@/lib/core/administration/delivery-list";
import { ACCOUNTS_PER_PAGE } from "@/lib/core/policy";
import { address, reply } from "./engine";
import { manageApi, nextOf, TIME_PAGE_QUERY, Time } from "./manage";

const Delivery = z.object({
  id: z.int(),
  requestedAt: Time,
  sender: z.enum(DELIVERY_SENDERS).nullable().meta({ description: "Null if no sender was asked." }),
  state: z.enum(DELIVERY_STATES),
  stateChangedAt: Time,
  reason: z.string().nullable().meta({ description: "Why it was refused, failed or not delivered." }),
  purpose: z.string().nullable().meta({ description: "What the code was for, such as `login`." }),
  recipient: z
    .string()
    .meta({ description: "A keyed hash: the same for the same phone or mailbox, while AUTH_SECRET is the same." }),
  lastDigits: z.string().nullable().meta({ description: "The last two digits of the phone; null for a mailbox." }),
  country: z.string().nullable().meta({ description: "The phone's country; null for a mailbox." }),
  cost: z.object({ amount: z.number(), currency: z.string().nullable() }).nullable(),
});

function deliveryOf({ at, stateAt, lastDigits, cost, currency, ...row }: ListedDelivery): z.input<typeof Delivery> {
  return {
    ...row,
    // Only the two statements of lib/core/challenges/deliveries.ts write these columns.
    sender: row.sender as (typeof DELIVERY_SENDERS)[number] | null,
    state: row.state as (typeof DELIVERY_STATES)[number],
    requestedAt: at.toISOString(),
    stateChangedAt: stateAt.toISOString(),
    lastDigits: lastDigits || null,
    cost: cost === null ? null : { amount: cost, currency },
  };
}

const { sender, state, reason } = DeliveryFilter.shape;

export const deliveries = address(manageApi, "/api/manage/v1/deliveries", (endpoint) => ({
  GET: endpoint({
    summary: "What became of the messages with codes, the latest first; without the recipients' phones and mailboxes",
    who: "key",
    scope: "deliveries:read",
    query: {
      sender,
      state,
      reason: reason.meta({ description: "The beginning of the reason." }),
      ...TIME_PAGE_QUERY,
    },
    answer: {
      body: z.object({ deliveries: z.array(Delivery), next: z.string().nullable() }),
      headers: ["Link"],
    },
    run: async ({ request, query: { until, cursor = null, limit = ACCOUNTS_PER_PAGE, ...filter } }) => {
      const { rows, next } = await findDeliveries({ ...filter, to: until }, cursor, limit);
      const { headers, ...page } = nextOf(request, next);
      return reply({ deliveries: rows.map(deliveryOf), ...page }, headers);
    },
    failures: {},
  }),
}));
