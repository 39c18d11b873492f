import { setImmediate } from "node:timers/promises";
import { expect, _baseTest as test } from "playwright/test";
import { env, isPostgresUrl } from "@/lib/env";
import { signUp } from "@/lib/testing/people";
import { read, transact, write } from "./database";

const isPostgres = isPostgresUrl(env.DATABASE_URL);

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
    // On SQLite the other write must wait for this one. If it didn't, it would be acknowledged within these turns of the event loop.
    if (isPostgres) await acknowledgement;
    else for (let turns = 0; turns < 1000; turns += 1) await setImmediate();
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
  expect(() => read.user.delete({ where: { id: userId } })).toThrow("not a function");
  // @ts-expect-error: `read` has no transactions
  expect(() => read.$executeRaw`DELETE FROM "User"`).toThrow("not a function");
  expect(await read.user.findUnique({ where: { id: userId } })).not.toBeNull();
});

test("a filter that is undefined is refused, not dropped", async () => {
  const filter = { phone: undefined } as unknown as { phone: string };
  await expect(read.user.findFirst({ where: filter })).rejects.toThrow(/undefined/);
});

test("a transaction inside a transaction is refused, and later ones go on", async () => {
  const refusal = "a transaction inside a transaction";
  await expect(write(() => write((tx) => tx.user.findFirst()))).rejects.toThrow(refusal);
  await expect(transact(() => write((tx) => tx.user.findFirst()))).rejects.toThrow(refusal);
  await expect(write(() => transact(async () => null))).rejects.toThrow(refusal);
  await signUp();
});

test("a write that was rolled back because of another one runs again", async () => {
  const [one, other] = [await signUp(), await signUp()];
  let attempts = 0;
  let holding = 0;
  // On PostgreSQL each transaction locks the row that the other needs next, which is a deadlock; on SQLite they queue.
  const count = (first: { userId: number }, second: { userId: number }) =>
    write(async (tx) => {
      attempts += 1;
      for (const { userId } of [first, second]) {
        await tx.user.update({ where: { id: userId }, data: { referralCount: { increment: 1 } } });
        holding += 1;
        if (isPostgres) await expect.poll(() => holding).toBeGreaterThan(1);
      }
    });
  await Promise.all([count(one, other), count(other, one)]);
  expect(attempts).toBe(isPostgres ? 3 : 2);
  for (const { userId } of [one, other]) {
    expect(await read.user.findUnique({ where: { id: userId } })).toMatchObject({ referralCount: 2 });
  }
});
