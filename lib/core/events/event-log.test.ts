import { setTimeout as sleep } from "node:timers/promises";
import { expect, _baseTest as test } from "playwright/test";
import { EVENTS_KEPT_MS, EVENTS_SCANNED_PER_PAGE_MAX } from "@/lib/core/policy";
import { readPrimary, transact, write } from "@/lib/db/database";
import { env, isPostgresUrl } from "@/lib/env";
import { after, signUp } from "@/lib/testing/people";
import { EVENTS_SINCE_MARK, EventCursor, markDeletion, readEvents } from "./event-log";
import { publishEvent } from "./publish";

const isPostgres = isPostgresUrl(env.DATABASE_URL);

/** Reads a page. Throws an Error with the failure's name. */
async function page(after: EventCursor | null, limit = 7, now = new Date()) {
  const read = await readEvents({ after, limit }, now);
  if (!read.ok) throw new Error(read.failure.name);
  return read.value;
}

/** Reads all events that can be read after the cursor, page by page. */
async function readOn(after: EventCursor | null, limit?: number) {
  const events: Awaited<ReturnType<typeof page>>["events"] = [];
  for (let cursor = after; ; ) {
    const read = await page(cursor, limit);
    events.push(...read.events);
    cursor = read.next;
    if (!read.isMore) return { events, next: cursor };
  }
}

/** Reads on until there are as many events of the account: transactions of other databases of the server may delay them. */
async function readUntil(next: EventCursor, accountId: number, count: number) {
  const readOwn = async () => (await readOn(next)).events.filter((event) => event.accountId === accountId);
  await expect.poll(async () => (await readOwn()).length).toBe(count);
  return readOwn();
}

class Undone extends Error {}

const blocked = { type: "account.blocked", data: {} } as const;

test("pages go on where the last one ended, without gaps or duplicates", async () => {
  const { next } = await readOn(null, 500);
  const { userId } = await signUp();
  for (let count = 0; count < 20; count += 1)
    await transact(async (tx) => publishEvent(tx, userId, blocked, new Date()));
  const own = await readUntil(next, userId, 21);
  expect(own.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 21 }, (_, at) => at + 1));
  expect(own[0]).toMatchObject({ type: "account.created", isTest: false, data: { by: "owner" } });
  const only = await readEvents({ after: next, limit: 100, types: ["account.created"] });
  expect(only.ok && only.value.events.filter(({ accountId }) => accountId === userId)).toEqual(own.slice(0, 1));
});

test("a cursor survives its way as text, and text that is no cursor is refused", async () => {
  const { next } = await readOn(null, 500);
  expect(EventCursor.parse(EventCursor.encode(next))).toEqual(next);
  for (const text of ["", "1-2", "1-2-3-4", "1-2-x", "1-2-9999999999", "-1-2-3"]) {
    expect(EventCursor.safeParse(text).success, text).toBe(false);
  }
});

test("a reader that pages while transactions commit in odd orders misses no event and sees none twice", async () => {
  const { next } = await readOn(null, 500);
  const people = await Promise.all(Array.from({ length: 10 }, () => signUp()));
  const ids = new Set(people.map(({ userId }) => userId));
  const held = await signUp();
  ids.add(held.userId);
  // One transaction is open from before the others begin until they have ended. On SQLite, which has one writer, it ends at once.
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const holding = write(async (tx) => {
    publishEvent(tx, held.userId, blocked, new Date());
    await tx.user.findFirst({ where: { id: held.userId }, select: { id: true } });
    begin();
    if (isPostgres) await released;
  });
  await begun;
  const seen: string[] = [];
  let [cursor, isDone] = [next, false];
  const reading = (async () => {
    for (;;) {
      const isLast = isDone;
      const read = await readOn(cursor, 3);
      const found = read.events.filter(({ type, accountId }) => type === "account.blocked" && ids.has(accountId ?? 0));
      seen.push(...found.map(({ id }) => id));
      cursor = read.next;
      if (isLast) return;
      await sleep(1);
    }
  })();
  await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      write(async (tx) => {
        const person = people[at % people.length];
        if (!person) throw new Error("no person");
        publishEvent(tx, person.userId, blocked, new Date());
        if (isPostgres) await sleep((at * 7) % 40);
        if (at % 9 === 0) throw new Undone();
      }).catch((error) => {
        if (!(error instanceof Undone)) throw error;
      }),
    ),
  );
  if (isPostgres) expect(seen, "the log waits for the open transaction").toEqual([]);
  release();
  await holding;
  const where = { accountId: { in: [...ids] }, type: "account.blocked" };
  const rows = await readPrimary.event.findMany({ where, select: { id: true } });
  expect(rows).toHaveLength(1 + 44);
  await expect.poll(() => seen.length).toBeGreaterThanOrEqual(rows.length);
  isDone = true;
  await reading;
  expect(seen.toSorted()).toEqual(rows.map(({ id }) => String(id)).toSorted());
});

test("a cursor that is older than the events that were deleted, or than a restored copy, is expired", async () => {
  const { next } = await readOn(null, 500);
  const read = (after: EventCursor, now: Date) => readEvents({ after, limit: 1 }, now);
  const expired = { ok: false, failure: { name: "cursor_expired", because: "restored" } };
  const { userId } = await signUp();
  // Old, but not for the sweep yet.
  const at = after(next.at, -EVENTS_KEPT_MS);
  await transact(async (tx) => publishEvent(tx, userId, blocked, at));
  const old = { ...next, at: after(at, -1) };
  expect(await read(old, next.at), "nothing is deleted yet").toMatchObject({ ok: true });
  await transact(async (tx) => markDeletion(tx, after(at, -2)));
  expect(await read(old, next.at)).toMatchObject({ ok: true });
  await transact(async (tx) => markDeletion(tx, after(at, 1)));
  expect(await read(old, next.at)).toEqual({ ok: false, failure: { name: "cursor_expired", because: "swept" } });
  expect(await read({ ...old, at: after(at, 1) }, next.at)).toMatchObject({ ok: true });
  await write((tx) => tx.mark.delete({ where: { name: "events_deleted" } }));
  expect(await read({ ...next, transactionId: next.transactionId + 1_000_000 }, next.at), "beyond the log").toEqual(
    expired,
  );
  const mark = { name: EVENTS_SINCE_MARK, at: after(next.at, 1) };
  await write((tx) => tx.mark.create({ data: mark }));
  expect(await read(next, next.at)).toEqual(expired);
  expect(await read({ ...next, at: mark.at }, mark.at)).toMatchObject({ ok: true });
  await write((tx) => tx.mark.delete({ where: { name: mark.name } }));
});

test("an event after a restored copy has another id than the event that had its number before", async () => {
  const { next } = await readOn(null, 500);
  const { userId } = await signUp();
  const [before] = await readUntil(next, userId, 1);
  const mark = { name: EVENTS_SINCE_MARK, at: after(next.at, -1) };
  await write((tx) => tx.mark.create({ data: mark }));
  // The copy had given fewer numbers, so the same number is given again.
  const [again] = await readUntil(next, userId, 1);
  await write((tx) => tx.mark.delete({ where: { name: mark.name } }));
  expect(again?.sequence).toBe(before?.sequence);
  expect(again?.id).not.toBe(before?.id);
});

test("a reader of a rare type reads a bounded part of the log for each page, and gets each event once", async () => {
  const { next } = await readOn(null, 500);
  const { userId } = await signUp();
  const others = Array.from({ length: EVENTS_SCANNED_PER_PAGE_MAX + 10 }, () => ({
    ...{ at: new Date(), type: "alarm.started", isTest: false, data: JSON.stringify({ digits: 6 }) },
    transactionId: next.transactionId,
  }));
  const publish = () =>
    transact(async (tx) => publishEvent(tx, userId, { type: "account.unblocked", data: {} }, new Date()));
  await publish();
  await readUntil(next, userId, 2);
  // On PostgreSQL the transaction's id is a real one, behind the cursor.
  const where = { accountId: userId, type: "account.unblocked" };
  const { transactionId } = await readPrimary.event.findFirstOrThrow({ where });
  await write((tx) => tx.event.createMany({ data: others.map((row) => ({ ...row, transactionId })) }));
  await publish();
  const readPages = async () => {
    const pages: number[] = [];
    for (let after = next; ; ) {
      const read = await readEvents({ after, limit: 5, types: ["account.unblocked"] });
      if (!read.ok) throw new Error(read.failure.name);
      pages.push(read.value.events.filter(({ accountId }) => accountId === userId).length);
      after = read.value.next;
      if (!read.value.isMore) return pages;
    }
  };
  // Transactions of other databases of the server may delay the last event.
  await expect.poll(readPages).toEqual([1, 1]);
});

test("a cursor inside the log is as old as the last event that was read, so that it expires before the next one is deleted", async () => {
  const { next } = await readOn(null, 500);
  const { userId } = await signUp();
  const at = after(new Date(), -60_000);
  for (const _ of [1, 2]) await transact(async (tx) => publishEvent(tx, userId, blocked, at));
  const own = await readUntil(next, userId, 3);
  const { events } = await readOn(next);
  const first = await page(next, events.findIndex(({ id }) => id === own[1]?.id) + 1);
  expect(first).toMatchObject({ isMore: true, next: { at } });
});

test("a reader gets events that are too old, but not deleted yet, page by page", async () => {
  const { next } = await readOn(null, 500);
  const { userId } = await signUp();
  const at = after(new Date(), -EVENTS_KEPT_MS - 60_000);
  for (const _ of [1, 2]) await transact(async (tx) => publishEvent(tx, userId, blocked, at));
  const own = await readUntil(next, userId, 3);
  const { events } = await readOn(next);
  const first = await page(next, events.findIndex(({ id }) => id === own[1]?.id) + 1);
  expect(first.next.at).toEqual(at);
  expect((await readOn(first.next)).events.filter(({ accountId }) => accountId === userId)).toHaveLength(1);
});
