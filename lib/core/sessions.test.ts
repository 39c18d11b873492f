import { expect, test } from "playwright/test";
import { read } from "@/lib/db/database";
import { SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "./policy";
import { checkSession, endSession, openSession } from "./sessions";
import { signUp } from "./testing";

const after = (date: Date, ms: number) => new Date(date.getTime() + ms);

test("an open session is its account's until it is ended", async () => {
  const { userId } = await signUp();
  const session = await openSession(userId);
  expect(await checkSession(session.id)).toEqual(session);
  await endSession(session.id);
  expect(await checkSession(session.id)).toBeNull();
  await endSession(session.id);
});

test("an unknown session is nobody's", async () => {
  expect(await checkSession(crypto.randomUUID())).toBeNull();
});

test("a session that nobody used for a week is over", async () => {
  const { userId } = await signUp();
  const now = new Date();
  const { id } = await openSession(userId, now);
  expect(await checkSession(id, after(now, SESSION_IDLE_MS - 1))).not.toBeNull();
  expect(await checkSession(id, after(now, 2 * SESSION_IDLE_MS - 2))).not.toBeNull();
  expect(await checkSession(id, after(now, 3 * SESSION_IDLE_MS - 2))).toBeNull();
});

test("a session ends after thirty days however much it is used", async () => {
  const { userId } = await signUp();
  const now = new Date();
  const { id } = await openSession(userId, now);
  for (let used = 0; used < SESSION_TTL_MS; used += SESSION_IDLE_MS / 2) {
    expect(await checkSession(id, after(now, used))).not.toBeNull();
  }
  expect(await checkSession(id, after(now, SESSION_TTL_MS))).toBeNull();
});

test("when a session was last seen is written once an hour at most", async () => {
  const { userId } = await signUp();
  const now = new Date();
  const { id } = await openSession(userId, now);
  const seenAt = async () => (await read.session.findUniqueOrThrow({ where: { id } })).seenAt;
  await checkSession(id, after(now, SESSION_SEEN_EVERY_MS - 1));
  expect(await seenAt()).toEqual(now);
  await checkSession(id, after(now, SESSION_SEEN_EVERY_MS));
  expect(await seenAt()).toEqual(after(now, SESSION_SEEN_EVERY_MS));
});
