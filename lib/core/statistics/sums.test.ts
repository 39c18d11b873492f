import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { expect, _baseTest as test } from "playwright/test";
import { createAccount } from "@/lib/core/administration/accounts";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { backgroundTasks } from "@/lib/core/background";
import { recordReports } from "@/lib/core/challenges/deliveries";
import { activateInvite } from "@/lib/core/invites/activation";
import { DELIVERIES_KEPT_MS } from "@/lib/core/policy";
import { read, readPrimary, write } from "@/lib/db/database";
import { after, freshPhone, signUp, signUpByMail } from "@/lib/testing/people";
import { dayOf, hoursOf, startOfDay } from "./days";
import { computeSums, computeSumsInBackground, sumsComputedAt } from "./sums";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

// Each test has years of its own, because a sum counts the rows of all people.
let years = 0;
/** Returns noon of a day in Moscow that no other test uses. */
function freshNoon(): Date {
  years += 1;
  return new Date(Date.UTC(2050 + years, 5, 15, 9, 0));
}

/** Forgets when the sums were last computed, as in a database without sums. */
async function forgetSums(): Promise<void> {
  await write((tx) => tx.mark.deleteMany({ where: { name: { startsWith: "sums " } } }));
}

// Requests compute the sums once a minute in each process. The first time is over before the tests begin.
test.beforeAll(computeSumsInBackground);
test.beforeEach(async () => {
  await backgroundTasks();
  await forgetSums();
});

type Row = Parameters<Parameters<typeof write>[0]>[0]["delivery"]["create"] extends (args: infer A) => unknown
  ? A
  : never;
type DeliveryData = Partial<Row extends { data: infer Data } ? Data : never>;

let recipients = 0;
async function addDelivery(at: Date, data: DeliveryData = {}): Promise<void> {
  recipients += 1;
  const about = { stateAt: at, recipient: `sums ${recipients}`, lastDigits: "01", country: "RU" };
  const sent = { sender: "smsru", state: "accepted" };
  await write((tx) => tx.delivery.create({ data: { at, ...about, ...sent, ...data } as never }));
}

/** Returns the sums of a day by measure, channel, country, sender, reason and currency, each with its count and amount. */
async function sumsOf(day: string): Promise<Record<string, [number, number]>> {
  const rows = await readPrimary.dailySum.findMany({ where: { day } });
  const nameOf = (row: (typeof rows)[number]) =>
    [row.measure, row.channel, row.country, row.sender, row.reason, row.currency].filter(Boolean).join(" ");
  return Object.fromEntries(rows.map((row) => [nameOf(row), [row.count, row.amount]]));
}

test("messages, codes and refusals are counted by day, channel, country, sender and reason, with what they cost", async () => {
  const noon = freshNoon();
  await addDelivery(noon, { cost: 3.5, currency: "RUB", state: "delivered" });
  await addDelivery(noon, { cost: 2.25, currency: "RUB" });
  await addDelivery(noon, {
    sender: "twilio",
    state: "failed",
    reason: "timeout",
    recipient: `both ${noon.getTime()}`,
  });
  await addDelivery(noon, { recipient: `both ${noon.getTime()}` });
  await addDelivery(noon, { sender: null, state: "refused", reason: "country_not_allowed", country: "KZ" });
  await addDelivery(noon, { sender: "mail", lastDigits: "", country: null });
  await computeSums(after(noon, HOUR_MS));
  const day = dayOf(noon);
  expect(await sumsOf(day)).toEqual({
    "asked phone RU": [3, 0],
    "asked phone KZ": [1, 0],
    "asked email": [1, 0],
    "sent phone RU": [3, 0],
    "sent email": [1, 0],
    "delivered phone RU": [1, 0],
    "message_delivered phone RU smsru RUB": [1, 3.5],
    "message_accepted phone RU smsru RUB": [1, 2.25],
    // The provider stated no cost, so it is that of SMS_PRICE in the settings of the tests.
    "message_accepted phone RU smsru": [1, 2.5],
    "message_failed phone RU twilio timeout": [1, 0],
    "message_accepted email mail": [1, 0],
    "refused phone KZ country_not_allowed": [1, 0],
  });
});

test("sign-ins, new accounts and activations are counted by the channel and country of their person", async () => {
  const noon = freshNoon();
  const inviter = await signUp({ now: noon });
  await signUp({ now: noon, invited: inviter.inviteCode });
  const mailed = await signUpByMail();
  await activateInvite({ userId: mailed.userId, code: inviter.inviteCode }, noon);
  await computeSums(after(noon, HOUR_MS));
  const sums = await sumsOf(dayOf(noon));
  expect(sums).toMatchObject({ "signed_up phone RU": [2, 0], "activated phone RU": [1, 0], "activated email": [1, 0] });
});

test("a reason with characters that PostgreSQL can't make text of doesn't stop the counting", async () => {
  const noon = freshNoon();
  for (const reason of ["a\0b", "\ud83d\0\0", "\\u0000 \\\0"])
    expect(await createAccount(COMMAND_LINE, { phone: freshPhone(), reason }, { now: noon })).toMatchObject({
      ok: true,
    });
  await signUp({ now: noon });
  await computeSums(after(noon, HOUR_MS));
  expect(await sumsOf(dayOf(noon))).toMatchObject({ "signed_up phone RU": [1, 0], added: [3, 0] });
});

test("computing the sums again, also in several servers at the same time, changes nothing", async () => {
  const noon = freshNoon();
  for (const minute of [0, 1, 59, 60, 61]) await addDelivery(after(noon, minute * 60_000));
  const now = after(noon, 2 * HOUR_MS);
  await computeSums(now);
  const sums = await sumsOf(dayOf(noon));
  expect(sums["asked phone RU"]).toEqual([5, 0]);
  await computeSums(now);
  await forgetSums();
  const elsewhere = spawn(
    process.execPath,
    [
      ...["--import", "tsx", "--input-type=module", "--eval"],
      `import { computeSums } from "./lib/core/statistics/sums.ts";
      setInterval(() => {}, 1000);
      await computeSums(new Date(${now.getTime()}));
      process.exit();`,
    ],
    { stdio: "inherit" },
  );
  const ended = once(elsewhere, "exit");
  await Promise.all([computeSums(now), computeSums(now)]);
  expect(await ended).toEqual([0, null]);
  await computeSums(now);
  expect(await sumsOf(dayOf(noon))).toEqual(sums);
});

test("a delivery report that comes hours later is counted in the day of its message", async () => {
  const noon = freshNoon();
  const providerId = crypto.randomUUID();
  await addDelivery(noon, { providerId });
  await computeSums(after(noon, HOUR_MS));
  expect((await sumsOf(dayOf(noon)))["delivered phone RU"]).toBeUndefined();
  await recordReports("smsru", [{ providerId, state: "delivered", reason: null }]);
  for (let hours = 1; hours <= 65; hours += 1) await computeSums(after(noon, hours * HOUR_MS));
  expect((await sumsOf(dayOf(noon)))["delivered phone RU"]).toEqual([1, 0]);
});

test("the sums of a closed day stay when its rows are deleted", async () => {
  const noon = freshNoon();
  await addDelivery(noon);
  await computeSums(after(noon, HOUR_MS));
  const sums = await sumsOf(dayOf(noon));
  await write((tx) => tx.delivery.deleteMany({ where: { at: noon } }));
  await computeSums(after(noon, DELIVERIES_KEPT_MS + DAY_MS));
  await forgetSums();
  await computeSums(after(noon, DELIVERIES_KEPT_MS + DAY_MS));
  expect(await sumsOf(dayOf(noon))).toEqual(sums);
});

test("a code before midnight belongs to the old day and one at midnight to the new, on days of 23 and 25 hours too", async () => {
  for (const [timeZone, day, hours] of [
    ["Europe/Moscow", "2051-06-15", 24],
    ["Europe/Berlin", "2026-03-29", 23],
    ["Europe/Berlin", "2026-10-25", 25],
    ["Australia/Lord_Howe", "2026-10-04", 24],
    ["Africa/Cairo", "2026-04-24", 23],
    ["Asia/Kolkata", "2026-11-28", 24],
  ] as const) {
    const all = hoursOf(day, timeZone);
    expect(all, `${timeZone} ${day}`).toHaveLength(hours);
    const [midnight, end] = [startOfDay(day, timeZone), all.at(-1)?.end ?? new Date(0)];
    expect([midnight, after(midnight, -1), after(end, -1), end].map((at) => dayOf(at, timeZone))).toMatchObject({
      0: day,
      2: day,
    });
    expect(dayOf(after(midnight, -1), timeZone) < day && dayOf(end, timeZone) > day).toBe(true);
  }
  const night = startOfDay(dayOf(freshNoon()));
  for (const ms of [-1, 0, 1]) await addDelivery(after(night, ms));
  await computeSums(after(night, 12 * HOUR_MS));
  expect((await sumsOf(dayOf(after(night, -1))))["asked phone RU"]).toEqual([1, 0]);
  expect((await sumsOf(dayOf(night)))["asked phone RU"]).toEqual([2, 0]);
});

test("codes of the same millisecond for different people are counted each", async () => {
  const noon = freshNoon();
  for (let codes = 0; codes < 3; codes += 1) await addDelivery(noon);
  await computeSums(after(noon, 1));
  expect((await sumsOf(dayOf(noon)))["asked phone RU"]).toEqual([3, 0]);
});

test("a run reads no hour that is closed, and says when it ran", async () => {
  const noon = freshNoon();
  await computeSums(noon);
  expect(await sumsComputedAt()).toEqual(noon);
  await addDelivery(after(noon, -70 * HOUR_MS));
  await computeSums(after(noon, 60_000));
  expect(await read.dailySum.findMany({ where: { day: dayOf(after(noon, -70 * HOUR_MS)) } })).toEqual([]);
  expect(await sumsComputedAt()).toEqual(after(noon, 60_000));
});

test("a delivery report is counted also if no code was requested for days after it", async () => {
  const noon = freshNoon();
  const providerId = crypto.randomUUID();
  await addDelivery(noon, { providerId });
  await computeSums(after(noon, HOUR_MS + 1));
  await recordReports("smsru", [{ providerId, state: "delivered", reason: null }]);
  await computeSums(after(noon, 10 * DAY_MS));
  expect((await sumsOf(dayOf(noon)))["delivered phone RU"]).toEqual([1, 0]);
});

test("accounts of version 0.1, whose events name no kind of actor, are counted beside those of later versions", async () => {
  const noon = freshNoon();
  const event = { at: noon, action: "account_created", details: "{}" };
  await write((tx) =>
    tx.auditEvent.createMany({
      data: [
        { ...event, actorId: 1, subjectId: 1 },
        { ...event, actorId: 1, subjectId: 2 },
        { ...event, actorId: 1, subjectId: 3, actorKind: "administrator" },
        { ...event, actorId: 4, subjectId: 4, actorKind: "person" },
      ],
    }),
  );
  await computeSums(after(noon, HOUR_MS));
  expect(await sumsOf(dayOf(noon))).toEqual({ signed_up: [2, 0], added: [2, 0] });
});

test("after a change of the time zone by half an hour no message is counted twice", async () => {
  const noon = freshNoon();
  for (const minute of [-45, -15, 15, 45]) await addDelivery(after(noon, minute * 60_000));
  await computeSums(after(noon, 3 * HOUR_MS), "Europe/Moscow");
  for (const timeZone of ["Asia/Kolkata", "Europe/Moscow"]) {
    await computeSums(after(noon, 4 * HOUR_MS), timeZone);
    expect((await sumsOf(dayOf(noon)))["asked phone RU"], timeZone).toEqual([4, 0]);
  }
});

test("no hour is counted whose audit events may have been deleted", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...["--import", "tsx", "--input-type=module", "--eval"],
    `process.env.AUDIT_EVENTS_KEPT_S = "${(31 * DAY_MS) / 1000}";
    const { SUMMED_MS_MAX } = await import("./lib/core/policy.ts");
    process.stdout.write(String(SUMMED_MS_MAX));`,
  ]);
  expect(Number(stdout)).toBe(31 * DAY_MS);
});
