import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { post } from "../api/clients";
import { DATABASES } from "../databases";
import { freezePostgres, lockSqlite } from "./accidents";
import { expect, test } from "./faults";

const PATH = "/api/auth/request_code/";
/** The server gives itself 8 seconds. The rest is a margin for a busy machine. */
const SHUTDOWN_MS_MAX = 15_000;
/** A sender that has a minute for each message. */
const SENDER = { SENDERS: "smsc", SMSC_LOGIN: "x", SMSC_PASSWORD: "x", SENDER_TIMEOUT_S: 60, REVEAL_CODES: false };

for (const database of DATABASES) {
  test(`SIGTERM on ${database}: requests under way are answered, and the server exits with 0`, async ({
    freshPhone,
    newClient,
    startServer,
  }) => {
    const provider = await startHoldingProvider();
    try {
      const server = await startServer({ ...SENDER, SMSC_URL: provider.url }, { database });
      const { url } = server;
      const phones = Array.from({ length: 12 }, freshPhone);
      const clients = await Promise.all(phones.map(() => newClient({ url })));
      const answers = phones.map(async (phone, at) => (await clients[at]?.post(PATH, { data: { phone } }))?.status());
      await expect.poll(provider.asked).toBe(phones.length);

      const stopped = within(SHUTDOWN_MS_MAX, server.stop());
      const isListening = () => fetch(`${url}/api/health/live`).then(Boolean, () => false);
      await expect.poll(isListening, { message: "the server still listens", timeout: 7000 }).toBe(false);
      provider.letGo();
      expect(await Promise.all(answers)).toEqual(phones.map(() => 200));
      expect(provider.asked()).toBe(phones.length);
      expect(await stopped).toBe(0);
    } finally {
      provider.close();
    }
  });

  test(`SIGTERM on ${database} ends the server even if requests hang`, async ({
    newClient,
    phone,
    postgres,
    startServer,
  }) => {
    const server = await startServer({}, { database });
    const { port, url } = server;
    const client = await newClient({ url });
    await post(client, PATH, { phone });

    // One client never finishes its request, and one waits for a database that hangs.
    const idle = connect({ port, host: "localhost" });
    idle.on("error", () => {});
    await once(idle, "connect");
    idle.write(
      `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    );
    const undo = await (database === "sqlite" ? lockSqlite : freezePostgres)(server, postgres);
    const hanging = client.post(PATH, { data: { phone } }).then(
      (answer) => answer.status(),
      () => "cut off",
    );
    try {
      expect(await within(SHUTDOWN_MS_MAX, server.stop())).toBe(0);
      expect([503, "cut off"]).toContain(await hanging);
    } finally {
      await undo();
      idle.destroy();
    }
  });
}

/** Starts a provider of SMS that answers no request until `letGo` is called. */
async function startHoldingProvider() {
  let asked = 0;
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const provider = createServer(async (request, response) => {
    await text(request);
    asked += 1;
    await gate;
    response.end('{"id":1,"cnt":1}');
  }).listen(0, "127.0.0.1");
  await once(provider, "listening");
  return {
    url: `http://127.0.0.1:${(provider.address() as AddressInfo).port}`,
    /** How many requests have come. */
    asked: () => asked,
    letGo,
    close: () => {
      letGo();
      provider.close();
      provider.closeAllConnections();
    },
  };
}

async function within<Value>(ms: number, coming: Promise<Value>): Promise<Value> {
  const timeout = AbortSignal.timeout(ms);
  const late = once(timeout, "abort").then(() => Promise.reject(new Error(`it took more than ${ms} ms`)));
  return Promise.race([coming, late]);
}
