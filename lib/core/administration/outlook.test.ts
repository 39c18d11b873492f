import { expect, _baseTest as test } from "playwright/test";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { IS_MAIL_OFFERED, requestCode } from "@/lib/core/challenges/request-code";
import { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { keyedHash } from "@/lib/core/keyed-hash";
import {
  CODE_TTL_MS,
  RESEND_AFTER_MS,
  SENDS_PER_PHONE_AND_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_HOUR,
  SMS_BUDGET_PER_DAY,
} from "@/lib/core/policy";
import { keyOf, smsLimit } from "@/lib/core/rate-limits";
import { write } from "@/lib/db/database";
import { accepted, refused } from "@/lib/senders/sender";
import { after, anybody, freshEmail, freshOwner, freshPhone, receiveCode } from "@/lib/testing/people";
import { getOutlook, getOutlookOf } from "./outlook";

const HOUR_MS = 60 * 60 * 1000;
const now = new Date();
const accepting = { send: async () => accepted() };
const outlookOf = (phone: Phone, at = now) => getOutlook(phoneRecipient(phone), { isBlocked: false }, at);

/** Has a code sent to a browser that has requested none before. */
const send = (phone: Phone, by = anybody(), sender: Parameters<typeof requestCode>[2] = {}) =>
  requestCode(phoneLoginCode(freshOwner(phone)), by, { now, sender: accepting, ...sender });

test("nothing keeps a person from a code who has asked for none", async () => {
  expect(await outlookOf(freshPhone())).toEqual({
    kind: "phone",
    obstacles: [],
    codeUntil: null,
    undelivered: null,
    longerDigits: null,
    network: null,
    isMailOpen: false,
    isTest: false,
  });
});

test("an account with a mailbox only can log in by mail, if codes can be sent there", async () => {
  expect(IS_MAIL_OFFERED).toBe(true);
  const mailbox = { phone: null, email: freshEmail(), blockedAt: null };
  expect(await getOutlookOf(mailbox, now)).toMatchObject({ kind: "email", obstacles: [] });
  const without = await getOutlook(emailRecipient(mailbox.email), { isBlocked: false, isMailOffered: false }, now);
  expect(without.obstacles).toEqual([{ name: "mail_unavailable", until: null }]);
});

test("an account whose phone gets no code may log in by mail, unless it is blocked", async () => {
  const account = { phone: Phone.parse("+380501234568"), email: freshEmail(), blockedAt: null };
  expect(await getOutlookOf(account, now)).toMatchObject({ kind: "phone", isMailOpen: true });
  expect(await getOutlookOf({ ...account, email: null }, now)).toMatchObject({ isMailOpen: false });
  expect(await getOutlookOf({ ...account, blockedAt: now }, now)).toMatchObject({ isMailOpen: false });
  expect(await getOutlookOf({ ...account, phone: freshPhone() }, now)).toMatchObject({ isMailOpen: false });
});

test("after a code there is a wait, and the code can be typed meanwhile", async () => {
  const phone = freshPhone();
  const by = anybody();
  await send(phone, by);
  expect(await outlookOf(phone)).toMatchObject({
    obstacles: [{ name: "resend_too_early", until: after(now, RESEND_AFTER_MS[0] ?? 0) }],
    codeUntil: after(now, CODE_TTL_MS),
    network: by.network,
  });
  expect((await outlookOf(phone, after(now, RESEND_AFTER_MS[0] ?? 0))).obstacles).toEqual([]);
});

test("a code that was used needs no wait", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner, now);
  await signInByPhone({ ...owner, code }, anybody(), { now });
  expect(await outlookOf(owner.phone)).toMatchObject({ obstacles: [], codeUntil: null });
});

test("the limit that is used up is named with its end: the network's share first, then the phone's", async () => {
  const phone = freshPhone();
  const by = anybody();
  for (let sends = 0; sends < SENDS_PER_PHONE_AND_IP_PER_HOUR; sends += 1) await send(phone, by);
  const spent = { until: after(now, HOUR_MS) };
  expect((await outlookOf(phone)).obstacles[0]).toEqual({ name: "recipient_network_hour_spent", ...spent });
  for (let sends = 0; sends < SENDS_PER_PHONE_PER_HOUR; sends += 1) await send(phone);
  expect((await outlookOf(phone)).obstacles[0]).toEqual({ name: "recipient_hour_spent", ...spent });
});

test("the day's used-up messages keep all people from a code", async () => {
  const key = keyOf({ limit: smsLimit(0), subject: "all" });
  const counter = { count: SMS_BUDGET_PER_DAY ?? 0, resetsAt: after(now, HOUR_MS) };
  await write((tx) => tx.counter.upsert({ where: { key }, create: { key, ...counter }, update: counter }));
  expect((await outlookOf(freshPhone())).obstacles).toEqual([
    { name: "day_messages_spent", until: after(now, HOUR_MS) },
  ]);
  await write((tx) => tx.counter.deleteMany({ where: { key: { startsWith: "message" } } }));
});

test("a sender that failed to bring the last code is named with its reason", async () => {
  const phone = freshPhone();
  await send(phone, anybody(), { sender: { send: async () => refused(202) } });
  expect(await outlookOf(phone)).toMatchObject({
    obstacles: [],
    undelivered: { sender: "mail", reason: "not_taken 202" },
  });
});

test("wrong codes make the next code longer", async () => {
  const phone = freshPhone();
  const data = Array.from({ length: 5 }, () => ({ recipient: keyedHash(phone), at: now }));
  await write((tx) => tx.wrongCode.createMany({ data }));
  expect(await outlookOf(phone, after(now, 1))).toMatchObject({ obstacles: [], longerDigits: 6 });
});

test("a blocked account and a phone that is not served have obstacles without an end", async () => {
  const blocked = await getOutlook(phoneRecipient(freshPhone()), { isBlocked: true }, now);
  expect(blocked.obstacles).toEqual([{ name: "account_blocked", until: null }]);
  expect((await outlookOf(Phone.parse("+380501234567"))).obstacles).toEqual([
    { name: "country_not_allowed", until: null },
  ]);
});
