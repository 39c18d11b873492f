import { expect, _baseTest as test } from "playwright/test";
import { signUp } from "@/lib/testing/people";
import { isDatabaseAway, isUniqueViolation, read, readPrimary, statement, transact, write } from "./database";

const ADD_USER = statement({
  params: { name: "text", now: "time" },
  row: { id: "integer", createdAt: "time", phoneProvenAt: "time?", email: "text?" },
  sql: `
    INSERT INTO "User" ("phone", "inviteCode", "createdAt") VALUES (:name, :name, :now)
    RETURNING "id", "createdAt", "phoneProvenAt", "email"`,
});
const FIND_USER = statement({
  params: { name: "text", now: "time" },
  row: { id: "integer", createdAt: "time", isOld: "boolean", isKnown: "boolean", count: "integer", email: "text?" },
  sql: `
    SELECT "id", "createdAt", "createdAt" < :now AS "isOld", EXISTS (SELECT 1 FROM "User" WHERE "phone" = :name) AS "isKnown",
      (SELECT COUNT(*) FROM "User" WHERE "phone" = :name) AS "count", "email"
    FROM "User" WHERE "phone" = :name`,
});
const COUNT_UP = statement({
  params: { id: "integer" },
  sql: `UPDATE "User" SET "referralCount" = "referralCount" + 1 WHERE "id" = :id`,
});

test("statements write and read the same values on both databases, and Prisma reads them, too", async () => {
  const [name, now] = [crypto.randomUUID(), new Date("2026-03-29T01:30:00.123Z")];
  const added = await transact(async (tx) => tx.get(ADD_USER, { name, now }));
  expect(added).toEqual({ id: expect.any(Number), createdAt: now, phoneProvenAt: null, email: null });
  const found = { id: added?.id, createdAt: now, isOld: false, isKnown: true, count: 1, email: null };
  const params = { name, now };
  expect(await read.get(FIND_USER, params)).toEqual(found);
  expect(await readPrimary.all(FIND_USER, params)).toEqual([found]);
  expect(await transact(async (tx) => tx.get(FIND_USER, params))).toEqual(found);
  expect(await write(async (tx) => tx.get(FIND_USER, params))).toEqual(found);
  expect(await read.user.findUnique({ where: { phone: name } })).toMatchObject({ id: added?.id, createdAt: now });
  expect(await read.user.findMany({ where: { phone: name, createdAt: { lte: now, gte: now } } })).toHaveLength(1);
  expect(await read.get(FIND_USER, { name: "no such person", now })).toBeUndefined();
});

test("a queued statement that fails rolls its transaction back", async () => {
  const [name, other, now] = [crypto.randomUUID(), crypto.randomUUID(), new Date()];
  for (const begin of [transact, write]) {
    const failing = begin(async (tx) => {
      tx.queue(ADD_USER, { name: other, now });
      tx.queue(ADD_USER, { name, now });
      tx.queue(ADD_USER, { name, now });
    });
    expect(isUniqueViolation(await failing.catch((error: unknown) => error))).toBe(true);
    expect(await read.get(FIND_USER, { name: other, now })).toBeUndefined();
  }
});

test("a transaction that ignores a statement's error reports truly whether it was committed", async () => {
  const [name, now] = [crypto.randomUUID(), new Date()];
  const outcome = await transact(async (tx) => {
    await tx.get(ADD_USER, { name, now });
    await Promise.resolve(tx)
      .then((same) => same.get(ADD_USER, { name, now }))
      .catch(() => undefined);
    return "committed";
  }).catch(() => "undone");
  const found = await read.get(FIND_USER, { name, now });
  expect(found === undefined ? "undone" : "committed").toBe(outcome);
});

test("a statement returns how many rows it changed", async () => {
  const { userId } = await signUp();
  for (const begin of [transact, write]) {
    const counts = await begin(async (tx) => [
      await tx.run(COUNT_UP, { id: userId }),
      await tx.run(COUNT_UP, { id: 0 }),
    ]);
    expect(counts).toEqual([1, 0]);
  }
  expect(await read.user.findUnique({ where: { id: userId } })).toMatchObject({ referralCount: 2 });
});

test("parallel transactions of both kinds lose no write, even when others around them fail", async () => {
  const { userId } = await signUp();
  const countUp = (index: number) => {
    const finish = () => {
      if (index % 4 === 3) throw new Error("undone");
    };
    if (index % 2 === 0) {
      return transact(async (tx) => {
        await tx.run(COUNT_UP, { id: userId });
        finish();
      });
    }
    return write(async (tx) => {
      await tx.user.update({ where: { id: userId }, data: { referralCount: { increment: 1 } } });
      finish();
    });
  };
  let written = 0;
  // Fewer at a time than there are connections: on a slow machine, more would wait longer for one than they may.
  for (let wave = 0; wave < 15; wave += 1) {
    const ended = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => countUp(index)));
    const failures = ended.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    const unexpected = failures.filter((error) => error.message !== "undone" && !isDatabaseAway(error));
    expect(unexpected).toEqual([]);
    written += ended.length - failures.length;
  }
  expect(written).toBeGreaterThan(0);
  expect(await read.user.findUnique({ where: { id: userId } })).toMatchObject({ referralCount: written });
});

test("an undefined parameter is refused and not read as NULL", async () => {
  const params = { name: undefined } as unknown as { name: string; now: Date };
  for (const ask of [
    async () => read.get(FIND_USER, params),
    () => transact(async (tx) => tx.get(FIND_USER, params)),
    () => write(async (tx) => tx.get(FIND_USER, params)),
  ]) {
    await expect(ask()).rejects.toThrow("is undefined");
  }
});

test("statements with one text and different parameter names are not mixed up", async () => {
  const { userId } = await signUp();
  const sqlOf = (name: string) => `UPDATE "User" SET "referralCount" = "referralCount" + 1 WHERE "id" = :${name}`;
  const one = statement({ params: { one: "integer" }, sql: sqlOf("one") });
  const other = statement({ params: { other: "integer" }, sql: sqlOf("other") });
  const counts = await transact(async (tx) => [
    await tx.run(one, { one: userId }),
    await tx.run(other, { other: userId }),
  ]);
  expect(counts).toEqual([1, 1]);
});

test("a statement whose text names an undeclared parameter can't be made", () => {
  expect(() => statement({ params: {}, sql: `SELECT "id" FROM "User" WHERE "id" = :id` })).toThrow("no parameter id");
});
