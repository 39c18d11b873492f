import { expect, _baseTest as test } from "playwright/test";
import { readPrimary, statement, transact, write } from "@/lib/db/database";
import { after } from "@/lib/testing/people";
import { allowEventDeletion } from "./audit-log";

const DAY_MS = 24 * 60 * 60 * 1000;
const NEVER_CHANGED = /an audit event is never changed/;
const BEFORE_ITS_TIME = /an audit event is not deleted before its time/;

const daysAgo = (days: number) => after(new Date(), -days * DAY_MS);

const REMOVE = statement({
  params: { subjectId: "integer", until: "time" },
  sql: `DELETE FROM "AuditEvent" WHERE "subjectId" = :subjectId AND "at" <= :until`,
});
const REMOVE_ALL = statement({ params: {}, sql: `DELETE FROM "AuditEvent"` });
const CHANGE = statement({
  params: { id: "integer" },
  sql: `UPDATE "AuditEvent" SET "actorId" = 0 WHERE "id" = :id`,
});

/** Adds events of an account that does not exist, at these times. */
async function addEvents(...times: Date[]) {
  const subjectId = -Math.floor(Math.random() * 2 ** 31);
  const about = { action: "signed_in", actorId: subjectId, subjectId, details: "{}" };
  await write((tx) => tx.auditEvent.createMany({ data: times.map((at) => ({ ...about, at })) }));
  const list = () => readPrimary.auditEvent.findMany({ where: { subjectId }, orderBy: { id: "asc" } });
  const remove = (until: Date) => transact(async (tx) => tx.run(REMOVE, { subjectId, until }));
  return { list, remove, times: async () => (await list()).map(({ at }) => at) };
}

const allowDeletion = (until: Date) => transact(async (tx) => allowEventDeletion(tx, until));

test.afterAll(() => write((tx) => tx.mark.deleteMany()));

test("an event whose time is over can be deleted, and no other event", async () => {
  const [old, young] = [daysAgo(400), daysAgo(399)];
  const events = await addEvents(old, young);
  await allowDeletion(after(old, -1));
  await expect(events.remove(old)).rejects.toThrow(BEFORE_ITS_TIME);
  await allowDeletion(old);
  await expect(events.remove(young)).rejects.toThrow(BEFORE_ITS_TIME);
  expect(await events.times(), "if one of several events has to stay, all of them stay").toEqual([old, young]);
  expect(await events.remove(old)).toBe(1);
  expect(await events.times()).toEqual([young]);
});

test("an event younger than thirty days can't be deleted, even if the sweeper's mark allows it", async () => {
  const [old, young] = [daysAgo(30.01), daysAgo(29.99)];
  const events = await addEvents(old, young);
  await allowDeletion(after(new Date(), 1000 * DAY_MS));
  await expect(events.remove(young)).rejects.toThrow(BEFORE_ITS_TIME);
  expect(await events.remove(old)).toBe(1);
  expect(await events.times()).toEqual([young]);
});

test("without the mark of the sweeper no event can be deleted, however old it is", async () => {
  const old = daysAgo(4000);
  const events = await addEvents(old);
  await write((tx) => tx.mark.deleteMany());
  await expect(events.remove(old)).rejects.toThrow(BEFORE_ITS_TIME);
  await expect(transact(async (tx) => tx.run(REMOVE_ALL, {}))).rejects.toThrow(BEFORE_ITS_TIME);
  expect(await events.times()).toEqual([old]);
});

test("an event can't be changed, whether or not its time is over", async () => {
  const events = await addEvents(daysAgo(400), daysAgo(0));
  const before = await events.list();
  await allowDeletion(daysAgo(100));
  for (const { id } of before) {
    await expect(transact(async (tx) => tx.run(CHANGE, { id }))).rejects.toThrow(NEVER_CHANGED);
  }
  expect(await events.list()).toEqual(before);
});
