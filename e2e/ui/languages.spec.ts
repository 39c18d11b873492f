import { expect, test } from "../fixtures";

for (const { locale, lang, title } of [
  { locale: "ru-RU", lang: "ru", title: "Войти по номеру телефона" },
  { locale: "en-GB", lang: "en", title: "Log in with your phone number" },
  { locale: "de-DE", lang: "en", title: "Log in with your phone number" },
]) {
  test(`a browser that prefers ${locale} gets pages in ${lang}`, async ({ browser, baseURL }) => {
    const page = await (await browser.newContext({ locale, baseURL: baseURL ?? "" })).newPage();
    await page.goto("/login");
    await expect(page.locator("html")).toHaveAttribute("lang", lang);
    await expect(page.getByRole("heading", { name: title })).toBeVisible();
    await expect(page).toHaveTitle(new RegExp(title));
  });
}

test("the language can be switched, stays switched, and the page stays the same", async ({ page }) => {
  await page.goto("/i/ZZZZ99");
  await page.getByRole("button", { name: "English" }).click();
  await expect(page.getByRole("heading", { name: "There’s no such code" })).toBeVisible();
  await expect(page).toHaveURL(/\/i\/ZZZZ99$/);
  await page.goto("/login");
  await expect(page.getByRole("heading", { name: "Log in with your phone number" })).toBeVisible();
  await page.getByRole("button", { name: "Русский" }).click();
  await expect(page.getByRole("heading", { name: "Войти по номеру телефона" })).toBeVisible();
});

test("a whole login in English", async ({ browser, baseURL, phone, codeFor }) => {
  const page = await (await browser.newContext({ locale: "en-US", baseURL: baseURL ?? "" })).newPage();
  await page.goto("/");
  await page.getByRole("link", { name: "Log in with your phone" }).click();
  await page.getByLabel("Phone number").fill(phone);
  await page.getByRole("button", { name: "Get a code" }).click();
  await page.getByLabel("Code from the message").fill(await codeFor(phone));
  await expect(page.getByRole("heading", { name: "No one has joined with your code yet" })).toBeVisible();
});

test("switching the language loses neither what is being typed nor the focus", async ({ page }) => {
  await page.goto("/login");
  await page.getByLabel("Номер телефона").fill("+7 945 12");
  const english = page.getByRole("button", { name: "English" });
  await english.click();
  await expect(page.getByLabel("Phone number")).toHaveValue("+7 945 12");
  await expect(english).toBeFocused();
});
