import { createHash } from "node:crypto";
import { type Gateway, startGateway } from "../../gateway/gateway";
import { DATABASES, withDatabase } from "../databases";
import { lockSqlite } from "../faults/accidents";
import { test as base, expect, type Server, STRICT } from "../fixtures";

const test = base.extend<{ gateway: Gateway }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  gateway: async ({}, use) => {
    const gateway = await startGateway();
    await use(gateway);
    await gateway.stop();
  },
});

const SECRETS = ["an-id-that-nobody-may-read", "a-token-that-nobody-may-read"] as const;
const settings = ({ url }: Gateway) => ({
  REVEAL_CODES: false,
  SENDER_TIMEOUT_S: 60,
  // Long enough that no id, hash or time contains it by chance.
  CODE_DIGITS: 8,
  SMSRU_URL: `${url}/smsru`,
  SMSRU_API_ID: SECRETS[0],
  TWILIO_URL: `${url}/twilio`,
  TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`,
  TWILIO_AUTH_TOKEN: SECRETS[1],
  TWILIO_FROM: "+15005550006",
});

const ask = (server: Server, phone: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/api/auth/request_code/`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ phone }),
  });

const deliveries = ({ databaseUrl }: Server) =>
  withDatabase(databaseUrl, (query) => query(`SELECT * FROM "Delivery" ORDER BY "id"`));

for (const database of DATABASES) {
  test(`reports of each sender are stored once, and unsigned reports are refused, on ${database}`, async ({
    gateway,
    freshPhone,
    startServer,
  }) => {
    const server = await startServer({ SENDERS: "smsru,twilio", ...settings(gateway) }, { database });
    for (const sender of ["smsru", "twilio"] as const) {
      if (sender === "twilio") gateway.set("smsru", { answer: "refuse" });
      const sent = async () => (await deliveries(server)).filter((row) => row.sender === sender);
      const callbackUrl = `${server.url}/api/delivery/${sender}`;
      const forged = freshPhone();
      gateway.set(sender, { report: "forged", reportDelayMs: 0, callbackUrl });
      expect((await ask(server, forged)).status).toBe(200);
      await expect.poll(() => gateway.inbox.messages(forged)[0]?.reports.at(-1)).toMatch(/: 403/);

      const phone = freshPhone();
      gateway.set(sender, { report: "undelivered" });
      expect((await ask(server, phone)).status).toBe(200);
      await expect.poll(async () => (await sent())[1]?.state).toBe("undelivered");
      const [message] = gateway.inbox.messages(phone);
      await expect.poll(() => message?.reports.at(-1)).toMatch(/: 20[04]/);
      const rows = await sent();
      const row = { sender, country: "RU" };
      expect(rows).toMatchObject([
        { ...row, lastDigits: forged.slice(-2), state: "accepted", reason: null },
        { ...row, lastDigits: phone.slice(-2), reason: expect.stringMatching(/^not_delivered \d+$/) },
      ]);
      // No phone, code or secret is in any row or in anything that the server prints.
      const code = /^\d{8}/.exec(message?.text ?? "")?.[0] ?? "";
      expect(code).toHaveLength(8);
      const kept = JSON.stringify(rows.map(({ id: _, at: __, stateAt: ___, providerId: ____, ...rest }) => rest));
      for (const secret of [phone.slice(1), code, ...SECRETS]) expect(kept).not.toContain(secret);
      for (const secret of [phone.slice(1), ...SECRETS]) expect(server.output()).not.toContain(secret);
    }
  });
}

test("reports to senders that are not set up, and requests that are no reports, are refused", async ({
  gateway,
  startServer,
}) => {
  const server = await startServer({ SENDERS: "twilio", ...settings(gateway) });
  const post = (name: string, body = "a=b") =>
    fetch(`${server.url}/api/delivery/${name}`, { method: "POST", body: new URLSearchParams(body) });
  expect((await post("smsru")).status).toBe(404);
  expect((await post("twilio")).status).toBe(403);
  expect((await post("twilio", `a=${"b".repeat(20_000)}`)).status).toBe(413);
  expect((await fetch(`${server.url}/api/delivery/twilio`)).status).toBe(405);
});

test("a report that comes while the database is away is answered with a 503", async ({
  gateway,
  postgres,
  startServer,
}) => {
  const server = await startServer({ SENDERS: "smsru", ...settings(gateway) });
  const entry = "sms_status\n000000-00000000\n103";
  const hash = createHash("sha256")
    .update(SECRETS[0] + entry)
    .digest("hex");
  const body = new URLSearchParams({ "data[0]": entry, hash });
  const report = () => fetch(`${server.url}/api/delivery/smsru`, { method: "POST", body });
  const release = await lockSqlite(server, postgres);
  try {
    const answer = await report();
    expect([answer.status, answer.headers.get("sarafan-error")]).toEqual([503, "database_away"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  } finally {
    await release();
  }
  expect(await (await report()).text()).toBe("100");
});

test("when no sender accepts a code, the answer says so, with Retry-After, and nothing is charged", async ({
  gateway,
  phone,
  startServer,
}) => {
  const senders = { SENDERS: "smsru,twilio", SENDS_PER_PHONE_PER_HOUR: 1 };
  const server = await startServer({ ...settings(gateway), ...senders });
  gateway.set("smsru", { answer: "500" });
  gateway.set("twilio", { answer: "429" });
  for (let asks = 0; asks < 2; asks += 1) {
    const refused = await ask(server, phone);
    expect([refused.status, refused.headers.get("sarafan-error")]).toEqual([503, "code_not_sent"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  gateway.set("twilio", { answer: "accept" });
  expect((await ask(server, phone)).status).toBe(200);
  expect((await deliveries(server)).map(({ sender, state, reason }) => [sender, state, reason]).slice(-2)).toEqual([
    ["smsru", "failed", "server_error 500"],
    ["twilio", "accepted", null],
  ]);
});

test("a message that may have been sent is not refunded", async ({ gateway, phone, startServer }) => {
  const senders = { SENDERS: "smsru", SENDER_TIMEOUT_S: 1, SENDS_PER_PHONE_PER_HOUR: 4, SMS_BUDGET_PER_DAY: 3 };
  const server = await startServer({ ...settings(gateway), ...senders });
  gateway.set("smsru", { answer: "silence" });
  const statuses = [];
  for (let asks = 0; asks < 3; asks += 1) statuses.push((await ask(server, phone)).status);
  expect(statuses).toEqual([503, 503, 429]);
});

test("a warning is logged when most of a day's messages are used, and strangers get none of the last ones", async ({
  freshPhone,
  startServer,
}) => {
  const server = await startServer({ SMS_BUDGET_PER_DAY: 10 });
  const statuses = [];
  for (let asks = 0; asks < 10; asks += 1) statuses.push((await ask(server, freshPhone())).status);
  expect(statuses).toEqual([...Array(9).fill(200), 429]);
  const lines = () => server.output().split("\n");
  const warnings = () => lines().filter((line) => line.includes('"setting":"SMS_BUDGET_PER_DAY"'));
  await expect.poll(warnings).toEqual([expect.stringContaining('"usedPart":0.8')]);
});

test("a number that isn't served is refused in every API, with its own message", async ({
  sharedServer,
  newClient,
}) => {
  const { url } = await sharedServer(STRICT);
  const phone = "+380501234567";
  const detail = "На этот номер коды не отправляются.";
  for (const [path, data, body] of [
    ["/api/v1/login/", { phone_number: phone }, { error: detail }],
    ["/api/enter_phone/", { phone }, { error: detail }],
    ["/api/auth/request_code/", { phone }, { detail }],
    ["/api/verification_phone/send_code", { phone_number: phone }, { detail: "Codes are not sent to this number." }],
  ] as const) {
    const answer = await (await newClient({ url })).post(path, { data });
    expect([answer.status(), answer.headers()["sarafan-error"]], path).toEqual([400, "country_not_allowed"]);
    expect(await answer.json()).toEqual(body);
  }
});
