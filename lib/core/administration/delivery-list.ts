import { z } from "zod";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { type RowOf, readPrimary, statement } from "@/lib/db/database";
import { SENDER_NAMES } from "@/lib/env";
import {
  beginningOf,
  END_PARAMS,
  FilterTime,
  type ListCursor,
  type ListPage,
  type MomentRange,
  PAGE_PARAMS,
  ROWS_PER_PAGE,
  rangeOf,
  readPage,
  START_OF_TIME,
  walk,
} from "./list";

/** The states of a delivery: see the table `Delivery`. */
export const DELIVERY_STATES = ["accepted", "delivered", "undelivered", "refused", "failed", "unanswered"] as const;

/** The senders of deliveries: those for phones, the mail server, and the one that stands for no message to a test number. */
export const DELIVERY_SENDERS = [...SENDER_NAMES, "mail", TEST_NUMBER_SENDER] as const;

/** The filter of the list of deliveries, as an address holds it. */
export const DeliveryFilter = z.object({
  from: FilterTime.optional(),
  to: FilterTime.optional(),
  sender: z.enum(DELIVERY_SENDERS).optional(),
  state: z.enum(DELIVERY_STATES).optional(),
  /** The beginning of the reason. So many digits in a row as a phone has are no reason. */
  reason: z
    .string()
    .regex(/^(?!.*\d{6})[\w .:-]{1,60}$/)
    .optional(),
});
export type DeliveryFilter = z.output<typeof DeliveryFilter>;

const { findEnd, rows } = walk({
  columns: `"sender", "state", "stateAt", "reason", "recipient", "lastDigits", "country", "cost", "currency", "purpose"`,
  source: `"Delivery"`,
  at: `"Delivery"."at"`,
  id: `"Delivery"."id"`,
  select: `
    SELECT * FROM "walked"
    WHERE (:sender IS NULL OR "sender" = :sender)
      AND (:state IS NULL OR "state" = :state)
      AND (:reason IS NULL OR substr("reason", 1, length(:reason)) = :reason)`,
});

const LIST = statement({
  params: { ...PAGE_PARAMS, sender: "text?", state: "text?", reason: "text?" },
  row: {
    id: "integer",
    at: "time",
    sender: "text?",
    state: "text",
    stateAt: "time",
    reason: "text?",
    recipient: "text",
    lastDigits: "text",
    country: "text?",
    cost: "real?",
    currency: "text?",
    purpose: "text?",
  },
  sql: rows,
});
const FIND_END = statement({ params: END_PARAMS, row: { at: "time", id: "integer" }, sql: findEnd });

/** A delivery in the list. `recipient` is the keyed hash of the phone or mailbox. */
export type ListedDelivery = RowOf<typeof LIST>;

/** Returns a page of the deliveries that match the filter, the newest first. */
export function walkDeliveries(
  { from, to, ...filter }: DeliveryFilter,
  cursor: ListCursor | null,
  limit = ROWS_PER_PAGE,
): Promise<ListPage<ListedDelivery>> {
  return findDeliveries({ ...filter, ...rangeOf({ from, to }) }, cursor, limit);
}

/** As `walkDeliveries`, with moments: from the first, inclusive, up to the second, exclusive. */
export function findDeliveries(
  { from: since = START_OF_TIME, to, ...filter }: Omit<DeliveryFilter, "from" | "to"> & MomentRange,
  cursor: ListCursor | null,
  limit: number,
): Promise<ListPage<ListedDelivery>> {
  const { sender = null, state = null, reason = null } = filter;
  const begin = beginningOf(cursor, to);
  return readPage(
    { limit, since },
    () => readPrimary.get(FIND_END, { ...begin, since }),
    (page) => readPrimary.all(LIST, { ...begin, ...page, sender, state, reason }),
  );
}
