import { createHmac } from "node:crypto";
import { expect, _baseTest as test } from "playwright/test";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import {
  RESEND_AFTER_MS,
  SENDS_PER_IP_PER_HOUR,
  SENDS_PER_PHONE_AND_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_HOUR,
  SMS_BUDGET_KEPT_PART,
  SMS_BUDGET_PER_DAY,
  SMS_COST_PER_DAY,
  STORED_REFUSALS_PER_RECIPIENT_PER_HOUR,
} from "@/lib/core/policy";
import { keyOf, smsCostLimit, smsLimit } from "@/lib/core/rate-limits";
import { readPrimary, transact, write } from "@/lib/db/database";
import type { ChainSending } from "@/lib/senders/chain";
import { accepted, failed, refused, type Sender, unanswered } from "@/lib/senders/sender";
import { warningsOf } from "@/lib/testing/log";
import { after, anybody, failureOf, freshOwner, freshPhone, senderOf, signUp } from "@/lib/testing/people";
import { costOf } from "@/lib/testing/transactions";
import { recordSending } from "./deliveries";
import type { OneTimeCode } from "./one-time-code";
import { requestCode } from "./request-code";

const accepting = senderOf(async () => true);
const recognisedBy = (phone: Phone): Requester => ({
  ...anybody(),
  browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] },
});
const requestAs = (phone: Phone, by: Requester, now: Date, sender: Sender = accepting) =>
  requestCode(phoneLoginCode(freshOwner(phone)), by, { now, sender });

/** The deliveries that were stored with this time. */
const deliveriesAt = (at: Date) => readPrimary.delivery.findMany({ where: { at }, orderBy: { id: "asc" } });

/** Uses up the day's messages, or their money, until this much is left. */
async function leaveOfDay(what: "messages" | "money", left: number, now: Date): Promise<void> {
  const [limit, max] =
    what === "messages" ? [smsLimit(0), SMS_BUDGET_PER_DAY ?? 0] : [smsCostLimit(0), SMS_COST_PER_DAY ?? 0];
  const key = keyOf({ limit, subject: "all" });
  const counter = { count: max - left, resetsAt: after(now, 60 * 60 * 1000) };
  await write((tx) => tx.counter.upsert({ where: { key }, create: { key, ...counter }, update: counter }));
}

// The daily limits are shared by all tests in the file.
test.afterEach(() => write((tx) => tx.counter.deleteMany({ where: { key: { startsWith: "message" } } })));

test("a delivery has the sender's id and cost of the message, and neither phone nor code", async () => {
  const now = new Date();
  const phone = freshPhone();
  let code = "";
  const sender: Sender = {
    send: async (message) => {
      code = message.code;
      return accepted("SM123", { amount: 2.5, currency: "RUB" });
    },
  };
  await requestAs(phone, anybody(), now, sender);
  const rows = await deliveriesAt(now);
  expect(rows).toMatchObject([
    { providerId: "SM123", state: "accepted", country: "RU", cost: 2.5, currency: "RUB", lastDigits: phone.slice(-2) },
  ]);
  // The row's own id and its times may contain any digits.
  const { id: _, at: __, stateAt: ___, ...kept } = rows[0] ?? {};
  expect(JSON.stringify(kept)).not.toContain(phone.slice(2));
  expect(JSON.stringify(kept)).not.toContain(code);
});

test("the log names a sender that fails, and neither phone nor code", async () => {
  const phone = freshPhone();
  let code = "";
  const sender: Sender = {
    send: async (message) => {
      code = message.code;
      return failed("account", 535);
    },
  };
  const warnings = await warningsOf(() => requestAs(phone, anybody(), new Date(), sender));
  expect(warnings).toEqual([
    {
      message: "a sender failed to send a code",
      about: expect.objectContaining({ sender: "mail", reason: "account 535" }),
    },
  ]);
  for (const secret of [phone.slice(2), code]) expect(JSON.stringify(warnings)).not.toContain(secret);
});

test("deliveries to one phone have the same keyed hash, and those to another phone a different one", async () => {
  const now = new Date();
  const [one, other] = [freshPhone(), freshPhone()];
  for (const phone of [one, one, other]) await requestAs(phone, anybody(), now);
  const [first, second, third] = (await deliveriesAt(now)).map(({ recipient }) => recipient);
  expect(first).toBe(second);
  expect(first).not.toBe(third);
  expect(first).not.toBe(createHmac("sha256", "").update(one).digest("base64url"));
});

test("a refusal is stored with its reason", async () => {
  const now = new Date();
  const refusing: Sender = { send: async () => refused(207) };
  expect(failureOf(await requestAs(freshPhone(), anybody(), now, refusing))).toBe("code_not_sent");
  expect(await deliveriesAt(now)).toMatchObject([{ state: "refused", reason: "not_taken 207", providerId: null }]);
});

test("a code whose sender did not answer is valid if it arrives, and is charged", async () => {
  const now = new Date();
  const owner = freshOwner();
  const by = anybody();
  let code = "" as OneTimeCode;
  const silent: Sender = {
    send: async (message) => {
      code = message.code as OneTimeCode;
      return unanswered("timeout");
    },
  };
  const asked = await requestCode(phoneLoginCode(owner), by, { now, sender: silent });
  expect(asked).toMatchObject({
    failure: { name: "code_not_sent", mayArrive: true, retryAfterMs: RESEND_AFTER_MS[0] },
  });
  expect(failureOf(await requestCode(phoneLoginCode(owner), by, { now: after(now, 1), sender: accepting }))).toBe(
    "resend_too_early",
  );
  expect(failureOf(await signInByPhone({ ...owner, code }, by, { now: after(now, 2) }))).toBe("none");
});

for (const { what, number } of [
  { what: "a number of a country that is not served", number: "+380501234567" },
  { what: "a premium-rate number", number: "+78091234567" },
  { what: "a toll-free number", number: "+78001234567" },
]) {
  test(`no code is sent to a number that is not served: ${what}`, async () => {
    const now = new Date();
    const by = anybody();
    let isAsked = false;
    const sender = senderOf(async () => {
      isAsked = true;
      return true;
    });
    for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR + 3; asks += 1) {
      expect(failureOf(await requestAs(Phone.parse(number), by, now, sender))).toBe("country_not_allowed");
    }
    expect(isAsked).toBe(false);
    const rows = await deliveriesAt(now);
    expect(rows[0]).toMatchObject({ sender: null, state: "refused", reason: "country_not_allowed" });
    expect(rows).toHaveLength(STORED_REFUSALS_PER_RECIPIENT_PER_HOUR);
  });
}

test("a delivery says who asked for the code and what for, and which account had the phone then", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now: after(now, -1000) });
  const by = { ...anybody(), agent: "okhttp/4.12.0" };
  await requestAs(phone, by, now);
  const stranger = freshPhone();
  await requestAs(stranger, by, now);
  const asked = { network: by.network, agent: "okhttp/4.12.0", purpose: "login", digits: 4 };
  expect(await deliveriesAt(now)).toMatchObject([
    { ...asked, userId },
    { ...asked, userId: null },
  ]);
});

test("each refused request is stored with the limit that refused it", async () => {
  const now = new Date();
  const [phone, network] = [freshPhone(), anybody()];
  const owner = phoneLoginCode(freshOwner(phone));
  const reasonsAt = async (at: Date) => (await deliveriesAt(at)).map(({ reason }) => reason);
  await requestCode(owner, network, { now, sender: accepting });
  await requestCode(owner, network, { now: after(now, 1), sender: accepting });
  expect(await reasonsAt(after(now, 1))).toEqual(["resend_too_early"]);
  for (let sends = 1; sends < SENDS_PER_PHONE_AND_IP_PER_HOUR; sends += 1) await requestAs(phone, network, now);
  await requestAs(phone, network, after(now, 2));
  expect(await reasonsAt(after(now, 2))).toEqual(["recipient_network_hour_spent"]);
  for (let sends = 0; sends < SENDS_PER_PHONE_PER_HOUR; sends += 1) await requestAs(phone, anybody(), after(now, 3));
  await requestAs(phone, anybody(), after(now, 4));
  expect(await reasonsAt(after(now, 4))).toEqual(["recipient_hour_spent"]);
});

test("a flood of refused requests writes a few rows of a recipient, and a few more of a network", async () => {
  const now = new Date();
  const later = after(now, 1);
  const phone = freshPhone();
  for (let sends = 0; sends < SENDS_PER_PHONE_PER_HOUR; sends += 1) await requestAs(phone, anybody(), now);
  for (let asks = 0; asks < STORED_REFUSALS_PER_RECIPIENT_PER_HOUR + 3; asks += 1)
    expect(failureOf(await requestAs(phone, anybody(), later))).toBe("budget_spent");
  expect(await deliveriesAt(later)).toHaveLength(STORED_REFUSALS_PER_RECIPIENT_PER_HOUR);
  expect(await costOf(() => requestAs(phone, anybody(), later))).toMatchObject({ transactions: 1 });
  const network = anybody();
  for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR + 3; asks += 1)
    await requestAs(Phone.parse(`+38050${String(1_000_000 + asks)}`), network, after(now, 2));
  expect(await deliveriesAt(after(now, 2))).toHaveLength(SENDS_PER_IP_PER_HOUR);
});

test("a request is refused, and stored, while all senders rest", async () => {
  const now = new Date();
  const resting: ChainSending = {
    accepted: null,
    passedOver: [{ sender: "mail", outcome: "resting", reason: "" }],
  };
  const recipient = phoneRecipient(freshPhone());
  const request = { at: now, id: "request-of-a-test", recipient, requester: anybody(), purpose: "login" } as const;
  await transact(async (tx) => recordSending(tx, { ...request, digits: 4 }, resting));
  expect(await deliveriesAt(now)).toMatchObject([
    { sender: null, state: "refused", reason: "senders_resting", requestId: "request-of-a-test" },
  ]);
});

test("the day's last messages are kept for recognised browsers, until they are used up as well", async () => {
  const now = new Date();
  const phone = freshPhone();
  const kept = (SMS_BUDGET_PER_DAY ?? 0) * SMS_BUDGET_KEPT_PART;
  await leaveOfDay("messages", kept + 1, now);
  expect(failureOf(await requestAs(freshPhone(), anybody(), now))).toBe("none");
  const later = after(now, 1);
  expect(await requestAs(freshPhone(), anybody(), later)).toMatchObject({
    failure: { name: "budget_spent", retryAfterMs: 60 * 60 * 1000 - 1 },
  });
  expect(await deliveriesAt(later)).toMatchObject([{ sender: null, state: "refused", reason: "day_messages_spent" }]);
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("none");
  expect(failureOf(await requestAs(phone, recognisedBy(freshPhone()), now))).toBe("budget_spent");
  await leaveOfDay("messages", 1, now);
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("none");
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("budget_spent");
});

test("the day's money is charged at the price of the phone's country", async () => {
  const now = new Date();
  const phone = freshPhone();
  await leaveOfDay("money", 500, now);
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("none");
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("none");
  expect(failureOf(await requestAs(phone, recognisedBy(phone), now))).toBe("budget_spent");
});

test("of parallel requests as many are sent as the day has messages left, and refused messages are not charged", async () => {
  const now = new Date();
  await leaveOfDay("messages", (SMS_BUDGET_PER_DAY ?? 0) * SMS_BUDGET_KEPT_PART + 3, now);
  const people = Array.from({ length: 8 }, () => ({ phone: freshPhone(), by: anybody() }));
  const sent = await Promise.all(people.map(({ phone, by }) => requestAs(phone, by, now)));
  expect(sent.filter(({ ok }) => ok)).toHaveLength(3);
  const refusing: Sender = { send: async () => refused(207) };
  await leaveOfDay("messages", (SMS_BUDGET_PER_DAY ?? 0) * SMS_BUDGET_KEPT_PART + 1, now);
  for (let asks = 0; asks < 3; asks += 1) {
    expect(failureOf(await requestAs(freshPhone(), anybody(), now, refusing))).toBe("code_not_sent");
  }
  expect(failureOf(await requestAs(freshPhone(), anybody(), now))).toBe("none");
});

test("a form that is sent twice sends one code, even where there is no wait", async () => {
  const askedAt = new Date();
  const phone = freshPhone();
  const owner = phoneLoginCode(freshOwner(phone));
  const by = recognisedBy(phone);
  const send = (ms: number, form = askedAt) =>
    requestCode(owner, by, { now: after(askedAt, ms), askedAt: form, sender: accepting });
  expect(failureOf(await send(10))).toBe("none");
  expect(failureOf(await send(11))).toBe("resend_too_early");
  expect(failureOf(await send(12, after(askedAt, 10)))).toBe("none");
});
