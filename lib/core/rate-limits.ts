import {
  countDown,
  countDownSince,
  countUp,
  findCounts,
  isPossibleEnd,
  type Queries,
  type Transaction,
} from "@/lib/db/database";
import { keyedHash } from "./keyed-hash";
import { networksAround } from "./networks";
import {
  ACTIVATIONS_PER_USER_PER_HOUR,
  DELETIONS_PER_SESSION_PER_HOUR,
  EXPORTS_PER_USER_PER_HOUR,
  INVITE_LOOKUPS_PER_IP_PER_HOUR,
  SENDS_PER_IP_PER_HOUR,
  SENDS_PER_KNOWN_BROWSER_PER_DAY,
  SENDS_PER_PHONE_AND_IP_PER_DAY,
  SENDS_PER_PHONE_AND_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_DAY,
  SENDS_PER_PHONE_PER_HOUR,
  TAKEN_ANSWERS_PER_HOUR,
  TAKEN_ANSWERS_PER_IP_PER_HOUR,
  VERIFIED_SENDS_PER_IP_PER_HOUR,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "./policy";
import { fail, type Result, succeed } from "./result";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** How often something may happen to one subject within a window of time. The window starts when it first happens. */
interface Limit {
  name: string;
  max: number;
  windowMs: number;
}

/** A step of the counter of one limit and one subject, by `amount` (1 by default). */
export interface Charge {
  limit: Limit;
  subject: string;
  amount?: number;
}

/**
 * Returns the charges of a network: one, or for an IPv6 address one for each network around it, with a multiple of the limit.
 */
export function networkCharges(limit: Limit, network: string): Charge[] {
  return networksAround(network).map(({ network: subject, times }) => ({
    limit: { ...limit, max: limit.max * times },
    subject,
  }));
}

const hourly = (name: string, max: number): Limit => ({ name, max, windowMs: HOUR_MS });
const daily = (name: string, max: number): Limit => ({ name, max, windowMs: DAY_MS });

/** Answers that a phone has an account (`phone_taken`), to one network. */
export const TAKEN_ANSWERS_OF_NETWORK = hourly("taken answers of a network", TAKEN_ANSWERS_PER_IP_PER_HOUR);
/** The same answers, to all networks together. */
export const TAKEN_ANSWERS = hourly("taken answers", TAKEN_ANSWERS_PER_HOUR);
/** Codes to one phone or mailbox, in an hour and in a day. */
export const SENDS_TO_RECIPIENT = hourly("sends to", SENDS_PER_PHONE_PER_HOUR);
export const SENDS_TO_RECIPIENT_A_DAY = daily("sends a day to", SENDS_PER_PHONE_PER_DAY);
/** The part of these codes that one network can request. */
export const SENDS_TO_RECIPIENT_FROM_NETWORK = hourly("sends from a network to", SENDS_PER_PHONE_AND_IP_PER_HOUR);
export const SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY = daily(
  "sends a day from a network to",
  SENDS_PER_PHONE_AND_IP_PER_DAY,
);
/** Codes that one network can request, to all recipients together. */
export const SENDS_FROM_NETWORK = hourly("sends from", SENDS_PER_IP_PER_HOUR);
/** Refused requests for a code, of one network, that are stored as deliveries. Further ones are refused and not stored. */
export const STORED_REFUSALS_OF_NETWORK = hourly("refusals of", SENDS_PER_IP_PER_HOUR);
/** Codes that one recognised browser can request for its recipient. */
export const SENDS_OF_RECOGNISED_BROWSER = daily("sends of a known browser", SENDS_PER_KNOWN_BROWSER_PER_DAY);
/**
 * The limit of all recognised browsers of a recipient together: a person who holds the phone for a moment could make any number
 * of browsers recognised.
 */
export const SENDS_OF_RECOGNISED_BROWSERS = daily("sends of known browsers to", SENDS_PER_PHONE_PER_DAY);
/** The limit that replaces `SENDS_FROM_NETWORK` for codes that were typed right. */
export const VERIFIED_SENDS_FROM_NETWORK = hourly("verified sends from", VERIFIED_SENDS_PER_IP_PER_HOUR);
/** Wrong codes of one network. Above this limit its codes need `CLOSED_NETWORK_DIGITS` digits. */
export const WRONG_CODES_FROM_NETWORK = hourly("wrong codes from", WRONG_CODES_PER_IP_PER_HOUR);
/** Unlimited; consuming it only locks the recipient's row, which serialises attempts. */
export const TRIES_AT_RECIPIENT = daily("tries at", Number.POSITIVE_INFINITY);
/** Exports of one account. */
export const EXPORTS_OF_USER = hourly("exports of", EXPORTS_PER_USER_PER_HOUR);
/** Deletions that one session requests without a code. */
export const DELETIONS_OF_SESSION = hourly("deletions of", DELETIONS_PER_SESSION_PER_HOUR);
/** Attempts of one account to activate an invite code. */
export const ACTIVATIONS_OF_USER = hourly("activations of", ACTIVATIONS_PER_USER_PER_HOUR);
/**
 * The daily limits of messages to all phones together: their number, and their cost. `max` is the whole limit for a recognised
 * browser. It is lower for other browsers, so that they can't use up the last part.
 */
export const MESSAGES = (max: number) => daily("messages", max);
export const MESSAGE_COST = (max: number) => daily("message cost", max);
/** Counts only look-ups of unknown codes: see `lookUp` in invites/look-up.ts. */
export const INVITE_LOOKUPS_FROM_NETWORK = hourly("invite lookups from", INVITE_LOOKUPS_PER_IP_PER_HOUR);

/** A limit is used up. `retryAfterMs` is how long until its window ends. */
export type LimitFailure = { name: "budget_spent"; retryAfterMs: number };

/** The charges that were consumed, for `refund`, with the counts after them. */
export type Charged = readonly { limit: Limit; key: string; resetsAt: Date; amount: number; count: number }[];

/**
 * Consumes all of the charges, or none if one of the limits does not allow its charge. Fails with `budget_spent`.
 *
 * Each counter's row is locked, so that of parallel requests only as many pass as the limit allows. Charges are named in the
 * same order everywhere (those of one person first, shared ones last), so that no two transactions wait for each other.
 */
export async function consume(
  tx: Transaction,
  charges: readonly Charge[],
  now: Date,
): Promise<Result<Charged, LimitFailure>> {
  const charged = await record(tx, charges, now);
  const spent = charged.filter(({ count, limit }) => count > limit.max);
  if (spent.length === 0) return succeed(charged);
  refund(tx, charged);
  const resets = spent.map(({ resetsAt }) => resetsAt.getTime());
  return fail({ name: "budget_spent", retryAfterMs: Math.max(...resets) - now.getTime() });
}

/** Counts the charges, whether or not their limits allow them. Returns the counts. */
export async function record(tx: Transaction, charges: readonly Charge[], now: Date): Promise<Charged> {
  const counts = charges.map(({ limit, subject, amount = 1 }) => ({
    limit,
    key: keyOf({ limit, subject }),
    amount,
    resetsAt: new Date(now.getTime() + limit.windowMs),
  }));
  const counted = await countUp(tx, counts, now);
  return counts.map(({ limit, key, amount, resetsAt }, at) => ({
    limit,
    key,
    amount,
    resetsAt,
    count: amount,
    ...counted[at],
  }));
}

/**
 * Refunds charges, except those whose window has ended since. A counter that returns to 0 is deleted, so that refused requests
 * leave no rows; with `keepsRows` it stays until its window ends, which saves a delete after each right code.
 */
export function refund(tx: Transaction, charged: Charged, options: { keepsRows?: boolean } = {}): void {
  countDown(tx, charged, options);
}

/** Refunds charges that were consumed at `consumedAt`, except those whose window has ended since. */
export function refundCharges(tx: Transaction, charges: readonly Charge[], consumedAt: Date): void {
  for (const charge of charges) {
    const latestEnd = new Date(consumedAt.getTime() + charge.limit.windowMs);
    countDownSince(tx, { key: keyOf(charge), amount: charge.amount ?? 1, since: consumedAt, latestEnd });
  }
}

/** Returns how many milliseconds until all of the limits allow their charges; 0 means now. Consumes nothing. */
export async function retryAfterMs(db: Queries, charges: readonly Charge[], now: Date): Promise<number> {
  const found = await findCounts(db, charges.map(keyOf), now);
  const waits = charges.map((charge) => {
    const { limit, amount = 1 } = charge;
    const row = found.find(({ key }) => key === keyOf(charge));
    if (!row || row.count + amount <= limit.max) return 0;
    const isOver = !isPossibleEnd(row.resetsAt, new Date(now.getTime() + limit.windowMs));
    return isOver ? 0 : row.resetsAt.getTime() - now.getTime();
  });
  return Math.max(0, ...waits);
}

/** Returns the key of a charge's counter, which contains the subject only as a keyed hash. */
export function keyOf({ limit, subject }: Charge): string {
  return `${limit.name} ${keyedHash(subject)}`;
}
