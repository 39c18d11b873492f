import type { APIResponse, BrowserContext } from "playwright/test";
import { expect, FEW_TRIES, STRICT, test } from "../fixtures";
import { acceptInvitation, askForCode, logIn, logOut, readInviteCode, signUp, wrongCode } from "./journeys";

/** Posts what NextAuth's own form would post, with the browser's cookies. */
async function postCode(
  context: BrowserContext,
  url: string,
  { phone, code, headers = {} }: { phone: string; code: string; headers?: Record<string, string> },
): Promise<APIResponse> {
  const { csrfToken } = await (await context.request.get(`${url}/api/auth/csrf`)).json();
  return context.request.post(`${url}/api/auth/callback/credentials`, {
    form: { csrfToken, phone, code },
    headers,
    maxRedirects: 0,
  });
}

test("of 50 parallel right codes one opens a session", async ({ context, page, phone, server }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  const { csrfToken } = await (await context.request.get("/api/auth/csrf")).json();
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      fetch(`${server.url}/api/auth/callback/credentials`, {
        method: "POST",
        headers: { cookie },
        body: new URLSearchParams({ csrfToken, phone, code }),
        redirect: "manual",
      }),
    ),
  );
  const sessions = answers.filter((answer) =>
    answer.headers.getSetCookie().some((set) => set.startsWith("sarafan-session=ey")),
  );
  expect(sessions).toHaveLength(1);
});

test("of 20 parallel activations one wins", async ({ browser, freshPhone, server }) => {
  const inviters = await Promise.all(
    [1, 2].map(async () => signUp(await browser.newContext({ baseURL: server.url }), freshPhone(), server.codeFor)),
  );
  const context = await browser.newContext({ baseURL: server.url });
  const { page } = await signUp(context, freshPhone(), server.codeFor);
  const forms: { path: string; multipart: Record<string, string> }[] = [];
  for (const { inviteCode } of inviters) {
    await page.goto(`/i/${inviteCode}`);
    const action = await page
      .locator("main form input[type=hidden]")
      .evaluateAll((inputs) =>
        inputs.map((input) => [input.getAttribute("name") ?? "", input.getAttribute("value") ?? ""]),
      );
    forms.push({ path: `/i/${inviteCode}`, multipart: Object.fromEntries(action) });
  }
  await Promise.all(
    Array.from({ length: 20 }, (_, at) => {
      const { path, multipart } = forms[at % forms.length] ?? { path: "", multipart: {} };
      return context.request.post(path, { multipart, maxRedirects: 0 });
    }),
  );
  const counts: number[] = [];
  for (const { page: invitersPage } of inviters) {
    await invitersPage.reload();
    counts.push(await invitersPage.getByRole("heading", { name: "пришёл 1 человек" }).count());
  }
  expect(counts.sort()).toEqual([0, 1]);
});

test("acknowledged writes survive a power cut", async ({ page, phone, freshPhone, startServer }) => {
  const server = await startServer();
  await page.goto(`${server.url}/login`);
  await logIn(page, phone, server.codeFor);
  const inviteCode = await readInviteCode(page);
  await logOut(page);
  await acceptInvitation(page, inviteCode, server.url);
  await logIn(page, freshPhone(), server.codeFor);
  await readInviteCode(page);
  await server.stop("SIGKILL");
  await server.start();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Вы пришли по приглашению" })).toBeVisible();
});

test("a code does nothing in another browser", async ({ browser, page, phone, server }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  const stranger = await browser.newContext();
  const answer = await postCode(stranger, server.url, { phone, code });
  expect(answer.headers().location).toContain("code=code_not_requested");
  expect(await stranger.cookies()).not.toContainEqual(expect.objectContaining({ name: "sarafan-session" }));
});

test("the limit of attempts holds at NextAuth's own address, too", async ({ context, page, phone, sharedServer }) => {
  const server = await sharedServer(FEW_TRIES);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  const outcomes: (string | undefined)[] = [];
  for (const tried of [wrongCode(code), wrongCode(code), code]) {
    const answer = await postCode(context, server.url, { phone, code: tried });
    outcomes.push(/[?&]code=(\w+)/.exec(answer.headers().location ?? "")?.[1]);
  }
  expect(outcomes).toEqual(["code_wrong", "code_wrong", "code_spent"]);
});

test("a page of another origin can't make a browser do anything here", async ({ context, page, phone, server }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  for (const headers of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: server.url.replace("http:", "https:") },
    { origin: server.url.replace(/\d+$/, "1") },
    { "sec-fetch-site": "cross-site" },
  ]) {
    expect((await postCode(context, server.url, { phone, code, headers })).status()).toBe(403);
    expect((await context.request.post("/login", { headers, data: "" })).status()).toBe(403);
  }
  const answer = await postCode(context, server.url, { phone, code, headers: { origin: server.url } });
  expect(answer.headers()["set-cookie"]).toContain("sarafan-session=ey");
});

test("NextAuth's session address reads the session's row, and signing out there ends it", async ({
  context,
  page,
  phone,
  server,
}) => {
  await page.goto("/login");
  await logIn(page, phone, server.codeFor);
  await readInviteCode(page);
  const cookies = await context.cookies();
  expect(await (await context.request.get("/api/auth/session")).json()).toEqual({ expires: expect.any(String) });
  const { csrfToken } = await (await context.request.get("/api/auth/csrf")).json();
  await context.request.post("/api/auth/signout", { form: { csrfToken }, maxRedirects: 0 });
  await context.clearCookies();
  await context.addCookies(cookies);
  for (const path of ["/api/auth/session", "/api/auth/session/"]) {
    expect(await (await context.request.get(path)).json(), path).toBeNull();
  }
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login$/);
});

test("chains of proxies, real and invented, cause no errors", async ({ request }) => {
  for (const headers of [
    { "x-forwarded-proto": "https,http" },
    { "x-forwarded-host": "a.example, b.example" },
    { "x-forwarded-host": "a b" },
    { "x-forwarded-proto": "gopher" },
  ]) {
    for (const path of ["/", "/login", "/api/auth/session", "/api/auth/csrf"]) {
      expect((await request.get(path, { headers })).status(), `${path} ${JSON.stringify(headers)}`).toBe(200);
    }
  }
});

test("forged cookies open nothing", async ({ context, page, server }) => {
  await context.addCookies([
    { name: "sarafan-session", value: "eyJhbGciOiJub25lIn0.e30.", url: server.url },
    { name: "sarafan-login", value: "eyJhbGciOiJub25lIn0.e30.", url: server.url },
  ]);
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login$/);
  await expect(page.getByLabel("Номер телефона")).toBeVisible();
});

test("one kind of cookie can't be used as another", async ({ context, page, phone, server }) => {
  await page.goto("/login");
  await askForCode(page, phone);
  const pending = (await context.cookies()).find(({ name }) => name === "sarafan-login");
  await context.addCookies([{ name: "sarafan-session", value: pending?.value ?? "", url: server.url }]);
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login$/);
});

test("a demonstration shows no code behind a proxy, and then to no visitor at all", async ({
  browser,
  page,
  phone,
  startServer,
}) => {
  const server = await startServer();
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  await expect(page.getByText(`и здесь — ${await server.codeFor(phone)}`)).toBeVisible();

  const stranger = await browser.newContext({ baseURL: server.url, javaScriptEnabled: false });
  const strangersPage = await stranger.newPage();
  await strangersPage.goto("/login");
  const hidden = strangersPage.locator("form:has(#phone) input[type=hidden]");
  const fields = await hidden.evaluateAll((inputs) =>
    inputs.map((input) => [input.getAttribute("name") ?? "", input.getAttribute("value") ?? ""]),
  );
  const multipart = { ...Object.fromEntries(fields), phone };
  const headers = { "x-forwarded-for": "203.0.113.7", "x-sarafan-peer": "loopback" };
  await stranger.request.post("/login", { headers, multipart, maxRedirects: 0 });
  const code = await server.codeFor(phone);
  const shown = await (await stranger.request.get("/login")).text();
  expect(shown).toContain("Введите код");
  expect(shown).not.toContain(`— ${code}`);

  await page.reload();
  await expect(page.getByText("Демонстрация окончена")).toBeVisible();
  await expect(page.getByText("и здесь —")).toBeHidden();
});

test("without the demonstration mode no code is shown at all", async ({ page, phone, sharedServer }) => {
  const server = await sharedServer(STRICT);
  await page.goto(`${server.url}/login`);
  await askForCode(page, phone);
  const code = await server.codeFor(phone);
  await expect(page.getByText("Демонстрация")).toBeHidden();
  expect(await page.getByRole("main").textContent()).not.toContain(code);
});
