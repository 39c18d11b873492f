import { expect, test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { recordSending } from "@/lib/core/challenges/deliveries";
import { formatPhone, Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { keyedHash } from "@/lib/core/keyed-hash";
import { transact } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, anybody, freshOwner, receiveCode, signUp, signUpByMail } from "@/lib/testing/people";
import { listPeople, readPerson, showIdentity } from "./people";
import { readRecipient } from "./recipients";
import { searchAccounts, searchRecipient } from "./search";

test("a person is found by a phone in any spelling, its last four digits, the invite code, and the account's id", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone, inviteCode } = await signUp();
  const typed = [phone, ` ${formatPhone(phone)} `, phone.slice(1), `8${phone.slice(2)}`, phone.slice(-4)];
  for (const text of [...typed, inviteCode.toLowerCase(), String(userId)]) {
    expect(await searchAccounts(administrator, text), text).toContain(userId);
  }
  expect(await searchAccounts(administrator, "+79459999997")).toEqual([]);
  expect(await searchAccounts(administrator, "")).toEqual([]);
});

test("a person is found by mailbox, and by a claimed phone", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone, email } = await signUpByMail();
  expect(await searchAccounts(administrator, email.toUpperCase())).toEqual([userId]);
  expect(await searchAccounts(administrator, phone)).toEqual([userId]);
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
  expect(await readRecipient(administrator, keyedHash(phone))).toMatchObject({
    kind: "phone",
    lastDigits: phone.slice(-2),
    country: "RU",
  });
  expect(await readRecipient(administrator, "A".repeat(43))).toBeNull();
  expect(await readRecipient(administrator, phone)).toBeNull();
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
  expect(found?.recipient).toEqual(phoneRecipient(owner.phone));
});
