import { expect, _baseTest as test } from "playwright/test";
import {
  mailLoginCode,
  phoneLoginCode,
  register,
  requestRegistrationCode,
  signInByEmail,
  signInByPhone,
} from "@/lib/core/accounts/sign-in";
import { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { keyedHash } from "@/lib/core/keyed-hash";
import {
  ALARM_AFTER_WRONG,
  ALARM_FACTOR,
  ALARM_MEAN_MS,
  ALARM_MS,
  ALARM_WRONG_CODES_PER_NETWORK_MAX,
  LONGER_CODES,
  TRIES_PER_CODE,
  WRONG_CODES_MS,
} from "@/lib/core/policy";
import { write } from "@/lib/db/database";
import {
  after,
  anybody,
  failureOf,
  freshOwner,
  freshPhone,
  receiveCode,
  receiveCodeOf,
  senderOf,
  wrongCode,
} from "@/lib/testing/people";
import { codeDigitsAfter } from "./code-length";
import { getCodeStatus } from "./code-status";
import type { OneTimeCode } from "./one-time-code";
import { requestCode } from "./request-code";

const [FIRST_STEP = 0, SECOND_STEP = 0] = LONGER_CODES.map(({ wrongCodes }) => wrongCodes);
const HOUR_MS = 60 * 60 * 1000;

/** Inserts rows of wrong codes for a phone, without typing them. */
async function countWrong(phone: Phone, count: number, at: Date): Promise<void> {
  // Each row has a network of its own, because the alarm counts only some wrong codes of one network.
  const rows = Array.from({ length: count }, (_, index) => ({
    recipient: keyedHash(phone),
    at,
    digits: 4,
    network: `${at.getTime()} ${index}`,
  }));
  await write((tx) => tx.wrongCode.createMany({ data: rows }));
}

/** Types this many wrong codes for a phone. Each browser types as many as its code allows. */
async function guessWrong(phone: ReturnType<typeof freshPhone>, count: number, now: Date): Promise<void> {
  for (let left = count; left > 0; ) {
    const owner = freshOwner(phone);
    const code = await receiveCode(owner, now);
    for (let tries = Math.min(left, TRIES_PER_CODE); tries > 0; tries -= 1) {
      expect(failureOf(await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now }))).toBe(
        "code_wrong",
      );
      left -= 1;
    }
  }
}

test("a phone's codes have six digits after five wrong codes, and eight after twenty", async () => {
  expect([0, 4, 5, 19, 20, 1000].map(codeDigitsAfter)).toEqual([4, 4, 6, 6, 8, 8]);
  const now = new Date();
  const phone = freshPhone();
  await guessWrong(phone, FIRST_STEP - 1, now);
  expect(await receiveCode(freshOwner(phone), after(now, HOUR_MS))).toHaveLength(4);
  const owner = freshOwner(phone);
  const code = await receiveCode(owner, after(now, HOUR_MS));
  await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now: after(now, HOUR_MS) });
  expect(await receiveCode(freshOwner(phone), after(now, HOUR_MS))).toHaveLength(6);
  await countWrong(phone, SECOND_STEP - FIRST_STEP, after(now, HOUR_MS));
  expect(await receiveCode(freshOwner(phone), after(now, HOUR_MS))).toHaveLength(8);
  expect(await receiveCode(freshOwner(), after(now, HOUR_MS))).toHaveLength(4);
});

test("a wrong code counts for one day, to the millisecond", async () => {
  const now = new Date();
  const phone = freshPhone();
  await countWrong(phone, FIRST_STEP, now);
  expect(await receiveCode(freshOwner(phone), after(now, WRONG_CODES_MS - 1))).toHaveLength(6);
  expect(await receiveCode(freshOwner(phone), after(now, WRONG_CODES_MS))).toHaveLength(4);
});

test("a phone's wrong codes count for every purpose, and a mailbox's for the mailbox alone", async () => {
  const phone = freshPhone();
  const email = Email.parse(`${crypto.randomUUID()}@example.com`);
  const [registrant, mailer] = [freshOwner(phone), freshOwner(phone)];
  let code = "" as OneTimeCode;
  const sender = senderOf(async (message) => {
    code = message.code as OneTimeCode;
    return true;
  });
  await requestRegistrationCode(registrant, anybody(), { sender });
  for (let tries = 0; tries < TRIES_PER_CODE; tries += 1) {
    await register({ ...registrant, code: wrongCode(code), invite: null }, anybody());
  }
  const mailed = await receiveCodeOf(mailLoginCode({ ...mailer, email }));
  for (let tries = 0; tries < TRIES_PER_CODE; tries += 1) {
    await signInByEmail({ ...mailer, email, code: wrongCode(mailed) }, anybody());
  }
  expect(await receiveCode(freshOwner(phone))).toHaveLength(4);
  await guessWrong(phone, FIRST_STEP - TRIES_PER_CODE, new Date());
  expect(await receiveCode(freshOwner(phone))).toHaveLength(6);
  expect(await receiveCodeOf(mailLoginCode({ ...freshOwner(phone), email }))).toHaveLength(4);
});

test("when codes get longer, shorter ones are refused and a longer one can be requested without a wait", async () => {
  const now = new Date();
  const phone = freshPhone();
  const owner = freshOwner(phone);
  const short = await receiveCode(owner, now);
  await guessWrong(phone, FIRST_STEP, now);
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toMatchObject({
    state: "outgrown",
    resendInMs: 0,
  });
  expect(failureOf(await signInByPhone({ ...owner, code: short }, anybody(), { now }))).toBe("code_expired");
  const long = await receiveCode(owner, now);
  expect(long).toHaveLength(6);
  expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { now }))).toBe("resend_too_early");
  expect(failureOf(await signInByPhone({ ...owner, code: long }, anybody(), { now }))).toBe("none");
});

test("a right code is not counted as wrong, and does not delete wrong codes", async () => {
  const now = new Date();
  const phone = freshPhone();
  await countWrong(phone, FIRST_STEP - 1, now);
  for (let logins = 0; logins < 3; logins += 1) {
    const owner = freshOwner(phone);
    const code = await receiveCode(owner, now);
    expect(code).toHaveLength(4);
    expect(failureOf(await signInByPhone({ ...owner, code }, anybody(), { now }))).toBe("none");
  }
  await countWrong(phone, 1, now);
  expect(await receiveCode(freshOwner(phone), now)).toHaveLength(6);
});

test("parallel guesses through many browsers are compared until codes get longer, and no more after that", async () => {
  const now = new Date();
  const phone = freshPhone();
  await countWrong(phone, 1, now);
  const owners = Array.from({ length: 4 }, () => freshOwner(phone));
  const codes = await Promise.all(owners.map((owner) => receiveCode(owner, now)));
  const guesses = owners.flatMap((owner, at) =>
    Array.from({ length: TRIES_PER_CODE }, () => ({ ...owner, code: wrongCode(codes[at] as OneTimeCode) })),
  );
  const results = await Promise.all(guesses.map((guess) => signInByPhone(guess, anybody(), { now })));
  expect(results.filter((result) => failureOf(result) === "code_wrong")).toHaveLength(FIRST_STEP - 1);
});

// Wrong codes in the future would raise the alarm in later tests.
test.afterEach(() =>
  write((tx) => tx.wrongCode.deleteMany({ where: { at: { gt: after(new Date(), 24 * HOUR_MS) } } })),
);

test("during an alarm every new code has six digits", async () => {
  // A thousand years away from the other tests, whose wrong codes would be counted too.
  const now = after(new Date(), 1000 * 365 * 24 * HOUR_MS);
  const owner = freshOwner();
  const before = await receiveCode(owner, now);
  await countWrong("+70000000000" as Phone, ALARM_AFTER_WRONG, now);
  expect(await receiveCode(freshOwner(), now)).toHaveLength(4);
  await countWrong("+70000000000" as Phone, 1, now);
  expect(await receiveCode(freshOwner(), now)).toHaveLength(6);
  expect(failureOf(await signInByPhone({ ...owner, code: before }, anybody(), { now }))).toBe("none");
  expect(await receiveCode(freshOwner(), after(now, ALARM_MS - 1))).toHaveLength(6);
  expect(await receiveCode(freshOwner(), after(now, ALARM_MS))).toHaveLength(4);
});

test("there is no alarm where as many wrong codes are usual", async () => {
  const now = after(new Date(), 2000 * 365 * 24 * HOUR_MS);
  const phone = "+70000000001" as Phone;
  await countWrong(phone, 1, after(now, -24 * HOUR_MS));
  // Doubled until the usual number is a little more than a third of the number that would raise the alarm.
  for (let count = 1; count * ALARM_FACTOR * ALARM_MS < 1.2 * ALARM_AFTER_WRONG * ALARM_MEAN_MS; count *= 2) {
    await write(
      (tx) => tx.$executeRaw`
        INSERT INTO "WrongCode" ("recipient", "at", "digits", "network")
        SELECT "recipient", "at", "digits", "network" || ${`x${count}`} FROM "WrongCode" WHERE "recipient" = ${keyedHash(phone)}`,
    );
  }
  await countWrong(phone, ALARM_AFTER_WRONG + 1, now);
  expect(await receiveCode(freshOwner(), now)).toHaveLength(4);
  await countWrong(phone, 2 * ALARM_AFTER_WRONG, now);
  expect(await receiveCode(freshOwner(), now)).toHaveLength(6);
});

test("wrong codes of one network alone raise no alarm, and neither do wrong codes of eight digits", async () => {
  const now = after(new Date(), 3000 * 365 * 24 * HOUR_MS);
  const recipient = keyedHash("+70000000002");
  const rows = (count: number, row: { digits: number; network: (of: number) => string }) =>
    Array.from({ length: count }, (_, of) => ({ recipient, at: now, digits: row.digits, network: row.network(of) }));
  const quiet = [
    ...rows(3 * ALARM_AFTER_WRONG, { digits: 4, network: () => "192.0.2.1" }),
    ...rows(3 * ALARM_AFTER_WRONG, { digits: 8, network: (of) => `of ${of}` }),
  ];
  await write((tx) => tx.wrongCode.createMany({ data: quiet }));
  expect(await receiveCode(freshOwner(), now)).toHaveLength(4);
  const [left, most] = [ALARM_AFTER_WRONG - ALARM_WRONG_CODES_PER_NETWORK_MAX, { digits: 4, network: String }];
  await write((tx) => tx.wrongCode.createMany({ data: rows(left, most) }));
  expect(await receiveCode(freshOwner(), now)).toHaveLength(4);
  await write((tx) => tx.wrongCode.createMany({ data: rows(1, { digits: 4, network: () => "192.0.2.2" }) }));
  expect(await receiveCode(freshOwner(), now)).toHaveLength(6);
});
