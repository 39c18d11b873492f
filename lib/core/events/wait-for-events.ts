import { EVENT_WAITERS_MAX, EVENT_WAITERS_PER_READER_MAX } from "@/lib/core/policy";
import { fail, type Result } from "@/lib/core/result";
import { isDatabaseAway, onCommit, readPrimary, statement } from "@/lib/db/database";
import { logError } from "@/lib/ops/log";
import { isEnding } from "@/lib/ops/shutdown";
import { perProcess } from "@/lib/per-process";
import { type CursorExpired, type EventPage, readEvents } from "./event-log";

/** How often the event log is read while requests wait. One poll serves all of them. */
const POLL_EVERY_MS = 1000;
/** How soon after a commit of this process the log is read. Commits that follow in this time share the poll. */
const POLL_AFTER_COMMIT_MS = 50;

const FIND_NEWEST = statement({
  params: {},
  row: { transactionId: "integer", id: "integer" },
  sql: {
    sqlite: `SELECT 0 AS "transactionId", "seq" AS "id" FROM "sqlite_sequence" WHERE "name" = 'Event'`,
    // As far as `readEvents` reads.
    postgresql: `
      SELECT "transactionId", "id" FROM "Event"
      WHERE "transactionId" < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
      ORDER BY "transactionId" DESC, "id" DESC LIMIT 1`,
  },
});

/** A request that waits for events. It holds no connection to the database. */
interface Waiter {
  reader: string;
  /** Whether the log may have new events since the waiter read it last. */
  isWoken: boolean;
  wake: () => void;
}

const state = perProcess("event waiters", () => ({
  waiters: new Set<Waiter>(),
  /** The newest place of the log that was seen; null before the first poll. */
  seen: null as string | null,
  /** Whether a poll is under way. While the database is slow, polls don't pile up. */
  isPolling: false,
  stop: () => {},
}));

/**
 * As `readEvents`, but when there are no events and no more to look at, waits for the first until `waitMs` have passed, the client has
 * gone (`signal`) or the process ends, and returns an empty page then. `reader` names who reads, for example an API key. Fails with
 * `cursor_expired`, or with `too_many_waiting` when `EVENT_WAITERS_PER_READER_MAX` requests of this reader wait in this process, or
 * `EVENT_WAITERS_MAX` of all.
 */
export async function waitForEvents(
  query: Parameters<typeof readEvents>[0],
  { reader, waitMs, signal }: { reader: string; waitMs: number; signal: AbortSignal },
): Promise<Result<EventPage, CursorExpired | { name: "too_many_waiting" }>> {
  const first = await readEvents(query);
  if (!first.ok || first.value.events.length > 0 || first.value.isMore || waitMs <= 0) return first;
  const isFull =
    state.waiters.size >= EVENT_WAITERS_MAX ||
    [...state.waiters].filter((waiter) => waiter.reader === reader).length >= EVENT_WAITERS_PER_READER_MAX;
  if (isFull) return fail({ name: "too_many_waiting" });

  const endsAtMs = performance.now() + waitMs;
  const waiter: Waiter = { reader, isWoken: true, wake: () => {} };
  addWaiter(waiter);
  try {
    let after = first.value.next;
    for (;;) {
      // The waiter is registered before it reads, so that it misses no event that is written in between.
      waiter.isWoken = false;
      const page = await readEvents({ ...query, after });
      const leftMs = endsAtMs - performance.now();
      const isOver = leftMs <= 0 || signal.aborted || isEnding();
      if (!page.ok || page.value.events.length > 0 || page.value.isMore || isOver) return page;
      after = page.value.next;
      await sleepUntilWoken(waiter, leftMs, signal);
    }
  } finally {
    removeWaiter(waiter);
  }
}

/** Resolves when the waiter is woken, after `ms`, or when the client has gone. */
function sleepUntilWoken(waiter: Waiter, ms: number, signal: AbortSignal): Promise<void> {
  if (waiter.isWoken) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    waiter.wake = end;
  });
}

function addWaiter(waiter: Waiter): void {
  state.waiters.add(waiter);
  if (state.waiters.size > 1) return;
  let commitTimer: NodeJS.Timeout | undefined;
  const timer = setInterval(poll, POLL_EVERY_MS);
  const stopListening = onCommit(() => {
    commitTimer ??= setTimeout(() => {
      commitTimer = undefined;
      void poll();
    }, POLL_AFTER_COMMIT_MS);
  });
  state.stop = () => {
    clearInterval(timer);
    clearTimeout(commitTimer);
    stopListening();
    state.seen = null;
  };
}

function removeWaiter(waiter: Waiter): void {
  state.waiters.delete(waiter);
  if (state.waiters.size === 0) state.stop();
}

/** Wakes all waiters if the log has grown since the last poll, or if the process ends. */
async function poll(): Promise<void> {
  if (state.isPolling) return;
  state.isPolling = true;
  try {
    const newest = await readPrimary.get(FIND_NEWEST, {});
    const place = newest ? `${newest.transactionId}-${newest.id}` : "";
    if (place === state.seen && !isEnding()) return;
    state.seen = place;
  } catch (error) {
    // The waiters are woken: their own read reports the error.
    if (!isDatabaseAway(error)) logError(error, "the event log could not be read");
  } finally {
    state.isPolling = false;
  }
  for (const waiter of state.waiters) {
    waiter.isWoken = true;
    waiter.wake();
  }
}
