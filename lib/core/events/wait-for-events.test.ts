import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "playwright/test";
import { EVENT_WAITERS_PER_READER_MAX } from "@/lib/core/policy";
import { transact } from "@/lib/db/database";
import { failureOf, signUp } from "@/lib/testing/people";
import { statementsOf } from "@/lib/testing/transactions";
import { type EventCursor, findEndOfEvents } from "./event-log";
import { publishEvent } from "./publish";
import { waitForEvents } from "./wait-for-events";

/** A type that other tests hardly publish. */
const RARE = ["alarm.ended"] as const;
const rarely = (after: EventCursor) => ({ after, limit: 10, types: RARE });

test("a request that waits gets the next event when it is committed", async () => {
  const { userId } = await signUp();
  const end = await findEndOfEvents();
  const signal = new AbortController().signal;
  const isFound = async (after: EventCursor): Promise<boolean> => {
    const types = ["account.unblocked"] as const;
    const read = await waitForEvents({ after, limit: 10, types }, { reader: "one", waitMs: 100_000, signal });
    if (!read.ok) throw new Error(read.failure.name);
    const { events, next } = read.value;
    // Other tests publish such events at the same time.
    return events.some(({ accountId }) => accountId === userId) || (events.length > 0 && isFound(next));
  };
  const waiting = isFound(end);
  await sleep(200);
  const publishedAt = performance.now();
  await transact(async (tx) => publishEvent(tx, userId, { type: "account.unblocked", data: {} }, new Date()));
  expect(await waiting).toBe(true);
  expect(performance.now() - publishedAt).toBeLessThan(80_000);
});

test("without an event, a request ends with an empty page after its time or when its client goes", async () => {
  const end = await findEndOfEvents();
  const startedAt = performance.now();
  const signal = new AbortController().signal;
  const read = await waitForEvents(rarely(end), { reader: "one", waitMs: 300, signal });
  expect(read).toMatchObject({ ok: true, value: { events: [], isMore: false } });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
  const client = new AbortController();
  const waiting = waitForEvents(rarely(end), { reader: "one", waitMs: 100_000, signal: client.signal });
  setTimeout(() => client.abort(), 100);
  expect(failureOf(await waiting)).toBe("none");
  expect(performance.now() - startedAt).toBeLessThan(80_000);
});

test("a reader has a limit of requests that wait, and one read of the log serves all of them", async () => {
  const end = await findEndOfEvents();
  const clients: AbortController[] = [];
  const wait = (reader: string) => {
    const client = new AbortController();
    clients.push(client);
    return waitForEvents(rarely(end), { reader, waitMs: 60_000, signal: client.signal });
  };
  const waiting: ReturnType<typeof wait>[] = [];
  const startedAt = performance.now();
  const asked = await statementsOf(async () => {
    for (let number = 0; number < 4 * EVENT_WAITERS_PER_READER_MAX; number += 1)
      waiting.push(wait(`reader ${number % 4}`));
    await sleep(500);
    expect(failureOf(await wait("reader 1"))).toBe("too_many_waiting");
    await sleep(1600);
  });
  const looks = asked.filter((text) => /^SELECT (0 AS )?"transactionId"/.test(text));
  expect(looks.length).toBeGreaterThanOrEqual(1);
  // The first read, one after a commit, and one a second, however long the machine took.
  expect(looks.length).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 1000);
  for (const client of clients) client.abort();
  expect((await Promise.all(waiting)).map(failureOf)).toEqual(waiting.map(() => "none"));
});
