import { expect, test } from "playwright/test";
import { delayChange } from "@/lib/core/accounts/delayed-changes";
import { backgroundTasks } from "@/lib/core/background";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "@/lib/core/policy";
import { read, write } from "@/lib/db/database";
import { anybody, openClientSession, openSession, signUp } from "@/lib/testing/people";
import { isBackgroundBusy } from "@/lib/testing/transactions";
import { checkSession, endSession, isRecentLogin, refreshSession } from "./sessions";

const logInAnew = async () => {
  const { userId, phone } = await signUp();
  return { userId, proven: phoneRecipient(phone) };
};

const after = (date: Date, ms: number) => new Date(date.getTime() + ms);

const seenAtOf = async (id: string) => (await read.session.findUniqueOrThrow({ where: { id } })).seenAt;

/** As `checkSession`, when what it writes in the background is written. */
async function checkAndWrite(id: string, now: Date, generation: number | null = null) {
  const session = await checkSession(id, now, generation);
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
  for (let reads = 0; reads < 3; reads += 1) {
    for (const session of [id, other]) expect(await checkSession(session, later)).toMatchObject({ id: session });
  }
  expect(await isBackgroundBusy()).toBe(true);
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

test("an answer that was lost is given again, however late, until its tokens are used", async () => {
  const now = new Date();
  const { id } = await openClientSession(await logInAnew(), anybody(), now);
  // Tokens that were handed out before are no sign that the answer arrived.
  await checkAndWrite(id, now, 0);
  const first = await refreshSession({ id, generation: 0 }, after(now, 1000));
  expect(first).toMatchObject({ ok: true, value: { id, generation: 1, refreshedAt: after(now, 1000) } });
  await checkAndWrite(id, after(now, 2000), 0);
  expect(await refreshSession({ id, generation: 0 }, after(now, SESSION_TTL_MS - 1))).toEqual(first);
  expect(await refreshSession({ id, generation: 1 }, after(now, 3000))).toMatchObject({ value: { generation: 2 } });
});

test("that an access token has arrived is written once for each generation", async () => {
  const now = new Date();
  const { id } = await openClientSession(await logInAnew(), anybody(), now);
  for (const generation of [0, 1, 2]) {
    const usedAt = after(now, generation * 1000);
    if (generation > 0) await refreshSession({ id, generation: generation - 1 }, now);
    for (const at of [usedAt, after(usedAt, 1)]) await checkAndWrite(id, at, generation);
    // The first tokens have no older ones that could be used again.
    expect(await seenAtOf(id)).toEqual(usedAt);
  }
});

test("an access token is good though the database takes no writes, and its use is written later", async () => {
  const now = new Date();
  const { id } = await openClientSession(await logInAnew(), anybody(), now);
  await refreshSession({ id, generation: 0 }, now);
  const { letGo } = await holdSessions([id]);
  for (let reads = 0; reads < 3; reads += 1) expect(await checkSession(id, now, 1)).toMatchObject({ id });
  await letGo();
  await backgroundTasks();
  expect(await refreshSession({ id, generation: 0 }, now)).toMatchObject({ ok: false });
});

test("of parallel exchanges all get the same successor", async () => {
  const { id } = await openClientSession(await logInAnew(), anybody());
  const refreshed = await Promise.all(Array.from({ length: 10 }, () => refreshSession({ id, generation: 0 })));
  expect(new Set(refreshed.map((one) => one.ok && one.value.generation))).toEqual(new Set([1]));
  expect(new Set(refreshed.map((one) => one.ok && one.value.refreshedAt.getTime())).size).toBe(1);
});

type Step = { refresh: number } | { access: number };

for (const { what, steps } of [
  { what: "one whose successor was exchanged", steps: [{ refresh: 0 }, { refresh: 1 }, { refresh: 0 }] },
  {
    what: "one whose successor came with an access token that was used",
    steps: [{ refresh: 0 }, { access: 1 }, { refresh: 0 }],
  },
  { what: "the same after another exchange", steps: [{ refresh: 0 }, { refresh: 1 }, { access: 2 }, { refresh: 1 }] },
  { what: "one that was never given out", steps: [{ refresh: 5 }] },
] satisfies { what: string; steps: Step[] }[]) {
  test(`a refresh token that nobody should have ends the session: ${what}`, async () => {
    const now = new Date();
    const { id } = await openClientSession(await logInAnew(), anybody(), now);
    const answers = [];
    for (const step of steps as Step[]) {
      if ("access" in step) await checkAndWrite(id, now, step.access);
      else answers.push(await refreshSession({ id, generation: step.refresh }, now));
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

test("a login that a clock far ahead has noted is no recent one", () => {
  const now = new Date();
  expect(isRecentLogin({ createdAt: after(now, 1000) }, now)).toBe(true);
  expect(isRecentLogin({ createdAt: after(now, 30 * 24 * 60 * 60 * 1000) }, now)).toBe(false);
});

test("a deletion that is due takes effect before a token is refreshed, which other services would take", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now });
  const client = await openClientSession({ userId, proven: phoneRecipient(phone) }, anybody(), now);
  await write((tx) => delayChange(tx, client, { action: "deletion" }, now));
  const refreshed = await refreshSession({ id: client.id, generation: 0 }, after(now, CHANGE_DELAY_MS + 1000));
  expect(refreshed).toEqual({ ok: false, failure: { name: "token_invalid" } });
});
