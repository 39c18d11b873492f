import { expect, test } from "playwright/test";
import { read, readPrimary, write } from "@/lib/db/database";
import { type Budget, giveBack, take, waitFor } from "./limits";

const HOUR_MS = 60 * 60 * 1000;
const now = new Date();
const later = (ms: number) => new Date(now.getTime() + ms);
const limitOf = (max: number) => ({ name: `test ${crypto.randomUUID()}`, max, windowMs: HOUR_MS });

/** Takes one off each, in a transaction of its own. */
const takeOne = (budgets: Budget[], at = now) => write((tx) => take(tx, budgets, at));

test("of parallel takers as many pass as there is left", async () => {
  const budgets = [{ limit: limitOf(7), subject: "all" }];
  const taken = await Promise.all(Array.from({ length: 20 }, () => takeOne(budgets)));
  expect(taken.filter(({ ok }) => ok)).toHaveLength(7);
});

test("a spent limit says when it begins anew, and then does", async () => {
  const budgets = [{ limit: limitOf(1), subject: "somebody" }];
  expect(await waitFor(readPrimary, budgets, now)).toBe(0);
  await takeOne(budgets);
  expect(await waitFor(readPrimary, budgets, later(60_000))).toBe(HOUR_MS - 60_000);
  expect(await takeOne(budgets, later(60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000 },
  });
  expect(await waitFor(readPrimary, budgets, later(HOUR_MS))).toBe(0);
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(true);
  expect(await read.counter.findMany({ where: { key: { contains: budgets[0]?.limit.name ?? "" } } })).toHaveLength(1);
});

test("everybody has their own, and one that is spent takes nothing off the others", async () => {
  const [own, shared] = [limitOf(1), limitOf(2)];
  const of = (subject: string) => [
    { limit: own, subject },
    { limit: shared, subject: "all" },
  ];
  expect((await takeOne(of("one"))).ok).toBe(true);
  expect((await takeOne(of("one"))).ok).toBe(false);
  expect((await takeOne(of("other"))).ok).toBe(true);
  expect((await takeOne(of("third"))).ok).toBe(false);
  expect(await waitFor(readPrimary, [{ limit: own, subject: "third" }], now)).toBe(0);
});

test("what is given back can be taken again, but not from the next window", async () => {
  const budgets = [{ limit: limitOf(1), subject: "somebody" }];
  const taken = await takeOne(budgets);
  if (!taken.ok) throw new Error(taken.failure.name);
  await write((tx) => giveBack(tx, taken.value));
  expect((await takeOne(budgets)).ok).toBe(true);
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(true);
  await write((tx) => giveBack(tx, taken.value));
  expect((await takeOne(budgets, later(HOUR_MS))).ok).toBe(false);
});
