import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright/test";
import { askByMail, confirmByMail, expectAnswer, freshEmail, logInByMail, logInWithTokens, post } from "../api/clients";
import { openScriptless } from "../api/scriptless";
import { expect, type Server, test } from "../fixtures";
import { inAnyGroups, logIn, logOut, maskOf, openConsole, openProfile, readInviteCode, signUp } from "./journeys";

const BLOCKED = "Аккаунт заблокирован.";

const CONSOLE_PAGES = [
  "/admin",
  "/admin?period=week",
  "/admin/enter",
  "/admin/people",
  "/admin/people?found=1",
  "/admin/people?country=7",
  "/admin/deliveries",
  "/admin/audit?kind=administrator",
  "/admin/people/1",
  "/admin/people/import",
  "/admin/people/import/1",
  "/admin/people/1/end-sessions",
  `/admin/recipients/${"A".repeat(43)}`,
  `/admin/recipients/${"A".repeat(43)}/lift-limits`,
  "/admin/people/1/no-such-act",
  "/admin/referrals",
  "/admin/referrals?period=week",
  "/admin/referrals/1",
  "/admin/signals",
  "/admin/signals?state=held",
  "/admin/people/1/review-signals",
  "/admin/test-numbers",
  "/admin/test-numbers/new",
  "/admin/test-numbers/1/end",
  "/admin/clients",
  "/admin/clients/new",
  `/admin/clients/${"0".repeat(24)}`,
  `/admin/clients/${"0".repeat(24)}/remove`,
  `/admin/clients/${"0".repeat(24)}/no-such-act`,
  "/admin/webhooks",
  "/admin/webhooks/new",
  `/admin/webhooks/we_${"A".repeat(22)}`,
  `/admin/webhooks/we_${"A".repeat(22)}/replay?state=failed`,
  `/admin/webhooks/we_${"A".repeat(22)}/no-such-act`,
  `/admin/webhooks/we_${"A".repeat(22)}/deliveries/msg_${"A".repeat(22)}`,
  "/admin/keys",
  "/admin/keys/new",
  "/admin/keys/1/revoke",
  "/admin/settings",
];

const CONSOLE_FILES = [
  "/api/admin/people",
  "/api/admin/referrals",
  "/api/admin/deliveries?state=failed",
  "/api/admin/audit",
  "/api/admin/imports",
  "/api/admin/other",
];

/**
 * What a person and a robot see of a page: its status, headers, title and texts, without the data for Next.js's script and without
 * the header `Link`, which React adds to pages that it renders at the request.
 */
async function readAnswer(page: Page, path: string) {
  const answer = await page.request.get(path, { maxRedirects: 0 });
  const { date, "x-request-id": _id, "content-security-policy": policy, link: _link, ...headers } = answer.headers();
  const html = (await answer.text()).replace(/<script[\s\S]*?<\/script>/g, "");
  const title = /<title>(.*?)<\/title>/.exec(html)?.[1];
  const isIndexed = !/<meta name="robots" content="noindex/.test(html);
  const texts = html.slice(html.indexOf("<body")).replace(/<[^>]+>/g, " ");
  return { status: answer.status(), headers, policy: policy?.replace(/nonce-[^']+/, "nonce"), title, isIndexed, texts };
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with a script" : "without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator finds a person by the last four digits and looks at the number, which the person sees", async ({
      browser,
      page,
      phone,
      codeFor,
      administratorPhone,
    }) => {
      const context = await browser.newContext({ javaScriptEnabled, locale: "ru-RU" });
      const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
      await openConsole(page, administratorPhone, codeFor);
      await expect(page).toHaveURL(/\/admin$/);

      await page.getByLabel("Найти человека").fill("нет такого");
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page.getByText("Никого не нашлось")).toBeVisible();
      await page.getByLabel("Найти человека").fill(phone.slice(-4));
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page).toHaveURL(/\/admin\/people(\/\d+|\?found=[\d.]+)$/);
      await page.goto("/admin/people");
      await page.getByLabel("Найти человека").fill(inviteCode);
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page).toHaveURL(/\/admin\/people\/\d+$/);
      await expect(page.getByRole("heading", { level: 1 })).toContainText(maskOf(phone));

      await page.getByRole("button", { name: "показать целиком" }).click();
      await expect(page.getByText("Просмотр записан в журнал")).toBeVisible();
      const digits = (await page.getByRole("heading", { level: 1 }).textContent())?.replace(/\D/g, "");
      expect(`+${digits}`).toBe(phone);

      await personsPage.goto("/account/history");
      await expect(personsPage.getByText("Администратор посмотрел номер и почту целиком")).toBeVisible();
      await context.close();
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "today with a script" : "today without a script", () => {
    test.use({ javaScriptEnabled });

    test("the console begins with an answer, its figures in tables, and an administrator tries a sender", async ({
      page,
      codeFor,
      administratorPhone,
    }) => {
      await openConsole(page, administratorPhone, codeFor);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Сегодня");
      await expect(page.locator("[data-answer]")).toContainText("За последние 24 часа");
      await page.getByRole("link", { name: "7 дней" }).click();
      await expect(page).toHaveURL(/\/admin\?period=week$/);
      await expect(page.locator("[data-answer]")).toContainText("За 7 дней");
      const funnel = page.getByRole("table", { name: "От запроса кода до приглашения" });
      await expect(funnel.getByRole("row", { name: /^Код запрошен/ })).toBeVisible();
      await expect(funnel.getByRole("row", { name: /^Приглашение активировано/ })).toBeVisible();
      await expect(page.getByRole("img", { name: /^За 90 дней новых аккаунтов: / })).toBeVisible();
      const days = page.getByRole("table", { name: "Новые аккаунты за 90 дней" });
      await expect(days).toBeHidden();
      await page.getByRole("region", { name: "Новые аккаунты за 90 дней" }).getByText("Таблица").click();
      await expect(days.getByRole("row")).toHaveCount(91);

      await page.getByRole("button", { name: "Отправить себе пробное сообщение через console" }).click();
      await expect(page.getByRole("status")).toHaveText("console принял сообщение. Пришло ли оно, видно на телефоне.");
      await expect(page).toHaveURL(/\/admin\?period=week&tried=console$/);
      const digits = await codeFor(administratorPhone);
      expect(digits).toMatch(/^\d{4,}$/);
      await page.goto("/account/history");
      await expect(page.getByText("Вы проверили отправителя")).toBeVisible();
      await page.goto("/admin/audit?action=sender_tried");
      await expect(page.getByRole("cell", { name: "console", exact: true }).first()).toBeVisible();
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "acts with a script" : "acts without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator ends a person's sessions, lifts a wait, changes the mailbox and deletes the account, each with a reason", async ({
      browser,
      page,
      phone,
      codeFor,
      administratorPhone,
    }) => {
      const context = await browser.newContext({ javaScriptEnabled, locale: "ru-RU" });
      const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
      await openConsole(page, administratorPhone, codeFor, "/admin/people");
      await page.getByLabel("Найти человека").fill(inviteCode);
      await page.getByRole("button", { name: "Найти" }).click();
      await page.getByRole("link", { name: "Завершить сеансы" }).click();
      await page.getByRole("button", { name: "Завершить" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("телефон украден");
      await page.getByRole("button", { name: "Завершить" }).click();
      await expect(page.getByText("Сеансы завершены.")).toBeVisible();

      await personsPage.goto("/profile");
      await expect(personsPage).toHaveURL(/\/login/);
      await openProfile(personsPage, phone, codeFor);
      await personsPage.goto("/account/history");
      await expect(personsPage.getByText("Администратор завершил сеансы: 1 сеанс")).toBeVisible();
      await expect(personsPage.getByText("украден")).toHaveCount(0);

      const act = async (link: string, button: string, fill: () => Promise<void> = async () => {}) => {
        await page.getByRole("link", { name: link }).click();
        await fill();
        await page.getByLabel("Причина").fill("по просьбе человека");
        await page.getByRole("button", { name: button }).click();
      };
      await act("Снять ожидание", "Снять ожидание");
      await expect(page.getByText("Ожидание снято: код можно запросить сейчас.")).toBeVisible();
      await act("Изменить номер", "Изменить номер");
      await expect(page.getByText("Введите новый номер или отметьте, что прежний нужно убрать.")).toBeVisible();
      await page.getByLabel("Убрать номер").check();
      await page.getByRole("button", { name: "Изменить номер" }).click();
      await expect(page.getByText("У аккаунта должен остаться номер или почта.")).toBeVisible();
      await page.getByLabel("Новый номер").fill("не номер");
      await page.getByRole("button", { name: "Изменить номер" }).click();
      await expect(page.getByText("Введите новый номер или отметьте «Убрать номер»")).toBeVisible();
      await page.getByLabel("Убрать номер").uncheck();
      await page.getByRole("button", { name: "Изменить номер" }).click();
      await expect(page.getByText("Это не номер телефона.")).toBeVisible();
      await expect(page.getByLabel("Новый номер")).toHaveValue("не номер");
      await expect(page.getByLabel("Причина")).toHaveValue("по просьбе человека");
      await page.getByRole("link", { name: "Назад, к человеку" }).click();
      await act("Изменить почту", "Изменить почту", () =>
        page.getByLabel("Новый адрес").fill(`${inviteCode.toLowerCase()}@mail.example`),
      );
      await expect(page.getByText("Почта изменена.")).toBeVisible();
      await act("Удалить", "Удалить навсегда");
      await expect(page.getByText("Аккаунт удалён.")).toBeVisible();
      await personsPage.goto("/profile");
      await expect(personsPage).toHaveURL(/\/login/);
      await context.close();
    });
  });
}

test("a file of accounts is taken from an administrator's open console alone, and from no other site", async ({
  page,
  phone,
  codeFor,
  administratorPhone,
}) => {
  const file = { name: "people.csv", mimeType: "text/csv", buffer: Buffer.from("phone\n") };
  const send = (headers: Record<string, string> = {}) =>
    page.request.post("/api/admin/imports", { multipart: { file }, headers, maxRedirects: 0 });
  await openProfile(page, phone, codeFor);
  expect((await send()).status()).toBe(404);
  await logOut(page);
  await openProfile(page, administratorPhone, codeFor);
  expect((await send()).headers().location).toMatch(/^\/admin\/enter/);
  await logOut(page);
  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  expect((await send({ Origin: "https://other.example" })).status()).toBe(403);
  expect((await send()).headers().location).toMatch(/^\/admin\/people\/import\/\d+$/);
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "an import with a script" : "an import without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator checks a file of accounts, and imports it with a reason", async ({
      page,
      freshPhone,
      codeFor,
      administratorPhone,
    }) => {
      const [inviter, invitee] = [freshPhone(), freshPhone()];
      await openConsole(page, administratorPhone, codeFor, "/admin/people");
      await page.getByRole("link", { name: "Перенести аккаунты из файла" }).click();
      const folder = mkdtempSync(path.join(tmpdir(), "sarafan-import-"));
      // The browser reads a file much faster than it gets one from the test.
      const file = path.join(folder, "people.csv");
      const chooseFile = async (text: string) => {
        writeFileSync(file, text);
        await page.getByLabel("Файл").setInputFiles(file);
        await page.getByRole("button", { name: "Проверить файл" }).click();
      };
      await page.getByRole("button", { name: "Проверить файл" }).click();
      await expect(page.getByText("Выберите файл.")).toBeVisible();
      await chooseFile(`phone\n${"x".repeat(21 * 1024 * 1024)}\n`);
      await expect(page.getByText("Файл больше 20 МБ.")).toBeVisible();
      const phones = [invitee, inviter, administratorPhone];
      await chooseFile(`phone;inviter;note\n${invitee};${inviter};a\nnothing;;b\n${inviter};;c\n${phones[2]};;d\n`);
      // The page loads itself again until the check has ended.
      await expect(page.getByRole("heading", { name: "Проверен", exact: true })).toBeVisible();
      await expect(page.getByText("Столбцы, которые не читаются: note")).toBeVisible();
      const counts = page.getByRole("definition");
      await expect(counts).toHaveText(["2", "1", "1"]);
      const results = page.getByRole("row");
      await expect(results).toHaveText([/Строка/, /2.*Новые/, /3.*не номер/, /4.*Новые/, /5.*Уже есть/]);
      await page.getByRole("button", { name: "Перенести", exact: true }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("переезд");
      await page.getByRole("button", { name: "Перенести", exact: true }).click();
      await expect(page.getByRole("heading", { name: "Перенесён", exact: true })).toBeVisible();
      await expect(counts).toHaveText(["2", "1", "1"]);
      await page.getByRole("link", { name: "Отклонённые строки" }).click();
      await expect(results).toHaveText([/Строка/, /3.*не номер/]);
      await page.getByLabel("Найти человека").fill(invitee);
      await page.getByRole("button", { name: "Найти" }).click();
      await expect(page).toHaveURL(/\/admin\/people\/\d+$/);
      await expect(page.getByText(maskOf(invitee)).first()).toBeVisible();
      rmSync(folder, { recursive: true });
    });
  });
}

test("a blocked account's devices are logged out, and each API and page says that it is blocked only after the right code", async ({
  browser,
  page,
  server,
  phone,
  freshPhone,
  newClient,
  codeFor,
  administratorPhone,
}) => {
  const registering = await newClient();
  await post(registering, "/api/verification_phone/send_code", { phone_number: phone });
  const registrationCode = await codeFor(phone);
  const context = await browser.newContext({ locale: "ru-RU" });
  const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
  const application = await logInWithTokens(newClient, phone, server);
  const byMail = await logInByMail(newClient, { phone: freshPhone(), email: freshEmail() }, server);

  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  for (const term of [inviteCode, byMail.inviteCode]) {
    await page.getByLabel("Найти человека").fill(term);
    await page.getByRole("button", { name: "Найти" }).click();
    await expect(page.getByText(term, { exact: true }).first()).toBeVisible();
    await page.getByRole("link", { name: "Заблокировать" }).click();
    await page.getByLabel("Причина").fill("продаёт аккаунты");
    await page.getByRole("button", { name: "Заблокировать" }).click();
    await expect(page.getByText("Аккаунт заблокирован, сеансы завершены.")).toBeVisible();
    await expect(page.getByRole("link", { name: "Разблокировать" })).toBeVisible();
  }

  expect((await application.client.get("/api/profile_back/")).status()).toBe(401);
  const refreshed = await (await newClient()).post("/api/auth/refresh_token/", {
    data: { refresh: application.refresh },
  });
  expect(refreshed.status()).toBe(401);
  await personsPage.goto("/profile");
  await expect(personsPage).toHaveURL(/\/login/);

  const [v1, enter, bearer, mail] = [await newClient(), await newClient(), await newClient(), await newClient()];
  await post(v1, "/api/v1/login/", { phone_number: phone });
  const v1Code = { verification_code: await codeFor(phone) };
  await expectAnswer(v1.post("/api/v1/create_user/", { data: v1Code }), 403, { error: BLOCKED }, "account_blocked");
  await post(enter, "/api/enter_phone/", { phone });
  const enterCode = { verification_code: await codeFor(phone) };
  await expectAnswer(enter.post("/api/enter_code/", { data: enterCode }), 403, { error: BLOCKED }, "account_blocked");
  await post(bearer, "/api/auth/request_code/", { phone });
  const bearerCode = { phone, code: await codeFor(phone) };
  const answer = bearer.post("/api/auth/verify_code/", { data: bearerCode });
  await expectAnswer(answer, 403, { detail: BLOCKED }, "account_blocked");
  const contact = { phone: byMail.phone, email: byMail.email };
  expect((await askByMail(mail, contact)).status()).toBe(200);
  const mailed = confirmByMail(mail, contact, await codeFor(byMail.email));
  await expectAnswer(mailed, 403, { detail: BLOCKED }, "account_blocked");
  const registered = registering.post("/api/verification_phone/invite_code", {
    data: { phone_number: phone, code: registrationCode },
  });
  await expectAnswer(registered, 403, { detail: "The account is blocked." }, "account_blocked");

  await logIn(personsPage, phone, codeFor);
  await expect(personsPage.getByText(BLOCKED)).toBeVisible();
  await personsPage.goto(`/i/${inviteCode}`);
  await expect(personsPage.getByRole("heading", { name: "Такого кода нет" })).toBeVisible();

  await page.getByLabel("Найти человека").fill(inviteCode);
  await page.getByRole("button", { name: "Найти" }).click();
  await expect(page.getByText(inviteCode, { exact: true }).first()).toBeVisible();
  await page.getByRole("link", { name: "Разблокировать" }).click();
  await page.getByLabel("Причина").fill("ошибка");
  await page.getByRole("button", { name: "Разблокировать" }).click();
  await expect(page.getByText("Аккаунт разблокирован.")).toBeVisible();
  await logIn(personsPage, phone, codeFor);
  expect(await readInviteCode(personsPage)).toBe(inviteCode);
  await context.close();
});

test("a stranger, a person who is logged in, and one who guesses find no console: each address answers as an unknown one", async ({
  page,
  phone,
  codeFor,
}) => {
  const unknown = await readAnswer(page, "/admin-of-another-product");
  for (const path of CONSOLE_PAGES) expect(await readAnswer(page, path), path).toEqual(unknown);
  await openProfile(page, phone, codeFor);
  const whenLoggedIn = await readAnswer(page, "/admin-of-another-product");
  expect(whenLoggedIn.status).toBe(404);
  for (const path of CONSOLE_PAGES) expect(await readAnswer(page, path), path).toEqual(whenLoggedIn);
});

test("a stranger and a person who is logged in find no files of the console: each address answers as an unknown one of an API", async ({
  page,
  phone,
  codeFor,
}) => {
  const answersOf = async (path: string) => {
    const answers = [];
    for (const method of ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]) {
      const answer = await page.request.fetch(path, { method, maxRedirects: 0 });
      const { date, "x-request-id": _id, ...headers } = answer.headers();
      answers.push({ method, status: answer.status(), headers, text: await answer.text() });
    }
    return answers;
  };
  const unknown = await answersOf("/api/nowhere/at-all");
  for (const path of CONSOLE_FILES) expect(await answersOf(path), path).toEqual(unknown);
  await openProfile(page, phone, codeFor);
  for (const path of CONSOLE_FILES) expect(await answersOf(path), path).toEqual(unknown);
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "lists with a script" : "lists without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator filters people by inviter, and downloads exactly these as a file; a phone is in no address", async ({
      newClient,
      server,
      page,
      freshPhone,
      codeFor,
      administratorPhone,
    }) => {
      const [inviter, invitee] = [freshPhone(), freshPhone()];
      const { inviteCode } = await logInWithTokens(newClient, inviter, server);
      const { client } = await logInWithTokens(newClient, invitee, server);
      await post(client, "/api/profile_back/activate_invite/", { code: inviteCode });

      await openConsole(page, administratorPhone, codeFor, "/admin/people");
      await page.getByText("Отбор").click();
      await page.getByLabel("Кто пригласил").fill(inviter);
      await page.getByRole("button", { name: "Показать" }).click();
      await expect(page.getByText("Id аккаунта или код приглашения.")).toBeVisible();
      expect(page.url()).not.toContain(inviter.slice(1));
      await page.getByLabel("Кто пригласил").fill(inviteCode);
      await page.getByRole("button", { name: "Показать" }).click();
      await expect(page).toHaveURL(`/admin/people?inviter=${inviteCode}`);
      await expect(page.getByRole("table").getByRole("link")).toHaveCount(1);
      await expect(page.getByRole("table")).toContainText(maskOf(invitee));

      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Скачать всё в CSV" }).click();
      const file = await (await download).path();
      expect((await download).suggestedFilename()).toMatch(/^people-\d{4}-\d\d-\d\d\.csv$/);
      const [header, ...rows] = readFileSync(file, "utf8").trimEnd().split("\r\n");
      expect(header).toContain(
        '"phone","claimed_phone","email","invite_code","inviter_code","created","activated","blocked"',
      );
      expect(rows).toHaveLength(1);
      expect(rows[0]).toContain(`"'${invitee}"`);

      await page.goto("/admin/audit?action=list_exported");
      await expect(page.getByRole("table")).toContainText(`inviter ${inviteCode}`);
      const foreign = { "sec-fetch-site": "cross-site", "sec-fetch-dest": "document" };
      expect((await page.request.get("/api/admin/audit", { headers: foreign })).status()).toBe(403);
    });
  });
}

test("the code of a login opens no console, and neither does a session that logs in after the console was opened", async ({
  browser,
  page,
  codeFor,
  administratorPhone,
}) => {
  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  const context = await browser.newContext({ locale: "ru-RU" });
  const { page: other } = await signUp(context, administratorPhone, codeFor);
  await other.goto("/admin/people");
  await expect(other).toHaveURL(/\/admin\/enter\?next=%2Fadmin%2Fpeople$/);
  await expect(other.getByRole("navigation", { name: "Разделы панели" })).toHaveCount(0);
  await context.close();
});

/** Adds a mailbox to the account that is logged in on this page. */
async function addMailbox(page: Page, phone: string, email: string, codeFor: (to: string) => Promise<string>) {
  await page.goto("/account/email");
  await page.getByLabel("Электронная почта").fill(email);
  await page.getByRole("button", { name: "Отправить коды" }).click();
  const codes = page.getByLabel(/Код, который пришёл на/);
  await expect(codes).toHaveCount(2);
  await codes.first().fill(await codeFor(phone));
  await codes.last().fill(await codeFor(email));
  await page.getByRole("button", { name: "Подтвердить" }).click();
  await expect(page.getByText("Готово")).toBeVisible();
}

test("forms of the console that a stranger, another person or a session by mail posts are unknown and change nothing", async ({
  browser,
  page,
  server,
  phone,
  freshPhone,
  codeFor,
  administratorPhone,
}) => {
  const context = await browser.newContext({ locale: "ru-RU" });
  const { page: personsPage, inviteCode } = await signUp(context, phone, codeFor);
  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  // The administrator's own account gets a mailbox, and logs in by it.
  const mailbox = await browser.newContext({ locale: "ru-RU" });
  const email = freshEmail();
  await addMailbox(page, administratorPhone, email, codeFor);
  const byMail = await mailbox.newPage();
  await byMail.goto("/login?by=email");
  await byMail.getByLabel("Электронная почта").fill(email);
  await logIn(byMail, administratorPhone, async () => codeFor(email));
  await readInviteCode(byMail);
  const clientOf = async (cookies: { name: string; value: string }[]) => {
    const client = openScriptless(server);
    for (const { name, value } of cookies) client.jar.set(name, value);
    return client;
  };
  const administrator = await clientOf(await page.context().cookies());
  const search = await administrator.readForm("/admin/people", 'name="term"');
  search.set("term", inviteCode);
  const found = await administrator.go("/admin/people", { method: "POST", body: search });
  const person = found.headers.get("location") ?? "";
  expect(person).toMatch(/^\/admin\/people\/\d+$/);
  const endSessions = await administrator.readForm(`${person}/end-sessions`, 'name="reason"');
  endSessions.set("reason", "posted by a stranger");
  const trial = await administrator.readForm("/admin", 'name="sender"');
  const forms = [
    ["/admin", trial],
    ["/admin/people", search],
    [person, await administrator.readForm(person, 'name="id"')],
    [`${person}/end-sessions`, endSessions],
  ] as const;

  const other = await browser.newContext({ locale: "ru-RU" });
  await signUp(other, freshPhone(), codeFor);
  for (const cookies of [[], await other.cookies(), await mailbox.cookies()]) {
    for (const [path, body] of forms) {
      const answer = await (await clientOf(cookies)).go(path, { method: "POST", body });
      expect(answer.status, path).toBe(404);
      const text = await answer.text();
      // The last four digits alone may be part of a file's name or of a nonce.
      for (const known of [inviteCode, maskOf(phone)]) expect(text, path).not.toContain(known);
      expect(text, path).not.toMatch(inAnyGroups(phone));
    }
  }
  await personsPage.goto("/account/history");
  await expect(personsPage.getByText("Администратор завершил сеансы")).toHaveCount(0);
  await expect(personsPage.getByText("Администратор посмотрел номер и почту целиком")).toHaveCount(0);
  await Promise.all([context.close(), other.close(), mailbox.close()]);
});

test("an administrator reads the texts to register, the guess budget and the settings in force, without secrets", async ({
  page,
  server,
  codeFor,
  administratorPhone,
}) => {
  await openConsole(page, administratorPhone, codeFor, "/admin/settings");
  await expect(page.getByText("1234 — код для входа в «Сарафан»")).toBeVisible();
  await expect(page.getByText("Попыток при кодах до 8 цифр")).toBeVisible();
  const setting = (name: string) =>
    page
      .getByRole("term")
      .filter({ hasText: new RegExp(`^${name}$`) })
      .locator("..");
  await expect(setting("ALLOW_DEMO")).toContainText("true");
  await expect(setting("ALLOW_DEMO")).toContainText("окружение");
  await expect(setting("CODE_DIGITS")).toContainText("по умолчанию");
  for (const name of ["AUTH_SECRET", "DATABASE_URL", "ADMIN_PHONES"]) {
    await expect(setting(name)).toContainText("задано, скрыто");
  }
  const html = await page.content();
  for (const secret of [administratorPhone, server.databaseUrl]) expect(html).not.toContain(secret);
});

test("an administrator learns by a request's id whether a code was sent, and by the phone why it was not", async ({
  page,
  codeFor,
  freshPhone,
  administratorPhone,
  newClient,
}) => {
  const client = await newClient();
  const phone = freshPhone();
  const sent = await client.post("/api/auth/request_code/", { data: { phone } });
  expect(sent.status()).toBe(200);
  const premium = "+78091234567";
  expect((await client.post("/api/auth/request_code/", { data: { phone: premium } })).status()).toBe(400);
  await openConsole(page, administratorPhone, codeFor, "/admin/people");
  const find = async (term: string) => {
    await page.getByLabel("Найти человека").fill(term);
    await page.getByRole("button", { name: "Найти" }).click();
    await expect(page).toHaveURL(/\/admin\/recipients\/[\w-]{43}$/);
  };
  await find(sent.headers()["x-request-id"] ?? "");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`Номер, который кончается на ${phone.slice(-2)}`);
  await expect(page.locator("[data-outlook]")).toContainText("Может войти: последний код действует до");
  await expect(page.getByText("Код отправлен")).toBeVisible();

  await page.getByRole("link", { name: "Снять ожидание" }).click();
  await page.getByRole("button", { name: "Снять ожидание" }).click();
  await expect(page.getByText("Напишите причину.")).toBeVisible();
  await page.getByLabel("Причина").fill("по просьбе человека");
  await page.getByRole("button", { name: "Снять ожидание" }).click();
  await expect(page.getByText("Ожидание снято: код можно запросить сейчас.")).toBeVisible();
  expect((await client.post("/api/auth/request_code/", { data: { phone } })).status()).toBe(200);

  await page.goto("/admin/deliveries");
  const link = page.getByRole("link", { name: new RegExp(`··${phone.slice(-2)} RU`) }).first();
  await expect(link).toHaveAttribute("href", /\/admin\/recipients\/[\w-]{43}$/);
  await find(premium);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Номер, который кончается на 67");
  await expect(page.getByText("Код не отправлен: на такие номера коды не отправляются").first()).toBeVisible();
});

/** Signs up an inviter and four people with consecutive phones, who activate the inviter's code. Returns the inviter's phone and id. */
async function signUpMadeUpPeople(
  newClient: Parameters<typeof logInWithTokens>[0],
  freshPhone: () => string,
  server: Server,
) {
  const inviter = await logInWithTokens(newClient, freshPhone(), server);
  for (let invitees = 0; invitees < 4; invitees += 1) {
    const { client } = await logInWithTokens(newClient, freshPhone(), server);
    expect((await post(client, "/api/profile_back/activate_invite/", { code: inviter.inviteCode })).ok()).toBe(true);
  }
  return inviter;
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "signals with a script" : "signals without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator sees who brought most, why the people look made up, and holds the inviter, who doesn't see it", async ({
      page,
      server,
      newClient,
      freshPhone,
      codeFor,
      administratorPhone,
    }) => {
      // Signals are looked for once a minute.
      test.slow();
      const inviter = await signUpMadeUpPeople(newClient, freshPhone, server);
      await openConsole(page, administratorPhone, codeFor, "/admin/signals");
      // Other inviters of the list may have the same masked phone.
      const account = `/admin/people/${inviter.id}`;
      const row = page.getByRole("row").filter({ has: page.locator(`[href="${account}"]`) });
      // A request takes less time than a page.
      const isListed = async () => (await (await page.request.get("/admin/signals")).text()).includes(`"${account}"`);
      await expect.poll(isListed, { timeout: 100_000, intervals: [1000] }).toBe(true);
      await expect(async () => {
        await page.reload();
        await expect(row).toContainText("у 4 из 4 приглашённых номера идут подряд", { timeout: 1000 });
      }).toPass({ timeout: 100_000, intervals: [2000] });
      await expect(row).toContainText(maskOf(inviter.phone));
      await expect(page.getByRole("link", { name: /^Сигналы \d+ открыт/ })).toBeVisible();

      await page.getByRole("link", { name: "Приглашения", exact: true }).click();
      await page.getByRole("link", { name: "24 часа" }).click();
      const brought = page.getByRole("row").filter({ hasText: inviter.inviteCode });
      await expect(brought).toContainText("сигнал");
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Скачать всё в CSV" }).click();
      const lines = readFileSync(await (await download).path(), "utf8").split("\r\n");
      expect(lines[0]).toContain('"id","invite_code","brought","referrals","signals"');
      expect(lines).toContain(`"${inviter.id}","${inviter.inviteCode}","4","4","open"`);
      await brought.getByRole("link", { name: "показать" }).click();
      await expect(page.getByText("По коду этого аккаунта пришли 4 человека")).toBeVisible();

      await page.goto("/admin/signals");
      await row.getByRole("link", { name: "решить" }).click();
      await expect(page.getByText("у 4 из 4 приглашённых номера идут подряд")).toBeVisible();
      await page.getByLabel("Под вопросом").check();
      await page.getByRole("button", { name: "Сохранить решение" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await expect(page.getByLabel("Под вопросом")).toBeChecked();
      await page.getByLabel("Причина").fill("четыре номера подряд");
      await page.getByRole("button", { name: "Сохранить решение" }).click();
      await expect(page.getByText("Решение сохранено.")).toBeVisible();
      await expect(page.getByText("под вопросом", { exact: true })).toBeVisible();
      await page.goto("/admin/signals?state=held");
      await expect(row).toContainText("четыре номера подряд");
      await page.goto(`/admin/people?inviter=${inviter.inviteCode}`);
      await expect(page.getByRole("table").getByRole("link")).toHaveCount(4);
      const { events } = await (await inviter.client.get("/account/export")).json();
      expect(JSON.stringify(events)).not.toContain("signals_reviewed");
    });
  });
}
