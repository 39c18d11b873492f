import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { keyedHashes } from "@/lib/core/keyed-hash";
import {
  ALARM_AFTER_WRONG,
  ALARM_DIGITS,
  ALARM_FACTOR,
  ALARM_MEAN_MS,
  ALARM_MS,
  ALARM_WRONG_CODES_PER_NETWORK_MAX,
  CLOSED_NETWORK_DIGITS,
  CODE_DIGITS,
  LONGER_CODES,
  LONGEST_CODE_DIGITS,
  WRONG_CODES_MS,
} from "@/lib/core/policy";
import {
  type Charge,
  type Charged,
  networkCharges,
  retryAfterMs,
  WRONG_CODES_FROM_NETWORK,
} from "@/lib/core/rate-limits";
import { CLOCK_SKEW_MS_MAX, type Queries, statement } from "@/lib/db/database";
import { perProcess } from "@/lib/per-process";

/**
 * How many digits a code for this recipient needs at least where the requester is: a shorter one is void there. With each step of
 * the recipient's wrong codes within a day it has to be longer, whoever typed them; and so has every code in a network that has
 * typed its hour's wrong codes. So guessing gets harder, and no account is locked.
 */
export async function neededDigits(
  db: Queries,
  recipient: Recipient,
  requester: Requester,
  now: Date,
): Promise<number> {
  const [ofRecipient, waitMs] = await Promise.all([
    recipientDigits(db, recipient, now),
    retryAfterMs(db, wrongCodeCharges(recipient, requester), now),
  ]);
  return waitMs > 0 ? Math.max(ofRecipient, CLOSED_NETWORK_DIGITS) : ofRecipient;
}

/** How many digits a code for this recipient needs in a network that has typed few wrong codes. */
export async function recipientDigits(db: Queries, recipient: Recipient, now: Date): Promise<number> {
  return digitsAfter(await countWrongCodes(db, recipient, now));
}

/** What a wrong code is counted for besides its recipient: its network, unless the recipient recognises the browser. */
export function wrongCodeCharges(recipient: Recipient, requester: Requester): Charge[] {
  return isRecognised(requester, recipient) ? [] : networkCharges(WRONG_CODES_FROM_NETWORK, requester.network);
}

/** How many digits a code needs after these counts of its network, where its recipient's wrong codes ask for so many. */
export function digitsAt(counted: Charged, ofRecipient: number): number {
  const isClosed = counted.some(({ count, limit }) => count > limit.max);
  return isClosed ? Math.max(ofRecipient, CLOSED_NETWORK_DIGITS) : ofRecipient;
}

/** How many digits a new code gets: as many as it needs, and more during an alarm. */
export function newCodeDigits(needed: number, isDuringAlarm: boolean): number {
  return isDuringAlarm ? Math.max(needed, ALARM_DIGITS) : needed;
}

/** How many digits a code needs after this many wrong ones. */
export function digitsAfter(wrongCodes: number): number {
  const steps = LONGER_CODES.filter((step) => wrongCodes >= step.wrongCodes).map(({ digits }) => digits);
  return Math.max(CODE_DIGITS, ...steps);
}

const COUNT_WRONG_CODES = statement({
  params: { hash: "text", previousHash: "text", since: "time", until: "time" },
  row: { count: "integer" },
  sql: `
    SELECT COUNT(*) AS "count" FROM "WrongCode"
    WHERE "recipient" IN (:hash, :previousHash) AND "at" > :since AND "at" < :until`,
});

/** How many wrong codes were typed for the recipient within `WRONG_CODES_MS`. */
export async function countWrongCodes(db: Queries, recipient: Recipient, now: Date): Promise<number> {
  const since = new Date(now.getTime() - WRONG_CODES_MS);
  const until = new Date(now.getTime() + CLOCK_SKEW_MS_MAX);
  const [hash, previousHash = hash] = keyedHashes(limitSubject(recipient));
  const row = await db.get(COUNT_WRONG_CODES, { hash, previousHash, since, until });
  return row?.count ?? 0;
}

/** Whether more codes are typed wrong in the whole system than usual. */
export async function isAlarm(db: Queries, now: Date): Promise<boolean> {
  const recent = await countGuesses(db, ALARM_MS, now);
  if (recent <= ALARM_AFTER_WRONG) return false;
  return recent > ALARM_FACTOR * (await usualGuesses(db, now));
}

const MINUTE_MS = 60_000;
const usual = perProcess("usual guesses", () => ({ minute: Number.NaN, mean: 0 }));

/** The mean of a week, asked for once a minute: an attack has many rows, and a week changes slowly. */
async function usualGuesses(db: Queries, now: Date): Promise<number> {
  const minute = Math.floor(now.getTime() / MINUTE_MS);
  if (usual.minute !== minute) {
    const all = await countGuesses(db, ALARM_MEAN_MS, now);
    Object.assign(usual, { minute, mean: (all * ALARM_MS) / ALARM_MEAN_MS });
  }
  return usual.mean;
}

/**
 * How many wrong codes of all recipients are signs of guessing: those at codes that are short enough for it, and of one network no
 * more than so many. So neither a carrier's address behind which thousands mistype nor one patient network moves the alarm.
 */
async function countGuesses(db: Queries, withinMs: number, now: Date): Promise<number> {
  const since = new Date(now.getTime() - withinMs);
  const until = new Date(now.getTime() + CLOCK_SKEW_MS_MAX);
  const row = await db.get(COUNT_GUESSES, { since, until });
  return row?.count ?? 0;
}

const MOST = ALARM_WRONG_CODES_PER_NETWORK_MAX;
const COUNT_GUESSES = statement({
  params: { since: "time", until: "time" },
  row: { count: "integer?" },
  sql: `
    SELECT SUM(CASE WHEN "ofNetwork" > ${MOST} THEN ${MOST} ELSE "ofNetwork" END) AS "count" FROM (
      SELECT COUNT(*) AS "ofNetwork" FROM "WrongCode"
      WHERE "at" > :since AND "at" < :until AND "digits" < ${LONGEST_CODE_DIGITS}
      GROUP BY "network") AS "networks"`,
});
