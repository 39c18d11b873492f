import { expect, test } from "../fixtures";

test("with the keyboard alone: from the first page to a copied link and the logout", async ({
  browser,
  phone,
  codeFor,
  server,
}) => {
  const context = await browser.newContext({
    baseURL: server.url,
    locale: "ru-RU",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const focused = page.locator(":focus");
  const tabTo = async (name: string | RegExp) => {
    const wanted = page.getByRole("button", { name }).or(page.getByRole("link", { name }));
    await expect(wanted.first()).toBeVisible();
    for (let presses = 0; presses < 25; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await wanted.and(focused).count()) > 0) {
        // The focus must be visible.
        const outline = await focused.evaluate((element) => getComputedStyle(element).outlineStyle);
        expect(outline).not.toBe("none");
        return;
      }
    }
    throw new Error(`Tab does not lead to ${name}`);
  };

  await page.goto("/");
  await page.keyboard.press("Tab");
  await expect(focused).toHaveText("К содержанию");
  await expect(focused).toBeInViewport();
  await tabTo("Войти по номеру");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Номер телефона")).toBeFocused();
  await page.keyboard.type(phone);
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Код из сообщения")).toBeFocused();
  await page.keyboard.type(await codeFor(phone));
  await expect(page).toHaveURL(/\/profile$/);
  await tabTo("Скопировать ссылку");
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Скопировано" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("/i/");
  await tabTo("Выйти");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: "Войти по номеру" })).toBeVisible();
});
