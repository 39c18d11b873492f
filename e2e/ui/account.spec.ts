import { readFileSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "playwright/test";
import { expect, FEW_TRIES, test } from "../fixtures";
import { logIn, logOut, openProfile, readInviteCode, signUp, wrongCode } from "./journeys";

const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

type CodeFor = (to: string) => Promise<string>;

/** Logs the same person in on a second device. */
async function logInElsewhere(browser: Browser, url: string, phone: string, codeFor: CodeFor): Promise<Page> {
  const page = await (await browser.newContext({ baseURL: url, userAgent: IPHONE, locale: "ru-RU" })).newPage();
  await openProfile(page, phone, codeFor);
  return page;
}

/** Types a new phone or mailbox and requests both codes. */
async function askForCodes(page: Page, label: string, value: string): Promise<void> {
  await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Отправить коды" }).click();
  await expect(page.getByLabel(/Код, который пришёл на/)).toHaveCount(2);
}

/** Types the code to the old factor and the one to the new. */
async function enterCodes(page: Page, old: string, next: string): Promise<void> {
  await page
    .getByLabel(/Код, который пришёл на/)
    .first()
    .fill(old);
  await page
    .getByLabel(/Код, который пришёл на/)
    .last()
    .fill(next);
  await page.getByRole("button", { name: "Подтвердить" }).click();
}

/** Collects all addresses that this browser requests. */
function addressesOf(context: BrowserContext): string[] {
  const addresses: string[] = [];
  context.on("request", (request) => addresses.push(request.url()));
  return addresses;
}

const deviceRow = (page: Page, name: string) => page.getByRole("listitem").filter({ hasText: name });

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a new device is announced to the other ones until one of them confirms it", async ({
      browser,
      page,
      phone,
      server,
    }) => {
      await page.goto("/login");
      await logIn(page, phone, server.codeFor);
      await readInviteCode(page);
      const telephone = await logInElsewhere(browser, server.url, phone, server.codeFor);
      const warning = "Вход с нового устройства: Safari, iOS";
      await expect(telephone.getByText(warning)).toBeHidden();
      await telephone.goto("/account");
      await expect(deviceRow(telephone, "Chrome, Windows")).toBeVisible();
      await expect(telephone.getByText(warning)).toBeHidden();

      await page.goto("/profile");
      await expect(page.getByText(warning)).toBeVisible();
      await page.getByRole("link", { name: "Аккаунт и устройства" }).click();
      await expect(page.getByText(warning)).toBeVisible();
      await expect(deviceRow(page, "Safari, iOS")).toContainText("Телефон, сеть 127.0.0.1");
      await expect(deviceRow(page, "Chrome, Windows")).toContainText("это устройство");
      await page.getByRole("button", { name: "Да, это я" }).click();
      await expect(page.getByText("запомнили: это ваше устройство")).toBeVisible();
      await expect(page.getByText(warning)).toBeHidden();
      await page.goto("/profile");
      await expect(page.getByText(warning)).toBeHidden();
    });

    test("a device is ended from another one, and then all the others", async ({ browser, page, phone, server }) => {
      await openProfile(page, phone, server.codeFor);
      const [one, other, third] = [
        await logInElsewhere(browser, server.url, phone, server.codeFor),
        await logInElsewhere(browser, server.url, phone, server.codeFor),
        await logInElsewhere(browser, server.url, phone, server.codeFor),
      ];
      await page.goto("/profile");
      // The newest is the first.
      await page.getByRole("button", { name: "Нет, завершить сеанс" }).first().click();
      await expect(page.getByText("Записали: это были не вы")).toBeVisible();
      await third.goto("/profile");
      await expect(third).toHaveURL(/\/login$/);
      await one.goto("/profile");
      await expect(one).toHaveURL(/\/profile$/);

      await page.getByRole("button", { name: "Завершить все остальные сеансы" }).click();
      await expect(page.getByText("Остальные сеансы завершены")).toBeVisible();
      await expect(page.getByRole("button", { name: "Завершить все остальные сеансы" })).toBeHidden();
      for (const ended of [one, other]) {
        await ended.goto("/profile");
        await expect(ended).toHaveURL(/\/login$/);
      }
    });

    test("the number is changed by two codes, which ends the other sessions", async ({
      browser,
      context,
      page,
      freshPhone,
      server,
    }) => {
      const [phone, next] = [freshPhone(), freshPhone()];
      const inviteCode = await openProfile(page, phone, server.codeFor);
      const telephone = await logInElsewhere(browser, server.url, phone, server.codeFor);
      const addresses = addressesOf(context);

      await page.goto("/account");
      await page.getByRole("link", { name: "Изменить номер" }).click();
      await page.getByLabel("Новый номер телефона").fill("12");
      await page.getByRole("button", { name: "Отправить коды" }).click();
      await expect(page.getByText("не похоже на номер")).toBeVisible();
      await page.getByLabel("Новый номер телефона").fill(phone);
      await page.getByRole("button", { name: "Отправить коды" }).click();
      await expect(page.getByText("Это и так ваш номер")).toBeVisible();
      await askForCodes(page, "Новый номер телефона", next);
      const [old, fresh] = [await server.codeFor(phone), await server.codeFor(next)];
      await enterCodes(page, "12", fresh);
      await expect(page.getByText("В коде 4 цифры. Введите все.")).toBeVisible();
      await enterCodes(page, old, wrongCode(fresh));
      await expect(page.getByText("Код не подошёл. Сверьте его с тем, что вам пришло.")).toHaveCount(1);
      await enterCodes(page, old, fresh);
      await expect(page.getByText("Готово: теперь вы входите по номеру")).toBeVisible();
      expect(addresses.filter((address) => [phone, next].some((one) => address.includes(one.slice(1))))).toEqual([]);

      await telephone.goto("/profile");
      await expect(telephone).toHaveURL(/\/login$/);
      await logIn(telephone, next, server.codeFor);
      expect(await readInviteCode(telephone)).toBe(inviteCode);
    });

    test("an address is added to an account by phone, and then opens it", async ({ page, phone, codeFor }) => {
      const email = `added${phone.slice(1)}@example.com`;
      const inviteCode = await openProfile(page, phone, codeFor);
      await page.goto("/account");
      await page.getByRole("link", { name: "Добавить адрес почты" }).click();
      await askForCodes(page, "Электронная почта", email);
      await page.getByRole("link", { name: "Изменить адрес" }).click();
      await expect(page.getByLabel("Электронная почта")).toHaveValue(email);
      await page.goto("/account/email");
      await enterCodes(page, await codeFor(phone), await codeFor(email));
      await expect(page.getByText(`теперь ваш адрес почты — ${email}`)).toBeVisible();
      await page.goto("/profile");
      await logOut(page);
      await page.goto("/login?by=email");
      await page.getByLabel("Электронная почта").fill(email);
      await logIn(page, phone, async () => codeFor(email));
      expect(await readInviteCode(page)).toBe(inviteCode);
    });

    test("an account is deleted for good with a code", async ({ page, phone, codeFor }) => {
      const inviteCode = await openProfile(page, phone, codeFor);
      await page.goto("/account");
      await page.getByRole("link", { name: "Удалить аккаунт" }).click();
      await expect(page.getByRole("heading", { name: "Что останется" })).toBeVisible();
      await page.getByRole("button", { name: "Получить код для удаления" }).click();
      const code = await codeFor(phone);
      await page.getByLabel("Код из сообщения").fill(wrongCode(code));
      await page.getByRole("button", { name: "Удалить навсегда" }).click();
      await expect(page.getByText("Код не подошёл")).toBeVisible();
      await page.getByLabel("Код из сообщения").fill(code);
      await page.getByRole("button", { name: "Удалить навсегда" }).click();
      await expect(page.getByRole("heading", { name: "Аккаунт удалён" })).toBeVisible();
      await page.goto("/account");
      await expect(page).toHaveURL(/\/login\?next=%2Faccount$/);
      expect((await page.request.get(`/i/${inviteCode}`)).status()).toBe(404);
      await page.goto("/login");
      await logIn(page, phone, codeFor);
      expect(await readInviteCode(page)).not.toBe(inviteCode);
    });

    test("a deletion that a new device asks for is delayed, shown on every page, and can be cancelled by any other device", async ({
      browser,
      page,
      phone,
      server,
    }) => {
      const inviteCode = await openProfile(page, phone, server.codeFor);
      const telephone = await logInElsewhere(browser, server.url, phone, server.codeFor);
      await telephone.goto("/account/delete");
      await expect(telephone.getByText("аккаунт будет удалён через 24 часа после ввода кода")).toBeVisible();
      await telephone.getByRole("button", { name: "Получить код для удаления" }).click();
      await telephone.getByLabel("Код из сообщения").fill(await server.codeFor(phone));
      await telephone.getByRole("button", { name: "Удалить навсегда" }).click();
      await expect(telephone.getByText("Запрос принят")).toBeVisible();
      const warning = /Этот аккаунт будет удалён завтра/;
      await expect(telephone.getByText(warning)).toBeVisible();
      await expect(telephone.getByRole("link", { name: "Не ждать" })).toBeHidden();

      const paths = [
        "/",
        "/profile",
        "/account",
        "/account/phone",
        "/account/email",
        "/account/delete",
        "/account/history",
      ];
      const missing = ["/nowhere", "/i/ZZZZ99", "/account/nowhere", "/account/delayed/nowhere"];
      for (const path of [...paths, "/docs", `/i/${inviteCode}`, ...missing]) {
        for (const one of [page, telephone]) {
          await one.goto(path);
          await expect(one.getByText(warning), path).toBeVisible();
        }
      }
      await page.goto("/");
      await expect(page.getByText("Запрос с устройства Safari, iOS, сеть 127.0.0.1")).toBeVisible();
      await page.getByRole("button", { name: "Отменить" }).click();
      await expect(page.getByText("Отменили: всё останется как есть.")).toBeVisible();
      for (const one of [page, telephone]) {
        await one.goto("/profile");
        await expect(one.getByText(warning)).toBeHidden();
      }
    });

    test("a new device has no delay with codes to both the number and the address", async ({
      browser,
      page,
      freshPhone,
      server,
    }) => {
      const [phone, next] = [freshPhone(), freshPhone()];
      const email = `both${phone.slice(1)}@example.com`;
      await openProfile(page, phone, server.codeFor);
      await page.goto("/account/email");
      await askForCodes(page, "Электронная почта", email);
      await enterCodes(page, await server.codeFor(phone), await server.codeFor(email));
      await expect(page.getByText(`теперь ваш адрес почты — ${email}`)).toBeVisible();

      const telephone = await logInElsewhere(browser, server.url, phone, server.codeFor);
      await telephone.goto("/account/phone");
      await askForCodes(telephone, "Новый номер телефона", next);
      await enterCodes(telephone, await server.codeFor(phone), await server.codeFor(next));
      await expect(telephone.getByText("Запрос принят")).toBeVisible();
      await expect(telephone.getByText("Номер телефона сменится на")).toBeVisible();
      await telephone.getByRole("link", { name: "Не ждать" }).click();
      await telephone.getByRole("button", { name: "Отправить коды" }).click();
      const [byPhone, byMail] = [await server.codeFor(phone), await server.codeFor(email)];
      const submit = async (codes: { phone: string; email: string }) => {
        await telephone.getByLabel(/Код, который пришёл на \+/).fill(codes.phone);
        await telephone.getByLabel(/Код, который пришёл на .+@/).fill(codes.email);
        await telephone.getByRole("button", { name: "Подтвердить" }).click();
      };
      await submit({ phone: byPhone, email: wrongCode(byMail) });
      await expect(telephone.getByText("Код не подошёл. Сверьте его с тем, что вам пришло.")).toHaveCount(1);
      await submit({ phone: byPhone, email: byMail });
      await expect(telephone.getByText("Готово.")).toBeVisible();
      await expect(telephone.getByText("Номер телефона сменится на")).toBeHidden();
      await page.goto("/profile");
      await expect(page).toHaveURL(/\/login$/);
      await logIn(page, next, server.codeFor);
      await readInviteCode(page);
    });

    test("codes to both factors apply only the change that the page showed, and a second stranger can't replace it", async ({
      browser,
      page,
      freshPhone,
      server,
    }) => {
      const phone = freshPhone();
      const email = `shown${phone.slice(1)}@example.com`;
      await openProfile(page, phone, server.codeFor);
      await page.goto("/account/email");
      await askForCodes(page, "Электронная почта", email);
      await enterCodes(page, await server.codeFor(phone), await server.codeFor(email));
      await expect(page.getByText(`теперь ваш адрес почты — ${email}`)).toBeVisible();
      const telephone = await logInElsewhere(browser, server.url, phone, server.codeFor);
      const other = await logInElsewhere(browser, server.url, phone, server.codeFor);
      const askForDeletion = async (one: Page) => {
        await one.goto("/account/delete");
        await one.getByRole("button", { name: "Получить код для удаления" }).click();
        await one.getByLabel("Код из сообщения").fill(await server.codeFor(phone));
        await one.getByRole("button", { name: "Удалить навсегда" }).click();
      };
      await askForDeletion(telephone);
      await expect(telephone.getByText("Запрос принят")).toBeVisible();
      await askForDeletion(other);
      await expect(other.getByText("Запрос не принят: о том же уже попросили")).toBeVisible();
      await other.goto("/account/delete");
      await expect(other.getByText("О том же уже попросили с другого устройства")).toBeVisible();

      await telephone.getByRole("link", { name: "Не ждать" }).click();
      await expect(telephone.getByRole("heading", { name: "Удалить аккаунт сейчас" })).toBeVisible();
      await expect(telephone.getByText(/Этот аккаунт будет удалён завтра/)).toBeVisible();
      await telephone.getByRole("button", { name: "Отправить коды" }).click();
      const codes = { phone: await server.codeFor(phone), email: await server.codeFor(email) };
      await telephone.getByLabel(/Код, который пришёл на \+/).fill(codes.phone);
      await telephone.getByLabel(/Код, который пришёл на .+@/).fill(codes.email);
      await page.goto("/account");
      await page.getByRole("button", { name: "Отменить" }).click();
      await expect(page.getByText("Отменили")).toBeVisible();
      await telephone.getByRole("button", { name: "Удалить навсегда" }).click();
      await expect(
        telephone.getByText("Ничего не изменилось: запрос, который вы видели, больше не ждёт"),
      ).toBeVisible();
      for (const one of [telephone, other]) await one.context().close();
    });

    test("the reason why a code for a deletion is void or longer is shown at its field", async ({
      page,
      phone,
      sharedServer,
    }) => {
      const { url, codeFor } = await sharedServer(FEW_TRIES);
      await openProfile(page, phone, codeFor, url);
      await page.goto(`${url}/account/delete`);
      await page.getByRole("button", { name: "Получить код для удаления" }).click();
      const field = page.getByLabel("Код из сообщения");
      const typeWrong = async () => {
        await field.fill(wrongCode(await codeFor(phone)));
        await page.getByRole("button", { name: "Удалить навсегда" }).click();
      };
      await typeWrong();
      await expect(page.getByText("Код не подошёл")).toBeVisible();
      await field.fill("0000");
      await page.getByRole("button", { name: "Удалить навсегда" }).click();
      await expect(page.getByText("Попытки закончились, этот код больше не подойдёт.")).toBeVisible();
      await expect(field).toBeHidden();
      await page.getByRole("button", { name: "Запросить новый код" }).click();
      await typeWrong();
      await expect(page.getByText("коды теперь длиннее")).toBeVisible();
      await expect(field).toBeHidden();
      await page.getByRole("button", { name: "Запросить новый код" }).click();
      await expect(page.getByText("В коде 6 цифр — больше, чем обычно")).toBeVisible();
      expect(await codeFor(phone)).toHaveLength(6);
    });

    test("the reason why a code of a change is void or longer is shown at its field", async ({
      page,
      freshPhone,
      sharedServer,
    }) => {
      const { url, codeFor } = await sharedServer(FEW_TRIES);
      const [phone, next] = [freshPhone(), freshPhone()];
      await openProfile(page, phone, codeFor, url);
      await page.goto(`${url}/account/phone`);
      await askForCodes(page, "Новый номер телефона", next);
      let codes = [await codeFor(phone), await codeFor(next)] as const;
      await enterCodes(page, codes[0], wrongCode(codes[1]));
      await expect(page.getByText("Код не подошёл")).toBeVisible();
      await enterCodes(page, codes[0], wrongCode(codes[1]));
      await expect(page.getByText("Попытки закончились, этот код больше не подойдёт.")).toHaveCount(2);
      await page.getByRole("button", { name: "Запросить новые коды" }).click();
      codes = [await codeFor(phone), await codeFor(next)];
      await enterCodes(page, codes[0], wrongCode(codes[1]));
      const reason = page.locator("p", { hasText: "коды теперь длиннее" });
      await expect(reason).toHaveText(new RegExp(`${next.slice(-2)}Неверный`));
      await expect(page.getByRole("button", { name: "Подтвердить" })).toBeHidden();
      await page.getByRole("button", { name: "Запросить новые коды" }).click();
      await expect(page.getByText("В коде 6 цифр — больше, чем обычно")).toHaveCount(1);
      await enterCodes(page, await codeFor(phone), await codeFor(next));
      await expect(page.getByText("Готово: теперь вы входите по номеру")).toBeVisible();
    });
  });
}

test("the old mailbox and the new one get a notice of a change", async ({
  page,
  phone,
  mailServer: mail,
  mailingServer: server,
}) => {
  const [old, next] = [`old${phone.slice(1)}@example.com`, `next${phone.slice(1)}@example.com`];
  const codesTo = (email: string) =>
    mail.messagesTo(email).flatMap(({ headers }) => /^(\d{4}) /.exec(headers.subject ?? "")?.[1] ?? []);
  /** Returns the mailbox's code with that index. A mail may arrive after the page that announces it. */
  const codeIn = async (email: string, count = 1) => {
    await expect.poll(() => codesTo(email).length).toBe(count);
    return codesTo(email).at(-1) ?? "";
  };
  await page.goto(`${server.url}/login?by=email`);
  await page.getByLabel("Электронная почта").fill(old);
  await logIn(page, phone, async () => codeIn(old));
  await readInviteCode(page);
  await page.goto(`${server.url}/account/email`);
  await askForCodes(page, "Новый адрес почты", next);
  await enterCodes(page, await codeIn(old, 2), await codeIn(next));
  await expect(page.getByText(`теперь ваш адрес почты — ${next}`)).toBeVisible();
  for (const email of [old, next]) {
    await expect.poll(() => mail.messagesTo(email).at(-1)?.headers.subject).toMatch(/^Изменён адрес почты/);
  }
});

test("all data of an account can be downloaded as a file, and the download is recorded", async ({
  page,
  phone,
  codeFor,
}) => {
  const inviteCode = await openProfile(page, phone, codeFor);
  await page.goto("/account");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Скачать всё, что о вас хранится" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^sarafan-\d{4}-\d\d-\d\d\.json$/);
  const data = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(data).toMatchObject({ account: { phone, inviteCode }, sessions: [{ network: "127.0.0.1" }], referrals: [] });
  await page.getByRole("link", { name: "Что происходило с аккаунтом" }).click();
  await expect(page.getByRole("listitem")).toContainText([
    "Данные скачаны",
    "Вход: Chrome, Windows",
    "Вы создали аккаунт",
  ]);
});

test("an account's history has pages, also in English", async ({ browser, server, phone }) => {
  const own = await signInOften(browser, server.url, phone, server.codeFor);
  await own.goto("/account/history");
  await expect(own.getByRole("heading", { name: "What has happened to your account" })).toBeVisible();
  await expect(own.getByRole("listitem")).toHaveCount(20);
  await expect(own.getByRole("listitem").first()).toContainText("Session ended: Chrome, Windows");
  await own.getByRole("link", { name: "Earlier" }).click();
  await expect(own.getByRole("listitem").last()).toContainText("You created the account");
  await own.getByRole("link", { name: "Back to the newest" }).click();
  await expect(own.getByRole("listitem")).toHaveCount(20);
});

/** An account with more than one page of history, in English. */
async function signInOften(browser: Browser, url: string, phone: string, codeFor: CodeFor): Promise<Page> {
  const context = await browser.newContext({ baseURL: url, locale: "ru-RU" });
  const { page } = await signUp(context, phone, codeFor);
  for (let logins = 0; logins < 10; logins += 1) {
    await page.request.post("/api/enter_phone/", { data: { phone } });
    await page.request.post("/api/enter_code/", { data: { verification_code: await codeFor(phone) } });
  }
  await page.getByRole("button", { name: "English" }).click();
  await expect(page.getByRole("button", { name: "Log out" })).toBeVisible();
  return page;
}
