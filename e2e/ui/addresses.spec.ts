import type { Page } from "playwright/test";
import { expect, FEW_TRIES, test } from "../fixtures";
import {
  acceptInvitation,
  askForCode,
  askForMailCode,
  enterCode,
  logIn,
  logOut,
  readInviteCode,
  wrongCode,
} from "./journeys";

/** The last ten digits of a phone: long enough to identify it, and part of every spelling. */
const DIGITS = 10;

/** Returns all addresses in a page's markup. */
const addressesOn = (page: Page): Promise<string[]> =>
  page
    .locator("[href], [action], [formaction], [src], meta[content]")
    .evaluateAll((elements) =>
      elements.flatMap((element) =>
        ["href", "action", "formaction", "src", "content"].flatMap((name) => element.getAttribute(name) ?? []),
      ),
    );

for (const { how, javaScriptEnabled } of [
  { how: "with JavaScript", javaScriptEnabled: true },
  { how: "without JavaScript", javaScriptEnabled: false },
]) {
  test(`a login, an invitation and a profile put no phone and no mailbox into any address, ${how}`, async ({
    browser,
    freshPhone,
    sharedServer,
  }) => {
    test.slow();
    const server = await sharedServer(FEW_TRIES);
    const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled });
    const people = Array.from({ length: 5 }, freshPhone);
    const [anna = "", boris = "", carol = "", dora = "", claimed = ""] = people;
    const email = `anna.${claimed.slice(1)}@example.com`;
    const addresses = new Set<string>();
    context.on("request", (request) => addresses.add(request.url()));
    const page = await context.newPage();
    const look = async () => {
      addresses.add(page.url());
      for (const address of await addressesOn(page)) addresses.add(address);
    };

    // An invalid number, a mistyped one, a wrong code.
    await page.goto("/login");
    await page.getByLabel("Номер телефона").fill(`${anna}0`);
    await page.getByRole("button", { name: "Получить код" }).click();
    await expect(page.getByText("не похоже на номер")).toBeVisible();
    await look();
    await askForCode(page, boris);
    await page.getByRole("link", { name: "Изменить номер" }).click();
    await look();
    await askForCode(page, anna);
    await look();
    const code = await server.codeFor(anna);
    await enterCode(page, wrongCode(code));
    await expect(page.getByText("Код не подошёл")).toBeVisible();
    await look();
    await enterCode(page, code);
    const inviteCode = await readInviteCode(page);
    await look();
    await page.goto("/profile");
    await logOut(page);

    for (const guest of [carol, dora]) {
      await acceptInvitation(page, inviteCode);
      await look();
      await logIn(page, guest, server.codeFor);
      await readInviteCode(page);
      await look();
      await page.goto("/profile");
      await logOut(page);
    }

    // The profile with the numbers of the referrals, page by page.
    await logIn(page, anna, server.codeFor);
    await readInviteCode(page);
    await page.getByRole("link", { name: "Показать номера" }).click();
    await expect(page.getByRole("link", { name: "Скрыть номера" })).toBeVisible();
    await look();
    await page.getByRole("link", { name: "Кто пришёл раньше" }).click();
    await expect(page.getByRole("link", { name: "К самым новым" })).toBeVisible();
    await look();
    await page.getByRole("button", { name: "English" }).click();
    await expect(page.getByRole("button", { name: "Log out" })).toBeVisible();
    await look();
    await context.clearCookies();

    // A login by mail, and then proving the phone.
    await page.goto("/login?by=email");
    await askForMailCode(page, { email, phone: claimed });
    await look();
    await enterCode(page, await server.codeFor(email));
    await readInviteCode(page);
    await page.goto("/account/phone");
    await page.getByRole("button", { name: "Отправить коды" }).click();
    await expect(page.getByLabel(/Код, который пришёл на .+@/)).toBeVisible();
    await look();

    expect(addresses.size).toBeGreaterThan(javaScriptEnabled ? 40 : 20);
    for (const address of addresses) {
      const text = decodeURIComponent(address);
      const digits = text.replace(/\D/g, "");
      for (const phone of people) expect(digits.includes(phone.slice(-DIGITS)), text).toBe(false);
      expect(text).not.toContain(email);
      expect(text).not.toMatch(/^(tel|mailto):/);
    }
  });
}
