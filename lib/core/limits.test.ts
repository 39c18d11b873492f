import { expect, test } from "playwright/test";
import { read, write } from "@/lib/db/database";
import { type Budget, spend } from "./limits";

const HOUR_MS = 60 * 60 * 1000;
const now = new Date();
const later = (ms: number) => new Date(now.getTime() + ms);
const limitOf = (max: number) => ({ name: `test ${crypto.randomUUID()}`, max, windowMs: HOUR_MS });

/** Whether there was something left; what is asked for costs one unless it says otherwise. */
async function take(budgets: Budget[], at = now, costs = true) {
  return write((tx) => spend(tx, budgets, at, async () => costs));
}

test("of parallel takers as many pass as there is left", async () => {
  const budgets = [{ limit: limitOf(7), subject: "all" }];
  const taken = await Promise.all(Array.from({ length: 20 }, () => take(budgets)));
  expect(taken.filter(({ ok }) => ok)).toHaveLength(7);
});

test("a spent limit says when it begins anew, and then does", async () => {
  const budgets = [{ limit: limitOf(1), subject: "somebody" }];
  await take(budgets);
  expect(await take(budgets, later(60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000 },
  });
  expect((await take(budgets, later(HOUR_MS))).ok).toBe(true);
  expect(await read.counter.findMany({ where: { key: { contains: budgets[0]?.limit.name ?? "" } } })).toHaveLength(1);
});

test("everybody has their own, what costs nothing is free, and one that is spent stops all", async () => {
  const [own, shared] = [limitOf(1), limitOf(2)];
  const of = (subject: string) => [
    { limit: own, subject },
    { limit: shared, subject: "all" },
  ];
  expect(await take(of("one"), now, false)).toEqual({ ok: true, value: false });
  expect((await take(of("one"))).ok).toBe(true);
  expect((await take(of("one"), now, false)).ok).toBe(false);
  expect((await take(of("other"))).ok).toBe(true);
  expect((await take(of("third"))).ok).toBe(false);
});
