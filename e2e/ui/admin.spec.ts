import type { Page } from "playwright/test";
import { expect, test } from "../fixtures";
import { logIn, maskOf, openConsole, readInviteCode, signUp } from "./journeys";

const CONSOLE_PAGES = [
  "/admin",
  "/admin/enter",
  "/admin/people",
  "/admin/people?found=1",
  "/admin/people/1",
  "/admin/people/1/end-sessions",
  "/admin/people/1/no-such-act",
];

/**
 * What a person and a robot see of a page: its status, headers, title and texts, without the data for Next.js's script and without
 * the header `Link`, which React adds to pages that it renders at the request.
 */
async function readAnswer(page: Page, path: string) {
  const answer = await page.request.get(path, { maxRedirects: 0 });
  const { date, "x-request-id": _id, "content-security-policy": policy, link: _link, ...headers } = answer.headers();
  const html = (await answer.text()).replace(/<script[\s\S]*?<\/script>/g, "");
  const title = /<title>(.*?)<\/title>/.exec(html)?.[1];
  const isIndexed = !/<meta name="robots" content="noindex/.test(html);
  const texts = html.slice(html.indexOf("<body")).replace(/<[^>]+>/g, " ");
  return { status: answer.status(), headers, policy: policy?.replace(/nonce-[^']+/, "nonce"), title, isIndexed, texts };
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with a script" : "without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator finds a person by the last four digits and looks at the number, which the person sees", async ({
      browser,
      page,
      phone,
      codeFor,
      administratorPhone,
    }) => {
      const context = await browser.newContext({ javaScriptEnabled, locale: "ru-RU" });
      const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
      await openConsole(page, administratorPhone, codeFor);
      await expect(page).toHaveURL(/\/admin\/people$/);

      await page.getByLabel("Найти человека").fill("нет такого");
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page.getByText("Никого не нашлось")).toBeVisible();
      await page.getByLabel("Найти человека").fill(phone.slice(-4));
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page).toHaveURL(/\/admin\/people(\/\d+|\?found=[\d.]+)$/);
      await page.goto("/admin/people");
      await page.getByLabel("Найти человека").fill(inviteCode);
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page).toHaveURL(/\/admin\/people\/\d+$/);
      await expect(page.getByRole("heading", { level: 1 })).toContainText(maskOf(phone));

      await page.getByRole("button", { name: "показать целиком" }).click();
      await expect(page.getByText("Просмотр записан в журнал")).toBeVisible();
      const digits = (await page.getByRole("heading", { level: 1 }).textContent())?.replace(/\D/g, "");
      expect(`+${digits}`).toBe(phone);

      await personsPage.goto("/account/history");
      await expect(personsPage.getByText("Администратор посмотрел номер и почту целиком")).toBeVisible();
      await context.close();
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "acts with a script" : "acts without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator ends a person's sessions, lifts a wait, changes the mailbox and deletes the account, each with a reason", async ({
      browser,
      page,
      phone,
      codeFor,
      administratorPhone,
    }) => {
      const context = await browser.newContext({ javaScriptEnabled, locale: "ru-RU" });
      const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
      await openConsole(page, administratorPhone, codeFor, "/admin/people");
      await page.getByLabel("Найти человека").fill(inviteCode);
      await page.getByRole("button", { name: "Найти" }).click();
      await page.getByRole("link", { name: "Завершить сеансы" }).click();
      await page.getByRole("button", { name: "Завершить" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("телефон украден");
      await page.getByRole("button", { name: "Завершить" }).click();
      await expect(page.getByText("Сеансы завершены.")).toBeVisible();

      await personsPage.goto("/profile");
      await expect(personsPage).toHaveURL(/\/login/);
      await logIn(personsPage, phone, codeFor);
      await readInviteCode(personsPage);
      await personsPage.goto("/account/history");
      await expect(personsPage.getByText("Администратор завершил сеансы: 1 сеанс")).toBeVisible();
      await expect(personsPage.getByText("украден")).toHaveCount(0);

      const act = async (link: string, button: string, fill: () => Promise<void> = async () => {}) => {
        await page.getByRole("link", { name: link }).click();
        await fill();
        await page.getByLabel("Причина").fill("по просьбе человека");
        await page.getByRole("button", { name: button }).click();
      };
      await act("Снять ожидание", "Снять ожидание");
      await expect(page.getByText("Ожидание снято: код можно запросить сейчас.")).toBeVisible();
      await act("Изменить номер", "Изменить номер");
      await expect(page.getByText("У аккаунта должен остаться номер или почта.")).toBeVisible();
      await page.getByLabel("Новый номер").fill("не номер");
      await page.getByRole("button", { name: "Изменить номер" }).click();
      await expect(page.getByText("Это не номер телефона.")).toBeVisible();
      await expect(page.getByLabel("Новый номер")).toHaveValue("не номер");
      await expect(page.getByLabel("Причина")).toHaveValue("по просьбе человека");
      await page.getByRole("link", { name: "Назад, к человеку" }).click();
      await act("Изменить почту", "Изменить почту", () =>
        page.getByLabel("Новый адрес").fill(`${inviteCode.toLowerCase()}@mail.example`),
      );
      await expect(page.getByText("Почта изменена.")).toBeVisible();
      await act("Удалить", "Удалить навсегда");
      await expect(page.getByText("Аккаунт удалён.")).toBeVisible();
      await personsPage.goto("/profile");
      await expect(personsPage).toHaveURL(/\/login/);
      await context.close();
    });
  });
}

test("a stranger, a person who is logged in, and one who guesses find no console: each address answers as an unknown one", async ({
  page,
  phone,
  codeFor,
}) => {
  const unknown = await readAnswer(page, "/admin-of-another-product");
  for (const path of CONSOLE_PAGES) expect(await readAnswer(page, path), path).toEqual(unknown);
  await logIn(page, phone, codeFor);
  await readInviteCode(page);
  const whenLoggedIn = await readAnswer(page, "/admin-of-another-product");
  expect(whenLoggedIn.status).toBe(404);
  for (const path of CONSOLE_PAGES) expect(await readAnswer(page, path), path).toEqual(whenLoggedIn);
});

test("the code of a login opens no console, and neither does a session that logs in after the console was opened", async ({
  browser,
  page,
  codeFor,
  administratorPhone,
}) => {
  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  const context = await browser.newContext({ locale: "ru-RU" });
  const { page: other } = await signUp(context, administratorPhone, codeFor);
  await other.goto("/admin/people");
  await expect(other).toHaveURL(/\/admin\/enter\?next=%2Fadmin%2Fpeople$/);
  await expect(other.getByRole("navigation", { name: "Разделы панели" })).toHaveCount(0);
  await context.close();
});
