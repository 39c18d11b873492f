import type { Page } from "playwright/test";
import { expect, test } from "../fixtures";
import { askForCode, enterCode, inAnyGroups, openConsole, readInviteCode } from "./journeys";

const NEW = "/admin/test-numbers/new";

/** Makes a test number in the open console, and returns the code that the form proposes. */
async function makeNumber(page: Page, phone: string): Promise<string> {
  await page.goto(NEW);
  await page.getByLabel("Номер", { exact: true }).fill(phone);
  const code = await page.getByLabel("Постоянный код").inputValue();
  await page.getByLabel("Для чего номер").fill("Магазин приложений");
  await page.getByLabel("Причина").fill("проверка приложения");
  await page.getByRole("button", { name: "Завести" }).click();
  await expect(page.getByText("Тестовый номер заведён")).toBeVisible();
  return code;
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with a script" : "without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator makes a test number, a reviewer logs in with its code, and the account ends with the number", async ({
      browser,
      page,
      phone,
      codeFor,
      server,
      administratorPhone,
    }) => {
      await openConsole(page, administratorPhone, codeFor, NEW);
      await page.goto(NEW);
      await page.getByLabel("Постоянный код").fill("123456");
      await page.getByRole("button", { name: "Завести" }).click();
      await expect(page.getByText("Такой код угадывают первым")).toBeVisible();
      await expect(page.getByText("Это не номер телефона")).toBeVisible();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      const code = await makeNumber(page, phone);
      const row = page
        .getByRole("row")
        .filter({ hasText: "Магазин приложений" })
        .filter({ hasText: inAnyGroups(phone) });
      await expect(row.getByText("ещё не входили")).toBeVisible();
      await expect(page.getByText(code)).toHaveCount(0);

      const reviewer = await (await browser.newContext({ javaScriptEnabled, locale: "ru-RU" })).newPage();
      await reviewer.goto(`${server.url}/login`);
      await askForCode(reviewer, phone);
      await enterCode(reviewer, code);
      await readInviteCode(reviewer);
      expect(server.codesFor(phone)).toEqual([]);
      await reviewer.goto(`${server.url}/account/email`);
      await reviewer.getByLabel(/почт/i).fill("reviewer@example.com");
      await reviewer.getByRole("button", { name: "Отправить коды" }).click();
      await expect(reviewer.getByText("Это аккаунт тестового номера")).toBeVisible();

      await page.goto("/admin/test-numbers");
      await row.getByRole("link", { name: /^\d+$/ }).click();
      await expect(page.getByText("Это аккаунт тестового номера")).toBeVisible();
      await expect(page.getByText("Вошёл по коду тестового номера")).toBeVisible();
      await expect(page.getByText("действует постоянный код, сообщение не отправлялось").first()).toBeVisible();
      await page.goto("/admin/people?only=test");
      await expect(page.getByText("тестовый номер", { exact: true }).first()).toBeVisible();

      await page.goto("/admin/test-numbers");
      await row.getByRole("link", { name: /Отключить/ }).click();
      await page.getByRole("button", { name: "Отключить" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("проверка закончена");
      await page.getByRole("button", { name: "Отключить" }).click();
      await expect(page.getByText("Тестовый номер отключён")).toBeVisible();
      await expect(row).toHaveCount(0);
      await reviewer.goto(`${server.url}/profile`);
      await expect(reviewer).toHaveURL(/\/login/);
      await reviewer.context().close();
    });
  });
}

test("the fixed code logs in through each API, as often as it is typed, and no message is sent", async ({
  page,
  phone,
  codeFor,
  newClient,
  server,
  administratorPhone,
}) => {
  await openConsole(page, administratorPhone, codeFor, NEW);
  const code = await makeNumber(page, phone);
  const [v1, enter, bearer, verification] = [
    await newClient(),
    await newClient(),
    await newClient(),
    await newClient(),
  ];
  const post = async (client: typeof v1, path: string, data: object) => {
    const answer = await client.post(path, { data });
    expect(answer.ok(), `${path} ${answer.status()} ${await answer.text()}`).toBe(true);
    return answer;
  };
  // This API only makes accounts.
  await post(verification, "/api/verification_phone/send_code", { phone_number: phone });
  await post(verification, "/api/verification_phone/invite_code", { phone_number: phone, code });
  await post(v1, "/api/v1/login/", { phone_number: phone });
  await post(v1, "/api/v1/create_user/", { verification_code: code });
  await post(v1, "/api/v1/auth_user/", {});
  const profile = await v1.get(`/api/v1/user_profile/${phone}/`);
  const { invite_code: inviteCode } = await profile.json();
  expect(inviteCode).toMatch(/^[0-9A-Z]{6}$/);
  await post(enter, "/api/enter_phone/", { phone });
  await post(enter, "/api/enter_code/", { verification_code: code });
  const asked = await post(bearer, "/api/auth/request_code/", { phone });
  expect(asked.headers()["sarafan-code-length"]).toBe("8");
  const wrong = await bearer.post("/api/auth/verify_code/", { data: { phone, code: "00000001" } });
  expect(wrong.ok()).toBe(false);
  const tokens = await (await post(bearer, "/api/auth/verify_code/", { phone, code })).json();
  expect(tokens.invite_code).toBe(inviteCode);
  const users = await newClient({ headers: { authorization: `Bearer ${tokens.access}` } });
  expect((await users.get("/api/profile/")).ok()).toBe(true);
  expect(server.codesFor(phone)).toEqual([]);
});
