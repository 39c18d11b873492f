import { createRemoteJWKSet, jwtVerify } from "jose";
import { type Application, test } from "../applications";
import { expect, type Server } from "../fixtures";
import { bearer } from "./clients";
import { openScriptless } from "./scriptless";

/** An application of the operator's own, which needs no consent. */
const OWN = { isFirstParty: true, scopes: ["openid", "phone", "referral", "offline_access"] };

/** What a browser sends for the script of a page of that origin. */
const scriptOf = (origin: string) => ({ origin, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" });

/** Logs a person in on the pages. */
async function logIn(server: Server, phone: string) {
  const browser = openScriptless(server);
  await browser.submit("/login", { phone });
  await browser.submit("/login?step=code", { code: await server.codeFor(phone) });
  return browser;
}

/** Gets a code for a person who is logged in, and returns the request that exchanges it. */
async function exchangeOf(browser: ReturnType<typeof openScriptless>, application: Application) {
  const { address, verifier } = application.begin({ scope: "openid phone referral offline_access" });
  const answer = await browser.go(address);
  const location = new URL(answer.headers.get("location") ?? "", address);
  expect([answer.status, `${location.origin}${location.pathname}`]).toEqual([303, application.redirectUri]);
  return {
    grant_type: "authorization_code",
    code: location.searchParams.get("code") ?? "",
    redirect_uri: application.redirectUri,
    code_verifier: verifier,
    client_id: application.clientId,
    ...(application.clientSecret !== null && { client_secret: application.clientSecret }),
  };
}

test("what this server can do is described at both addresses alike, and each address in it is there", async ({
  server,
}) => {
  const read = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(server.url + path, { headers });
    expect([answer.status, answer.headers.get("cache-control")], path).toEqual([200, "public, max-age=300"]);
    return { headers: answer.headers, body: await answer.json() };
  };
  const { body } = await read("/.well-known/openid-configuration");
  expect((await read("/.well-known/oauth-authorization-server")).body).toEqual(body);
  expect(body).toMatchObject({
    issuer: server.url,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256", "ES256", "EdDSA"],
    authorization_response_iss_parameter_supported: true,
  });
  const endpoints = Object.entries<unknown>(body).filter(([name]) => /_(endpoint|uri)$/.test(name));
  expect(endpoints.length).toBeGreaterThanOrEqual(6);
  for (const [name, address] of endpoints) {
    const answer = await fetch(String(address), { redirect: "manual" });
    expect([200, 303, 400, 401, 405], `${name} ${answer.status}`).toContain(answer.status);
  }
  for (const path of ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth/jwks"]) {
    const { headers } = await read(path, scriptOf("https://anywhere.example"));
    expect(headers.get("access-control-allow-origin"), path).toBe("*");
  }
  const { keys } = (await read("/oauth/jwks")).body;
  expect(keys.map(({ alg }: { alg: string }) => alg).toSorted()).toEqual(["ES256", "EdDSA", "RS256"]);
  for (const key of keys) expect(Object.keys(key), "a private key").not.toContain("d");
});

test("an application reads who logged in, refreshes, and is out after the person logs out", async ({
  server,
  phone,
  newApplication,
  newClient,
}) => {
  const application = await newApplication("Tea house", OWN);
  const browser = await logIn(server, phone);
  const send = (path: string, fields: Record<string, string>) =>
    fetch(server.url + path, { method: "POST", body: new URLSearchParams(fields) });
  const exchange = await exchangeOf(browser, application);
  const exchanged = await send("/oauth/token", exchange);
  expect([exchanged.status, exchanged.headers.get("cache-control")]).toEqual([200, "no-store"]);
  const tokens = await exchanged.json();
  const keys = createRemoteJWKSet(new URL(`${server.url}/oauth/jwks`), { timeoutDuration: 60_000 });
  const options = { issuer: server.url, audience: application.clientId };
  const { payload } = await jwtVerify(tokens.id_token, keys, options);
  const readClaims = async (token: string) => fetch(`${server.url}/oauth/userinfo`, { headers: bearer(token) });
  expect(await (await readClaims(tokens.access_token)).json()).toEqual({
    sub: payload.sub,
    phone_number: phone,
    phone_number_verified: true,
    invite_code: expect.stringMatching(/^[0-9A-Z]{6}$/),
    invited_by: null,
    referral_count: 0,
    first_login: true,
  });
  const client = await newClient(server);
  for (const path of ["/api/profile_back/", "/api/profile/", `/api/v1/user_profile/${phone}/`]) {
    for (const token of [tokens.access_token, tokens.id_token, tokens.refresh_token]) {
      expect((await client.get(path, { headers: bearer(token) })).status(), path).toBe(401);
    }
  }
  const { client_id, client_secret = "" } = exchange;
  const refresh = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id, client_secret };
  const refreshed = await (await send("/oauth/token", refresh)).json();
  expect((await readClaims(refreshed.access_token)).status).toBe(200);
  await browser.go("/profile", { method: "POST", body: await browser.readForm("/profile", "Выйти") });
  const late = await readClaims(refreshed.access_token);
  expect([late.status, late.headers.get("www-authenticate")]).toEqual([
    401,
    expect.stringMatching(/^Bearer error="invalid_token"/),
  ]);
  const over = await send("/oauth/token", { ...refresh, refresh_token: refreshed.refresh_token });
  expect([over.status, (await over.json()).error]).toEqual([400, "invalid_grant"]);
});

test("of 24 parallel exchanges of a code one gets tokens, and keeps them", async ({
  server,
  phone,
  newApplication,
}) => {
  const exchange = await exchangeOf(await logIn(server, phone), await newApplication("Tea house", OWN));
  const send = async () => {
    const answer = await fetch(`${server.url}/oauth/token`, { method: "POST", body: new URLSearchParams(exchange) });
    return { status: answer.status, body: await answer.json() };
  };
  const answers = await Promise.all(Array.from({ length: 24 }, send));
  const [given, ...further] = answers.filter(({ status }) => status === 200);
  expect(further).toEqual([]);
  expect(answers.filter(({ body }) => body.error === "invalid_grant")).toHaveLength(23);
  const claims = await fetch(`${server.url}/oauth/userinfo`, { headers: bearer(given?.body.access_token) });
  expect(claims.status).toBe(200);
});

test("a page of a public application calls for tokens by a script, and a page of another origin can't", async ({
  server,
  phone,
  newApplication,
}) => {
  const application = await newApplication("Tea house", { ...OWN, isPublic: true });
  // A public application at a loopback address asks each time, so its code is not got without a form.
  const [{ origin }, other] = [new URL(application.redirectUri), "https://elsewhere.example"];
  const browser = await logIn(server, phone);
  const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const call = (path: string, from: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
    fetch(server.url + path, { ...init, headers: { ...scriptOf(from), ...init.headers } });
  for (const path of ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"]) {
    const asked = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
    const preflight = await call(path, origin, { method: "OPTIONS", headers: asked });
    expect(preflight.headers.get("access-control-allow-origin"), path).toBe(origin);
    expect(preflight.headers.get("access-control-allow-headers"), path).toBe("Authorization, Content-Type");
    const refused = await call(path, other, { method: "OPTIONS", headers: asked });
    expect(refused.headers.get("access-control-allow-origin"), path).toBeNull();

    const body = new URLSearchParams({ client_id: application.clientId, grant_type: "authorization_code" });
    const answered = await call(path, origin, { method: "POST", body });
    expect([400, 401], path).toContain(answered.status);
    expect(answered.headers.get("access-control-allow-origin"), path).toBe(origin);
    const foreign = await call(path, other, { method: "POST", body, headers: { cookie } });
    expect([foreign.status, foreign.headers.get("sarafan-error")], path).toEqual([403, "origin_foreign"]);
    expect(foreign.headers.get("access-control-allow-origin"), path).toBeNull();
  }
  // A cookie is no token.
  expect((await fetch(`${server.url}/oauth/userinfo`, { headers: { cookie } })).status).toBe(401);
});

test("a body that is too long, of another type or sent in pieces is answered in the protocol's own form", async ({
  server,
}) => {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const ask = async (body: BodyInit, headers: Record<string, string> = type) => {
    const sent = { method: "POST", body, headers, duplex: "half" } as RequestInit;
    const answer = await fetch(`${server.url}/oauth/token`, sent);
    return [answer.status, (await answer.json()).error, answer.headers.get("sarafan-error")];
  };
  const long = `grant_type=${"x".repeat(20_000)}`;
  expect(await ask(long)).toEqual([413, "invalid_request", "body_too_large"]);
  expect(await ask(new Blob([long]).stream())).toEqual([413, "invalid_request", "body_too_large"]);
  const short = "grant_type=authorization_code&client_id=unknown&client_secret=wrong";
  expect(await ask(short)).toEqual([401, "invalid_client", "invalid_client"]);
  expect(await ask(new Blob([short]).stream())).toEqual([401, "invalid_client", "invalid_client"]);
  expect(await ask("{}", { "content-type": "application/json" })).toEqual([
    400,
    "invalid_request",
    "media_type_unsupported",
  ]);
});
