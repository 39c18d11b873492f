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

/** How often something may happen to one subject in a window of time. The window starts when it first happens. */
interface Limit {
  name: string;
  max: number;
  windowMs: number;
}

/** A step of `amount` (1 by default) of the counter of one limit and one subject. */
export interface Charge {
  limit: Limit;
  subject: string;
  amount?: number;
}

/**
 * Returns the charges of one step of a network: a single charge for IPv4, and for IPv6 one for each network around it, which
 * has a multiple of the limit.
 */
export function networkCharges(limit: Limit, network: string): Charge[] {
  return networksAround(network).map(({ network: subject, times }) => ({
    limit: { ...limit, max: limit.max * times },
    subject,
  }));
}

const hourly = (name: string, max: number): Limit => ({ name, max, windowMs: HOUR_MS });
const daily = (name: string, max: number): Limit => ({ name, max, windowMs: DAY_MS });

/** The limit of answers to one network that a phone has an account (`phone_taken`). */
export const TAKEN_ANSWERS_OF_NETWORK = hourly("taken answers of a network", TAKEN_ANSWERS_PER_IP_PER_HOUR);
/** The limit of answers to all networks together that a phone has an account (`phone_taken`). */
export const TAKEN_ANSWERS = hourly("taken answers", TAKEN_ANSWERS_PER_HOUR);
/** The limits of codes to one phone or mailbox, in an hour and in a day. */
export const SENDS_TO_RECIPIENT = hourly("sends to", SENDS_PER_PHONE_PER_HOUR);
export const SENDS_TO_RECIPIENT_A_DAY = daily("sends a day to", SENDS_PER_PHONE_PER_DAY);
/** The limits of codes to one phone or mailbox that one network requests, in an hour and in a day. */
export const SENDS_TO_RECIPIENT_FROM_NETWORK = hourly("sends from a network to", SENDS_PER_PHONE_AND_IP_PER_HOUR);
export const SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY = daily(
  "sends a day from a network to",
  SENDS_PER_PHONE_AND_IP_PER_DAY,
);
/** The limit of codes that one network requests, for all recipients together. */
export const SENDS_FROM_NETWORK = hourly("sends from", SENDS_PER_IP_PER_HOUR);
/** The limit of refused requests for a code of one network that are stored as deliveries. Further ones are not stored. */
export const STORED_REFUSALS_OF_NETWORK = hourly("refusals of", SENDS_PER_IP_PER_HOUR);
/** The limit of codes that one recognised browser requests for its recipient. */
export const SENDS_OF_RECOGNISED_BROWSER = daily("sends of a known browser", SENDS_PER_KNOWN_BROWSER_PER_DAY);
/**
 * The limit of codes that all recognised browsers of a recipient request together: a person who holds the phone for a moment
 * could make any number of browsers recognised.
 */
export const SENDS_OF_RECOGNISED_BROWSERS = daily("sends of known browsers to", SENDS_PER_PHONE_PER_DAY);
/** The limit of right codes of one network. They are charged here in place of `SENDS_FROM_NETWORK`. */
export const VERIFIED_SENDS_FROM_NETWORK = hourly("verified sends from", VERIFIED_SENDS_PER_IP_PER_HOUR);
/** The limit of wrong codes of one network. Above it, codes that the network types need `CLOSED_NETWORK_DIGITS` digits. */
export const WRONG_CODES_FROM_NETWORK = hourly("wrong codes from", WRONG_CODES_PER_IP_PER_HOUR);
/** No limit: a charge only locks the counter's row, so that attempts at one recipient run one after the other. */
export const TRIES_AT_RECIPIENT = daily("tries at", Number.POSITIVE_INFINITY);
/** The limit of exports of one account. */
export const EXPORTS_OF_USER = hourly("exports of", EXPORTS_PER_USER_PER_HOUR);
/** The limit of deletions that one session requests without a code. */
export const DELETIONS_OF_SESSION = hourly("deletions of", DELETIONS_PER_SESSION_PER_HOUR);
/** The limit of attempts of one account to activate an invite code. */
export const ACTIVATIONS_OF_USER = hourly("activations of", ACTIVATIONS_PER_USER_PER_HOUR);
/**
 * The daily limits of the messages to all phones together, and of their cost. For a recognised browser, `max` is the whole
 * limit. For other browsers it is lower, so that they can't use up the last part.
 */
export const smsLimit = (max: number) => daily("messages", max);
export const smsCostLimit = (max: number) => daily("message cost", max);
/** The limit of look-ups of unknown invite codes by one network: see `lookUp` in invites/look-up.ts. */
export const INVITE_LOOKUPS_FROM_NETWORK = hourly("invite lookups from", INVITE_LOOKUPS_PER_IP_PER_HOUR);

/** A limit is used up. `retryAfterMs` is how long until its window ends; of several such limits, the longest wait. */
export type LimitFailure = { name: "budget_spent"; retryAfterMs: number };

/** Charges that were consumed or recorded, each with its counter's `count` after the charge; `refund` takes them. */
export type Charged = readonly { limit: Limit; key: string; resetsAt: Date; amount: number; count: number }[];

/**
 * Consumes all of the charges. If one limit does not allow its charge, consumes none and fails with `budget_spent`.
 *
 * Each counter's row is locked, so that of parallel requests only as many pass as the limit allows. All callers name charges in
 * the same order (those of one person first, shared ones last), so that no two transactions wait for each other.
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

/** Takes the charges even if their limits do not allow them. Returns them with the counts. */
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
 * Refunds charges, except those whose window has ended. A counter that returns to 0 is deleted, so that refused requests leave
 * no rows. With `keepsRows` such a counter stays until its window ends, which saves a delete after each right code.
 */
export function refund(tx: Transaction, charged: Charged, options: { keepsRows?: boolean } = {}): void {
  countDown(tx, charged, options);
}

/** Refunds charges that were consumed at `consumedAt`, except those whose window has ended. */
export function refundCharges(tx: Transaction, charges: readonly Charge[], consumedAt: Date): void {
  for (const charge of charges) {
    const latestEnd = new Date(consumedAt.getTime() + charge.limit.windowMs);
    countDownSince(tx, { key: keyOf(charge), amount: charge.amount ?? 1, since: consumedAt, latestEnd });
  }
}

/** Returns in how many milliseconds all of the limits allow their charges; 0 means now. Takes no charge. */
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
