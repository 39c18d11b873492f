import Database from "better-sqlite3";
import { expect, test } from "playwright/test";
import { signUp } from "@/lib/core/testing";
import { env } from "@/lib/env";
import { read, write } from "./database";

const newcomer = (name: string) => ({ phone: name, inviteCode: name, createdAt: new Date() });

test("an acknowledged write survives another request's rollback", async () => {
  const name = crypto.randomUUID();
  let began = () => {};
  const beginning = new Promise<void>((resolve) => {
    began = resolve;
  });
  let acknowledged = () => {};
  const acknowledgement = new Promise<void>((resolve) => {
    acknowledged = resolve;
  });

  const failing = write(async (tx) => {
    await tx.user.create({ data: newcomer(`${name} rolled back`) });
    began();
    await Promise.race([acknowledgement, new Promise((resolve) => setTimeout(resolve, 100))]);
    throw new Error("the other request fails");
  });
  await beginning;
  const surviving = write((tx) => tx.user.create({ data: newcomer(name) })).then(acknowledged);

  await expect(failing).rejects.toThrow("the other request fails");
  await surviving;
  expect(await read.user.findUnique({ where: { phone: name } })).not.toBeNull();
  expect(await read.user.findUnique({ where: { phone: `${name} rolled back` } })).toBeNull();
});

test("a read doesn't see what another request has not committed", async () => {
  const name = crypto.randomUUID();
  await write(async (tx) => {
    await tx.user.create({ data: newcomer(name) });
    expect(await read.user.findUnique({ where: { phone: name } })).toBeNull();
  });
  expect(await read.user.findUnique({ where: { phone: name } })).not.toBeNull();
});

test("a write outside a transaction neither compiles nor runs", async () => {
  const { userId } = await signUp();
  // @ts-expect-error: `read` has no method that changes anything
  await expect(read.user.delete({ where: { id: userId } })).rejects.toThrow();
  // @ts-expect-error: nor has it transactions of its own
  await expect(read.$executeRaw`DELETE FROM "User"`).rejects.toThrow();
  await expect(read.$queryRaw`DELETE FROM "User" RETURNING "id"`).rejects.toThrow(/readonly|read-only/);
  expect(await read.user.findUnique({ where: { id: userId } })).not.toBeNull();
});

test("a filter that is undefined is refused, not dropped", async () => {
  const filter = { phone: undefined } as unknown as { phone: string };
  await expect(read.user.findFirst({ where: filter })).rejects.toThrow(/undefined/);
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

test("a write inside a write is refused, and later ones go on", async () => {
  await expect(write(() => write((tx) => tx.user.findFirst()))).rejects.toThrow("a write inside a write");
  await signUp();
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
