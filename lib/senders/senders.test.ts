import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { _baseTest as base, expect } from "playwright/test";
import { type Gateway, startGateway } from "../../gateway/gateway";
import type { ProviderName, Switches } from "../../gateway/switches";
import { makeHttpSender } from "./http";
import type { OutgoingCodeMessage, Sender } from "./sender";
import { makeSmscSender } from "./smsc";
import { makeSmsruSender } from "./smsru";
import { makeTelegramSender } from "./telegram";
import { makeTwilioSender } from "./twilio";

const test = base.extend<{ gateway: Gateway }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  gateway: async ({}, use) => {
    const gateway = await startGateway();
    await use(gateway);
    await gateway.stop();
  },
});

const MESSAGE: OutgoingCodeMessage = {
  to: "+79450000001",
  code: "480213",
  subject: "480213 — ваш код",
  text: 'Код "480213" & никому его не говорите: 100 % ваш\n@example.com #480213',
  html: "<p>480213</p>",
  ttlMs: 300_000,
  requesterAddress: "192.0.2.7",
};

const SECRET = "s3cret+/=%&";
const ACCOUNT = `AC${"0a".repeat(16)}`;
const JSON_BODY = '{"to":"{phone}","text":"{text}"}';

/** How to make each sender, its reason for a wrong account, and the id and cost of an accepted message. */
const SENDERS = {
  twilio: {
    make: (url, secret) =>
      makeTwilioSender({ url, accountSid: ACCOUNT, authToken: secret, from: "+15005550006", statusCallback: null }),
    id: /^SM[0-9a-f]{32}$/,
    // Twilio states the price only later.
    cost: null,
    refusal: "not_taken 21610",
    account: "account 20003",
    text: MESSAGE.text,
  },
  smsru: {
    make: (url, secret) => makeSmsruSender({ url, apiId: secret }),
    id: /^\d+-\d+$/,
    cost: { amount: 2.5, currency: "RUB" },
    refusal: "not_taken 207",
    account: "account 200",
    text: MESSAGE.text,
  },
  smsc: {
    make: (url, secret) => makeSmscSender({ url, login: "sarafan", password: secret }),
    id: /^\d+$/,
    cost: { amount: 4.5, currency: "RUB" },
    refusal: "not_taken 8",
    account: "account 2",
    text: MESSAGE.text,
  },
  telegram: {
    make: (url, secret) => makeTelegramSender({ url, token: secret }),
    id: /^\d+$/,
    cost: { amount: 0.01, currency: "USD" },
    refusal: "not_taken PHONE_NUMBER_NOT_FOUND",
    account: "account ACCESS_TOKEN_INVALID",
    text: "Your code: 480213",
  },
  http: {
    make: (url, secret) => makeHttpSender({ url, body: JSON_BODY, headers: { Authorization: `Bearer ${secret}` } }),
    id: null,
    cost: null,
    refusal: "not_taken 422",
    account: "account 401",
    text: MESSAGE.text,
  },
} satisfies Partial<
  Record<
    ProviderName,
    {
      make: (url: string, secret: string) => Sender;
      id: RegExp | null;
      cost: { amount: number; currency: string } | null;
      refusal: string;
      account: string;
      text: string;
    }
  >
>;

const timeout = (ms = 30_000) => AbortSignal.timeout(ms);

for (const name of Object.keys(SENDERS) as (keyof typeof SENDERS)[]) {
  const { make, id, cost, refusal, account, text } = SENDERS[name];

  test.describe(name, () => {
    test("delivers a message unchanged, and returns its id and cost", async ({ gateway }) => {
      const sending = await make(`${gateway.url}/${name}`, SECRET).send(MESSAGE, timeout());
      expect(sending).toEqual({ outcome: "accepted", id: id && expect.stringMatching(id), cost });
      const [message, ...others] = gateway.inbox.messages(MESSAGE.to);
      expect(message).toMatchObject({ provider: name, text });
      expect(others).toEqual([]);
      if (id) expect(sending).toMatchObject({ id: message?.id });
    });

    test("reports a refused number as a refusal, not as a failure", async ({ gateway }) => {
      gateway.set(name, { answer: "refuse" });
      const sending = await make(`${gateway.url}/${name}`, SECRET).send(MESSAGE, timeout());
      expect(sending).toEqual({ outcome: "refused", reason: refusal });
    });

    test("fails with unknown credentials", async ({ gateway }) => {
      const sending = await make(`${gateway.url}/${name}`, "wrong").send(MESSAGE, timeout());
      expect(sending).toEqual({ outcome: "failed", reason: account });
    });

    for (const [answer, reason] of [
      ["429", "overloaded 429"],
      ["500", "server_error 500"],
      ["garbage", "garbage 200"],
    ] as const) {
      // The sender for any gateway reads only the status.
      if (name === "http" && answer === "garbage") continue;
      test(`fails at ${answer}, and delivers nothing`, async ({ gateway }) => {
        gateway.set(name, { answer });
        const sending = await make(`${gateway.url}/${name}`, SECRET).send(MESSAGE, timeout());
        // An unreadable answer may have accepted the message.
        expect(sending).toEqual({ outcome: "failed", reason, ...(answer === "garbage" && { mayBeSent: true }) });
        expect(gateway.inbox.messages()).toEqual([]);
      });
    }

    for (const switches of [{ answer: "silence" }, { delayMs: 60_000 }] satisfies Partial<Switches>[]) {
      test(`gives up in time on ${Object.keys(switches)}`, async ({ gateway }) => {
        gateway.set(name, switches);
        const sending = await make(`${gateway.url}/${name}`, SECRET).send(MESSAGE, timeout(150));
        expect(sending).toEqual({ outcome: "failed", reason: "timeout", mayBeSent: true });
      });
    }

    test("fails when the provider can't be reached", async ({ gateway }) => {
      await gateway.stop();
      const sending = await make(`${gateway.url}/${name}`, SECRET).send(MESSAGE, timeout());
      expect(sending).toEqual({ outcome: "failed", reason: "unreachable ECONNREFUSED" });
    });

    test("follows no redirect, reads no endless answer, and records nothing of the provider's text", async () => {
      const told: string[] = [];
      const liar = createServer((request, response) => {
        request.resume();
        if (request.url?.startsWith("/away")) return void response.writeHead(307, { Location: "/elsewhere" }).end();
        if (request.url?.startsWith("/cut")) return void request.socket.destroy();
        if (request.url?.startsWith("/endless")) {
          response.writeHead(200);
          const pump = () => {
            while (!response.destroyed && response.write("[".repeat(16_384)));
          };
          response.on("drain", pump);
          return pump();
        }
        if (request.url?.startsWith("/elsewhere")) told.push(request.url);
        const words = `${MESSAGE.code} ${MESSAGE.to} ${SECRET}`;
        response
          .writeHead(400)
          .end(
            JSON.stringify({ ok: false, error: words, code: words, error_code: words, status_code: words, sid: null }),
          );
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => liar.once("listening", resolve));
      const url = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
      expect(await make(`${url}/away`, SECRET).send(MESSAGE, timeout())).toEqual({
        outcome: "failed",
        reason: "redirected 307",
      });
      expect(await make(`${url}/cut`, SECRET).send(MESSAGE, timeout())).toEqual({
        outcome: "failed",
        reason: expect.stringMatching(/^unreachable (UND_ERR_SOCKET|ECONNRESET)$/),
        mayBeSent: true,
      });
      if (name !== "http") {
        const endless = await make(`${url}/endless`, SECRET).send(MESSAGE, timeout());
        expect(endless).toEqual({ outcome: "failed", reason: "garbage 200", mayBeSent: true });
      }
      const sending = JSON.stringify(await make(`${url}/lies`, SECRET).send(MESSAGE, timeout()));
      for (const secret of [MESSAGE.code, MESSAGE.to.slice(1), SECRET]) expect(sending).not.toContain(secret);
      expect(told).toEqual([]);
      liar.closeAllConnections();
      liar.close();
    });
  });
}

const asked = (gateway: Gateway) => gateway.inbox.messages()[0]?.asked;

test("Twilio gets the code's lifetime and the callback address, and a messaging service can be the sender", async ({
  gateway,
}) => {
  const url = `${gateway.url}/twilio`;
  const statusCallback = `${gateway.url}/nowhere`;
  const from = `MG${"0b".repeat(16)}`;
  const sender = makeTwilioSender({ url, accountSid: ACCOUNT, authToken: SECRET, from, statusCallback });
  await sender.send(MESSAGE, timeout());
  expect(asked(gateway)).toEqual({
    To: MESSAGE.to,
    Body: MESSAGE.text,
    MessagingServiceSid: from,
    ValidityPeriod: "300",
    StatusCallback: statusCallback,
  });
});

test("SMS.ru gets the requester's address, if it is a public one", async ({ gateway }) => {
  const sender = makeSmsruSender({ url: `${gateway.url}/smsru`, apiId: SECRET });
  await sender.send(MESSAGE, timeout());
  expect(asked(gateway)).toMatchObject({ to: "79450000001", json: "1", ip: "192.0.2.7" });
  for (const requesterAddress of ["2001:db8:1:2::/64", "127.0.0.1", "10.1.2.3", "unknown", null]) {
    await sender.send({ ...MESSAGE, requesterAddress }, timeout());
    expect(asked(gateway)).not.toHaveProperty("ip");
  }
});

test("Telegram gets only codes of its lengths, with a lifetime that it accepts", async ({ gateway }) => {
  const sender = makeTelegramSender({ url: `${gateway.url}/telegram`, token: SECRET });
  const longer = { ...MESSAGE, code: "1234567890" };
  expect(await sender.send(longer, timeout())).toEqual({ outcome: "refused", reason: "not_taken CODE_LENGTH" });
  expect(gateway.inbox.messages()).toEqual([]);
  for (const [ttlMs, ttl] of [
    [1000, "60"],
    [299_001, "300"],
    [86_400_000, "3600"],
  ] as const) {
    await sender.send({ ...MESSAGE, ttlMs }, timeout());
    expect(asked(gateway)).toMatchObject({ code: MESSAGE.code, ttl });
  }
});

test("any gateway gets a form unless the body is JSON, with each value escaped", async ({ gateway }) => {
  const url = `${gateway.url}/http`;
  const form = makeHttpSender({ url, body: "to={digits}&text={text}&code={code}", headers: {} });
  expect(await form.send(MESSAGE, timeout())).toMatchObject({ outcome: "accepted" });
  expect(asked(gateway)).toEqual({ to: "79450000001", text: MESSAGE.text, code: MESSAGE.code });
  const places = { ...MESSAGE, text: 'Not {phone}, nor {code}, but "\\\u2028' };
  const json = makeHttpSender({ url, body: JSON_BODY, headers: { "content-type": "application/json; charset=utf-8" } });
  expect(await json.send(places, timeout())).toMatchObject({ outcome: "accepted" });
  expect(asked(gateway)).toEqual({ to: MESSAGE.to, text: places.text });
});

test("Twilio's price is the cost if it can be read, and an accepted message stays accepted if not", async () => {
  const prices = [
    { price: "-0.05", price_unit: "usd" },
    { price: "-0.05", price_unit: "1$2" },
    { price: "0".repeat(30), price_unit: "USD" },
  ];
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "application/json").end(JSON.stringify({ sid: "SM1", ...prices.shift() }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sender = SENDERS.twilio.make(`http://127.0.0.1:${port}`, SECRET);
  for (const cost of [{ amount: 0.05, currency: "USD" }, null, null]) {
    expect(await sender.send(MESSAGE, timeout())).toEqual({ outcome: "accepted", id: "SM1", cost });
  }
  await new Promise((resolve) => server.close(resolve));
});
