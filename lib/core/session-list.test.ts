import { expect, test } from "playwright/test";
import { listEvents } from "./history";
import type { Phone } from "./phone";
import { KNOWN_BROWSER_TTL_MS, SESSION_IDLE_MS, SESSION_TTL_MS, SESSIONS_LISTED_MAX } from "./policy";
import { phoneRecipient } from "./recipient";
import type { Requester } from "./requester";
import { confirmSession, endOtherSession, endOtherSessions, listNewSessions, listSessions } from "./session-list";
import { checkSession, endSession, openClientSession, openSession } from "./sessions";
import { anybody, signUp } from "./testing";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
const after = (date: Date, ms: number) => new Date(date.getTime() + ms);

/** Somebody with an account, in the browser that made it. */
async function arrive(now = new Date()) {
  const person = await signUp({ now });
  const login = { userId: person.userId, proven: phoneRecipient(person.phone) };
  const known = browserOf(person.phone);
  const home = await openSession({ ...login, created: true }, known, now);
  return { ...person, login, home, known };
}

/** A browser that logs in by this phone. */
function browserOf(phone: Phone, agent: string | null = null): Requester {
  return { ...anybody(), agent, browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
}

test("the devices of an account are listed with what they are and where from, the newest first", async () => {
  const now = new Date();
  await arrive(now);
  const { login, home } = await arrive(now);
  const by = { network: "192.0.2.7", agent: WINDOWS, browser: null };
  const phone = await openClientSession(login, { ...by, agent: "okhttp/4.12.0", network: "unknown" }, after(now, 1));
  const other = await openSession(login, by, after(now, 2));
  const { sessions, isCut } = await listSessions(home, now);
  expect(isCut).toBe(false);
  expect(sessions.map(({ id, isOwn }) => [id, isOwn])).toEqual([
    [other.id, false],
    [phone.id, false],
    [home.id, true],
  ]);
  expect(sessions[0]).toMatchObject({
    device: { kind: "computer", name: "Chrome", system: "Windows" },
    network: "192.0.2.7",
    createdAt: after(now, 2),
    seenAt: after(now, 2),
  });
  expect(sessions[1]).toMatchObject({ device: { kind: "application", name: "okhttp/4.12.0" } });
});

test("a session that is over is not listed", async () => {
  const now = new Date();
  const { login, home } = await arrive(now);
  const client = await openClientSession(login, anybody(), now);
  const idsAt = async (ms: number) => (await listSessions(home, after(now, ms))).sessions.map(({ id }) => id).sort();
  expect(await idsAt(SESSION_IDLE_MS - 1)).toEqual([home.id, client.id].sort());
  expect(await idsAt(SESSION_IDLE_MS)).toEqual([client.id]);
  expect(await idsAt(SESSION_TTL_MS)).toEqual([]);
});

test("however many sessions there are, a page lists so many, and one's own", async () => {
  const now = new Date();
  const { login, home } = await arrive(now);
  for (let at = 0; at <= SESSIONS_LISTED_MAX; at += 1) await openClientSession(login, anybody(), after(now, at + 1));
  const { sessions, isCut } = await listSessions(home, now);
  expect(isCut).toBe(true);
  expect(sessions).toHaveLength(SESSIONS_LISTED_MAX + 1);
  expect(sessions.at(-1)).toMatchObject({ id: home.id, isOwn: true });
  await endOtherSessions(home);
  expect((await listSessions(home, now)).sessions.map(({ id }) => id)).toEqual([home.id]);
});

test("one ends another session, and all others, of one's own account only", async () => {
  const [one, stranger] = [await arrive(), await arrive()];
  const [second, third] = [await openSession(one.login, anybody()), await openSession(one.login, anybody())];
  await endOtherSession(stranger.home, second.id);
  await endOtherSessions(stranger.home);
  expect(await checkSession(second.id)).not.toBeNull();
  await endOtherSession(one.home, one.home.id);
  expect(await checkSession(one.home.id)).not.toBeNull();

  await endOtherSession(one.home, second.id);
  await endOtherSession(one.home, second.id);
  expect(await checkSession(second.id)).toBeNull();
  await endOtherSessions(one.home);
  await endOtherSessions(one.home);
  expect(await checkSession(third.id)).toBeNull();
  expect(await checkSession(one.home.id)).not.toBeNull();
  const { events } = await listEvents(one.userId);
  expect(events.slice(0, 2).map(({ action, details }) => [action, details.count])).toEqual([
    ["sessions_ended", 1],
    ["session_ended", undefined],
  ]);
});

test("a sign-in is new to the account unless its browser made it or was vouched for", async () => {
  const { login, home, known, userId } = await arrive();
  expect(home.isNew).toBe(false);
  expect(await openSession(login, known)).toMatchObject({ isNew: false });
  // By its cookie it has logged in by this phone before.
  const second = await openSession(login, browserOf(login.proven.address));
  expect(second).toMatchObject({ isNew: true });
  expect(await checkSession(second.id)).toMatchObject({ isNew: true });
  const { events } = await listEvents(userId);
  expect(events.filter(({ action }) => action === "signed_in").map(({ details }) => details.isNew)).toEqual([
    true,
    false,
    false,
  ]);
});

test("an application is known by its device token, as a browser is by its cookie, and not by its name and network", async () => {
  const { login, home } = await arrive();
  const application = { ...browserOf(login.proven.address, "okhttp/4.12.0"), network: "192.0.2.1" };
  const first = await openClientSession(login, application);
  const second = await openClientSession(login, application);
  expect([first, second]).toMatchObject([{ isNew: true }, { isNew: true }]);
  // It can't vouch for itself by coming again.
  expect(await confirmSession(second, first.id)).toBe(false);
  expect(await confirmSession(home, first.id)).toBe(true);
  const elsewhere = { ...application, network: "192.0.2.2", agent: "okhttp/5.0.0" };
  expect(await openClientSession(login, elsewhere)).toMatchObject({ isNew: false });
  for (const browser of [null, browserOf(login.proven.address).browser]) {
    expect(await openClientSession(login, { ...application, browser })).toMatchObject({ isNew: true });
  }
  expect(await openClientSession((await arrive()).login, application)).toMatchObject({ isNew: true });
});

test("an application that made the account is no new device when it comes again", async () => {
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const application = browserOf(phone, "okhttp/4.12.0");
  expect(await openClientSession({ ...login, created: true }, application)).toMatchObject({ isNew: false });
  expect(await openClientSession(login, application)).toMatchObject({ isNew: false });
});

test("a browser that nobody has vouched for is as new when it comes again, though it is known by then", async () => {
  const { login, home } = await arrive();
  const thief = browserOf(login.proven.address, "Mozilla/5.0 Thief");
  const first = await openSession(login, thief);
  const returning = { ...login, isReturning: true };
  const again = await openSession(returning, thief);
  // Under another name, and once nothing is left of its sessions.
  const disguised = await openSession(returning, { ...thief, agent: WINDOWS });
  const open = [first, again, disguised];
  for (const one of open) expect(await confirmSession(one, first.id)).toBe(false);
  expect((await listNewSessions(home)).map(({ id }) => id).toSorted()).toEqual(open.map(({ id }) => id).toSorted());
  for (const { id } of open) await endSession(id);
  const returned = await openSession(returning, thief);
  expect([...open, returned].map(({ isNew }) => isNew)).toEqual([true, true, true, true]);
});

test("where nobody is logged in who could vouch, a browser that comes again vouches for itself", async () => {
  const { login, home } = await arrive();
  await endSession(home.id);
  const laptop = browserOf(login.proven.address);
  const first = await openSession(login, laptop);
  expect(first.isNew).toBe(true);
  const other = await openSession(login, browserOf(login.proven.address));
  expect(other.isNew).toBe(true);
  const second = await openSession({ ...login, isReturning: true }, laptop);
  expect(second.isNew).toBe(false);
  expect(await confirmSession(second, other.id)).toBe(true);
});

test("a browser that was vouched for is not new when it comes again, whatever it calls itself by then", async () => {
  const { login, home } = await arrive();
  const laptop = browserOf(login.proven.address);
  const { id } = await openSession(login, laptop);
  expect(await confirmSession(home, id)).toBe(true);
  await endSession(id);
  expect(await openSession(login, { ...laptop, agent: WINDOWS })).toMatchObject({ isNew: false });
  expect(await openSession(login, browserOf(login.proven.address))).toMatchObject({ isNew: true });
  const other = await arrive();
  expect(await openSession(other.login, laptop)).toMatchObject({ isNew: true });
});

test("a browser that an account trusts is new again when it has not logged in for a year", async () => {
  const now = new Date();
  const { login, known } = await arrive(after(now, 1 - 2 * KNOWN_BROWSER_TTL_MS));
  expect(await openSession(login, known, after(now, -KNOWN_BROWSER_TTL_MS))).toMatchObject({ isNew: false });
  expect(await openSession(login, known, now)).toMatchObject({ isNew: true });
});

test("every session but the new one is warned, until somebody confirms it", async () => {
  const { login, home, known, userId } = await arrive();
  const [second, stranger] = [await openSession(login, known), await openSession(login, anybody())];
  for (const session of [home, second]) {
    expect(await listNewSessions(session)).toMatchObject([{ id: stranger.id, isNew: true }]);
  }
  expect(await listNewSessions(stranger)).toEqual([]);
  expect(await confirmSession(home, stranger.id)).toBe(true);
  expect(await confirmSession(home, stranger.id)).toBe(false);
  expect(await listNewSessions(second)).toEqual([]);
  expect((await listEvents(userId, { limit: 1 })).events).toMatchObject([{ action: "device_confirmed" }]);
});

test("a warning ends with the session that it is of", async () => {
  const { login, home } = await arrive();
  const stranger = await openSession(login, anybody());
  await endOtherSession(home, stranger.id);
  expect(await listNewSessions(home)).toEqual([]);
});

test("a new session can vouch neither for itself nor for another new one, nor anybody for other people's", async () => {
  const { login, home } = await arrive();
  const [one, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect(await confirmSession(one, one.id)).toBe(false);
  expect(await confirmSession(one, other.id)).toBe(false);
  expect(await confirmSession(other, one.id)).toBe(false);
  expect(await confirmSession((await arrive()).home, one.id)).toBe(false);
  expect((await listNewSessions(home)).map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
});
