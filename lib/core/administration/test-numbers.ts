import { z } from "zod";
import { type ActorKind, type EventDetails, NO_ACCOUNT_ID, recordEvent } from "@/lib/core/accounts/audit-log";
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
import { type RolledBack, readPrimary, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { env } from "@/lib/env";
import { type Administrator, lockAdministrator, mayChange } from "./accounts";
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
  .refine((day) => /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)), {
    error: "end_invalid",
    abort: true,
  })
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

/** Who makes or ends a test number: an administrator with a reason, or the command line. */
export type TestNumberActor = { administrator: Administrator; reason: Reason } | "command_line";

const actorOf = (actor: TestNumberActor): { actorKind: ActorKind; actorId: number; details: EventDetails } =>
  actor === "command_line"
    ? { actorKind: "command_line", actorId: NO_ACCOUNT_ID, details: {} }
    : { actorKind: "administrator", actorId: actor.administrator.userId, details: { reason: actor.reason } };

/** Returns whether the actor may still act, and locks an administrator's account as all acts do. */
const lockActor = async (tx: Transaction, actor: TestNumberActor) =>
  actor === "command_line" || (await lockAdministrator(tx, actor.administrator));

const isTooOld = (actor: TestNumberActor, now: Date) =>
  actor !== "command_line" && !mayChange(actor.administrator, now);

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
export type MakeTestNumberFailure = {
  name:
    | "login_too_old"
    | "code_guessable"
    | "country_not_allowed"
    | "end_invalid"
    | "test_number_known"
    | "phone_of_administrator"
    | "phone_taken";
};

/**
 * Makes the phone a test number until the given time: each code that is requested for it is `code`, and no message is sent. Returns its
 * id.
 *
 * Failures:
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, or the account was blocked since.
 * - `code_guessable`: the code is a part of the phone, forwards or backwards.
 * - `country_not_allowed`: the phone gets no codes.
 * - `end_invalid`: the end is not in the future, or later than `TEST_NUMBER_MS_MAX`.
 * - `test_number_known`: it is a test number already.
 * - `phone_of_administrator`, `phone_taken`: the phone is an administrator's, or an account's.
 */
export async function makeTestNumber(
  actor: TestNumberActor,
  { phone, code, until, note }: { phone: Phone; code: FixedCode; until: Date; note: string | null },
  now = new Date(),
): Promise<Result<{ id: number }, MakeTestNumberFailure>> {
  if (isTooOld(actor, now)) return fail({ name: "login_too_old" });
  if ([phone, [...phone].reverse().join("")].some((digits) => digits.includes(code)))
    return fail({ name: "code_guessable" });
  if (!isServedPhone(phone)) return fail({ name: "country_not_allowed" });
  const lastsMs = until.getTime() - now.getTime();
  if (!(lastsMs > 0 && lastsMs <= TEST_NUMBER_MS_MAX)) return fail({ name: "end_invalid" });
  if (env.ADMIN_PHONES.includes(phone)) return fail({ name: "phone_of_administrator" });
  const added = { phone, codeHmac: sealFixedCode(code, phone), digits: code.length, until, note, now };
  type Made = Result<{ id: number }, MakeTestNumberFailure>;
  return transact<Made>(
    async (tx): Promise<Made | RolledBack<Made>> => {
      await lockPhone(tx, phone, now);
      if (!(await lockActor(tx, actor))) return rollBack(fail({ name: "login_too_old" }));
      if (await tx.get(FIND_ADMINISTRATOR, { phone })) return rollBack(fail({ name: "phone_of_administrator" }));
      const row = await tx.get(ADD_TEST_NUMBER, added);
      if (!row) return rollBack(fail({ name: "test_number_known" }));
      if (await tx.get(FIND_ACCOUNT_OF_PHONE, { phone })) return rollBack(fail({ name: "phone_taken" }));
      const { details, ...who } = actorOf(actor);
      const made = { ...details, testNumber: row.id };
      recordEvent(tx, { action: "test_number_made", ...who, subjectId: null, details: made, now });
      return succeed({ id: row.id });
    },
    { lock: "administrators" },
  );
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
 * `login_too_old`, or with `test_number_unknown` if there is no such number or it has ended.
 */
export async function endTestNumber(
  actor: TestNumberActor,
  id: number,
  now = new Date(),
): Promise<Result<null, { name: "login_too_old" | "test_number_unknown" }>> {
  if (isTooOld(actor, now)) return fail({ name: "login_too_old" });
  type Ended = Result<null, { name: "login_too_old" | "test_number_unknown" }>;
  const ended = await transact(async (tx): Promise<Ended> => {
    if (!(await lockActor(tx, actor))) return fail({ name: "login_too_old" });
    if (!(await tx.get(END_TEST_NUMBER, { id, now }))) return fail({ name: "test_number_unknown" });
    const { details, ...who } = actorOf(actor);
    const event = { ...who, subjectId: null, details: { ...details, testNumber: id }, now };
    recordEvent(tx, { action: "test_number_ended", ...event });
    return succeed(null);
  });
  if (!ended.ok) return ended;
  await sweepTestNumbers(now);
  return succeed(null);
}
