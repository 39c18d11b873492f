import { expect, test } from "../fixtures";
import { acceptInvitation, askForCode, enterCode, logIn, readInviteCode, signUp, wrongCode } from "./journeys";

for (const javaScriptEnabled of [true, false]) {
  test(`the login leads where a person wanted to go, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({
    browser,
    freshPhone,
    codeFor,
    server,
  }) => {
    const phone = freshPhone();
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const page = await context.newPage();
    const addresses: string[] = [];
    page.on("request", (request) => addresses.push(request.url()));
    await page.goto("/account/history");
    await expect(page).toHaveURL(/\/login\?next=%2Faccount%2Fhistory$/);
    await page.getByRole("link", { name: "Войти по почте" }).click();
    await page.getByRole("link", { name: "Войти по номеру" }).click();
    await expect(page.getByRole("link", { name: "Войти по почте" })).toBeVisible();
    await page.getByLabel("Номер телефона").fill("12");
    await page.getByRole("button", { name: "Получить код" }).click();
    await expect(page.getByText("не похоже на номер")).toBeVisible();
    await askForCode(page, freshPhone());
    await page.getByRole("link", { name: "Изменить номер" }).click();
    await expect(page.getByRole("link", { name: "Войти по почте" })).toBeVisible();
    await askForCode(page, phone);
    const code = await codeFor(phone);
    await enterCode(page, wrongCode(code));
    await expect(page.getByText("осталось")).toBeVisible();
    await enterCode(page, code);
    await expect(page).toHaveURL(/\/account\/history$/);
    for (const address of addresses) expect(address).not.toContain(phone.slice(1));

    // A logged-in browser goes there directly. A login that begins again forgets that page.
    await page.goto("/login?next=/account");
    await expect(page).toHaveURL(/\/account$/);
    await context.clearCookies({ name: "sarafan-session" });
    const other = freshPhone();
    await page.goto("/login");
    await logIn(page, other, codeFor);
    await expect(page).toHaveURL(/\/profile$/);
  });
}

test("a form of an ended session leads to the login, and from there back to its page", async ({
  browser,
  context,
  page,
  phone,
  codeFor,
  server,
}) => {
  await signUp(context, phone, codeFor);
  const other = await (await browser.newContext({ baseURL: server.url })).newPage();
  await logIn(other, phone, codeFor);
  await readInviteCode(other);
  await page.goto("/account");
  await context.clearCookies({ name: "sarafan-session" });
  await page.getByRole("button", { name: "Завершить все остальные сеансы" }).click();
  await expect(page).toHaveURL(/\/login\?next=%2Faccount$/);
  await logIn(page, phone, codeFor);
  await expect(page).toHaveURL(/\/account$/);
});

test("an invitation that was accepted comes before the page that was wanted", async ({
  browser,
  page,
  freshPhone,
  codeFor,
  server,
}) => {
  const phone = freshPhone();
  const { inviteCode } = await signUp(await browser.newContext({ baseURL: server.url }), freshPhone(), codeFor);
  await signUp(await browser.newContext({ baseURL: server.url }), phone, codeFor);
  await acceptInvitation(page, inviteCode);
  await page.goto("/account");
  await logIn(page, phone, codeFor);
  await expect(page).toHaveURL(new RegExp(`/i/${inviteCode}$`));
});

test("two tabs of one browser return to two pages", async ({ context, page, phone, codeFor }) => {
  const other = await context.newPage();
  await page.goto("/login?next=/account/history");
  await other.goto("/login?next=/account/email");
  await askForCode(page, phone);
  await other.reload();
  await expect(other.getByLabel("Код из сообщения")).toBeVisible();
  // Without JavaScript each wrong code and each new code load the page again, so the tab has to find its page in the address.
  await page.reload();
  const code = await codeFor(phone);
  await enterCode(page, wrongCode(code));
  await expect(page.getByText("осталось")).toBeVisible();
  await other.reload();
  await enterCode(page, code);
  await expect(page).toHaveURL(/\/account\/history$/);
  await other.reload();
  await expect(other).toHaveURL(/\/account\/email$/);
});

test("no address and no form makes the login lead to another site", async ({
  browser,
  freshPhone,
  codeFor,
  server,
}) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: server.url });
  for (const next of ["//evil.example", "https://evil.example/account", "/\\evil.example", "/account%0d%0aX: y"]) {
    const page = await context.newPage();
    const phone = freshPhone();
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await expect(page.locator("input[name=next]")).toHaveCount(0);
    await page.goto("/login?next=/account");
    await askForCode(page, phone);
    const fields = page.locator("input[name=next]");
    await expect(fields).not.toHaveCount(0);
    for (const field of await fields.all()) {
      await field.evaluate((input, value) => input.setAttribute("value", value), next);
    }
    await enterCode(page, await codeFor(phone));
    await expect(page, next).toHaveURL(`${server.url}/profile`);
    await context.clearCookies();
    await page.close();
  }
});
