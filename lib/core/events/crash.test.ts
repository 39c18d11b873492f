import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, _baseTest as test } from "playwright/test";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { groupBy } from "@/lib/core/group-by";
import { WEBHOOK_LEASE_MS } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { BUSY_PHONES, drawFrom, ROLLED_BACK_SESSION_ID, startBusyProcess } from "@/lib/testing/busy";
import {
  findEndOfCommittedEvents,
  mirrorAccounts,
  readAccountsAsMirrored,
  readEventsAfter,
} from "@/lib/testing/mirror";
import { after } from "@/lib/testing/people";
import { answerWith, type Receiver, startReceiver } from "@/lib/testing/receivers";
import type { EventBody } from "./event-body";
import type { EventCursor } from "./event-log";
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
  const from = await findEndOfCommittedEvents();
  const choice = { url: receiver.url, types: null, description: "a test", hasPhones: false };
  const made = await makeWebhookEndpoint(COMMAND_LINE, choice);
  if (!made.ok) throw new Error(made.failure.name);
  return { id: made.value.id, from };
}

/** Expects the sequence of each account to begin at 1 and to have no gap. */
function expectSequences(events: readonly EventBody[], hint: string): void {
  for (const [accountId, own] of groupBy(
    events.filter((event) => event.accountId !== null),
    (event) => [event.accountId],
  )) {
    const sequences = own.map(({ sequence }) => sequence ?? 0).sort((one, other) => one - other);
    expect(sequences, `${hint}, account ${accountId}`).toEqual(sequences.map((_, at) => at + 1));
  }
}

const textsOf = (events: readonly EventBody[]) => events.map((event) => JSON.stringify(event)).sort();

test("kill -9 twenty times under load: each committed event arrives, none that was rolled back, and no sequence has a gap", {
  tag: "@slow",
}, async () => {
  test.setTimeout(300_000);
  const seed = randomInt(1_000_000);
  const hint = `seed ${seed}`;
  const draw = drawFrom(hint);
  const { id, from } = await hook();
  const accepted: string[] = [];
  receiver.answer = (request, response, received) => {
    const chance = draw(20);
    if (chance === 0) return answerWith(500)(request, response, received);
    if (chance === 1) return void request.socket.destroy();
    setTimeout(() => {
      accepted.push(received.text);
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
      const server = await startBusyProcess({ number: started, seed, clockAheadMs });
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
        const left = (await readEventsAfter(from)).events.length - new Set(accepted).size;
        return { open: open.length, left };
      },
      { message: hint, timeout: 100_000 },
    )
    .toEqual({ open: 0, left: 0 });

  const { events } = await readEventsAfter(from);
  expect(events.length, hint).toBeGreaterThan(2 * KILLS);
  expect([...new Set(accepted)].sort(), hint).toEqual(textsOf(events));
  expect([...new Set(receiver.received.map(({ text }) => text))].sort(), hint).toEqual(textsOf(events));
  expect(textsOf(events).join(), hint).not.toContain(ROLLED_BACK_SESSION_ID);
  expectSequences(events, hint);
  expect(mirrorAccounts(events), hint).toEqual(await readAccountsAsMirrored({ phone: { startsWith: BUSY_PHONES } }));
});

test("two servers on one database deliver each event once, and what a server has leased when it ends goes to the next one", async () => {
  test.slow();
  const seed = randomInt(1_000_000);
  const hint = `seed ${seed}`;
  const { from } = await hook();
  const starting = Array.from({ length: SERVERS }, () => {
    started += 1;
    return startBusyProcess({ number: started, seed, clockAheadMs: 0 });
  });
  const servers = await Promise.all(starting);
  await Promise.all(servers.map((server) => server.deeds(DEEDS_EACH)));
  expect(await Promise.all(servers.map((server) => server.end("SIGTERM")))).toEqual([0, 0]);
  await expect
    .poll(
      async () => {
        await deliverWebhooks();
        return receiver.received.length - (await readEventsAfter(from)).events.length;
      },
      { message: hint, timeout: 100_000 },
    )
    .toBe(0);
  const { events } = await readEventsAfter(from);
  expect(events.length, hint).toBeGreaterThan(DEEDS_EACH);
  expect(receiver.received.map(({ text }) => text).sort(), hint).toEqual(textsOf(events));
});
