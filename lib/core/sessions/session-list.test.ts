import { expect, _baseTest as test } from "playwright/test";
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

/** Signs a person up in a browser, and opens its session there. */
async function signUpInBrowser(now = new Date()) {
  const person = await signUp({ now });
  const login = { userId: person.userId, proven: phoneRecipient(person.phone) };
  const known = browserOf(person.phone);
  const home = await openSession({ ...login, created: true }, known, now);
  return { ...person, login, home, known };
}

/** A browser that has logged in with this phone. */
function browserOf(phone: Phone, agent: string | null = null): Requester {
  return { ...anybody(), agent, browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
}

test("the list of sessions has device and network of each, the newest first", async () => {
  const now = new Date();
  await signUpInBrowser(now);
  const { login, home } = await signUpInBrowser(now);
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

test("a session that has ended is not listed", async () => {
  const now = new Date();
  const { login, home } = await signUpInBrowser(now);
  const client = await openClientSession(login, anybody(), now);
  const idsAt = async (ms: number) => (await listSessions(home, after(now, ms))).sessions.map(({ id }) => id).sort();
  expect(await idsAt(SESSION_IDLE_MS - 1)).toEqual([home.id, client.id].sort());
  expect(await idsAt(SESSION_IDLE_MS)).toEqual([client.id]);
  expect(await idsAt(SESSION_TTL_MS)).toEqual([]);
});

test("a page lists a limited number of sessions, and always the current one", async () => {
  const now = new Date();
  const { login, home } = await signUpInBrowser(now);
  for (let at = 0; at <= SESSIONS_LISTED_MAX; at += 1) await openClientSession(login, anybody(), after(now, at + 1));
  const { sessions, isCut } = await listSessions(home, now);
  expect(isCut).toBe(true);
  expect(sessions).toHaveLength(SESSIONS_LISTED_MAX + 1);
  expect(sessions.at(-1)).toMatchObject({ id: home.id, isOwn: true });
  await endOtherSessions(home);
  expect((await listSessions(home, now)).sessions.map(({ id }) => id)).toEqual([home.id]);
});

test("a session can end one or all other sessions, of its own account only", async () => {
  const [one, stranger] = [await signUpInBrowser(), await signUpInBrowser()];
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

test("a sign-in is from a new device unless its browser made the account or was confirmed", async () => {
  const { login, home, known, userId } = await signUpInBrowser();
  expect(home.isNew).toBe(false);
  expect(await openSession(login, known)).toMatchObject({ isNew: false });
  // The browser's cookie says that it has logged in with this phone before.
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

test("a client application is trusted by its device token, and not by its name and network", async () => {
  const { login, home } = await signUpInBrowser();
  const application = { ...browserOf(login.proven.address, "okhttp/4.12.0"), network: "192.0.2.1" };
  const first = await openClientSession(login, application);
  const second = await openClientSession(login, application);
  expect([first, second]).toMatchObject([{ isNew: true }, { isNew: true }]);
  // A second sign-in does not confirm the application.
  expect(await confirmSignIn(second, first.id)).toBe(false);
  expect(await confirmSignIn(home, first.id)).toBe(true);
  const elsewhere = { ...application, network: "192.0.2.2", agent: "okhttp/5.0.0" };
  expect(await openClientSession(login, elsewhere)).toMatchObject({ isNew: false });
  for (const browser of [null, browserOf(login.proven.address).browser]) {
    expect(await openClientSession(login, { ...application, browser })).toMatchObject({ isNew: true });
  }
  expect(await openClientSession((await signUpInBrowser()).login, application)).toMatchObject({ isNew: true });
});

test("an application that made the account is not a new device when it signs in again", async () => {
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const application = browserOf(phone, "okhttp/4.12.0");
  expect(await openClientSession({ ...login, created: true }, application)).toMatchObject({ isNew: false });
  expect(await openClientSession(login, application)).toMatchObject({ isNew: false });
});

test("a browser that was not confirmed is a new device again at its next sign-in, though it is recognised", async () => {
  const { login, home } = await signUpInBrowser();
  const thief = browserOf(login.proven.address, "Mozilla/5.0 Thief");
  const first = await openSession(login, thief);
  const returning = { ...login, isReturning: true };
  const again = await openSession(returning, thief);
  // The browser has another User-Agent, and its earlier sessions are gone.
  const disguised = await openSession(returning, { ...thief, agent: WINDOWS });
  const open = [first, again, disguised];
  for (const one of open) expect(await confirmSignIn(one, first.id)).toBe(false);
  expect((await listNewSignIns(home)).map(({ id }) => id).toSorted()).toEqual(open.map(({ id }) => id).toSorted());
  for (const { id } of open) await endSession(id);
  const returned = await openSession(returning, thief);
  expect([...open, returned].map(({ isNew }) => isNew)).toEqual([true, true, true, true]);
});

test("a returning browser is confirmed without a trusted device only if the account has none, logged in or not", async () => {
  const now = new Date();
  const { login, home } = await signUpInBrowser(now);
  await endSession(home.id);
  const laptop = browserOf(login.proven.address);
  const returning = { ...login, isReturning: true };
  for (const each of [login, returning, returning])
    expect(await openSession(each, laptop, now)).toMatchObject({ isNew: true });
  // The trusted browser has not logged in for a year.
  const later = after(now, KNOWN_BROWSER_TTL_MS);
  const other = await openSession(login, browserOf(login.proven.address), later);
  expect(other.isNew).toBe(true);
  expect(await openSession(login, laptop, later)).toMatchObject({ isNew: true });
  const second = await openSession(returning, laptop, later);
  expect(second.isNew).toBe(false);
  // The browser's session is not warned of its own sign-in, and can confirm others.
  expect((await listNewSignIns(second, later)).map(({ id }) => id)).toEqual([other.id]);
  expect(await confirmSignIn(second, other.id, later)).toBe(true);
});

test("a stranger who ends all other sessions, logs out and signs in again is still unconfirmed", async () => {
  const { login, home, known } = await signUpInBrowser();
  const thief = browserOf(login.proven.address);
  const first = await openSession(login, thief);
  await endOtherSessions(first);
  expect(await checkSession(home.id)).toBeNull();
  await endSession(first.id);
  const again = await openSession({ ...login, isReturning: true }, thief);
  expect(again.isNew).toBe(true);
  // The owner signs in again, and is warned of both sign-ins.
  const back = await openSession({ ...login, isReturning: true }, known);
  expect(back.isNew).toBe(false);
  expect(await listNewSignIns(back)).toMatchObject([
    { id: again.id, isOpen: true },
    { id: first.id, isOpen: false },
  ]);
});

test("a confirmed browser is not a new device at its next sign-in, even with another User-Agent", async () => {
  const { login, home } = await signUpInBrowser();
  const laptop = browserOf(login.proven.address);
  const { id } = await openSession(login, laptop);
  expect(await confirmSignIn(home, id)).toBe(true);
  await endSession(id);
  expect(await openSession(login, { ...laptop, agent: WINDOWS })).toMatchObject({ isNew: false });
  expect(await openSession(login, browserOf(login.proven.address))).toMatchObject({ isNew: true });
  const other = await signUpInBrowser();
  expect(await openSession(other.login, laptop)).toMatchObject({ isNew: true });
});

test("a trusted browser is a new device again after a year without a login", async () => {
  const now = new Date();
  const { login, known } = await signUpInBrowser(after(now, 1 - 2 * KNOWN_BROWSER_TTL_MS));
  expect(await openSession(login, known, after(now, -KNOWN_BROWSER_TTL_MS))).toMatchObject({ isNew: false });
  expect(await openSession(login, known, now)).toMatchObject({ isNew: true });
});

test("every session but the new one is warned of a sign-in until a trusted device confirms it", async () => {
  const { login, home, known, userId } = await signUpInBrowser();
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

test("trusted devices are warned of a sign-in until one of them confirms or rejects it, even after its session has ended", async () => {
  const { login, home, known, userId } = await signUpInBrowser();
  const [stranger, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  await endSession(stranger.id);
  // An unconfirmed session can end another session, but can't reject its sign-in.
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

test("all unconfirmed sign-ins of a browser are confirmed or rejected together", async () => {
  const { login, home } = await signUpInBrowser();
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

test("an unconfirmed session can confirm neither itself nor another one, and no session one of another account", async () => {
  const { login, home } = await signUpInBrowser();
  const [one, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect(await confirmSignIn(one, one.id)).toBe(false);
  expect(await confirmSignIn(one, other.id)).toBe(false);
  expect(await confirmSignIn(other, one.id)).toBe(false);
  expect(await confirmSignIn((await signUpInBrowser()).home, one.id)).toBe(false);
  expect((await listNewSignIns(home)).map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
});

test("a device whose session a trusted one ended is not trusted any more, and ending all others cancels their changes", async () => {
  const { login, home, userId } = await signUpInBrowser();
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
