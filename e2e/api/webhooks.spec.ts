import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server as HttpServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { DATABASES } from "../databases";
import { test as base, expect, type Server } from "../fixtures";
import { logInWithCookie } from "./clients";

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

interface Receiver {
  url: string;
  received: Received[];
  /** How it answers. At first with 204. */
  answer: (response: ServerResponse) => void;
}

const test = base.extend<{ receiver: Receiver }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  receiver: async ({}, use) => {
    const received: Received[] = [];
    const receiver: Receiver = { url: "", received, answer: (response) => void response.writeHead(204).end() };
    const server: HttpServer = createServer(async (request, response) => {
      received.push({ headers: request.headers, body: await text(request) });
      receiver.answer(response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await use(receiver);
    server.close();
    server.closeAllConnections();
  },
});

/** Runs `npm run webhook` on the server's database, and returns what its last line has. */
async function webhook({ settings }: Server, ...args: string[]): Promise<{ id: string; secret: string }> {
  const { DATABASE_URL, AUTH_SECRET } = settings;
  const env = cleanEnvironment({
    DATABASE_URL: String(DATABASE_URL),
    ...(AUTH_SECRET !== undefined && { AUTH_SECRET: String(AUTH_SECRET) }),
  });
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/run.mjs", "webhook", ...args], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

for (const database of DATABASES) {
  test(`a login on ${database} reaches a receiver, which verifies it with the library of Standard Webhooks`, async ({
    newClient,
    phone,
    receiver,
    startServer,
  }) => {
    const server = await startServer({}, { database });
    const { secret } = await webhook(server, "add", "--url", receiver.url, "--types", "all", "--phones");
    await logInWithCookie(newClient, phone, server);
    await expect.poll(() => receiver.received.length).toBe(2);
    const bodies = receiver.received.map(({ headers, body }) =>
      new Webhook(secret).verify(body, headers as Record<string, string>),
    );
    expect(bodies).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "account.created", sequence: 1, account: { phone, email: null } }),
        expect.objectContaining({ type: "session.opened", sequence: 2, account: { phone, email: null } }),
      ]),
    );
  });

  test(`a server on ${database} that ends gives back what it has not delivered, and the next one delivers it soon`, async ({
    newClient,
    phone,
    receiver,
    startServer,
  }) => {
    const server = await startServer({}, { database });
    await webhook(server, "add", "--url", receiver.url, "--types", "account.created");
    receiver.answer = () => undefined;
    await logInWithCookie(newClient, phone, server);
    await expect.poll(() => receiver.received.length).toBe(1);
    receiver.answer = (response) => void response.writeHead(204).end();
    expect(await server.stop()).toBe(0);
    await server.start();
    await expect.poll(() => receiver.received.length).toBe(2);
    const [first, second] = receiver.received;
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(second?.body).toBe(first?.body);
    expect(server.output()).not.toMatch(/"level":"(error|fatal)"/);
  });
}

test("the secret of an endpoint outlives a change of AUTH_SECRET", async ({
  newClient,
  freshPhone,
  receiver,
  startServer,
}) => {
  const [older, newer] = ["an older secret of this server, 40 letters", "a newer secret of this server, 40 letters"];
  const first = await startServer({ AUTH_SECRET: older });
  const { secret } = await webhook(first, "add", "--url", receiver.url, "--types", "account.created", "--phones");
  await first.stop();
  for (const settings of [{ AUTH_SECRET: newer, AUTH_SECRET_PREVIOUS: older }, { AUTH_SECRET: newer }]) {
    const server = await startServer(settings, { beside: first });
    const phone = freshPhone();
    await logInWithCookie(newClient, phone, server);
    const findReceived = () => receiver.received.find(({ body }) => body.includes(phone));
    await expect.poll(findReceived).toBeDefined();
    const { headers, body } = findReceived() ?? {};
    expect(new Webhook(secret).verify(body ?? "", headers as Record<string, string>)).toBeTruthy();
    await server.stop();
  }
});

test("the address of the cron job delivers what is due, for its secret alone", async ({
  newClient,
  server: without,
  startServer,
}) => {
  const secret = "a-secret-of-the-cron-job";
  const server = await startServer({ CRON_SECRET: secret });
  const ask = async ({ url }: Server, authorization?: string) => {
    const client = await newClient({ url, headers: authorization ? { Authorization: authorization } : {} });
    return client.get("/api/cron/webhooks");
  };
  expect((await ask(without, `Bearer ${secret}`)).status()).toBe(404);
  expect((await ask(server)).status()).toBe(401);
  expect((await ask(server, "Bearer a-secret-of-a-stranger")).status()).toBe(401);
  const answer = await ask(server, `Bearer ${secret}`);
  expect(answer.status()).toBe(200);
  expect(await answer.json()).toEqual({ done: true });
});
