import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { Page } from "playwright/test";
import { type Application, startApplication } from "../applications";
import { test as base, expect, type Server } from "../fixtures";
import { logInByRequests, openProfile, readInviteCode } from "./journeys";

/** An application with a page for people who have logged out, and an address for logout notices. */
interface LogoutApplication extends Application {
  /** The queries with which browsers have opened the page for people who have logged out. */
  farewells: string[];
  /** The logout tokens that the application got. */
  notices: string[];
  /** The address of the page, and that of a page with this content. */
  farewellUri: string;
  pageWith: (content: string) => string;
}

const test = base.extend<{ newApplication: () => Promise<LogoutApplication> }>({
  newApplication: async ({ server }, use) => {
    const ends: (() => void)[] = [];
    await use(async () => {
      const farewells: string[] = [];
      const notices: string[] = [];
      const site = createServer(async (request, response) => {
        const { pathname, search, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
        if (pathname === "/notices") notices.push(new URLSearchParams(await text(request)).get("logout_token") ?? "");
        if (pathname === "/farewell") farewells.push(search);
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        response.end(pathname === "/page" ? searchParams.get("content") : "<!doctype html><h1>Farewell</h1>");
      });
      site.listen(0, "127.0.0.1");
      await once(site, "listening");
      const url = `http://127.0.0.1:${(site.address() as { port: number }).port}`;
      const farewellUri = `${url}/farewell`;
      const uris = { postLogoutUris: [farewellUri], backChannelLogoutUri: `${url}/notices` };
      const application = await startApplication(server, "Tea house", uris);
      ends.push(application.stop, () => {
        site.closeAllConnections();
        site.close();
      });
      const pageWith = (content: string) => `${url}/page?${new URLSearchParams({ content })}`;
      return { ...application, farewells, notices, farewellUri, pageWith };
    });
    for (const end of ends) end();
  },
});

/** Logs a person in at the application, which allows it, and returns the tokens that the application got. */
async function logInAt(
  page: Page,
  server: Server,
  application: Application,
  phone: string,
): Promise<{ id_token: string; access_token: string }> {
  const { address, verifier } = application.begin();
  await logInByRequests(page.context(), phone, server.codeFor, server.url);
  await page.goto(address);
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
  await expect(page.getByRole("heading", { name: application.name, exact: true })).toBeVisible();
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: application.answers[0]?.get("code") ?? "",
    redirect_uri: application.redirectUri,
    code_verifier: verifier,
    client_id: application.clientId,
    client_secret: application.clientSecret ?? "",
  });
  const answer = await fetch(`${server.url}/oauth/token`, { method: "POST", body: form });
  expect(answer.status).toBe(200);
  return answer.json();
}

const logoutAddress = (server: Server, parameters: Record<string, string>) =>
  `${server.url}/oauth/logout?${new URLSearchParams(parameters)}`;

async function expectLoggedIn(page: Page, isLoggedIn: boolean): Promise<void> {
  await page.goto("/profile");
  if (isLoggedIn) await readInviteCode(page);
  else await expect(page).toHaveURL(/\/login/);
}

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`an application logs a person out by its ID token, and is told that its tokens are over, ${how}`, async ({
    browser,
    server,
    phone,
    newApplication,
  }) => {
    const tea = await newApplication();
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    const { id_token, access_token } = await logInAt(page, server, tea, phone);
    const claims = () =>
      fetch(`${server.url}/oauth/userinfo`, { headers: { authorization: `Bearer ${access_token}` } });
    expect((await claims()).status).toBe(200);

    const request = { id_token_hint: id_token, post_logout_redirect_uri: tea.farewellUri, state: "a b" };
    await page.goto(logoutAddress(server, request));
    await expect(page.getByRole("heading", { name: "Farewell" })).toBeVisible();
    expect(tea.farewells).toEqual(["?state=a+b"]);
    expect((await claims()).status).toBe(401);
    await expect.poll(() => tea.notices.length).toBe(1);
    const keys = createRemoteJWKSet(new URL(`${server.url}/oauth/jwks`), { timeoutDuration: 60_000 });
    const { payload } = await jwtVerify(id_token, keys);
    const notice = await jwtVerify(tea.notices[0] ?? "", keys, { issuer: server.url, audience: tea.clientId });
    expect(notice.payload).toMatchObject({ sub: payload.sub, sid: payload.sid });
    await expectLoggedIn(page, false);
    // The browser has no session any more, so that there is nothing to ask.
    await page.goto(logoutAddress(server, request));
    expect(tea.farewells).toHaveLength(2);
  });

  test(`a person is asked before a link without a token logs them out, ${how}`, async ({
    browser,
    server,
    phone,
    newApplication,
  }) => {
    const tea = await newApplication();
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await openProfile(page, phone, server.codeFor);
    const request = { client_id: tea.clientId, post_logout_redirect_uri: tea.farewellUri, state: "kept" };
    await page.goto(logoutAddress(server, request));
    await expect(page.getByText("После этого вы вернётесь в приложение «Tea house».")).toBeVisible();
    await page.getByRole("link", { name: "Не выходить" }).click();
    await readInviteCode(page);
    await page.goto(logoutAddress(server, request));
    await page.getByRole("button", { name: "Выйти", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Farewell" })).toBeVisible();
    expect(tea.farewells).toEqual(["?state=kept"]);
    await expectLoggedIn(page, false);
  });

  test(`a person withdraws the access of an application, which is told, ${how}`, async ({
    browser,
    server,
    phone,
    newApplication,
  }) => {
    const tea = await newApplication();
    const page = await browser.newPage({ javaScriptEnabled, baseURL: server.url });
    await logInAt(page, server, tea, phone);
    await page.goto("/account");
    const section = page.getByRole("region", { name: "Приложения с доступом" });
    await expect(section.getByText("Tea house")).toBeVisible();
    await expect(section.getByRole("listitem").filter({ hasText: "ваш номер телефона" })).not.toHaveCount(0);
    await section.getByRole("button", { name: "Отозвать доступ приложения «Tea house»" }).click();
    await expect(page.getByText("Доступ отозван")).toBeVisible();
    await expect(section).toBeHidden();
    await expect.poll(() => tea.notices.length).toBe(1);
    await page.goto("/account/history");
    await expect(page.getByText("Вы отозвали доступ приложения «Tea house»")).toBeVisible();
    await expect(page.getByText(/Вы разрешили приложению «Tea house» узнать: .*ваш номер телефона/)).toBeVisible();
    await page.goto(tea.begin().address);
    await expect(page.getByRole("button", { name: "Разрешить", exact: true })).toBeVisible();
  });
}

test("a form of an application asks the person, and its ID token comes into no address", async ({
  page,
  server,
  phone,
  newApplication,
}) => {
  const tea = await newApplication();
  const { id_token } = await logInAt(page, server, tea, phone);
  const visited: string[] = [];
  page.on("request", (request) => visited.push(request.url()));
  const fields = { id_token_hint: id_token, post_logout_redirect_uri: tea.farewellUri, state: "kept" };
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
  await page.goto(
    tea.pageWith(`<form method="post" action="${server.url}/oauth/logout">${inputs.join("")}<button>Log out</button>`),
  );
  visited.length = 0;
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Выйти", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Farewell" })).toBeVisible();
  expect(tea.farewells).toEqual(["?state=kept"]);
  for (const address of visited) expect(address).not.toContain(id_token);
  await expectLoggedIn(page, false);
});

test("a page of another site logs no visitor out in a picture or a frame", async ({
  page,
  server,
  phone,
  newApplication,
}) => {
  const tea = await newApplication();
  const { id_token } = await logInAt(page, server, tea, phone);
  const address = logoutAddress(server, { id_token_hint: id_token });
  const statuses: number[] = [];
  page.on("response", (response) => {
    if (response.url().startsWith(`${server.url}/oauth/logout`)) statuses.push(response.status());
  });
  await page.goto(tea.pageWith(`<img src="${address}"><iframe src="${address}"></iframe>`));
  await expect.poll(() => statuses).toEqual([403, 403]);
  await expectLoggedIn(page, true);
});

test("a request for a logout that makes no sense leads to no address of it, and ends nothing", async ({
  page,
  server,
  phone,
  newApplication,
}) => {
  const tea = await newApplication();
  await openProfile(page, phone, server.codeFor);
  const known = { client_id: tea.clientId };
  for (const [parameters, reason] of [
    [{ ...known, post_logout_redirect_uri: `${tea.farewellUri}/other` }, "post_logout_redirect_uri_unknown"],
    [{ post_logout_redirect_uri: tea.farewellUri }, "client_unknown"],
    [{ ...known, id_token_hint: "x.y.z" }, "id_token_hint_invalid"],
  ] as const) {
    const answered = page.waitForResponse(logoutAddress(server, parameters));
    await page.goto(logoutAddress(server, parameters));
    const answer = await answered;
    expect([answer.status(), answer.headers()["sarafan-error"]]).toEqual([400, reason]);
    await expect(page.getByText(`(${reason})`)).toBeVisible();
  }
  await page.getByRole("link", { name: "Выйти" }).click();
  await page.getByRole("button", { name: "Выйти", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Вы вышли" })).toBeVisible();
  expect(tea.farewells).toEqual([]);
  await expectLoggedIn(page, false);
});

test("the page that says that a person is logged out asks one who is logged in", async ({ page, server, phone }) => {
  await openProfile(page, phone, server.codeFor);
  await page.goto("/oauth/logout/done");
  await expect(page).toHaveURL(/\/oauth\/logout\/confirm$/);
  await expect(page.getByRole("heading", { name: "Выйти?" })).toBeVisible();
  await page.getByRole("button", { name: "Выйти", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Вы вышли" })).toBeVisible();
  await expectLoggedIn(page, false);
});
