import { z } from "zod";
import { recordAccountReads } from "@/lib/core/administration/managed-accounts";
import {
  drawFixedCode,
  endTestNumber,
  FixedCode,
  listTestNumbers,
  makeTestNumber,
  Note,
  type TestNumber as Numbered,
} from "@/lib/core/administration/test-numbers";
import { Phone } from "@/lib/core/identity/phone";
import { fail } from "@/lib/core/result";
import { address, reply } from "./engine";
import type { KeyCall } from "./keys";
import { Moment, manageApi, problem, ReasonText, StorableText, Time } from "./manage";
import { PhoneText, readAccountId } from "./schemas";

const TestNumber = z.object({
  id: z.int(),
  phone: PhoneText.optional().meta({ description: "Only with the scope `phones:read`." }),
  codeDigits: z.int().meta({ description: "How many digits its fixed code has." }),
  endsAt: Time,
  note: z.string().nullable(),
  madeAt: Time,
  isOpen: z.boolean().meta({ description: "Whether its code works. One that has ended is deleted soon." }),
  accountId: z.int().nullable().meta({ description: "The account that a login with it made; null without one." }),
});

function testNumberOf({ id, phone, digits, until, note, madeAt, isOpen, userId }: Numbered, { has }: KeyCall) {
  return {
    ...{ id, codeDigits: digits, endsAt: until.toISOString(), note, madeAt: madeAt.toISOString(), isOpen },
    accountId: userId,
    ...(has("phones:read") && { phone }),
  };
}

/** Records the reads of the numbers' accounts, if the key sees phones. */
async function recordReads(key: KeyCall, numbers: Numbered[]) {
  const ids = numbers.flatMap(({ userId }) => userId ?? []);
  if (key.has("phones:read")) await recordAccountReads(key.actor, { ids, isList: true });
}

const TEST_NUMBER_UNKNOWN = problem(404, "test_number_unknown", "There is no such test number, or it has ended.");

export const testNumbers = address(manageApi, "/api/manage/v1/test-numbers", (endpoint) => ({
  GET: endpoint({
    summary: "All test numbers, the one that ends first at the top",
    who: "key",
    scope: "test-numbers:read",
    answer: { body: z.object({ testNumbers: z.array(TestNumber) }) },
    run: async ({ key }) => {
      const numbers = await listTestNumbers();
      await recordReads(key, numbers);
      return reply({ testNumbers: numbers.map((number) => testNumberOf(number, key)) });
    },
    failures: {},
  }),
  POST: endpoint({
    summary: "Makes a phone a test number for up to 90 days: its code is fixed, and is never sent",
    who: "key",
    scope: "test-numbers:write",
    input: {
      phone: Phone,
      endsAt: Moment,
      code: FixedCode.nullish().meta({ description: "Without one, a code is drawn." }),
      note: StorableText.pipe(Note).nullish().meta({ description: "What the number is for." }),
      reason: ReasonText,
    },
    answer: {
      status: 201,
      body: z.object({ id: z.int(), code: z.string().nullable().meta({ description: "It is shown this once." }) }),
      secrets: ["code"],
      headers: ["Location"],
    },
    run: ({ key, input: { phone, endsAt: until, code, note = null, reason } }) => {
      const fixed = code ?? drawFixedCode();
      return key.deed(
        (actor) => makeTestNumber(actor, { phone, code: fixed, until, note, reason }),
        ({ id }) => reply({ id, code: fixed }, { Location: `/api/manage/v1/test-numbers/${id}` }),
      );
    },
    failures: {
      code_guessable: problem(400, "code_guessable", "The code is a part of the phone."),
      country_not_allowed: problem(400, "country_not_allowed", "Phones of this country or kind get no codes."),
      end_invalid: problem(400, "end_invalid", "A test number ends in the future, within 90 days."),
      test_number_known: problem(409, "test_number_known", "The phone is a test number already."),
      phone_of_administrator: problem(409, "phone_of_administrator", "The phone is an administrator's."),
      phone_taken: problem(409, "phone_taken", "An account has this phone."),
    },
  }),
}));

export const testNumber = address(manageApi, "/api/manage/v1/test-numbers/{number_id}", (endpoint) => ({
  GET: endpoint({
    summary: "A test number",
    who: "key",
    scope: "test-numbers:read",
    answer: { body: TestNumber },
    run: async ({ key, params }) => {
      const id = readAccountId(params.number_id);
      const found = (await listTestNumbers()).find((number) => number.id === id);
      if (!found) return fail({ name: "test_number_unknown" });
      await recordReads(key, [found]);
      return reply(testNumberOf(found, key));
    },
    failures: { test_number_unknown: TEST_NUMBER_UNKNOWN },
  }),
  DELETE: endpoint({
    summary: "Ends a test number, and deletes its account",
    who: "key",
    scope: "test-numbers:write",
    query: { reason: ReasonText },
    answer: { body: z.void() },
    run: async ({ key, params, query: { reason } }) => {
      const id = readAccountId(params.number_id);
      if (id === null) return fail({ name: "test_number_unknown" });
      return key.deed(
        (actor) => endTestNumber(actor, { id, reason }),
        () => reply(undefined),
      );
    },
    failures: { test_number_unknown: TEST_NUMBER_UNKNOWN },
  }),
}));
