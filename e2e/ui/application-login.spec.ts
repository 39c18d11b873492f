import type { BrowserContext, Page } from "playwright/test";
import { expectAnswer, runClientCommand, test } from "../applications";
import { withDatabase } from "../databases";
import { expect } from "../fixtures";
import { acceptInvitation, askForCode, enterCode, logIn, maskOf, readInviteCode, signUp } from "./journeys";

const REFERRAL = { isFirstParty: true, scopes: ["openid", "phone", "referral"] };

/** The person was invited by this phone's owner, as the profile shows it. */
async function expectInvitedBy(page: Page, phone: string, url: string): Promise<void> {
  await page.goto(`${url}/profile`);
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(maskOf(phone));
}

const invitationOf = (page: Page, phone: string) => page.getByText(`Вас приглашает ${maskOf(phone)}`);
const drop = (page: Page) => page.getByRole("button", { name: "Войти без приглашения" }).click();

/** Signs up a person who invites others. */
async function newInviter(context: BrowserContext, phone: string, codeFor: (to: string) => Promise<string>) {
  return { phone, inviteCode: (await signUp(context, phone, codeFor)).inviteCode };
}

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`a new person comes from an application with an invitation, which their account activates, ${how}`, async ({
    browser,
    server,
    freshPhone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house", REFERRAL);
    const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
    const boris = freshPhone();
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    const visited: string[] = [];
    page.on("request", (request) => visited.push(request.url()));
    await page.goto(tea.begin({ invite: anna.inviteCode.toLowerCase() }).address);
    await expect(page).toHaveTitle(/Войдите, чтобы продолжить в приложении «Tea house»/);
    await expect(
      page.getByRole("heading", { name: "Войдите, чтобы продолжить в приложении «Tea house»" }),
    ).toBeVisible();
    await expect(invitationOf(page, anna.phone)).toBeVisible();
    await expect(page.getByText(`Новый аккаунт сразу активирует код ${anna.inviteCode}`)).toBeVisible();
    await askForCode(page, freshPhone());
    await expect(invitationOf(page, anna.phone)).toBeVisible();
    await page.getByRole("link", { name: "Изменить номер" }).click();
    await askForCode(page, boris);
    await enterCode(page, await codeFor(boris));
    await expectAnswer(page, tea);
    expect(tea.answers).toHaveLength(1);
    await expectInvitedBy(page, anna.phone, server.url);
    for (const address of visited) expect(address).not.toContain(boris.slice(1));
  });

  test(`an invitation of an application can be refused, and an existing account goes on without a question, ${how}`, async ({
    browser,
    server,
    freshPhone,
    codeFor,
    newApplication,
  }) => {
    const tea = await newApplication("Tea house", REFERRAL);
    const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
    const boris = freshPhone();
    const address = () => tea.begin({ invite: anna.inviteCode }).address;
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await page.goto(address());
    await drop(page);
    await expect(invitationOf(page, anna.phone)).toBeHidden();
    await logIn(page, boris, codeFor);
    await expectAnswer(page, tea);
    await page.goto(`${server.url}/profile`);
    await expect(page.getByRole("heading", { name: "Кто вас пригласил?" })).toBeVisible();

    const other = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await other.goto(address());
    await expect(invitationOf(other, anna.phone)).toBeVisible();
    await logIn(other, boris, codeFor);
    await expectAnswer(other, tea);
    await other.goto(`${server.url}/profile`);
    await expect(other.getByRole("heading", { name: "Кто вас пригласил?" })).toBeVisible();
  });

  test(`two tabs with two invitations keep them apart, ${how}`, async ({
    browser,
    server,
    freshPhone,
    codeFor,
    newApplication,
  }) => {
    const [tea, shop] = [await newApplication("Tea house", REFERRAL), await newApplication("Book shop", REFERRAL)];
    const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
    const vera = await newInviter(await browser.newContext(), freshPhone(), codeFor);
    const phone = freshPhone();
    const context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(tea.begin({ invite: anna.inviteCode }).address);
    await second.goto(shop.begin({ invite: vera.inviteCode }).address);
    await askForCode(second, phone);
    await expect(invitationOf(second, vera.phone)).toBeVisible();
    await first.reload();
    await expect(invitationOf(first, anna.phone)).toBeVisible();
    await drop(first);
    await expect(invitationOf(first, anna.phone)).toBeHidden();
    await second.reload();
    await expect(invitationOf(second, vera.phone)).toBeVisible();
    await first.reload();
    await expect(invitationOf(first, anna.phone)).toBeHidden();
    await enterCode(second, await codeFor(phone));
    await expectAnswer(second, shop);
    // The other tab has no need to log in again, and its page doesn't know that yet.
    await first.reload();
    await expectAnswer(first, tea);
    expect([tea.answers.length, shop.answers.length]).toEqual([1, 1]);
    await expectInvitedBy(second, vera.phone, server.url);
  });
}

test("an application names the phone, which is filled in in place of an earlier one, and can be changed", async ({
  page,
  server,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", REFERRAL);
  const [earlier, hinted, own] = [freshPhone(), freshPhone(), freshPhone()];
  const field = page.getByLabel("Номер телефона");
  const digitsIn = async () => (await field.inputValue()).replace(/\D/g, "");
  // A live code for another phone of this browser must not be asked for.
  await page.goto("/login");
  await askForCode(page, earlier);
  await page.goto(tea.begin({ login_hint: hinted }).address);
  expect(page.url()).not.toContain(hinted.slice(1));
  await expect(field).toBeVisible();
  expect(await digitsIn()).toBe(hinted.slice(1));
  await page.getByRole("link", { name: "Войти по почте" }).click();
  await page.getByRole("link", { name: "Войти по номеру" }).click();
  await expect(page.getByLabel("Электронная почта")).toBeHidden();
  await field.fill(own);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByLabel("Код из сообщения")).toBeVisible();
  await page.getByRole("link", { name: "Изменить номер" }).click();
  await expect(field).toBeVisible();
  expect(await digitsIn()).toBe(own.slice(1));
  await page.goto(tea.begin({ login_hint: hinted }).address);
  await page.getByRole("button", { name: "Получить код" }).click();
  await enterCode(page, await codeFor(hinted));
  await expectAnswer(page, tea);
  expect(server.codesFor(own)).toHaveLength(1);
});

test("an invitation that a link has brought is activated at an application, too, and kept for the owner of an account", async ({
  browser,
  page,
  server,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", REFERRAL);
  const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
  const boris = freshPhone();
  await acceptInvitation(page, anna.inviteCode);
  await page.goto(tea.begin().address);
  await expect(invitationOf(page, anna.phone)).toBeVisible();
  await logIn(page, boris, codeFor);
  await expectAnswer(page, tea);
  await expectInvitedBy(page, anna.phone, server.url);

  const vera = freshPhone();
  await signUp(await browser.newContext(), vera, codeFor);
  const other = await browser.newPage({ baseURL: server.url });
  await acceptInvitation(other, anna.inviteCode);
  await other.goto(tea.begin().address);
  await logIn(other, vera, codeFor);
  await expectAnswer(other, tea);
  await other.goto(`${server.url}/login`);
  await expect(other.getByRole("heading", { name: "Активировать этот код?" })).toBeVisible();
});

test("an invitation that is unknown, or whose inviter has left, is said to be gone, and the login goes on", async ({
  browser,
  server,
  page,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", REFERRAL);
  const gone = page.getByText("Приглашение больше не действует");
  await page.goto(tea.begin({ invite: "ZZZZ99" }).address);
  await expect(gone).toBeVisible();
  await page.goto(tea.begin({ invite: "nonsense" }).address);
  await expect(gone).toBeHidden();

  const [anna, boris] = [freshPhone(), freshPhone()];
  const { inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  await page.goto(tea.begin({ invite: inviteCode }).address);
  await askForCode(page, boris);
  await expect(invitationOf(page, anna)).toBeVisible();
  await withDatabase(server.databaseUrl, (query) =>
    query(`DELETE FROM "User" WHERE "phone" = '${anna}' RETURNING "id"`),
  );
  const code = await codeFor(boris);
  await enterCode(page, code);
  await expect(gone).toBeVisible();
  await enterCode(page, code);
  await expectAnswer(page, tea);
});

test("a login whose request is gone sends no code and makes no account, because the invitation is gone, too", async ({
  browser,
  page,
  server,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", REFERRAL);
  const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
  const over = page.getByRole("heading", { name: "Этот вход нельзя продолжить" });
  const boris = freshPhone();
  const loseRequest = () => page.context().clearCookies({ name: /sarafan-authorize-/ });

  await page.goto(tea.begin({ invite: anna.inviteCode }).address);
  await loseRequest();
  await page.getByLabel("Номер телефона").fill(boris);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(over).toBeVisible();
  expect(server.codesFor(boris)).toEqual([]);

  await page.goto(tea.begin({ invite: anna.inviteCode }).address);
  await askForCode(page, boris);
  await loseRequest();
  await enterCode(page, await codeFor(boris));
  await expect(over).toBeVisible();
  const made = await withDatabase(server.databaseUrl, (query) =>
    query(`SELECT "id" FROM "User" WHERE "phone" = '${boris}'`),
  );
  expect(made).toEqual([]);

  // The address of another browser's request opens nothing.
  await page.goto(tea.begin({ invite: anna.inviteCode }).address);
  const stranger = await browser.newPage({ baseURL: server.url });
  await stranger.goto(page.url());
  await expect(stranger.getByRole("heading", { name: "Этот вход нельзя продолжить" })).toBeVisible();
  await expect(stranger.getByText(anna.inviteCode)).toBeHidden();
});

test("an application's invitation reaches a new account although a stranger has used up the look-ups of its network", async ({
  browser,
  startServer,
  freshPhone,
  newApplication,
}) => {
  const server = await startServer({ INVITE_LOOKUPS_PER_IP_PER_HOUR: 3 });
  const codeFor = (to: string) => server.codeFor(to);
  const tea = await newApplication("Tea house", REFERRAL, server);
  const [annasContext, strangersContext, borisContext] = [
    await browser.newContext({ baseURL: server.url }),
    await browser.newContext({ baseURL: server.url }),
    await browser.newContext({ baseURL: server.url }),
  ];
  const anna = await newInviter(annasContext, freshPhone(), codeFor);
  for (const unknown of ["ZZZZ96", "ZZZZ97", "ZZZZ98", "ZZZZ99"])
    await strangersContext.request.get(tea.begin({ invite: unknown }).address, { maxRedirects: 0 });

  const page = await borisContext.newPage();
  await page.goto(tea.begin({ invite: anna.inviteCode }).address);
  await expect(page.getByText(`Сейчас не получается проверить код приглашения ${anna.inviteCode}`)).toBeVisible();
  await expect(page.getByText("Приглашение больше не действует")).toBeHidden();
  await expect(page.getByText(maskOf(anna.phone))).toBeHidden();
  await logIn(page, freshPhone(), codeFor);
  await expectAnswer(page, tea);
  await expectInvitedBy(page, anna.phone, server.url);

  const other = await annasContext.newPage();
  await annasContext.clearCookies();
  await other.goto(tea.begin({ invite: "ZZZZ95" }).address);
  await drop(other);
  await expect(other.getByText("ZZZZ95")).toBeHidden();
});

test("a login for an application that may no longer have a scope sends no code", async ({
  page,
  server,
  freshPhone,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", { scopes: ["openid", "phone"] });
  const phone = freshPhone();
  await page.goto(tea.begin({ scope: "openid phone" }).address);
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await runClientCommand(server, ["change", tea.clientId, "--scopes", "openid"]);
  await page.getByLabel("Номер телефона").fill(phone);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page).toHaveURL(/\/oauth\/refused/);
  expect(server.codesFor(phone)).toEqual([]);
});

test("an application's invitation is activated when a person who is logged in makes another account", async ({
  browser,
  page,
  server,
  freshPhone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house");
  const anna = await newInviter(await browser.newContext(), freshPhone(), codeFor);
  await logIn(page, freshPhone(), codeFor);
  await readInviteCode(page);
  await page.goto(tea.begin({ invite: anna.inviteCode }).address);
  await page.getByRole("button", { name: "Войти с другим аккаунтом" }).click();
  await expect(invitationOf(page, anna.phone)).toBeVisible();
  await logIn(page, freshPhone(), codeFor);
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
  await expectAnswer(page, tea);
  await expectInvitedBy(page, anna.phone, server.url);
});

test("after a login for an application, an ordinary login leads to the profile", async ({
  page,
  context,
  phone,
  codeFor,
  newApplication,
}) => {
  const tea = await newApplication("Tea house", REFERRAL);
  await page.goto(tea.begin().address);
  await askForCode(page, phone);
  const other = await context.newPage();
  await other.goto("/login");
  await enterCode(other, await codeFor(phone));
  expect(await readInviteCode(other)).toMatch(/^\w{6}$/);
  expect(tea.answers).toEqual([]);
  await page.reload();
  await expectAnswer(page, tea);
});
