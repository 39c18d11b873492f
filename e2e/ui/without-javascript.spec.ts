import { expect, STRICT, test } from "../fixtures";
import { acceptInvitation, askForCode, enterCode, logIn, maskOf, readInviteCode, signUp, wrongCode } from "./journeys";

test.use({ javaScriptEnabled: false });

test("without JavaScript: an invitation from link to profile", async ({ browser, page, freshPhone, codeFor }) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const { page: annasPage, inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  await acceptInvitation(page, inviteCode);
  await logIn(page, boris, codeFor);
  await readInviteCode(page);
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(maskOf(anna));
  await annasPage.reload();
  await expect(annasPage.getByRole("listitem").filter({ hasText: maskOf(boris) })).toBeVisible();
});

test("without JavaScript: wrong input is reported, a reload is no second attempt, a new code can be requested", async ({
  page,
  sharedServer,
  phone,
}) => {
  const server = await sharedServer(STRICT);
  await page.goto(`${server.url}/login`);
  await page.getByLabel("Номер телефона").fill("12");
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByText("не похоже на номер")).toBeVisible();
  await expect(page.getByLabel("Номер телефона")).toHaveValue("12");

  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  await page.getByLabel("Код из сообщения").fill("12");
  await page.getByRole("button", { name: "Войти", exact: true }).click();
  await expect(page.getByText("В коде 6 цифр. Введите все.")).toBeVisible();
  await enterCode(page, wrongCode(code));
  await expect(page.getByText("осталось 2 попытки")).toBeVisible();
  await page.reload();
  await expect(page.getByText("осталось 2 попытки")).toBeVisible();

  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await expect(page.getByText(/Новый код можно запросить через (1:00|0:\d\d)/)).toBeVisible();
  await enterCode(page, code);
  await readInviteCode(page);
});

test("without JavaScript: pasted text is read as a person sees it, and codes are found in a whole message and link", async ({
  browser,
  page,
  phone,
  freshPhone,
  codeFor,
}) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await page.goto("/login");
  await askForCode(page, `\u202a${phone}\u202c`);
  const code = await codeFor(phone);
  await enterCode(page, wrongCode(code).repeat(2));
  await expect(page.getByText("Код не подошёл")).toBeVisible();
  await enterCode(page, `\u200b${code} — код для входа в «Сарафан».`);
  await readInviteCode(page);
  const shared = `Приглашаю вас в «Сарафан». Мой код — ${inviteCode}. https://sarafan.example/i/${inviteCode}.`;
  await page.getByLabel("Код приглашения", { exact: true }).fill(shared);
  await page.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await expect(page.getByRole("heading", { name: "Активировать этот код?" })).toBeVisible();
});

test("without JavaScript: the number is changed, the language is switched, the code is typed on the profile", async ({
  browser,
  page,
  freshPhone,
  codeFor,
}) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await page.goto("/login");
  await askForCode(page, freshPhone());
  await page.getByRole("link", { name: "Изменить номер" }).click();
  await logIn(page, freshPhone(), codeFor);
  await page.getByLabel("Код приглашения", { exact: true }).fill(inviteCode);
  await page.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await page.getByRole("button", { name: "English" }).click();
  await expect(page.getByRole("heading", { name: "Activate this code?" })).toBeVisible();
  await page.getByRole("button", { name: "Activate" }).click();
  await expect(page.getByRole("heading", { name: "Invited by" })).toBeVisible();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("link", { name: "Log in with your phone" })).toBeVisible();
});
