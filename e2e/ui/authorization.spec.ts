import { decodeJwt } from "jose";
import type { Page } from "playwright/test";
import { expectAnswer, runClientCommand, test } from "../applications";
import { expect } from "../fixtures";
import { askForCode, enterCode, logIn, maskOf } from "./journeys";

const allow = (page: Page) => page.getByRole("button", { name: "Разрешить", exact: true }).click();

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`a new person logs in to an application and allows it, ${how}, and the next time sees no page of ours`, async ({
    browser,
    server,
    phone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house");
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    const visited: string[] = [];
    page.on("request", (request) => visited.push(request.url()));
    await page.goto(tea.begin({ state: "first" }).address);
    await expect(page).toHaveURL(/\/login\?/);
    await logIn(page, phone, codeFor);
    await expect(page.getByRole("heading", { name: "Вход в приложение «Tea house»" })).toBeVisible();
    await expect(page.getByText("ваш номер телефона")).toBeVisible();
    await expect(page.getByText(maskOf(phone))).toBeVisible();
    await allow(page);
    const answer = await expectAnswer(page, tea);
    expect(answer.get("state")).toBe("first");
    expect(answer.get("iss")).toBe(server.url);
    expect(answer.get("code")).toMatch(/^[\w-]{43}$/);
    expect(tea.answers).toHaveLength(1);

    await page.goto(tea.begin({ state: "second" }).address);
    expect((await expectAnswer(page, tea)).get("state")).toBe("second");
    expect(tea.answers).toHaveLength(2);
    for (const address of visited) expect(address).not.toContain(phone.slice(1));
    for (const address of visited.filter((one) => one.startsWith(server.url))) expect(address).not.toContain("code=");
  });

  test(`a person of the operator's own application is not asked for consent, ${how}`, async ({
    browser,
    server,
    phone,
    codeFor,
    newApplication,
  }) => {
    const shop = await newApplication("Own shop", { isFirstParty: true });
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await page.goto(shop.begin().address);
    await logIn(page, phone, codeFor);
    expect((await expectAnswer(page, shop)).get("code")).toMatch(/./);
    // The login didn't load the step after it more than once.
    expect(shop.answers).toHaveLength(1);
  });

  test(`a person who doesn't allow an application goes back to it without a code, ${how}`, async ({
    browser,
    server,
    phone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house");
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await page.goto(tea.begin({ state: "kept" }).address);
    await logIn(page, phone, codeFor);
    await page.getByRole("button", { name: "Не разрешать" }).click();
    const answer = await expectAnswer(page, tea);
    expect([answer.get("error"), answer.get("state"), answer.get("code")]).toEqual(["access_denied", "kept", null]);
    await page.goto(tea.begin({ prompt: "none" }).address);
    expect((await expectAnswer(page, tea)).get("error")).toBe("consent_required");
  });

  test(`requests in two tabs don't mix, ${how}`, async ({ browser, server, phone, codeFor, newApplication }) => {
    const [tea, shop] = [await newApplication("Tea house"), await newApplication("Book shop")];
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(tea.begin({ state: "of tea" }).address);
    await second.goto(shop.begin({ state: "of books", scope: "openid" }).address);
    await logIn(first, phone, codeFor);
    await expect(first.getByRole("heading", { name: "Вход в приложение «Tea house»" })).toBeVisible();
    // The other tab has a login of the same browser by now.
    await second.reload();
    await expect(second.getByRole("heading", { name: "Вход в приложение «Book shop»" })).toBeVisible();
    await expect(second.getByText("ваш номер телефона")).toBeHidden();
    await allow(second);
    expect((await expectAnswer(second, shop)).get("state")).toBe("of books");
    await allow(first);
    expect((await expectAnswer(first, tea)).get("state")).toBe("of tea");
    expect([tea.answers.length, shop.answers.length]).toEqual([1, 1]);
  });

  test(`a consent is given by the account that the page has shown, ${how}`, async ({
    browser,
    server,
    freshPhone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house");
    const [anna, boris] = [freshPhone(), freshPhone()];
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const [page, other] = [await context.newPage(), await context.newPage()];
    await page.goto(tea.begin().address);
    await logIn(page, anna, codeFor);
    await expect(page.getByText(maskOf(anna))).toBeVisible();
    // Another account is used in the second tab, by the link of the same page.
    await other.goto(page.url());
    await other.getByRole("button", { name: "Войти с другим аккаунтом" }).click();
    await expect(other).toHaveURL(/\/login\?/);
    await logIn(other, boris, codeFor);
    await expect(other.getByText(maskOf(boris))).toBeVisible();
    await allow(page);
    await expect(page.getByText(maskOf(boris))).toBeVisible();
    expect(tea.answers).toHaveLength(0);
    await allow(page);
    expect((await expectAnswer(page, tea)).get("code")).toMatch(/./);
  });

  test(`a person who refuses gives no code, also after another tab has allowed the application, ${how}`, async ({
    browser,
    server,
    phone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house");
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const [page, other] = [await context.newPage(), await context.newPage()];
    await page.goto(tea.begin({ state: "refused" }).address);
    await logIn(page, phone, codeFor);
    await expect(page.getByRole("button", { name: "Не разрешать" })).toBeVisible();
    await other.goto(tea.begin({ state: "allowed" }).address);
    await allow(other);
    await expectAnswer(other, tea);
    await page.getByRole("button", { name: "Не разрешать" }).click();
    const answer = await expectAnswer(page, tea);
    expect([answer.get("state"), answer.get("error"), answer.get("code")]).toEqual(["refused", "access_denied", null]);
  });

  test(`a second press of the button leads to the application, too, ${how}`, async ({
    browser,
    server,
    phone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house");
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const [page, copy] = [await context.newPage(), await context.newPage()];
    await page.goto(tea.begin().address);
    await logIn(page, phone, codeFor);
    await expect(page.getByRole("button", { name: "Не разрешать" })).toBeVisible();
    // The copy sends the form a second time, with the cookie of the first answer.
    await copy.goto(page.url());
    await allow(page);
    await expectAnswer(page, tea);
    await allow(copy);
    await expect(copy).toHaveURL((url) => url.href.startsWith(tea.redirectUri));
  });
}

test("a request asks for a new login once, and the person may be another one", async ({
  page,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const shop = await newApplication("Own shop", { isFirstParty: true });
  const phone = freshPhone();
  await page.goto(shop.begin().address);
  await logIn(page, phone, codeFor);
  await expectAnswer(page, shop);
  for (const demand of [{ prompt: "login" }, { max_age: "0" }]) {
    await page.goto(shop.begin({ ...demand, state: JSON.stringify(demand) }).address);
    await expect(page).toHaveURL(/\/login\?/);
    await logIn(page, phone, codeFor);
    expect((await expectAnswer(page, shop)).get("state")).toBe(JSON.stringify(demand));
  }
});

test("a repeated login for one application keeps the tokens of another", async ({
  page,
  server,
  phone,
  codeFor,
  newApplication,
}) => {
  const shop = await newApplication("Book shop", { isFirstParty: true, scopes: ["openid", "offline_access"] });
  const tea = await newApplication("Tea house", { isFirstParty: true });
  const call = async (form: Record<string, string>) => {
    const client = { client_id: shop.clientId, client_secret: shop.clientSecret ?? "" };
    const body = new URLSearchParams({ ...client, ...form });
    const answer = await fetch(`${server.url}/oauth/token`, { method: "POST", body });
    expect(answer.status).toBe(200);
    const { refresh_token, id_token } = await answer.json();
    return { refresh_token: String(refresh_token), sid: decodeJwt(id_token).sid };
  };
  const { address, verifier } = shop.begin({ scope: "openid offline_access" });
  await page.goto(address);
  await logIn(page, phone, codeFor);
  const code = (await expectAnswer(page, shop)).get("code") ?? "";
  const exchange = { grant_type: "authorization_code", code, redirect_uri: shop.redirectUri, code_verifier: verifier };
  const { refresh_token, sid } = await call(exchange);
  await page.goto(tea.begin({ prompt: "login" }).address);
  await logIn(page, phone, codeFor);
  await expectAnswer(page, tea);
  expect((await call({ grant_type: "refresh_token", refresh_token })).sid).toBe(sid);
});

test("an application that was disabled while the person logged in gets no answer", async ({
  page,
  server,
  phone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house");
  await page.goto(tea.begin().address);
  await askForCode(page, phone);
  await runClientCommand(server, ["disable", tea.clientId]);
  await enterCode(page, await codeFor(phone));
  await expect(page.getByRole("heading", { name: "Этот вход нельзя продолжить" })).toBeVisible();
  expect(tea.answers).toHaveLength(0);
});

test("the pages of a login are in the language that the application asks for, unless the person has chosen one", async ({
  page,
  newApplication,
}) => {
  const tea = await newApplication("Tea house");
  await page.goto(tea.begin({ ui_locales: "fr en-GB" }).address);
  await expect(page.getByLabel("Phone number")).toBeVisible();
  await page.getByRole("button", { name: /Русский|RU/ }).click();
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await page.goto(tea.begin({ ui_locales: "en" }).address);
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
});

test("a browser that begins many logins keeps the last ones, and our pages still open", async ({
  page,
  newApplication,
}) => {
  const tea = await newApplication("Tea house");
  const addresses: string[] = [];
  for (let begun = 0; begun < 12; begun += 1) {
    await page.goto(tea.begin({ state: "s".repeat(1000), nonce: "n".repeat(250) }).address);
    addresses.push(new URL(page.url()).searchParams.get("next") ?? "");
  }
  await page.goto(addresses.at(-1) ?? "");
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await page.goto(addresses[0] ?? "");
  await expect(page.getByRole("heading", { name: "Этот вход нельзя продолжить" })).toBeVisible();
});

test("a request without a known application or address leads to a page of ours, and never to the address in it", async ({
  page,
  newApplication,
}) => {
  const tea = await newApplication("Tea house");
  for (const [wrong, reason] of [
    [{ redirect_uri: "https://evil.example/callback" }, "redirect_uri_unknown"],
    [{ client_id: "0".repeat(24) }, "client_unknown"],
  ] as const) {
    const response = await page.goto(tea.begin(wrong).address);
    expect(response?.status()).toBe(400);
    await expect(page.getByRole("heading", { name: "Не получилось начать вход" })).toBeVisible();
    await expect(page.getByText(reason)).toBeVisible();
  }
});
