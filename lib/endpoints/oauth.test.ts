import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { issueAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import type { AuthorizationRequest } from "@/lib/core/oauth/authorization-request";
import type { OAuthClient } from "@/lib/core/oauth/clients";
import { WRONG_CLIENT_SECRETS_PER_NETWORK_PER_HOUR } from "@/lib/core/policy";
import { networkCharges, resetCounters, WRONG_CLIENT_SECRETS_FROM_NETWORK } from "@/lib/core/rate-limits";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { transact, write } from "@/lib/db/database";
import { freshClient, freshRequest, freshSession, logInAt } from "@/lib/testing/oauth";
import { revoke, token } from "./oauth-token";
import { userinfo } from "./oauth-userinfo";

type Endpoint = typeof token;
const at = (path: string) => `http://localhost:3000${path}`;

/** Sends a form, and returns status, body and headers of the answer. */
async function post(endpoint: Endpoint, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const request = new Request(at("/oauth/token"), { method: "POST", body: new URLSearchParams(fields), headers });
  return read(await endpoint.POST(request, undefined));
}

async function read(answer: Response) {
  const text = await answer.text();
  const body: Record<string, string> = text ? JSON.parse(text) : {};
  return { status: answer.status, body, headers: answer.headers };
}

/** The fields of a request that exchanges a code of this session. */
async function exchangeOf(client: OAuthClient, session: Session, asked: Partial<AuthorizationRequest> = {}) {
  const { request, verifier } = freshRequest(client, asked);
  const code = await issueAuthorizationCode(request, session, { isAllowed: true });
  if (!code.ok) throw new Error(code.failure.name);
  const { redirectUri } = request;
  return { grant_type: "authorization_code", code: code.value, redirect_uri: redirectUri, code_verifier: verifier };
}

/** Starts the counter of wrong secrets again, which tests of other files share. */
const forgetWrongSecrets = () =>
  transact(async (tx) => resetCounters(tx, networkCharges(WRONG_CLIENT_SECRETS_FROM_NETWORK, "unknown")));

/** What a browser sends for the script of a page of that origin. */
const scriptOf = (origin: string) => ({ origin, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" });

test("an application exchanges a code, reads the claims, refreshes and revokes", async () => {
  const scopes = ["openid", "phone", "referral", "offline_access"] as const;
  const { client, secret } = await freshClient({ scopes: [...scopes] });
  const { session } = await freshSession();
  const credentials = { client_id: client.id, client_secret: secret ?? "" };
  const exchanged = await post(token, {
    ...(await exchangeOf(client, session, { scopes: [...scopes] })),
    ...credentials,
  });
  expect(exchanged).toMatchObject({
    status: 200,
    body: { token_type: "Bearer", expires_in: 900, scope: "openid phone referral offline_access" },
  });
  expect(exchanged.headers.get("cache-control")).toBe("no-store");
  const claimsOf = async (access: string | undefined) =>
    read(
      await userinfo.GET(
        new Request(at("/oauth/userinfo"), { headers: { authorization: `Bearer ${access}` } }),
        undefined,
      ),
    );
  const claims = await claimsOf(exchanged.body.access_token);
  expect(claims.headers.get("cache-control")).toBe("no-store");
  expect(claims.body).toMatchObject({
    phone_number: session.provenPhone,
    phone_number_verified: true,
    first_login: true,
  });
  const refreshed = await post(token, {
    ...credentials,
    grant_type: "refresh_token",
    refresh_token: exchanged.body.refresh_token ?? "",
  });
  expect((await claimsOf(refreshed.body.access_token)).body.sub).toBe(claims.body.sub);
  const revoked = await post(revoke, { ...credentials, token: refreshed.body.refresh_token ?? "" });
  expect([revoked.status, revoked.body]).toEqual([200, {}]);
  const late = await claimsOf(refreshed.body.access_token);
  expect([late.status, late.headers.get("sarafan-error")]).toEqual([401, "invalid_token"]);
  expect(late.headers.get("www-authenticate")).toMatch(/^Bearer error="invalid_token"/);
});

test("each error has a name, a sentence and a header, and no cache keeps it", async () => {
  const { client, secret } = await freshClient();
  const credentials = { client_id: client.id, client_secret: secret ?? "" };
  const errors = [
    [await post(token, {}), 400, "invalid_request", "invalid_request"],
    [
      await post(token, { ...credentials, grant_type: "password" }),
      400,
      "unsupported_grant_type",
      "unsupported_grant_type",
    ],
    [await post(token, { ...credentials, client_secret: "wrong" }), 401, "invalid_client", "invalid_client"],
    [await post(token, { code: "x".repeat(20_000) }), 413, "invalid_request", "body_too_large"],
    [
      await post(token, credentials, { "content-type": "text/plain" }),
      400,
      "invalid_request",
      "media_type_unsupported",
    ],
    [
      await read(await token.GET(new Request(at("/oauth/token")), undefined)),
      405,
      "invalid_request",
      "method_not_allowed",
    ],
    [
      await read(await userinfo.GET(new Request(at("/oauth/userinfo")), undefined)),
      401,
      "invalid_token",
      "credentials_missing",
    ],
  ] as const;
  for (const [{ status, body, headers }, expected, error, name] of errors) {
    expect([status, body.error, headers.get("sarafan-error")]).toEqual([expected, error, name]);
    expect(body.error_description, name).toMatch(/\w+ \w+/);
    expect(headers.get("cache-control"), name).toBe("no-store");
    expect(headers.has("www-authenticate"), name).toBe(expected === 401);
  }
  const invalidUtf8 = new Request(at("/oauth/token"), {
    method: "POST",
    body: new Uint8Array([0x61, 0x3d, 0xff]),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect((await token.POST(invalidUtf8, undefined)).headers.get("sarafan-error")).toBe("body_malformed");
});

test("credentials in Basic are decoded, and compared exactly", async () => {
  const { client, secret } = await freshClient();
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  const nameOf = async (headers: Record<string, string>, fields: Record<string, string> = {}) =>
    (await post(token, { grant_type: "none", ...fields }, headers)).body.error;
  const encoded = `${client.id}:${secret?.replace("_", "%5f")}`;
  expect(await nameOf(basic(`${client.id}:${secret}`))).toBe("unsupported_grant_type");
  expect(await nameOf(basic(encoded), { client_id: client.id })).toBe("unsupported_grant_type");
  for (const wrong of [`${client.id}:${secret}&`, `${client.id}:${secret}+`, `${client.id}:${secret}%20`])
    expect(await nameOf(basic(wrong)), wrong).toBe("invalid_client");
});

test("scripts on the pages of a public application call for tokens, and no other page does", async () => {
  const { client } = await freshClient({
    isPublic: true,
    redirectUris: ["https://spa.example/callback", "http://127.0.0.1/callback", "com.example.spa:/callback"],
  });
  await freshClient({ redirectUris: ["https://server.example/callback"] });
  const { session } = await freshSession();
  for (const origin of ["https://spa.example", "http://127.0.0.1:5173"]) {
    const fields = { ...(await exchangeOf(client, session)), client_id: client.id };
    const answer = await post(token, fields, scriptOf(origin));
    expect(answer.status, origin).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("vary")).toBe("Origin");
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
    const refused = await post(token, { client_id: client.id }, scriptOf(origin));
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([400, origin]);
    const asked = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
    const headers = { ...scriptOf(origin), ...asked };
    const preflight = await token.OPTIONS(new Request(at("/oauth/token"), { method: "OPTIONS", headers }), undefined);
    expect(preflight.headers.get("access-control-allow-methods")).toBe("POST");
    expect(preflight.headers.get("access-control-allow-headers")).toBe("Authorization, Content-Type");
  }
  const strangers = [
    ...["https://server.example", "https://spa.example:8443", "http://spa.example", "https://x.spa.example"],
    ...["http://localhost:5173", "https://127.0.0.1", "http://127.0.0.1.evil.example", "com.example.spa:", "null", ""],
  ];
  for (const origin of strangers) {
    const answer = await post(
      token,
      { ...(await exchangeOf(client, session)), client_id: client.id },
      scriptOf(origin),
    );
    expect([answer.status, answer.headers.get("sarafan-error")], origin).toEqual([403, "origin_foreign"]);
    expect(answer.headers.has("access-control-allow-origin"), origin).toBe(false);
  }
  await write((tx) => tx.oAuthClient.update({ where: { id: client.id }, data: { disabledAt: new Date() } }));
  expect((await post(token, { client_id: client.id }, scriptOf("https://spa.example"))).status).toBe(403);
});

test("wrong secrets slow a network down, and the rightful application is never locked out", async () => {
  const { client, secret } = await freshClient();
  const credentials = { client_id: client.id, client_secret: secret ?? "" };
  const attempt = (client_secret: string) => post(token, { ...credentials, client_secret, grant_type: "none" });
  let refused = await attempt("wrong");
  for (let times = 0; times < WRONG_CLIENT_SECRETS_PER_NETWORK_PER_HOUR; times += 1) refused = await attempt("wrong");
  expect([refused.status, refused.headers.get("sarafan-error")]).toEqual([429, "budget_spent"]);
  expect(refused.body.error).toBe("invalid_client");
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await attempt(secret ?? "")).body.error).toBe("unsupported_grant_type");
  await forgetWrongSecrets();
});

test("any text that an application sends is answered in the protocol's own form, and without a token", async () => {
  const { client, secret } = await freshClient();
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\0", "%00", "a:b", client.id, secret ?? ""));
  const names = ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "token"];
  const fields = fc.record(
    {
      ...Object.fromEntries(names.map((name) => [name, text])),
      grant_type: fc.oneof(text, fc.constantFrom("authorization_code", "refresh_token")),
      client_id: fc.oneof(text, fc.constant(client.id)),
      client_secret: fc.oneof(text, fc.constant(secret ?? "")),
    },
    { requiredKeys: [] },
  );
  const base64 = text.map((one) => `Basic ${Buffer.from(one).toString("base64")}`);
  const authorization = fc.option(
    fc.oneof(
      base64,
      fc.base64String().map((one) => `Bearer ${one}`),
    ),
    { nil: null },
  );
  const isInForm = async (answer: Response, mayBeEmpty: boolean) => {
    const { status, body, headers } = await read(answer);
    if (mayBeEmpty && status === 200) return Object.keys(body).length === 0;
    return status >= 400 && status < 500 && typeof body.error === "string" && headers.has("sarafan-error");
  };
  await fc.assert(
    fc.asyncProperty(fields, authorization, async (sent, header) => {
      const ask = (path: string) =>
        new Request(at(path), {
          method: "POST",
          body: new URLSearchParams(sent as Record<string, string>),
          headers: header === null ? {} : { authorization: header },
        });
      return (
        (await isInForm(await token.POST(ask("/oauth/token"), undefined), false)) &&
        (await isInForm(await revoke.POST(ask("/oauth/revoke"), undefined), true)) &&
        (await isInForm(await userinfo.POST(ask("/oauth/userinfo"), undefined), false))
      );
    }),
    { numRuns: 200 },
  );
  await forgetWrongSecrets();
});

test("a session that was ended ends its applications' tokens in the same moment", async () => {
  const { client } = await freshClient();
  const { session } = await freshSession();
  const { accessToken } = await logInAt(client, session);
  const ask = () =>
    userinfo.GET(
      new Request(at("/oauth/userinfo"), { headers: { authorization: `Bearer ${accessToken}` } }),
      undefined,
    );
  expect((await ask()).status).toBe(200);
  await endSession(session.id);
  expect((await ask()).status).toBe(401);
});

test("a scope that the operator takes from an application is told no more", async () => {
  const { client } = await freshClient({ scopes: ["openid", "phone"] });
  const { session } = await freshSession();
  const { accessToken } = await logInAt(client, session, { scopes: ["openid", "phone"] });
  await write((tx) => tx.oAuthClient.update({ where: { id: client.id }, data: { scopes: "openid" } }));
  const headers = { authorization: `Bearer ${accessToken}` };
  const answer = await read(await userinfo.GET(new Request(at("/oauth/userinfo"), { headers }), undefined));
  expect(Object.keys(answer.body)).toEqual(["sub"]);
});
