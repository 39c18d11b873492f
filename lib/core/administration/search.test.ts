import { expect, _baseTest as test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { recordSending } from "@/lib/core/challenges/deliveries";
import { formatPhone, Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { drawInviteCode } from "@/lib/core/invites/invite-code";
import { keyedHash } from "@/lib/core/keyed-hash";
import { CONSOLE_LOOKS_PER_HOUR, CONSOLE_SEARCHES_PER_HOUR } from "@/lib/core/policy";
import { consume, LOOKS_OF_ADMINISTRATOR, SEARCHES_OF_ADMINISTRATOR } from "@/lib/core/rate-limits";
import { readPrimary, transact, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, anybody, failureOf, freshOwner, receiveCode, signUp, signUpByMail } from "@/lib/testing/people";
import { Reason } from "./acts";
import { blockAccount } from "./block";
import { FOUND_MAX, listPeople, readPerson, showIdentity } from "./people";
import { readRecipient } from "./recipients";
import { search, searchAccounts, searchAfterMs, searchFurther, searchRecipient } from "./search";

const HOUR_MS = 60 * 60 * 1000;

test("a person is found by a phone in any spelling, its last four digits, the invite code, and the account's id", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone, inviteCode } = await signUp();
  const typed = [phone, ` ${formatPhone(phone)} `, phone.slice(1), `8${phone.slice(2)}`, phone.slice(-4)];
  for (const text of [...typed, inviteCode.toLowerCase(), String(userId)]) {
    expect((await searchAccounts(administrator, text)).ids, text).toContain(userId);
  }
  expect(await searchAccounts(administrator, "+79459999997")).toEqual({ ids: [], next: null });
  expect(await searchAccounts(administrator, "")).toEqual({ ids: [], next: null });
});

test("a person is found by mailbox, and by a claimed phone", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone, email } = await signUpByMail();
  expect((await searchAccounts(administrator, email.toUpperCase())).ids).toEqual([userId]);
  expect((await searchAccounts(administrator, phone)).ids).toEqual([userId]);
});

test("each look at a person, and each look at the full phone, stands in the person's history", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const person = await readPerson(administrator, userId);
  expect(person.ok && person.value.phone).toBe(phone);
  const shown = await showIdentity(administrator, userId);
  expect(shown.ok && shown.value.phone).toBe(phone);
  const { events } = await listEvents(userId);
  expect(events.slice(0, 2).map(({ action, isByAdministrator }) => ({ action, isByAdministrator }))).toEqual([
    { action: "identity_shown", isByAdministrator: true },
    { action: "account_read", isByAdministrator: true },
  ]);
});

test("a search is recorded with the accounts that it found, also if no page shows them", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  await searchAccounts(administrator, phone);
  await searchAccounts(administrator, freshOwner().phone);
  const events = await readPrimary.auditEvent.findMany({ where: { actorId: administrator.userId, subjectId: null } });
  expect(events.map(({ action, details }) => [action, JSON.parse(details)])).toEqual([
    ["accounts_listed", { ids: [userId] }],
  ]);
});

test("a list of found people leaves out ids without an account", async () => {
  const { administrator } = await freshAdministrator();
  const { userId } = await signUp();
  const people = await listPeople(administrator, [userId, userId + 1_000_000]);
  expect(people.map(({ id }) => id)).toEqual([userId]);
  expect(Phone.parse(people[0]?.phone)).toBe(people[0]?.phone);
});

/** Requests a code whose message has this id of the provider, as the request with this id. */
async function request(phone: Phone, { requestId, providerId }: Record<"requestId" | "providerId", string>) {
  const now = new Date();
  const asked = {
    at: now,
    id: requestId,
    recipient: phoneRecipient(phone),
    requester: anybody(),
    purpose: "login",
  } as const;
  const accepted = { sender: "smsru", id: providerId, cost: null };
  await transact(async (tx) => recordSending(tx, { ...asked, digits: 4 }, { accepted, passedOver: [] }));
}

test("a recipient without an account is found by its phone, a request's id and a provider's message id", async () => {
  const { administrator } = await freshAdministrator();
  const { phone } = freshOwner();
  expect(await searchRecipient(administrator, phone)).toBeNull();
  const ids = { requestId: crypto.randomUUID(), providerId: `SM${crypto.randomUUID()}` };
  await request(phone, ids);
  for (const term of [formatPhone(phone), ids.requestId, ` ${ids.providerId} `])
    expect(await searchRecipient(administrator, term), term).toEqual({ hash: keyedHash(phone), userId: null });
  const read = await readRecipient(administrator, keyedHash(phone));
  expect(read.ok && read.value).toMatchObject({
    kind: "phone",
    lastDigits: phone.slice(-2),
    country: "RU",
  });
  expect(failureOf(await readRecipient(administrator, "A".repeat(43)))).toBe("recipient_unknown");
  expect(failureOf(await readRecipient(administrator, phone))).toBe("recipient_unknown");
});

test("a request of a person with an account leads to the account, until the phone leaves it", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const ids = { requestId: crypto.randomUUID(), providerId: `SM${crypto.randomUUID()}` };
  await request(phone, ids);
  for (const term of Object.values(ids))
    expect(await searchRecipient(administrator, term), term).toMatchObject({ userId });
  await removeAccount({ userId, actorId: userId, now: new Date() });
  expect(await searchRecipient(administrator, ids.requestId)).toMatchObject({ userId: null });
});

test("the request that a person signed up with leads to their account, and their last code to the whole phone", async () => {
  const { administrator } = await freshAdministrator();
  const now = after(new Date(), -1000);
  const { userId, phone } = await signUp({ now });
  expect(await searchRecipient(administrator, phone)).toMatchObject({ userId });
  const owner = freshOwner();
  await receiveCode(owner, now);
  const found = await readRecipient(administrator, keyedHash(owner.phone));
  expect(found.ok && found.value.recipient).toEqual(phoneRecipient(owner.phone));
});

test("a search with more people than a page shows goes on behind the last of them, each person once", async () => {
  const { administrator } = await freshAdministrator();
  const end = "0917";
  const created = await write((tx) =>
    tx.user.createManyAndReturn({
      data: Array.from({ length: 2 * FOUND_MAX + 3 }, (_, at) => ({
        phone: `+7945${100 + at}${end}`,
        inviteCode: drawInviteCode(),
        createdAt: new Date(),
      })),
      select: { id: true },
    }),
  );
  const first = await search(administrator, end);
  if (!first.ok) throw new Error(first.failure.name);
  expect(first.value.ids).toHaveLength(FOUND_MAX);
  const found = [...first.value.ids];
  let { next } = first.value;
  while (next !== null) {
    const page = await searchFurther(administrator, next);
    if (!page.ok) throw new Error(page.failure.name);
    found.push(...page.value.ids);
    next = page.value.next;
  }
  expect(new Set(found).size).toBe(found.length);
  // A phone of another test may have the same end.
  const own = new Set(created.map(({ id }) => id));
  expect(found.filter((id) => own.has(id))).toEqual([...own].sort((one, other) => other - one));
});

test("blocked people are marked among those that a search found", async () => {
  const { administrator } = await freshAdministrator();
  const [blocked, other] = [await signUp(), await signUp()];
  await blockAccount(administrator, { userId: blocked.userId, reason: Reason.parse("of a test") });
  const people = await listPeople(administrator, [blocked.userId, other.userId]);
  expect(people.map(({ id, blockedAt }) => [id, blockedAt !== null])).toEqual([
    [other.userId, false],
    [blocked.userId, true],
  ]);
});

test("an administrator's searches have a limit by the hour, and a refusal says when the next one is allowed", async () => {
  const { administrator } = await freshAdministrator();
  const now = new Date();
  const charge = { limit: SEARCHES_OF_ADMINISTRATOR, subject: String(administrator.userId) };
  expect(failureOf(await search(administrator, "4417", now))).toBe("none");
  await transact((tx) => consume(tx, [{ ...charge, amount: CONSOLE_SEARCHES_PER_HOUR - 1 }], now));
  const spent = { ok: false, failure: { name: "budget_spent", retryAfterMs: HOUR_MS } };
  expect(await search(administrator, "4417", now)).toMatchObject(spent);
  expect(await searchFurther(administrator, 1, now)).toMatchObject(spent);
  expect(await searchAfterMs(administrator, now)).toBe(HOUR_MS);
  const other = await freshAdministrator();
  expect(failureOf(await search(other.administrator, "4417", now))).toBe("none");
  expect(failureOf(await search(administrator, "4417", after(now, HOUR_MS)))).toBe("none");
});

test("an administrator's looks at people have a limit by the hour, and a refused look shows and records nothing", async () => {
  const { administrator } = await freshAdministrator();
  const { userId } = await signUp();
  const now = new Date();
  const owner = freshOwner();
  await receiveCode(owner, now);
  const charge = { limit: LOOKS_OF_ADMINISTRATOR, subject: String(administrator.userId) };
  await transact((tx) => consume(tx, [{ ...charge, amount: CONSOLE_LOOKS_PER_HOUR - 1 }], now));
  expect(failureOf(await readPerson(administrator, userId, {}, now))).toBe("none");
  const recorded = async () => {
    const where = { actorId: administrator.userId, actorKind: "administrator" };
    return (await readPrimary.auditEvent.findMany({ where })).map(({ action }) => action);
  };
  const before = await recorded();
  const spent = { ok: false, failure: { name: "budget_spent", retryAfterMs: HOUR_MS } };
  expect(await readPerson(administrator, userId, {}, now)).toMatchObject(spent);
  expect(await showIdentity(administrator, userId, now)).toMatchObject(spent);
  expect(await readRecipient(administrator, keyedHash(owner.phone), now)).toMatchObject(spent);
  expect(await recorded()).toEqual(before);
  expect(failureOf(await readPerson(administrator, userId, {}, after(now, HOUR_MS)))).toBe("none");
});
