import { expect, type Server, test } from "../fixtures";
import { bearer, FOREIGN, foreignHeaders, logInWithCookie, logInWithTokens, wrong } from "./clients";
import { askRaw } from "./raw";
import { openScriptless } from "./scriptless";

/** Logs a person in on the pages. */
async function logIn(server: Server, phone: string) {
  const browser = openScriptless(server);
  await browser.submit("/login", { phone });
  await browser.submit("/login?step=code", { code: await server.codeFor(phone) });
  await expectLoggedIn(browser);
  return browser;
}

async function expectLoggedIn(browser: ReturnType<typeof openScriptless>) {
  expect((await browser.go("/profile")).status).toBe(200);
}

test("no address accepts a form of another origin, whether it has a page or not", async ({ server, phone }) => {
  const browser = await logIn(server, phone);
  const leave = await browser.readForm("/profile", "Выйти");
  // Every page has this form.
  const speak = await browser.readForm("/profile", 'name="locale"');
  speak.set("locale", "en");
  const places = ["/", "/login", "/profile", "/i/ZZZZ99", "/nowhere", "/_next/nothing", "/.well-known/nothing"];
  const pageless = ["/api", "/api/", "/api/nothing", "/api/v1/nothing/", "/api/auth/nothing", "/API/nothing"];
  const files = ["/icon.svg", "/_next/static/nothing.js", "/i/ZZZZ99/opengraph-image", "/.well-known/jwks.json"];
  // Internal headers of Next.js that could once disable its check.
  const skipping = ["middleware", "proxy:proxy:proxy:proxy:proxy"].map((names) => ({
    ...FOREIGN,
    "x-middleware-subrequest": names,
  }));
  for (const headers of [...foreignHeaders(server.url), ...skipping]) {
    for (const path of [...places, ...pageless, ...files]) {
      for (const body of [leave, speak]) {
        const answer = await browser.go(path, { method: "POST", body, headers });
        expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(403);
        expect(answer.headers.get("sarafan-error"), path).toBe("origin_foreign");
        expect(answer.headers.getSetCookie(), path).toEqual([]);
      }
    }
  }
  await expectLoggedIn(browser);
  const spoken = await browser.go("/nowhere", { method: "POST", body: speak });
  const refusal = spoken.headers.get("sarafan-error");
  expect([spoken.status, refusal, spoken.headers.getSetCookie()]).toEqual([303, null, [expect.any(String)]]);
  await browser.go("/profile", { method: "POST", body: leave });
  expect((await browser.go("/profile")).status).toBe(307);
});

test("no address of NextAuth accepts a page of another origin, and a GET changes nothing", async ({
  server,
  phone,
}) => {
  const browser = await logIn(server, phone);
  const { csrfToken } = await (await browser.go("/api/auth/csrf")).json();
  // NextAuth keeps the page where a login began in a cookie.
  await browser.go("/api/auth/signin");
  const cookies = new Map(browser.jar);
  const actions = ["callback/credentials", "session", "signin/credentials", "signin", "signout", "csrf", "webauthn"];
  for (const action of actions) {
    for (const headers of foreignHeaders(server.url)) {
      const answer = await browser.post(`/api/auth/${action}`, { csrfToken }, headers);
      expect(answer.status, `${action} ${JSON.stringify(headers)}`).toBe(403);
      expect(answer.headers.getSetCookie(), action).toEqual([]);
    }
    await browser.go(`/api/auth/${action}?csrfToken=${csrfToken}&phone=${encodeURIComponent(phone)}&code=1234`);
  }
  expect(browser.jar).toEqual(cookies);
  await expectLoggedIn(browser);
  // Without our page's token, requests without an origin have no effect either.
  await browser.post("/api/auth/signout", { csrfToken: "0".repeat(64) }, {});
  await expectLoggedIn(browser);
  await browser.post("/api/auth/signout", { csrfToken }, {});
  browser.jar.set("sarafan-session", cookies.get("sarafan-session") ?? "");
  expect((await browser.go("/profile")).status).toBe(307);
});

test("no operation of any API accepts a page of another origin, with any credentials", async ({
  request,
  newClient,
  server,
  phone,
}) => {
  const client = await logInWithCookie(newClient, phone, server);
  const { access } = await logInWithTokens(newClient, phone, server);
  const { paths } = await (await request.get("/api/openapi.json")).json();
  let refused = 0;
  for (const [path, operations] of Object.entries<Record<string, object>>(paths)) {
    for (const verb of ["post", "put", "patch", "delete"].filter((name) => name in operations)) {
      const address = path.replace(/\{[^}]*\}/g, encodeURIComponent(phone));
      for (const headers of foreignHeaders(server.url)) {
        for (const sent of [headers, { ...headers, ...bearer(access) }]) {
          const data = { phone, phone_number: phone, code: "1234" };
          const answer = await client.fetch(address, { method: verb.toUpperCase(), headers: sent, data });
          const { "sarafan-error": error, "set-cookie": cookie } = answer.headers();
          const what = `${verb} ${path} ${JSON.stringify(sent)}`;
          expect([answer.status(), error, cookie], what).toEqual([403, "origin_foreign", undefined]);
          refused += 1;
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(200);
  expect((await client.get("/api/profile/")).status()).toBe(200);
});

test("a page of another site spends no limits of its visitor's network", async ({
  newClient,
  freshPhone,
  startServer,
}) => {
  const server = await startServer({
    SENDS_PER_IP_PER_HOUR: 2,
    WRONG_CODES_PER_IP_PER_HOUR: 1,
    TAKEN_ANSWERS_PER_IP_PER_HOUR: 1,
    INVITE_LOOKUPS_PER_IP_PER_HOUR: 1,
  });
  const { phone, inviteCode } = await logInWithTokens(newClient, freshPhone(), server);
  const post = async (path: string, fields: Record<string, string>, headers = {}) =>
    (await fetch(server.url + path, { method: "POST", body: new URLSearchParams(fields), headers })).status;
  const [ask, check, send] = ["/api/auth/request_code/", "/api/auth/verify_code/", "/api/verification_phone/send_code"];
  for (const headers of foreignHeaders(server.url)) {
    for (let times = 0; times < 3; times += 1) {
      expect(await post(ask, { phone: freshPhone() }, headers)).toBe(403);
      expect(await post(check, { phone, code: "0000" }, headers)).toBe(403);
      expect(await post(send, { phone_number: phone }, headers)).toBe(403);
      expect(await post(`/api/verification_phone/${inviteCode}`, { phone_number: phone, code: "0000" }, headers)).toBe(
        403,
      );
    }
  }
  for (const headers of EMBEDDED) {
    for (const path of [`/i/${inviteCode}`, `/i/${inviteCode}/opengraph-image`]) {
      const answer = await fetch(server.url + path, { headers });
      expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(403);
    }
  }
  const next = freshPhone();
  expect(await post(ask, { phone: next })).toBe(200);
  expect(await post(send, { phone_number: phone })).toBe(400);
  const code = await server.codeFor(next);
  expect(await post(check, { phone: next, code: wrong(code) })).toBe(400);
  expect((await fetch(`${server.url}/i/${inviteCode}`, { headers: CLICKED })).status).toBe(200);
});

/** What browsers send with a link that is clicked on a page of another site. */
const CLICKED = {
  accept: "text/html",
  "sec-fetch-dest": "document",
  "sec-fetch-mode": "navigate",
  "sec-fetch-site": "cross-site",
  "sec-fetch-user": "?1",
};
/** What browsers send when such a page loads, frames, fetches or prefetches something. */
const EMBEDDED: Record<string, string>[] = [
  ...["image", "iframe", "frame", "object", "embed", "script", "style", "empty", "video", "worker"].flatMap((dest) =>
    ["cross-site", "same-site"].map((site) => ({ "sec-fetch-dest": dest, "sec-fetch-site": site })),
  ),
  { "sec-fetch-dest": "image" },
  { ...CLICKED, "sec-purpose": "prefetch" },
  { ...CLICKED, "sec-purpose": "prefetch;prerender" },
];

test("an invitation opens by a link on any site, a typed address, a preview and our own pages", async ({
  newClient,
  phone,
  server,
}) => {
  const { inviteCode } = await logInWithTokens(newClient, phone, server);
  const fetched: Record<string, string>[] = [
    {},
    { "user-agent": "TelegramBot (like TwitterBot)" },
    CLICKED,
    { ...CLICKED, "sec-fetch-site": "none" },
    { "sec-fetch-dest": "image", "sec-fetch-site": "same-origin" },
    { "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin", rsc: "1" },
    { "sec-fetch-dest": "document", "sec-fetch-site": "same-origin", "sec-purpose": "prefetch" },
  ];
  for (const headers of fetched) {
    for (const path of [`/i/${inviteCode}`, `/i/${inviteCode}/opengraph-image`]) {
      const answer = await fetch(server.url + path, { headers });
      expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(200);
    }
  }
  const image = { "sec-fetch-dest": "image", "sec-fetch-site": "cross-site" };
  expect((await fetch(`${server.url}/icon.svg`, { headers: image })).status).toBe(200);
});

test("with a cookie, a bearer token counts alone, and any other Authorization is ignored", async ({
  freshPhone,
  newClient,
  server,
}) => {
  const phone = freshPhone();
  const client = await logInWithCookie(newClient, phone, server);
  const { access } = await logInWithTokens(newClient, freshPhone(), server);
  /** The accounts that the addresses with cookies and with tokens take this client for. */
  const look = async (headers: Record<string, string>) => {
    const get = (path: string) => client.get(path, { headers, maxRedirects: 0 });
    const profile = await get("/api/profile/");
    return {
      api: profile.ok() ? `+${(await profile.json()).phone}` : profile.status(),
      bearer: (await get("/api/profile_back/")).status(),
      session: (await (await get("/api/auth/session")).json()) !== null,
      page: (await get("/profile")).status(),
      file: (await get("/account/export")).status(),
    };
  };
  const known = { api: phone, bearer: 200, session: true, page: 200, file: 200 };
  for (const authorization of ["Basic c3RhZ2luZzpzZWNyZXQ=", "Digest username=staging", "Bearerish x", "Negotiate"]) {
    expect(await look({ authorization }), authorization).toEqual(known);
  }
  const unknown = { api: 401, bearer: 401, session: false, page: 307, file: 401 };
  for (const authorization of ["Bearer nonsense", "bearer", "Bearer "]) {
    expect(await look({ authorization }), authorization).toEqual(unknown);
  }
  expect(await look(bearer(access))).toMatchObject({ bearer: 200, session: false, page: 307, file: 200 });

  // A whole login at a staging site that asks every visitor for a password (Basic).
  const staging = { authorization: "Basic c3RhZ2luZzpzZWNyZXQ=" };
  const tester = await newClient({ headers: staging });
  const testers = freshPhone();
  expect((await tester.post("/api/enter_phone/", { data: { phone: testers } })).status()).toBe(200);
  const data = { verification_code: await server.codeFor(testers) };
  expect((await tester.post("/api/enter_code/", { data })).status()).toBe(200);
  expect((await tester.get("/profile", { maxRedirects: 0 })).status()).toBe(200);
});

const ELSEWHERE = [
  "https://evil.example/",
  "//evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "/\t/evil.example",
  "http:evil.example",
  "http://localhost@evil.example",
  "javascript:alert(1)",
  "data:text/html,1",
  "/a\r\nX-Injected: 1",
  "http://[",
];

test("no address, field, cookie or header leads a browser to another site", async ({ server, phone }) => {
  const expectOwn = (location: string | null | undefined, what: string) =>
    expect(new URL(location ?? "/", server.url).origin, `${what} leads to ${location}`).toBe(server.url);

  for (const elsewhere of ELSEWHERE) {
    const wish = encodeURIComponent(elsewhere);
    const what = JSON.stringify(elsewhere);
    const browser = openScriptless(server);
    for (const action of ["signin", "signout", "error", "csrf"]) {
      const answer = await browser.go(`/api/auth/${action}?callbackUrl=${wish}&error=${wish}&redirectTo=${wish}`);
      expect(answer.status, `${action} ${what}`).toBeLessThan(400);
      expectOwn(answer.headers.get("location"), `${action} ${what}`);
    }
    const { csrfToken } = await (await browser.go("/api/auth/csrf")).json();
    for (const action of ["signout", "callback/credentials"]) {
      const fields = { csrfToken, callbackUrl: elsewhere, redirectTo: elsewhere, phone, code: "1234" };
      const answer = await browser.post(`/api/auth/${action}`, fields);
      expect(answer.status, `${action} ${what}`).toBe(302);
      expectOwn(answer.headers.get("location"), `${action} ${what}`);
      expectOwn(decodeURIComponent(browser.jar.get("authjs.callback-url") ?? ""), `the cookie after ${action} ${what}`);
    }
    for (const page of ["/ui/phone", "/ui/profile", "/profile", "/api/v1/login/"]) {
      const answer = await browser.go(`${page}?callbackUrl=${wish}&next=${wish}&redirect=${wish}`);
      expectOwn(answer.headers.get("location"), `${page} ${what}`);
    }
    if (/^[^\r\n\t]*$/.test(elsewhere)) {
      const referers = [elsewhere, `${server.url}${elsewhere}`, `${server.url}/${elsewhere}`];
      for (const referer of referers) {
        const headers = { origin: server.url, referer };
        const switched = await browser.submit("/login", { locale: "en" }, headers);
        expect(switched.status, `from ${referer}`).toBe(303);
        expectOwn(switched.headers.get("location"), `from ${referer}`);
      }
    }
  }
});

test("no host name in a request leads a browser there", async ({ server }) => {
  const named = [
    { host: "evil.example" },
    { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" },
    { "x-original-host": "evil.example", forwarded: "host=evil.example;proto=https" },
  ];
  const paths = ["//evil.example", "/\\evil.example", "///evil.example/..", "/%5Cevil.example", "/i/zzzz99"];
  const redirects = ["/profile", "/ui/phone", "/api/auth/signin", "/api/auth/error", "/api/v1/create_user/"];
  for (const headers of [...named, {}]) {
    for (const path of [...paths, ...redirects]) {
      const { headers: answered } = await askRaw(server, { path, headers });
      const refreshed = answered.refresh?.map((text) => text.replace(/^\d+;url=/, "")) ?? [];
      for (const location of [...(answered.location ?? []), ...refreshed]) {
        const what = `${path} ${JSON.stringify(headers)} leads to ${location}`;
        expect(new URL(location, server.url).origin, what).toBe(server.url);
      }
    }
  }
});

test("changing the language leads back to the same page", async ({ server }) => {
  const browser = openScriptless(server);
  const headers = { origin: server.url, referer: `${server.url}/login?step=phone&by=phone` };
  const answer = await browser.submit("/login", { locale: "en" }, headers);
  expect(answer.headers.get("location")).toBe("/login?step=phone&by=phone");
});

test("no other origin may read an API's answers", async ({ request }) => {
  for (const path of ["/api/openapi.json", "/api/profile/", "/api/auth/session", "/.well-known/jwks.json", "/login"]) {
    const headers = { ...FOREIGN, "access-control-request-method": "POST" };
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await request.fetch(path, { method, headers });
      expect(Object.keys(answer.headers()), `${method} ${path}`).not.toContainEqual(
        expect.stringMatching(/^access-control/),
      );
    }
  }
});

test("a preview on Vercel accepts its own address and its branch's, production only its domain", async ({
  newClient,
  freshPhone,
  startServer,
}) => {
  const names = {
    VERCEL_URL: "sarafan-1.example",
    VERCEL_BRANCH_URL: "sarafan-git-branch.example",
    VERCEL_PROJECT_PRODUCTION_URL: "sarafan.example",
  };
  for (const { settings, accepted } of [
    {
      settings: { VERCEL_ENV: "preview", ALLOW_DEMO: true },
      accepted: [names.VERCEL_URL, names.VERCEL_BRANCH_URL],
    },
    {
      settings: { VERCEL_ENV: "production", REVEAL_CODES: false },
      accepted: [names.VERCEL_PROJECT_PRODUCTION_URL],
    },
  ]) {
    const { url } = await startServer({ ...names, ...settings });
    const client = await newClient({ url });
    for (const name of Object.values(names)) {
      const headers = { origin: `https://${name}` };
      const answer = await client.post("/api/enter_phone/", { data: { phone: freshPhone() }, headers });
      expect(answer.status(), `${settings.VERCEL_ENV} ${name}`).toBe(accepted.includes(name) ? 200 : 403);
    }
  }
});
