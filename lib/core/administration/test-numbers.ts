import { z } from "zod";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { sweepTestNumbers } from "@/lib/core/accounts/test-number-end";
import { FIND_ACCOUNT_OF_PHONE, lockPhone } from "@/lib/core/accounts/test-number-lock";
import { sealFixedCode } from "@/lib/core/challenges/fixed-code";
import { drawOneTimeCode, OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { isServedPhone } from "@/lib/core/challenges/served-countries";
import type { Phone } from "@/lib/core/identity/phone";
import {
  FIXED_CODE_DIGITS_DRAWN,
  FIXED_CODE_DIGITS_MIN,
  REASON_LENGTH_MAX,
  TEST_NUMBER_MS_MAX,
} from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { addDays, type Day, dayOf, startOfDay } from "@/lib/core/statistics/days";
import { type RolledBack, readPrimary, rollBack, statement, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { recordTaken } from "./accounts";
import { type Actor, type ActorFailure, auditOf, lockActor, settle } from "./actor";
import type { Reason } from "./acts";

/**
 * Returns whether the code is among the first that a stranger tries: one or two different digits, digits repeated (123123), one after the
 * other (123456), each twice (112233), or the same backwards (123321).
 */
function isGuessable(code: string): boolean {
  const digits = [...code];
  const once = digits.filter((digit, at) => digit !== digits[at - 1]);
  const steps = new Set(once.slice(1).map((digit, at) => (Number(digit) - Number(once[at]) + 10) % 10));
  const isRun = steps.size === 1 && [...steps].every((step) => [1, 9].includes(step));
  const isRepeated = [2, 3, 4].some((length) => code === code.slice(0, length).repeat(5).slice(0, code.length));
  return new Set(digits).size <= 2 || isRun || isRepeated || code === digits.toReversed().join("");
}

/** A fixed code: 6 to 10 digits. Other text fails with `code_malformed`, and a code that is guessed first with `code_guessable`. */
export const FixedCode = OneTimeCode.refine((code) => code.length >= FIXED_CODE_DIGITS_MIN, {
  error: "code_malformed",
  abort: true,
}).refine((code) => !isGuessable(code), "code_guessable");
export type FixedCode = z.output<typeof FixedCode>;

/** What a test number is for: up to 300 characters; null without a text. */
export const Note = z
  .string()
  .trim()
  .max(REASON_LENGTH_MAX, "note_too_long")
  .transform((note) => note || null);

/**
 * The last day of a test number in `TIME_ZONE`, such as 2026-12-31. The output is its end: the first moment after that day. Other text
 * fails with `end_invalid`.
 */
export const LastDay = z
  .string()
  .trim()
  .refine((day) => z.iso.date().safeParse(day).success, { error: "end_invalid", abort: true })
  .transform((day) => startOfDay(addDays(day, 1)));

/** Returns the latest possible last day of a test number that is made now, in `TIME_ZONE`. */
export function latestLastDay(now = new Date()): Day {
  return addDays(dayOf(new Date(now.getTime() + TEST_NUMBER_MS_MAX)), -1);
}

/** Draws a fixed code that is not guessed first. */
export function drawFixedCode(): FixedCode {
  for (;;) {
    const drawn = FixedCode.safeParse(drawOneTimeCode(FIXED_CODE_DIGITS_DRAWN));
    if (drawn.success) return drawn.data;
  }
}

const ADD_TEST_NUMBER = statement({
  params: { phone: "text", codeHmac: "text", digits: "integer", until: "time", note: "text?", now: "time" },
  row: { id: "integer" },
  sql: `
    INSERT INTO "TestNumber" ("phone", "codeHmac", "digits", "until", "note", "madeAt")
    VALUES (:phone, :codeHmac, :digits, :until, :note, :now) ON CONFLICT ("phone") DO NOTHING RETURNING "id"`,
});
const FIND_ADMINISTRATOR = statement({
  params: { phone: "text" },
  row: { phone: "text" },
  sql: `SELECT "phone" FROM "Administrator" WHERE "phone" = :phone`,
});
/** The failures of `makeTestNumber`. */
export type MakeTestNumberFailure<Who extends Actor = Actor> =
  | ActorFailure<Who>
  | {
      name:
        | "code_guessable"
        | "country_not_allowed"
        | "end_invalid"
        | "test_number_known"
        | "phone_of_administrator"
        | "phone_taken";
    };

/** A test number to make. The reason is an administrator's or a backend's; the command line has none. */
interface NewTestNumber {
  phone: Phone;
  code: FixedCode;
  until: Date;
  note: string | null;
  reason?: Reason;
}

/**
 * Makes the phone a test number until the given time: each code that is requested for it is `code`, and no message is sent. Returns its
 * id.
 *
 * Failures:
 * - an `ActorFailure`.
 * - `code_guessable`: the code is a part of the phone, forwards or backwards.
 * - `country_not_allowed`: the phone gets no codes.
 * - `end_invalid`: the end is not in the future, or later than `TEST_NUMBER_MS_MAX`.
 * - `test_number_known`: it is a test number already.
 * - `phone_of_administrator`, `phone_taken`: the phone is an administrator's, or an account's.
 */
export async function makeTestNumber<Who extends Actor>(
  actor: Who,
  { phone, code, until, note, reason }: NewTestNumber,
  now = new Date(),
): Promise<Result<{ id: number }, MakeTestNumberFailure<Who>>> {
  if ([phone, [...phone].reverse().join("")].some((digits) => digits.includes(code)))
    return fail({ name: "code_guessable" });
  if (!isServedPhone(phone)) return fail({ name: "country_not_allowed" });
  const lastsMs = until.getTime() - now.getTime();
  if (!(lastsMs > 0 && lastsMs <= TEST_NUMBER_MS_MAX)) return fail({ name: "end_invalid" });
  const added = { phone, codeHmac: sealFixedCode(code, phone), digits: code.length, until, note, now };
  type Made = Result<{ id: number }, MakeTestNumberFailure<Who>>;
  const made = await transact<Made>(
    async (tx): Promise<Made | RolledBack<Made>> => {
      await lockPhone(tx, phone, now);
      const locked = await lockActor(tx, actor, now);
      if (!locked.ok) return rollBack(locked);
      if (env.ADMIN_PHONES.includes(phone) || (await tx.get(FIND_ADMINISTRATOR, { phone })))
        return rollBack(fail({ name: "phone_of_administrator" }));
      const row = await tx.get(ADD_TEST_NUMBER, added);
      if (!row) return rollBack(fail({ name: "test_number_known" }));
      if (await tx.get(FIND_ACCOUNT_OF_PHONE, { phone })) return rollBack(fail({ name: "phone_taken" }));
      const details = { ...(reason && { reason }), testNumber: row.id };
      recordEvent(tx, { action: "test_number_made", ...auditOf(actor), subjectId: null, details, now });
      return settle(tx, actor, { id: row.id });
    },
    { lock: "administrators" },
  );
  if (!made.ok) await recordTaken(actor, made.failure.name, { phone }, now);
  return made;
}

/** A test number, as the console and the command line list it. */
export interface TestNumber {
  id: number;
  phone: Phone;
  digits: number;
  until: Date;
  note: string | null;
  madeAt: Date;
  /** Whether its fixed code works: the end is not reached. An ended number is deleted soon, with its account. */
  isOpen: boolean;
  /** The account that a login with it made; null without one. */
  userId: number | null;
}

const LIST_TEST_NUMBERS = statement({
  params: {},
  row: {
    id: "integer",
    phone: "text",
    digits: "integer",
    until: "time",
    note: "text?",
    madeAt: "time",
    userId: "integer?",
  },
  sql: `
    SELECT "TestNumber"."id", "TestNumber"."phone", "digits", "until", "note", "madeAt", "User"."id" AS "userId"
    FROM "TestNumber" LEFT JOIN "User" ON "User"."phone" = "TestNumber"."phone" ORDER BY "until", "TestNumber"."id"`,
});

/** Returns all test numbers, the one that ends first at the top. */
export async function listTestNumbers(now = new Date()): Promise<TestNumber[]> {
  const rows = await readPrimary.all(LIST_TEST_NUMBERS, {});
  return rows.map((row) => ({ ...row, phone: row.phone as Phone, isOpen: row.until > now }));
}

const END_TEST_NUMBER = statement({
  params: { id: "integer", now: "time" },
  row: { phone: "text" },
  sql: `UPDATE "TestNumber" SET "until" = :now WHERE "id" = :id AND "until" > :now RETURNING "phone"`,
});

/**
 * Ends a test number before its time: its fixed code opens nothing from now on, and its account and the number are deleted. Fails with
 * an `ActorFailure`, or with `test_number_unknown` if there is no such number or it has ended. The reason is as in `NewTestNumber`.
 */
export async function endTestNumber<Who extends Actor>(
  actor: Who,
  { id, reason }: { id: number; reason?: Reason },
  now = new Date(),
): Promise<Result<null, ActorFailure<Who> | { name: "test_number_unknown" }>> {
  type Ended = Result<null, ActorFailure<Who> | { name: "test_number_unknown" }>;
  const ended = await transact(async (tx): Promise<Ended> => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    if (!(await tx.get(END_TEST_NUMBER, { id, now }))) return fail({ name: "test_number_unknown" });
    const details = { ...(reason && { reason }), testNumber: id };
    recordEvent(tx, { action: "test_number_ended", ...auditOf(actor), subjectId: null, details, now });
    return settle(tx, actor, null);
  });
  if (!ended.ok) return ended;
  await sweepTestNumbers(now);
  return succeed(null);
}
