import { expect, test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import { formatPhone, Phone } from "@/lib/core/identity/phone";
import { freshAdministrator } from "@/lib/testing/administrators";
import { signUp, signUpByMail } from "@/lib/testing/people";
import { listPeople, readPerson, showIdentity } from "./people";
import { searchAccounts } from "./search";

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
