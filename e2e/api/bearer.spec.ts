import { readFileSync } from "node:fs";
import path from "node:path";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, generateKeyPair, jwtVerify, SignJWT } from "jose";
import type { APIRequestContext } from "playwright/test";
import { test as base, expect, type Server, SHORT_LIVED, STRICT } from "../fixtures";
import {
  BAD_BODIES,
  bearer,
  type Caller,
  type Coming,
  copyCookies,
  expectAnswer,
  expectField,
  expectInvalid,
  expectMalformed,
  expectMissing,
  expectStranger,
  expectTooEarly,
  expectVerbs,
  foreignHeaders,
  hear,
  INVITE_CODE,
  logInWithCookie,
  logInWithTokens,
  NO_LIVE_CODE,
  ODD,
  PACKINGS,
  post,
  REQUIRED,
  readPages,
  SPELLINGS,
  statusesAtOnce,
  statusOfForeignGet,
  type TokenOwner,
  UNKNOWN_INVITES,
  UNSIGNED,
  WAYS_TO_TYPE_A_CODE,
  wrong,
} from "./clients";

const [REQUEST_CODE, VERIFY_CODE] = ["/api/auth/request_code/", "/api/auth/verify_code/"] as const;
const [REFRESH_TOKEN, LOGOUT] = ["/api/auth/refresh_token/", "/api/auth/logout/"] as const;
const [PROFILE, ACTIVATE_INVITE] = ["/api/profile_back/", "/api/profile_back/activate_invite/"] as const;
const [SENT, ACTIVATED] = [{ detail: "Код отправлен" }, { detail: "Инвайт-код успешно активирован" }];
const SENTENCE = { detail: expect.stringMatching(/\S/) };

const test = base.extend<{
  newCaller: (at?: Server) => Promise<Caller>;
  newPerson: (at?: Server, phone?: string) => Promise<TokenOwner>;
  /** A person with a session cookie instead of tokens. */
  newCookieOwner: () => Promise<APIRequestContext>;
}>({
  newCaller: async ({ newClient, freshPhone, server }, use) =>
    use(async (at = server) => askForCode(await newClient({ url: at.url }), freshPhone(), at)),
  newPerson: async ({ newClient, freshPhone, server }, use) =>
    use(async (at = server, phone = freshPhone()) => logInWithTokens(newClient, phone, at)),
  newCookieOwner: async ({ newClient, freshPhone, server }, use) =>
    use(async () => logInWithCookie(newClient, freshPhone(), server)),
});

/** `typed` is the phone as the person writes it. */
async function askForCode(client: APIRequestContext, phone: string, at: Server, typed: unknown = phone) {
  await post(client, REQUEST_CODE, { phone: typed });
  return { client, phone, code: await at.codeFor(phone) };
}

const verify = (client: APIRequestContext, phone: unknown, code: unknown, headers = {}) =>
  client.post(VERIFY_CODE, { data: { phone, code }, headers });
const exchange = ({ client }: { client: APIRequestContext }, refresh: unknown) =>
  client.post(REFRESH_TOKEN, { data: { refresh } });
const activate = ({ client }: TokenOwner, code: unknown) => client.post(ACTIVATE_INVITE, { data: { code } });
const read = async ({ client }: TokenOwner) => (await client.get(PROFILE)).json();

const expectRefusal = (coming: Coming, status: number, error: unknown, about?: string) =>
  expectAnswer(coming, status, SENTENCE, error, about);
/** Expects the answer for a code where none is live. */
const expectNoCode = (coming: Coming) => expectRefusal(coming, 400, NO_LIVE_CODE);
const expectBadToken = (coming: Coming, about?: string) => expectStranger(coming, SENTENCE, "token_invalid", about);

const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BASE64URL_OF_32_BYTES = expect.stringMatching(/^[\w-]{43}$/);
const TOKENS = { access: expect.stringMatching(TOKEN), refresh: expect.stringMatching(TOKEN) };

for (const slash of ["/", ""]) {
  const at = (path: string) => path.replace(/\/$/, slash);
  test(`a newcomer gets in and activates a code at ${at(PROFILE)}`, async ({ newPerson, request, phone, codeFor }) => {
    const inviter = await newPerson();
    const sent = await expectAnswer(request.post(at(REQUEST_CODE), { data: { phone } }), 200, SENT);
    const code = await codeFor(phone);
    expect(sent.headers()["sarafan-code-length"]).toBe(String(code.length));
    const entered = request.post(at(VERIFY_CODE), { data: { phone, code } });
    const account = await expectAnswer(entered, 200, { phone_number: phone, invite_code: INVITE_CODE, ...TOKENS });
    const { access, refresh, ...rest } = await account.json();

    const headers = bearer(access);
    const profile = { ...rest, invited_by_code: null, invited_users: [] };
    await expectAnswer(request.get(at(PROFILE), { headers }), 200, profile);
    const data = { code: inviter.inviteCode };
    await expectAnswer(request.post(at(ACTIVATE_INVITE), { headers, data }), 200, ACTIVATED);
    const after = { ...profile, invited_by_code: inviter.inviteCode };
    await expectAnswer(request.get(at(PROFILE), { headers }), 200, after);
    expect((await read(inviter)).invited_users).toEqual([phone]);
    await expectAnswer(request.post(at(REFRESH_TOKEN), { data: { refresh } }), 200, TOKENS);
    const left = await request.post(at(LOGOUT), { headers });
    expect([left.status(), await left.text()]).toEqual([204, ""]);
    expect(left.headers()["cache-control"]).toContain("no-store");
  });
}

for (const [kind, pack] of PACKINGS) {
  test(`a client may send ${kind}`, async ({ newPerson, request, phone, codeFor }) => {
    const { inviteCode } = await newPerson();
    await expectMissing(request.post(REQUEST_CODE, pack({ phone: "" })), "phone");
    await expectAnswer(request.post(REQUEST_CODE, pack({ phone })), 200, SENT);
    const entered = await request.post(VERIFY_CODE, pack({ phone, code: await codeFor(phone) }));
    const { access, refresh } = await entered.json();
    const activating = { ...pack({ code: inviteCode }), headers: bearer(access) };
    await expectAnswer(request.post(ACTIVATE_INVITE, activating), 200, ACTIVATED);
    await expectAnswer(request.post(REFRESH_TOKEN, pack({ refresh })), 200, TOKENS);
  });
}

test("a number is the same in every spelling", async ({ request, freshPhone, server }) => {
  for (const write of SPELLINGS) {
    const phone = freshPhone();
    const typed = write(phone);
    const { code } = await askForCode(request, phone, server, typed);
    expect(await (await verify(request, typed, code)).json(), String(typed)).toMatchObject({ phone_number: phone });
  }
});

test("a code may be sent as a number, twice, or with gaps", async ({ newCaller }) => {
  for (const write of WAYS_TO_TYPE_A_CODE) {
    const { client, phone, code } = await newCaller();
    expect((await verify(client, phone, write(code))).status()).toBe(200);
  }
});

test("no answer reveals who has an account, except to its owner", async ({ newPerson, request, phone, codeFor }) => {
  const known = await newPerson();
  const answers: unknown[] = [];
  for (const asked of [known.phone, phone]) {
    const answer = await request.post(REQUEST_CODE, { data: { phone: asked } });
    const entered = await verify(request, asked, await codeFor(asked));
    answers.push([answer, entered].map((each) => [each.status(), Object.keys(each.headers()).sort()]));
    if (asked === known.phone) expect(await entered.json()).toMatchObject({ invite_code: known.inviteCode });
  }
  expect(answers[0]).toEqual(answers[1]);
});

test("a field that is missing or malformed is named, and the code stays good", async ({ newPerson, newCaller }) => {
  const [person, { client, phone, code }] = [await newPerson(), await newCaller()];
  await expectField("phone", ODD.phones, (typed) => client.post(REQUEST_CODE, { data: { phone: typed } }));
  await expectField("phone", ODD.phones, (typed) => verify(client, typed, code));
  await expectField("code", ODD.codes, (typed) => verify(client, phone, typed));
  await expectField("code", ODD.invites, (typed) => activate(person, typed));
  await expectField("refresh", ODD.texts, (typed) => exchange(person, typed));
  await expectInvalid(client.post(VERIFY_CODE), { phone: REQUIRED, code: REQUIRED });
  await expectMissing(client.post(REQUEST_CODE, { data: { phone_number: phone } }), "phone");
  expect((await verify(client, phone, code)).status()).toBe(200);
});

for (const [what, status, error, bodies] of BAD_BODIES) {
  test(`a body that ${what} is refused everywhere`, async ({ newPerson }) => {
    const { client } = await newPerson();
    for (const path of [REQUEST_CODE, VERIFY_CODE, REFRESH_TOKEN, ACTIVATE_INVITE]) {
      for (const body of bodies) await expectRefusal(client.post(path, body), status, error);
    }
  });
}

test("other methods are refused with a list of the allowed ones, next to NextAuth's own addresses", async ({
  request,
}) => {
  for (const path of [REQUEST_CODE, VERIFY_CODE, REFRESH_TOKEN, LOGOUT, ACTIVATE_INVITE]) {
    await expectVerbs(request, path, ["POST"], SENTENCE);
  }
  await expectVerbs(request, PROFILE, ["GET"], SENTENCE);
  expect(await (await request.get("/api/auth/session")).json()).toBeNull();
  expect(await (await request.get("/api/auth/csrf")).json()).toEqual({ csrfToken: expect.any(String) });
});

test("a code works once, for one phone", async ({ newCaller, request, phone: nobodys }) => {
  const { phone, code } = await newCaller();
  await expectRefusal(verify(request, phone, wrong(code)), 400, "code_wrong");
  await expectRefusal(verify(request, nobodys, code), 400, "code_expired");
  expect((await verify(request, phone, code)).status()).toBe(200);
  await expectNoCode(verify(request, phone, code));
});

test("a newer code replaces the older one", async ({ newCaller, server }) => {
  let { client, phone, code } = await newCaller();
  const older = code;
  while (code === older) ({ code } = await askForCode(client, phone, server));
  await expectRefusal(verify(client, phone, older), 400, "code_wrong");
  expect((await verify(client, phone, code)).status()).toBe(200);
});

test("a browser's code is good in that browser only", async ({ newClient, request, phone, codeFor }) => {
  const browser = await newClient();
  await browser.post("/api/v1/login/", { data: { phone_number: phone } });
  const code = await codeFor(phone);
  await expectRefusal(verify(request, phone, code), 400, "code_expired");
  await request.post(REQUEST_CODE, { data: { phone } });
  await verify(request, phone, wrong(await codeFor(phone)));
  const created = await browser.post("/api/v1/create_user/", { data: { verification_code: code } });
  expect(created.status()).toBe(200);
});

test("there are three attempts, and a wait before the next code", async ({ newCaller, newClient, sharedServer }) => {
  const server = await sharedServer(STRICT);
  const { client, phone, code } = await newCaller(server);
  for (const holder of [client, await newClient({ url: server.url })]) {
    await expectTooEarly(holder.post(REQUEST_CODE, { data: { phone } }), SENTENCE);
  }
  for (const typed of ["123", "abcd", "12a4", true]) await expectMalformed(verify(client, phone, typed), "code");
  for (let tries = 3; tries > 0; tries--) await expectRefusal(verify(client, phone, wrong(code)), 400, "code_wrong");
  for (const typed of [code, wrong(code)]) await expectRefusal(verify(client, phone, typed), 400, "code_spent");
});

test("an expired code is refused", async ({ newCaller, sharedServer }) => {
  const { client, phone, code } = await newCaller(await sharedServer(SHORT_LIVED));
  const guess = async () => (await verify(client, phone, wrong(code))).headers()["sarafan-error"];
  await expect.poll(guess).toBe("code_expired");
  await expectRefusal(verify(client, phone, code), 400, "code_expired");
});

test("of 10 parallel right codes one gets tokens", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  expect(await statusesAtOnce(10, () => verify(client, phone, code))).toEqual([200, ...Array(9).fill(400)]);
});

test("a profile needs a login", async ({ newPerson, newCookieOwner, newClient }) => {
  const [person, cookieOwner, stranger] = [await newPerson(), await newCookieOwner(), await newClient()];
  for (const [method, path] of [
    ["GET", PROFILE],
    ["POST", ACTIVATE_INVITE],
    ["POST", LOGOUT],
  ] as const) {
    const data = { code: person.inviteCode };
    await expectStranger(stranger.fetch(path, { method, data }), SENTENCE, "credentials_missing");
    for (const token of ["nonsense", "a.b.c", UNSIGNED, person.refresh]) {
      // With a bearer token even a valid cookie is ignored.
      for (const client of [stranger, cookieOwner]) {
        await expectBadToken(client.fetch(path, { method, headers: bearer(token), data }), token);
      }
    }
    for (const headers of [{ authorization: "Basic Og==" }, { cookie: `sarafan-session=${UNSIGNED}` }]) {
      const answer = await stranger.fetch(path, { method, headers, data });
      expect([answer.status(), answer.headers()["www-authenticate"]]).toEqual([401, expect.stringMatching(/^Bearer/)]);
    }
  }
  expect((await stranger.head(PROFILE)).status()).toBe(401);
  expect((await person.client.head(PROFILE)).status()).toBe(200);
  expect((await stranger.get(PROFILE, { headers: { authorization: `bearer ${person.access}` } })).status()).toBe(200);
  expect((await cookieOwner.get(PROFILE)).status()).toBe(200);
  expect(await read(person)).toMatchObject({ invited_users: [] });
});

test("a page of another site can do nothing, with a cookie, a token or neither", async ({
  newPerson,
  newCookieOwner,
  newCaller,
  server,
}) => {
  const [person, inviter, cookieOwner] = [await newPerson(), await newPerson(), await newCookieOwner()];
  const data = { code: inviter.inviteCode };
  const { phone, code } = await newCaller();
  for (const headers of foreignHeaders(server.url)) {
    const withToken = { ...headers, ...bearer(person.access) };
    for (const send of [
      () => cookieOwner.post(ACTIVATE_INVITE, { headers, data }),
      () => cookieOwner.post(LOGOUT, { headers, data }),
      () => cookieOwner.post(ACTIVATE_INVITE, { headers: withToken, data }),
      () => verify(cookieOwner, phone, code, headers),
      () => cookieOwner.post(REQUEST_CODE, { headers, data: { phone } }),
      () => cookieOwner.post(REFRESH_TOKEN, { headers, data: { refresh: person.refresh } }),
    ]) {
      await expectRefusal(send(), 403, "origin_foreign", JSON.stringify(headers));
    }
    expect((await cookieOwner.get(PROFILE, { headers })).status()).toBe(statusOfForeignGet(headers));
    expect((await cookieOwner.get(PROFILE, { headers: withToken })).status()).toBe(200);
  }
  expect(server.codesFor(phone)).toEqual([code]);
  expect((await verify(cookieOwner, phone, code)).status()).toBe(200);
  const headers = bearer(person.access);
  await expectAnswer(cookieOwner.post(ACTIVATE_INVITE, { headers, data }), 200, ACTIVATED);
  expect((await read(inviter)).invited_users).toEqual([person.phone]);
  expect(await (await cookieOwner.get(PROFILE)).json()).toMatchObject({ invited_by_code: null });
});

test("a code is activated in any spelling, once and for good", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  for (const code of UNKNOWN_INVITES) {
    await expectRefusal(activate(boris, code), 404, "invite_unknown", String(code));
  }
  await expectRefusal(activate(boris, boris.inviteCode), 400, "invite_own");
  expect((await read(boris)).invited_by_code).toBeNull();
  await expectAnswer(activate(boris, hear(anna.inviteCode)), 200, ACTIVATED);
  for (const code of [anna.inviteCode, carl.inviteCode, boris.inviteCode, "7Z7Z7Z"]) {
    await expectRefusal(activate(boris, code), 409, "invite_already_activated");
  }
  expect((await read(boris)).invited_by_code).toBe(anna.inviteCode);
  // Circles of any length are refused.
  await expectRefusal(activate(anna, boris.inviteCode), 400, "invite_circular");
  await activate(carl, boris.inviteCode);
  await expectRefusal(activate(anna, carl.inviteCode), 400, "invite_circular");
  expect(await read(anna)).toMatchObject({ invited_by_code: null, invited_users: [boris.phone] });
});

test("the newest come first, and a long list links to its next page", async ({ newPerson, sharedServer }) => {
  const server = await sharedServer(STRICT);
  const { client, phone, inviteCode } = await newPerson(server);
  const came: string[] = [];
  while (came.length < 5) {
    const comer = await newPerson(server);
    await expectAnswer(activate(comer, inviteCode), 200, ACTIVATED);
    came.unshift(comer.phone);
    expect("link" in (await client.get(PROFILE)).headers(), `${came.length} came`).toBe(came.length > 2);
  }
  const person = { phone_number: phone, invite_code: inviteCode, invited_by_code: null };
  const lists = [came.slice(0, 2), came.slice(2, 4), came.slice(4)];
  const pages = lists.map((invited_users) => ({ ...person, invited_users }));
  expect(await readPages(client, PROFILE, server)).toEqual(pages);
  await expectMalformed(client.get(`${PROFILE}?cursor=x`), "cursor");
});

test("other services verify a token without asking this server", async ({ newPerson, request, server }) => {
  const { client, phone, access, refresh } = await newPerson();
  const jwks = await (await request.get("/.well-known/jwks.json")).json();
  for (const key of jwks.keys) {
    expect(key).toMatchObject({ kty: "OKP", crv: "Ed25519", kid: BASE64URL_OF_32_BYTES, x: BASE64URL_OF_32_BYTES });
    expect(key).not.toHaveProperty("d");
  }
  const expected = { issuer: server.url, audience: server.url, algorithms: ["EdDSA"] };
  const { payload, protectedHeader } = await jwtVerify(access, createLocalJWKSet(jwks), expected);
  expect(jwks.keys.map(({ kid }: { kid: string }) => kid)).toContain(protectedHeader.kid);
  expect(payload).toMatchObject({ sub: expect.stringMatching(/^\d+$/), sid: expect.stringMatching(UUID) });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(15 * 60);
  expect(JSON.stringify(payload)).not.toContain(phone.slice(1));
  const account = { id: Number(payload.sub), phone };
  expect(await (await client.get(`/api/users/profile/${payload.sub}`)).json()).toMatchObject(account);
  const { aud, exp = 0, iat = 0 } = decodeJwt(refresh);
  expect([aud].flat()).not.toContain(server.url);
  expect(exp - iat).toBe(30 * 24 * 60 * 60);
  // The refresh token was issued when the session began, the access token when the answer was made: perhaps a second later.
  expect(iat).toBeLessThanOrEqual(payload.iat ?? 0);
  expect(iat).toBeGreaterThan((payload.iat ?? 0) - 60);
  const renewed = decodeJwt((await (await exchange({ client }, refresh)).json()).access);
  expect([renewed.sub, renewed.sid]).toEqual([payload.sub, payload.sid]);
});

test("servers with the same secret have the same key, but separate accounts", async ({
  newPerson,
  request,
  server,
  sharedServer,
  startServer,
}) => {
  const AUTH_SECRET = readFileSync(path.join(server.dataFolder, "auth-secret"), "utf8").trim();
  const [other, stranger] = [await startServer({ AUTH_SECRET }), await sharedServer(STRICT)];
  const readKeys = async ({ url }: Server) => (await request.get(`${url}/.well-known/jwks.json`)).json();
  expect(await readKeys(other)).toEqual(await readKeys(server));
  expect(await readKeys(stranger)).not.toEqual(await readKeys(server));
  const [anna, boris] = [await newPerson(server), await newPerson(other)];
  await expectBadToken(boris.client.get(PROFILE, { headers: bearer(anna.access) }));
  await expectBadToken(exchange(boris, anna.refresh));
  expect((await exchange(anna, anna.refresh)).status()).toBe(200);
});

test("forged tokens open nothing and end nothing", async ({ newPerson, request, newClient }) => {
  const [anna, boris, stranger] = [await newPerson(), await newPerson(), await newClient()];
  const { keys } = await (await request.get("/.well-known/jwks.json")).json();
  const { privateKey } = await generateKeyPair("EdDSA");
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  async function forge(token: string): Promise<string[]> {
    const [header, payload, signature] = token.split(".");
    const claims = decodeJwt(token);
    const { kid = "" } = decodeProtectedHeader(token);
    const others = { ...claims, sub: decodeJwt(boris.access).sub, sid: decodeJwt(boris.access).sid };
    return [
      `${encode({ alg: "none", kid })}.${payload}.`,
      `${encode({ alg: "none", kid })}.${payload}.${signature}`,
      `${header}.${encode(others)}.${signature}`,
      `${header}.${payload}.`,
      await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid }).sign(privateKey),
      await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid }).sign(Buffer.from(keys[0].x, "base64url")),
    ];
  }
  for (const token of [...(await forge(anna.access)), ...(await forge(anna.refresh)), anna.refresh]) {
    await expectBadToken(stranger.get(PROFILE, { headers: bearer(token) }), token);
  }
  for (const token of [...(await forge(anna.refresh)), anna.access, "nonsense", "a.b.c", 12]) {
    await expectBadToken(exchange({ client: stranger }, token), String(token));
  }
  expect((await anna.client.get(PROFILE)).status()).toBe(200);
  // A token as it is copied from a file.
  await expectAnswer(exchange(anna, ` ${anna.refresh}\n`), 200, TOKENS);
});

test("a lost answer can be requested again until it was used, and two parallel requests get the same one", async ({
  newPerson,
}) => {
  const person = await newPerson();
  const parallel = await Promise.all(Array.from({ length: 5 }, () => exchange(person, person.refresh)));
  const answers = await Promise.all(parallel.map((each) => each.json()));
  // Its refresh token is the same, letter for letter, and its access token is a fresh one.
  const { iat = 0 } = decodeJwt(answers[0].access);
  const exchangeAgain = async () => {
    answers.push(await (await exchange(person, person.refresh)).json());
    return decodeJwt(answers.at(-1).access).iat;
  };
  await expect.poll(exchangeAgain).toBeGreaterThan(iat);
  expect(new Set(answers.map(({ refresh }) => refresh)).size).toBe(1);
  expect(answers[0].refresh).not.toBe(person.refresh);
  expect(decodeJwt(answers.at(-1).access)).toMatchObject({ gen: 1 });
  for (const { access } of answers) {
    expect((await person.client.get(PROFILE, { headers: bearer(access) })).status()).toBe(200);
  }
  await expectAnswer(exchange(person, answers[0].refresh), 200, TOKENS);
});

test("a refresh token ends the session after an access token of its successor was used", async ({ newPerson }) => {
  const person = await newPerson();
  const { access, refresh } = await (await exchange(person, person.refresh)).json();
  expect((await person.client.get(PROFILE, { headers: bearer(access) })).status()).toBe(200);
  // The use of the token is stored in the background.
  await expect.poll(async () => (await exchange(person, person.refresh)).status()).toBe(401);
  await expectBadToken(person.client.get(PROFILE, { headers: bearer(access) }));
  await expectBadToken(exchange(person, refresh));
});

test("a refresh token older than the last ends the session, and no other", async ({ newPerson, server }) => {
  const person = await newPerson();
  const elsewhere = await newPerson(server, person.phone);
  const second = await (await exchange(person, person.refresh)).json();
  const third = await (await exchange(person, second.refresh)).json();
  expect((await person.client.get(PROFILE)).status()).toBe(200);
  for (const refresh of [person.refresh, second.refresh, third.refresh]) {
    await expectBadToken(exchange(person, refresh));
  }
  for (const { access } of [person, second, third]) {
    await expectBadToken(person.client.get(PROFILE, { headers: bearer(access) }));
  }
  expect((await elsewhere.client.get(PROFILE)).status()).toBe(200);
});

test("an access token expires, and the refresh token still works", async ({ newPerson, sharedServer }) => {
  const person = await newPerson(await sharedServer(SHORT_LIVED));
  const { exp = 0, iat = 0 } = decodeJwt(person.access);
  expect(exp - iat).toBe(1);
  await expect.poll(async () => (await person.client.get(PROFILE)).headers()["sarafan-error"]).toBe("token_invalid");
  // Clients may send an expired access token with a valid refresh token; it does no harm.
  const renewed = await (await exchange(person, person.refresh)).json();
  expect(renewed.access).not.toBe(person.access);
});

test("a logout takes effect immediately here, and not at other services", async ({
  newPerson,
  newCookieOwner,
  server,
}) => {
  const [person, cookieOwner] = [await newPerson(), await newCookieOwner()];
  const elsewhere = await newPerson(server, person.phone);
  const renewed = await (await exchange(person, person.refresh)).json();
  expect((await person.client.post(LOGOUT)).status()).toBe(204);
  for (const { access, refresh } of [person, renewed]) {
    await expectBadToken(person.client.get(PROFILE, { headers: bearer(access) }));
    await expectBadToken(exchange(person, refresh));
  }
  await expectBadToken(person.client.post(LOGOUT));
  expect((await elsewhere.client.get(PROFILE)).status()).toBe(200);
  const before = await copyCookies(cookieOwner);
  expect((await cookieOwner.post(LOGOUT)).status()).toBe(204);
  for (const headers of [{}, before]) expect((await cookieOwner.get(PROFILE, { headers })).status()).toBe(401);
});

test("its pages are our login and our profile", async ({ newClient, newCookieOwner }) => {
  const [stranger, person] = [await newClient(), await newCookieOwner()];
  const { invite_code } = await (await person.get(PROFILE)).json();
  const headers = { accept: "text/html", "accept-language": "ru" };
  for (const slash of ["/", ""]) {
    for (const [client, path, shown] of [
      [stranger, "/ui/phone", "Номер телефона"],
      [stranger, "/ui/code", "Номер телефона"],
      [stranger, "/ui/profile", "Номер телефона"],
      [person, "/ui/profile", invite_code],
    ]) {
      const page = await client.get(path + slash, { headers, maxRedirects: 5 });
      expect([page.status(), page.headers()["content-type"]]).toEqual([200, expect.stringContaining("text/html")]);
      expect(await page.text(), path).toContain(shown);
    }
  }
});

test("a code may be sent as a number to NextAuth's own address as well", async ({ newClient, phone, server }) => {
  const client = await newClient();
  await client.post("/api/enter_phone/", { data: { phone } });
  const code = await server.codeFor(phone);
  const { csrfToken } = await (await client.get("/api/auth/csrf")).json();
  const enter = (typed: number) =>
    client.post("/api/auth/callback/credentials", {
      data: { csrfToken, phone: Number(phone.slice(1)), code: typed },
      maxRedirects: 0,
    });
  // The number has lost its leading zeros and is still accepted.
  const wrong = await enter(code === "0007" ? 8 : 7);
  expect(wrong.headers().location).toContain("code=code_wrong");
  expect((await enter(Number(code))).headers().location).not.toContain("error");
  expect(await (await client.get("/api/auth/session")).json()).toMatchObject({ expires: expect.any(String) });
});

test("an application is recognised only by the device token of its sign-in", async ({
  newCaller,
  newClient,
  sharedServer,
}) => {
  const server = await sharedServer(STRICT);
  const DEVICE = "sarafan-device";
  const signIn = async (headers = {}) => {
    const caller = await newCaller(server);
    const answer = await verify(caller.client, caller.phone, caller.code, headers);
    return { ...caller, device: answer.headers()[DEVICE] ?? "" };
  };
  const [anna, boris] = [await signIn(), await signIn()];
  expect(anna.device).toMatch(/^[\w-]+(\.[\w-]*){4}$/);
  expect(anna.device).not.toContain(anna.phone.slice(1));
  const application = await newClient({ url: server.url });
  const ask = (device?: string) =>
    application.post(REQUEST_CODE, {
      data: { phone: anna.phone },
      headers: device === undefined ? {} : { [DEVICE]: device },
    });
  await expectAnswer(ask(), 200, SENT);
  // The recognised application has its own codes, without a wait.
  await expectAnswer(ask(anna.device), 200, SENT);
  // A browser's cookie is not accepted as a device token.
  const browser = await newClient({ url: server.url });
  await post(browser, "/api/enter_phone/", { phone: boris.phone });
  const code = await server.codeFor(boris.phone);
  await post(browser, "/api/enter_code/", { verification_code: code });
  const { cookies } = await browser.storageState();
  const cookie = cookies.find(({ name }) => name === "sarafan-known")?.value ?? "";
  expect(cookie).not.toBe("");
  const cut = `${anna.device.slice(0, -2)}${anna.device.endsWith("AA") ? "BB" : "AA"}`;
  for (const forged of [boris.device, cookie, cut, UNSIGNED, "x", ""]) await expectTooEarly(ask(forged), SENTENCE);
  await expectAnswer(ask(anna.device), 200, SENT);

  // A page of another site is refused even with the token.
  for (const foreign of foreignHeaders(server.url)) {
    const headers = { ...foreign, [DEVICE]: anna.device };
    const refused = await application.post(REQUEST_CODE, { data: { phone: anna.phone }, headers });
    expect(refused.status(), JSON.stringify(foreign)).toBe(403);
  }

  // Each sign-in answers a token for the phones of all earlier sign-ins as well.
  const both = await signIn({ [DEVICE]: anna.device });
  expect(both.device).not.toBe(anna.device);
  await expectAnswer(ask(both.device), 200, SENT);
});
