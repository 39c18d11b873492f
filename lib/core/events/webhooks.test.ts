import { createPublicKey, verify } from "node:crypto";
import { expect, _baseTest as test } from "playwright/test";
import { Webhook } from "standardwebhooks";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { blockAccount } from "@/lib/core/administration/block";
import { backgroundTasks } from "@/lib/core/background";
import {
  CLOCK_SKEW_MS_MAX,
  EVENTS_KEPT_MS,
  WEBHOOK_FAILING_MS_MAX,
  WEBHOOK_LEASE_MS,
  WEBHOOK_SECRET_OVERLAP_MS,
  WEBHOOK_WAITS_MS,
} from "@/lib/core/policy";
import { readPrimary, transact, write } from "@/lib/db/database";
import { renderMetrics } from "@/lib/ops/metrics";
import { accepted, type Message, type MessageSender } from "@/lib/senders/sender";
import type { WebhookRequest } from "@/lib/senders/webhooks";
import { freshAdministrator } from "@/lib/testing/administrators";
import { warningsOf } from "@/lib/testing/log";
import { findEndOfCommittedEvents } from "@/lib/testing/mirror";
import { after, failureOf, freshEmail, signUp } from "@/lib/testing/people";
import { type Answer, answerWith, type Received, type Receiver, startReceiver } from "@/lib/testing/receivers";
import { costOf, statementsOf } from "@/lib/testing/transactions";
import { EventBody } from "./event-body";
import { markDeletion } from "./event-log";
import { publishEvent } from "./publish";
import {
  countDayOfEndpoint,
  countWebhookDeliveries,
  findWebhookDelivery,
  listWebhookAttempts,
  listWebhookDeliveries,
  replayDeliveries,
  type WebhookDelivery,
  WebhookDeliveryCursor,
  type WebhookFilter,
} from "./webhook-deliveries";
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  findWebhookEndpoint,
  listWebhookEndpoints,
  makeWebhookEndpoint,
  rotateWebhookSecret,
  sendTestEvent,
  type WebhookChoice,
} from "./webhook-endpoints";
import { deliverWebhooks, readRetryAfter, WebhookWorker } from "./webhook-work";

const DAY_MS = 24 * 60 * 60 * 1000;
const blocked = { type: "account.blocked", data: {} } as const;

let receivers: Receiver[] = [];

/** Starts a receiver and makes an endpoint for it. */
async function hook(choice: Partial<WebhookChoice> = {}, answer?: Answer) {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  const wanted = { url: receiver.url, types: null, description: "a test", hasPhones: false, ...choice };
  const made = await makeWebhookEndpoint(COMMAND_LINE, wanted);
  if (!made.ok) throw new Error(made.failure.name);
  return { ...made.value, receiver };
}

test.afterEach(async () => {
  for (const receiver of receivers) receiver.close();
  receivers = [];
  for (const { id } of await listWebhookEndpoints()) await deleteWebhookEndpoint(COMMAND_LINE, id);
  await deliverWebhooks();
});

const publish = (userId: number, now = new Date()) => transact(async (tx) => publishEvent(tx, userId, blocked, now));

const of = (receiver: Receiver, accountId: number) =>
  receiver.received.filter(({ body }) => body.accountId === accountId);

/**
 * Delivers until the receiver has got as many webhooks of the account: open transactions of other tests may delay events. All rounds
 * have the same time, so that no failed attempt becomes due again.
 */
async function deliverUntil(
  receiver: Receiver,
  accountId: number,
  count: number,
  now = new Date(),
): Promise<Received[]> {
  await expect
    .poll(async () => {
      await deliverWebhooks({ clock: () => now });
      return of(receiver, accountId).length;
    })
    .toBeGreaterThanOrEqual(count);
  expect(of(receiver, accountId)).toHaveLength(count);
  return of(receiver, accountId);
}

const deliveriesOf = (endpointId: string) =>
  readPrimary.webhookDelivery.findMany({ where: { endpointId }, orderBy: { at: "asc" }, include: { made: true } });

function verifyBoth({ headers, text }: Received, { secret, publicKey }: { secret: string; publicKey: string }): void {
  expect(new Webhook(secret).verify(text, headers as Record<string, string>)).toEqual(JSON.parse(text));
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
  const spki = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(publicKey.replace("whpk_", ""), "base64"),
  ]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  const signatures = String(headers["webhook-signature"])
    .split(" ")
    .filter((one) => one.startsWith("v1a,"))
    .map((one) => Buffer.from(one.slice(4), "base64"));
  expect(signatures.some((signature) => verify(null, Buffer.from(signed), key, signature))).toBe(true);
}

test("an endpoint gets each event once, signed by both schemes of Standard Webhooks", async () => {
  const { receiver, id, ...shown } = await hook();
  const { userId } = await signUp();
  await publish(userId);
  const received = await deliverUntil(receiver, userId, 2);
  for (const one of received) {
    verifyBoth(one, shown);
    expect(EventBody.parse(one.body)).toEqual(one.body);
  }
  const [first, second] = received.map(({ body }) => body).sort((one, other) => Number(one.id) - Number(other.id));
  expect(first).toMatchObject({ type: "account.created", accountId: userId, sequence: 1, isTest: false });
  expect(second).toEqual({
    type: "account.blocked",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    id: expect.stringMatching(/^\d+$/),
    accountId: userId,
    sequence: 2,
    isTest: false,
    data: {},
  });
  const ids = received.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(2);
  const rows = await deliveriesOf(id);
  expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining(ids));
  for (const row of rows) expect(row).toMatchObject({ state: "delivered", attempts: 1, dueAt: null, worker: null });
  expect(rows[0]?.made).toMatchObject([{ number: 1, status: 204, fault: null, answer: null }]);
  await deliverWebhooks();
  expect(of(receiver, userId)).toHaveLength(2);
});

test("an endpoint gets only the types that were chosen for it, and phones and mailboxes only if it asks for them", async () => {
  const { administrator } = await freshAdministrator();
  const some = await hook({ types: ["account.blocked"] });
  const all = await hook({ hasPhones: true });
  const { userId, phone } = await signUp();
  await blockAccount(administrator, { userId, reason: "of a test" });
  expect((await deliverUntil(some.receiver, userId, 1))[0]?.body).toMatchObject({ type: "account.blocked" });
  expect(some.receiver.received.map(({ text }) => text).join()).not.toContain(phone);
  const received = await deliverUntil(all.receiver, userId, 2);
  for (const { body } of received) expect(body.account).toEqual({ phone, email: null });
  const made = await readPrimary.auditEvent.findMany({ where: { action: "webhook_made" }, orderBy: { id: "asc" } });
  expect(made.slice(-2).map(({ details }) => JSON.parse(details))).toEqual([
    { webhook: some.id, hasPhones: false },
    { webhook: all.id, hasPhones: true },
  ]);
});

test("two workers share the work, and each event is delivered once", async () => {
  const { receiver } = await hook();
  const { userId } = await signUp();
  for (let count = 0; count < 30; count += 1) await publish(userId);
  await expect
    .poll(async () => {
      await Promise.all([deliverWebhooks(), deliverWebhooks(), deliverWebhooks()]);
      return of(receiver, userId).length;
    })
    .toBe(31);
  expect(new Set(receiver.received.map(({ body }) => body.id)).size).toBe(receiver.received.length);
});

test("servers whose clocks differ by five minutes deliver each event once", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] }, (_, response) => {
    setTimeout(() => response.writeHead(204).end(), 300);
  });
  const { userId } = await signUp();
  for (let count = 0; count < 10; count += 1) await publish(userId);
  const workers = [-CLOCK_SKEW_MS_MAX, 0, CLOCK_SKEW_MS_MAX].map(
    (ms) => new WebhookWorker({ serverClock: () => after(new Date(), ms) }),
  );
  await expect
    .poll(async () => {
      for (const worker of workers) await worker.round();
      return (await deliveriesOf(id)).filter(({ state }) => state === "delivered").length;
    })
    .toBe(10);
  for (const worker of workers) await worker.stop(1000);
  expect(of(receiver, userId)).toHaveLength(10);
});

test("a test event or a replay by a server whose clock is ahead is sent in the next round", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const ahead = after(new Date(), CLOCK_SKEW_MS_MAX);
  await sendTestEvent(COMMAND_LINE, id, ahead);
  await deliverWebhooks();
  expect(receiver.received).toHaveLength(1);
  expect(await replayDeliveries(COMMAND_LINE, id, { state: "delivered" }, {}, ahead)).toMatchObject({
    value: { count: 1 },
  });
  await deliverWebhooks();
  expect(receiver.received).toHaveLength(2);
});

test("a process that runs no loop delivers what is due by the database's clock, also when its own is five minutes behind", async () => {
  const { id, receiver } = await hook();
  await sendTestEvent(COMMAND_LINE, id);
  await deliverWebhooks({ serverClock: () => after(new Date(), -CLOCK_SKEW_MS_MAX) });
  expect(receiver.received.filter(({ body }) => body.type === "webhook.test")).toHaveLength(1);
});

test("a run whose time is over begins no attempt, and the next run delivers", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  await sendTestEvent(COMMAND_LINE, id);
  const begun: unknown[] = [];
  const post = async (request: WebhookRequest) => {
    begun.push(request);
    return { status: 200, fault: null, retryAfter: null, body: null };
  };
  await deliverWebhooks({ post, signal: AbortSignal.abort() });
  expect(begun).toEqual([]);
  await deliverWebhooks();
  expect(receiver.received).toHaveLength(1);
});

test("a failed attempt is made again by the schedule with the same id, and the delivery fails after the last one", async () => {
  const { id, receiver } = await hook(
    { types: ["account.blocked"] },
    answerWith(500, {}, "an error\u0000 of the\u009b receiver"),
  );
  const { userId } = await signUp();
  await publish(userId);
  const waits: number[] = [];
  let now = new Date();
  await deliverUntil(receiver, userId, 1, now);
  for (const waitMs of WEBHOOK_WAITS_MS) {
    const dueAt = (await deliveriesOf(id))[0]?.dueAt ?? new Date(0);
    waits.push((dueAt.getTime() - now.getTime()) / waitMs);
    await deliverWebhooks({ clock: () => after(dueAt, -1) });
    now = dueAt;
    await deliverWebhooks({ clock: () => dueAt });
  }
  for (const part of waits) {
    expect(part).toBeGreaterThan(0.99);
    expect(part).toBeLessThan(1.11);
  }
  const received = of(receiver, userId);
  expect(received).toHaveLength(10);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(10);
  expect((await renderMetrics()).text).toMatch(/^sarafan_webhook_attempts_total\{outcome="bad_status"\} \d\d/m);
  const [row] = await deliveriesOf(id);
  expect(row).toMatchObject({ state: "failed", attempts: 10, dueAt: null });
  expect(row?.made).toHaveLength(10);
  expect(row?.made[0]).toMatchObject({ status: 500, fault: "bad_status", answer: "an error of the receiver" });
});

test("the answer of a receiver, which may repeat a phone, is only for readers who may see phones", async () => {
  const { id, receiver } = await hook(
    { hasPhones: true, types: ["account.blocked"] },
    answerWith(500, {}, "no: +7945"),
  );
  const { userId } = await signUp();
  await publish(userId);
  await deliverUntil(receiver, userId, 1);
  const delivery = (await deliveriesOf(id))[0]?.id ?? "";
  expect(await listWebhookAttempts(delivery, { seesPhones: true })).toMatchObject([{ answer: "no: +7945" }]);
  expect(await listWebhookAttempts(delivery, { seesPhones: false })).toMatchObject([{ status: 500, answer: null }]);
});

test("Retry-After makes a wait longer, up to a day, and never shorter", async () => {
  const now = new Date("2026-11-29T12:00:00Z");
  expect(readRetryAfter("120", now)).toBe(120_000);
  expect(readRetryAfter("Sun, 29 Nov 2026 12:01:00 GMT", now)).toBe(60_000);
  expect(readRetryAfter("999999999", now)).toBe(DAY_MS);
  expect(readRetryAfter("9".repeat(400), now)).toBe(DAY_MS);
  expect(readRetryAfter("soon", now)).toBe(null);
  const { id, receiver } = await hook({ types: ["account.blocked"] }, answerWith(429, { "retry-after": "3600" }));
  const { userId } = await signUp();
  await publish(userId);
  const at = new Date();
  await deliverUntil(receiver, userId, 1, at);
  expect(await deliveriesOf(id)).toMatchObject([{ dueAt: after(at, 3_600_000) }]);
});

test("410 disables the endpoint, and later events wait until it is resumed", async () => {
  const { id, receiver } = await hook({}, answerWith(410));
  const { userId } = await signUp();
  await deliverUntil(receiver, userId, 1);
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "disabled", reason: "gone", version: 2 });
  const events = await readPrimary.auditEvent.findMany({ where: { action: "webhook_disabled" } });
  expect(events.map(({ details }) => JSON.parse(details))).toContainEqual({ webhook: id, disabledFor: "gone" });
  await publish(userId);
  await deliverWebhooks();
  expect(of(receiver, userId)).toHaveLength(1);
  receiver.answer = answerWith(200);
  const resumed = await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused: false });
  expect(resumed).toMatchObject({ ok: true, value: { state: "active", reason: null, version: 3 } });
  await expect
    .poll(async () => {
      await deliverWebhooks({ clock: () => after(new Date(), 10_000) });
      return of(receiver, userId).length;
    })
    .toBe(3);
});

test("what an old address answers doesn't count for the new one, which gets what is not begun yet", async () => {
  const held: (() => void)[] = [];
  const { id, receiver } = await hook({ types: ["account.blocked"] }, (_, response) => {
    held.push(() => response.writeHead(410).end());
  });
  const { userId } = await signUp();
  for (let count = 0; count < 20; count += 1) await publish(userId);
  const worker = new WebhookWorker();
  const { id: other, receiver: next } = await hook({ types: ["account.blocked"] });
  await deleteWebhookEndpoint(COMMAND_LINE, other);
  await expect
    .poll(async () => {
      await worker.round();
      return held.length;
    })
    .toBe(16);
  await write((tx) => tx.webhookEndpoint.update({ where: { id }, data: { failingSince: new Date(0) } }));
  const moved = await changeWebhookEndpoint(COMMAND_LINE, id, { url: next.url });
  expect(moved).toMatchObject({ ok: true, value: { failingSince: null } });
  await worker.round();
  for (const answer of held) answer();
  await expect
    .poll(async () => {
      await worker.round();
      return of(next, userId).length;
    })
    .toBe(4);
  await worker.stop(30_000);
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "active", url: next.url, failingSince: null });
  expect(of(receiver, userId)).toHaveLength(16);
  await deliverWebhooks({ clock: () => after(new Date(), 10_000) });
  expect(of(next, userId)).toHaveLength(20);
});

test("five days without a success disable the endpoint, and one success starts the five days again", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] }, answerWith(500));
  const { userId } = await signUp();
  await publish(userId);
  await deliverUntil(receiver, userId, 1);
  const since = (await findWebhookEndpoint(id))?.failingSince;
  if (!since) throw new Error("the endpoint is not failing");
  receiver.answer = answerWith(200);
  await deliverWebhooks({ clock: () => after(since, DAY_MS) });
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "active", failingSince: null });
  receiver.answer = answerWith(500);
  await publish(userId);
  await deliverUntil(receiver, userId, 3);
  const again = (await findWebhookEndpoint(id))?.failingSince;
  if (!again) throw new Error("the endpoint is not failing");
  await deliverWebhooks({ clock: () => after(again, WEBHOOK_FAILING_MS_MAX - 1) });
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "active" });
  await write((tx) =>
    tx.webhookDelivery.updateMany({ where: { endpointId: id, state: "pending" }, data: { dueAt: since } }),
  );
  await deliverWebhooks({ clock: () => after(again, WEBHOOK_FAILING_MS_MAX) });
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "disabled", reason: "failing" });
});

test("a replay of one delivery, of a filter or of a time range sends the same ids again", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  const times = [0, 1, 2, 3].map((minutes) => after(new Date(), minutes * 60_000 - DAY_MS));
  for (const at of times) await publish(userId, at);
  const first = await deliverUntil(receiver, userId, 4);
  const idAt = (time: Date | undefined) =>
    first.find(({ body }) => body.timestamp === time?.toISOString())?.headers["webhook-id"] as string;
  const ids = times.map(idAt);
  /** Replays, and returns the ids that come again. */
  const replay = async (what: Parameters<typeof replayDeliveries>[2]) => {
    const before = of(receiver, userId).length;
    const replayed = await replayDeliveries(COMMAND_LINE, id, what);
    await deliverWebhooks();
    const again = of(receiver, userId).slice(before);
    expect(replayed).toEqual({ ok: true, value: { count: again.length } });
    return again.map(({ headers }) => headers["webhook-id"]).sort();
  };
  expect(await replay({ deliveryId: ids[0] ?? "" })).toEqual(ids.slice(0, 1));
  expect(await replay({ from: times[1], until: times[3] })).toEqual(ids.slice(1, 3).sort());
  expect(await replay({ state: "failed" })).toEqual([]);
  expect(await replay({ type: "account.blocked" })).toEqual(ids.toSorted());
  expect(await listWebhookAttempts(ids[0] ?? "", { seesPhones: true })).toMatchObject(
    [1, 2, 3].map((number) => ({ number, status: 204 })),
  );
  expect(failureOf(await replayDeliveries(COMMAND_LINE, id, { deliveryId: "msg_unknown" }))).toBe("delivery_unknown");
  expect(failureOf(await replayDeliveries(COMMAND_LINE, "we_unknown", {}))).toBe("endpoint_unknown");
  const events = await readPrimary.auditEvent.findMany({
    where: { action: "webhook_replayed" },
    orderBy: { id: "asc" },
  });
  const own = events.map(({ details }) => JSON.parse(details)).filter(({ webhook }) => webhook === id);
  expect(own.slice(0, 2)).toEqual([
    { webhook: id, filter: { delivery: ids[0] } },
    { webhook: id, filter: { from: times[1]?.toISOString(), until: times[3]?.toISOString() } },
  ]);
});

test("deliveries are listed by state, type and time, page by page", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked", "account.created"] });
  const { userId } = await signUp();
  await publish(userId);
  await deliverUntil(receiver, userId, 2);
  receiver.answer = answerWith(503);
  for (let count = 0; count < 5; count += 1) await publish(userId);
  await deliverUntil(receiver, userId, 7);
  const all = await listWebhookDeliveries({ endpointId: id });
  expect(all.next).toBe(null);
  const own = all.deliveries.filter(({ accountId }) => accountId === userId);
  expect(own.map(({ state }) => state).sort()).toEqual([...Array(2).fill("delivered"), ...Array(5).fill("pending")]);
  expect(own.map(({ at }) => at.getTime())).toEqual(
    own
      .map(({ at }) => at.getTime())
      .sort()
      .reverse(),
  );
  expect(own[0]).toMatchObject({
    eventId: expect.any(String),
    attempts: 1,
    nextAt: expect.any(Date),
    isUnderWay: false,
  });
  const paged: string[] = [];
  for (let cursor: WebhookDeliveryCursor | null = null; ; ) {
    const page = await listWebhookDeliveries({ endpointId: id, limit: 3, cursor });
    paged.push(...page.deliveries.map((delivery) => delivery.id));
    if (!page.next) break;
    cursor = WebhookDeliveryCursor.parse(WebhookDeliveryCursor.encode(page.next));
  }
  expect(paged).toEqual(all.deliveries.map((delivery) => delivery.id));
  const pending = await listWebhookDeliveries({ endpointId: id, state: "pending", type: "account.blocked" });
  expect(pending.deliveries).toEqual(own.filter(({ state }) => state === "pending"));
  const until = own.at(-1)?.at;
  const older = await listWebhookDeliveries({ endpointId: id, until });
  expect(older.deliveries.filter(({ accountId }) => accountId === userId)).toEqual([]);
  expect(await findWebhookDelivery(id, own[0]?.id ?? "")).toEqual(own[0]);
  expect(await findWebhookDelivery("we_unknown", own[0]?.id ?? "")).toBe(null);
});

test("the administrators get a mail when the server disables an endpoint", async () => {
  const { userId } = await freshAdministrator();
  const email = freshEmail();
  await write((tx) => tx.user.update({ where: { id: userId }, data: { email } }));
  const { receiver } = await hook({}, answerWith(410));
  await signUp();
  const mails: Message[] = [];
  const mail: MessageSender = {
    send: async (message) => {
      mails.push(message);
      return accepted();
    },
  };
  await expect
    .poll(async () => {
      await deliverWebhooks({ mail });
      return mails.filter(({ to }) => to === email).length;
    })
    .toBe(1);
  const [message] = mails.filter(({ to }) => to === email);
  expect(message?.subject).toContain(new URL(receiver.url).host);
  expect(message?.text).toContain("/admin/webhooks");
  await deliverWebhooks({ mail });
  expect(mails.filter(({ to }) => to === email)).toHaveLength(1);
});

test("a rotated secret and the one before sign for a day, and then the new one alone", async () => {
  const { id, receiver, ...shown } = await hook();
  const rotated = await rotateWebhookSecret(COMMAND_LINE, id);
  if (!rotated.ok) throw new Error(rotated.failure.name);
  const { userId } = await signUp();
  const [both] = await deliverUntil(receiver, userId, 1);
  if (!both) throw new Error("nothing came");
  verifyBoth(both, shown);
  verifyBoth(both, rotated.value);
  expect(String(both.headers["webhook-signature"]).split(" ")).toHaveLength(4);
  await publish(userId);
  const later = after(new Date(), WEBHOOK_SECRET_OVERLAP_MS);
  await expect
    .poll(async () => {
      await deliverWebhooks({ clock: () => later });
      return of(receiver, userId).length;
    })
    .toBe(2);
  expect(String(of(receiver, userId)[1]?.headers["webhook-signature"]).split(" ")).toHaveLength(2);
  expect(await findWebhookEndpoint(id)).toMatchObject({ previousUntil: null, publicKey: rotated.value.publicKey });
  const stored = await readPrimary.webhookEndpoint.findUniqueOrThrow({ where: { id } });
  expect(stored.previousSecret).toBe(null);
  const secrets = [shown.secret, rotated.value.secret].map((secret) => secret.replace("whsec_", ""));
  for (const secret of secrets) expect(JSON.stringify({ ...stored, cursorTransactionId: 0 })).not.toContain(secret);
});

test("the secrets of a paused endpoint are kept up to date, too", async () => {
  const { id } = await hook();
  await rotateWebhookSecret(COMMAND_LINE, id);
  await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused: true });
  await deliverWebhooks({ clock: () => after(new Date(), WEBHOOK_SECRET_OVERLAP_MS) });
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "paused", previousUntil: null });
});

test("an endpoint whose secrets can't be opened gets nothing unsigned, and its attempts say why", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const { id: other } = await hook();
  const { secret } = await readPrimary.webhookEndpoint.findUniqueOrThrow({ where: { id: other } });
  await write((tx) => tx.webhookEndpoint.update({ where: { id }, data: { secret } }));
  const { userId } = await signUp();
  await publish(userId);
  await expect
    .poll(async () => {
      await deliverWebhooks();
      return (await deliveriesOf(id)).map(({ made }) => made[0]?.fault);
    })
    .toEqual(["secret_unreadable"]);
  expect(receiver.received).toEqual([]);
});

test("the log says once that deliveries have been due for more than five minutes", async () => {
  const ids: string[] = [];
  for (const minutes of [6, 4]) {
    const { id } = await hook({ types: ["account.blocked"] }, () => undefined);
    await sendTestEvent(COMMAND_LINE, id, after(new Date(), -minutes * 60_000));
    ids.push(id);
  }
  const worker = new WebhookWorker();
  const warnings = await warningsOf(async () => {
    for (let count = 0; count < 3; count += 1) await worker.round();
  });
  await worker.stop(0);
  const late = warnings.filter(({ message }) => message.includes("have been due"));
  expect(late.map(({ about }) => about)).toMatchObject([{ webhook: ids[0] }]);
});

test("a receiver that answers slowly delays no other one", async () => {
  const slow = await hook({}, () => undefined);
  const fast = await hook();
  const { userId } = await signUp();
  for (let count = 0; count < 40; count += 1) await publish(userId);
  const worker = new WebhookWorker();
  await expect
    .poll(async () => {
      await worker.round();
      return of(fast.receiver, userId).length;
    })
    .toBe(41);
  expect(of(slow.receiver, userId).length).toBeLessThanOrEqual(16);
  expect(await deliveriesOf(slow.id)).toHaveLength(41);
  await worker.stop(0);
  const rows = await deliveriesOf(slow.id);
  expect(rows.map(({ worker: holder }) => holder)).toEqual(rows.map(() => null));
  expect(rows.every(({ attempts }) => attempts === 0)).toBe(true);
  slow.receiver.answer = answerWith(200);
  await deliverWebhooks();
  expect(new Set(of(slow.receiver, userId).map(({ body }) => body.id)).size).toBe(41);
});

test("a worker ends although an attempt doesn't, and gives its delivery back", async () => {
  const { id } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  await publish(userId);
  let begun = 0;
  const post = () => {
    begun += 1;
    return new Promise<never>(() => undefined);
  };
  const worker = new WebhookWorker({ post });
  await expect
    .poll(async () => {
      await worker.round();
      return begun;
    })
    .toBe(1);
  await worker.stop(0);
  expect(await deliveriesOf(id)).toMatchObject([{ state: "pending", worker: null, attempts: 0 }]);
});

test("after a crash other processes deliver what a process had leased, once its lease is over", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] }, () => undefined);
  const { userId } = await signUp();
  await publish(userId);
  const crashed = new WebhookWorker();
  await expect
    .poll(async () => {
      await crashed.round();
      return of(receiver, userId).length;
    })
    .toBe(1);
  receiver.answer = answerWith(200);
  await deliverWebhooks();
  expect(of(receiver, userId)).toHaveLength(1);
  await deliverWebhooks({ clock: () => after(new Date(), WEBHOOK_LEASE_MS) });
  const [first, second] = of(receiver, userId);
  expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
  await crashed.stop(0);
  expect(await deliveriesOf(id)).toMatchObject([{ state: "delivered", attempts: 1 }]);
});

test("a paused endpoint gets what it missed when it is resumed, and shows when events were deleted before", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused: true });
  await publish(userId);
  await deliverWebhooks();
  expect(of(receiver, userId)).toHaveLength(0);
  expect(failureOf(await sendTestEvent(COMMAND_LINE, id))).toBe("endpoint_inactive");
  await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused: false });
  await deliverUntil(receiver, userId, 1);
  expect(await findWebhookEndpoint(id)).toMatchObject({ missedAt: null });
  await publish(userId);
  const cursorAt = new Date(0);
  await publish(userId, cursorAt);
  await transact(async (tx) => markDeletion(tx, cursorAt));
  await write((tx) => tx.event.deleteMany({ where: { at: cursorAt } }));
  await write((tx) => tx.webhookEndpoint.update({ where: { id }, data: { cursorAt } }));
  await deliverUntil(receiver, userId, 2);
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "active", missedAt: expect.any(Date) });
  await deliverWebhooks();
  expect(of(receiver, userId), "no event comes twice").toHaveLength(2);
});

test("an endpoint gets events once that are too old, but not deleted yet", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  const at = after(new Date(), -EVENTS_KEPT_MS - 60_000);
  await publish(userId, at);
  await publish(userId, at);
  await write((tx) => tx.webhookEndpoint.update({ where: { id }, data: { cursorAt: after(at, -60_000) } }));
  await deliverUntil(receiver, userId, 2);
  await deliverWebhooks();
  expect(of(receiver, userId)).toHaveLength(2);
  expect(await findWebhookEndpoint(id)).toMatchObject({ missedAt: null });
});

test("an event that was deleted before its attempt fails, and the attempt says why", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] }, answerWith(500));
  const { userId } = await signUp();
  await publish(userId);
  await deliverUntil(receiver, userId, 1);
  await write((tx) => tx.event.deleteMany({ where: { accountId: userId } }));
  await deliverWebhooks({ clock: () => after(new Date(), 10_000) });
  const [row] = await deliveriesOf(id);
  expect(row).toMatchObject({ state: "failed", attempts: 2 });
  expect(row?.made[1]).toMatchObject({ status: null, fault: "event_deleted" });
});

test("an event that was deleted before its attempt is no failure of the receiver", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  const isPaused = true;
  await publish(userId);
  await deliverUntil(receiver, userId, 1);
  await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused });
  await replayDeliveries(COMMAND_LINE, id, { state: "delivered" });
  await write((tx) => tx.event.deleteMany({ where: { accountId: userId } }));
  await changeWebhookEndpoint(COMMAND_LINE, id, { isPaused: !isPaused });
  await deliverWebhooks();
  expect(await deliveriesOf(id)).toMatchObject([{ state: "failed", attempts: 2 }]);
  expect(await findWebhookEndpoint(id)).toMatchObject({ state: "active", failingSince: null });
});

test("a test event concerns no account", async () => {
  const { id, receiver, ...shown } = await hook();
  const sent = await sendTestEvent(COMMAND_LINE, id);
  if (!sent.ok) throw new Error(sent.failure.name);
  await deliverWebhooks();
  const found = receiver.received.find(({ body }) => body.type === "webhook.test");
  expect(found?.body).toMatchObject({ accountId: null, sequence: null, isTest: true, data: {} });
  expect(found?.headers["webhook-id"]).toBe(sent.value.deliveryId);
  if (found) verifyBoth(found, shown);
});

test("the deliveries of an endpoint are counted by its filter, and those of its last day by what the receiver answered", async () => {
  const { id, receiver } = await hook({ types: ["account.blocked", "account.created"] });
  const { userId } = await signUp();
  await publish(userId);
  await deliverUntil(receiver, userId, 2);
  receiver.answer = answerWith(503);
  await publish(userId, after(new Date(), -2 * DAY_MS));
  await publish(userId);
  await deliverUntil(receiver, userId, 4);
  const yesterday = after(new Date(), -DAY_MS);
  const count = (filter: WebhookFilter = {}) => countWebhookDeliveries({ endpointId: id, ...filter });
  const before = await count();
  expect(before.isMore).toBe(false);
  // Other tests may have published events of these types.
  const own = (await listWebhookDeliveries({ endpointId: id })).deliveries;
  const matching = (wanted: (one: WebhookDelivery) => boolean) => ({ count: own.filter(wanted).length, isMore: false });
  expect(before).toEqual(matching(() => true));
  expect(await count({ state: "pending" })).toEqual(matching(({ state }) => state === "pending"));
  expect(await count({ type: "account.created" })).toEqual(matching(({ type }) => type === "account.created"));
  expect(await count({ until: yesterday })).toEqual(matching(({ at }) => at < yesterday));
  const day = own.filter(({ at, attempts }) => at >= yesterday && attempts > 0);
  const delivered = day.filter(({ state }) => state === "delivered").length;
  expect(await countDayOfEndpoint(id)).toEqual({ delivered, refused: day.length - delivered });
  expect([delivered >= 2, day.length - delivered >= 1]).toEqual([true, true]);
});

test("an administrator's reason stands in the event of each deed on an endpoint", async () => {
  const { administrator, userId } = await freshAdministrator();
  const receiver = await startReceiver();
  receivers.push(receiver);
  const choice = { url: receiver.url, types: null, description: "", hasPhones: false };
  const made = await makeWebhookEndpoint(administrator, { ...choice, reason: "1" });
  if (!made.ok) throw new Error(made.failure.name);
  const { id } = made.value;
  await changeWebhookEndpoint(administrator, id, { description: "other" }, { reason: "2" });
  await changeWebhookEndpoint(administrator, id, { isPaused: true }, { reason: "3" });
  await rotateWebhookSecret(administrator, id, { reason: "4" });
  await replayDeliveries(administrator, id, {}, { reason: "5" });
  await deleteWebhookEndpoint(administrator, id, { reason: "6" });
  const events = await readPrimary.auditEvent.findMany({ where: { actorId: userId }, orderBy: { id: "asc" } });
  const reasons = events.map(({ action, details }) => [action, JSON.parse(details).reason]);
  expect(reasons.filter(([action]) => String(action).startsWith("webhook_"))).toEqual([
    ["webhook_made", "1"],
    ["webhook_changed", "2"],
    ["webhook_paused", "3"],
    ["webhook_rotated", "4"],
    ["webhook_replayed", "5"],
    ["webhook_deleted", "6"],
  ]);
});

test("an endpoint needs https, a public address and no password in its URL", async () => {
  const problemOf = async (url: string) => {
    const made = await makeWebhookEndpoint(COMMAND_LINE, { url, types: null, description: "", hasPhones: false });
    return made.ok ? null : made.failure;
  };
  const refusals: Record<string, string> = {
    "http://backend.example/": "not_https",
    "https://user:secret@backend.example/": "credentials",
    "https://backend.example:22/": "port",
    "https://10.0.0.1/": "address",
    [`https://backend.example/${"a".repeat(2000)}`]: "too_long",
    "ftp://backend.example/": "malformed",
  };
  for (const [url, problem] of Object.entries(refusals))
    expect(await problemOf(url)).toEqual({ name: "url_refused", problem });
  expect(await listWebhookEndpoints()).toEqual([]);
});

test("an administrator changes an endpoint only with a fresh login and the version that was seen, and each deed is recorded", async () => {
  const { administrator, userId } = await freshAdministrator();
  const { id } = await hook();
  const change = (version: number) =>
    changeWebhookEndpoint(administrator, id, { hasPhones: true, description: "other" }, { version });
  expect(await change(7)).toEqual({ ok: false, failure: { name: "version_changed", version: 1 } });
  expect(await change(1)).toMatchObject({ ok: true, value: { version: 2, hasPhones: true } });
  const tired = { ...administrator, verifiedAt: new Date(0) };
  expect(failureOf(await deleteWebhookEndpoint(tired, id))).toBe("login_too_old");
  expect(failureOf(await deleteWebhookEndpoint(administrator, id))).toBe("none");
  expect(failureOf(await deleteWebhookEndpoint(administrator, id))).toBe("endpoint_unknown");
  const events = await readPrimary.auditEvent.findMany({
    where: { actorId: userId, action: { startsWith: "webhook" } },
  });
  expect(events.map(({ action, details }) => [action, JSON.parse(details)])).toEqual([
    ["webhook_changed", { webhook: id, hasPhones: true, fields: ["description", "hasPhones"] }],
    ["webhook_deleted", { webhook: id }],
  ]);
  await deliverWebhooks();
  await deliverWebhooks();
  expect(await readPrimary.webhookEndpoint.findUnique({ where: { id } })).toBe(null);
});

test("a round without an endpoint costs one statement, and a round of many events no statement for each", async () => {
  const idle = new WebhookWorker();
  await backgroundTasks();
  // Other statements open a connection.
  const ofWebhooks = (await statementsOf(() => idle.round())).filter((text) => text.includes('"Webhook'));
  expect(ofWebhooks).toHaveLength(1);
  const { receiver } = await hook({ types: ["account.blocked"] });
  const { userId } = await signUp();
  const worker = new WebhookWorker();
  const costs: number[] = [];
  for (const count of [3, 12]) {
    const before = of(receiver, userId).length;
    for (let at = 0; at < count; at += 1) await publish(userId);
    // While other transactions hide the events, rounds cost statements, too.
    await findEndOfCommittedEvents();
    let statements = 0;
    await expect
      .poll(async () => {
        const cost = await costOf(() => worker.round());
        statements += cost.statements;
        return of(receiver, userId).length - before;
      })
      .toBe(count);
    costs.push(statements);
  }
  await worker.stop(100);
  expect(Math.max(...costs)).toBeLessThan(60);
});
