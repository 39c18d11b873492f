import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, _baseTest as test } from "playwright/test";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { WEBHOOK_LEASE_MS } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { BUSY_PHONES, drawFrom, ROLLED_BACK_SESSION_ID, startBusyProcess } from "@/lib/testing/busy";
import { after } from "@/lib/testing/people";
import { answerWith, type Received, type Receiver, startReceiver } from "@/lib/testing/receivers";
import { type EventCursor, findEndOfEvents, type PublishedEvent, readEvents } from "./event-log";
import { deleteWebhookEndpoint, listWebhookEndpoints, makeWebhookEndpoint } from "./webhook-endpoints";
import { deliverWebhooks } from "./webhook-work";

const KILLS = 20;
const SERVERS = 2;
/** After how many deeds a process is killed at most, and how long after the last of them. */
const DEEDS_MAX = 30;
const KILLED_LATER_MS_MAX = 30;
/** The deeds of each process that is not killed. */
const DEEDS_EACH = 100;
const HOUR_MS = 60 * 60 * 1000;

let started = 0;
let receiver: Receiver;

test.beforeEach(async () => {
  receiver = await startReceiver();
});

test.afterEach(async () => {
  for (const { id } of await listWebhookEndpoints()) await deleteWebhookEndpoint(COMMAND_LINE, id);
  await deliverWebhooks();
  receiver.close();
});

/** Makes an endpoint for all events from now on. Returns its id, and where the events begin. */
async function hook(): Promise<{ id: string; from: EventCursor }> {
  const from = await findEndOfEvents();
  const choice = { url: receiver.url, types: null, description: "a test", hasPhones: false };
  const made = await makeWebhookEndpoint(COMMAND_LINE, choice);
  if (!made.ok) throw new Error(made.failure.name);
  return { id: made.value.id, from };
}

/** Reads all events of the log since the cursor. */
async function eventsSince(from: EventCursor): Promise<PublishedEvent[]> {
  const events: PublishedEvent[] = [];
  for (let after = from; ; ) {
    const read = await readEvents({ after, limit: 1000 });
    if (!read.ok) throw new Error(read.failure.name);
    events.push(...read.value.events);
    after = read.value.next;
    if (!read.value.isMore) return events;
  }
}

/** An event as text, of the log and as it was received, for comparisons. */
const ofLog = ({ id, type, at, accountId, sequence, data }: PublishedEvent) =>
  JSON.stringify([id, type, at, accountId, sequence, data]);
const ofReceiver = ({ body: { id, type, timestamp, accountId, sequence, data } }: Received) =>
  JSON.stringify([id, type, timestamp, accountId, sequence, data]);

/** What a reader of events knows of an account. */
interface Known {
  inviteCode: string;
  isBlocked: boolean;
  inviterId: number | null;
  sessions: Set<string>;
}

/** Replays events, in the order of each account's sequence, into the accounts that they leave. */
function replay(events: readonly PublishedEvent[]): Map<number, Known> {
  const accounts = new Map<number, Known>();
  const ordered = events.toSorted((one, other) => (one.sequence ?? 0) - (other.sequence ?? 0));
  for (const { type, accountId, data } of ordered) {
    if (accountId === null) continue;
    if (type === "account.created") {
      accounts.set(accountId, { inviteCode: data.inviteCode, isBlocked: false, inviterId: null, sessions: new Set() });
    }
    const account = accounts.get(accountId);
    if (!account) throw new Error(`${type} of an account that was not made`);
    if (type === "account.deleted") accounts.delete(accountId);
    if (type === "account.blocked") account.isBlocked = true;
    if (type === "account.unblocked") account.isBlocked = false;
    if (type === "invite.activated" || type === "invite.moved") account.inviterId = data.inviterId;
    if (type === "invite.reversed") account.inviterId = null;
    if (type === "session.opened") account.sessions.add(data.sessionId);
    if (type === "session.ended") for (const id of data.sessionIds) account.sessions.delete(id);
  }
  // An inviter that is gone has no referrals.
  for (const account of accounts.values()) {
    if (account.inviterId !== null && !accounts.has(account.inviterId)) account.inviterId = null;
  }
  return accounts;
}

/** Reads the same of the accounts of busy processes from the tables. */
async function stored(): Promise<Map<number, Known>> {
  const rows = await readPrimary.user.findMany({
    where: { phone: { startsWith: BUSY_PHONES } },
    include: { sessions: true, activation: true },
  });
  return new Map(
    rows.map(({ id, inviteCode, blockedAt, activation, sessions }) => [
      id,
      {
        ...{ inviteCode, isBlocked: blockedAt !== null, inviterId: activation?.inviterId ?? null },
        sessions: new Set(sessions.map((session) => session.id)),
      },
    ]),
  );
}

/** Expects the sequence of each account to begin at 1 and to have no gap, also where a transaction was rolled back. */
async function expectSequences(events: readonly PublishedEvent[], hint: string): Promise<void> {
  const sequences = new Map<number, number[]>();
  for (const { accountId, sequence } of events) {
    if (accountId === null || sequence === null) continue;
    sequences.set(accountId, [...(sequences.get(accountId) ?? []), sequence]);
  }
  for (const [accountId, own] of sequences) {
    own.sort((one, other) => one - other);
    expect(own, `${hint}, account ${accountId}`).toEqual(own.map((_, at) => at + 1));
  }
  const rows = await readPrimary.user.findMany({ where: { phone: { startsWith: BUSY_PHONES } } });
  for (const { id, eventSequence } of rows)
    expect(sequences.get(id), `${hint}, account ${id}`).toHaveLength(eventSequence);
}

test("kill -9 twenty times under load: each committed event arrives, none that was rolled back, and no sequence has a gap", async () => {
  test.setTimeout(300_000);
  const seed = randomInt(1_000_000);
  const hint = `seed ${seed}`;
  const draw = drawFrom(hint);
  const { id, from } = await hook();
  const accepted: Received[] = [];
  receiver.answer = (request, response, received) => {
    const chance = draw(20);
    if (chance === 0) return answerWith(500)(request, response, received);
    if (chance === 1) return void request.socket.destroy();
    setTimeout(() => {
      accepted.push(received);
      response.writeHead(204).end();
    }, draw(40));
  };

  let kills = 0;
  const endings: unknown[] = [];
  async function killInTurn() {
    while (kills < KILLS) {
      kills += 1;
      const clockAheadMs = kills * WEBHOOK_LEASE_MS;
      started += 1;
      const server = startBusyProcess({ number: started, seed, clockAheadMs });
      await server.deeds(1 + draw(DEEDS_MAX));
      await sleep(draw(KILLED_LATER_MS_MAX));
      endings.push(await server.end("SIGKILL"));
    }
  }
  await Promise.all(Array.from({ length: SERVERS }, killInTurn));
  expect(endings, hint).toEqual(Array.from({ length: KILLS }, () => "SIGKILL"));

  // Each round delivers as some hours later, so that all leases and waits are over.
  let hours = 0;
  await expect
    .poll(
      async () => {
        hours += 6;
        await deliverWebhooks({ clock: () => after(new Date(), hours * HOUR_MS) });
        const where = { endpointId: id, NOT: { state: "delivered" } };
        const open = await readPrimary.webhookDelivery.findMany({ where, select: { id: true } });
        const left = (await eventsSince(from)).length - new Set(accepted.map(({ body }) => body.id)).size;
        return { open: open.length, left };
      },
      { message: hint },
    )
    .toEqual({ open: 0, left: 0 });

  const events = await eventsSince(from);
  expect(events.length, hint).toBeGreaterThan(10 * KILLS);
  expect(new Set(accepted.map(ofReceiver)), hint).toEqual(new Set(events.map(ofLog)));
  expect(new Set(receiver.received.map(ofReceiver)), hint).toEqual(new Set(events.map(ofLog)));
  expect(JSON.stringify(events), hint).not.toContain(ROLLED_BACK_SESSION_ID);
  await expectSequences(events, hint);
  expect(replay(events), hint).toEqual(await stored());
});

test("two servers on one database deliver each event once, and what a server has leased when it ends goes to the next one", async () => {
  test.setTimeout(120_000);
  const seed = randomInt(1_000_000);
  const hint = `seed ${seed}`;
  const { from } = await hook();
  const servers = Array.from({ length: SERVERS }, () => {
    started += 1;
    return startBusyProcess({ number: started, seed, clockAheadMs: 0 });
  });
  await Promise.all(servers.map((server) => server.deeds(DEEDS_EACH)));
  expect(await Promise.all(servers.map((server) => server.end("SIGTERM")))).toEqual([0, 0]);
  // Open transactions of other tests may delay events.
  await expect
    .poll(
      async () => {
        await deliverWebhooks();
        return receiver.received.length - (await eventsSince(from)).length;
      },
      { message: hint },
    )
    .toBe(0);
  const events = await eventsSince(from);
  expect(events.length, hint).toBeGreaterThan(DEEDS_EACH);
  expect(receiver.received.map(ofReceiver).sort(), hint).toEqual(events.map(ofLog).sort());
});
