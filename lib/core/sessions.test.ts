import { expect, test } from "playwright/test";
import { read, write } from "@/lib/db/database";
import { backgroundTasks } from "./background";
import { REFRESH_GRACE_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "./policy";
import { phoneRecipient } from "./recipient";
import { checkSession, endSession, openClientSession, openSession, refreshSession } from "./sessions";
import { anybody, signUp } from "./testing";

const logInAnew = async () => {
  const { userId, phone } = await signUp();
  return { userId, proven: phoneRecipient(phone) };
};

const after = (date: Date, ms: number) => new Date(date.getTime() + ms);

const seenAtOf = async (id: string) => (await read.session.findUniqueOrThrow({ where: { id } })).seenAt;

/** As `checkSession`, when what it writes in the background is written. */
async function checkAndWrite(id: string, now: Date) {
  const session = await checkSession(id, now);
  await backgroundTasks();
  return session;
}

/** Has a transaction hold the sessions' rows, on SQLite the whole database, until it is told to let them go. */
async function holdSessions(ids: string[]): Promise<{ letGo: () => Promise<void> }> {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let holding = Promise.resolve();
  await new Promise<void>((isHeld) => {
    holding = write(async (tx) => {
      await tx.session.updateMany({ where: { id: { in: ids } }, data: { network: "held" } });
      isHeld();
      await gate;
    });
  });
  return {
    letGo: async () => {
      open();
      await holding;
    },
  };
}

test("an open session is its account's until it is ended", async () => {
  const login = await logInAnew();
  const session = await openSession(login, anybody());
  expect(await checkSession(session.id)).toEqual(session);
  await endSession(session.id);
  expect(await checkSession(session.id)).toBeNull();
  await endSession(session.id);
});

test("an unknown session is nobody's", async () => {
  expect(await checkSession(crypto.randomUUID())).toBeNull();
});

test("a session that nobody used for a week is over", async () => {
  const login = await logInAnew();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  expect(await checkAndWrite(id, after(now, SESSION_IDLE_MS - 1))).not.toBeNull();
  expect(await checkAndWrite(id, after(now, 2 * SESSION_IDLE_MS - 2))).not.toBeNull();
  expect(await checkAndWrite(id, after(now, 3 * SESSION_IDLE_MS - 2))).toBeNull();
});

test("a session ends after thirty days however much it is used", async () => {
  const login = await logInAnew();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  for (let used = 0; used < SESSION_TTL_MS; used += SESSION_IDLE_MS / 2) {
    expect(await checkAndWrite(id, after(now, used))).not.toBeNull();
  }
  expect(await checkSession(id, after(now, SESSION_TTL_MS))).toBeNull();
});

test("when a session was last seen is written once an hour at most", async () => {
  const login = await logInAnew();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  await checkAndWrite(id, after(now, SESSION_SEEN_EVERY_MS - 1));
  expect(await seenAtOf(id)).toEqual(now);
  await checkAndWrite(id, after(now, SESSION_SEEN_EVERY_MS));
  expect(await seenAtOf(id)).toEqual(after(now, SESSION_SEEN_EVERY_MS));
});

test("a session that was idle is read though its row can't be written, and what was missed is written later", async () => {
  const now = new Date();
  const [{ id }, { id: other }] = [
    await openSession(await logInAnew(), anybody(), now),
    await openClientSession(await logInAnew(), anybody(), now),
  ];
  const later = after(now, SESSION_SEEN_EVERY_MS);
  const { letGo } = await holdSessions([id, other]);
  const begun = performance.now();
  for (let reads = 0; reads < 3; reads += 1) {
    for (const session of [id, other]) expect(await checkSession(session, later)).toMatchObject({ id: session });
  }
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(await seenAtOf(id)).toEqual(now);
  await letGo();
  await backgroundTasks();
  for (const session of [id, other]) expect(await seenAtOf(session)).toEqual(later);
});

test("a client's session outlives a week unused, and ends after thirty days all the same", async () => {
  const login = await logInAnew();
  const now = new Date();
  const { id } = await openClientSession(login, anybody(), now);
  expect(await checkSession(id, after(now, SESSION_TTL_MS - 1))).not.toBeNull();
  expect(await checkSession(id, after(now, SESSION_TTL_MS))).toBeNull();
  expect(await refreshSession({ id, generation: 0 }, after(now, SESSION_TTL_MS))).toMatchObject({ ok: false });
});

test("a refresh token is exchanged once, and its lost answer repeated for a few seconds", async () => {
  const login = await logInAnew();
  const now = new Date();
  const { id } = await openClientSession(login, anybody(), now);
  const first = await refreshSession({ id, generation: 0 }, after(now, 1000));
  expect(first).toMatchObject({ ok: true, value: { id, generation: 1, refreshedAt: after(now, 1000) } });
  expect(await refreshSession({ id, generation: 0 }, after(now, 1000 + REFRESH_GRACE_MS - 1))).toEqual(first);
  expect(await checkSession(id)).not.toBeNull();
});

test("of parallel exchanges all get the same successor", async () => {
  const { id } = await openClientSession(await logInAnew(), anybody());
  const refreshed = await Promise.all(Array.from({ length: 10 }, () => refreshSession({ id, generation: 0 })));
  expect(new Set(refreshed.map((one) => one.ok && one.value.generation))).toEqual(new Set([1]));
  expect(new Set(refreshed.map((one) => one.ok && one.value.refreshedAt.getTime())).size).toBe(1);
});

for (const { what, generations, lateMs } of [
  { what: "one that was exchanged a while ago", generations: [0, 0], lateMs: REFRESH_GRACE_MS },
  { what: "one older than the last", generations: [0, 1, 0], lateMs: 0 },
  { what: "one that was never given out", generations: [5], lateMs: 0 },
]) {
  test(`a refresh token that nobody should have ends the session: ${what}`, async () => {
    const login = await logInAnew();
    const now = new Date();
    const { id } = await openClientSession(login, anybody(), now);
    const answers = [];
    for (const [at, generation] of generations.entries()) {
      answers.push(await refreshSession({ id, generation }, at === generations.length - 1 ? after(now, lateMs) : now));
    }
    expect(answers.at(-1)).toEqual({ ok: false, failure: { name: "token_invalid" } });
    expect(answers.slice(0, -1).every(({ ok }) => ok)).toBe(true);
    expect(await checkSession(id)).toBeNull();
  });
}

test("a browser's session has no refresh token, and none that was made up ends it", async () => {
  const { id } = await openSession(await logInAnew(), anybody());
  expect(await refreshSession({ id, generation: 0 })).toMatchObject({ ok: false });
  expect(await checkSession(id)).not.toBeNull();
});
