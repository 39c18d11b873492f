import { expect, _baseTest as test } from "playwright/test";
import { signInByPhone } from "@/lib/core/accounts/sign-in";
import { Holder, OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { RECENT_LOGIN_MS, SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR, SMS_BUDGET_PER_DAY } from "@/lib/core/policy";
import { consume, keyOf, smsLimit } from "@/lib/core/rate-limits";
import { readPrimary, transact } from "@/lib/db/database";
import { withCircuitBreaker } from "@/lib/senders/chain";
import { accepted, failed, type OutgoingCodeMessage, refused, type Sending, unanswered } from "@/lib/senders/sender";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import { after, anybody } from "@/lib/testing/people";
import { getOutlook } from "./outlook";
import { findLastTrial, trySender } from "./sender-trials";

const PATIENCE = { timeoutMs: 200, failuresMax: 1, restMs: 60_000 };

/** A sender with the given outcome, and the messages that it was given. */
function puppet(says: () => Sending) {
  const messages: OutgoingCodeMessage[] = [];
  const send = async (message: OutgoingCodeMessage) => {
    messages.push(message);
    return says();
  };
  return { messages, channel: withCircuitBreaker("smsru", { send }, PATIENCE) };
}

const sentToday = async () => {
  const key = keyOf({ limit: smsLimit(0), subject: "all" });
  return (await readPrimary.counter.findUnique({ where: { key } }))?.count ?? 0;
};

test("an administrator tries a sender with digits that are no code; the message is stored, charged and recorded", async () => {
  const { administrator, phone, userId } = await freshAdministrator();
  const { channel, messages } = puppet(() => accepted("id 1", { amount: 2.5, currency: "RUB" }));
  const before = await sentToday();
  const tried = await trySender(administrator, "smsru", anybody(), { language: "ru", channels: [channel] });
  expect(tried).toMatchObject({ ok: true, value: { outcome: "accepted" } });
  expect(await sentToday()).toBe(before + 1);
  const code = OneTimeCode.parse(messages[0]?.code);
  expect(messages[0]).toMatchObject({ to: phone });
  expect(messages[0]?.text).toContain(code);

  const where = { recipient: { in: keyedHashes(phone) } };
  expect(await readPrimary.challenge.findFirst({ where: { ...where, state: { not: "used" } } })).toBeNull();
  const holder = Holder.parse(crypto.randomUUID());
  expect((await signInByPhone({ phone, holder, code }, anybody())).ok).toBe(false);
  const delivery = await readPrimary.delivery.findFirst({ where: { ...where, purpose: "trial" } });
  expect(delivery).toMatchObject({ sender: "smsru", providerId: "id 1", state: "accepted", cost: 2.5, userId });
  expect(await findLastTrial(administrator, "smsru")).toMatchObject({ state: "accepted", reason: null });
  expect(await findLastTrial(administrator, "twilio")).toBeNull();
  const [event] = await readEvents(userId);
  expect(event).toMatchObject({ action: "sender_tried", actorKind: "administrator", actorId: userId });
  expect(event?.details).toEqual({ sender: "smsru" });
});

test("a resting sender can be tried, which neither ends its rest nor prolongs it", async () => {
  const { administrator } = await freshAdministrator();
  let isBroken = true;
  const { channel, messages } = puppet(() => (isBroken ? failed("server_error", 500) : accepted()));
  const owner = { to: "+79450000002", code: "1", subject: "", text: "", html: "", ttlMs: 1, requesterAddress: null };
  await channel.send(owner);
  expect(channel.restLeftMs()).toBeGreaterThan(0);
  const attempt = () => trySender(administrator, "smsru", anybody(), { language: "en", channels: [channel] });
  const left = channel.restLeftMs();
  expect(await attempt()).toEqual({ ok: true, value: { outcome: "failed", reason: "server_error 500" } });
  isBroken = false;
  expect(await attempt()).toMatchObject({ ok: true, value: { outcome: "accepted" } });
  expect(messages).toHaveLength(3);
  expect(channel.restLeftMs()).toBeGreaterThan(0);
  expect(channel.restLeftMs()).toBeLessThanOrEqual(left);
});

test("a message that no provider took is refunded, one that may have been sent is not", async () => {
  const { administrator, phone } = await freshAdministrator();
  for (const [outcome, cost, state] of [
    [refused(207), 0, "refused"],
    [failed("account", 201), 0, "failed"],
    [unanswered("garbage", 200), 1, "unanswered"],
  ] as const) {
    const { channel } = puppet(() => outcome);
    const before = await sentToday();
    const tried = await trySender(administrator, "smsru", anybody(), { language: "ru", channels: [channel] });
    expect(tried).toEqual({ ok: true, value: outcome });
    expect((await sentToday()) - before).toBe(cost);
    const { reason } = outcome as { reason: string };
    expect(await findLastTrial(administrator, "smsru")).toMatchObject({ state, reason });
  }
  const { undelivered } = await getOutlook(phoneRecipient(phone), { isBlocked: false });
  expect(undelivered, "a failed trial is no code that did not arrive").toBeNull();
});

test("trials of a sender have a limit by the hour, and need recent codes and a sender of the settings", async () => {
  const now = new Date();
  const { administrator } = await freshAdministrator(now);
  const { channel, messages } = puppet(() => refused(207));
  const attempt = (name = "smsru", at = now) =>
    trySender(administrator, name, anybody(), { language: "ru", now: at, channels: [channel] });
  expect(await attempt("twilio")).toEqual({ ok: false, failure: { name: "sender_unknown" } });
  expect(await attempt("smsru", after(now, RECENT_LOGIN_MS + 1))).toEqual({
    ok: false,
    failure: { name: "login_too_old" },
  });
  const all = await Promise.all(Array.from({ length: SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR + 3 }, () => attempt()));
  expect(all.filter(({ ok }) => ok)).toHaveLength(SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR);
  expect(messages).toHaveLength(SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR);
  expect(await attempt()).toMatchObject({ ok: false, failure: { name: "trials_spent" } });
});

test("when the day's messages are used up, no sender is tried", async () => {
  const now = new Date(Date.UTC(2200, 0, 1));
  const administrator = { ...(await freshAdministrator()).administrator, verifiedAt: now };
  const { channel, messages } = puppet(() => accepted());
  const max = SMS_BUDGET_PER_DAY ?? 0;
  expect(max).toBeGreaterThan(0);
  const used = { limit: smsLimit(Number.POSITIVE_INFINITY), subject: "all", amount: max };
  await transact((tx) => consume(tx, [used], now));
  const tried = await trySender(administrator, "smsru", anybody(), { language: "ru", now, channels: [channel] });
  expect(tried).toMatchObject({ ok: false, failure: { name: "day_messages_spent" } });
  expect(messages).toHaveLength(0);
});
