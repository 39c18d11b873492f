import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "./commands";
import type { Person } from "./seed";
import type { Store } from "./stores";

/** A type of event that no login publishes, so that nothing else is delivered. */
const TYPE = "account.blocked";
/** How often events are written: as many as belong to this time, in one transaction. */
const WRITE_EVERY_MS = 250;
/** The load begins when so many seconds' events have arrived, because a server sends the more at a time the more it has sent. */
const WARM_UP_S = 2;
/** How long the events that were written may take to arrive. */
const ARRIVAL_MS_MAX = 60_000;

/**
 * Runs `drive` while the server on the store delivers events of an account to a receiver in this process. The events are written into
 * the event log directly, because a deed costs more than its events. Throws when not all of them arrive.
 */
export async function withWebhooks<Value>(
  store: Store,
  { account, perSecond }: { account: Person; perSecond: number },
  drive: () => Promise<Value>,
): Promise<Value> {
  const url = store.urls.sarafan;
  const receiver = await startReceiver();
  const added = await runCommand(url, "webhook", "add", "--url", receiver.url, "--types", TYPE);
  const { id } = JSON.parse(added.trim().split("\n").at(-1) ?? "");
  const writer = startWriter(store, { account, perSecond });
  try {
    await receiver.arrived(WARM_UP_S * perSecond);
    const value = await drive();
    await receiver.arrived(await writer.stop());
    return value;
  } finally {
    await writer.stop();
    await runCommand(url, "webhook", "remove", "--id", id);
    receiver.close();
  }
}

interface Receiver {
  url: string;
  /** Resolves when that many webhooks have arrived; throws when they take too long. */
  arrived(count: number): Promise<void>;
  close(): void;
}

async function startReceiver(): Promise<Receiver> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      count += 1;
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrived: async (wanted) => {
      const deadline = performance.now() + ARRIVAL_MS_MAX;
      while (count < wanted) {
        if (performance.now() > deadline) throw new Error(`Of ${wanted} webhooks ${count} have arrived.`);
        await sleep(10);
      }
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Writes events until it is stopped. `stop` returns how many were written. */
function startWriter(
  { run, urls, name, moment }: Store,
  { account, perSecond }: { account: Person; perSecond: number },
): { stop: () => Promise<number> } {
  const startedAt = performance.now();
  const transactionId = name === "sqlite" ? "0" : "CAST(CAST(pg_current_xact_id() AS text) AS bigint)";
  let written = 0;
  let isStopping = false;
  async function write() {
    while (!isStopping) {
      await sleep(WRITE_EVERY_MS);
      const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond) - written;
      const at = moment("0", new Date().toISOString().replace("T", " ").slice(0, 19));
      const row = (sequence: number) => `(${at}, '${TYPE}', ${account.id}, ${sequence}, FALSE, '{}', ${transactionId})`;
      const rows = Array.from({ length: due }, (_, count) => row(written + count + 1));
      const columns = `"at", "type", "accountId", "sequence", "isTest", "data", "transactionId"`;
      await run(urls.sarafan, [`INSERT INTO "Event" (${columns}) VALUES ${rows.join(", ")}`]);
      written += due;
    }
  }
  const writing = write();
  return {
    stop: async () => {
      isStopping = true;
      await writing;
      return written;
    },
  };
}
