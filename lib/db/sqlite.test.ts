import Database from "better-sqlite3";
import { expect, test } from "playwright/test";
import { signUp } from "@/lib/core/testing";
import { env } from "@/lib/env";
import { read, write } from "./database";

test("a connection that reads refuses by itself to change anything", async () => {
  const { userId } = await signUp();
  await expect(read.$queryRaw`DELETE FROM "User" RETURNING "id"`).rejects.toThrow(/readonly|read-only/);
  expect(await read.user.findUnique({ where: { id: userId } })).not.toBeNull();
});

test("the connections are durable and keep foreign keys", async () => {
  const pragma = (name: "journal_mode" | "synchronous" | "foreign_keys") =>
    write(async (tx) => {
      const rows = await tx.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${name}`);
      return String(rows[0]?.[name]);
    });
  expect(await pragma("journal_mode")).toBe("wal");
  const FULL = "2";
  expect(await pragma("synchronous")).toBe(FULL);
  expect(await pragma("foreign_keys")).toBe("1");
});

test("a write waits for another process that writes, and nobody else waits meanwhile", async () => {
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

test("of writes that are committed together each is undone by itself", async () => {
  const names = Array.from({ length: 30 }, () => crypto.randomUUID());
  const results = await Promise.allSettled(
    names.map((name, index) =>
      write(async (tx) => {
        await tx.user.create({ data: { phone: name, inviteCode: name, createdAt: new Date() } });
        if (index % 3 === 0) throw new Error("undone");
        // The same again is refused by the database, and undone as well.
        if (index % 3 === 1) await tx.user.create({ data: { phone: name, inviteCode: name, createdAt: new Date() } });
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
