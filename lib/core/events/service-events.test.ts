import { expect, _baseTest as test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import {
  ALARM_AFTER_WRONG,
  ALARM_DIGITS,
  ALARM_MS,
  SENDER_OUTAGE_GAP_MS,
  SENDER_REST_MS,
  SMS_BUDGET_PER_DAY,
  SMS_COST_PER_DAY,
} from "@/lib/core/policy";
import { record, refund, smsCostLimit, smsLimit } from "@/lib/core/rate-limits";
import { computeSums, computeSumsInBackground, LATE_ROWS_MS } from "@/lib/core/statistics/sums";
import { readPrimary, transact, write } from "@/lib/db/database";
import { type ChainSender, withCircuitBreaker } from "@/lib/senders/chain";
import { accepted, failed, type Sending } from "@/lib/senders/sender";
import { after } from "@/lib/testing/people";
import { costOf } from "@/lib/testing/transactions";
import { EVENT_DATA, type EventType, UNDELIVERED_GROUPS_MAX } from "./event-types";
import { publishRest, publishRestInBackground } from "./sender-rests";
import { publishServiceEvents } from "./service-events";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

// Each test has years of its own, because the alarm, the budgets and the sums count the rows of all people.
let years = 0;
/** Returns noon of a day in Moscow that no other test uses. */
function freshNoon(): Date {
  years += 1;
  return new Date(Date.UTC(2600 + years, 5, 15, 9, 0));
}

// Requests start the regular work once a minute in each process. The first time is over before the tests begin.
test.beforeAll(computeSumsInBackground);
test.beforeEach(async () => {
  await backgroundTasks();
  const ofTests = ["sums ", "published "].map((start) => ({ name: { startsWith: start } }));
  await write((tx) => tx.mark.deleteMany({ where: { OR: ofTests } }));
});

/** Returns the events of the service since a time, in the order of their ids, after checking that their data fit. */
async function eventsSince(since: Date) {
  const rows = await readPrimary.event.findMany({
    where: { accountId: null, at: { gte: since, lt: after(since, 30 * DAY_MS) } },
    orderBy: { id: "asc" },
  });
  return rows.map(({ type, data, sequence, isTest, at }) => {
    expect({ sequence, isTest }).toEqual({ sequence: null, isTest: false });
    return { type, at, data: EVENT_DATA[type as EventType].parse(JSON.parse(data)) as Record<string, unknown> };
  });
}

/** Publishes as several servers at the same time. */
async function publishInServers(now: Date): Promise<void> {
  await Promise.all(Array.from({ length: 4 }, () => publishServiceEvents(now)));
}

async function countWrong(count: number, at: Date): Promise<void> {
  const data = Array.from({ length: count }, (_, index) => ({
    ...{ recipient: "a test", at, digits: 4, network: `${at.getTime()} ${index}` },
  }));
  await write((tx) => tx.wrongCode.createMany({ data }));
}

test("the start and the end of an alarm are published once each, however many servers see it", async () => {
  const noon = freshNoon();
  await publishServiceEvents(noon);
  await countWrong(ALARM_AFTER_WRONG, noon);
  await publishInServers(after(noon, 1));
  expect(await eventsSince(noon)).toEqual([]);
  const begun = after(noon, 2 * MINUTE_MS);
  await countWrong(1, begun);
  await publishInServers(begun);
  await publishInServers(after(begun, MINUTE_MS));
  const started = { type: "alarm.started", at: begun, data: { digits: ALARM_DIGITS } };
  expect(await eventsSince(noon)).toEqual([started]);
  const over = after(noon, ALARM_MS);
  await publishInServers(over);
  await publishInServers(after(over, MINUTE_MS));
  const ended = { type: "alarm.ended", at: over, data: { startedAt: begun.toISOString() } };
  expect(await eventsSince(noon)).toEqual([started, ended]);
});

const spend = (limit: ReturnType<typeof smsLimit>, amount: number, now: Date) =>
  transact((tx) => record(tx, [{ limit, subject: "all", amount }], now));

test("each part of a budget is published once a day, at 80 %, 90 % and 100 %", async () => {
  const noon = freshNoon();
  const max = SMS_BUDGET_PER_DAY ?? 0;
  const limit = smsLimit(max);
  await publishServiceEvents(noon);
  await spend(limit, 0.8 * max - 1, noon);
  await publishServiceEvents(after(noon, 1));
  expect(await eventsSince(noon)).toEqual([]);
  const charged = await spend(limit, 1, after(noon, 2));
  await publishInServers(after(noon, 3));
  const about = { budget: "messages", max, resetsAt: after(noon, DAY_MS).toISOString() };
  const at80 = { type: "budget.threshold", at: after(noon, 3), data: { ...about, percent: 80, used: 0.8 * max } };
  expect(await eventsSince(noon)).toEqual([at80]);
  // A refund and the next message reach the part again.
  await transact(async (tx) => refund(tx, charged));
  await publishServiceEvents(after(noon, 4));
  await spend(limit, 0.2 * max + 1, after(noon, 5));
  await publishInServers(after(noon, 6));
  const full = { type: "budget.threshold", at: after(noon, 6), data: { ...about, percent: 90, used: max } };
  expect(await eventsSince(noon)).toEqual([at80, full, { ...full, data: { ...full.data, percent: 100 } }]);
  await spend(limit, 0.8 * max, after(noon, DAY_MS));
  await publishServiceEvents(after(noon, DAY_MS + 1));
  expect((await eventsSince(after(noon, DAY_MS))).map(({ data }) => data.percent)).toEqual([80]);
});

test("a budget of money is used up when the cheapest message doesn't fit any more", async () => {
  const noon = freshNoon();
  const max = SMS_COST_PER_DAY ?? 0;
  await publishServiceEvents(noon);
  // The cheapest message costs 2.50 in the settings of the tests.
  await spend(smsCostLimit(max), max - 250, noon);
  await publishServiceEvents(after(noon, 1));
  const percents = async () => (await eventsSince(noon)).map(({ data }) => data.percent);
  expect(await percents()).toEqual([80, 90]);
  await spend(smsCostLimit(max), 1, after(noon, 2));
  await publishServiceEvents(after(noon, 3));
  expect(await percents()).toEqual([80, 90, 100]);
  expect((await eventsSince(noon)).at(-1)?.data).toMatchObject({
    budget: "cost",
    max: max / 100,
    used: max / 100 - 2.49,
  });
});

let recipients = 0;
async function addDeliveries(
  at: Date,
  count: number,
  about: { state: string; sender?: string; country?: string | null },
) {
  const data = Array.from({ length: count }, () => {
    recipients += 1;
    const lastDigits = about.country === null ? "" : "01";
    const common = {
      at,
      stateAt: at,
      recipient: `undelivered ${recipients}`,
      lastDigits,
      sender: "smsru",
      country: "RU",
    };
    return { ...common, ...about };
  });
  await write((tx) => tx.delivery.createMany({ data }));
}

test("messages that were not delivered are published as sums of an hour, by sender and country", async () => {
  const noon = freshNoon();
  await publishServiceEvents(after(noon, -MINUTE_MS));
  await addDeliveries(noon, 5, { state: "delivered" });
  await addDeliveries(after(noon, MINUTE_MS), 3, { state: "undelivered" });
  await addDeliveries(after(noon, MINUTE_MS), 2, { state: "failed" });
  await addDeliveries(after(noon, MINUTE_MS), 1, { state: "unanswered", sender: "twilio", country: "KZ" });
  await addDeliveries(after(noon, MINUTE_MS), 2, { state: "refused", sender: "mail", country: null });
  await addDeliveries(after(noon, MINUTE_MS), 4, { state: "accepted", sender: "telegram" });
  await addDeliveries(after(noon, 61 * MINUTE_MS), 1, { state: "delivered" });
  const over = after(noon, HOUR_MS + LATE_ROWS_MS);
  await computeSums(after(over, -1));
  await publishInServers(over);
  expect(await eventsSince(noon), "the sums are not whole yet").toEqual([]);
  await computeSums(over);
  await publishInServers(over);
  await publishInServers(after(over, MINUTE_MS));
  const none = { undelivered: 0, failed: 0, unanswered: 0, refused: 0 };
  const data = {
    ...{ from: noon.toISOString(), until: after(noon, HOUR_MS).toISOString(), count: 8 },
    groups: [
      { ...none, sender: "smsru", channel: "phone", country: "RU", messages: 10, undelivered: 3, failed: 2 },
      { ...none, sender: "mail", channel: "email", country: null, messages: 2, refused: 2 },
      { ...none, sender: "twilio", channel: "phone", country: "KZ", messages: 1, unanswered: 1 },
    ],
  };
  expect(await eventsSince(noon)).toEqual([{ type: "code.undelivered", at: over, data }]);
  // The next hour has messages, all of which were delivered.
  await computeSums(after(over, HOUR_MS));
  await publishServiceEvents(after(over, HOUR_MS));
  expect(await eventsSince(noon)).toHaveLength(1);
});

test("an hour with many senders and countries tells the largest groups, and counts all", async () => {
  const noon = freshNoon();
  await publishServiceEvents(after(noon, -MINUTE_MS));
  const senders = Array.from({ length: UNDELIVERED_GROUPS_MAX + 1 }, (_, at) => `sender ${at}`);
  for (const sender of senders) await addDeliveries(noon, 1, { state: "failed", sender });
  await addDeliveries(noon, 1, { state: "failed", sender: "sender 100" });
  const over = after(noon, HOUR_MS + LATE_ROWS_MS);
  await computeSums(over);
  await publishServiceEvents(over);
  const [{ data } = { data: {} }] = await eventsSince(noon);
  expect(data).toMatchObject({ count: UNDELIVERED_GROUPS_MAX + 2 });
  expect((data as { groups: unknown[] }).groups).toHaveLength(UNDELIVERED_GROUPS_MAX);
  expect((data as { groups: unknown[] }).groups[0]).toMatchObject({ sender: "sender 100", failed: 2 });
});

test("a server that was away for long tells the hours of the last day only, and a clock that ran ahead silences no hour", async () => {
  const noon = freshNoon();
  await publishServiceEvents(after(noon, 300 * DAY_MS));
  await publishServiceEvents(after(noon, -3 * DAY_MS));
  await addDeliveries(after(noon, -2 * DAY_MS), 1, { state: "failed" });
  await addDeliveries(after(noon, -2 * HOUR_MS), 1, { state: "failed" });
  await computeSums(noon);
  await publishServiceEvents(noon);
  expect((await eventsSince(noon)).map(({ data }) => data.from)).toEqual([after(noon, -2 * HOUR_MS).toISOString()]);
});

test("an outage of a sender is published once by all servers, and the next outage again", async () => {
  const noon = freshNoon();
  const rest = (afterMs: number) => publishRest("smsru", after(noon, afterMs));
  await Promise.all([rest(0), rest(0), rest(1), publishRest("twilio", noon)]);
  await rest(SENDER_REST_MS);
  await rest(2 * SENDER_REST_MS + SENDER_OUTAGE_GAP_MS);
  const senders = async () => (await eventsSince(noon)).map(({ type, data }) => `${type} ${data.sender}`).sort();
  expect(await senders()).toEqual(["sender.resting smsru", "sender.resting twilio"]);
  // Of parallel calls the first to commit is published. On PostgreSQL that may be any of them.
  const ends = [0, 1].map((ms) => after(noon, ms + SENDER_REST_MS).toISOString());
  expect(ends).toContain((await eventsSince(noon))[0]?.data.until);
  await rest(3 * SENDER_REST_MS + 2 * SENDER_OUTAGE_GAP_MS + 1);
  expect(await senders()).toEqual(["sender.resting smsru", "sender.resting smsru", "sender.resting twilio"]);
});

const message = {
  to: "+79450000003",
  code: "480213",
  subject: "",
  text: "",
  html: "",
  ttlMs: 1,
  requesterAddress: null,
};

/** A sender of these outcomes that rests after two failures, for ten milliseconds. */
function resting(name: string, outcomes: Sending[]): ChainSender {
  const sender = { send: async () => outcomes.shift() ?? accepted() };
  return withCircuitBreaker(name, sender, {
    ...{ timeoutMs: 1000, failuresMax: 2, restMs: 10, onRest: publishRestInBackground },
  });
}

test("the rest of a sender is published in the background, and not again while it keeps failing", async () => {
  const since = new Date();
  const down = failed("server_error", 500);
  const sender = resting("of a test", [down, down, down]);
  await sender.send(message);
  await backgroundTasks();
  expect(await eventsSince(since)).toEqual([]);
  await sender.send(message);
  await backgroundTasks();
  await expect.poll(() => sender.restLeftMs()).toBe(0);
  await sender.send(message);
  await backgroundTasks();
  const published = (await eventsSince(since)).map(({ type, data }) => [type, data.sender]);
  expect(published).toEqual([["sender.resting", "of a test"]]);
});

test("looking for events of the service writes nothing while there are none", async () => {
  const noon = freshNoon();
  await publishServiceEvents(noon);
  expect(await costOf(() => publishServiceEvents(after(noon, MINUTE_MS)))).toMatchObject({ transactions: 0 });
});
