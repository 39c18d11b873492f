import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { changeIdentity, requestChangeCodes } from "@/lib/core/accounts/change-identity";
import { register, requestRegistrationCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { removeEndedNumber, sweepTestNumbers } from "@/lib/core/accounts/test-number-end";
import { backgroundTasks } from "@/lib/core/background";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { Holder, type OneTimeCode, STATELESS } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { activateInvite } from "@/lib/core/invites/activation";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { keyedHash } from "@/lib/core/keyed-hash";
import {
  FIXED_CODE_TRIES_PER_NETWORK_PER_DAY,
  fixedCodeTriesPerDay,
  SENDS_PER_PHONE_AND_IP_PER_HOUR,
  TEST_NUMBER_MS_MAX,
  TRIES_PER_CODE,
} from "@/lib/core/policy";
import { computeSums } from "@/lib/core/statistics/sums";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  freshOwner,
  freshPhone,
  openSession,
  receiveCode,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { phoneLoginCode } from "../accounts/sign-in";
import { asAdministrator, changeAccount, createAccount } from "./accounts";
import { COMMAND_LINE } from "./actor";
import { addAdministrator } from "./administrators";
import { runImport } from "./import";
import { readImport } from "./import-file";
import { exportList } from "./list-export";
import { getOutlook } from "./outlook";
import { walkPeople } from "./people-list";
import { drawFixedCode, endTestNumber, FixedCode, LastDay, listTestNumbers, makeTestNumber } from "./test-numbers";

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
const reason = "the reviewers of a store";

/** Makes a test number for 30 days. */
async function freshTestNumber(now = new Date(), until = after(now, 30 * DAY_MS)) {
  const [phone, code] = [freshPhone(), drawFixedCode()];
  const made = await makeTestNumber(COMMAND_LINE, { phone, code, until, note: null }, now);
  if (!made.ok) throw new Error(made.failure.name);
  return { id: made.value.id, phone, code };
}

/** A sender that fails the test when a message reaches it. */
const noSender = senderOf(async ({ to }) => {
  throw new Error(`a message was sent to ${to}`);
});

/** Requests a code for a login, which no sender may get. */
const ask = (owner: { phone: Phone; holder: Holder }, requester: Requester, now: Date) =>
  requestCode(phoneLoginCode(owner), requester, { sender: noSender, now });

/** Requests a code and types this one. */
async function logIn(phone: Phone, code: OneTimeCode, now = new Date(), requester = anybody()) {
  const owner = freshOwner(phone);
  const asked = await ask(owner, requester, now);
  if (!asked.ok) return asked;
  const session = { kind: "browser", browserId: crypto.randomUUID() } as const;
  return signInByPhone({ ...owner, code }, requester, { now, session });
}

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
}

const accountsOf = (phone: Phone) => readPrimary.user.findMany({ where: { phone } });

test("the fixed code opens an account of its own without a message, as often as it is typed", async () => {
  const { phone, code, id } = await freshTestNumber();
  const first = await logIn(phone, code);
  const second = await logIn(phone, code);
  if (!first.ok || !second.ok) throw new Error("the fixed code opened no account");
  const { userId } = first.value;
  expect([first.value.created, second.value.created, second.value.userId]).toEqual([true, false, userId]);
  expect((await getProfile(userId))?.isTest).toBe(true);
  const outlook = await getOutlook(phoneRecipient(phone), { isBlocked: false });
  expect(outlook).toMatchObject({ isTest: true, obstacles: [], longerDigits: null, undelivered: null });
  expect((await readEvents(userId)).map(({ action, details }) => [action, details.isTest])).toEqual([
    ["test_number_used", undefined],
    ["test_number_used", undefined],
    ["account_created", true],
  ]);
  expect((await listTestNumbers()).find((one) => one.id === id)).toMatchObject({
    phone,
    userId,
    digits: 8,
    isOpen: true,
  });
});

test("the table does not hold the fixed code, and the code that is asked for is not the stored one", async () => {
  const { phone, code } = await freshTestNumber();
  const row = await readPrimary.testNumber.findUniqueOrThrow({ where: { phone } });
  expect(JSON.stringify(row)).not.toContain(code);
  let drawn = "" as OneTimeCode;
  const owner = freshOwner(phone);
  const draw = (digits: number) => {
    drawn = wrongCode("1".repeat(digits) as OneTimeCode);
    return drawn;
  };
  const asked = await requestCode(phoneLoginCode(owner), anybody(), { sender: noSender, draw });
  expect(asked).toEqual({ ok: true, value: { digits: 8, revealed: null } });
  expect(failureOf(await signInByPhone({ ...owner, code: drawn }, anybody()))).toBe("code_wrong");
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
});

test("a registration with a test number makes its account, and a second one says that the number is taken", async () => {
  const { phone, code } = await freshTestNumber();
  const owner = freshOwner(phone);
  expect(failureOf(await requestRegistrationCode(owner, anybody(), { sender: noSender }))).toBe("none");
  expect(failureOf(await register({ ...owner, code }, anybody()))).toBe("none");
  expect(failureOf(await requestRegistrationCode(owner, anybody(), { sender: noSender }))).toBe("phone_taken");
});

test("a fixed code has at least six digits that are not guessed first, and an end within 90 days", async () => {
  for (const bad of ["12345", "123456", "654321", "000000", "121212", "123123", "890123", "12345678901"]) {
    expect([bad, FixedCode.safeParse(bad).success]).toEqual([bad, false]);
  }
  for (const bad of ["100100", "101101", "110011", "123321", "112233", "66778899", "998877", "45677654"]) {
    expect([bad, FixedCode.safeParse(bad).error?.issues[0]?.message]).toEqual([bad, "code_guessable"]);
  }
  expect(FixedCode.safeParse("482913").success).toBe(true);
  const now = new Date();
  const make = (until: Date) =>
    makeTestNumber(COMMAND_LINE, { phone: freshPhone(), code: drawFixedCode(), until, note: null }, now);
  expect(failureOf(await make(after(now, TEST_NUMBER_MS_MAX + 1)))).toBe("end_invalid");
  expect(failureOf(await make(now))).toBe("end_invalid");
  expect(failureOf(await make(new Date(Number.NaN)))).toBe("end_invalid");
  for (const day of ["2027-02-30", "2027-13-01", "2027-2-1", "tomorrow"])
    expect([day, LastDay.safeParse(day).success]).toEqual([day, false]);
  expect(failureOf(await make(after(now, TEST_NUMBER_MS_MAX)))).toBe("none");
});

test("a fixed code is no part of its phone, forwards or backwards", async () => {
  const [phone, until] = [freshPhone(), after(new Date(), DAY_MS)];
  const make = (code: string) =>
    makeTestNumber(COMMAND_LINE, { phone, code: code as FixedCode, until, note: null }).then(failureOf);
  expect(await make(phone.slice(-6))).toBe("code_guessable");
  expect(await make(phone.slice(1, 9))).toBe("code_guessable");
  expect(await make([...phone.slice(-7)].reverse().join(""))).toBe("code_guessable");
  expect(await readPrimary.testNumber.findUnique({ where: { phone } })).toBeNull();
});

test("neither a person's phone nor an administrator's becomes a test number, and a test number becomes neither of these", async () => {
  const { administrator, phone: administrators } = await freshAdministrator();
  const person = await signUp();
  const until = after(new Date(), DAY_MS);
  const make = (phone: Phone) =>
    makeTestNumber(administrator, { phone, code: drawFixedCode(), until, note: null, reason });
  expect(failureOf(await make(person.phone))).toBe("phone_taken");
  expect(failureOf(await make(administrators))).toBe("phone_of_administrator");
  expect(await readPrimary.testNumber.findUnique({ where: { phone: person.phone } })).toBeNull();

  const { phone, code } = await freshTestNumber();
  expect(failureOf(await make(phone))).toBe("test_number_known");
  expect(failureOf(await addAdministrator(phone))).toBe("phone_test");
  expect(failureOf(await createAccount(administrator, { phone }))).toBe("phone_test");
  expect(failureOf(await changeAccount(administrator, person.userId, { phone }))).toBe("phone_test");
  const opened = await logIn(phone, code);
  if (!opened.ok || !opened.value.session) throw new Error("no session");
  const own = { phone: freshPhone() };
  expect(failureOf(await changeAccount(administrator, opened.value.userId, own))).toBe("account_test");
  // As a setting ADMIN_PHONES that names the number would do.
  await write((tx) => tx.administrator.create({ data: { phone, addedAt: new Date() } }));
  expect(failureOf(await asAdministrator(opened.value.session))).toBe("not_administrator");
});

test("a test account keeps its number and gets no mailbox", async () => {
  const { phone, code } = await freshTestNumber();
  const opened = await logIn(phone, code);
  if (!opened.ok || !opened.value.session) throw new Error("no session");
  const change = (next: Parameters<typeof requestChangeCodes>[1]["next"]) => ({
    next,
    holder: Holder.parse(crypto.randomUUID()),
  });
  for (const next of [phoneRecipient(freshPhone()), emailRecipient(freshEmail())]) {
    expect(failureOf(await requestChangeCodes(opened.value.session, change(next), anybody()))).toBe("account_test");
  }
});

test("a person who knows a fixed code learns only after it that the number can't be theirs", async () => {
  const { phone, code } = await freshTestNumber();
  const person = await signUp();
  const login = { userId: person.userId, proven: phoneRecipient(person.phone) };
  const session = await openSession({ ...login, created: true }, anybody());
  const change = { next: phoneRecipient(phone), holder: Holder.parse(crypto.randomUUID()) };
  const sent = new Map<string, OneTimeCode>();
  const sender = senderOf(async (message) => {
    sent.set(message.to, message.code as OneTimeCode);
    return true;
  });
  expect(failureOf(await requestChangeCodes(session, change, anybody(), { sender }))).toBe("none");
  expect([...sent.keys()]).toEqual([person.phone]);
  const old = sent.get(person.phone) ?? code;
  const wrong = await changeIdentity(session, change, { old, new: wrongCode(code) }, anybody());
  expect(failureOf(wrong)).toBe("code_refused");
  expect(failureOf(await changeIdentity(session, change, { old, new: code }, anybody()))).toBe("identity_taken");
  expect((await getProfile(person.userId))?.phone).toBe(person.phone);
});

test("wrong codes at a test number are answered as at any phone, and lock no reviewer out", async () => {
  const now = new Date();
  const { phone, code } = await freshTestNumber(now);
  const known = (await signUp()).phone;
  const stranger = { test: anybody(), ordinary: anybody() };
  const answersOf = async (requester: Requester, target: Phone) => {
    const owner = freshOwner(target);
    await requestCode(phoneLoginCode(owner), requester, { sender: senderOf(async () => true), now });
    const answers: string[] = [];
    for (let tries = 0; tries < TRIES_PER_CODE + 2; tries += 1) {
      const typed = await signInByPhone({ ...owner, code: "00000001" as OneTimeCode }, requester, { now });
      answers.push(typed.ok ? "ok" : JSON.stringify(typed.failure));
    }
    return answers;
  };
  const [ofTest, ofOrdinary] = [await answersOf(stranger.test, phone), await answersOf(stranger.ordinary, known)];
  expect(ofTest).toEqual(ofOrdinary);
  expect(failureOf(await logIn(phone, code, now))).toBe("none");
});

test("a network has a limit of wrong codes a day, beyond which the right code is refused there and nowhere else", async () => {
  const now = new Date();
  const { phone, code } = await freshTestNumber(now);
  const stranger = anybody();
  const owner = freshOwner(phone);
  await ask(owner, stranger, now);
  for (let tries = 0; tries < FIXED_CODE_TRIES_PER_NETWORK_PER_DAY; tries += 1) {
    await signInByPhone({ ...owner, code: wrongCode(code) }, stranger, { now });
  }
  expect(failureOf(await signInByPhone({ ...owner, code }, stranger, { now }))).toBe("code_spent");
  expect(failureOf(await logIn(phone, code, now))).toBe("none");
  const nextDay = after(now, DAY_MS + 1);
  expect(failureOf(await logIn(phone, code, nextDay, stranger))).toBe("none");
});

test("all networks together have a limit of wrong codes a day, and a browser that knows the code still gets in", async () => {
  const now = new Date();
  const phone = freshPhone();
  const code = FixedCode.parse("482913");
  const until = after(now, 89 * DAY_MS);
  expect((await makeTestNumber(COMMAND_LINE, { phone, code, until, note: null }, now)).ok).toBe(true);
  const reviewer: Requester = {
    ...anybody(),
    browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] },
  };
  expect(failureOf(await logIn(phone, code, now, reviewer))).toBe("none");
  const owner = freshOwner(phone);
  await ask(owner, anybody(), now);
  const max = fixedCodeTriesPerDay(code.length);
  expect(max).toBe(109);
  for (let tries = 0; tries < max; tries += 1) {
    const typed = await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now });
    expect(["code_wrong", "code_spent"]).toContain(failureOf(typed));
  }
  expect(failureOf(await logIn(phone, code, now))).toBe("code_wrong");
  expect(failureOf(await logIn(phone, code, now, reviewer))).toBe("none");
  expect(failureOf(await logIn(phone, code, after(now, DAY_MS + 1)))).toBe("none");
});

test("all browsers that have logged in with a number have a limit of wrong codes a day together, also those from before a change of its code", async () => {
  const now = new Date();
  const phone = freshPhone();
  const code = FixedCode.parse("482913");
  const until = after(now, 89 * DAY_MS);
  expect((await makeTestNumber(COMMAND_LINE, { phone, code, until, note: null }, now)).ok).toBe(true);
  const recognised = (): Requester => ({
    ...anybody(),
    browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] },
  });
  const owner = freshOwner(phone);
  await ask(owner, recognised(), now);
  for (let tries = 0; tries < fixedCodeTriesPerDay(code.length); tries += 1) {
    await signInByPhone({ ...owner, code: wrongCode(code) }, recognised(), { now });
  }
  expect(failureOf(await signInByPhone({ ...owner, code }, recognised(), { now }))).toBe("code_spent");
  expect(failureOf(await logIn(phone, code, now))).toBe("none");
});

test("beyond a network's limit a test number answers as a phone whose codes are as long", async () => {
  const start = new Date();
  const { phone } = await freshTestNumber(start);
  const known = (await signUp({ now: after(start, -2 * DAY_MS) })).phone;
  await write((tx) =>
    tx.wrongCode.createMany({
      data: Array.from({ length: 20 }, () => ({
        recipient: keyedHash(known),
        at: after(start, -MINUTE_MS),
        digits: 4,
        network: "elsewhere",
      })),
    }),
  );
  const answersOf = async (target: Phone) => {
    const [requester, answers] = [anybody(), [] as string[]];
    for (let codes = 0; codes < 5; codes += 1) {
      const now = after(start, codes * 61 * MINUTE_MS);
      const owner = freshOwner(target);
      const asked = await requestCode(phoneLoginCode(owner), requester, { sender: senderOf(async () => true), now });
      answers.push(JSON.stringify(asked.ok ? asked.value.digits : asked.failure));
      for (let tries = 0; tries <= TRIES_PER_CODE; tries += 1) {
        const typed = await signInByPhone({ ...owner, code: "00000001" as OneTimeCode }, requester, { now });
        answers.push(typed.ok ? "ok" : JSON.stringify(typed.failure));
      }
    }
    return answers;
  };
  expect(await answersOf(phone)).toEqual(await answersOf(known));
});

test("strangers who ask for codes neither keep a reviewer waiting nor use up the number's codes", async () => {
  const now = new Date();
  const { phone, code } = await freshTestNumber(now);
  const shared = { phone, holder: STATELESS };
  for (let strangers = 0; strangers < 20; strangers += 1) {
    expect(failureOf(await ask(shared, anybody(), now))).toBe("none");
  }
  const reviewer = anybody();
  expect(failureOf(await ask(shared, reviewer, now))).toBe("none");
  expect(failureOf(await ask(shared, reviewer, now))).toBe("resend_too_early");
  expect(await getCodeStatus(phoneLoginCode(shared), reviewer, now)).toMatchObject({ state: "live", digits: 8 });
  expect(failureOf(await signInByPhone({ ...shared, code }, reviewer, { now }))).toBe("none");
});

test("a person who knows the code logs in as often as wanted from one network; a stranger's requests there have the usual limit", async () => {
  const now = new Date();
  const { phone, code } = await freshTestNumber(now);
  const tests = anybody();
  const runsMax = 2 * Math.max(SENDS_PER_PHONE_AND_IP_PER_HOUR, FIXED_CODE_TRIES_PER_NETWORK_PER_DAY);
  for (let runs = 0; runs < runsMax; runs += 1) {
    expect(failureOf(await logIn(phone, code, now, tests))).toBe("none");
  }
  const stranger = anybody();
  const asked: string[] = [];
  for (let requests = 0; requests <= SENDS_PER_PHONE_AND_IP_PER_HOUR; requests += 1) {
    asked.push(failureOf(await ask(freshOwner(phone), stranger, now)));
  }
  expect(asked.at(-1)).toBe("budget_spent");
  expect(asked.slice(0, -1).every((name) => name === "none")).toBe(true);
  const rows = await readPrimary.delivery.findMany({ where: { recipient: keyedHash(phone) } });
  expect(new Set(rows.map(({ sender }) => sender))).toEqual(new Set([TEST_NUMBER_SENDER]));
  expect(rows.map(({ state }) => state)).toContain("refused");
});

test("of 24 parallel logins with the fixed code each opens a session, and there is one account", async () => {
  const { phone, code } = await freshTestNumber();
  const network = anybody();
  const logins = await Promise.all(
    Array.from({ length: 24 }, () =>
      logIn(phone, code, new Date(), { ...network, network: `${network.network} ${crypto.randomUUID()}` }),
    ),
  );
  expect(logins.map(failureOf)).toEqual(Array(24).fill("none"));
  expect(await accountsOf(phone)).toHaveLength(1);
  const owner = freshOwner(phone);
  const now = new Date();
  await ask(owner, network, now);
  const once = await Promise.all(Array.from({ length: 24 }, () => signInByPhone({ ...owner, code }, network, { now })));
  expect(once.filter(({ ok }) => ok)).toHaveLength(1);
});

test("a sign-up and the making of a test number at the same time leave a person's account or a test number, never both", async () => {
  for (let rounds = 0; rounds < 12; rounds += 1) {
    const owner = freshOwner();
    const code = await receiveCode(owner);
    const made = makeTestNumber(COMMAND_LINE, {
      phone: owner.phone,
      code: drawFixedCode(),
      until: after(new Date(), DAY_MS),
      note: null,
    });
    const [signedUp, isTest] = await Promise.all([signInByPhone({ ...owner, code }, anybody()), made]);
    expect(signedUp.ok).not.toBe(isTest.ok);
    const accounts = await accountsOf(owner.phone);
    const numbers = await readPrimary.testNumber.findMany({ where: { phone: owner.phone } });
    expect(accounts.length + numbers.length).toBe(1);
  }
});

test("an administrator who makes an account and a test number of one phone at the same time gets only one of them", async () => {
  const { administrator } = await freshAdministrator();
  for (let rounds = 0; rounds < 12; rounds += 1) {
    const phone = freshPhone();
    const until = after(new Date(), DAY_MS);
    const [created, made] = await Promise.all([
      createAccount(administrator, { phone }),
      makeTestNumber(COMMAND_LINE, { phone, code: drawFixedCode(), until, note: null }),
    ]);
    expect([created.ok, made.ok].filter(Boolean)).toHaveLength(1);
  }
});

test("people and test numbers don't invite each other, and two test numbers do", async () => {
  const person = await signUp();
  const [one, other] = [await freshTestNumber(), await freshTestNumber()];
  const login = await logIn(one.phone, one.code);
  if (!login.ok) throw new Error(login.failure.name);
  const { userId } = login.value;
  const inviteCode = (await getProfile(userId))?.inviteCode ?? null;
  expect(failureOf(await activateInvite({ userId, code: person.inviteCode }))).toBe("invite_unknown");
  expect(failureOf(await activateInvite({ userId: person.userId, code: inviteCode }))).toBe("invite_unknown");

  const invite = inviteCode && (await getSeenInvite(inviteCode));
  const fresh = freshOwner();
  const code = await receiveCode(fresh);
  expect(failureOf(await signInByPhone({ ...fresh, code, invite }, anybody()))).toBe("invite_unknown");
  const now = new Date();
  const owner = freshOwner(other.phone);
  await ask(owner, anybody(), now);
  expect(failureOf(await signInByPhone({ ...owner, code: other.code, invite }, anybody(), { now }))).toBe("none");
  expect((await getProfile(userId))?.referralCount).toBe(1);
  expect((await getProfile(person.userId))?.referralCount).toBe(0);
});

test("the sums of an hour don't change by a test number's requests, logins and invitations", async () => {
  // In the past, the sweeper of another test's process would delete the rows.
  const hour = new Date("2049-05-05T10:00:00Z");
  const at = (minutes: number) => after(hour, minutes * MINUTE_MS);
  await signUp({ now: at(1) });
  const sumsOf = async () => {
    await computeSums(at(59), "UTC");
    const rows = await readPrimary.hourlySum.findMany({ where: { hour } });
    return rows.map(({ measure, count }) => [measure, count]).sort();
  };
  const before = await sumsOf();
  expect(before).not.toEqual([]);
  const [one, other] = [await freshTestNumber(at(2)), await freshTestNumber(at(2))];
  const login = await logIn(one.phone, one.code, at(3));
  if (!login.ok) throw new Error(login.failure.name);
  const invitee = await logIn(other.phone, other.code, at(4));
  if (!invitee.ok) throw new Error(invitee.failure.name);
  const code = (await getProfile(login.value.userId))?.inviteCode ?? null;
  expect((await activateInvite({ userId: invitee.value.userId, code }, at(5))).ok).toBe(true);
  const [owner, requester] = [freshOwner(one.phone), anybody()];
  await ask(owner, requester, at(6));
  expect(failureOf(await ask(owner, requester, at(6)))).toBe("resend_too_early");
  expect(await sumsOf()).toEqual(before);
});

test("a filter finds a test number's account, the file of People marks it, and an import refuses its row and its number", async () => {
  const { administrator } = await freshAdministrator();
  const { phone, code } = await freshTestNumber();
  const login = await logIn(phone, code);
  if (!login.ok) throw new Error(login.failure.name);
  const person = await signUp();
  const { rows } = await walkPeople({ only: "test" }, null);
  expect(rows.every(({ isTest }) => isTest)).toBe(true);
  expect(rows.map(({ id }) => id)).toContain(login.value.userId);
  expect(rows.map(({ id }) => id)).not.toContain(person.userId);

  const exported = await exportList(administrator, "people", { only: "test" });
  if (!exported.ok) throw new Error(exported.failure.name);
  const [header = "", line = ""] = (await collect(exported.value))
    .join("")
    .split("\r\n")
    .filter((one, at) => at === 0 || one.includes(phone));
  expect(line).toContain('"yes"');
  const elsewhere = line.replace(phone, freshPhone());
  const plan = await readImport([header, line, elsewhere, elsewhere.replace('"yes"', '""').replace(/"\w{6}"/, '""')]);
  if (!plan.ok) throw new Error(plan.failure.name);
  expect(plan.value.refused.map(({ line, result }) => [line, result])).toEqual([
    [2, "test_number"],
    [3, "test_number"],
  ]);
  const unmarked = await readImport(["phone,inviter", `${phone},`, `${freshPhone()},${phone}`]);
  if (!unmarked.ok) throw new Error(unmarked.failure.name);
  const run = runImport(unmarked.value, { actorKind: "command_line", actorId: NO_ACCOUNT_ID });
  const outcomes = (await collect(run)).flat();
  expect(outcomes.map(({ result }) => result).sort()).toEqual(["inviter_refused", "test_number"]);
});

test("an ended number's code opens nothing, and its account and the number are deleted and recorded", async () => {
  const now = new Date();
  const until = after(now, DAY_MS);
  const { id, phone, code } = await freshTestNumber(now, until);
  const login = await logIn(phone, code, now);
  if (!login.ok) throw new Error(login.failure.name);
  const owner = freshOwner(phone);
  const before = after(until, -1);
  await ask(owner, anybody(), before);
  // The code is asked for before the end and typed after it.
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody(), { now: until }))).toBe("code_wrong");
  // The owner of the phone gets a code of their own, which must not open the account that is about to be deleted.
  const code2 = await receiveCode(owner, after(until, MINUTE_MS));
  const early = await signInByPhone({ ...owner, code: code2 }, anybody(), { now: after(until, MINUTE_MS) });
  expect(failureOf(early)).toBe("code_expired");

  await sweepTestNumbers(until);
  expect(await accountsOf(phone)).toEqual([]);
  expect(await readPrimary.testNumber.findUnique({ where: { id } })).toBeNull();
  expect((await readEvents(login.value.userId))[0]).toMatchObject({ action: "account_deleted", actorKind: "server" });
  const events = await readPrimary.auditEvent.findMany({
    where: { details: { contains: `"testNumber":${id}}` } },
    orderBy: { id: "asc" },
  });
  expect(events.map(({ action }) => action)).toEqual(["test_number_made", "account_deleted", "test_number_deleted"]);
  expect((await signUp({ phone })).userId).not.toBe(login.value.userId);
});

test("an administrator ends a number early with a reason, and only with a recent login", async () => {
  const { administrator, userId } = await freshAdministrator();
  const { id, phone, code } = await freshTestNumber();
  expect(failureOf(await logIn(phone, code))).toBe("none");
  const late = after(new Date(), 60 * MINUTE_MS);
  expect(failureOf(await endTestNumber(administrator, { id, reason }, late))).toBe("login_too_old");
  expect(failureOf(await endTestNumber(administrator, { id, reason }))).toBe("none");
  expect(failureOf(await endTestNumber(administrator, { id, reason }))).toBe("test_number_unknown");
  expect(await accountsOf(phone)).toEqual([]);
  const events = await readPrimary.auditEvent.findMany({ where: { actorId: userId, action: "test_number_ended" } });
  expect(events.map(({ details }) => JSON.parse(details))).toEqual([{ reason, testNumber: id }]);
});

test("a server that finds an ended number late deletes no account of the number that was made in its place", async () => {
  const { id, phone, code } = await freshTestNumber();
  expect(failureOf(await logIn(phone, code))).toBe("none");
  expect(failureOf(await endTestNumber(COMMAND_LINE, { id }))).toBe("none");
  const until = after(new Date(), DAY_MS);
  expect(failureOf(await makeTestNumber(COMMAND_LINE, { phone, code, until, note: null }))).toBe("none");
  expect(failureOf(await logIn(phone, code))).toBe("none");
  await removeEndedNumber({ id, phone }, new Date());
  expect(await accountsOf(phone)).toHaveLength(1);
});

test("a login at the time of the number's end leaves no account behind", async () => {
  for (let rounds = 0; rounds < 12; rounds += 1) {
    const { id, phone, code } = await freshTestNumber();
    await Promise.all([logIn(phone, code).catch(() => null), endTestNumber(COMMAND_LINE, { id })]);
    await sweepTestNumbers(new Date());
    expect(await accountsOf(phone)).toEqual([]);
    expect(await readPrimary.testNumber.findUnique({ where: { id } })).toBeNull();
  }
});

test.afterAll(backgroundTasks);
