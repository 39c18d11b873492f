import Database from "better-sqlite3";
import { expect, _baseTest as test } from "playwright/test";
import { env } from "@/lib/env";
import { signUp } from "@/lib/testing/people";
import { read, statement, transact, write } from "./database";
import { LogFlush } from "./sqlite";

test("SQLite refuses every change on a connection for reading", async () => {
  const { userId } = await signUp();
  await expect(read.$queryRaw`DELETE FROM "User" RETURNING "id"`).rejects.toThrow(/readonly|read-only/);
  const deleted = statement({ params: {}, row: { id: "integer" }, sql: `DELETE FROM "User" RETURNING "id"` });
  await expect(async () => read.all(deleted, {})).rejects.toThrow(/readonly|read-only/);
  expect(await read.user.findUnique({ where: { id: userId } })).not.toBeNull();
});

test("each connection flushes its commits as it should and enforces foreign keys", async () => {
  const [FULL, NORMAL] = ["2", "1"];
  const pragmaOf = (name: string) => statement({ params: {}, row: { [name]: "text" }, sql: `PRAGMA ${name}` });
  const answersOf = async (name: string) => {
    const asked = pragmaOf(name);
    const answers = [
      await write(async (tx) => tx.get(asked, {})),
      await transact(async (tx) => tx.get(asked, {})),
      await read.get(asked, {}),
    ];
    return answers.map((answer) => String(answer?.[name]));
  };
  expect(await answersOf("journal_mode")).toEqual(["wal", "wal", "wal"]);
  expect(await answersOf("foreign_keys")).toEqual(["1", "1", "1"]);
  // `LogFlush` flushes the commits of `transact` before they are acknowledged.
  expect(await answersOf("synchronous")).toEqual([FULL, NORMAL, FULL]);
});

test("a write waits for another process that writes, and reads don't wait", async () => {
  const { userId } = await signUp();
  const neighbour = new Database(env.DATABASE_URL.replace("file:", ""));
  neighbour.exec("BEGIN IMMEDIATE");
  let isWritten = false;
  const waiting = write((tx) => tx.user.update({ where: { id: userId }, data: { referralCount: 7 } })).then(() => {
    isWritten = true;
  });
  for (let reads = 0; reads < 20; reads += 1) await read.user.findUnique({ where: { id: userId } });
  expect(isWritten).toBe(false);
  neighbour.exec("COMMIT");
  await waiting;
  neighbour.close();
  expect(await read.user.findUnique({ where: { id: userId } })).toMatchObject({ referralCount: 7 });
});

const ADD_USER = statement({
  params: { name: "text", now: "time" },
  sql: `INSERT INTO "User" ("phone", "inviteCode", "createdAt") VALUES (:name, :name, :now)`,
});

test("transactions that share a commit are rolled back one by one", async () => {
  const names = Array.from({ length: 30 }, () => crypto.randomUUID());
  const results = await Promise.allSettled(
    names.map((name, index) =>
      transact(async (tx) => {
        await tx.run(ADD_USER, { name, now: new Date() });
        if (index % 3 === 0) throw new Error("undone");
        // The unique constraint refuses a second row with the same values, and this transaction is rolled back, too.
        if (index % 3 === 1) await tx.run(ADD_USER, { name, now: new Date() });
        return name;
      }),
    ),
  );
  const kept = await read.user.findMany({ where: { phone: { in: names } }, orderBy: { id: "asc" } });
  expect(kept.map(({ phone }) => phone)).toEqual(names.filter((_, index) => index % 3 === 2));
  expect(results.map((result) => (result.status === "fulfilled" ? result.value : "undone"))).toEqual(
    names.map((name, index) => (index % 3 === 2 ? name : "undone")),
  );
});

test("a commit is acknowledged after a flush that began later than it, and waiting commits share a flush", async () => {
  const flushes: (() => void)[] = [];
  const flush = new LogFlush(
    env.DATABASE_URL.replace("file:", ""),
    () => new Promise((end) => flushes.push(() => end())),
  );
  const ended: string[] = [];
  const run = (name: string) => flush.run().then(() => ended.push(name));
  const all = [run("first")];
  await expect.poll(() => flushes.length).toBe(1);
  all.push(run("second"), run("third"));
  expect([flushes.length, ended]).toEqual([1, []]);
  flushes[0]?.();
  await expect.poll(() => flushes.length).toBe(2);
  expect(ended).toEqual(["first"]);
  flushes[1]?.();
  await Promise.all(all);
  expect([flushes.length, ended]).toEqual([2, ["first", "second", "third"]]);
});

test("a commit whose flush fails is not acknowledged, and later commits are", async () => {
  let isBroken = true;
  const flush = new LogFlush(env.DATABASE_URL.replace("file:", ""), async () => {
    if (isBroken) throw new Error("the disk is broken");
  });
  const early = [flush.run(), flush.run()];
  for (const run of early) await expect(run).rejects.toThrow("the disk is broken");
  isBroken = false;
  await flush.run();
});
