import { expect, FEW_TRIES, SHORT_LIVED, STRICT, test } from "../fixtures";
import {
  acceptInvitation,
  askForCode,
  enterCode,
  logIn,
  logOut,
  readInviteCode,
  requestCode,
  wrongCode,
} from "./journeys";

/** The page has time to show the first wait, and a test has time to see its end. The second one is longer than any test. */
const SHORT_WAIT = { RESEND_AFTER_S: "15,600" };

test("an invalid number is reported next to the field, and the input is kept", async ({ page }) => {
  await page.goto("/login");
  await page.getByLabel("Номер телефона").fill("+7 945 12");
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByLabel("Номер телефона")).toHaveAccessibleDescription(/не похоже на номер/);
  await expect(page.getByLabel("Номер телефона")).toHaveValue("+7 945 12");
});

test("the code is sent once, as soon as it is complete", async ({ page, phone, codeFor }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const posts: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posts.push(request.url());
  });
  await page.getByLabel("Код из сообщения").pressSequentially(await codeFor(phone));
  await page.keyboard.press("Enter");
  await readInviteCode(page);
  expect(posts).toHaveLength(1);
});

test("a code that the browser filled in before the script ran is sent as well", async ({ page, phone, codeFor }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const code = await codeFor(phone);
  // Scripts load only after the field is filled, as on a slow connection.
  let letScriptsRun = () => {};
  const filled = new Promise<void>((resolve) => {
    letScriptsRun = resolve;
  });
  await page.route("**/*.js", async (route) => {
    await filled;
    await route.continue();
  });
  await page.reload({ waitUntil: "commit" });
  await page.getByLabel("Код из сообщения").fill(code);
  letScriptsRun();
  await readInviteCode(page);
});

test("a pasted message gives its code", async ({ page, phone, codeFor }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const code = await codeFor(phone);
  await page.getByLabel("Код из сообщения").fill(`Код: ${code.slice(0, 2)} ${code.slice(2)}`);
  await readInviteCode(page);
});

test("a wrong code says how many tries are left; then the right one works", async ({ page, sharedServer, phone }) => {
  const server = await sharedServer(STRICT);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  await enterCode(page, wrongCode(code));
  const field = page.getByLabel("Код из сообщения");
  await expect(field).toHaveAccessibleDescription("Код не подошёл. Сверьте его с сообщением: осталось 2 попытки.");
  await expect(field).toBeFocused();
  await expect(field).toHaveValue("");
  // A reload is no further attempt.
  await page.reload();
  await expect(field).toHaveAccessibleDescription("Код не подошёл. Сверьте его с сообщением: осталось 2 попытки.");
  await enterCode(page, code);
  await readInviteCode(page);
});

test("when the attempts are spent, the page offers a new code", async ({ page, sharedServer, phone }) => {
  const server = await sharedServer(FEW_TRIES);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const wrong = wrongCode(await server.codeFor(phone));
  await enterCode(page, wrong);
  await expect(page.getByText("осталась 1 попытка")).toBeVisible();
  await enterCode(page, wrong);
  await expect(page.getByText("Попытки закончились")).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await enterCode(page, await server.codeFor(phone));
  await readInviteCode(page);
});

test("an expired code is reported without a request, and the page offers a new one", async ({
  page,
  sharedServer,
  phone,
}) => {
  const server = await sharedServer(SHORT_LIVED);
  await page.goto(`${server.url}/login`);
  await requestCode(page, phone);
  await server.codeFor(phone);
  await expect(page.getByText("Код устарел.")).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await enterCode(page, await server.codeFor(phone));
  await readInviteCode(page);
});

test("the wait before the next code is counted down, and then the button appears", async ({
  page,
  sharedServer,
  phone,
}) => {
  const server = await sharedServer(SHORT_WAIT);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  await server.codeFor(phone);
  await expect(page.getByText(/Новый код можно запросить через 0:[01]\d/)).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await expect(page.getByText(/Новый код можно запросить через (10:00|9:\d\d)/)).toBeVisible();
  await enterCode(page, await server.codeFor(phone));
  await readInviteCode(page);
});

test("asking again too early leads to the code that was sent", async ({ page, sharedServer, phone }) => {
  const server = await sharedServer(STRICT);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  await page.getByRole("link", { name: "Изменить номер" }).click();
  await askForCode(page, phone);
  await expect(page.getByText(/Новый код можно запросить через/)).toBeVisible();
  await enterCode(page, code);
  await readInviteCode(page);
});

test("changing the number goes back, and the invitation stays", async ({ browser, page, freshPhone, codeFor }) => {
  const inviter = await (await browser.newContext()).newPage();
  await logIn(inviter, freshPhone(), codeFor);
  const inviteCode = await readInviteCode(inviter);
  await acceptInvitation(page, inviteCode);
  await askForCode(page, freshPhone());
  await page.getByRole("link", { name: "Изменить номер" }).click();
  await expect(page.getByLabel("Номер телефона")).toBeFocused();
  await expect(page.getByText(inviteCode)).toBeVisible();
  await logIn(page, freshPhone(), codeFor);
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toBeVisible();
});

test("an abandoned login starts again with the number that was typed", async ({ page, sharedServer, phone }) => {
  const server = await sharedServer(SHORT_LIVED);
  await page.goto(`${server.url}/login`);
  await requestCode(page, phone);
  await expect(page.getByText("Код устарел.")).toBeVisible();
  await page.goto(`${server.url}/login`);
  await expect(page.getByText("Код устарел.")).toBeVisible();
  await expect(page.getByLabel("Номер телефона")).toHaveValue(/^\+7 945 /);
});

test("without a network no input is lost, and the page says so", async ({ context, page, phone, codeFor }) => {
  await page.goto("/login");
  await page.getByLabel("Номер телефона").fill(phone);
  await context.setOffline(true);
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByText("Нет связи.")).toBeVisible();
  await expect(page.getByLabel("Номер телефона")).toHaveValue(phone);
  await context.setOffline(false);
  await page.getByRole("button", { name: "Получить код" }).click();
  await enterCode(page, await codeFor(phone));
  await readInviteCode(page);
});

test("a network that fails while the wait ends leaves the page usable", async ({
  context,
  page,
  sharedServer,
  phone,
}) => {
  const server = await sharedServer(SHORT_WAIT);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  await page.getByLabel("Код из сообщения").fill("12");
  await context.setOffline(true);
  await expect(page.getByText("через 0:00")).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByRole("button", { name: "Запросить новый код" })).toBeVisible();
  await expect(page.getByLabel("Код из сообщения")).toHaveValue("12");
});

test("each tab logs in with its own number", async ({ context, page, freshPhone, codeFor }) => {
  const [one, other] = [freshPhone(), freshPhone()];
  await page.goto("/login");
  await askForCode(page, one);
  const tab = await context.newPage();
  await tab.goto("/login");
  await expect(tab.getByLabel("Код из сообщения")).toBeVisible();
  await tab.getByRole("link", { name: "Изменить номер" }).click();
  await askForCode(tab, other);
  await enterCode(page, wrongCode(await codeFor(one)));
  await expect(page.getByText(one.slice(-2), { exact: false }).first()).toBeVisible();
  await expect(page.getByText("Код не подошёл")).toBeVisible();
  await enterCode(tab, await codeFor(other));
  await readInviteCode(tab);
  await expect(tab.getByText(`-${other.slice(-2)}.`)).toBeVisible();
  // The first tab is logged in by now.
  await page.reload();
  await expect(page).toHaveURL(/\/profile$/);
});

test("going back after the login leads to a usable page", async ({ page, phone, codeFor }) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Войти по номеру" }).click();
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
  await logIn(page, phone, codeFor);
  await readInviteCode(page);
  await page.goBack();
  await expect(page.getByRole("link", { name: "Открыть профиль" })).toBeVisible();
  await page.goto("/login");
  await expect(page).toHaveURL(/\/profile$/);
});

test("coming back to the page of a used code leads on", async ({ context, page, phone, codeFor }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const underWay = await context.cookies();
  const code = await codeFor(phone);
  await enterCode(page, code);
  await readInviteCode(page);
  await context.clearCookies();
  await context.addCookies(underWay);
  await page.goto("/login?step=code");
  await expect(page.getByText("Этот код уже использован.")).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await enterCode(page, await codeFor(phone));
  await readInviteCode(page);
});

test("a browser without cookies is told that it needs them", async ({ context, page, phone, codeFor }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  await context.clearCookies();
  await enterCode(page, await codeFor(phone));
  await expect(page.getByText("браузер не принимает cookie")).toBeVisible();
  await logIn(page, phone, codeFor);
  await readInviteCode(page);
});

test("the browser can take the code from the message itself", async ({ page, phone, codeFor }) => {
  await page.addInitScript(() => {
    Object.assign(window, { OTPCredential: class {} });
    navigator.credentials.get = () =>
      new Promise((resolve) => {
        Object.assign(window, {
          receiveMessage: (code: string) => resolve({ id: "", type: "otp", code } as Credential),
        });
      });
  });
  await page.goto("/login");
  await askForCode(page, phone);
  await expect(page.getByLabel("Код из сообщения")).toHaveAttribute("autocomplete", "one-time-code");
  const code = await codeFor(phone);
  await expect.poll(() => page.evaluate("'receiveMessage' in window")).toBe(true);
  await page.evaluate(`receiveMessage(${JSON.stringify(code)})`);
  await readInviteCode(page);
});

test("logging out ends the session, for copies of its cookie as well", async ({ context, page, phone, codeFor }) => {
  await page.goto("/login");
  await logIn(page, phone, codeFor);
  await readInviteCode(page);
  const cookies = await context.cookies();
  await logOut(page);
  await context.clearCookies();
  await context.addCookies(cookies);
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login$/);
});

test("the profile needs a login", async ({ page }) => {
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login$/);
});
