import type { Page } from "playwright/test";
import { type Gateway, startGateway } from "../../gateway/gateway";
import { smsru } from "../../gateway/smsru";
import { test as base, expect, type Server } from "../fixtures";
import { askForCode, enterCode, readInviteCode } from "./journeys";

// One worker runs all tests, so that one gateway and one server are enough.
base.describe.configure({ mode: "default" });

let shared: Gateway | undefined;
base.afterAll(() => shared?.stop());

const test = base.extend<{ gateway: Gateway; sarafan: Server }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  gateway: async ({}, use) => {
    shared ??= await startGateway();
    shared.reset();
    await use(shared);
  },
  /** A server that sends codes through the gateway. */
  sarafan: async ({ gateway, sharedServer }, use) => use(await sharedServer(settings(gateway))),
});

const settings = ({ url }: Gateway) => ({
  SENDERS: "smsru,twilio",
  SENDERS_KZ: "telegram",
  // No sender rests after failures of an earlier test.
  SENDER_FAILURES_MAX: 1000,
  REVEAL_CODES: false,
  // Long enough that no time and no id in the log contains it by chance.
  CODE_DIGITS: 8,
  SMSRU_URL: `${url}/smsru`,
  SMSRU_API_ID: "an-id-that-nobody-may-read",
  TWILIO_URL: `${url}/twilio`,
  TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`,
  TWILIO_AUTH_TOKEN: "a-token-that-nobody-may-read",
  TWILIO_FROM: "+15005550006",
  TELEGRAM_GATEWAY_URL: `${url}/telegram`,
  TELEGRAM_GATEWAY_TOKEN: "another-that-nobody-may-read",
});

/** Reads the code of the newest message to a phone on the gateway's page. */
async function readCode(telephone: Page, phone: string): Promise<string> {
  const message = telephone.getByRole("article").filter({ hasText: phone }).first();
  const [code = ""] = /\b\d{4,8}\b/.exec((await message.getByRole("paragraph").allTextContents()).join("\n")) ?? [];
  return code;
}

/** Reads how many messages each sender has sent, by the metric's name and labels. */
async function readSendings({ url }: Server): Promise<Map<string, number>> {
  const lines = (await (await fetch(`${url}/api/metrics`)).text()).split("\n");
  const counts = lines.filter((line) => line.startsWith("sarafan_sender_")).map((line) => line.split(/ (?=\d+$)/));
  return new Map(counts.map(([name = "", count]) => [name, Number(count)]));
}

/** Reports as SMS.ru that a message was not delivered. */
async function reportUndelivered({ url, settings }: Server, id: string): Promise<void> {
  const to = { id, to: "", url: `${url}/api/delivery/smsru`, isForged: false };
  const asked = { path: "", headers: new Headers(), body: `api_id=${settings.SMSRU_API_ID}` };
  for (const report of smsru.reports?.("undelivered", to, asked) ?? []) {
    expect(await (await fetch(report.url, { ...report, method: "POST" })).text()).toBe("100");
  }
}

for (const answer of ["500", "silence", "refuse"] as const) {
  test(`a person logs in with the code on their phone while the first provider's answer is ${answer}`, async ({
    page,
    context,
    phone,
    gateway,
    sarafan: server,
  }) => {
    gateway.set("smsru", { answer });
    const before = await readSendings(server);
    const telephone = await context.newPage();
    await telephone.goto(gateway.url);
    await page.goto(`${server.url}/login`);
    await askForCode(page, phone);
    await expect(telephone.getByText(`${phone} · twilio`)).toBeVisible();
    const code = await readCode(telephone, phone);
    await enterCode(page, code);
    await readInviteCode(page);
    expect(gateway.inbox.messages(phone)).toHaveLength(1);
    const sentSince = async () =>
      [...(await readSendings(server))].flatMap(([name, count]) => {
        const more = count - (before.get(name) ?? 0);
        return more === 0 ? [] : [`${name} ${more}`];
      });
    await expect
      .poll(async () => (await sentSince()).sort())
      .toEqual([
        `sarafan_sender_messages_total{sender="smsru",outcome="${answer === "refuse" ? "refused" : "failed"}"} 1`,
        'sarafan_sender_messages_total{sender="twilio",outcome="accepted"} 1',
        'sarafan_sender_messages_total{sender="twilio",outcome="delivered"} 1',
      ]);
    for (const secret of [code, phone.slice(1), "nobody-may-read"]) expect(server.output()).not.toContain(secret);
  });
}

test("a country has a chain of its own", async ({ page, gateway, sarafan: server }) => {
  await page.goto(`${server.url}/login`);
  await askForCode(page, "+7 701 234 56 78");
  expect(gateway.inbox.messages("+77012345678")).toMatchObject([{ provider: "telegram" }]);
});

test("when no provider accepts a code, the page says so, and no message is sent", async ({
  page,
  phone,
  gateway,
  sarafan: server,
}) => {
  for (const name of ["smsru", "twilio"] as const) gateway.set(name, { answer: "refuse" });
  await page.goto(`${server.url}/login`);
  await page.getByLabel("Номер телефона").fill(phone);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByRole("alert").filter({ hasText: /\S/ })).toBeVisible();
  expect(gateway.inbox.messages()).toEqual([]);
});

test("the page says when no provider answered in time, and the code works if it arrives", async ({
  page,
  phone,
  gateway,
  sarafan: server,
}) => {
  // Longer than SENDER_TIMEOUT_S, which is 5.
  gateway.set("smsru", { delayMs: 8000 });
  gateway.set("twilio", { answer: "500" });
  await page.goto(`${server.url}/login`);
  await page.getByLabel("Номер телефона").fill(phone);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Мы не уверены, что код отправился" })).toBeVisible();
  await expect.poll(() => gateway.inbox.messages(phone).length).toBe(1);
  const [code = ""] = /\d{8}/.exec(gateway.inbox.messages(phone)[0]?.text ?? "") ?? [];
  await enterCode(page, code);
  await readInviteCode(page);
});

test("the page shows the message's state, and the next code goes by another provider if it did not arrive", async ({
  page,
  phone,
  gateway,
  sarafan: server,
}) => {
  gateway.set("smsru", { report: "none" });
  gateway.set("twilio", { report: "delivered", reportDelayMs: 0 });
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const note = page.getByRole("status");
  await expect(note.filter({ hasText: "Код в пути: придёт по SMS." })).toBeVisible();
  await reportUndelivered(server, gateway.inbox.messages(phone)[0]?.id ?? "");
  await page.reload();
  await expect(note.filter({ hasText: "Сообщение с кодом не доставлено" })).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await expect
    .poll(() =>
      gateway.inbox
        .messages(phone)
        .map(({ provider }) => provider)
        .sort(),
    )
    .toEqual(["smsru", "twilio"]);
  await expect(async () => {
    await page.reload();
    await expect(note.filter({ hasText: "Сообщение с кодом доставлено" })).toBeVisible({ timeout: 500 });
  }).toPass();
});
