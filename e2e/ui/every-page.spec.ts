import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { BrowserContext, Page } from "playwright/test";
import { expect, test } from "../fixtures";
import {
  acceptInvitation,
  askForCode,
  askForMailCode,
  enterCode,
  enterConsoleCode,
  logIn,
  logOut,
  openProfile,
  readInviteCode,
  signUp,
  wrongCode,
} from "./journeys";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary?: string }[];
}

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** All rules about colours. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** Returns axe's serious and critical findings on the page in its present state, by these rules or kinds of rules. */
async function findSeriousProblems(page: Page, runOnly: string[]): Promise<string[]> {
  const violations = await page.evaluate<Finding[]>(
    `axe.run({ runOnly: ${JSON.stringify(runOnly)} }).then((run) => run.violations)`,
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`,
    );
}

/** What a visit of pages needs. */
interface Tour {
  context: BrowserContext;
  page: Page;
  freshPhone: () => string;
  administratorPhone: string;
  codeFor: (phone: string) => Promise<string>;
  /** Inspects the page in its present state. */
  look: (seen: Page, name: string) => Promise<void>;
  /** Opens an address and inspects its page. */
  visit: (path: string, name?: string) => Promise<void>;
}

/** Logs a new person in, who activates the code. */
async function activate(page: Page, phone: string, codeFor: Tour["codeFor"], inviteCode: string): Promise<void> {
  await openProfile(page, phone, codeFor);
  const activated = await page.request.post("/api/profile/", { data: { invite_code: inviteCode } });
  expect(activated.ok()).toBe(true);
}

/** Visits every page of strangers and people in every state. */
async function visitPagesOfPeople({ context, page, freshPhone, codeFor, look, visit }: Tour): Promise<void> {
  const anna = freshPhone();
  await visit("/login?step=code", "code that is lost");
  await visit("/", "home");
  await visit("/nowhere", "not found");
  await visit("/i/ZZZZ99", "unknown code");
  await page.getByLabel("Код приглашения", { exact: true }).fill("нет");
  await page.getByRole("button", { name: "Посмотреть приглашение" }).click();
  await expect(page.getByText("В коде приглашения шесть знаков")).toBeVisible();
  await look(page, "malformed code");

  await page.goto("/docs");
  // Swagger UI draws more than a hundred operations, which takes a busy machine many seconds.
  await expect(page.locator(".opblock").first()).toBeVisible();
  await look(page, "reference");
  await visit("/docs/login-return", "login of the reference, lost");

  await visit("/login", "login");
  await page.getByLabel("Номер телефона").fill("12");
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByText("не похоже на номер")).toBeVisible();
  await look(page, "login, wrong number");
  await askForCode(page, anna);
  await look(page, "code");
  const code = await codeFor(anna);
  await enterCode(page, wrongCode(code));
  await expect(page.getByText("Код не подошёл")).toBeVisible();
  await look(page, "code, wrong");
  await page.goto("/login?step=phone");
  await look(page, "login, number to be changed");
  await page.goto("/login?step=code");
  await enterCode(page, code);
  const annasCode = await readInviteCode(page);
  await look(page, "profile, empty");
  await visit(`/i/${annasCode}`, "own code");
  await page.goto("/profile");
  await logOut(page);

  await visit(`/i/${annasCode}`, "invitation");
  await acceptInvitation(page, annasCode);
  await look(page, "login, invited");
  await logIn(page, freshPhone(), codeFor);
  const guestsCode = await readInviteCode(page);
  await look(page, "profile, came by a code");
  await page.goto("/profile");
  await logOut(page);
  for (let guests = 0; guests < 2; guests += 1) {
    await activate(page, freshPhone(), codeFor, annasCode);
    await logOut(page);
  }

  await openProfile(page, anna, codeFor);
  await look(page, "profile, with people");
  await visit("/profile?numbers=shown", "profile, numbers shown");
  await visit(`/i/${guestsCode}`, "circle");
  await visit("/oauth/logout/confirm", "logout, asked by an application");
  await visit("/oauth/logout/refused?reason=client_unknown", "logout, refused");
  const { page: other, inviteCode } = await signUp(
    (await context.browser()?.newContext({ baseURL: new URL(page.url()).origin })) ?? context,
    freshPhone(),
    codeFor,
  );
  await other.context().close();
  await visit(`/i/${inviteCode}`, "activate");
  await page.goto("/profile");
  await logOut(page);

  await visit("/oauth/logout/done", "logged out");
  await visit("/login?by=email", "login by mail");
  const [phone, email] = [freshPhone(), `everypage${freshPhone().slice(1)}@example.com`];
  await page.getByLabel("Электронная почта").fill("anna");
  await page.getByLabel("Номер телефона").fill("12");
  await page.getByRole("button", { name: "Получить код" }).click();
  await expect(page.getByText("не похоже на адрес")).toBeVisible();
  await look(page, "login by mail, wrong address and number");
  await askForMailCode(page, { email, phone });
  await look(page, "code by mail");
  await enterCode(page, await codeFor(email));
  await readInviteCode(page);
  await look(page, "profile, phone not proven");
  await visit("/account", "account, phone not proven");
  await visit("/account/phone", "prove the phone");
  await page.getByLabel("Номер телефона").fill("12");
  await page.getByRole("button", { name: "Отправить коды" }).click();
  await expect(page.getByText("не похоже на номер")).toBeVisible();
  await look(page, "prove the phone, wrong number");
  await page.getByLabel("Номер телефона").fill(phone);
  await page.getByRole("button", { name: "Отправить коды" }).click();
  await expect(page.getByLabel(/Код, который пришёл на .+@/)).toBeVisible();
  await page.getByRole("button", { name: "Подтвердить" }).click();
  await expect(page.getByText("Введите код.").first()).toBeVisible();
  await look(page, "prove the phone, codes missing");
  await visit("/account/email", "change the mailbox");
  await visit("/account/nothing", "nothing of an account");

  await page.request.post("/api/auth/request_code/", { data: { phone: anna } });
  const tokens = { data: { phone: anna, code: await codeFor(anna) }, headers: { "user-agent": "okhttp/4.12.0" } };
  await page.goto("/profile");
  await logOut(page);
  await openProfile(page, anna, codeFor);
  expect((await page.request.post("/api/auth/verify_code/", tokens)).status()).toBe(200);
  await visit("/profile", "profile, a new device");
  await visit("/account", "account, a new device");
  await page.getByRole("button", { name: "Завершить все остальные сеансы" }).click();
  await expect(page.getByText("Остальные сеансы завершены")).toBeVisible();
  await look(page, "account, others ended");
  await visit("/account/email", "add a mailbox");
  const annasEmail = `anna${anna.slice(1)}@example.com`;
  await page.getByLabel("Электронная почта").fill(annasEmail);
  await page.getByRole("button", { name: "Отправить коды" }).click();
  await page
    .getByLabel(/Код, который пришёл на/)
    .first()
    .fill(await codeFor(anna));
  await page
    .getByLabel(/Код, который пришёл на/)
    .last()
    .fill(await codeFor(annasEmail));
  await page.getByRole("button", { name: "Подтвердить" }).click();
  await expect(page.getByText("теперь ваш адрес почты")).toBeVisible();

  const { page: telephone } = await signUp(
    (await context.browser()?.newContext({ baseURL: new URL(page.url()).origin, locale: "ru-RU" })) ?? context,
    anna,
    codeFor,
  );
  await telephone.setViewportSize(page.viewportSize() ?? { width: 360, height: 720 });
  await telephone.goto("/account/delete");
  await expect(telephone.getByText("Это устройство ещё не подтверждено")).toBeVisible();
  await look(telephone, "delete the account, later");
  await telephone.getByRole("button", { name: "Получить код для удаления" }).click();
  await telephone.getByLabel("Код из сообщения").fill(await codeFor(anna));
  await telephone.getByRole("button", { name: "Удалить навсегда" }).click();
  await expect(telephone.getByText("Запрос принят")).toBeVisible();
  await look(telephone, "account, a deletion that waits, as who asked for it sees it");
  await telephone.getByRole("link", { name: "Не ждать" }).click();
  await expect(telephone.getByRole("heading", { name: "Удалить аккаунт сейчас" })).toBeVisible();
  await look(telephone, "delete the account without waiting");
  await telephone.getByRole("button", { name: "Отправить коды" }).click();
  await expect(telephone.getByLabel(/Код, который пришёл на/)).toHaveCount(2);
  await look(telephone, "delete the account without waiting, codes");
  await codeFor(anna);
  await visit("/profile", "profile, a deletion that waits");
  await page.getByRole("button", { name: "Отменить" }).click();
  await expect(page.getByText("Отменили")).toBeVisible();
  await look(page, "account, a deletion that was cancelled");
  await telephone.context().close();

  await visit("/account/history", "history");
  await visit("/account/delete", "delete the account");
  await page.getByRole("button", { name: "Получить код для удаления" }).click();
  await page.getByLabel("Код из сообщения").fill(await codeFor(anna));
  await look(page, "delete the account, code");
  await page.getByRole("button", { name: "Удалить навсегда" }).click();
  await expect(page.getByRole("heading", { name: "Аккаунт удалён" })).toBeVisible();
  await look(page, "account deleted");
}

/** Visits every page of the console and of applications in every state. */
async function visitConsole({
  context,
  page,
  freshPhone,
  administratorPhone,
  codeFor,
  look,
  visit,
}: Tour): Promise<void> {
  const invite = await openProfile(page, freshPhone(), codeFor);
  await context.clearCookies();
  // The console's charts and its list of inviters show an activation.
  await activate(page, freshPhone(), codeFor, invite);
  await context.clearCookies();
  const administratorsCode = await openProfile(page, administratorPhone, codeFor);
  await visit("/admin", "console, closed");
  await page.getByRole("button", { name: "Прислать код" }).click();
  await expect(page.getByLabel("Код из сообщения")).toBeVisible();
  await look(page, "console, code");
  await enterConsoleCode(page, await codeFor(administratorPhone));
  await look(page, "console, today");
  await visit("/admin?period=quarter", "console, today, a longer period");
  await page.getByText("Таблица").first().click();
  await page.getByRole("button", { name: "Отправить себе пробное сообщение через" }).first().click();
  await expect(page.getByRole("status")).toBeVisible();
  await look(page, "console, today, a sender that was tried");
  await visit("/admin/people", "console, people");
  await page.getByLabel("Найти человека").fill(administratorsCode);
  await page.getByRole("button", { name: "Найти" }).click();
  await expect(page.getByRole("heading", { name: "Аккаунт" })).toBeVisible();
  await look(page, "console, a person");
  await page.getByRole("button", { name: "показать целиком" }).click();
  await expect(page.getByText("Просмотр записан")).toBeVisible();
  await look(page, "console, a person, number shown");
  const person = new URL(page.url()).pathname;
  await visit(`${person}/end-sessions`, "console, an act");
  await page.getByRole("button", { name: "Завершить" }).click();
  await expect(page.getByText("Напишите причину.")).toBeVisible();
  await look(page, "console, an act without a reason");
  await visit(`${person}/change-phone`, "console, an act with a box");
  await visit("/admin/people?found=", "console, nothing found");
  await visit("/admin/people?found=1", "console, a person found");
  await visit("/admin/people?country=7&malformed=inviter", "console, people by country, with an error");
  await visit("/admin/deliveries", "console, deliveries");
  await visit("/admin/referrals", "console, referrals");
  await visit("/admin/referrals?period=day&malformed=from", "console, referrals by hour, with an error");
  await visit(person.replace("people", "referrals"), "console, a tree");
  await visit("/admin/signals", "console, signals");
  await visit("/admin/signals?state=held", "console, held inviters");
  await visit("/admin/audit?kind=administrator", "console, audit log");
  await visit("/admin/audit?actor=1&kind=command_line", "console, an empty list");
  await visit("/admin/people/import", "console, an import");
  const rows = `phone;inviter;note\n${freshPhone()};;a\nnothing;;b\n`;
  await page.getByLabel("Файл").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await page.getByRole("button", { name: "Проверить файл" }).click();
  await expect(page.getByRole("heading", { name: "Проверен", exact: true })).toBeVisible();
  await look(page, "console, an import that was checked");
  await visit("/admin/test-numbers", "console, test numbers");
  await visit("/admin/test-numbers/new", "console, a new test number");
  await page.getByLabel("Номер", { exact: true }).fill(freshPhone());
  await page.getByRole("button", { name: "Завести" }).click();
  await expect(page.getByText("Напишите причину.")).toBeVisible();
  await look(page, "console, a new test number without a reason");
  await page.getByLabel("Причина").fill("проверка приложения в магазине");
  await page.getByLabel("Для чего номер").fill("Магазин приложений");
  await page.getByRole("button", { name: "Завести" }).click();
  await expect(page.getByText("Тестовый номер заведён")).toBeVisible();
  await look(page, "console, test numbers, one made");
  await page
    .getByRole("link", { name: /Отключить/ })
    .first()
    .click();
  await expect(page.getByRole("heading", { name: "Отключить тестовый номер" })).toBeVisible();
  await look(page, "console, end a test number");
  await visit("/admin/clients/new", "console, a new application");
  await page.getByLabel("Адреса возврата").fill("http://shop.example/callback");
  await page.getByRole("button", { name: "Добавить", exact: true }).click();
  await expect(page.getByText("Этот адрес не подходит")).toBeVisible();
  await look(page, "console, a new application with errors");
  await page.getByLabel("Название").fill("Магазин");
  await page.getByLabel("Адреса возврата").fill("https://shop.example/callback");
  await page.getByLabel("Причина").fill("магазин открылся");
  await page.getByRole("button", { name: "Добавить", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Приложение добавлено" })).toBeVisible();
  await look(page, "console, an application's secret is shown");
  await visit("/admin/clients", "console, applications");
  await page.getByRole("link", { name: "Магазин", exact: true }).first().click();
  await expect(page.getByRole("heading", { name: "Магазин", exact: true })).toBeVisible();
  await look(page, "console, an application");
  const application = new URL(page.url()).pathname;
  for (const act of ["change", "renew-secret", "disable", "remove"])
    await visit(`${application}/${act}`, `console, ${act} an application`);
  const asked = new URLSearchParams({
    client_id: application.split("/").at(-1) ?? "",
    redirect_uri: "https://shop.example/callback",
    response_type: "code",
    scope: "openid",
    code_challenge: "x".repeat(43),
    code_challenge_method: "S256",
  });
  await visit(`/oauth/authorize?${asked}`, "an application asks for consent");
  await expect(page.getByRole("button", { name: "Разрешить", exact: true })).toBeVisible();
  await visit(`/oauth/authorize?${asked}&prompt=login&invite=${invite}`, "login for an application, invited");
  await expect(page.getByText(`Новый аккаунт сразу активирует код ${invite}`)).toBeVisible();
  await visit("/oauth/refused?reason=expired", "a login for an application that is over");
  await visit("/oauth/refused?reason=client_unknown", "a request of an unknown application");
  await visit("/admin/webhooks", "console, webhooks");
  await visit("/admin/webhooks/new", "console, a new endpoint");
  await page.getByLabel("session.opened").check();
  await page.getByRole("button", { name: "Добавить", exact: true }).click();
  await expect(page.getByText("Отмечены отдельные типы")).toBeVisible();
  await look(page, "console, a new endpoint with errors");
  await page.getByLabel("Только отмеченные").check();
  await page.getByLabel("Адрес").fill("https://shop.example/hooks");
  await page.getByLabel("Для чего").fill("Магазин");
  await page.getByLabel("Причина").fill("магазин следит за аккаунтами");
  await page.getByRole("button", { name: "Добавить", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Получатель добавлен" })).toBeVisible();
  await look(page, "console, secrets are shown");
  await visit("/admin/webhooks", "console, webhooks, one endpoint");
  await page.getByRole("link", { name: "https://shop.example/hooks" }).first().click();
  await page.getByRole("button", { name: "Отправить пробное событие" }).click();
  await expect(page.getByText("Пробное событие отправляется")).toBeVisible();
  const endpoint = new URL(page.url()).pathname;
  await expect(async () => {
    await page.goto(endpoint);
    await expect(page.getByText("ждёт повтора")).toBeVisible({ timeout: 1000 });
  }).toPass();
  await look(page, "console, an endpoint");
  await visit(
    `${endpoint}?state=failed&malformed=from`,
    "console, an endpoint's deliveries with a filter and an error",
  );
  for (const act of ["change", "pause", "rotate", "replay", "delete"])
    await visit(`${endpoint}/${act}`, `console, ${act} an endpoint`);
  await page.goto(endpoint);
  await page.getByRole("link", { name: "Подробнее: webhook.test" }).click();
  await expect(page.getByRole("heading", { name: "Попытки" })).toBeVisible();
  await look(page, "console, a delivery");
  await visit("/admin/keys", "console, keys");
  await visit("/admin/keys/new", "console, a new key");
  await page.getByRole("button", { name: "Создать ключ" }).click();
  await expect(page.getByText("Отметьте хотя бы одно право")).toBeVisible();
  await look(page, "console, a new key with errors");
  await page.getByLabel("Для чего ключ").fill("Магазин");
  await page.getByLabel("accounts:read").check();
  await page.getByLabel("Причина").fill("магазин следит за аккаунтами");
  await page.getByRole("button", { name: "Создать ключ" }).click();
  await expect(page.getByRole("heading", { name: "Ключ создан: Магазин" })).toBeVisible();
  await look(page, "console, a key is shown");
  await visit("/admin/keys", "console, keys, one made");
  await page
    .getByRole("link", { name: /Отозвать/ })
    .first()
    .click();
  await expect(page.getByRole("heading", { name: "Отозвать ключ API" })).toBeVisible();
  await look(page, "console, revoke a key");
  await visit("/admin/settings", "console, settings");
  const stranger = freshPhone();
  await page.request.post("/api/auth/request_code/", { data: { phone: stranger } });
  await page.getByLabel("Найти человека").fill(stranger);
  await page.getByRole("button", { name: "Найти" }).click();
  await expect(page.getByRole("heading", { name: "Что происходило" })).toBeVisible();
  await look(page, "console, a recipient without an account");
  await visit(`${new URL(page.url()).pathname}/lift-limits`, "console, an act on a recipient");
}

const MOBILE_SIZE = { width: 360, height: 720 };
const DESKTOP_SIZE = { width: 1280, height: 720 };

/** Whether the page fits into the width of a mobile screen. */
async function expectFit(page: Page, name: string) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, name).toBeLessThanOrEqual(MOBILE_SIZE.width);
}

/** Opens the same address in English, in the tab that is for it. */
async function expectFitInEnglish(english: Page, url: string, name: string) {
  await english.context().addCookies([{ name: "sarafan-locale", value: "en", url }]);
  await english.goto(url);
  await expect(english.locator("html"), name).toHaveAttribute("lang", "en");
  await expectFit(english, `${name}, in English`);
  await english.context().clearCookies({ name: "sarafan-locale" });
}

/** Ends all transitions, because axe would judge a colour half-way to another one. */
async function finishTransitions(page: Page) {
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
  });
}

async function expectNoSeriousProblems(page: Page, name: string) {
  await page.evaluate(axe);
  await finishTransitions(page);
  expect(await findSeriousProblems(page, RULES), name).toEqual([]);
  await page.emulateMedia({ colorScheme: "dark" });
  await finishTransitions(page);
  expect(await findSeriousProblems(page, COLOUR_RULES), `${name}, dark`).toEqual([]);
  await page.emulateMedia({ colorScheme: "light" });
}

for (const [whose, tour] of [
  ["of people", visitPagesOfPeople],
  ["of the console and of applications", visitConsole],
] as const) {
  test(`axe finds nothing serious on any page ${whose}, light or dark, and no page is wider than 360 px, fetches anything from elsewhere, breaks in the browser's console or does what its policy forbids`, async ({
    browser,
    freshPhone,
    administratorPhone,
    codeFor,
    baseURL,
  }) => {
    test.setTimeout(10 * 60_000);
    const context = await browser.newContext({
      baseURL: baseURL ?? "",
      viewport: MOBILE_SIZE,
      isMobile: true,
      hasTouch: true,
      locale: "ru-RU",
    });
    const elsewhere: string[] = [];
    const complaints: string[] = [];
    context.on("request", (request) => {
      if (!request.url().startsWith(baseURL ?? "") && !request.url().startsWith("data:")) elsewhere.push(request.url());
    });
    context.on("console", (message) => {
      // The browser logs an error for each page that is not found, and for those that refuse an application's request.
      const isRefusal = message.text().includes("404") || message.location().url.includes("/oauth/refused?");
      if (message.type() === "error" && !isRefusal) complaints.push(message.text());
    });
    context.on("weberror", (error) => complaints.push(String(error.error())));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, sample }) => {
        // biome-ignore lint/suspicious/noConsole: the page reports to the test this way.
        console.error(`forbidden: ${violatedDirective} ${blockedURI} ${sourceFile} ${sample}`);
      });
    });
    const english = await context.newPage();
    const page = await context.newPage();
    const look: Tour["look"] = async (seen, name) => {
      await expect(seen, name).toHaveTitle(/\S/);
      await expectFit(seen, name);
      await expectFitInEnglish(english, seen.url(), name);
      await seen.setViewportSize(DESKTOP_SIZE);
      await expectNoSeriousProblems(seen, name);
      await seen.setViewportSize(MOBILE_SIZE);
    };
    const visit: Tour["visit"] = async (path, name = path) => {
      await page.goto(path);
      await look(page, name);
    };
    await tour({ context, page, freshPhone, administratorPhone, codeFor, look, visit });
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  });
}
