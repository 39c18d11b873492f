import { type Queries, type Statement, statement, type Transaction } from "@/lib/db/database";
import { keyedHash } from "./keyed-hash";
import { networksAround } from "./networks";
import * as policy from "./policy";
import { fail, type Result, succeed } from "./result";

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
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
export const TAKEN_ANSWERS_OF_NETWORK = hourly("taken answers of a network", policy.TAKEN_ANSWERS_PER_IP_PER_HOUR);
/** The limit of answers to all networks together that a phone has an account (`phone_taken`). */
export const TAKEN_ANSWERS = hourly("taken answers", policy.TAKEN_ANSWERS_PER_HOUR);
/** The limits of codes to one phone or mailbox, in an hour and in a day. */
export const SENDS_TO_RECIPIENT = hourly("sends to", policy.SENDS_PER_PHONE_PER_HOUR);
export const SENDS_TO_RECIPIENT_A_DAY = daily("sends a day to", policy.SENDS_PER_PHONE_PER_DAY);
/** The limits of codes to one phone or mailbox that one network requests, in an hour and in a day. */
export const SENDS_TO_RECIPIENT_FROM_NETWORK = hourly(
  "sends from a network to",
  policy.SENDS_PER_PHONE_AND_IP_PER_HOUR,
);
export const SENDS_TO_RECIPIENT_FROM_NETWORK_A_DAY = daily(
  "sends a day from a network to",
  policy.SENDS_PER_PHONE_AND_IP_PER_DAY,
);
/** The limit of codes that one network requests, for all recipients together. */
export const SENDS_FROM_NETWORK = hourly("sends from", policy.SENDS_PER_IP_PER_HOUR);
/** The limits of refused requests for a code that are stored as deliveries, of one recipient and of one network. */
export const STORED_REFUSALS_TO_RECIPIENT = hourly("refusals to", policy.STORED_REFUSALS_PER_RECIPIENT_PER_HOUR);
export const STORED_REFUSALS_OF_NETWORK = hourly("refusals of", policy.SENDS_PER_IP_PER_HOUR);
/** The limit of codes that one recognised browser requests for its recipient. */
export const SENDS_OF_RECOGNISED_BROWSER = daily("sends of a known browser", policy.SENDS_PER_KNOWN_BROWSER_PER_DAY);
/**
 * The limit of codes that all recognised browsers of a recipient request together: a person who holds the phone for a moment
 * could make any number of browsers recognised.
 */
export const SENDS_OF_RECOGNISED_BROWSERS = daily("sends of known browsers to", policy.SENDS_PER_PHONE_PER_DAY);
/** The limits of codes to one phone or mailbox that open the admin console. Only a session of the administrator requests them. */
export const CONSOLE_SENDS_TO_RECIPIENT = hourly("console sends to", policy.CONSOLE_SENDS_PER_HOUR);
export const CONSOLE_SENDS_TO_RECIPIENT_A_DAY = daily("console sends a day to", policy.CONSOLE_SENDS_PER_DAY);
/** The limits of an administrator's searches in the console, and of an administrator's looks at people and at full phones. */
export const SEARCHES_OF_ADMINISTRATOR = hourly("console searches of", policy.CONSOLE_SEARCHES_PER_HOUR);
export const LOOKS_OF_ADMINISTRATOR = hourly("console looks of", policy.CONSOLE_LOOKS_PER_HOUR);
/** The limit of right codes of one network. They are charged here in place of `SENDS_FROM_NETWORK`. */
export const VERIFIED_SENDS_FROM_NETWORK = hourly("verified sends from", policy.VERIFIED_SENDS_PER_IP_PER_HOUR);
/** The limit of wrong codes of one network. Above it, codes that the network types need `CLOSED_NETWORK_DIGITS` digits. */
export const WRONG_CODES_FROM_NETWORK = hourly("wrong codes from", policy.WRONG_CODES_PER_IP_PER_HOUR);
/** The limit of wrong secrets of applications that one network presents: see `countWrongSecret` in oauth/clients.ts. */
export const WRONG_CLIENT_SECRETS_FROM_NETWORK = hourly(
  "wrong client secrets from",
  policy.WRONG_CLIENT_SECRETS_PER_NETWORK_PER_HOUR,
);
/** No limit: a charge only locks the counter's row, so that attempts at one recipient run one after the other. */
export const TRIES_AT_RECIPIENT = daily("tries at", Number.POSITIVE_INFINITY);
/** The limits of wrong tries at a test number's fixed code: of one network, of one browser that has logged in with it, and of all. */
export const FIXED_CODE_TRIES_FROM_NETWORK = daily("test tries from", policy.FIXED_CODE_TRIES_PER_NETWORK_PER_DAY);
export const FIXED_CODE_TRIES_FROM_BROWSER = daily(
  "test tries of a browser",
  policy.FIXED_CODE_TRIES_PER_NETWORK_PER_DAY,
);
export const fixedCodeTriesLimit = (digits: number) => daily("test tries at", policy.fixedCodeTriesPerDay(digits));
/** The limit of exports of one account. */
export const EXPORTS_OF_USER = hourly("exports of", policy.EXPORTS_PER_USER_PER_HOUR);
/** The limits of authorization codes that one account gets: for one application, and for all together. */
export const AUTHORIZATION_CODES_OF_USER_AT_CLIENT = hourly(
  "authorization codes at an application of",
  policy.AUTHORIZATION_CODES_PER_USER_AND_CLIENT_PER_HOUR,
);
export const AUTHORIZATION_CODES_OF_USER = hourly(
  "authorization codes of",
  policy.AUTHORIZATION_CODES_PER_USER_PER_HOUR,
);
/** The limit of files of accounts that one administrator uploads. */
export const IMPORT_FILES_OF_ADMINISTRATOR = hourly("import files of", policy.IMPORT_FILES_PER_ADMINISTRATOR_PER_HOUR);
/** The limit of senders that one administrator tries. */
export const SENDER_TRIALS_OF_ADMINISTRATOR = hourly(
  "sender trials of",
  policy.SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR,
);
/** The limit of deletions that one session requests without a code. */
export const DELETIONS_OF_SESSION = hourly("deletions of", policy.DELETIONS_PER_SESSION_PER_HOUR);
/** The limit of attempts of one account to activate an invite code. */
export const ACTIVATIONS_OF_USER = hourly("activations of", policy.ACTIVATIONS_PER_USER_PER_HOUR);
/**
 * The daily limits of the messages to all phones together, and of their cost. For a recognised browser, `max` is the whole
 * limit. For other browsers it is lower, so that they can't use up the last part.
 */
export const smsLimit = (max: number) => daily("messages", max);
export const smsCostLimit = (max: number) => daily("message cost", max);
/** The limit of look-ups of unknown invite codes by one network: see `lookUp` in invites/look-up.ts. */
export const INVITE_LOOKUPS_FROM_NETWORK = hourly("invite lookups from", policy.INVITE_LOOKUPS_PER_IP_PER_HOUR);

/** The limit of requests to the management API with one API key. */
export const REQUESTS_OF_KEY: Limit = {
  name: "requests of key",
  max: policy.API_REQUESTS_PER_KEY_PER_MINUTE,
  windowMs: MINUTE_MS,
};

/** A limit is used up. `retryAfterMs` is how long until its window ends; of several such limits, the longest wait. */
export type LimitFailure = { name: "budget_spent"; retryAfterMs: number };
/** The failure with the name of the limit that is used up; of several, the one with the longest wait. */
export type SpentLimit = LimitFailure & { limit: string };

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
): Promise<Result<Charged, SpentLimit>> {
  const charged = await record(tx, charges, now);
  const spent = charged.filter(({ count, limit }) => count > limit.max);
  const [last] = spent.sort((one, other) => other.resetsAt.getTime() - one.resetsAt.getTime());
  if (!last) return succeed(charged);
  // The rows are locked, so a counter with other charges stays above 0 and needs no delete.
  for (const one of charged) refund(tx, [one], { keepsRows: one.count > one.amount });
  const retryAfterMs = last.resetsAt.getTime() - now.getTime();
  return fail({ name: "budget_spent", retryAfterMs, limit: last.limit.name });
}

type Params = Record<string, string | number | Date>;

/** Returns a function that makes the statement for a number of keys at its first call, and keeps it. */
function statementByLength<Row>(
  make: (length: number) => Statement<Params, Row>,
): (length: number) => Statement<Params, Row> {
  const made: Statement<Params, Row>[] = [];
  return (length) => (made[length] ??= make(length));
}

const sqlList = (length: number, one: (at: number) => string) => Array.from({ length }, (_, at) => one(at)).join(", ");
const paramKinds = <Name extends string, Kind>(length: number, name: Name, kind: Kind): Record<string, Kind> =>
  Object.fromEntries(Array.from({ length }, (_, at) => [`${name}${at}`, kind]));

const COUNTER_ROW = { key: "text", count: "integer", resetsAt: "time" } as const;

const COUNT_UP = statementByLength((length) =>
  statement({
    params: {
      now: "time",
      ...paramKinds(length, "key", "text" as const),
      ...paramKinds(length, "amount", "integer" as const),
      ...paramKinds(length, "resetsAt", "time" as const),
    },
    row: COUNTER_ROW,
    sql: `
      INSERT INTO "Counter" ("key", "count", "resetsAt") VALUES ${sqlList(length, (at) => `(:key${at}, :amount${at}, :resetsAt${at})`)}
      ON CONFLICT ("key") DO UPDATE SET
        "count" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."count" ELSE "Counter"."count" + excluded."count" END,
        "resetsAt" = CASE WHEN "Counter"."resetsAt" <= :now THEN excluded."resetsAt" ELSE "Counter"."resetsAt" END
      RETURNING "key", "count", "resetsAt"`,
  }),
);

const RESTART_COUNTER = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = :amount, "resetsAt" = :resetsAt WHERE "key" = :key`,
});

/**
 * Takes the charges even if their limits do not allow them, in one statement, and returns them with the counts. The rows are
 * locked in the order of `charges`, until the transaction ends.
 */
export async function record(tx: Transaction, charges: readonly Charge[], now: Date): Promise<Charged> {
  if (charges.length === 0) return [];
  const params: Params = { now };
  const charged = charges.map((charge, at) => {
    const { limit, amount = 1 } = charge;
    const key = keyOf(charge);
    const resetsAt = new Date(now.getTime() + limit.windowMs);
    Object.assign(params, { [`key${at}`]: key, [`amount${at}`]: amount, [`resetsAt${at}`]: resetsAt });
    return { limit, key, amount, resetsAt, count: amount };
  });
  const rows = await tx.all(COUNT_UP(charges.length), params);
  return charged.map((own) => {
    const { limit, key, amount, resetsAt } = own;
    const row = rows.find((one) => one.key === key);
    if (row && isPossibleEnd(row.resetsAt, limit, now)) return { ...own, ...row };
    tx.queue(RESTART_COUNTER, { key, amount, resetsAt });
    return own;
  });
}

/**
 * Returns whether a window of the limit that has begun by `now` may end at `end`. A window with a later end was begun by a server
 * whose clock ran ahead, and counts as over.
 */
function isPossibleEnd(end: Date, { windowMs }: Limit, now: Date): boolean {
  return end.getTime() <= now.getTime() + windowMs + policy.CLOCK_SKEW_MS_MAX;
}

const COUNT_DOWN = statement({
  params: { key: "text", amount: "integer", resetsAt: "time" },
  sql: `UPDATE "Counter" SET "count" = "count" - :amount WHERE "key" = :key AND "resetsAt" = :resetsAt`,
});
const DELETE_EMPTY_COUNTER = statement({
  params: { key: "text" },
  sql: `DELETE FROM "Counter" WHERE "key" = :key AND "count" <= 0`,
});

/**
 * Refunds charges, except those whose window has ended. A counter that returns to 0 is deleted, so that refused requests leave
 * no rows. With `keepsRows` such a counter stays until its window ends, which saves a delete after each right code. Rows are
 * locked in the order of `charged`, as in `record`, so that the two can't deadlock.
 */
export function refund(tx: Transaction, charged: Charged, { keepsRows = false } = {}): void {
  for (const { key, amount, resetsAt } of charged) {
    tx.queue(COUNT_DOWN, { key, amount, resetsAt });
    if (!keepsRows) tx.queue(DELETE_EMPTY_COUNTER, { key });
  }
}

const DELETE_COUNTER = statement({ params: { key: "text" }, sql: `DELETE FROM "Counter" WHERE "key" = :key` });

/** Starts the counters of these charges again at 0. Rows are locked in the order of `charges`, as in `record`. */
export function resetCounters(tx: Transaction, charges: readonly Charge[]): void {
  for (const charge of charges) tx.queue(DELETE_COUNTER, { key: keyOf(charge) });
}

const COUNT_DOWN_SINCE = statement({
  params: { key: "text", amount: "integer", since: "time", latestEnd: "time" },
  sql: `
    UPDATE "Counter" SET "count" = "count" - :amount
    WHERE "key" = :key AND "resetsAt" > :since AND "resetsAt" <= :latestEnd`,
});

/** Refunds charges that were consumed at `consumedAt`, except those whose window has ended. */
export function refundCharges(tx: Transaction, charges: readonly Charge[], consumedAt: Date): void {
  for (const charge of charges) {
    const latestEnd = new Date(consumedAt.getTime() + charge.limit.windowMs);
    tx.queue(COUNT_DOWN_SINCE, { key: keyOf(charge), amount: charge.amount ?? 1, since: consumedAt, latestEnd });
  }
}

const FIND_COUNTS = statementByLength((length) =>
  statement({
    params: { now: "time", ...paramKinds(length, "key", "text" as const) },
    row: COUNTER_ROW,
    sql: `
      SELECT "key", "count", "resetsAt" FROM "Counter"
      WHERE "key" IN (${sqlList(length, (at) => `:key${at}`)}) AND "resetsAt" > :now`,
  }),
);

/** Returns in how many milliseconds all of the limits allow their charges; 0 means now. Takes no charge. */
export async function retryAfterMs(db: Queries, charges: readonly Charge[], now: Date): Promise<number> {
  return (await findSpentLimit(db, charges, now))?.retryAfterMs ?? 0;
}

/** Returns the limit that does not allow its charge, of several the one with the longest wait; null if all allow. Takes no charge. */
export async function findSpentLimit(db: Queries, charges: readonly Charge[], now: Date): Promise<SpentLimit | null> {
  const counts = await readCounts(db, charges, now);
  const spent = charges.flatMap(({ limit, amount = 1 }, at): SpentLimit[] => {
    const counted = counts[at];
    if (!counted || counted.count + amount <= limit.max) return [];
    return [{ name: "budget_spent", retryAfterMs: counted.resetsAt.getTime() - now.getTime(), limit: limit.name }];
  });
  return spent.sort((one, other) => other.retryAfterMs - one.retryAfterMs)[0] ?? null;
}

/** Returns the counter of each charge in its current window, null without one. Takes no charge. */
export async function readCounts(
  db: Queries,
  charges: readonly Charge[],
  now: Date,
): Promise<({ count: number; resetsAt: Date } | null)[]> {
  if (charges.length === 0) return [];
  const keys = charges.map(keyOf);
  const found = await db.all(FIND_COUNTS(keys.length), {
    now,
    ...Object.fromEntries(keys.map((key, at) => [`key${at}`, key])),
  });
  return charges.map(({ limit }, at) => {
    const row = found.find(({ key }) => key === keys[at]);
    return row && isPossibleEnd(row.resetsAt, limit, now) ? row : null;
  });
}

/** Returns the key of a charge's counter, which contains the subject only as a keyed hash. */
export function keyOf({ limit, subject }: Charge): string {
  return `${limit.name} ${keyedHash(subject)}`;
}
