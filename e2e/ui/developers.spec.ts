import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { APIRequestContext, Locator, Page } from "playwright/test";
import { Webhook } from "standardwebhooks";
import { test as base, expect } from "../fixtures";
import { openConsole } from "./journeys";

interface Receiver {
  url: string;
  received: { id: string; headers: Record<string, string>; body: string }[];
  /** The status of its answers. At first it fails. */
  status: number;
}

const ANSWER = "<script>alert(1)</script><b>broken</b>";

const test = base.extend<{ receiver: Receiver }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  receiver: async ({}, use) => {
    const receiver: Receiver = { url: "", received: [], status: 500 };
    const server = createServer(async (request, response) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      receiver.received.push({ id: headers["webhook-id"] ?? "", headers, body: await text(request) });
      if (receiver.status === 204) response.writeHead(204).end();
      // Without this header the server would try again after five seconds, while the test looks at the failed attempt or replays it.
      else response.writeHead(receiver.status, { "retry-after": "3600" }).end(ANSWER);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
    await use(receiver);
    server.close();
    server.closeAllConnections();
  },
});

/** Fills in the reason of an act and does it. */
async function act(page: Page, button: string, reason = "проверка вебхуков"): Promise<void> {
  await page.getByLabel("Причина").fill(reason);
  await page.getByRole("button", { name: button, exact: true }).click();
}

/**
 * Changes a hidden field. React gives hidden fields their first values again when it hydrates the page, so on a page with a script this
 * waits until then.
 */
async function setHidden(field: Locator, value: string): Promise<void> {
  const isReady = (input: Element) =>
    !("__next_f" in window) || Object.keys(input).some((key) => key.startsWith("__reactProps$"));
  await expect.poll(() => field.evaluate(isReady)).toBe(true);
  await field.evaluate((input, given) => input.setAttribute("value", given), value);
}

/** Reads a secret that the page shows once. */
async function readSecret(page: Page, name: string): Promise<string> {
  return (await page.getByRole("region", { name }).locator("code").textContent()) ?? "";
}

/** Asks the management API with a key, as a backend does, and returns the status. */
async function askWithKey(client: APIRequestContext, key: string, path = "events?after=now"): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  return (await client.get(`/api/manage/v1/${path}`, { headers })).status();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "keys with a script" : "keys without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator makes an API key, which is shown once and used by a backend, and revokes it", async ({
      page,
      codeFor,
      newClient,
      administratorPhone,
    }) => {
      const backend = await newClient();
      const name = `Магазин ${administratorPhone.slice(-4)}`;
      await openConsole(page, administratorPhone, codeFor, "/admin/keys");
      await page.getByRole("link", { name: "Создать ключ" }).click();
      await expect(page.getByRole("heading", { name: "Создать ключ API" })).toBeVisible();
      await page.getByRole("button", { name: "Создать ключ" }).click();
      for (const problem of ["Напишите, для чего ключ", "Отметьте хотя бы одно право", "Напишите причину"])
        await expect(page.getByText(problem)).toBeVisible();
      await page.getByLabel("Для чего ключ").fill(name);
      await page.getByLabel("events:read").check();
      await page.getByLabel("Последний день").fill("2020-01-01");
      await page.getByLabel("Причина").fill("магазин следит за аккаунтами");
      await page.getByRole("button", { name: "Создать ключ" }).click();
      await expect(page.getByText("Последний день — сегодня или позже.")).toBeVisible();
      await expect(page.getByLabel("events:read")).toBeChecked();
      await page.getByLabel("Последний день").fill("");
      await page.getByRole("button", { name: "Создать ключ" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(`Ключ создан: ${name}`);
      const key = await readSecret(page, "Ключ");
      expect(key).toMatch(/^sk_\w{49}$/);

      expect(await askWithKey(backend, key)).toBe(200);
      expect(await askWithKey(backend, key, "accounts")).toBe(403);

      await page.getByRole("link", { name: "Назад к ключам" }).click();
      const row = page.getByRole("row").filter({ hasText: name });
      await expect(row).toContainText(key.slice(0, 8));
      await expect(row).toContainText("events:read");
      await expect(row).toContainText("без срока");
      expect(await page.content()).not.toContain(key);
      // Without a script the browser would ask whether to send the form again.
      await (javaScriptEnabled ? page.goBack() : page.goto("/admin/keys/new"));
      await expect(page.getByRole("heading", { name: "Создать ключ API" })).toBeVisible();
      expect(await page.content()).not.toContain(key);

      // The server notes the use after its answer.
      await expect(async () => {
        await page.goto("/admin/keys");
        await expect(row).not.toContainText("не было", { timeout: 1000 });
      }).toPass();
      await row.getByRole("link", { name: /Отозвать/ }).click();
      await expect(page.getByText(name)).toBeVisible();
      await page.getByRole("button", { name: "Отозвать ключ" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("магазин закрылся");
      await page.getByRole("button", { name: "Отозвать ключ" }).click();
      await expect(page.getByText("Ключ отозван: запросы с ним больше не принимаются.")).toBeVisible();
      expect(await askWithKey(backend, key)).toBe(401);
      await expect(row).toContainText("отозван");
      await expect(row.getByRole("link")).toHaveCount(0);
      await page.goto("/admin/audit?action=api_key_revoked");
      await expect(page.getByText("«магазин закрылся»").first()).toBeVisible();
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "webhooks with a script" : "webhooks without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator adds an endpoint, sees why a test event failed, sends it again, rotates the secret and deletes the endpoint", async ({
      page,
      codeFor,
      receiver,
      administratorPhone,
    }) => {
      test.slow();
      await openConsole(page, administratorPhone, codeFor, "/admin/webhooks");
      await page.getByRole("link", { name: "Добавить получателя" }).click();
      await page.getByLabel("Адрес").fill("http://10.0.0.1:8080/hooks");
      await page.getByLabel("session.opened").check();
      await page.getByRole("button", { name: "Добавить", exact: true }).click();
      await expect(page.getByText("Отмечены отдельные типы, а выбрано «Все»")).toBeVisible();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Только отмеченные").check();
      await act(page, "Добавить");
      await expect(page.getByText("Адрес должен начинаться с https://.")).toBeVisible();
      await expect(page.getByLabel("session.opened")).toBeChecked();
      await page.getByLabel("Адрес").fill(receiver.url);
      await page.getByLabel("Для чего").fill("Магазин");
      await act(page, "Добавить");
      await expect(page.getByRole("heading", { name: "Получатель добавлен" })).toBeVisible();
      const secret = await readSecret(page, "Секрет");
      expect(await readSecret(page, "Открытый ключ")).toMatch(/^whpk_/);
      await page.getByRole("link", { name: "Назад к вебхукам" }).click();
      const row = page.getByRole("row").filter({ hasText: receiver.url });
      await expect(row).toContainText("Работает");
      expect(await page.content()).not.toContain(secret);

      await row.getByRole("link").click();
      await page.getByRole("button", { name: "Отправить пробное событие" }).click();
      await expect(page.getByText("Пробное событие отправляется.")).toBeVisible();
      await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
      const [first] = receiver.received;
      expect(new Webhook(secret).verify(first?.body ?? "", first?.headers ?? {})).toMatchObject({
        type: "webhook.test",
      });
      const endpoint = new URL(page.url()).pathname;
      await expect(async () => {
        await page.goto(endpoint);
        await expect(page.getByRole("row").filter({ hasText: "ждёт повтора" })).toBeVisible({ timeout: 1000 });
      }).toPass();
      await expect(page.locator("[data-answer]")).toContainText("Не принимает вебхуки");
      await page.getByRole("link", { name: "Подробнее: webhook.test" }).click();
      const attempt = page.getByRole("table", { name: "Попытки" }).getByRole("row").nth(1);
      await expect(attempt).toContainText("500");
      await expect(attempt).toContainText("код ошибки");
      // The answer is text, and no element of the page.
      await expect(attempt.getByText(ANSWER)).toBeVisible();
      await expect(attempt.locator("b")).toHaveCount(0);

      receiver.status = 204;
      const before = receiver.received.length;
      await page.getByRole("link", { name: "Отправить повторно" }).click();
      await expect(page.getByText("Будет отправлена одна доставка: webhook.test.")).toBeVisible();
      await act(page, "Отправить 1 доставку");
      await expect(page.getByText("Повторно отправляется 1 доставка")).toBeVisible();
      await expect.poll(() => receiver.received.length).toBeGreaterThan(before);
      expect(receiver.received.at(-1)?.id).toBe(first?.id);
      await expect(async () => {
        await page.goto(`${endpoint}?state=delivered`);
        await expect(page.getByRole("row").filter({ hasText: "webhook.test" })).toBeVisible({ timeout: 1000 });
      }).toPass();
      await page.getByRole("link", { name: "Отправить отобранное повторно" }).click();
      await expect(page.getByText("Подходит 1 доставка.")).toBeVisible();
      const replayed = receiver.received.length;
      await act(page, "Отправить 1 доставку");
      await expect(page.getByText("Повторно отправляется 1 доставка")).toBeVisible();
      await expect.poll(() => receiver.received.length).toBeGreaterThan(replayed);

      await page.getByRole("link", { name: "Сменить секрет" }).click();
      await act(page, "Сменить секрет");
      await expect(page.getByRole("heading", { name: "Секрет сменён" })).toBeVisible();
      const next = await readSecret(page, "Секрет");
      expect(next).not.toBe(secret);
      await page.getByRole("link", { name: "Назад к получателю" }).click();
      await expect(page.getByText("Прежний секрет тоже действует до")).toBeVisible();
      expect(await page.content()).not.toContain(next);

      await page.getByRole("link", { name: "Приостановить" }).click();
      await act(page, "Приостановить");
      await expect(page.getByText("Отправка приостановлена.")).toBeVisible();
      await page.getByRole("button", { name: "Отправить пробное событие" }).click();
      await expect(page.getByText("Сначала возобновите её.")).toBeVisible();
      await page.getByRole("link", { name: "Возобновить" }).click();
      await act(page, "Возобновить");
      await expect(page.getByText("Отправка возобновлена.")).toBeVisible();
      await page.getByRole("button", { name: "Отправить пробное событие" }).click();
      await expect.poll(() => receiver.received.at(-1)?.id).not.toBe(first?.id);
      const last = receiver.received.at(-1);
      for (const each of [secret, next])
        expect(new Webhook(each).verify(last?.body ?? "", last?.headers ?? {})).toMatchObject({ type: "webhook.test" });

      await page.getByRole("link", { name: "Изменить" }).click();
      await expect(page.getByLabel("session.opened")).toBeChecked();
      await page.getByLabel("С номерами и почтой").check();
      await act(page, "Сохранить", "магазину нужны номера");
      await expect(page.getByText("Изменения сохранены.")).toBeVisible();
      await page.getByRole("link", { name: "Удалить" }).click();
      await act(page, "Удалить");
      await expect(page.getByText("Получатель удалён.")).toBeVisible();
      await expect(page.getByText(receiver.url)).toHaveCount(0);
      expect((await page.request.get(endpoint)).status()).toBe(404);
      await page.goto("/admin/audit?action=webhook_changed");
      const recorded = page.getByRole("row").filter({ hasText: endpoint.split("/").at(-1) ?? "" });
      await expect(recorded).toContainText("с номерами и почтой");
      await expect(recorded).toContainText("«магазину нужны номера»");
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "applications with a script" : "applications without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator adds an application, changes it, renews its secret, disables and removes it", async ({
      page,
      codeFor,
      administratorPhone,
    }) => {
      test.slow();
      await openConsole(page, administratorPhone, codeFor, "/admin/clients");
      await page.getByRole("link", { name: "Добавить приложение" }).click();
      await page.getByLabel("Адреса возврата").fill("http://shop.example/callback");
      await page.getByLabel("email").check();
      await page.getByRole("button", { name: "Добавить", exact: true }).click();
      await expect(page.getByText("Напишите название, которое увидят люди.")).toBeVisible();
      await expect(page.getByText("Этот адрес не подходит: http://shop.example/callback.")).toBeVisible();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await expect(page.getByLabel("email")).toBeChecked();
      await expect(page.getByLabel("Адреса возврата")).toHaveValue("http://shop.example/callback");
      const name = `Магазин ${crypto.randomUUID().slice(0, 8)}`;
      await page.getByLabel("Название").fill(name);
      const uris = ["https://shop.example/callback", "http://127.0.0.1/callback"];
      await page.getByLabel("Адреса возврата").fill(uris.join("\n"));
      const sent = await page.locator("input[name=id]").inputValue();
      await act(page, "Добавить", "магазин открылся");
      await expect(page.getByRole("heading", { name: "Приложение добавлено" })).toBeVisible();
      const secret = await readSecret(page, "client_secret");
      expect(secret).toMatch(/^sarafan_cs_[\w-]{43}$/);
      expect(await readSecret(page, "client_id")).toBe(sent);
      await page.getByRole("link", { name: "Назад к приложениям" }).click();
      const row = page.getByRole("row").filter({ hasText: name });
      await expect(row).toContainText("с сервером: есть секрет");
      await expect(row).toContainText("openidphoneemail");
      expect(await page.content()).not.toContain(secret);

      await row.getByRole("link").click();
      await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
      await expect(page.getByRole("region", { name: "Настройки" })).toContainText(uris.join(""));
      expect(await page.content()).not.toContain(secret);
      const address = new URL(page.url()).pathname;

      await page.getByRole("link", { name: "Изменить" }).click();
      await page.getByLabel("Это наше приложение").check();
      await page.getByLabel("Адрес для сообщений о выходе").fill("https://10.0.0.1/logout");
      await act(page, "Сохранить");
      await expect(page.getByText("На этот адрес нельзя сообщать о выходе")).toBeVisible();
      await page.getByLabel("Адрес для сообщений о выходе").fill("https://shop.example/logout");
      await act(page, "Сохранить", "выход вместе с магазином");
      await expect(page.getByText("Изменения сохранены.")).toBeVisible();
      await expect(page.getByText("не спрашиваем: приложение своё")).toBeVisible();
      await expect(page.getByText("https://shop.example/logout")).toBeVisible();

      await page.getByRole("link", { name: "Заменить секрет" }).click();
      await act(page, "Заменить секрет");
      await expect(page.getByRole("heading", { name: "Секрет заменён" })).toBeVisible();
      expect(await readSecret(page, "client_secret")).not.toBe(secret);
      await page.getByRole("link", { name: "Назад к приложению" }).click();
      await page.getByRole("link", { name: "Отключить" }).click();
      await act(page, "Отключить");
      await expect(page.getByText("Приложение отключено.")).toBeVisible();
      expect((await page.request.get(`${address}/disable`)).status(), "it is disabled already").toBe(404);
      await page.getByRole("link", { name: "Включить" }).click();
      await act(page, "Включить");
      await expect(page.getByText("Люди могут входить")).toBeVisible();
      await page.getByRole("link", { name: "Удалить" }).click();
      await act(page, "Удалить", "магазин закрылся");
      await expect(page.getByText("Приложение удалено.")).toBeVisible();
      await expect(page.getByText(name)).toHaveCount(0);
      expect((await page.request.get(address)).status()).toBe(404);
      await page.goto("/admin/audit?action=client_removed");
      const recorded = page.getByRole("row").filter({ hasText: sent });
      await expect(recorded).toContainText(name);
      await expect(recorded).toContainText("«магазин закрылся»");
    });

    test("a form that is sent twice adds one application, and an old form changes nothing", async ({
      page,
      codeFor,
      administratorPhone,
    }) => {
      await openConsole(page, administratorPhone, codeFor, "/admin/clients/new");
      const add = async (name: string, id?: string) => {
        await page.goto("/admin/clients/new");
        const stamp = page.locator("input[name=id]");
        if (id) await setHidden(stamp, id);
        const drawn = await stamp.inputValue();
        await page.getByLabel("Название").fill(name);
        await page.getByLabel("Публичное").check();
        await page.getByLabel("Адреса возврата").fill("com.example.app:/callback");
        await act(page, "Добавить");
        return drawn;
      };
      const name = `Сад ${crypto.randomUUID().slice(0, 8)}`;
      const id = await add(name);
      await expect(page.getByText("У публичного приложения нет секрета.")).toBeVisible();
      await add(`${name} ещё раз`, id);
      await expect(page.getByText("Эта форма уже добавила это приложение.")).toBeVisible();
      await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
      await expect(page.getByRole("link", { name: "Заменить секрет" })).toHaveCount(0);

      await page.getByRole("link", { name: "Изменить" }).click();
      await setHidden(page.locator("input[name=version]"), "older");
      await page.getByLabel("Название").fill("Огород");
      await act(page, "Сохранить");
      await expect(page.getByText("Приложение изменили, пока страница была открыта.")).toBeVisible();
      await page.goto(`/admin/clients/${id}/remove`);
      await expect(page.getByText(name)).toBeVisible();
      await act(page, "Удалить");
      await expect(page.getByText("Приложение удалено.")).toBeVisible();
    });
  });
}
