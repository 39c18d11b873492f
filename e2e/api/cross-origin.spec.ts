import { test as base, expect, type Server } from "../fixtures";
import { bearer, copyCookies, logInWithCookie, logInWithTokens } from "./clients";

const [APP, MOBILE] = ["https://app.example", "capacitor://localhost"];

const test = base.extend<{ shared: Server }>({
  /** A server whose APIs the pages of two other origins may use. */
  shared: async ({ sharedServer }, use) =>
    use(await sharedServer({ CORS_ORIGINS: `${APP}, ${MOBILE}`, RESEND_AFTER_S: 60 })),
});

// One worker runs all tests, so that one server is enough.
test.describe.configure({ mode: "default" });

/** What a browser sends for the script of a page of that origin. */
const scriptOf = (origin: string) => ({ origin, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" });

/** What an answer allows the page, by the names of its headers without `access-control-`. */
const sharingOf = (headers: Headers) =>
  Object.fromEntries(
    [...headers].flatMap(([name, value]) => (name.startsWith("access-control-") ? [[name.slice(15), value]] : [])),
  );
const variesOf = (headers: Headers) =>
  (headers.get("vary") ?? "").split(/, */).filter((name) => /^origin$/i.test(name));

const EXPOSED = [
  "sarafan-error",
  "sarafan-code-length",
  "sarafan-device",
  "retry-after",
  "link",
  "x-request-id",
  "www-authenticate",
];
const expectReadable = (headers: Headers, origin: string, what: string) => {
  const { "allow-origin": allowed, "expose-headers": exposed = "", ...rest } = sharingOf(headers);
  expect([allowed, rest], what).toEqual([origin, {}]);
  expect(exposed.toLowerCase().split(/, */), what).toEqual(expect.arrayContaining(EXPOSED));
  expect(variesOf(headers), what).toHaveLength(1);
};

test("a page of an origin that is listed logs in with tokens and uses them, and reads each answer", async ({
  shared,
  freshPhone,
}) => {
  for (const origin of [APP, MOBILE]) {
    const phone = freshPhone();
    const send = async (method: string, path: string, body?: object, headers = {}) => {
      const answer = await fetch(shared.url + path, {
        method,
        headers: { ...scriptOf(origin), "content-type": "application/json", ...headers },
        ...(body && { body: JSON.stringify(body) }),
      });
      expectReadable(answer.headers, origin, `${method} ${path}`);
      return answer;
    };
    expect((await send("POST", "/api/auth/request_code/", { phone })).headers.get("sarafan-code-length")).toBe("4");
    const early = await send("POST", "/api/auth/request_code/", { phone });
    expect([early.status, early.headers.get("sarafan-error")]).toEqual([429, "resend_too_early"]);
    const code = await shared.codeFor(phone);
    const entered = await send("POST", "/api/auth/verify_code/", { phone, code });
    const { access } = await entered.json();
    expect((await send("GET", "/api/profile_back/", undefined, bearer(access))).status).toBe(200);
    const unknown = await send("POST", "/api/profile_back/activate_invite/", { code: "7Z7Z7Z" }, bearer(access));
    expect(unknown.status).toBe(404);
    const user = await send("GET", `/api/v1/user_profile/${phone}/`, undefined, bearer(access));
    expect(user.status).toBe(200);
    expect((await send("PUT", "/api/profile_back/", {})).status).toBe(405);
    expect((await send("POST", "/api/auth/verify_code/", { phone, code: 1.5 })).status).toBe(400);
    expect((await send("GET", "/account/export", undefined, bearer(access))).status).toBe(200);
    expect((await send("POST", "/api/auth/logout/", undefined, bearer(access))).status).toBe(204);
    const out = await send("GET", "/api/profile_back/", undefined, bearer(access));
    expect([out.status, out.headers.get("www-authenticate")]).toEqual([401, 'Bearer error="invalid_token"']);
    for (const path of ["/api/openapi.json", "/api/policy", "/.well-known/jwks.json", "/api/health/ready"]) {
      expect((await send("GET", path)).status, path).toBe(200);
    }
  }
});

test("a preflight request is answered with what such a page may send", async ({ shared }) => {
  const ask = async (path: string, method: string, origin = APP) =>
    await fetch(shared.url + path, {
      method: "OPTIONS",
      headers: {
        ...scriptOf(origin),
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type,sarafan-device",
      },
    });
  for (const [path, methods] of [
    ["/api/auth/request_code/", "POST"],
    ["/api/profile/", "GET, POST"],
    ["/api/users/1/", "GET, PUT, PATCH, DELETE"],
    ["/api/v1/user_profile/+79450000001/", "GET, PATCH"],
    ["/account/export", "GET"],
    ["/.well-known/jwks.json", "GET"],
  ] as const) {
    const answer = await ask(path, "POST");
    expect(answer.status, path).toBe(204);
    const sharing = sharingOf(answer.headers);
    expect(sharing, path).toMatchObject({ "allow-origin": APP, "allow-methods": methods });
    expect(sharing["allow-headers"]?.toLowerCase().split(/, */), path).toEqual(
      expect.arrayContaining(["authorization", "content-type", "sarafan-device"]),
    );
    expect(sharing, path).not.toHaveProperty("allow-credentials");
    expect(variesOf(answer.headers), path).toHaveLength(1);
  }
  // Addresses that set or need a cookie, and origins that differ from the listed ones by a letter.
  const cookies = ["/api/enter_phone/", "/api/enter_code/", "/api/v1/auth_user/", "/api/auth/csrf", "/api/nothing"];
  for (const path of cookies) expect(sharingOf((await ask(path, "POST")).headers), path).toEqual({});
  for (const origin of [`${APP}.evil.example`, `${APP}:8443`, "http://app.example", "https://APP.example", "null"]) {
    const answer = await ask("/api/auth/request_code/", "POST", origin);
    expect(sharingOf(answer.headers), origin).toEqual({});
    expect(variesOf(answer.headers), origin).toHaveLength(1);
  }
});

test("no page of another origin can use or get a cookie, listed or not", async ({ shared, newClient, freshPhone }) => {
  const phone = freshPhone();
  const client = await logInWithCookie(newClient, phone, shared);
  const { access } = await logInWithTokens(newClient, freshPhone(), shared);
  const { cookie } = await copyCookies(client);
  const send = (method: string, path: string, headers: Record<string, string>, body?: object) =>
    fetch(shared.url + path, {
      method,
      redirect: "manual",
      headers: { ...scriptOf(APP), cookie, "content-type": "application/json", ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  for (const [method, path] of [
    ["GET", "/api/profile/"],
    ["POST", "/api/profile/"],
    ["GET", `/api/v1/user_profile/${phone}/`],
    ["GET", "/account/export"],
    ["POST", "/api/auth/logout/"],
  ] as const) {
    const body = method === "POST" ? { invite_code: "7Z7Z7Z" } : undefined;
    for (const headers of [{}, { "sec-fetch-site": "same-site" }, { authorization: "Basic Og==" }]) {
      const answer = await send(method, path, headers, body);
      expect([answer.status, answer.headers.get("sarafan-error")], path).toEqual([401, "credentials_missing"]);
      expectReadable(answer.headers, APP, path);
    }
  }
  const profile = await (await send("GET", "/api/profile/", bearer(access))).json();
  expect(profile.phone).not.toBe(phone.slice(1));
  for (const [path, body] of [
    ["/api/enter_phone/", { phone }],
    ["/api/enter_code/", { verification_code: "0000" }],
    ["/api/v1/login/", { phone_number: phone }],
    ["/api/users/authenticate/", { phone, email: "a@b.example" }],
    ["/api/verification_phone/invite_code", { phone_number: phone, code: "0000" }],
    ["/api/auth/signout", {}],
    ["/login", {}],
    ["/profile", {}],
  ] as const) {
    for (const headers of [{}, bearer(access)]) {
      const answer = await send("POST", path, headers, body);
      expect([answer.status, answer.headers.get("sarafan-error")], path).toEqual([403, "origin_foreign"]);
      expect([sharingOf(answer.headers), answer.headers.getSetCookie()], path).toEqual([{}, []]);
    }
  }
  // An origin that is not listed may do nothing even with a token.
  const evil = { origin: "https://evil.example" };
  const refused = await send("POST", "/api/auth/logout/", { ...evil, ...bearer(access) });
  expect([refused.status, sharingOf(refused.headers)]).toEqual([403, {}]);
  const read = await send("GET", "/api/profile/", { ...evil, ...bearer(access) });
  expect(sharingOf(read.headers)).toEqual({});
  expect(variesOf(read.headers)).toHaveLength(1);
  expect((await client.get("/api/profile/")).status()).toBe(200);
});
