import type { Browser, BrowserContext, Page } from "playwright/test";
import { expect, test } from "../fixtures";
import { openProfile, signUp } from "./journeys";

type CodeFor = (to: string) => Promise<string>;

/** Logs a person in, in a browser without scripts, whose forms the test changes as an attacker would. */
async function arrive(browser: Browser, url: string, phone: string, codeFor: CodeFor): Promise<Page> {
  const context = await browser.newContext({ baseURL: url, javaScriptEnabled: false, locale: "ru-RU" });
  return (await signUp(context, phone, codeFor)).page;
}

/** Makes a form on the account's page name another session. */
async function nameSession(page: Page, button: string, id: string): Promise<void> {
  await page.goto("/account");
  const form = page.locator("form").filter({ has: page.getByRole("button", { name: button }) });
  await form
    .first()
    .locator("input[name=session]")
    .evaluate((input, value) => input.setAttribute("value", value), id);
  // The answer has the same address, so wait for its load.
  await Promise.all([page.waitForEvent("load"), form.first().getByRole("button", { name: button }).click()]);
}

/** The ids of the sessions that an account's page offers to end. */
async function sessionsOf(page: Page): Promise<string[]> {
  await page.goto("/account");
  const values = await page.locator("li input[name=session]").evaluateAll((inputs) => {
    return inputs.map((input) => input.getAttribute("value") ?? "");
  });
  return values;
}

async function isLoggedIn(page: Page): Promise<boolean> {
  await page.goto("/profile");
  return page.url().endsWith("/profile");
}

const cookieOf = async (context: BrowserContext, name: string) =>
  (await context.cookies()).filter((cookie) => cookie.name === name);

test("an account can't end another account's session, or learn whether it exists", async ({
  browser,
  freshPhone,
  server,
}) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const victim = await arrive(browser, server.url, anna, server.codeFor);
  const victims = await arrive(browser, server.url, anna, server.codeFor);
  const attacker = await arrive(browser, server.url, boris, server.codeFor);
  const attackers = await arrive(browser, server.url, boris, server.codeFor);
  const [victimsId = ""] = await sessionsOf(victim);
  const answers: string[] = [];
  for (const id of [victimsId, crypto.randomUUID(), "\u0000", ""]) {
    for (const button of ["Завершить сеанс", "Да, это я"]) {
      await nameSession(attacker, button, id);
      answers.push(
        `${button} ${new URL(attacker.url()).search} ${await attacker.getByRole("status").allTextContents()}`,
      );
    }
  }
  expect(new Set(answers).size).toBe(2);
  expect(await isLoggedIn(victims)).toBe(true);
  expect(await isLoggedIn(attackers)).toBe(true);
  await victim.goto("/profile");
  await expect(victim.getByText("Вход с нового устройства")).toBeVisible();
});

test("a new device can neither dismiss its own warning nor confirm another new device", async ({
  browser,
  phone,
  server,
}) => {
  const owner = await arrive(browser, server.url, phone, server.codeFor);
  const strangers = [
    await arrive(browser, server.url, phone, server.codeFor),
    await arrive(browser, server.url, phone, server.codeFor),
  ] as const;
  const ids = await sessionsOf(owner);
  expect(ids).toHaveLength(2);
  for (const stranger of strangers) {
    await stranger.goto("/account");
    await expect(stranger.getByRole("button", { name: "Да, это я" })).toBeHidden();
    await expect(stranger.getByText("Вход с нового устройства")).toHaveCount(1);
  }
  // A form for confirming, as the owner's page has it, sent by a stranger.
  await owner.goto("/account");
  const confirm = owner.getByRole("button", { name: "Да, это я" }).first();
  const action = (await confirm.getAttribute("name")) ?? "";
  for (const stranger of strangers) {
    for (const session of ids) {
      await stranger.request.post("/account", { multipart: { [action]: "", session }, maxRedirects: 0 });
    }
  }
  await owner.goto("/account");
  await expect(owner.getByText("Вход с нового устройства")).toHaveCount(2);
  // The same form works for its owner.
  await owner.request.post("/account", { multipart: { [action]: "", session: ids[0] ?? "" }, maxRedirects: 0 });
  await owner.goto("/account");
  await expect(owner.getByText("Вход с нового устройства")).toHaveCount(1);
});

test("a copied session cookie is invalid after the number was changed", async ({ browser, freshPhone, server }) => {
  const [phone, next] = [freshPhone(), freshPhone()];
  const owner = await arrive(browser, server.url, phone, server.codeFor);
  const elsewhere = await arrive(browser, server.url, phone, server.codeFor);
  const stolen = await cookieOf(elsewhere.context(), "sarafan-session");
  await owner.goto("/account/phone");
  await owner.getByLabel("Новый номер телефона").fill(next);
  await owner.getByRole("button", { name: "Отправить коды" }).click();
  const fields = owner.getByLabel(/Код, который пришёл на/);
  await fields.first().fill(await server.codeFor(phone));
  await fields.last().fill(await server.codeFor(next));
  await owner.getByRole("button", { name: "Подтвердить" }).click();
  await expect(owner.getByText("Готово: теперь вы входите по номеру")).toBeVisible();
  expect(await isLoggedIn(owner)).toBe(true);

  const thief = await browser.newContext({ baseURL: server.url });
  await thief.addCookies(stolen);
  expect(await isLoggedIn(await thief.newPage())).toBe(false);
});

test("a change that one session began can't be continued in another session with its cookie", async ({
  browser,
  freshPhone,
  server,
}) => {
  const phone = freshPhone();
  const owner = await arrive(browser, server.url, phone, server.codeFor);
  const other = await arrive(browser, server.url, phone, server.codeFor);
  await owner.goto("/account/phone");
  await owner.getByLabel("Новый номер телефона").fill(freshPhone());
  await owner.getByRole("button", { name: "Отправить коды" }).click();
  await expect(owner.getByLabel(/Код, который пришёл на/)).toHaveCount(2);
  await other.context().addCookies(await cookieOf(owner.context(), "sarafan-change"));
  await other.goto("/account/phone");
  await expect(other.getByLabel(/Код, который пришёл на/)).toHaveCount(0);
  await expect(other.getByLabel("Новый номер телефона")).toHaveValue("");
});

test("an export goes only to its account, and pages of other sites can't have it fetched", async ({
  browser,
  context,
  page,
  phone,
  server,
  newClient,
}) => {
  await openProfile(page, phone, server.codeFor);
  for (const site of ["cross-site", "same-site"]) {
    const answer = await context.request.get("/account/export", { headers: { "sec-fetch-site": site } });
    expect(answer.status(), site).toBe(403);
  }
  const stranger = await newClient();
  const refused = await stranger.get("/account/export");
  expect(refused.status()).toBe(401);
  expect(refused.headers()["www-authenticate"]).toBe("Bearer");
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const answer = await stranger.fetch("/account/export", { method });
    expect(answer.status(), method).toBe(405);
    expect(answer.headers().allow).toBe("GET, HEAD, OPTIONS");
  }
  const given = await context.request.get("/account/export");
  expect(given.headers()).toMatchObject({
    "cache-control": "private, no-store",
    "content-disposition": expect.stringMatching(/^attachment; filename="sarafan-[\d-]+\.json"$/),
  });
  expect((await given.json()).account.phone).toBe(phone);
  // Without a session the page is refused like the API, but leads to the login.
  const signedOut = await (await browser.newContext({ baseURL: server.url })).newPage();
  for (const path of ["/account", "/account/phone", "/account/email", "/account/history", "/account/delete"]) {
    await signedOut.goto(path);
    await expect(signedOut, path).toHaveURL(`${server.url}/login?next=${encodeURIComponent(path)}`);
  }
});
