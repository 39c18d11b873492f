import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { DATABASES, withDatabase } from "../databases";
import { expect, type Server, test } from "../fixtures";
import { logInWithTokens } from "./clients";
import { askRaw } from "./raw";

/** Returns the answers of the two APIs that reveal codes to a request for a code. */
async function askForCodes({ url }: Pick<Server, "url">, phones: () => string, headers: Record<string, string> = {}) {
  const ask = async (path: string, field: string) => {
    const body = JSON.stringify({ [field]: phones() });
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    expect(answer.status, path).toBe(200);
    return answer.json();
  };
  return [
    await ask("/api/enter_phone/", "phone"),
    await ask("/api/verification_phone/send_code", "phone_number"),
  ] as const;
}

const SHOWN = [
  { message: expect.anything(), "Verification code": expect.stringMatching(/^\d{4}$/) },
  { code: expect.stringMatching(/^\d{4}$/) },
];
const HIDDEN = [{ message: expect.anything() }, { detail: "Code sent" }];

/** A proxy like nginx with only `proxy_pass http://127.0.0.1:3000;`: HTTP/1.0, its own `Host`, no forwarding header. */
async function startPlainProxy({ port }: Server) {
  const proxy = createServer((incoming, answer) => {
    const socket = connect(port, "localhost");
    const { host, connection, "accept-encoding": _, ...headers } = incoming.headers;
    const lines = Object.entries({ ...headers, host: `127.0.0.1:${port}`, connection: "close" });
    socket.write(`${incoming.method} ${incoming.url} HTTP/1.0\r\n`);
    socket.write(`${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`);
    incoming.pipe(socket, { end: false });
    socket.on("error", () => answer.destroy());
    void text(socket).then((said) => {
      const [head = "", ...body] = said.split("\r\n\r\n");
      answer.writeHead(Number(head.split(" ")[1]), { "content-type": "application/json" }).end(body.join("\r\n\r\n"));
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    stop: () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

const metricsStatus = async ({ url }: Server) => (await fetch(`${url}/api/metrics`)).status;
const loginPage = async ({ url }: Server) =>
  (await fetch(`${url}/login`, { headers: { "accept-language": "en" } })).text();

for (const database of DATABASES) {
  test(`a plain proxy gets no code, and ends the demonstration for good, at every server of a ${database}`, async ({
    startServer,
    freshPhone,
  }) => {
    test.slow();
    const server = await startServer({}, { database });
    const second = await startServer({ APP_URL: "" }, { beside: server });
    await expect.poll(server.output).toContain("This is a demonstration");
    expect(await askForCodes(server, freshPhone)).toEqual(SHOWN);
    expect(await askForCodes(second, freshPhone)).toEqual(SHOWN);
    expect(await metricsStatus(server)).toBe(200);

    const proxy = await startPlainProxy(server);
    expect(await askForCodes(proxy, freshPhone)).toEqual(HIDDEN);
    proxy.stop();
    expect(await askForCodes(server, freshPhone)).toEqual(HIDDEN);
    await expect.poll(async () => askForCodes(second, freshPhone)).toEqual(HIDDEN);
    expect([await metricsStatus(server), await metricsStatus(second)]).toEqual([403, 403]);
    expect(await loginPage(second)).toContain("The demonstration is over");
    await expect.poll(server.output).toMatch(/"sign":"HTTP\/1\.0".*ALLOW_DEMO=true/);
    expect((await (await fetch(`${second.url}/api/policy`)).json()).codes.revealed).toBe(false);

    await server.stop();
    await server.start();
    expect(await askForCodes(server, freshPhone)).toEqual(HIDDEN);
    await expect.poll(server.output).toContain("people beyond this machine have reached this server");
  });
}

test("a page of another site ends no demonstration", async ({ startServer, freshPhone }) => {
  const server = await startServer();
  const elsewhere = { origin: "https://elsewhere.example", referer: "https://elsewhere.example/" };
  for (const [method, headers] of [
    ["POST", { ...elsewhere, "sec-fetch-site": "cross-site" }],
    ["GET", { ...elsewhere, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
    ["OPTIONS", { ...elsewhere, "access-control-request-headers": "x-forwarded-for,forwarded" }],
    ["POST", elsewhere],
    ["POST", { origin: "null" }],
  ] as const) {
    await askRaw(server, { path: "/login", method, headers });
  }
  expect(await askForCodes(server, freshPhone)).toEqual(SHOWN);
  expect(await metricsStatus(server)).toBe(200);
});

test("with ALLOW_DEMO codes are shown to every visitor, and the metrics need a token", async ({
  server,
  freshPhone,
}) => {
  expect(await askForCodes(server, freshPhone, { "x-forwarded-for": "203.0.113.7" })).toEqual(SHOWN);
  expect(await askForCodes(server, freshPhone)).toEqual(SHOWN);
  expect(await metricsStatus(server)).toBe(403);
});

test("the settings of a demonstration show no code of a database that people have used before", async ({
  startServer,
  newClient,
  freshPhone,
}) => {
  test.slow();
  const server = await startServer({ REVEAL_CODES: false });
  await logInWithTokens(newClient, freshPhone(), server);
  const opened = await startServer({ REVEAL_CODES: true, APP_URL: "" }, { beside: server });
  expect(await askForCodes(opened, freshPhone)).toEqual(HIDDEN);
  expect(await loginPage(opened)).toContain("this database is not a demonstration’s");
  await expect.poll(opened.output).toContain("npm run seed");

  const env = cleanEnvironment({ DATABASE_URL: server.databaseUrl });
  const seed = spawn(process.execPath, ["scripts/run.mjs", "seed"], { env, stdio: ["ignore", "pipe", "inherit"] });
  expect(await text(seed.stdout)).toContain("marked as a demonstration's");
  expect(await askForCodes(opened, freshPhone)).toEqual(SHOWN);
});

test("these settings show no code of a database whose accounts and old audit events were deleted", async ({
  startServer,
  freshPhone,
}) => {
  const server = await startServer({ REVEAL_CODES: false });
  await withDatabase(server.databaseUrl, (query) =>
    query(`INSERT INTO "Mark" VALUES ('audit_events_over', '2025-01-01T00:00:00.000+00:00') RETURNING "name"`),
  );
  const opened = await startServer({ REVEAL_CODES: true, APP_URL: "" }, { beside: server });
  expect(await askForCodes(opened, freshPhone)).toEqual(HIDDEN);
});
