import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { mailLoginCode, phoneLoginCode, signInByEmail, signInByPhone } from "@/lib/core/accounts/sign-in";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { activateInvite } from "@/lib/core/invites/activation";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { checkBroughtInvite, getInvite, previewInvite } from "@/lib/core/invites/look-up";
import { keyedHash } from "@/lib/core/keyed-hash";
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
  VERIFIED_SENDS_PER_IP_PER_HOUR,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "@/lib/core/policy";
import { ACTIVATIONS_OF_USER, networkCharges, record, VERIFIED_SENDS_FROM_NETWORK } from "@/lib/core/rate-limits";
import { readPrimary, write } from "@/lib/db/database";
import { failed } from "@/lib/senders/sender";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  freshOwner,
  freshPhone,
  receiveCode,
  receiveCodeOf,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { getCodeStatus } from "./code-status";
import { requestCode } from "./request-code";

const HOUR_MS = 60 * 60 * 1000;
const accepting = senderOf(async () => true);
const refusing = senderOf(async () => false);
const failing = { ...refusing, send: async () => failed("server_error", 500) };

/** Requests a code in a browser that has requested none before. */
function requestAs(phone: Phone, by: Requester, now: Date, sender = accepting) {
  return requestCode(phoneLoginCode(freshOwner(phone)), by, { now, sender });
}

/** A browser that has logged in with this phone. */
function recognisedBy(phone: Phone, network = anybody().network): Requester {
  return { network, agent: null, browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
}

/** Returns how many of `asks` calls were granted. The calls run one after the other. */
async function countGranted(asks: number, once: () => Promise<{ ok: boolean }>): Promise<number> {
  let granted = 0;
  for (let at = 0; at < asks; at += 1) granted += Number((await once()).ok);
  return granted;
}

test("a phone is sent five codes an hour and ten a day, from all requesters together", async () => {
  const now = new Date();
  const phone = freshPhone();
  expect(await countGranted(7, () => requestAs(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(await requestAs(phone, anybody(), after(now, 60_000))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS - 60_000 },
  });
  expect(await countGranted(7, () => requestAs(phone, anybody(), after(now, HOUR_MS)))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(SENDS_PER_PHONE_PER_DAY).toBe(2 * SENDS_PER_PHONE_PER_HOUR);
  expect(await requestAs(phone, anybody(), after(now, 2 * HOUR_MS))).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: 22 * HOUR_MS },
  });
  expect((await requestAs(phone, anybody(), after(now, 24 * HOUR_MS))).ok).toBe(true);
});

test("of parallel requests for one phone as many are granted as it has codes left", async () => {
  const now = new Date();
  const phone = freshPhone();
  const sent = await Promise.all(Array.from({ length: 12 }, () => requestAs(phone, anybody(), now)));
  expect(sent.filter(({ ok }) => ok)).toHaveLength(SENDS_PER_PHONE_PER_HOUR);
});

test("one network can use up half of a phone's hourly codes, and leaves the rest to other networks", async () => {
  const now = new Date();
  const phone = freshPhone();
  const neighbour = anybody();
  expect(await countGranted(6, () => requestAs(phone, neighbour, now))).toBe(SENDS_PER_PHONE_AND_IP_PER_HOUR);
  expect(await countGranted(6, () => requestAs(phone, anybody(), now))).toBe(
    SENDS_PER_PHONE_PER_HOUR - SENDS_PER_PHONE_AND_IP_PER_HOUR,
  );
});

test("one network that keeps requesting can use up half of a phone's daily codes", async () => {
  const now = new Date();
  const phone = freshPhone();
  const neighbour = anybody();
  let granted = 0;
  for (let hours = 0; hours < 8; hours += 1) {
    granted += await countGranted(6, () => requestAs(phone, neighbour, after(now, hours * HOUR_MS)));
  }
  expect(granted).toBe(SENDS_PER_PHONE_AND_IP_PER_DAY);
  expect(failureOf(await requestAs(phone, anybody(), after(now, 8 * HOUR_MS)))).toBe("none");
});

test("one network has twenty codes an hour sent, to all phones together", async () => {
  const now = new Date();
  const by = anybody();
  expect(await countGranted(25, () => requestAs(freshPhone(), by, now))).toBe(SENDS_PER_IP_PER_HOUR);
  expect((await requestAs(freshPhone(), anybody(), now)).ok).toBe(true);
});

test("a recognised browser gets its code without a wait after strangers have used up all other codes of the phone", async () => {
  const now = new Date();
  const phone = freshPhone();
  const network = anybody().network;
  await countGranted(10, () => requestAs(phone, anybody(), now));
  await countGranted(25, () => requestAs(freshPhone(), { ...anybody(), network }, now));
  const owner = freshOwner(phone);
  const by = recognisedBy(phone, network);
  const own = phoneLoginCode(owner);
  for (let sends = 0; sends < SENDS_PER_KNOWN_BROWSER_PER_DAY; sends += 1) {
    expect(failureOf(await requestCode(own, by, { now, sender: accepting }))).toBe("none");
    const isLast = sends === SENDS_PER_KNOWN_BROWSER_PER_DAY - 1;
    expect((await getCodeStatus(own, by, now))?.resendInMs).toBe(isLast ? HOUR_MS : 0);
  }
  // The browser's own limit is used up. From now on it shares the limits of all requesters.
  expect(failureOf(await requestCode(own, by, { now, sender: accepting }))).toBe("resend_too_early");
  const waited = after(now, Math.max(...RESEND_AFTER_MS));
  expect(failureOf(await requestCode(own, by, { now: waited, sender: accepting }))).toBe("budget_spent");
  expect(failureOf(await requestCode(own, by, { now: after(now, 24 * HOUR_MS), sender: accepting }))).toBe("none");
});

test("all recognised browsers of a phone together get as many codes as all strangers together", async () => {
  const now = new Date();
  const phone = freshPhone();
  const browsers = Array.from({ length: SENDS_PER_PHONE_PER_DAY }, () => recognisedBy(phone));
  let granted = 0;
  for (const by of browsers)
    granted += await countGranted(SENDS_PER_KNOWN_BROWSER_PER_DAY, () => requestAs(phone, by, now));
  // After their own limit the browsers can use the phone's hourly codes as any requester can.
  expect(granted).toBe(SENDS_PER_PHONE_PER_DAY + SENDS_PER_PHONE_PER_HOUR);
});

test("a browser that one phone recognises is a stranger to another phone", async () => {
  const now = new Date();
  const phone = freshPhone();
  await countGranted(10, () => requestAs(phone, anybody(), now));
  expect(failureOf(await requestAs(phone, recognisedBy(freshPhone()), now))).toBe("budget_spent");
});

test("a code that no channel could send is not charged", async () => {
  const now = new Date();
  const phone = freshPhone();
  const by = recognisedBy(phone);
  for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR + 1; asks += 1) {
    expect(failureOf(await requestAs(phone, anybody(), now, failing))).toBe("code_not_sent");
    expect(failureOf(await requestAs(phone, by, now, failing))).toBe("code_not_sent");
  }
  expect(await countGranted(7, () => requestAs(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
  expect(await countGranted(SENDS_PER_KNOWN_BROWSER_PER_DAY, () => requestAs(phone, by, now))).toBe(
    SENDS_PER_KNOWN_BROWSER_PER_DAY,
  );
});

test("a number that every channel refuses is charged to the requester, and not to its owner", async () => {
  const now = new Date();
  const phone = freshPhone();
  const by = anybody();
  for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR; asks += 1) {
    expect(failureOf(await requestAs(phone, by, now, refusing))).toBe("code_not_sent");
  }
  expect(failureOf(await requestAs(phone, by, now, refusing))).toBe("budget_spent");
  expect(await countGranted(7, () => requestAs(phone, anybody(), now))).toBe(SENDS_PER_PHONE_PER_HOUR);
});

test("a refused request changes no challenge and no counter but those of stored refusals", async () => {
  const now = new Date();
  const by = anybody();
  await countGranted(SENDS_PER_IP_PER_HOUR, () => requestAs(freshPhone(), by, now));
  const readRows = async () => {
    const [codes, counters] = [await readPrimary.challenge.findMany(), await readPrimary.counter.findMany()];
    return [...codes.map(({ recipient }) => recipient), ...counters.map(({ key }) => key)];
  };
  const before = new Set(await readRows());
  for (let asks = 0; asks < 5; asks += 1)
    expect(failureOf(await requestAs(freshPhone(), by, now))).toBe("budget_spent");
  const added = (await readRows()).filter((row) => !before.has(row));
  expect(added.filter((row) => !row.startsWith("refusals "))).toEqual([]);
});

test("of parallel requests for a longer code one is granted, and the others have to wait", async () => {
  const now = new Date();
  const owner = freshOwner();
  const by = anybody();
  const code = await receiveCode(owner, now, by);
  const wrongCodes = Array.from({ length: 5 }, () => ({
    recipient: keyedHash(owner.phone),
    at: now,
  }));
  await write((tx) => tx.wrongCode.createMany({ data: wrongCodes }));
  const requests = Array.from({ length: 3 }, () =>
    requestCode(phoneLoginCode(owner), by, { now: after(now, 1), sender: accepting }),
  );
  expect((await Promise.all(requests)).map(failureOf).sort()).toEqual(["none", "resend_too_early", "resend_too_early"]);
  expect(failureOf(await signInByPhone({ ...owner, code }, by, { now: after(now, 2) }))).toBe("code_wrong");
});

test("a network that used up its thirty wrong codes of an hour needs codes of eight digits, and right ones still work", async () => {
  const now = new Date();
  const by = anybody();
  /** Types a code, right or wrong, from `as`. The code was requested from `holder`. */
  const type = async ({ isRight = true, at = now, holder = anybody(), as = by } = {}) => {
    const owner = freshOwner();
    const code = await receiveCode(owner, at, holder);
    const typed = await signInByPhone({ ...owner, code: isRight ? code : wrongCode(code) }, as, { now: at });
    return { digits: code.length, failure: failureOf(typed) };
  };
  for (let logins = 0; logins < 3; logins += 1) expect(await type()).toEqual({ digits: 4, failure: "none" });
  for (let wrong = 0; wrong < WRONG_CODES_PER_IP_PER_HOUR; wrong += 1) {
    expect(await type({ isRight: false })).toEqual({ digits: 4, failure: "code_wrong" });
  }
  expect(await type(), "a short code is refused here, wherever it was asked for").toEqual({
    digits: 4,
    failure: "code_expired",
  });
  const waiting = freshOwner();
  await receiveCode(waiting, now);
  const status = await getCodeStatus(phoneLoginCode(waiting), by, now);
  expect(status, "a longer one needs no wait").toMatchObject({ state: "outgrown", resendInMs: 0 });
  expect(await getCodeStatus(phoneLoginCode(waiting), anybody(), now)).toMatchObject({ state: "live" });
  expect(await type({ holder: by })).toEqual({ digits: 8, failure: "none" });
  expect(await type({ as: anybody() })).toEqual({ digits: 4, failure: "none" });
  expect(await type({ at: after(now, HOUR_MS), holder: by })).toEqual({ digits: 4, failure: "none" });
  // The phone recognises this browser, so the wrong codes of its network don't matter.
  const owner = freshOwner();
  const recognised = recognisedBy(owner.phone, by.network);
  const code = await receiveCode(owner, now, recognised);
  expect(code).toHaveLength(4);
  expect(failureOf(await signInByPhone({ ...owner, code }, recognised, { now }))).toBe("none");
});

test("each attempt of a network counts, whether or not a code is live", async () => {
  const now = new Date();
  const by = anybody();
  for (let tries = 0; tries < WRONG_CODES_PER_IP_PER_HOUR; tries += 1) {
    const code = "0000" as Parameters<typeof signInByPhone>[0]["code"];
    expect(failureOf(await signInByPhone({ ...freshOwner(), code }, by, { now }))).toBe("code_expired");
  }
  expect(await receiveCode(freshOwner(), now, by)).toHaveLength(8);
});

test("a network gets the charge of each right code back, up to two hundred an hour", async () => {
  const now = new Date();
  const by = anybody();
  const logIn = async (phone = freshPhone()) => {
    const owner = freshOwner(phone);
    const code = await receiveCode(owner, now, by);
    expect(failureOf(await signInByPhone({ ...owner, code }, anybody(), { now }))).toBe("none");
  };
  for (let logins = 0; logins < SENDS_PER_IP_PER_HOUR + 5; logins += 1) await logIn();
  const phone = freshPhone();
  for (let logins = 0; logins < SENDS_PER_PHONE_AND_IP_PER_HOUR; logins += 1) await logIn(phone);
  expect(failureOf(await requestAs(phone, by, now)), "a phone's own codes are not refunded").toBe("budget_spent");
  for (let at = 0; at < VERIFIED_SENDS_PER_IP_PER_HOUR; at += 1) {
    await write((tx) => record(tx, networkCharges(VERIFIED_SENDS_FROM_NETWORK, by.network), now));
  }
  for (let logins = 0; logins < SENDS_PER_IP_PER_HOUR; logins += 1) await logIn();
  expect(failureOf(await requestAs(freshPhone(), by, now)), "the wider limit is spent").toBe("budget_spent");
});

test("a code that signs up by mail alone is not refunded, and one that logs in by mail is", async () => {
  const now = new Date();
  const by = anybody();
  const known = { email: freshEmail(), phone: freshPhone() };
  const logIn = async ({ email, phone } = { email: freshEmail(), phone: freshPhone() }) => {
    const { holder } = freshOwner();
    const code = await receiveCodeOf(mailLoginCode({ email, holder }), now, by);
    expect(failureOf(await signInByEmail({ email, phone, holder, code }, anybody(), { now }))).toBe("none");
  };
  await logIn(known);
  for (let logins = 1; logins < SENDS_PER_PHONE_AND_IP_PER_HOUR; logins += 1) await logIn(known);
  for (let signUps = 1; signUps < SENDS_PER_IP_PER_HOUR; signUps += 1) await logIn();
  expect(failureOf(await requestAs(freshPhone(), by, now))).toBe("budget_spent");
});

test("a code that no channel accepts leaves no row of its request", async () => {
  const now = new Date();
  const by = anybody();
  const readRows = async () => {
    const [codes, counters] = [await readPrimary.challenge.findMany(), await readPrimary.counter.findMany()];
    return [...codes.map(({ recipient }) => recipient), ...counters.map(({ key }) => key)];
  };
  const before = new Set(await readRows());
  for (let asks = 0; asks < 10; asks += 1) {
    expect(failureOf(await requestAs(freshPhone(), by, now, failing))).toBe("code_not_sent");
  }
  const added = (await readRows()).filter((row) => !before.has(row));
  // The counters of the day's messages exist for all requesters together.
  expect(added.filter((row) => !row.startsWith("message"))).toEqual([]);
});

test("of parallel guesses from one network at many phones as many are compared as it has left", async () => {
  const now = new Date();
  const by = anybody();
  const owners = Array.from({ length: WRONG_CODES_PER_IP_PER_HOUR / TRIES_PER_CODE + 3 }, () => freshOwner());
  const guesses = [];
  for (const owner of owners) {
    const code = wrongCode(await receiveCode(owner, now));
    guesses.push(...Array.from({ length: TRIES_PER_CODE }, () => ({ ...owner, code })));
  }
  const results = await Promise.all(guesses.map((guess) => signInByPhone(guess, by, { now })));
  expect(results.filter((result) => failureOf(result) === "code_wrong")).toHaveLength(WRONG_CODES_PER_IP_PER_HOUR);
});

/** The ways to look an invite code up: before a sign-in, and as a preview in an account. */
const LOOKUPS = [
  (_: number, code: InviteCode, by: Requester, now: Date) => getInvite(code, by, now),
  (userId: number, code: InviteCode, by: Requester, now: Date) => previewInvite({ userId, code }, by, now),
];

test("a valid invitation can be opened by any number of people behind one address, in every way", async () => {
  const now = new Date();
  const by = anybody();
  const [{ inviteCode }, { userId }] = [await signUp(), await signUp()];
  for (let lookups = 0; lookups < 2 * INVITE_LOOKUPS_PER_IP_PER_HOUR; lookups += 1) {
    const found = await LOOKUPS[lookups % 2]?.(userId, inviteCode, by, now);
    expect(found && failureOf(found)).toBe("none");
  }
  const crowd = Array.from({ length: 2 * INVITE_LOOKUPS_PER_IP_PER_HOUR }, () => getInvite(inviteCode, by, now));
  expect((await Promise.all(crowd)).every(({ ok }) => ok)).toBe(true);
  expect(await readPrimary.counter.findMany({ where: { key: `invite lookups from ${by.network}` } })).toEqual([]);
});

test("one network can look up sixty unknown invite codes an hour, in any way, and no code at all after that", async () => {
  const now = new Date();
  const by = anybody();
  const { userId, inviteCode } = await signUp();
  for (let lookups = 0; lookups < INVITE_LOOKUPS_PER_IP_PER_HOUR; lookups += 1) {
    const found = await LOOKUPS[lookups % 2]?.(userId, drawInviteCode(), by, now);
    expect(found && failureOf(found)).toBe("invite_unknown");
  }
  for (const lookUp of LOOKUPS) {
    for (const code of [inviteCode, drawInviteCode()]) {
      expect(failureOf(await lookUp(userId, code, by, now))).toBe("budget_spent");
    }
  }
  expect(failureOf(await getInvite(inviteCode, anybody(), now))).toBe("none");
  expect(failureOf(await getInvite(inviteCode, by, after(now, HOUR_MS)))).toBe("none");
});

test("parallel look-ups of one network get no more unknown codes than it has left, and the limit then hides valid codes too", async () => {
  const now = new Date();
  const by = anybody();
  const { inviteCode } = await signUp();
  const misses = Array.from({ length: 2 * INVITE_LOOKUPS_PER_IP_PER_HOUR }, () => getInvite(drawInviteCode(), by, now));
  const failures = (await Promise.all(misses)).map(failureOf);
  expect(failures.filter((name) => name === "invite_unknown")).toHaveLength(INVITE_LOOKUPS_PER_IP_PER_HOUR);
  expect(failures.filter((name) => name === "budget_spent")).toHaveLength(INVITE_LOOKUPS_PER_IP_PER_HOUR);
  expect(failureOf(await getInvite(inviteCode, by, now))).toBe("budget_spent");
});

test("a network that has used up its look-ups loses no invitation of an application, and learns nothing of the code", async () => {
  const now = new Date();
  const by = anybody();
  const { inviteCode } = await signUp();
  const bring = (code: InviteCode) => checkBroughtInvite(code, by, now);
  expect(await bring(inviteCode)).toEqual({ code: inviteCode, isChecked: true });
  for (let lookups = 0; lookups < INVITE_LOOKUPS_PER_IP_PER_HOUR; lookups += 1)
    expect(await bring(drawInviteCode())).toBeNull();
  for (const code of [inviteCode, drawInviteCode()]) expect(await bring(code)).toEqual({ code, isChecked: false });
});

test("an account can try ten activations an hour, and not even the right code after that", async () => {
  const now = new Date();
  const [inviter, invitee] = [await signUp(), await signUp()];
  const { userId } = invitee;
  for (let tries = 0; tries < ACTIVATIONS_PER_USER_PER_HOUR; tries += 1) {
    expect(failureOf(await activateInvite({ userId, code: null }, now))).toBe("invite_unknown");
  }
  const { inviteCode: code } = inviter;
  expect(await activateInvite({ userId, code }, now)).toEqual({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: HOUR_MS, limit: ACTIVATIONS_OF_USER.name },
  });
  expect(failureOf(await previewInvite({ userId, code }, anybody(), now))).toBe("budget_spent");
  expect((await getProfile(userId))?.activated).toBeNull();
  expect(failureOf(await activateInvite({ userId, code }, after(now, HOUR_MS)))).toBe("none");
});
