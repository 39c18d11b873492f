import { expect, test } from "playwright/test";
import { delayChange } from "@/lib/core/accounts/delayed-changes";
import { listEvents } from "@/lib/core/accounts/history";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { KNOWN_BROWSER_TTL_MS, SESSION_IDLE_MS, SESSION_TTL_MS, SESSIONS_LISTED_MAX } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { anybody, openClientSession, openSession, signUp } from "@/lib/testing/people";
import { confirmSignIn, endOtherSession, endOtherSessions, listNewSignIns, listSessions } from "./session-list";
import { checkSession, endSession } from "./sessions";

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
  expect(events.slice(0, 3).map(({ action, details }) => [action, details.count])).toEqual([
    ["sessions_ended", 1],
    ["device_rejected", undefined],
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
  expect(await confirmSignIn(second, first.id)).toBe(false);
  expect(await confirmSignIn(home, first.id)).toBe(true);
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
  for (const one of open) expect(await confirmSignIn(one, first.id)).toBe(false);
  expect((await listNewSignIns(home)).map(({ id }) => id).toSorted()).toEqual(open.map(({ id }) => id).toSorted());
  for (const { id } of open) await endSession(id);
  const returned = await openSession(returning, thief);
  expect([...open, returned].map(({ isNew }) => isNew)).toEqual([true, true, true, true]);
});

test("a browser vouches for itself by coming again only where the account has no trusted device, logged in or not", async () => {
  const now = new Date();
  const { login, home } = await arrive(now);
  await endSession(home.id);
  const laptop = browserOf(login.proven.address);
  const returning = { ...login, isReturning: true };
  for (const each of [login, returning, returning])
    expect(await openSession(each, laptop, now)).toMatchObject({ isNew: true });
  // Nobody has logged in with the trusted browser for a year.
  const later = after(now, KNOWN_BROWSER_TTL_MS);
  const other = await openSession(login, browserOf(login.proven.address), later);
  expect(other.isNew).toBe(true);
  expect(await openSession(login, laptop, later)).toMatchObject({ isNew: true });
  const second = await openSession(returning, laptop, later);
  expect(second.isNew).toBe(false);
  // It isn't warned of itself, and answers for others.
  expect((await listNewSignIns(second, later)).map(({ id }) => id)).toEqual([other.id]);
  expect(await confirmSignIn(second, other.id, later)).toBe(true);
});

test("a stranger who ends all other sessions, logs out and comes again is a stranger still", async () => {
  const { login, home, known } = await arrive();
  const thief = browserOf(login.proven.address);
  const first = await openSession(login, thief);
  await endOtherSessions(first);
  expect(await checkSession(home.id)).toBeNull();
  await endSession(first.id);
  const again = await openSession({ ...login, isReturning: true }, thief);
  expect(again.isNew).toBe(true);
  // The owner logs in again, and is told of both.
  const back = await openSession({ ...login, isReturning: true }, known);
  expect(back.isNew).toBe(false);
  expect(await listNewSignIns(back)).toMatchObject([
    { id: again.id, isOpen: true },
    { id: first.id, isOpen: false },
  ]);
});

test("a browser that was vouched for is not new when it comes again, whatever it calls itself by then", async () => {
  const { login, home } = await arrive();
  const laptop = browserOf(login.proven.address);
  const { id } = await openSession(login, laptop);
  expect(await confirmSignIn(home, id)).toBe(true);
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
    expect(await listNewSignIns(session)).toMatchObject([{ id: stranger.id, isOpen: true }]);
  }
  expect(await listNewSignIns(stranger)).toEqual([]);
  expect(await confirmSignIn(home, stranger.id)).toBe(true);
  expect(await confirmSignIn(home, stranger.id)).toBe(false);
  expect(await listNewSignIns(second)).toEqual([]);
  expect((await listEvents(userId, { limit: 1 })).events).toMatchObject([{ action: "device_confirmed" }]);
});

test("the warning stays until a trusted device answers it, though its session has ended", async () => {
  const { login, home, known, userId } = await arrive();
  const [stranger, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  await endSession(stranger.id);
  // An unconfirmed session is no trusted device: what it ends is ended, and not answered.
  await endOtherSession(other, stranger.id);
  await endOtherSessions(other);
  expect(await listNewSignIns(other)).toEqual([]);
  const back = await openSession(login, known);
  await endOtherSessions(back);
  expect((await listNewSignIns(back)).map(({ isOpen }) => isOpen)).toEqual([false, false]);
  await endOtherSession(back, stranger.id);
  expect(await listNewSignIns(back)).toMatchObject([{ id: other.id }]);
  expect(await confirmSignIn(back, other.id)).toBe(true);
  expect(await listNewSignIns(back)).toEqual([]);
  expect((await listEvents(userId)).events.slice(0, 2)).toMatchObject([
    { action: "device_confirmed" },
    { action: "device_rejected" },
  ]);
  expect(home.isNew).toBe(false);
});

test("an answer is of all sign-ins of the same browser, whichever was asked about", async () => {
  const { login, home } = await arrive();
  const [mine, thiefs] = [browserOf(login.proven.address), browserOf(login.proven.address)];
  const [first, second] = [await openSession(login, mine), await openSession(login, mine)];
  const [third, fourth] = [await openSession(login, thiefs), await openSession(login, thiefs)];
  await endSession(first.id);
  expect(await confirmSignIn(home, first.id)).toBe(true);
  expect(await checkSession(second.id)).toMatchObject({ isNew: false });
  await endOtherSession(home, third.id);
  expect(await checkSession(fourth.id)).toBeNull();
  expect(await listNewSignIns(home)).toEqual([]);
  expect(await openSession(login, mine)).toMatchObject({ isNew: false });
  expect(await openSession(login, thiefs)).toMatchObject({ isNew: true });
});

test("a new session can vouch neither for itself nor for another new one, nor anybody for other people's", async () => {
  const { login, home } = await arrive();
  const [one, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect(await confirmSignIn(one, one.id)).toBe(false);
  expect(await confirmSignIn(one, other.id)).toBe(false);
  expect(await confirmSignIn(other, one.id)).toBe(false);
  expect(await confirmSignIn((await arrive()).home, one.id)).toBe(false);
  expect((await listNewSignIns(home)).map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
});

test("a device that a trusted one has ended is trusted no longer, and ending all others cancels what they asked for", async () => {
  const { login, home, userId } = await arrive();
  const lost = browserOf(login.proven.address);
  const first = await openSession(login, lost);
  expect(await confirmSignIn(home, first.id)).toBe(true);
  const trusted = await openSession(login, lost);
  expect(trusted).toMatchObject({ isNew: false });
  await endOtherSession(home, trusted.id);
  const again = await openSession(login, lost);
  expect(again).toMatchObject({ isNew: true });

  await write((tx) => delayChange(tx, again, { action: "deletion" }, new Date()));
  await endOtherSessions(home);
  expect(await readPrimary.delayedChange.findMany({ where: { userId } })).toEqual([]);
  expect(await checkSession(home.id)).not.toBeNull();
});
