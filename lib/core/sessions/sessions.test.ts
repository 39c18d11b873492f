import { expect, _baseTest as test } from "playwright/test";
import { delayChange } from "@/lib/core/accounts/delayed-changes";
import { backgroundTasks } from "@/lib/core/background";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS, SESSION_TTL_MS } from "@/lib/core/policy";
import { read, write } from "@/lib/db/database";
import { anybody, openClientSession, openSession, signUp } from "@/lib/testing/people";
import { isBackgroundBusy } from "@/lib/testing/transactions";
import { checkSession, endSession, isRecentLogin, refreshSession } from "./sessions";

const signUpAndLogIn = async () => {
  const { userId, phone } = await signUp();
  return { userId, proven: phoneRecipient(phone) };
};

const after = (date: Date, ms: number) => new Date(date.getTime() + ms);

const seenAtOf = async (id: string) => (await read.session.findUniqueOrThrow({ where: { id } })).seenAt;

/** Calls `checkSession`, and waits for its writes in the background. */
async function checkAndWrite(id: string, now: Date, generation: number | null = null) {
  const session = await checkSession(id, now, generation);
  await backgroundTasks();
  return session;
}

/** Locks the rows of these sessions in a transaction (on SQLite the whole database) until `release` is called. */
async function holdSessions(ids: string[]): Promise<{ release: () => Promise<void> }> {
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
    release: async () => {
      open();
      await holding;
    },
  };
}

test("an open session belongs to its account until it is ended", async () => {
  const login = await signUpAndLogIn();
  const session = await openSession(login, anybody());
  expect(await checkSession(session.id)).toEqual(session);
  await endSession(session.id);
  expect(await checkSession(session.id)).toBeNull();
  await endSession(session.id);
});

test("an unknown id has no session", async () => {
  expect(await checkSession(crypto.randomUUID())).toBeNull();
});

test("a session that was not used for a week has ended", async () => {
  const login = await signUpAndLogIn();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  expect(await checkAndWrite(id, after(now, SESSION_IDLE_MS - 1))).not.toBeNull();
  expect(await checkAndWrite(id, after(now, 2 * SESSION_IDLE_MS - 2))).not.toBeNull();
  expect(await checkAndWrite(id, after(now, 3 * SESSION_IDLE_MS - 2))).toBeNull();
});

test("a session ends after thirty days, however often it is used", async () => {
  const login = await signUpAndLogIn();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  for (let used = 0; used < SESSION_TTL_MS; used += SESSION_IDLE_MS / 2) {
    expect(await checkAndWrite(id, after(now, used))).not.toBeNull();
  }
  expect(await checkSession(id, after(now, SESSION_TTL_MS))).toBeNull();
});

test("the time when a session was last seen is written once an hour at most", async () => {
  const login = await signUpAndLogIn();
  const now = new Date();
  const { id } = await openSession(login, anybody(), now);
  await checkAndWrite(id, after(now, SESSION_SEEN_EVERY_MS - 1));
  expect(await seenAtOf(id)).toEqual(now);
  await checkAndWrite(id, after(now, SESSION_SEEN_EVERY_MS));
  expect(await seenAtOf(id)).toEqual(after(now, SESSION_SEEN_EVERY_MS));
});

test("an idle session is read although its row can't be written, and the write follows later", async () => {
  const now = new Date();
  const [{ id }, { id: other }] = [
    await openSession(await signUpAndLogIn(), anybody(), now),
    await openClientSession(await signUpAndLogIn(), anybody(), now),
  ];
  const later = after(now, SESSION_SEEN_EVERY_MS);
  const { release } = await holdSessions([id, other]);
  for (let reads = 0; reads < 3; reads += 1) {
    for (const session of [id, other]) expect(await checkSession(session, later)).toMatchObject({ id: session });
  }
  expect(await isBackgroundBusy()).toBe(true);
  expect(await seenAtOf(id)).toEqual(now);
  await release();
  await backgroundTasks();
  for (const session of [id, other]) expect(await seenAtOf(session)).toEqual(later);
});

test("a client application's session stays open unused for more than a week, and ends after thirty days", async () => {
  const login = await signUpAndLogIn();
  const now = new Date();
  const { id } = await openClientSession(login, anybody(), now);
  expect(await checkSession(id, after(now, SESSION_TTL_MS - 1))).not.toBeNull();
  expect(await checkSession(id, after(now, SESSION_TTL_MS))).toBeNull();
  expect(await refreshSession({ id, generation: 0 }, after(now, SESSION_TTL_MS))).toMatchObject({ ok: false });
});

test("a lost answer to an exchange is given again, however late, until its tokens are used", async () => {
  const now = new Date();
  const { id } = await openClientSession(await signUpAndLogIn(), anybody(), now);
  // Tokens of an earlier generation are no sign that the answer arrived.
  await checkAndWrite(id, now, 0);
  const first = await refreshSession({ id, generation: 0 }, after(now, 1000));
  expect(first).toMatchObject({ ok: true, value: { id, generation: 1, refreshedAt: after(now, 1000) } });
  await checkAndWrite(id, after(now, 2000), 0);
  expect(await refreshSession({ id, generation: 0 }, after(now, SESSION_TTL_MS - 1))).toEqual(first);
  expect(await refreshSession({ id, generation: 1 }, after(now, 3000))).toMatchObject({ value: { generation: 2 } });
});

test("the arrival of an access token is written once for each generation", async () => {
  const now = new Date();
  const { id } = await openClientSession(await signUpAndLogIn(), anybody(), now);
  for (const generation of [0, 1, 2]) {
    const usedAt = after(now, generation * 1000);
    if (generation > 0) await refreshSession({ id, generation: generation - 1 }, now);
    for (const at of [usedAt, after(usedAt, 1)]) await checkAndWrite(id, at, generation);
    // Tokens of generation 0 replace no older ones.
    expect(await seenAtOf(id)).toEqual(usedAt);
  }
});

test("an access token is accepted although the database takes no writes, and its use is written later", async () => {
  const now = new Date();
  const { id } = await openClientSession(await signUpAndLogIn(), anybody(), now);
  await refreshSession({ id, generation: 0 }, now);
  const { release } = await holdSessions([id]);
  for (let reads = 0; reads < 3; reads += 1) expect(await checkSession(id, now, 1)).toMatchObject({ id });
  await release();
  await backgroundTasks();
  expect(await refreshSession({ id, generation: 0 }, now)).toMatchObject({ ok: false });
});

test("parallel exchanges of one refresh token all get the same successor", async () => {
  const { id } = await openClientSession(await signUpAndLogIn(), anybody());
  const refreshed = await Promise.all(Array.from({ length: 10 }, () => refreshSession({ id, generation: 0 })));
  expect(new Set(refreshed.map((one) => one.ok && one.value.generation))).toEqual(new Set([1]));
  expect(new Set(refreshed.map((one) => one.ok && one.value.refreshedAt.getTime())).size).toBe(1);
});

type Step = { refresh: number } | { access: number };

for (const { what, steps } of [
  { what: "a token whose successor was exchanged", steps: [{ refresh: 0 }, { refresh: 1 }, { refresh: 0 }] },
  {
    what: "a token whose successor came with a used access token",
    steps: [{ refresh: 0 }, { access: 1 }, { refresh: 0 }],
  },
  {
    what: "a token whose successor's access token was used, after another exchange",
    steps: [{ refresh: 0 }, { refresh: 1 }, { access: 2 }, { refresh: 1 }],
  },
  { what: "a token that was never issued", steps: [{ refresh: 5 }] },
] satisfies { what: string; steps: Step[] }[]) {
  test(`a refresh token that is not the current one ends the session: ${what}`, async () => {
    const now = new Date();
    const { id } = await openClientSession(await signUpAndLogIn(), anybody(), now);
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

test("a browser's session has no refresh token, and a made-up one does not end it", async () => {
  const { id } = await openSession(await signUpAndLogIn(), anybody());
  expect(await refreshSession({ id, generation: 0 })).toMatchObject({ ok: false });
  expect(await checkSession(id)).not.toBeNull();
});

test("a login whose time a clock far ahead wrote does not count as recent", () => {
  const now = new Date();
  expect(isRecentLogin({ createdAt: after(now, 1000) }, now)).toBe(true);
  expect(isRecentLogin({ createdAt: after(now, 30 * 24 * 60 * 60 * 1000) }, now)).toBe(false);
});

test("a due deletion is applied before a refresh gives out a token that other services accept", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now });
  const client = await openClientSession({ userId, proven: phoneRecipient(phone) }, anybody(), now);
  await write((tx) => delayChange(tx, client, { action: "deletion" }, now));
  const refreshed = await refreshSession({ id: client.id, generation: 0 }, after(now, CHANGE_DELAY_MS + 1000));
  expect(refreshed).toEqual({ ok: false, failure: { name: "token_invalid" } });
});
