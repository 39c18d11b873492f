import type { Page } from "playwright/test";
import { expect, STRICT, test } from "../fixtures";
import { askForMailCode, enterCode, logIn, logOut, maskOf, readInviteCode, signUp, wrongCode } from "./journeys";

const emailOf = (phone: string) => `person${phone.slice(1)}@example.com`;

/** Types both codes and sends them. */
async function enterProofCodes(page: Page, { email, phone }: { email: string; phone: string }) {
  await page.getByLabel(/Код, который пришёл на .+@/).fill(email);
  await page.getByLabel(/Код, который пришёл на \+/).fill(phone);
  await page.getByRole("button", { name: "Подтвердить" }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a person logs in by mail, and then proves the phone", async ({ page, phone, codeFor }) => {
      const email = emailOf(phone);
      await page.goto("/login");
      await page.getByRole("link", { name: "Войти по почте" }).click();
      await expect(page.getByRole("heading", { name: "Войти по почте" })).toBeVisible();
      await askForMailCode(page, { email, phone });
      await expect(page.getByText(`Отправили на ${email}.`)).toBeVisible();
      const code = await codeFor(email);
      await enterCode(page, wrongCode(code));
      await expect(page.getByText("Код не подошёл")).toBeVisible();
      await enterCode(page, code);
      const inviteCode = await readInviteCode(page);
      await expect(page.getByText(`Вы вошли как ${email}.`)).toBeVisible();

      await page.getByRole("link", { name: "Подтвердить номер" }).click();
      await page.getByRole("button", { name: "Отправить коды" }).click();
      await expect(page.getByLabel(/Код, который пришёл на .+@/)).toBeVisible();
      const codes = { email: await codeFor(email), phone: await codeFor(phone) };
      await enterProofCodes(page, { ...codes, phone: wrongCode(codes.phone) });
      await expect(page.getByText("Код не подошёл. Сверьте его с тем, что вам пришло.")).toHaveCount(1);
      await enterProofCodes(page, codes);
      await expect(page.getByText("Готово: теперь вы входите по номеру")).toBeVisible();
      await page.getByRole("link", { name: "В профиль" }).click();
      await logOut(page);

      await page.goto("/login?by=phone");
      await logIn(page, phone, codeFor);
      expect(await readInviteCode(page)).toBe(inviteCode);
    });

    test("a phone that has an account is reported as taken only after both codes", async ({
      browser,
      page,
      phone,
      codeFor,
    }) => {
      const owner = await signUp(await browser.newContext(), phone, codeFor);
      const email = emailOf(phone);
      await page.goto("/login?by=email");
      await askForMailCode(page, { email, phone });
      await enterCode(page, await codeFor(email));
      expect(await readInviteCode(page)).not.toBe(owner.inviteCode);
      await page.goto("/account/phone");
      await page.getByRole("button", { name: "Отправить коды" }).click();
      await expect(page.getByLabel(/Код, который пришёл на .+@/)).toBeVisible();
      const codes = { email: await codeFor(email), phone: await codeFor(phone) };
      await enterProofCodes(page, { ...codes, email: wrongCode(codes.email) });
      await expect(page.getByText("Код не подошёл. Сверьте его с тем, что вам пришло.")).toBeVisible();
      await enterProofCodes(page, codes);
      await expect(page.getByText("Этот номер уже принадлежит другому аккаунту")).toBeVisible();
      await owner.page.reload();
      await expect(owner.page.getByText(owner.inviteCode).first()).toBeVisible();
    });

    test("after an API has verified a code, the page shows a button to log in", async ({ page, phone, codeFor }) => {
      await page.request.post("/api/v1/login/", { form: { phone_number: phone } });
      const form = { verification_code: await codeFor(phone) };
      const headers = { accept: "text/html" };
      await page.request.post("/api/v1/create_user/", { form, headers, maxRedirects: 0 });
      await page.goto("/login?step=code");
      await expect(page.getByRole("heading", { name: "Код подошёл" })).toBeVisible();
      await page.getByRole("button", { name: "Войти", exact: true }).click();
      await readInviteCode(page);
      await page.goto("/login?step=code");
      await expect(page).toHaveURL(/\/profile$/);
    });
  });
}

test("an account by mail is shown by a masked mailbox, to its inviter and its invitees", async ({
  browser,
  page,
  freshPhone,
  codeFor,
}) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const { page: annasPage, inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  await page.goto(`/i/${inviteCode}`);
  await page.getByRole("button", { name: "Принять приглашение" }).click();
  await page.getByRole("link", { name: "Войти по почте" }).click();
  await askForMailCode(page, { email: emailOf(boris), phone: boris });
  await enterCode(page, await codeFor(emailOf(boris)));
  const borisCode = await readInviteCode(page);
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(maskOf(anna));

  await annasPage.goto("/profile?numbers=shown");
  await expect(annasPage.getByRole("listitem").filter({ hasText: "p···@example.com" })).toBeVisible();
  await expect(annasPage.getByText(boris)).toBeHidden();
  const strangersPage = await (await browser.newContext()).newPage();
  await strangersPage.goto(new URL(`/i/${borisCode}`, page.url()).href);
  await expect(strangersPage.getByRole("heading", { name: "приглашает вас" })).toContainText("p···@example.com");
});

test("where no mail can be sent, no page asks for a mailbox", async ({ page, sharedServer }) => {
  const server = await sharedServer(STRICT);
  await page.goto(`${server.url}/login?by=email`);
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await expect(page.getByLabel("Электронная почта")).toBeHidden();
  await expect(page.getByRole("link", { name: "Войти по почте" })).toBeHidden();
});
