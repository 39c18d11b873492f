import { expect, test } from "playwright/test";
import { readPrimary, write } from "@/lib/db/database";
import { failed } from "@/lib/senders/sender";
import { getProfile } from "./accounts";
import { getCodeStatus } from "./challenges";
import { drawInviteCode } from "./invite-code";
import { activateInvite, getInvite, previewInvite } from "./invites";
import { phoneLoginCode, register, verifyCode } from "./login";
import type { Phone } from "./phone";
import {
  ACTIVATIONS_PER_USER_PER_HOUR,
  INVITE_LOOKUPS_PER_IP_PER_HOUR,
  RESEND_AFTER_MS,
  SENDS_PER_IP_PER_HOUR,
  SENDS_PER_KNOWN_BROWSER_PER_DAY,
  SENDS_PER_PHONE_AND_IP_PER_DAY,
  SENDS_PER_PHONE_AND_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_DAY,
  SENDS_PER_PHONE_PER_HOUR,
  TRIES_PER_CODE,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "./policy";
import { phoneRecipient } from "./recipient";
import type { Requester } from "./requester";
import { requestCode } from "./sending";
import { after, anybody, failureOf, freshOwner, freshPhone, receiveCode, senderOf, signUp, wrongCode } from "./testing";

const HOUR_MS = 60 * 60 * 1000;
const accepting = senderOf(async () => true);
const refusing = senderOf(async () => false);
const failing = { ...refusing, send: async () => failed("server_error", 500) };

/** Asks for a code in a browser that has never asked before. */
function ask(phone: Phone, by: Requester, now: Date, sender = accepting) {
  return requestCode(phoneLoginCode(freshOwner(phone)), by, { now, sender });
}

/** A browser that has logged in by this phone. */
function knownTo(phone: Phone, network = anybody().network): Requester {
  return { network, agent: null, browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
}

/** How many of the asks were granted, one after the other. */
async function countGranted(asks: number, once: () => Promise<{ ok: boolean }>): Promise<number> {
  let granted = 0;
  for (let at = 0; at < asks; at += 1) granted += Number((await once()).ok);
  return granted;
}

test("a phone is sent five codes an hour and ten a day, whoever asks", async () => {
  const now = new Date();
  const phone = freshPhone();
  expect(await countGranted(7, () => ask(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(await ask(phone, anybody(), after(now, 60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000 },
  });
  expect(await countGranted(7, () => ask(phone, anybody(), after(now, HOUR_MS)))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(SENDS_PER_PHONE_PER_DAY).toBe(2 * SENDS_PER_PHONE_PER_HOUR);
  expect(await ask(phone, anybody(), after(now, 2 * HOUR_MS))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: 22 * HOUR_MS },
  });
  expect((await ask(phone, anybody(), after(now, 24 * HOUR_MS))).ok).toBe(true);
});

test("of parallel requests for one phone as many are granted as there are codes left", async () => {
  const now = new Date();
  const phone = freshPhone();
  const sent = await Promise.all(Array.from({ length: 12 }, () => ask(phone, anybody(), now)));
  expect(sent.filter(({ ok }) => ok)).toHaveLength(SENDS_PER_PHONE_PER_HOUR);
});

test("one network can use up half of a phone's codes, and leaves the rest to others", async () => {
  const now = new Date();
  const phone = freshPhone();
  const neighbour = anybody();
  expect(await countGranted(6, () => ask(phone, neighbour, now))).toBe(SENDS_PER_PHONE_AND_IP_PER_HOUR);
  expect(await countGranted(6, () => ask(phone, anybody(), now))).toBe(
    SENDS_PER_PHONE_PER_HOUR - SENDS_PER_PHONE_AND_IP_PER_HOUR,
  );
});

test("one network that keeps asking can use up half of a phone's codes of a day", async () => {
  const now = new Date();
  const phone = freshPhone();
  const neighbour = anybody();
  let granted = 0;
  for (let hours = 0; hours < 8; hours += 1) {
    granted += await countGranted(6, () => ask(phone, neighbour, after(now, hours * HOUR_MS)));
  }
  expect(granted).toBe(SENDS_PER_PHONE_AND_IP_PER_DAY);
  expect(failureOf(await ask(phone, anybody(), after(now, 8 * HOUR_MS)))).toBe("none");
});

test("one network is sent twenty codes an hour, to whomever", async () => {
  const now = new Date();
  const by = anybody();
  expect(await countGranted(25, () => ask(freshPhone(), by, now))).toBe(SENDS_PER_IP_PER_HOUR);
  expect((await ask(freshPhone(), anybody(), now)).ok).toBe(true);
});

test("a browser that is known to a phone gets its code, and at once, when strangers have used up all others", async () => {
  const now = new Date();
  const phone = freshPhone();
  const network = anybody().network;
  await countGranted(10, () => ask(phone, anybody(), now));
  await countGranted(25, () => ask(freshPhone(), { ...anybody(), network }, now));
  const owner = freshOwner(phone);
  const by = knownTo(phone, network);
  const own = phoneLoginCode(owner);
  for (let sends = 0; sends < SENDS_PER_KNOWN_BROWSER_PER_DAY; sends += 1) {
    expect(failureOf(await requestCode(own, by, { now, sender: accepting }))).toBe("none");
    const isLast = sends === SENDS_PER_KNOWN_BROWSER_PER_DAY - 1;
    expect((await getCodeStatus(own, by, now))?.resendInMs).toBe(isLast ? HOUR_MS : 0);
  }
  // From then on it is like any other.
  expect(failureOf(await requestCode(own, by, { now, sender: accepting }))).toBe("resend_too_early");
  const waited = after(now, Math.max(...RESEND_AFTER_MS));
  expect(failureOf(await requestCode(own, by, { now: waited, sender: accepting }))).toBe("budget_spent");
  expect(failureOf(await requestCode(own, by, { now: after(now, 24 * HOUR_MS), sender: accepting }))).toBe("none");
});

test("however many browsers are known to a phone, together they get as many codes as all strangers do", async () => {
  const now = new Date();
  const phone = freshPhone();
  const browsers = Array.from({ length: SENDS_PER_PHONE_PER_DAY }, () => knownTo(phone));
  let granted = 0;
  for (const by of browsers) granted += await countGranted(SENDS_PER_KNOWN_BROWSER_PER_DAY, () => ask(phone, by, now));
  // The rest of them are anybody's, who have the hour's.
  expect(granted).toBe(SENDS_PER_PHONE_PER_DAY + SENDS_PER_PHONE_PER_HOUR);
});

test("a browser that is known to one phone is a stranger to another", async () => {
  const now = new Date();
  const phone = freshPhone();
  await countGranted(10, () => ask(phone, anybody(), now));
  expect(failureOf(await ask(phone, knownTo(freshPhone()), now))).toBe("budget_spent");
});

test("a code that no channel could send costs nothing", async () => {
  const now = new Date();
  const phone = freshPhone();
  const by = knownTo(phone);
  for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR + 1; asks += 1) {
    expect(failureOf(await ask(phone, anybody(), now, failing))).toBe("code_not_sent");
    expect(failureOf(await ask(phone, by, now, failing))).toBe("code_not_sent");
  }
  expect(await countGranted(7, () => ask(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(await countGranted(SENDS_PER_KNOWN_BROWSER_PER_DAY, () => ask(phone, by, now))).toBe(
    SENDS_PER_KNOWN_BROWSER_PER_DAY,
  );
});

test("a number that every channel refuses costs whoever asks, so that nobody keeps asking, and its owner nothing", async () => {
  const now = new Date();
  const phone = freshPhone();
  const by = anybody();
  for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR; asks += 1) {
    expect(failureOf(await ask(phone, by, now, refusing))).toBe("code_not_sent");
  }
  expect(failureOf(await ask(phone, by, now, refusing))).toBe("budget_spent");
  expect(await countGranted(7, () => ask(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
});

test("who is refused leaves no row of having asked", async () => {
  const now = new Date();
  const by = anybody();
  await countGranted(SENDS_PER_IP_PER_HOUR, () => ask(freshPhone(), by, now));
  const readRows = async () => {
    const [codes, counters] = [await readPrimary.oneTimeCode.findMany(), await readPrimary.counter.findMany()];
    return [...codes.map(({ recipient }) => recipient), ...counters.map(({ key }) => key)];
  };
  const before = new Set(await readRows());
  for (let asks = 0; asks < 5; asks += 1) expect(failureOf(await ask(freshPhone(), by, now))).toBe("budget_spent");
  expect((await readRows()).filter((row) => !before.has(row))).toEqual([]);
});

test("of parallel requests for a longer code one passes the wait that it begins", async () => {
  const now = new Date();
  const owner = freshOwner();
  const by = anybody();
  const code = await receiveCode(owner, now, by);
  const wrongCodes = Array.from({ length: 5 }, () => ({ recipient: owner.phone, at: now }));
  await write((tx) => tx.wrongCode.createMany({ data: wrongCodes }));
  const requests = Array.from({ length: 3 }, () =>
    requestCode(phoneLoginCode(owner), by, { now: after(now, 1), sender: accepting }),
  );
  expect((await Promise.all(requests)).map(failureOf).sort()).toEqual(["none", "resend_too_early", "resend_too_early"]);
  expect(failureOf(await verifyCode({ ...owner, code }, by, { now: after(now, 2) }))).toBe("code_wrong");
});

test("one network types thirty wrong codes an hour, then even a right one has to wait; right ones cost nothing", async () => {
  const now = new Date();
  const by = anybody();
  const guess = async (isRight: boolean, at = now, as = by) => {
    const owner = freshOwner();
    const code = await receiveCode(owner, at);
    return verifyCode({ ...owner, code: isRight ? code : wrongCode(code) }, as, { now: at });
  };
  for (let logins = 0; logins < 3; logins += 1) expect(failureOf(await guess(true))).toBe("none");
  for (let wrong = 0; wrong < WRONG_CODES_PER_IP_PER_HOUR; wrong += 1) {
    expect(failureOf(await guess(false))).toBe("code_wrong");
  }
  expect(await guess(true)).toEqual({ ok: false, failure: { name: "budget_spent", retryAfterMs: HOUR_MS } });
  const waiting = freshOwner();
  await receiveCode(waiting, now);
  expect(await getCodeStatus(phoneLoginCode(waiting), by, now)).toMatchObject({ tryInMs: HOUR_MS, triesUsed: 0 });
  expect(failureOf(await guess(true, now, anybody()))).toBe("none");
  expect(failureOf(await guess(true, after(now, HOUR_MS)))).toBe("none");
  // The owner's own browser has the tries of its code, whoever else is in its network.
  const owner = freshOwner();
  const code = await receiveCode(owner, now);
  const known = knownTo(owner.phone, by.network);
  expect(failureOf(await verifyCode({ ...owner, code }, known, { now }))).toBe("none");
});

test("of parallel guesses from one network at many phones as many are compared as it has", async () => {
  const now = new Date();
  const by = anybody();
  const owners = Array.from({ length: WRONG_CODES_PER_IP_PER_HOUR / TRIES_PER_CODE + 3 }, () => freshOwner());
  const guesses = [];
  for (const owner of owners) {
    const code = wrongCode(await receiveCode(owner, now));
    guesses.push(...Array.from({ length: TRIES_PER_CODE }, () => ({ ...owner, code })));
  }
  const results = await Promise.all(guesses.map((guess) => verifyCode(guess, by, { now })));
  expect(results.filter((result) => failureOf(result) === "code_wrong")).toHaveLength(WRONG_CODES_PER_IP_PER_HOUR);
});

test("one network looks sixty invite codes up an hour: as a page, as a preview and with a registration", async () => {
  const now = new Date();
  const by = anybody();
  const { userId, inviteCode } = await signUp();
  const ways = [
    () => getInvite(inviteCode, by, now),
    () => previewInvite({ userId, code: drawInviteCode() }, by, now),
    async () => register({ ...freshOwner(), code: wrongCode(await receiveCode(freshOwner())), invite: inviteCode }, by),
  ];
  for (let lookups = 0; lookups < INVITE_LOOKUPS_PER_IP_PER_HOUR; lookups += 1) {
    expect(failureOf((await ways[lookups % 3]?.()) ?? { ok: true })).not.toBe("budget_spent");
  }
  for (const way of ways) expect(failureOf(await way())).toBe("budget_spent");
  expect(failureOf(await getInvite(inviteCode, anybody(), now))).toBe("none");
  expect(failureOf(await getInvite(inviteCode, by, after(now, HOUR_MS)))).toBe("none");
});

test("an account tries ten activations an hour, and then not even the right one", async () => {
  const now = new Date();
  const [inviter, invitee] = [await signUp(), await signUp()];
  const { userId } = invitee;
  for (let tries = 0; tries < ACTIVATIONS_PER_USER_PER_HOUR; tries += 1) {
    expect(failureOf(await activateInvite({ userId, code: null }, now))).toBe("invite_unknown");
  }
  const { inviteCode: code } = inviter;
  expect(await activateInvite({ userId, code }, now)).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS },
  });
  expect(failureOf(await previewInvite({ userId, code }, anybody(), now))).toBe("budget_spent");
  expect((await getProfile(userId))?.activated).toBeNull();
  expect(failureOf(await activateInvite({ userId, code }, after(now, HOUR_MS)))).toBe("none");
});
