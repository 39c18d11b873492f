import { limitSubject, type Recipient } from "@/lib/core/identity/recipient";
import { isRecognised, type Requester } from "@/lib/core/identity/requester";
import { keyedHashes } from "@/lib/core/keyed-hash";
import * as policy from "@/lib/core/policy";
import {
  type Charge,
  type Charged,
  networkCharges,
  retryAfterMs,
  WRONG_CODES_FROM_NETWORK,
} from "@/lib/core/rate-limits";
import { type Queries, statement } from "@/lib/db/database";
import { perProcess } from "@/lib/per-process";
import type { StoredFixedCode } from "./fixed-code";
import type { ChallengeKey } from "./one-time-code";

/** What a code for a recipient must be. */
export interface CodeNeeds {
  /** How many digits a code needs at least; shorter ones are refused. */
  needed: number;
  /** The fixed code that takes the place of each code, if the recipient is a test number; otherwise null. */
  fixedCode: StoredFixedCode | null;
}

/**
 * Returns how many digits a code for this recipient needs when this requester types it. The number grows with the wrong codes that
 * any requester typed for the recipient within `WRONG_CODES_MS`. It is at least `CLOSED_NETWORK_DIGITS` while the requester's
 * network has used up its wrong codes of an hour. So guessing becomes harder, but no account is locked. The fixed code of a test
 * number never grows: it needs 0.
 */
export async function findCodeNeeds(
  db: Queries,
  recipient: Recipient,
  requester: Requester,
  now: Date,
): Promise<CodeNeeds> {
  const [{ wrongCodes, fixedCode }, waitMs] = await Promise.all([
    readLoginFacts(db, recipient, now),
    retryAfterMs(db, wrongCodeCharges(recipient, requester), now),
  ]);
  if (fixedCode) return { needed: 0, fixedCode };
  const ofRecipient = codeDigitsAfter(wrongCodes);
  return { needed: waitMs > 0 ? Math.max(ofRecipient, policy.CLOSED_NETWORK_DIGITS) : ofRecipient, fixedCode };
}

/**
 * Returns what a code needs (see `findCodeNeeds`), and how many digits a new code gets: as many, but during an alarm at least
 * `ALARM_DIGITS`, and for the admin console at least `LONGEST_CODE_DIGITS`. A test number's code has the digits of its fixed code.
 */
export async function newCodeDigits(
  db: Queries,
  { recipient, purpose }: Pick<ChallengeKey, "recipient" | "purpose">,
  requester: Requester,
  now: Date,
): Promise<CodeNeeds & { ofNewCode: number }> {
  const [needs, isDuringAlarm] = await Promise.all([findCodeNeeds(db, recipient, requester, now), isAlarm(db, now)]);
  if (needs.fixedCode) return { ...needs, ofNewCode: needs.fixedCode.digits };
  const least = purpose === "console" ? policy.LONGEST_CODE_DIGITS : isDuringAlarm ? policy.ALARM_DIGITS : 0;
  return { ...needs, ofNewCode: Math.max(needs.needed, least) };
}

/** Returns an attempt's charges to the requester's network; empty if the requester's browser is recognised for the recipient. */
export function wrongCodeCharges(recipient: Recipient, requester: Requester): Charge[] {
  return isRecognised(requester, recipient) ? [] : networkCharges(WRONG_CODES_FROM_NETWORK, requester.network);
}

/**
 * Returns how many digits a code needs when it is typed in a network: `ofRecipient`, but at least `CLOSED_NETWORK_DIGITS` if
 * the network has used up its wrong codes of an hour. `ofRecipient` is the result of `codeDigitsAfter`. `counted` are the
 * network's charges with their counts.
 */
export function codeDigitsInNetwork(counted: Charged, ofRecipient: number): number {
  const isClosed = counted.some(({ count, limit }) => count > limit.max);
  return isClosed ? Math.max(ofRecipient, policy.CLOSED_NETWORK_DIGITS) : ofRecipient;
}

/** Returns how many digits a code needs after this many wrong codes for its recipient. */
export function codeDigitsAfter(wrongCodes: number): number {
  const steps = policy.LONGER_CODES.filter((step) => wrongCodes >= step.wrongCodes).map(({ digits }) => digits);
  return Math.max(policy.CODE_DIGITS, ...steps);
}

const READ_LOGIN_FACTS = statement({
  params: { hash: "text", previousHash: "text", since: "time", until: "time", address: "text", now: "time" },
  row: { wrongCodes: "integer", codeHmac: "text?", digits: "integer?", isAnyChangeDue: "boolean" },
  sql: `
    SELECT "wrong"."count" AS "wrongCodes", "TestNumber"."codeHmac", "TestNumber"."digits",
      EXISTS (SELECT 1 FROM "DelayedChange" WHERE "dueAt" <= :now) AS "isAnyChangeDue" FROM (
      SELECT COUNT(*) AS "count" FROM "WrongCode"
      WHERE "recipient" IN (:hash, :previousHash) AND "at" > :since AND "at" < :until) AS "wrong"
    LEFT JOIN "TestNumber" ON "TestNumber"."phone" = :address AND "TestNumber"."until" > :now`,
});

/** What each login needs to know. */
export interface LoginFacts {
  /** How many wrong codes were typed for the recipient within `WRONG_CODES_MS`. */
  wrongCodes: number;
  /** The fixed code of the recipient if it is a test number, otherwise null. */
  fixedCode: StoredFixedCode | null;
  /** Whether a delayed change of any account is due. The answer is nearly always no. */
  isAnyChangeDue: boolean;
}

/** Reads what each login needs to know, with one statement. */
export async function readLoginFacts(db: Queries, recipient: Recipient, now: Date): Promise<LoginFacts> {
  const since = new Date(now.getTime() - policy.WRONG_CODES_MS);
  const until = new Date(now.getTime() + policy.CLOCK_SKEW_MS_MAX);
  const [hash, previousHash = hash] = keyedHashes(limitSubject(recipient));
  const { address } = recipient;
  const row = await db.get(READ_LOGIN_FACTS, { hash, previousHash, since, until, address, now });
  const { wrongCodes = 0, codeHmac = null, digits = null, isAnyChangeDue = false } = row ?? {};
  return { wrongCodes, fixedCode: codeHmac !== null && digits !== null ? { codeHmac, digits } : null, isAnyChangeDue };
}

/**
 * Returns whether the alarm is on: within `ALARM_MS`, the whole system has more wrong codes than `ALARM_AFTER_WRONG`, and more
 * than `ALARM_FACTOR` times the usual number.
 */
export async function isAlarm(db: Queries, now: Date): Promise<boolean> {
  const recent = await countGuesses(db, policy.ALARM_MS, now);
  if (recent <= policy.ALARM_AFTER_WRONG) return false;
  return recent > policy.ALARM_FACTOR * (await usualGuesses(db, now));
}

const MINUTE_MS = 60_000;
const cachedMean = perProcess("usual guesses", () => ({ minute: Number.NaN, mean: 0 }));

/**
 * Returns the usual number of wrong codes in a period of `ALARM_MS`: the mean over `ALARM_MEAN_MS`. The mean is cached for a
 * minute, because it changes slowly and counting the many rows of an attack takes long.
 */
async function usualGuesses(db: Queries, now: Date): Promise<number> {
  const minute = Math.floor(now.getTime() / MINUTE_MS);
  if (cachedMean.minute !== minute) {
    const all = await countGuesses(db, policy.ALARM_MEAN_MS, now);
    Object.assign(cachedMean, { minute, mean: (all * policy.ALARM_MS) / policy.ALARM_MEAN_MS });
  }
  return cachedMean.mean;
}

/**
 * Returns how many wrong codes of the last `withinMs` count for the alarm: those at codes shorter than `LONGEST_CODE_DIGITS`,
 * and at most `ALARM_WRONG_CODES_PER_NETWORK_MAX` from one network. So one network can't raise the alarm alone, be it a
 * carrier's address that thousands of people share or a persistent guesser's.
 */
async function countGuesses(db: Queries, withinMs: number, now: Date): Promise<number> {
  const since = new Date(now.getTime() - withinMs);
  const until = new Date(now.getTime() + policy.CLOCK_SKEW_MS_MAX);
  const row = await db.get(COUNT_GUESSES, { since, until });
  return row?.count ?? 0;
}

const PER_NETWORK_MAX = policy.ALARM_WRONG_CODES_PER_NETWORK_MAX;
const COUNT_GUESSES = statement({
  params: { since: "time", until: "time" },
  row: { count: "integer?" },
  sql: `
    SELECT SUM(CASE WHEN "ofNetwork" > ${PER_NETWORK_MAX} THEN ${PER_NETWORK_MAX} ELSE "ofNetwork" END) AS "count" FROM (
      SELECT COUNT(*) AS "ofNetwork" FROM "WrongCode"
      WHERE "at" > :since AND "at" < :until AND "digits" < ${policy.LONGEST_CODE_DIGITS}
      GROUP BY "network") AS "networks"`,
});
