import { once } from "node:events";
import { connect } from "node:net";
import { post } from "../api/clients";
import { DATABASES, withDatabase } from "../databases";
import { freezePostgres, lockSqlite } from "./accidents";
import { expect, test } from "./faults";

const PATH = "/api/auth/request_code/";
/** The server gives itself 8 seconds. The rest is a margin for a busy machine. */
const SHUTDOWN_MS_MAX = 15_000;

for (const database of DATABASES) {
  test(`SIGTERM on ${database}: requests under way are answered, and the server exits with 0`, async ({
    freshPhone,
    newClient,
    startServer,
  }) => {
    const server = await startServer({ CONSOLE_DELAY_MS: 4000 }, { database });
    const { databaseUrl, url, codesFor } = server;
    const phones = Array.from({ length: 12 }, freshPhone);
    const clients = await Promise.all(phones.map(() => newClient({ url })));
    const answers = phones.map(async (phone, at) => (await clients[at]?.post(PATH, { data: { phone } }))?.status());
    const arrived = `SELECT 1 FROM "Challenge" WHERE "recipient" IN ('${phones.join("', '")}')`;
    await expect
      .poll(async () => (await withDatabase(databaseUrl, (query) => query(arrived))).length, { intervals: [100] })
      .toBe(phones.length);
    expect(phones.flatMap(codesFor).length, "some are not answered yet").toBeLessThan(phones.length);

    const stopped = within(SHUTDOWN_MS_MAX, server.stop());
    expect(await Promise.all(answers)).toEqual(phones.map(() => 200));
    expect(phones.flatMap(codesFor)).toHaveLength(phones.length);
    expect(await stopped).toBe(0);
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

async function within<Value>(ms: number, coming: Promise<Value>): Promise<Value> {
  const timeout = AbortSignal.timeout(ms);
  const late = once(timeout, "abort").then(() => Promise.reject(new Error(`it took more than ${ms} ms`)));
  return Promise.race([coming, late]);
}
