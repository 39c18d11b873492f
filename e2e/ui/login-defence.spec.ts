import type { Browser, BrowserContext } from "playwright/test";
import { test as base, expect, type Server } from "../fixtures";
import { askForCode, enterCode, logIn, logOut, readInviteCode, signUp, wrongCode } from "./journeys";

/** The product's default settings, and few wrong codes and look-ups of a network. */
const SETTINGS = {
  TRUSTED_PROXIES: 1,
  RESEND_AFTER_S: "60,120,300,600",
  TRIES_PER_CODE: 3,
  LONGER_CODES_AFTER_WRONG: "5,20",
  SENDS_PER_PHONE_PER_HOUR: 5,
  SENDS_PER_IP_PER_HOUR: 20,
  WRONG_CODES_PER_IP_PER_HOUR: 3,
  INVITE_LOOKUPS_PER_IP_PER_HOUR: 2,
};

const test = base.extend<{ guarded: Server }>({
  /** A server with these settings. */
  guarded: async ({ sharedServer }, use) => use(await sharedServer(SETTINGS)),
});

// One worker runs all tests, so that one server is enough.
test.describe.configure({ mode: "default" });

/** Opens a browser of a network, which the header of the trusted proxy names. */
const openBrowser = (browser: Browser, { url }: Server, network: string, options = {}): Promise<BrowserContext> =>
  browser.newContext({
    baseURL: url,
    locale: "ru-RU",
    extraHTTPHeaders: { "x-forwarded-for": network },
    ...options,
  });

/** Strangers, each in a network of their own, request codes for the phone and type as many wrong ones as they can. */
async function guess(server: Server, phone: string, codes: number, freshNetwork: () => string): Promise<void> {
  for (let sent = 0; sent < codes; sent += 1) {
    const network = freshNetwork();
    const post = (path: string, data: unknown, cookie = "") =>
      fetch(server.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": network, cookie },
        body: JSON.stringify(data),
      });
    const asked = await post("/api/enter_phone/", { phone });
    expect(asked.status).toBe(200);
    const cookie = asked.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const code = wrongCode(await server.codeFor(phone));
    for (let tries = 0; tries < SETTINGS.TRIES_PER_CODE; tries += 1) {
      await post("/api/enter_code/", { verification_code: code }, cookie);
    }
  }
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a guessed-at code is replaced by a longer one, without delay, in the same field, and the page says why", async ({
      page,
      guarded: server,
      phone,
      freshNetwork,
    }) => {
      await page.goto(`${server.url}/login`);
      await askForCode(page, phone);
      const short = await server.codeFor(phone);
      expect(short).toHaveLength(4);
      await guess(server, phone, 2, freshNetwork);
      await page.reload();
      await expect(page.getByText("коды теперь длиннее")).toBeVisible();
      await page.getByRole("button", { name: "Запросить новый код" }).click();
      await expect(page.getByText("В коде 6 цифр — больше, чем обычно")).toBeVisible();
      const long = await server.codeFor(phone);
      expect(long).toHaveLength(6);
      await enterCode(page, long);
      await readInviteCode(page);
    });

    test("a phone that has used up its codes gets no more for a while, and the page counts down", async ({
      page,
      guarded: server,
      phone,
      freshNetwork,
    }) => {
      await guess(server, phone, SETTINGS.SENDS_PER_PHONE_PER_HOUR, freshNetwork);
      await page.goto(`${server.url}/login`);
      await page.getByLabel("Номер телефона").fill(phone);
      await page.getByRole("button", { name: "Получить код" }).click();
      await expect(page.getByText(/Слишком много кодов.* (1:00:00|5\d:\d\d)/)).toBeVisible();
      await expect(page.getByLabel("Номер телефона")).toHaveValue(phone);
    });
  });
}

test("a person whose network has typed too many wrong codes is asked for a longer one, and logs in with it", async ({
  browser,
  guarded: server,
  freshPhone,
  freshNetwork,
}) => {
  const [phone, network] = [freshPhone(), freshNetwork()];
  const page = await (await openBrowser(browser, server, network)).newPage();
  await page.goto("/login");
  await askForCode(page, phone);
  const other = freshPhone();
  const stranger = await (await openBrowser(browser, server, network)).newPage();
  await stranger.goto("/login");
  await askForCode(stranger, other);
  const wrong = wrongCode(await server.codeFor(other));
  for (const left of ["осталось 2 попытки", "осталась 1 попытка"]) {
    await enterCode(stranger, wrong);
    await expect(stranger.getByText(left)).toBeVisible();
  }
  await enterCode(stranger, wrong);
  await expect(stranger.getByText("коды теперь длиннее")).toBeVisible();
  await page.reload();
  await expect(page.getByText("коды теперь длиннее")).toBeVisible();
  await page.getByRole("button", { name: "Запросить новый код" }).click();
  await expect(page.getByText("В коде 8 цифр — больше, чем обычно")).toBeVisible();
  await expect.poll(() => server.codesFor(phone).at(-1)?.length).toBe(8);
  await enterCode(page, server.codesFor(phone).at(-1) ?? "");
  await readInviteCode(page);
});

test("a browser that has logged in before gets its code without delay when strangers have used up all others", async ({
  page,
  guarded: server,
  phone,
  freshNetwork,
}) => {
  await page.goto(`${server.url}/login`);
  await logIn(page, phone, server.codeFor);
  await logOut(page);
  // The browser itself has used one of the five codes.
  await guess(server, phone, SETTINGS.SENDS_PER_PHONE_PER_HOUR - 1, freshNetwork);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  expect(code).toHaveLength(6);
  await expect(page.getByRole("button", { name: "Запросить новый код" })).toBeVisible();
  await enterCode(page, code);
  await readInviteCode(page);
});

test("a network with too many unknown invitations has to wait, even for an existing one, and sees how long", async ({
  browser,
  phone,
  guarded: server,
  freshNetwork,
}) => {
  const network = freshNetwork();
  const page = await (await openBrowser(browser, server, network)).newPage();
  const { inviteCode } = await signUp(await openBrowser(browser, server, network), phone, server.codeFor);
  const invitation = `${server.url}/i/${inviteCode}`;
  // Many visitors and preview robots open the invitation.
  for (let opened = 0; opened < 5; opened += 1) {
    expect((await page.request.get(invitation)).status()).toBe(200);
    expect((await page.request.get(`${invitation}/opengraph-image`)).status()).toBe(200);
  }
  await page.goto(invitation);
  const accept = page.getByRole("button", { name: "Принять приглашение" });
  await expect(accept).toBeVisible();
  for (const code of ["0ABCDE", "1ABCDE"]) {
    expect((await page.request.get(`${server.url}/i/${code}`)).status()).toBe(404);
  }
  for (const scripted of [true, false]) {
    const context = await openBrowser(browser, server, network, { javaScriptEnabled: scripted });
    const refused = await context.newPage();
    for (const address of [invitation, `${server.url}/i/2ABCDE`]) {
      const answer = await refused.goto(address);
      expect(answer?.status()).toBe(429);
      expect(Number(answer?.headers()["retry-after"])).toBeGreaterThan(3000);
      await expect(refused.getByRole("heading", { name: "Слишком много попыток" })).toBeVisible();
      await expect(refused.getByText(/(1:00:00|5\d:\d\d)/)).toBeVisible();
      await expect(refused.locator('meta[property^="og:image"], meta[name^="twitter:image"]')).toHaveCount(0);
      const picture = await refused.request.get(`${address}/opengraph-image`);
      expect([picture.status(), (await picture.body()).length]).toEqual([429, 0]);
      expect(Number(picture.headers()["retry-after"])).toBeGreaterThan(3000);
    }
    await refused.goto(server.url);
    await refused.getByLabel("Код приглашения", { exact: true }).fill(inviteCode);
    await refused.getByRole("button", { name: "Посмотреть приглашение" }).click();
    await expect(refused.getByRole("heading", { name: "Слишком много попыток" })).toBeVisible();
  }
  // Accepting an invitation that was opened before is refused as well.
  await accept.click();
  await expect(page.getByRole("heading", { name: "Слишком много попыток" })).toBeVisible();
});
