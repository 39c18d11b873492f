import { createHash } from "node:crypto";
import { on, once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { createTransport } from "nodemailer";
import { _baseTest as base, expect } from "playwright/test";
import { type Gateway, startGateway } from "./gateway";
import { sign } from "./twilio";

interface Told {
  headers: Record<string, unknown>;
  fields: Record<string, string>;
}

const test = base.extend<{ gateway: Gateway; listener: { url: string; told: Told[] } }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  gateway: async ({}, use) => {
    const gateway = await startGateway();
    await use(gateway);
    await gateway.stop();
  },
  /** A server that receives delivery reports. */
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  listener: async ({}, use) => {
    const told: Told[] = [];
    const server = createServer(async (request, response) => {
      const fields = Object.fromEntries(new URLSearchParams(await text(request)));
      told.push({ headers: request.headers, fields });
      response.end("100");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    await use({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/reports?of=1`, told });
    server.closeAllConnections();
    server.close();
  },
});

const ACCOUNT = `AC${"0a".repeat(16)}`;

function sendByTwilio({ url }: Gateway, fields: Record<string, string>) {
  return fetch(`${url}/twilio/2010-04-01/Accounts/${ACCOUNT}/Messages.json`, {
    method: "POST",
    headers: { Authorization: `Basic ${btoa(`${ACCOUNT}:a token`)}` },
    body: new URLSearchParams({ To: "+79450000003", From: "+15005550006", Body: "Code 480213", ...fields }),
  });
}

const sendBySmsru = ({ url }: Gateway, msg = "Код 480213") =>
  fetch(`${url}/smsru/sms/send`, {
    method: "POST",
    body: new URLSearchParams({ api_id: "an id", to: "79450000003", msg, json: "1" }),
  });

test("the page shows messages, newest first, and shows markup in a message as text", async ({ gateway }) => {
  await sendBySmsru(gateway, "Ваш код 480213");
  await sendByTwilio(gateway, { Body: "<b>Your</b> code\n@example.com #480214" });
  const page = await (await fetch(gateway.url)).text();
  const [, list = ""] = /<main[^>]*>(.*)<\/main>/s.exec(page) ?? [];
  expect(list).toContain("&lt;b&gt;Your&lt;/b&gt; code\n@example.com #480214");
  expect(list.indexOf("480214")).toBeLessThan(list.indexOf("Ваш код 480213"));
});

test("tests can read the messages of one phone or of all as JSON, and remove them", async ({ gateway }) => {
  await sendBySmsru(gateway);
  const read = async (query = "") => (await fetch(`${gateway.url}/messages${query}`)).json();
  expect(await read()).toMatchObject([{ provider: "smsru", to: "+79450000003", text: "Код 480213", reports: [] }]);
  expect(await read(`?to=${encodeURIComponent("+79450000003")}`)).toHaveLength(1);
  expect(await read(`?to=${encodeURIComponent("+79450000004")}`)).toEqual([]);
  await fetch(`${gateway.url}/messages`, { method: "DELETE" });
  expect(await read()).toEqual([]);
});

test("switches are changed by JSON and by a form, for each provider; an unknown one is refused", async ({
  gateway,
}) => {
  const setSwitches = (body: string | URLSearchParams, method = "PUT") =>
    fetch(`${gateway.url}/switches/smsru`, { method, body, redirect: "manual" });
  const read = async () => (await fetch(`${gateway.url}/switches`)).json();
  expect((await setSwitches('{"answer":"refuse","delayMs":5}')).status).toBe(200);
  expect((await setSwitches(new URLSearchParams({ report: "forged" }), "POST")).status).toBe(303);
  const { smsru, twilio } = await read();
  expect(smsru).toMatchObject({ answer: "refuse", delayMs: 5, report: "forged" });
  expect(twilio).toMatchObject({ answer: "accept", delayMs: 0, report: "delivered" });
  for (const wrong of ['{"answer":"perhaps"}', '{"delayMs":-1}', '{"nothing":1}', "{no JSON"]) {
    expect((await setSwitches(wrong)).status).toBe(400);
  }
  expect((await read()).smsru).toEqual(smsru);
});

test("pages of other sites can neither read messages nor change switches", async ({ gateway }) => {
  const elsewhere = { Origin: "https://elsewhere.example" };
  expect((await fetch(`${gateway.url}/messages`, { headers: elsewhere })).status).toBe(403);
  expect((await fetch(`${gateway.url}/reset`, { method: "POST", headers: elsewhere })).status).toBe(403);
});

test("Twilio reports a message's state under a valid signature", async ({ gateway, listener: { url, told } }) => {
  gateway.set("twilio", { reportDelayMs: 0 });
  const { sid } = await (await sendByTwilio(gateway, { StatusCallback: url })).json();
  await expect.poll(() => told.map(({ fields }) => fields.MessageStatus)).toEqual(["sent", "delivered"]);
  for (const { headers, fields } of told) {
    expect(fields).toMatchObject({ MessageSid: sid, To: "+79450000003", AccountSid: ACCOUNT });
    expect(headers["x-twilio-signature"]).toBe(sign("a token", url, fields));
  }
  await expect.poll(() => gateway.inbox.messages()[0]?.reports).toEqual(["delivered: 200 100", "delivered: 200 100"]);
});

test("Twilio's signature matches the example in its documentation", () => {
  const fields = {
    To: "+18005551212",
    From: "+12349013030",
    Digits: "1234",
    CallSid: "CA1234567890ABCDE",
    Caller: "+12349013030",
  };
  expect(sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", fields)).toBe("0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
});

test("SMS.ru reports to the address in its settings, with a hash under the API id or a wrong one", async ({
  gateway,
  listener: { url: callbackUrl, told },
}) => {
  gateway.set("smsru", { reportDelayMs: 0, report: "undelivered", callbackUrl });
  const { sms } = await (await sendBySmsru(gateway)).json();
  await expect.poll(() => told.length).toBe(1);
  const { "data[0]": entry = "", hash } = told[0]?.fields ?? {};
  expect(entry.split("\n")).toEqual([
    "sms_status",
    sms["79450000003"].sms_id,
    "104",
    expect.stringMatching(/^\d{10}$/),
  ]);
  expect(hash).toBe(createHash("sha256").update(`an id${entry}`).digest("hex"));

  gateway.set("smsru", { report: "forged" });
  await sendBySmsru(gateway);
  await expect.poll(() => told.length).toBe(2);
  const forged = told[1]?.fields ?? {};
  expect(forged["data[0]"]).toContain("\n103\n");
  expect(forged.hash).not.toBe(createHash("sha256").update(`an id${forged["data[0]"]}`).digest("hex"));
});

test("mail follows the switches like the other providers", async ({ gateway }) => {
  const transport = createTransport(gateway.smtpUrl);
  const to = "person@example.com";
  const mail = { from: "codes@sarafan.example", to, subject: "480213 — ваш код", text: "Код 480213\n", html: "<p>x" };
  await transport.sendMail(mail);
  expect(gateway.inbox.messages(to)).toMatchObject([{ provider: "mail", subject: mail.subject, text: "Код 480213\n" }]);
  for (const [answer, responseCode] of [
    ["refuse", 550],
    ["429", 451],
    ["500", 421],
    ["garbage", 700],
  ] as const) {
    gateway.set("mail", { answer });
    await expect(transport.sendMail(mail)).rejects.toMatchObject({ responseCode });
  }
  gateway.set("mail", { answer: "silence" });
  await expect(createTransport({ url: gateway.smtpUrl, socketTimeout: 300 }).sendMail(mail)).rejects.toThrow();
  expect(gateway.inbox.messages()).toHaveLength(1);
});

/** Sends `lines` to a server, each after the answer to the one before, and disconnects. */
async function hangUpAfter(lines: readonly string[], at: string): Promise<void> {
  const socket = connect(Number(new URL(at).port), "127.0.0.1");
  const heard = on(
    socket.on("error", () => undefined),
    "data",
  );
  for (const line of lines) {
    await heard.next();
    socket.write(line);
  }
  await heard.next();
  socket.destroy();
  await once(socket, "close");
}

test("a connection that ends early, by mail or by HTTP, delivers nothing and disturbs no other", async ({
  gateway,
}) => {
  const envelope = ["EHLO here\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n", "DATA\r\n"];
  for (let said = 0; said <= envelope.length; said += 1) await hangUpAfter(envelope.slice(0, said), gateway.smtpUrl);
  const head =
    "POST /smsru/sms/send HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n";
  const half = connect(Number(new URL(gateway.url).port), "127.0.0.1").on("error", () => undefined);
  half.write(head);
  await once(half, "data");
  half.end("api_id=half");
  await once(half, "close");

  expect(gateway.inbox.messages()).toEqual([]);
  await createTransport(gateway.smtpUrl).sendMail({ from: "a@b.example", to: "c@d.example", text: "whole" });
  expect((await sendBySmsru(gateway)).status).toBe(200);
  expect(gateway.inbox.messages()).toHaveLength(2);
});

test("a mail that can't be read is refused", async ({ gateway }) => {
  const nested = (at: number) => `Content-Type: multipart/mixed; boundary=part${at}\r\n\r\n--part${at}\r\n`;
  const raw = Array.from({ length: 300 }, (_, at) => nested(at)).join("");
  const envelope = { from: "a@b.example", to: "c@d.example" };
  const sending = createTransport(gateway.smtpUrl).sendMail({ envelope, raw });
  await expect(sending).rejects.toMatchObject({ responseCode: 554 });
  expect(gateway.inbox.messages()).toEqual([]);
});
