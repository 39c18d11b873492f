import { logInWithTokens, post } from "../api/clients";
import { expect, STRICT, test } from "../fixtures";
import { acceptInvitation, askForCode, enterCode, logIn, logOut, maskOf, readInviteCode, signUp } from "./journeys";

/** A Russian phone as pages show it unmasked. */
const spellOut = (phone: string) => phone.replace(/^(\+7)(\d{3})(\d{3})(\d\d)(\d\d)$/, "$1 $2 $3-$4-$5");

test("a person passes on the code, another one activates it, and both see it", async ({
  browser,
  freshPhone,
  codeFor,
}) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const [annas, boriss] = [await browser.newContext(), await browser.newContext()];
  const { page: annasPage, inviteCode } = await signUp(annas, anna, codeFor);
  await expect(annasPage.getByRole("heading", { name: "По вашему приглашению пока никто не пришёл" })).toBeVisible();

  const page = await boriss.newPage();
  await page.goto(`/i/${inviteCode}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("приглашает вас в «Сарафан»");
  await expect(page.getByText(maskOf(anna))).toBeVisible();
  await page.getByRole("button", { name: "Принять приглашение" }).click();
  await expect(page.getByText(`Новый аккаунт сразу активирует код ${inviteCode}`)).toBeVisible();
  await logIn(page, boris, codeFor);
  await readInviteCode(page);
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(maskOf(anna));
  await expect(page.getByText(inviteCode, { exact: true })).toBeVisible();

  await annasPage.reload();
  await expect(annasPage.getByRole("heading", { name: "По вашему приглашению пришёл 1 человек" })).toBeVisible();
  await expect(annasPage.getByRole("listitem").filter({ hasText: maskOf(boris) })).toContainText("сегодня");
});

test("only the inviter can see the numbers of the referrals", async ({ browser, freshPhone, codeFor }) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const { page, inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  const { page: boriss } = await signUp(await browser.newContext(), boris, codeFor);
  await boriss.getByLabel("Код приглашения", { exact: true }).fill(inviteCode);
  await boriss.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await expect(boriss.getByRole("heading", { name: "Активировать этот код?" })).toBeVisible();
  await expect(boriss.getByText(maskOf(anna))).toBeVisible();
  await boriss.getByRole("button", { name: "Активировать" }).click();
  await expect(boriss.getByRole("heading", { name: "Вы пришли по приглашению" })).toBeVisible();
  await expect(boriss.getByRole("status").filter({ hasText: "Готово: вы пришли по приглашению" })).toBeFocused();

  await page.reload();
  const digits = spellOut(boris);
  await expect(page.getByText(digits)).toBeHidden();
  expect(await page.content()).not.toContain(boris);
  await page.getByRole("link", { name: "Показать номера" }).click();
  await expect(page.getByText(digits)).toBeVisible();
  await page.getByRole("link", { name: "Скрыть номера" }).click();
  await expect(page.getByText(digits)).toBeHidden();

  await boriss.goto("/profile?numbers=shown");
  const content = await boriss.content();
  expect(content).not.toContain(anna);
  expect(content).not.toContain(spellOut(anna));
});

test("a code may be typed in small letters, with gaps and in Cyrillic", async ({
  browser,
  page,
  freshPhone,
  codeFor,
}) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  const heard = inviteCode
    .toLowerCase()
    .replaceAll("0", "о")
    .replaceAll("1", "l")
    .replaceAll("k", "к")
    .replaceAll("m", "м")
    .replaceAll("c", "с");
  await page.goto("/");
  await page.getByLabel("Код приглашения", { exact: true }).fill(`${heard.slice(0, 3)} – ${heard.slice(3)}`);
  await page.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await expect(page).toHaveURL(new RegExp(`/i/${inviteCode}$`));
  // Programs end a link before a full stop or a bracket.
  for (const typed of [heard, `${inviteCode}.`, `${inviteCode})`, `\u2068${inviteCode}\u2069,`]) {
    await page.goto(`/i/${encodeURIComponent(typed)}`);
    await expect(page).toHaveURL(new RegExp(`/i/${inviteCode}$`));
  }
});

test("an invalid code is reported next to the field, and the input is kept", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Код приглашения", { exact: true }).fill("привет");
  await page.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await expect(page.getByLabel("Код приглашения", { exact: true })).toHaveValue("привет");
  await expect(page.getByLabel("Код приглашения", { exact: true })).toHaveAccessibleDescription(
    /В коде приглашения шесть знаков/,
  );
});

test("an unknown code has its own page, with a field to try again", async ({ page }) => {
  for (const path of ["/i/ZZZZ99", "/i/nonsense", "/i/%00", "/i/%3Cb%3E"]) {
    const response = await page.goto(path);
    expect(response?.status(), path).toBe(404);
  }
  const response = await page.goto("/i/ZZZZ99");
  expect(response?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Такого кода нет" })).toBeVisible();
  await expect(page.getByLabel("Код приглашения", { exact: true })).toBeVisible();
});

test("an own code, a second code and a circle are refused with an explanation", async ({
  browser,
  freshPhone,
  codeFor,
}) => {
  const anna = await signUp(await browser.newContext(), freshPhone(), codeFor);
  const boris = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await anna.page.goto(`/i/${anna.inviteCode}`);
  await expect(anna.page.getByRole("heading", { name: "Это ваш собственный код" })).toBeVisible();

  await boris.page.goto(`/i/${anna.inviteCode}`);
  await boris.page.getByRole("button", { name: "Активировать" }).click();
  await readInviteCode(boris.page);
  const carol = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await boris.page.goto(`/i/${carol.inviteCode}`);
  await expect(boris.page.getByRole("heading", { name: "Вы уже активировали код" })).toBeVisible();
  await expect(boris.page.getByText(anna.inviteCode)).toBeVisible();

  await anna.page.goto(`/i/${boris.inviteCode}`);
  await expect(anna.page.getByRole("heading", { name: "Этот человек пришёл благодаря вам" })).toBeVisible();
});

test("an existing account is asked before the invitation counts", async ({ browser, freshPhone, codeFor }) => {
  const [anna, boris] = [freshPhone(), freshPhone()];
  const { inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  const boriss = await browser.newContext();
  const { page } = await signUp(boriss, boris, codeFor);
  await logOut(page);

  await acceptInvitation(page, inviteCode);
  await logIn(page, boris, codeFor);
  await expect(page.getByRole("heading", { name: "Активировать этот код?" })).toBeVisible();
  await page.getByRole("link", { name: "Не сейчас" }).click();
  await expect(page.getByRole("heading", { name: "Кто вас пригласил?" })).toBeVisible();
});

test("an invitation can be dropped at the login", async ({ browser, page, freshPhone, codeFor }) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await acceptInvitation(page, inviteCode);
  await page.getByRole("button", { name: "Войти без приглашения" }).click();
  await expect(page.getByText(inviteCode)).toBeHidden();
  await logIn(page, freshPhone(), codeFor);
  await readInviteCode(page);
  await expect(page.getByRole("heading", { name: "Кто вас пригласил?" })).toBeVisible();
});

test("referrals are shown in pages, newest first, and their number as a picture", async ({
  browser,
  newClient,
  sharedServer,
  freshPhone,
}) => {
  const server = await sharedServer(STRICT);
  const anna = await browser.newContext({ baseURL: server.url });
  const { page, inviteCode } = await signUp(anna, freshPhone(), server.codeFor);
  const came: string[] = [];
  for (let people = 0; people < 3; people += 1) {
    const { client, phone } = await logInWithTokens(newClient, freshPhone(), server);
    await post(client, "/api/profile_back/activate_invite/", { code: inviteCode });
    came.unshift(phone);
  }
  await page.reload();
  await expect(page.getByRole("img", { name: /Как росло число/ })).toBeVisible();
  const listed = page.getByRole("region", { name: "По вашему приглашению пришли 3 человека" }).getByRole("listitem");
  await expect(listed).toHaveCount(2);
  await expect(listed.nth(0)).toContainText(maskOf(came[0] ?? ""));
  await page.getByRole("link", { name: "Кто пришёл раньше" }).click();
  await expect(listed).toHaveCount(1);
  await expect(listed.nth(0)).toContainText(maskOf(came[2] ?? ""));
  await page.getByRole("link", { name: "К самым новым" }).click();
  await expect(listed).toHaveCount(2);
});

test("a link preview has a picture of the ticket", async ({ browser, page, request, freshPhone, codeFor }) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await page.goto(`/i/${inviteCode}`);
  const image = await page.locator('meta[property="og:image"]').getAttribute("content");
  expect(image).toContain(`/i/${inviteCode}/opengraph-image`);
  const answer = await request.get(image ?? "");
  expect(answer.headers()["content-type"]).toBe("image/png");
  expect((await answer.body()).length).toBeGreaterThan(10_000);
  expect((await request.get("/i/ZZZZ99/opengraph-image")).status()).toBe(404);
});

test("the ticket can be copied and sent with a prepared message", async ({ browser, freshPhone, codeFor, server }) => {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  const { page, inviteCode } = await signUp(context, freshPhone(), codeFor);
  const link = `${server.url}/i/${inviteCode}`;
  await page.getByRole("button", { name: "Скопировать ссылку" }).click();
  await expect(page.getByRole("button", { name: "Скопировано" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  for (const service of ["Telegram", "WhatsApp", "VK"]) {
    const href = decodeURIComponent(
      (await page.getByRole("link", { name: `Отправить через ${service}` }).getAttribute("href")) ?? "",
    );
    expect(href).toContain(link);
    expect(href).toContain(`Мой код — ${inviteCode}`);
  }
  await expect(page.getByRole("img", { name: "QR-код с вашей ссылкой-приглашением" })).toBeVisible();
});

test("the device's own share sheet opens with the link, on devices that have one", async ({
  browser,
  freshPhone,
  codeFor,
}) => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    navigator.share = async (shared) => {
      Object.assign(window, { shared });
    };
  });
  const { page, inviteCode } = await signUp(context, freshPhone(), codeFor);
  await page.getByRole("button", { name: "Поделиться" }).click();
  expect(await page.evaluate("shared")).toMatchObject({ url: expect.stringContaining(`/i/${inviteCode}`) });
});

test("a person who logged in in another tab is asked directly", async ({
  browser,
  context,
  page,
  freshPhone,
  codeFor,
}) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await page.goto(`/i/${inviteCode}`);
  await signUp(context, freshPhone(), codeFor);
  await page.getByRole("button", { name: "Принять приглашение" }).click();
  await expect(page.getByRole("heading", { name: "Активировать этот код?" })).toBeVisible();
});

test("an invitation accepted during a login is shown there, and counts", async ({
  browser,
  page,
  freshPhone,
  codeFor,
}) => {
  const { inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  const phone = freshPhone();
  await page.goto("/login");
  await askForCode(page, phone);
  await acceptInvitation(page, inviteCode);
  await enterCode(page, await codeFor(phone));
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toBeVisible();
});

test("an own link is reported as such, even after another code was activated", async ({
  browser,
  freshPhone,
  codeFor,
}) => {
  const anna = await signUp(await browser.newContext(), freshPhone(), codeFor);
  const boris = await signUp(await browser.newContext(), freshPhone(), codeFor);
  await boris.page.goto(`/i/${anna.inviteCode}`);
  await boris.page.getByRole("button", { name: "Активировать" }).click();
  await readInviteCode(boris.page);
  await boris.page.goto(`/i/${boris.inviteCode}`);
  await expect(boris.page.getByRole("heading", { name: "Это ваш собственный код" })).toBeVisible();
  await expect(boris.page).toHaveTitle(/^Это ваш собственный код/);
});

test("the widest code fits its ticket on any screen, and a selection contains nothing else", async ({
  browser,
  freshPhone,
  codeFor,
}) => {
  const { page, inviteCode } = await signUp(await browser.newContext(), freshPhone(), codeFor);
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(`/i/${inviteCode}`);
  for (const place of [page, stranger]) {
    const code = place.getByText(inviteCode, { exact: true });
    await code.click({ clickCount: 2 });
    expect(await place.evaluate(() => getSelection()?.toString().trim())).toBe(inviteCode);
    await code.evaluate((element) => {
      element.textContent = "MMWWM8";
    });
    for (const width of [320, 360, 640, 768, 1024, 1280]) {
      await place.setViewportSize({ width, height: 800 });
      const [room, needed, page] = await place.getByText("MMWWM8").evaluate((element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        const room = element.parentElement?.clientWidth ?? 0;
        return [room, range.getBoundingClientRect().width, document.documentElement.scrollWidth] as const;
      });
      expect(needed, `${width}`).toBeLessThanOrEqual(room + 6);
      expect(page).toBeLessThanOrEqual(width);
    }
  }
});

test("an invitation whose inviter has left is told to be gone at the login", async ({
  browser,
  page,
  freshPhone,
  codeFor,
}) => {
  const anna = freshPhone();
  const { page: annasPage, inviteCode } = await signUp(await browser.newContext(), anna, codeFor);
  await acceptInvitation(page, inviteCode);
  await annasPage.goto("/account/delete");
  await annasPage.getByRole("button", { name: "Получить код для удаления" }).click();
  await annasPage.getByLabel("Код из сообщения").fill(await codeFor(anna));
  await annasPage.getByRole("button", { name: "Удалить навсегда" }).click();
  await expect(annasPage.getByRole("heading", { name: "Аккаунт удалён" })).toBeVisible();

  await page.reload();
  await expect(page.getByText("Приглашение больше не действует")).toBeVisible();
  await expect(page.getByText("Вас приглашает")).toHaveCount(0);
  const phone = freshPhone();
  await askForCode(page, phone);
  await enterCode(page, await codeFor(phone));
  await expect(page).toHaveURL(/invitation=gone/);
});
