import { expect, _baseTest as test } from "playwright/test";
import { read, readPrimary, write } from "@/lib/db/database";
import { type Charge, consume, networkCharges, refund, retryAfterMs } from "./rate-limits";

const HOUR_MS = 60 * 60 * 1000;
const now = new Date();
const later = (ms: number) => new Date(now.getTime() + ms);
const limitOf = (max: number) => ({ name: `test ${crypto.randomUUID()}`, max, windowMs: HOUR_MS });

/** Consumes one of each limit, in a transaction of its own. */
const takeOne = (charges: Charge[], at = now) => write((tx) => consume(tx, charges, at));

test("of parallel charges as many pass as the limit has left", async () => {
  const budgets = [{ limit: limitOf(7), subject: "all" }];
  const taken: Awaited<ReturnType<typeof takeOne>>[] = [];
  for (let at = 0; at < 20; at += 1) taken.push(await takeOne(budgets));
  expect(taken.filter(({ ok }) => ok)).toHaveLength(7);
});

test("a used-up limit says when its window ends, and starts again then", async () => {
  const budgets = [{ limit: limitOf(1), subject: "subject" }];
  expect(await retryAfterMs(readPrimary, budgets, now)).toBe(0);
  await takeOne(budgets);
  expect(await retryAfterMs(readPrimary, budgets, later(60_000))).toBe(HOUR_MS - 60_000);
  expect(await takeOne(budgets, later(60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000, limit: budgets[0]?.limit.name },
  });
  expect(await retryAfterMs(readPrimary, budgets, later(HOUR_MS))).toBe(0);
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(true);
  expect(await read.counter.findMany({ where: { key: { contains: budgets[0]?.limit.name ?? "" } } })).toHaveLength(1);
});

test("each subject has its own counter, and a used-up one charges nothing to the others", async () => {
  const [own, shared] = [limitOf(1), limitOf(2)];
  const of = (subject: string) => [
    { limit: own, subject },
    { limit: shared, subject: "all" },
  ];
  expect((await takeOne(of("one"))).ok).toBe(true);
  expect((await takeOne(of("one"))).ok).toBe(false);
  expect((await takeOne(of("other"))).ok).toBe(true);
  expect((await takeOne(of("third"))).ok).toBe(false);
  expect(await retryAfterMs(readPrimary, [{ limit: own, subject: "third" }], now)).toBe(0);
});

test("a refunded charge can be consumed again, and is not refunded to the next window", async () => {
  const budgets = [{ limit: limitOf(1), subject: "subject" }];
  const taken = await takeOne(budgets);
  if (!taken.ok) throw new Error(taken.failure.name);
  await write(async (tx) => refund(tx, taken.value));
  expect((await takeOne(budgets)).ok).toBe(true);
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(true);
  await write(async (tx) => refund(tx, taken.value));
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(false);
});

test("a counter that was refunded to zero leaves no row", async () => {
  const budgets = ["one", "other"].map((subject) => ({ limit: limitOf(1), subject }));
  const taken = await takeOne(budgets);
  if (!taken.ok) throw new Error(taken.failure.name);
  await write(async (tx) => refund(tx, taken.value));
  const keys = taken.value.map(({ key }) => key);
  expect(await read.counter.findMany({ where: { key: { in: keys } } })).toEqual([]);
  // A second refund finds no row.
  await write(async (tx) => refund(tx, taken.value));
  expect(await read.counter.findMany({ where: { key: { in: keys } } })).toEqual([]);
});

test("a count that a clock far ahead began ends when the clock is right again", async () => {
  const budgets = [{ limit: limitOf(1), subject: "subject" }];
  await takeOne(budgets, later(30 * 24 * HOUR_MS));
  expect(await retryAfterMs(readPrimary, budgets, now)).toBe(0);
  expect((await takeOne(budgets)).ok).toBe(true);
  expect(await takeOne(budgets)).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS, limit: budgets[0]?.limit.name },
  });
});

test("servers whose clocks differ by seconds share one count", async () => {
  const budgets = [{ limit: limitOf(1), subject: "subject" }];
  await takeOne(budgets, later(5000));
  expect((await takeOne(budgets)).ok).toBe(false);
  expect(await retryAfterMs(readPrimary, budgets, now)).toBe(HOUR_MS + 5000);
});

test("an IPv6 address is counted by its /64, /56 and /48, with one, two and eight times the limit", async () => {
  const limit = limitOf(2);
  const takeFrom = async (network: string) => (await takeOne(networkCharges(limit, network))).ok;
  const grantedOf = async (networks: string[]) => {
    const granted = [];
    for (const network of networks) granted.push(await takeFrom(network));
    return granted.filter(Boolean).length;
  };
  const inOneSmallSite = Array.from({ length: 8 }, (_, at) => `2001:db8:7:${at.toString(16)}::/64`);
  expect(await grantedOf([...Array(3)].map(() => "2001:db8:7::/64"))).toBe(2);
  expect(await grantedOf(inOneSmallSite)).toBe(4 - 2);
  const inOneSite = Array.from({ length: 64 }, (_, at) => `2001:db8:7:${(at * 256).toString(16)}::/64`);
  expect(await grantedOf(inOneSite)).toBe(16 - 4);
  expect(await grantedOf(["2001:db8:8::/64", "2001:db8:8::/64", "2001:db8:8::/64"])).toBe(2);
});

test("refunds and charges lock their rows in the same order, so that no two transactions wait for each other", async () => {
  const limit = limitOf(1000);
  const budgets = Array.from({ length: 6 }, (_, at) => ({ limit, subject: `${5 - at}` }));
  const taken = await Promise.all(Array.from({ length: 20 }, () => takeOne(budgets)));
  const busy = { restarts: 0 };
  const count = async <Value>(work: () => Promise<Value>) => {
    busy.restarts += 1;
    return work();
  };
  const works = taken.flatMap((one) => [
    () => write((tx) => count(() => consume(tx, budgets, now))),
    () => write((tx) => count(async () => refund(tx, one.ok ? one.value : []))),
  ]);
  // Eight in parallel: there are ten connections, and a transaction that waits three seconds for one fails.
  for (let at = 0; at < works.length; at += 8) await Promise.all(works.slice(at, at + 8).map((work) => work()));
  expect(busy.restarts).toBe(works.length);
  const [counter] = await read.counter.findMany({ where: { key: { contains: limit.name } } });
  expect(counter?.count).toBe(20);
});
