import type { Reader } from "@/lib/db/database";
import {
  ALARM_AFTER_WRONG,
  ALARM_DIGITS,
  ALARM_FACTOR,
  ALARM_MEAN_MS,
  ALARM_MS,
  CODE_DIGITS,
  LONGER_CODES,
  WRONG_CODES_MS,
} from "./policy";
import { limitSubject, type Recipient } from "./recipient";

/**
 * How many digits a code for this recipient needs: with each step of wrong codes within the last day it has to be longer,
 * whoever typed them, so that guessing gets harder and nobody is locked out. A shorter one is void.
 */
export async function neededDigits(db: Reader, recipient: Recipient, now: Date): Promise<number> {
  return digitsAfter(await countWrongCodes(db, recipient, now));
}

/** How many digits a new code gets: as many as its recipient's need, and more while codes are guessed at everywhere. */
export async function newCodeDigits(db: Reader, needed: number, now: Date): Promise<number> {
  return needed < ALARM_DIGITS && (await isAlarm(db, now)) ? ALARM_DIGITS : needed;
}

/** How many digits a code needs after this many wrong ones. */
export function digitsAfter(wrongCodes: number): number {
  const steps = LONGER_CODES.filter((step) => wrongCodes >= step.wrongCodes).map(({ digits }) => digits);
  return Math.max(CODE_DIGITS, ...steps);
}

async function countWrongCodes(db: Reader, recipient: Recipient, now: Date): Promise<number> {
  const since = new Date(now.getTime() - WRONG_CODES_MS);
  const [row] = await db.$queryRaw<Count[]>`
    SELECT COUNT(*) AS "count" FROM "WrongCode" WHERE "recipient" = ${limitSubject(recipient)} AND "at" > ${since}`;
  return Number(row?.count);
}

/** Whether more codes are typed wrong in the whole system than usual. */
async function isAlarm(db: Reader, now: Date): Promise<boolean> {
  const recent = await countAllWrongCodes(db, ALARM_MS, now);
  if (recent <= ALARM_AFTER_WRONG) return false;
  return recent > ALARM_FACTOR * (await usualWrongCodes(db, now));
}

const MINUTE_MS = 60_000;
let usual = { minute: Number.NaN, mean: 0 };

/** The mean of a week, asked for once a minute: an attack has many rows, and a week changes slowly. */
async function usualWrongCodes(db: Reader, now: Date): Promise<number> {
  const minute = Math.floor(now.getTime() / MINUTE_MS);
  if (usual.minute !== minute) {
    const all = await countAllWrongCodes(db, ALARM_MEAN_MS, now);
    usual = { minute, mean: (all * ALARM_MS) / ALARM_MEAN_MS };
  }
  return usual.mean;
}

async function countAllWrongCodes(db: Reader, withinMs: number, now: Date): Promise<number> {
  const since = new Date(now.getTime() - withinMs);
  const [row] = await db.$queryRaw<Count[]>`SELECT COUNT(*) AS "count" FROM "WrongCode" WHERE "at" > ${since}`;
  return Number(row?.count);
}

/** A whole number, which some databases count in 64 bits. */
interface Count {
  count: number | bigint;
}
