import { expect, _baseTest as test } from "playwright/test";
import { NO_ACCOUNT_ID, recordEventByOwner } from "@/lib/core/accounts/audit-log";
import { backgroundTasks } from "@/lib/core/background";
import { addDays, type Day, hoursOf, startOfDay } from "@/lib/core/statistics/days";
import { computeSums, computeSumsInBackground, type Measure } from "@/lib/core/statistics/sums";
import { readPrimary, transact, write } from "@/lib/db/database";
import { after } from "@/lib/testing/people";
import { type Period, readFigures } from "./today";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

// Each test has years of its own, because a sum counts the rows of all people.
let years = 0;
/** Returns half past noon in Moscow on 15 June of a year that no other test uses. */
function freshNoon(): Date {
  years += 1;
  return new Date(Date.UTC(2300 + years, 5, 15, 9, 30));
}

// Requests compute the sums once a minute in each process. The first time is over before the tests begin.
test.beforeAll(computeSumsInBackground);
test.beforeEach(async () => {
  await backgroundTasks();
  await write((tx) => tx.mark.deleteMany({ where: { name: "sums" } }));
});

let recipients = 0;
interface Sent {
  sender?: string | null;
  state?: string;
  reason?: string;
  country?: string | null;
  cost?: number;
  currency?: string;
  purpose?: string;
}
async function addDelivery(at: Date, sent: Sent = {}): Promise<void> {
  recipients += 1;
  const about = { stateAt: at, recipient: `today ${recipients}`, lastDigits: sent.country === null ? "" : "01" };
  const data = { at, sender: "smsru", state: "accepted", country: "RU", purpose: "login", ...about, ...sent };
  await write((tx) => tx.delivery.create({ data }));
}

/** Adds an event of a person with a Russian phone, without an account of the far future, which lists of other tests would begin with. */
async function addEvent(now: Date, action: "account_created" | "signed_in"): Promise<void> {
  const details = { channel: "phone", country: "RU" } as const;
  await transact(async (tx) => recordEventByOwner(tx, NO_ACCOUNT_ID, { action, details, now }));
}

interface DaySum {
  measure: Measure;
  count: number;
  sender?: string;
  amount?: number;
  currency?: string;
}
async function addDaySum(day: Day, { measure, count, ...rest }: DaySum): Promise<void> {
  const about = { channel: "phone", country: "RU", sender: "", reason: "", currency: "", amount: 0 };
  await write((tx) => tx.dailySum.create({ data: { day, measure, count, ...about, ...rest } }));
}

async function funnelOf(period: Period, now: Date, timeZone?: string): Promise<number[]> {
  return (await readFigures(period, now, timeZone)).funnel.map(({ count }) => count);
}

test("each period shows what its rows add up to, by channel, country, sender and reason", async () => {
  const now = freshNoon();
  const times = [0.2, 3, 22.9, 23.8, 26, 5 * 24, 6 * 24 + 11, 6 * 24 + 14, 40 * 24, 89 * 24].map((hours) =>
    after(now, -hours * HOUR_MS),
  );
  for (const at of times) {
    await addDelivery(at, { state: "delivered", cost: 2.5, currency: "RUB" });
    await addDelivery(at, { country: "KZ", sender: "twilio", state: "failed", reason: "timeout" });
    await addDelivery(at, { country: null, sender: "mail" });
    await addDelivery(at, { sender: null, state: "refused", reason: "recipient_hour_spent" });
    await addDelivery(at, { state: "undelivered", reason: "30007", cost: 2.5, currency: "RUB", purpose: "trial" });
    for (const action of ["account_created", "signed_in", "signed_in"] as const) await addEvent(at, action);
  }
  await computeSums(now);
  const sinceByPeriod = {
    // The hours of the day in Moscow begin with whole hours.
    day: after(now, -24 * HOUR_MS + HOUR_MS / 2),
    week: startOfDay(`${now.getUTCFullYear()}-06-09`),
    quarter: startOfDay(`${now.getUTCFullYear()}-03-18`),
  };
  for (const period of ["day", "week", "quarter"] as const) {
    const at = { gte: sinceByPeriod[period], lte: now };
    const login = { at, purpose: "login" };
    const rowsOf = (where: object) => readPrimary.delivery.findMany({ where, select: { cost: true } });
    const count = async (where: object) => (await rowsOf(where)).length;
    const events = async (action: string) =>
      (await readPrimary.auditEvent.findMany({ where: { at, action }, select: { id: true } })).length;
    const figures = await readFigures(period, now);
    expect(figures.funnel.map((step) => [step.step, step.count])).toEqual([
      ["asked", await count(login)],
      ["sent", await count({ ...login, state: { in: ["accepted", "delivered", "undelivered", "unanswered"] } })],
      ["delivered", await count({ ...login, state: "delivered" })],
      ["verified", await events("signed_in")],
      ["signed_up", await events("account_created")],
      ["activated", await events("invite_activated")],
    ]);
    for (const { channel, counts } of figures.channels) {
      const lastDigits = channel === "phone" ? { not: "" } : "";
      expect(counts.asked, channel).toBe(await count({ ...login, lastDigits }));
    }
    expect(figures.countries.map(({ country, counts }) => [country, counts.asked])).toEqual([
      ["RU", await count({ ...login, country: "RU" })],
      ["", await count({ ...login, country: null })],
      ["KZ", await count({ ...login, country: "KZ" })],
    ]);
    const [refused] = figures.refusals;
    expect(figures.refusals).toHaveLength(1);
    expect(refused).toEqual({ reason: "recipient_hour_spent", count: await count({ at, sender: null }) });
    const paid = (await rowsOf({ at, sender: "smsru" })).reduce((sum, { cost }) => sum + (cost ?? 0), 0);
    const smsru = figures.senders.find(({ sender }) => sender === "smsru");
    expect(smsru?.costs).toEqual([{ currency: "RUB", amount: paid }]);
    expect(smsru?.messages).toBe(await count({ at, sender: "smsru" }));
    expect(smsru?.errors).toEqual([{ reason: "30007", count: await count({ at, reason: "30007" }) }]);
    expect(smsru?.share).toBe(0.5);
    const twilio = figures.senders.find(({ sender }) => sender === "twilio");
    expect(twilio?.errors).toEqual([{ reason: "timeout", count: await count({ at, sender: "twilio" }) }]);
    expect(twilio?.share).toBeNull();
  }
});

test("the charts show the last 24 hours and 90 days, also where there was nothing", async () => {
  const now = freshNoon();
  await addDelivery(now);
  await addDelivery(after(now, -23 * HOUR_MS));
  await addDelivery(after(now, -25 * HOUR_MS));
  await computeSums(now);
  const { hours, days, day } = await readFigures("day", now);
  expect(hours).toHaveLength(24);
  expect(hours.map(({ counts }) => counts.asked)).toEqual([1, ...Array(22).fill(0), 1]);
  expect(days).toHaveLength(90);
  expect(days.slice(-2).map(({ counts }) => counts.asked)).toEqual([2, 1]);
  expect(days.at(-1)?.day).toBe(day);
});

test("on the days when the clock changes, no hour is missed or counted twice", async () => {
  const zone = "Europe/Berlin";
  years += 1;
  const year = 2300 + years;
  const sundays = ["03-31", "10-31"].map((last) => {
    const end = new Date(`${year}-${last}T00:00Z`);
    return new Date(end.getTime() - end.getUTCDay() * DAY_MS).toISOString().slice(0, 10);
  });
  for (const [at, length] of [23, 25].entries()) {
    const day = sundays[at] ?? "";
    const all = hoursOf(day, zone);
    expect(all).toHaveLength(length);
    for (const { start } of all) await addDelivery(after(start, 60_000));
    const evening = after(startOfDay(addDays(day, 1), zone), -60_000);
    await computeSums(evening, zone);
    const { hours, days } = await readFigures("day", evening, zone);
    expect(days.at(-1)?.counts.asked).toBe(length);
    // The last 24 hours are an hour less than a day of 25 hours, and reach into the day before one of 23.
    expect(hours).toHaveLength(24);
    expect(hours.reduce((sum, { counts }) => sum + counts.asked, 0)).toBe(Math.min(length, 24));
    expect((await funnelOf("day", evening, zone))[0]).toBe(Math.min(length, 24));
    expect((await funnelOf("week", evening, zone))[0]).toBe(length);
  }
});

test("a share is low only if it is clearly below the usual one, and only after a week with codes", async () => {
  const noon = freshNoon();
  const dayBefore = (days: number) => addDays(`${noon.getUTCFullYear()}-06-15`, -days);
  for (let days = 2; days < 8; days += 1) {
    await addDaySum(dayBefore(days), { measure: "asked", count: 200 });
    await addDaySum(dayBefore(days), { measure: "delivered", count: 190 });
  }
  const hour = new Date(noon.getTime() - HOUR_MS / 2);
  const about = { channel: "phone", country: "RU", sender: "", reason: "", currency: "", amount: 0 };
  await write((tx) => tx.hourlySum.create({ data: { hour, measure: "asked", count: 100, ...about } }));
  await write((tx) => tx.hourlySum.create({ data: { hour, measure: "delivered", count: 80, ...about } }));
  const delivered = async () => (await readFigures("day", noon)).funnel.find(({ step }) => step === "delivered");
  expect(await delivered()).toMatchObject({ share: 0.8, usual: null, isLow: false });
  await addDaySum(dayBefore(8), { measure: "asked", count: 200 });
  await addDaySum(dayBefore(8), { measure: "delivered", count: 190 });
  expect(await delivered()).toMatchObject({ share: 0.8, usual: 0.95, isLow: true });
  // Four of five codes are no less than usual by chance: too few to say.
  await write((tx) => tx.hourlySum.updateMany({ where: { hour, measure: "asked" }, data: { count: 5 } }));
  await write((tx) => tx.hourlySum.updateMany({ where: { hour, measure: "delivered" }, data: { count: 4 } }));
  expect(await delivered()).toMatchObject({ share: 0.8, usual: 0.95, isLow: false });
});

test("a sender that delivers clearly less than usual is named; one that reports no deliveries is not", async () => {
  const noon = freshNoon();
  const today = `${noon.getUTCFullYear()}-06-15`;
  for (const sender of ["twilio", "http"]) {
    const taken = { measure: "message_accepted", count: 60, sender } as const;
    await addDaySum(today, taken);
    await addDaySum(addDays(today, -20), taken);
  }
  await addDaySum(today, { measure: "message_delivered", count: 40, sender: "twilio" });
  await addDaySum(addDays(today, -20), { measure: "message_delivered", count: 540, sender: "twilio" });
  const { senders } = await readFigures("week", noon);
  expect(senders.map(({ sender, share, usual, isLow }) => [sender, share, usual, isLow])).toEqual([
    ["twilio", 0.4, 0.9, true],
    ["http", null, null, false],
  ]);
});

test("the month's forecast is what was spent, and the mean of seven days for each day that is left", async () => {
  const noon = freshNoon();
  const today = `${noon.getUTCFullYear()}-06-15`;
  const spend = (days: number, amount: number, currency = "RUB") =>
    addDaySum(addDays(today, -days), { measure: "message_accepted", count: 1, sender: "smsru", amount, currency });
  await spend(0, 4);
  for (let days = 1; days <= 7; days += 1) await spend(days, 10);
  await spend(14, 30);
  // The day is of May, and so is no part of June's cost.
  await spend(15, 1000);
  await spend(3, 3.5, "USD");
  const { costs } = await readFigures("day", noon);
  expect(costs).toEqual([
    { currency: "RUB", today: 4, month: 104, forecast: 100 + 10 + 150 },
    { currency: "USD", today: 0, month: 3.5, forecast: 3.5 + 0.5 * 16 },
  ]);
});
