import { expect, test } from "playwright/test";
import { read } from "@/lib/db/database";
import { checkLimit, spendLimit } from "./limits";

const HOUR_MS = 60 * 60 * 1000;
const limitOf = (max: number) => ({ name: `test ${crypto.randomUUID()}`, max, windowMs: HOUR_MS });
const hour = (at: number, ms = 0) => new Date(at * HOUR_MS + ms);

test("of parallel takers as many pass as there is left", async () => {
  const limit = limitOf(7);
  const now = new Date();
  const taken = await Promise.all(Array.from({ length: 20 }, () => spendLimit(limit, "all", now)));
  expect(taken.filter(({ ok }) => ok)).toHaveLength(7);
  expect(await checkLimit(limit, "all", now)).toMatchObject({ ok: false, failure: { name: "budget_spent" } });
});

test("a spent limit says when it begins anew, and then does", async () => {
  const limit = limitOf(1);
  await spendLimit(limit, "somebody", hour(490_000));
  expect(await spendLimit(limit, "somebody", hour(490_000, 60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000 },
  });
  expect((await spendLimit(limit, "somebody", hour(490_001))).ok).toBe(true);
  expect(await read.counter.findMany({ where: { key: { contains: limit.name } } })).toHaveLength(1);
});

test("everybody has their own, and looking spends nothing", async () => {
  const limit = limitOf(1);
  const now = new Date();
  await spendLimit(limit, "one", now);
  expect((await checkLimit(limit, "other", now)).ok).toBe(true);
  expect((await spendLimit(limit, "other", now)).ok).toBe(true);
});
