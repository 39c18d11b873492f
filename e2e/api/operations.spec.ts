import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import path from "node:path";
// biome-ignore lint/style/noRestrictedImports: the test breaks the database directly.
import Database from "better-sqlite3";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { expect, type Server, test } from "../fixtures";
import { askByMail, bearer, confirmByMail, freshEmail, hear, logInWithTokens, post, spell, wrong } from "./clients";

interface LogLine {
  level: string;
  time: string;
  msg: string;
  requestId?: string;
  method?: string;
  route?: string;
  status?: number | null;
  ms?: number;
  err?: { type: string; message: string; stack: string };
}

/** Returns the server's log so far. */
const logOf = ({ output }: Pick<Server, "output">): LogLine[] =>
  output()
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line));

/** Waits for log lines of requests with this id, and returns them. */
async function linesOf(server: Server, requestId: string | undefined): Promise<LogLine[]> {
  const lines = () => logOf(server).filter((line) => line.requestId === requestId && line.method !== undefined);
  await expect.poll(lines, { message: `a line of ${requestId}`, intervals: [10] }).not.toEqual([]);
  return lines();
}

/** Returns a server's metrics by name and labels. */
function readMetrics(shown: string): Map<string, number> {
  const lines = shown.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

/** A raw connection and everything received on it. */
async function openConnection(port: number, sent = "") {
  const socket: Socket = connect(port, "localhost");
  let received = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    received += chunk;
  });
  // The test itself checks how the connection ends.
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  await once(socket, "connect");
  if (sent) socket.write(sent);
  return { socket, closed, received: () => received };
}

const LIVE = "GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF = "GET /api/health/ready HTTP/1.1\r\nHost: localhost\r\n";

test("a running server answers its health addresses, which accept no other methods", async ({ request }) => {
  const live = await request.get("/api/health/live");
  expect([live.status(), await live.json()]).toEqual([200, { status: "live" }]);
  const ready = await request.get("/api/health/ready");
  expect([ready.status(), await ready.json()]).toEqual([
    200,
    { status: "ready", database: "up", migrations: "applied" },
  ]);
  for (const address of ["/api/health/live", "/api/health/ready", "/api/metrics"]) {
    // Another test may have reached this server from beyond this machine, which closes the metrics.
    expect([200, address === "/api/metrics" ? 403 : 200], address).toContain((await request.head(address)).status());
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const { allow, "sarafan-error": error } = (await request.fetch(address, { method })).headers();
      expect([allow, error], `${method} ${address}`).toEqual(["GET, HEAD, OPTIONS", "method_not_allowed"]);
    }
  }
});

test("every answer carries the id of its log line", async ({ request, server }) => {
  const asset = /\/_next\/static\/[^"]+\.js/.exec(await (await request.get("/login")).text())?.[0] ?? "";
  const cases: [method: string, address: string, status: number, route: string][] = [
    ["GET", "/login", 200, "/login"],
    ["GET", "/login?step=+79451234567", 200, "/login"],
    ["GET", "/profile", 307, "/profile"],
    ["GET", "/ui/phone/", 307, "/ui/phone"],
    ["GET", "/nowhere/+79451234567", 404, "other"],
    ["GET", "/i/7Z7Z7Z", 404, "/i/[code]"],
    ["GET", asset, 200, "/_next/[...path]"],
    ["GET", "/icon.svg", 200, "/icon.svg"],
    ["GET", "/api/health/live", 200, "/api/health/live"],
    ["HEAD", "/api/health/live", 200, "/api/health/live"],
    ["GET", "/api/enter_phone/", 405, "/api/enter_phone"],
    ["POST", "/api/enter_phone/", 400, "/api/enter_phone"],
    ["GET", "/api/v1/user_profile/+79451234567/", 401, "/api/v1/user_profile/[phone_number]"],
    ["GET", "/api/user_profile/8 (945) 123-45-67", 401, "/api/user_profile/[phone_number]"],
    ["POST", "/api/verification_phone/7Z7Z7Z", 400, "/api/verification_phone/[invite_code]"],
    ["GET", "/api/users/%FF", 404, "other"],
    ["OPTIONS", "/api/profile/", 204, "/api/profile"],
    ["GET", "/api/auth/session", 200, "/api/auth/session"],
  ];
  const seen = new Set<string>();
  for (const [method, address, status, route] of cases) {
    const forged = { "x-request-id": "mine" };
    const answer = await request.fetch(address, { method, maxRedirects: 0, headers: forged });
    const id = answer.headers()["x-request-id"] ?? "";
    expect(id, address).toMatch(/^[\w-]{36}$/);
    expect(seen.has(id), address).toBe(false);
    seen.add(id);
    const lines = await linesOf(server, id);
    expect(lines, address).toEqual([
      {
        level: "info",
        time: expect.any(String),
        requestId: id,
        method,
        route,
        status,
        ms: expect.any(Number),
        msg: "request",
      },
    ]);
  }
});

test("a connection that ends before its answer is logged as cut", async ({ startServer, freshPhone }) => {
  const server = await startServer({ CONSOLE_DELAY_MS: 60_000 });
  const body = JSON.stringify({ phone: freshPhone() });
  const head = `POST /api/enter_phone/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
  const { socket } = await openConnection(server.port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  /** Opens a second connection and waits for its answer. By then the server has read what came before. */
  const openAnswered = async () => {
    const other = await openConnection(server.port, LIVE);
    await expect.poll(other.received).toContain("200 OK");
    return other;
  };
  (await openAnswered()).socket.destroy();
  socket.destroy();
  await expect
    .poll(() => logOf(server).filter(({ route }) => route === "/api/enter_phone"))
    .toEqual([expect.objectContaining({ status: null, msg: expect.stringMatching(/^request cut/) })]);
  const metrics = readMetrics(await (await fetch(`${server.url}/api/metrics`)).text());
  expect(metrics.get('http_requests_total{method="POST",route="/api/enter_phone",status="cut"}')).toBe(1);

  // A sender still hangs while a client waits; the process ends nevertheless.
  const waiting = await openConnection(server.port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  const other = await openAnswered();
  expect(await server.stop()).toBe(0);
  await Promise.all([waiting.closed, other.closed]);
  expect(logOf(server).at(-1)).toMatchObject({ msg: "ended with requests unanswered", open: 1 });
});

test("the metrics count, and strangers can't read them", async ({ startServer, newClient, freshPhone }) => {
  const server = await startServer();
  const request = await newClient({ url: server.url });
  const show = async () => {
    const answer = await request.get("/api/metrics");
    expect(answer.headers()["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    return readMetrics(await answer.text());
  };
  const before = await show();
  const inviter = await logInWithTokens(newClient, freshPhone(), server);
  const invitee = await logInWithTokens(newClient, freshPhone(), server);
  const activate = (code: string) => invitee.client.post("/api/profile_back/activate_invite/", { data: { code } });
  await activate("7Z7Z7Z");
  await activate(inviter.inviteCode);
  const after = await show();
  const moved = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  expect(moved('sarafan_codes_sent_total{outcome="ok"}')).toBe(2);
  expect(moved('sarafan_codes_verified_total{outcome="ok"}')).toBe(2);
  expect(moved('sarafan_activations_total{outcome="ok"}')).toBe(1);
  expect(moved('sarafan_activations_total{outcome="invite_unknown"}')).toBe(1);
  expect(moved('http_requests_total{method="POST",route="/api/auth/verify_code",status="200"}')).toBe(2);
  expect(moved('http_request_duration_seconds_count{route="/api/auth/verify_code"}')).toBe(2);
  // Tasks in the background write, too.
  await expect
    .poll(async () => (await show()).get('sarafan_database_connections{pool="writer",state="waiting"}'))
    .toBe(0);
  expect(after.get("process_resident_memory_bytes")).toBeGreaterThan(0);

  for (const headers of [{ "x-forwarded-for": "192.0.2.1" }, { host: "rebound.example" }, { forwarded: "for=a" }]) {
    const answer = await request.get("/api/metrics", { headers });
    expect([answer.status(), answer.headers()["sarafan-error"]]).toEqual([403, "metrics_private"]);
    expect(await answer.text()).not.toContain("_total");
  }
});

test("no phone, mailbox, code, invite code or token gets into the log or the metrics", async ({
  startServer,
  newClient,
  freshPhone,
}) => {
  const METRICS_TOKEN = "only-prometheus-knows";
  const server = await startServer({ CODE_DIGITS: 10, METRICS_TOKEN, TRUSTED_PROXIES: 1, LOG_LEVEL: "debug" });
  const secrets: string[] = [METRICS_TOKEN];
  const keep = (...texts: string[]) => secrets.push(...texts);
  const known = async (phone: string) => {
    const person = await logInWithTokens(newClient, phone, server);
    keep(person.access, person.refresh, person.inviteCode);
    return person;
  };
  const inviter = await known(freshPhone());
  const invitee = await known(freshPhone());
  for (const { phone } of [inviter, invitee]) keep(phone.slice(1), spell(phone, "$1 $2"), spell(phone, "$2-$3-$4"));

  // By mail, with wrong codes, then the right one.
  const contact = { phone: freshPhone(), email: freshEmail() };
  const byMail = await newClient({ url: server.url });
  await askByMail(byMail, contact);
  const code = await server.codeFor(contact.email);
  keep(contact.phone.slice(1), contact.email, contact.email.slice(0, 8), code, wrong(code));
  expect((await confirmByMail(byMail, contact, wrong(code))).ok()).toBe(false);
  expect((await confirmByMail(byMail, contact, code)).ok()).toBe(true);

  // Phones and codes in addresses, queries, headers and bodies, in every spelling.
  const client = await newClient({ url: server.url });
  for (const phone of [inviter.phone, encodeURIComponent(inviter.phone), spell(inviter.phone, "8 ($1) $2-$3-$4")]) {
    await invitee.client.get(`/api/v1/user_profile/${phone}/`);
    await invitee.client.get(`/api/user_profile/${phone}`);
    await client.get(`/${phone}?phone=${phone}&email=${contact.email}`);
    await client.get("/login", {
      headers: { "x-phone": phone, "user-agent": phone, referer: `/i/${inviter.inviteCode}` },
    });
    await client.post("/api/enter_phone/", { data: `{"phone": "${phone}", ` });
  }
  for (const invite of [inviter.inviteCode, hear(inviter.inviteCode)]) {
    await client.get(`/i/${encodeURIComponent(invite)}`);
    await client.get(`/i/${encodeURIComponent(invite)}/opengraph-image`);
    await client.get(`/api/verification_phone/${encodeURIComponent(invite)}`);
    await client.get(`/%FF${encodeURIComponent(invite)}`);
  }
  await post(invitee.client, "/api/profile_back/activate_invite/", { code: inviter.inviteCode });
  await client.get("/api/profile/", { headers: bearer(inviter.access.slice(0, -1)) });
  await client.post("/api/auth/callback/credentials", { form: { phone: inviter.phone, code } });

  // Unexpected errors, in an API and on a page.
  const database = new Database(path.join(server.dataFolder, "sarafan.db"));
  database.exec('ALTER TABLE "Session" RENAME TO "Lost"');
  const failed = await invitee.client.get(`/api/v1/user_profile/${invitee.phone}/`);
  expect(failed.status()).toBe(500);
  const session = (await byMail.storageState()).cookies.map(({ value }) => value);
  keep(...session);
  const page = await byMail.get(`/profile?phone=${contact.phone}`);
  expect(page.status()).toBe(500);
  database.exec('ALTER TABLE "Lost" RENAME TO "Session"');
  for (const answer of [failed, page]) {
    const id = answer.headers()["x-request-id"];
    await expect
      .poll(() => logOf(server).filter(({ requestId, level }) => requestId === id && level === "error"))
      .toEqual([expect.objectContaining({ err: expect.objectContaining({ type: "SqliteError" }) })]);
    expect(await linesOf(server, id)).toMatchObject([{ status: 500 }]);
  }

  // Missing migrations, and metrics with the token.
  database.exec('ALTER TABLE "_prisma_migrations" RENAME TO "_lost"');
  const unready = await client.get("/api/health/ready");
  expect([unready.status(), unready.headers()["retry-after"], await unready.json()]).toEqual([
    503,
    "5",
    { status: "unready", database: "up", migrations: "missing" },
  ]);
  database.exec('ALTER TABLE "_lost" RENAME TO "_prisma_migrations"');
  database.close();
  expect((await client.get("/api/health/ready")).status()).toBe(200);
  for (const headers of [
    {},
    bearer("only-prometheus-know"),
    bearer(inviter.access),
    { authorization: METRICS_TOKEN },
  ]) {
    const refused = await client.get("/api/metrics", { headers });
    expect([refused.status(), refused.headers()["www-authenticate"]]).toEqual([401, "Bearer"]);
  }
  const shown = await client.get("/api/metrics", {
    headers: { ...bearer(METRICS_TOKEN), "x-forwarded-for": "192.0.2.1" },
  });
  expect(shown.status()).toBe(200);
  const metrics = await shown.text();

  // Ids of a trusted proxy are used; values that are no ids are not.
  const given = await client.get("/api/health/live", { headers: { "x-request-id": "from_the-proxy-in-front" } });
  expect(given.headers()["x-request-id"]).toBe("from_the-proxy-in-front");
  expect(await linesOf(server, "from_the-proxy-in-front")).toHaveLength(1);
  for (const hostile of ["", "a b", "x".repeat(65), `${inviter.phone}`, '"}']) {
    const answer = await client.get("/api/health/live", { headers: { "x-request-id": hostile } });
    expect(answer.headers()["x-request-id"]).toMatch(/^[\w-]{36}$/);
  }

  // The lines of the console sender are expected to contain phones and codes.
  const secret = readFileSync(path.join(server.dataFolder, "auth-secret"), "utf8").trim();
  const printed = server
    .output()
    .split("\n")
    .filter((line) => !/^(\+\d+|\S+@\S+) \d{10}$/.test(line));
  const said = [...printed, metrics].join("\n").toLowerCase();
  expect(logOf(server).length).toBeGreaterThan(30);
  for (const each of [...secrets, secret]) expect(said.includes(each.toLowerCase()), each).toBe(false);
});

test("a process that gets SIGTERM answers its requests, waits for no idle connection, and exits with 0", async ({
  startServer,
  freshPhone,
}) => {
  test.slow();
  const { port, dataFolder, stop } = await startServer();
  await stop();
  // The server without npm, as in a container, so that its own exit code is seen.
  const child = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "-p", String(port)], {
    env: cleanEnvironment({
      NODE_ENV: "production",
      PORT: String(port),
      DATABASE_URL: `file:${path.join(dataFolder, "sarafan.db")}`,
      AUTH_SECRET: readFileSync(path.join(dataFolder, "auth-secret"), "utf8").trim(),
      // So long that the code is still being sent when the signal comes, and less than the process may take to end.
      CONSOLE_DELAY_MS: "5000",
    }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    output += chunk;
  });
  const server = { output: () => output };
  const readiness = () =>
    fetch(`http://localhost:${port}/api/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
  // A start takes longer on a busy machine.
  await expect.poll(readiness, { timeout: 60_000 }).toBe(200);

  const unused = await openConnection(port);
  const slow = await openConnection(port, HALF);
  const never = await openConnection(port, HALF);
  const keptOpen = await openConnection(port);
  const busy = await openConnection(port);
  const body = JSON.stringify({ phone: freshPhone() });
  const head = "POST /api/enter_phone/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  busy.socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  keptOpen.socket.write(LIVE);
  await expect.poll(keptOpen.received).toContain('{"status":"live"}');

  child.kill("SIGTERM");
  const ending = () => logOf(server).find(({ msg }) => msg.startsWith("ending"));
  await expect.poll(ending, { intervals: [20] }).toMatchObject({ open: 1 });
  slow.socket.write("\r\n");
  await Promise.all([unused, slow, never, keptOpen, busy].map(({ closed }) => closed));
  expect(slow.received()).toContain("HTTP/1.1 503 ");
  expect(slow.received()).toContain('{"status":"unready","database":"up","migrations":"applied"}');
  expect(busy.received()).toContain("HTTP/1.1 200 ");
  expect(await ended).toEqual([0, null]);
});
