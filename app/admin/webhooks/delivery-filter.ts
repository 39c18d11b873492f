import type { Route } from "next";
import { z } from "zod";
import { FilterTime, rangeOf, readFields } from "@/lib/core/administration/list";
import { EVENT_TYPES } from "@/lib/core/events/event-types";
import { WEBHOOK_STATES, type WebhookFilter } from "@/lib/core/events/webhook-deliveries";
import { TEST_EVENT_TYPE } from "@/lib/core/events/webhook-store";

export const DELIVERY_TYPES = [...EVENT_TYPES, TEST_EVENT_TYPE] as const;

/** The filter of an endpoint's deliveries, as an address holds it. */
const DeliveryFilter = z.object({
  from: FilterTime.optional(),
  to: FilterTime.optional(),
  state: z.enum(WEBHOOK_STATES).optional(),
  type: z.enum(DELIVERY_TYPES).optional(),
});
export type DeliveryFilter = z.output<typeof DeliveryFilter>;

/** Reads the filter from the fields of a form or an address; see `readFields`. */
export const readDeliveryFilter = (given: Record<string, unknown>) => readFields(DeliveryFilter, given);

/** Returns which deliveries a filter lets through. */
export function deliveriesOf({ state, type, ...times }: DeliveryFilter): WebhookFilter {
  const { from, to } = rangeOf(times);
  return { state, type, from, until: to };
}

/** Returns the address of an endpoint's page, or of one below it, with these fields in its query. Empty ones are left out. */
export function endpointAddress(id: string, fields: Record<string, string | undefined> = {}, below = "") {
  const filled = Object.entries(fields).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const query = filled.length === 0 ? "" : `?${new URLSearchParams(filled)}`;
  return `/admin/webhooks/${id}${below}${query}` as Route & `/admin${string}`;
}
