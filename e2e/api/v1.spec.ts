import type { APIRequestContext } from "playwright/test";
import { test as base, expect, type Server, SHORT_LIVED, STRICT } from "../fixtures";
import {
  BAD_BODIES,
  bearer,
  type Caller,
  COOKIE,
  type Coming,
  cookieOf,
  copyPendingLogin,
  expectAnswer,
  expectField,
  expectMalformed,
  expectMissing,
  expectStranger,
  expectTooEarly,
  expectVerbs,
  foreignHeaders,
  hear,
  INVITE_CODE,
  leadsTo,
  logInWithTokens,
  NO_LIVE_CODE,
  ODD,
  ownHeaders,
  PACKINGS,
  post,
  RUSSIAN,
  readPages,
  SPELLINGS,
  statusesAtOnce,
  statusOfForeignGet,
  UNKNOWN_INVITES,
  UNSIGNED,
  WAYS_TO_TYPE_A_CODE,
  wrong,
} from "./clients";

const [LOGIN, CREATE_USER, AUTH_USER] = ["/api/v1/login/", "/api/v1/create_user/", "/api/v1/auth_user/"] as const;
const profileOf = (phone: string) => `/api/v1/user_profile/${phone}/`;

/** A person who has logged in; `profile` is an address. */
type Person = { client: APIRequestContext; phone: string; profile: string; inviteCode: string };

const test = base.extend<{
  newCaller: (at?: Server) => Promise<Caller>;
  newPerson: (at?: Server) => Promise<Person>;
}>({
  newCaller: async ({ newClient, freshPhone, server }, use) =>
    use(async (at = server) => askForCode(await newClient({ url: at.url }), freshPhone(), at)),
  newPerson: async ({ newCaller }, use) => use(async (at) => logIn(await newCaller(at))),
});

/** `typed` is the phone as the person writes it. */
async function askForCode(client: APIRequestContext, phone: string, at: Server, typed: unknown = phone) {
  await post(client, LOGIN, { phone_number: typed });
  return { client, phone, code: await at.codeFor(phone) };
}

async function logIn({ client, phone, code }: Caller): Promise<Person> {
  await post(client, CREATE_USER, { verification_code: code });
  await post(client, AUTH_USER, {});
  const profile = profileOf(phone);
  return { client, phone, profile, inviteCode: (await (await client.get(profile)).json()).invite_code };
}

const createUser = (client: APIRequestContext, verification_code: unknown, headers = {}) =>
  client.post(CREATE_USER, { data: { verification_code }, headers });
const authUser = (client: APIRequestContext, verification_code: unknown, headers = {}) =>
  client.post(AUTH_USER, { data: { verification_code }, headers });
const activate = ({ client, profile }: Person, code: unknown) => client.patch(profile, { data: { invite_code: code } });
const read = async ({ client, profile }: Person) => (await client.get(profile)).json();
const activatedBy = async (person: Person) => (await read(person)).activated_invite_code;
const comersBy = async (person: Person): Promise<string[]> => (await read(person)).numbers_activated_invite_codes;

const [TO_CREATE_USER, TO_AUTH_USER] = [{ redirect: CREATE_USER }, { redirect: AUTH_USER }];
const toProfile = (phone: string) => ({ redirect: profileOf(phone) });
const SENTENCE = { error: RUSSIAN };
const expectRefusal = (coming: Coming, status: number, error: unknown, about?: string) =>
  expectAnswer(coming, status, SENTENCE, error, about);
/** Expects the answer for a code where none is live. */
const expectNoCode = (coming: Coming) => expectRefusal(coming, 400, NO_LIVE_CODE);

for (const address of ["/api/v1/…/", "/api/v1/…", "/api/…/", "/api/…"]) {
  test(`a newcomer logs in and activates a code at ${address}`, async ({ newClient, newPerson, phone, codeFor }) => {
    const at = (path: string) => address.replace("…", path);
    const [inviter, client] = [await newPerson(), await newClient()];
    const login = at("login").replace("/api/login", "/api/v1/login");
    const sent = await expectAnswer(client.post(login, { data: { phone_number: phone } }), 200, TO_CREATE_USER);
    expect(sent.headers()["sarafan-code-length"]).toBe("4");
    const code = { data: { verification_code: await codeFor(phone) } };
    await expectAnswer(client.post(at("create_user"), code), 200, TO_AUTH_USER);
    await expectAnswer(client.post(at("auth_user")), 200, toProfile(phone));

    const profile = at(`user_profile/${phone}`);
    const { invite_code } = await (await client.get(profile)).json();
    expect(invite_code).toEqual(INVITE_CODE);
    const person = { phone_number: phone, invite_code, numbers_activated_invite_codes: [] };
    const [before, after] = [null, inviter.inviteCode].map((code) => ({ ...person, activated_invite_code: code }));
    await expectAnswer(client.get(profile), 200, before);
    await expectAnswer(client.patch(profile, { data: { invite_code: inviter.inviteCode } }), 200, after);
    await expectAnswer(client.get(profile), 200, after);
    expect(await comersBy(inviter)).toEqual([phone]);
  });
}

for (const [kind, pack] of PACKINGS) {
  test(`a client may send ${kind}`, async ({ newClient, newPerson, phone, codeFor }) => {
    const [{ inviteCode }, client] = [await newPerson(), await newClient()];
    await expectMissing(client.post(LOGIN, pack({ phone_number: "" })), "phone_number");
    await expectAnswer(client.post(LOGIN, pack({ phone_number: phone })), 200, TO_CREATE_USER);
    const code = pack({ verification_code: await codeFor(phone) });
    await expectAnswer(client.post(CREATE_USER, code), 200, TO_AUTH_USER);
    await expectAnswer(client.post(AUTH_USER, pack({ any: "" })), 200, toProfile(phone));
    expect((await client.patch(profileOf(phone), pack({ invite_code: inviteCode }))).status()).toBe(200);
  });
}

test("a number is the same in every spelling, in a body and in a path", async ({ newClient, freshPhone, server }) => {
  for (const write of SPELLINGS) {
    const [client, phone] = [await newClient(), freshPhone()];
    const typed = write(phone);
    await logIn(await askForCode(client, phone, server, typed));
    for (const written of [phone, encodeURIComponent(phone), encodeURIComponent(typed)]) {
      expect(await (await client.get(profileOf(written))).json(), written).toMatchObject({ phone_number: phone });
    }
  }
});

test("a code may be sent as a number, twice, or with gaps", async ({ newCaller }) => {
  for (const write of WAYS_TO_TYPE_A_CODE) {
    const { client, code } = await newCaller();
    await expectAnswer(createUser(client, write(code)), 200, TO_AUTH_USER);
  }
});

test("the cookies are out of reach for scripts, and the session comes last", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  expect(await cookieOf(client, "sarafan-login")).toMatchObject(COOKIE);
  await createUser(client, code);
  expect(await cookieOf(client, "sarafan-session")).toBeUndefined();
  await expectRefusal(client.get(profileOf(phone)), 401, "credentials_missing");
  await client.post(AUTH_USER);
  expect(await cookieOf(client, "sarafan-session")).toMatchObject(COOKIE);
});

test("no answer reveals who has an account, except to its owner", async ({ newPerson, newClient, phone, server }) => {
  const known = await newPerson();
  const answers: unknown[] = [];
  for (const phone_number of [known.phone, phone]) {
    const answer = await (await newClient()).post(LOGIN, { data: { phone_number } });
    answers.push([answer.status(), Object.keys(answer.headers()).sort(), await answer.json()]);
  }
  expect(answers[0]).toEqual(answers[1]);
  const again = await logIn(await askForCode(await newClient(), known.phone, server));
  expect(again.inviteCode).toBe(known.inviteCode);
});

test("a field that is missing or malformed is named, and the code stays good", async ({ newPerson, phone, server }) => {
  const person = await newPerson();
  const { client, code } = await askForCode(person.client, person.phone, server);
  await expectMissing(client.post(LOGIN), "phone_number");
  for (const path of [CREATE_USER, AUTH_USER]) await expectMissing(client.post(path), "verification_code");
  await expectMissing(client.patch(person.profile), "invite_code");
  const ask = (phone_number: unknown) => client.post(LOGIN, { data: { phone_number } });
  await expectField("phone_number", ODD.phones, ask);
  await expectField("verification_code", ODD.codes, (typed) => createUser(client, typed));
  await expectField("verification_code", ODD.codes, (typed) => authUser(client, typed));
  await expectField("invite_code", ODD.invites, (typed) => activate(person, typed));
  await expectMissing(client.post(LOGIN, { data: { verification_code: phone } }), "phone_number");
  await logIn({ client, phone: person.phone, code });
});

for (const [what, status, error, bodies] of BAD_BODIES) {
  test(`a body that ${what} is refused everywhere, and costs nothing`, async ({ newPerson, server }) => {
    const { client, phone, profile } = await newPerson();
    const { code } = await askForCode(client, phone, server);
    for (const body of bodies) {
      for (const path of [LOGIN, CREATE_USER, AUTH_USER]) await expectRefusal(client.post(path, body), status, error);
      await expectRefusal(client.patch(profile, body), status, error);
    }
    await logIn({ client, phone, code });
  });
}

test("bodies are limited to 16 KB, with and without Content-Length, and the answer arrives", async ({
  request,
  phone,
  server,
}) => {
  await post(request, LOGIN, { phone_number: phone, padding: "x".repeat(15 * 1024) });
  const body = () => new Blob([`{"phone_number":"${phone}","padding":"${"x".repeat(1024 * 1024)}"}`]);
  const headers = { "content-type": "application/json" };
  for (let i = 0; i < 5; i++) {
    expect((await fetch(server.url + LOGIN, { method: "POST", headers, body: body() })).status).toBe(413);
    const chunked = { method: "POST", headers, body: body().stream(), duplex: "half" };
    expect((await fetch(server.url + LOGIN, chunked as RequestInit)).status).toBe(413);
  }

  let sentBytes = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      sentBytes += 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  const answer = fetch(server.url + LOGIN, { method: "POST", headers, body: endless, duplex: "half" } as RequestInit);
  expect([413, "cut off"]).toContain(await answer.then(({ status }) => status).catch(() => "cut off"));
  expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
});

test("other methods are refused with a list of the allowed ones", async ({ request, phone }) => {
  for (const path of [LOGIN, CREATE_USER, AUTH_USER, "/api/create_user", "/api/auth_user/"]) {
    await expectVerbs(request, path, ["GET", "POST"], SENTENCE);
  }
  for (const path of [profileOf(phone), `/api/user_profile/${phone}`]) {
    await expectVerbs(request, path, ["GET", "PATCH"], SENTENCE);
  }
});

test("a browser goes from page to page, by address or by form", async ({ newClient, phone, server }) => {
  const accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  const browser = await newClient({ headers: { accept, origin: server.url } });
  for (const method of ["GET", "HEAD"]) expect(await leadsTo(browser.fetch(LOGIN, { method }))).toBe("/login");
  for (const path of [CREATE_USER, AUTH_USER, "/api/v1/create_user", "/api/create_user/", "/api/auth_user"]) {
    expect(await leadsTo(browser.get(path)), path).toBe("/login?step=code");
  }
  const refused = await leadsTo(browser.post(LOGIN, { form: { phone_number: "none" } }));
  expect(await (await browser.get(refused)).text()).toMatch(/не похоже на номер|look like a phone number/);
  expect(await leadsTo(browser.post(LOGIN, { form: { phone_number: phone } }))).toBe("/login?step=code");
  const code = await server.codeFor(phone);
  for (const verification_code of [wrong(code), code]) {
    expect(await leadsTo(browser.post(CREATE_USER, { form: { verification_code } }))).toBe("/login?step=code");
    expect((await browser.get(profileOf(phone))).status()).toBe(401);
  }
  expect(await leadsTo(browser.post(AUTH_USER, { form: {} }))).toBe("/profile");
  expect(await (await browser.get(profileOf(phone))).json()).toMatchObject({ phone_number: phone });
  expect(await leadsTo(browser.post(AUTH_USER, { form: {} }))).toBe("/login?step=code");
});

test("a client that takes anything, or JSON rather than a page, gets JSON", async ({ newClient, freshPhone }) => {
  for (const accept of ["*/*", "application/json, text/plain, */*", "application/json, text/html;q=0.9"]) {
    const client = await newClient({ headers: { accept } });
    const phone = freshPhone();
    await expectAnswer(client.post(LOGIN, { form: { phone_number: phone } }), 200, {
      redirect: "/api/v1/create_user/",
    });
    await expectMalformed(client.post(LOGIN, { form: { phone_number: "none" } }), "phone_number", accept);
  }
  const page = await newClient({ headers: { accept: "application/json;q=0.5, text/html" } });
  expect(await leadsTo(page.post(LOGIN, { form: { phone_number: freshPhone() } }))).toBe("/login?step=code");
});

test("a wrong code is refused at either step, and the right one goes to either", async ({ newCaller }) => {
  for (const isTwice of [false, true]) {
    const { client, phone, code } = await newCaller();
    await expectRefusal(createUser(client, wrong(code)), 401, "code_wrong");
    await expectRefusal(authUser(client, wrong(code)), 401, "code_wrong");
    if (isTwice) await expectAnswer(createUser(client, code), 200, TO_AUTH_USER);
    await expectAnswer(authUser(client, code), 200, toProfile(phone));
    expect((await client.get(profileOf(phone))).status()).toBe(200);
  }
});

test("a code is worth nothing without the cookie of the browser that requested it", async ({
  newCaller,
  newClient,
  phone,
}) => {
  const [{ client, ...caller }, stranger] = [await newCaller(), await newClient()];
  const data = { verification_code: caller.code, phone_number: caller.phone };
  for (const headers of [{}, { cookie: `sarafan-login=${UNSIGNED}` }]) {
    await expectNoCode(stranger.post(CREATE_USER, { headers, data }));
    await expectNoCode(stranger.post(AUTH_USER, { headers, data }));
    await expectNoCode(stranger.post(AUTH_USER, { headers }));
  }
  // The cookie decides whose code it is, not the body.
  const body = { data: { verification_code: caller.code, phone_number: phone } };
  await expectAnswer(client.post(CREATE_USER, body), 200, TO_AUTH_USER);
  await expectAnswer(client.post(AUTH_USER, { form: { phone_number: phone } }), 200, toProfile(caller.phone));
});

test("a code works once", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  const before = await copyPendingLogin(client);
  await logIn({ client, phone, code });
  for (const headers of [{}, before]) {
    await expectNoCode(createUser(client, code, headers));
    await expectNoCode(authUser(client, code, headers));
  }
});

test("a verified code logs in once, and only with the cookie that came with it", async ({ newCaller, newClient }) => {
  const [{ client, phone, code }, stranger] = [await newCaller(), await newClient()];
  const before = await copyPendingLogin(client);
  await expectMissing(client.post(AUTH_USER), "verification_code");
  await createUser(client, code);
  const proven = await copyPendingLogin(client);
  expect(proven).not.toEqual(before);
  await expectNoCode(stranger.post(AUTH_USER, { headers: before }));
  await expectNoCode(authUser(stranger, code, before));
  await expectAnswer(client.post(AUTH_USER), 200, toProfile(phone));
  await expectNoCode(client.post(AUTH_USER));
  await expectNoCode(stranger.post(AUTH_USER, { headers: proven }));
  expect(await cookieOf(stranger, "sarafan-session")).toBeUndefined();
});

test("a verified code of one phone opens no other", async ({ newCaller, newPerson, server }) => {
  const [{ client, code }, victim] = [await newCaller(), await newPerson()];
  await createUser(client, code);
  await askForCode(client, victim.phone, server);
  await expectMissing(client.post(AUTH_USER), "verification_code");
  await expectRefusal(client.get(victim.profile), 401, "credentials_missing");
});

test("a profile needs a login", async ({ newClient, newPerson, newCaller, phone }) => {
  const [{ profile }, caller, stranger] = [await newPerson(), await newCaller(), await newClient()];
  const { cookie } = await copyPendingLogin(caller.client);
  for (const headers of [
    {},
    { cookie: `sarafan-session=${UNSIGNED}` },
    { cookie: cookie.replace("login", "session") },
    { authorization: "Basic Og==" },
  ] as Record<string, string>[]) {
    const error = Object.keys(headers).length > 0 ? /^(credentials_missing|token_invalid)$/ : /^credentials_missing$/;
    for (const path of [profile, profileOf(phone), profileOf("abc")]) {
      for (const method of ["GET", "PATCH"]) {
        const sent = stranger.fetch(path, { method, headers });
        const answer = await expectRefusal(sent, 401, expect.stringMatching(error), method);
        expect(answer.headers()["www-authenticate"]).toMatch(/^Bearer/);
      }
    }
  }
  expect((await stranger.head(profile)).status()).toBe(401);
});

test("another account's profile is answered like one that does not exist", async ({ newPerson, phone }) => {
  const [anna, boris, inviter] = [await newPerson(), await newPerson(), await newPerson()];
  const data = { invite_code: inviter.inviteCode, phone_number: boris.phone };
  const words = new Set<string>();
  for (const path of [anna.profile, profileOf(phone), profileOf("abc")]) {
    for (const send of [() => boris.client.get(path), () => boris.client.patch(path, { data })]) {
      words.add(await (await expectRefusal(send(), 404, "account_unknown")).text());
    }
  }
  expect(words.size).toBe(1);
  const asked = `${anna.profile}?phone_number=${encodeURIComponent(boris.phone)}`;
  expect((await boris.client.get(asked)).status(), "an address names whose it is, and no parameter").toBe(400);
  expect([await activatedBy(anna), await activatedBy(boris)]).toEqual([null, null]);
  expect((await boris.client.head(boris.profile)).status()).toBe(200);
});

test("a token identifies the account, and cookies sent with it are ignored", async ({
  newClient,
  newPerson,
  server,
}) => {
  const [anna, boris, client] = [await newPerson(), await newPerson(), await newClient()];
  const { access } = await logInWithTokens(newClient, boris.phone, server);
  const headers = bearer(access);
  expect((await client.get(boris.profile, { headers })).status()).toBe(200);
  await expectRefusal(anna.client.get(anna.profile, { headers }), 404, "account_unknown");
  const patched = await anna.client.patch(boris.profile, { headers, data: { invite_code: anna.inviteCode } });
  expect(await patched.json()).toMatchObject({ phone_number: boris.phone, activated_invite_code: anna.inviteCode });
  for (const token of ["nonsense", `${access}x`, UNSIGNED]) {
    const refused = anna.client.get(anna.profile, { headers: bearer(token) });
    await expectStranger(refused, SENTENCE, "token_invalid", token);
  }
});

test("a page of another site can't act for a visitor", async ({ newPerson, newClient, server }) => {
  const [anna, inviter, stranger] = [await newPerson(), await newPerson(), await newClient()];
  const { client, phone, code } = await askForCode(anna.client, anna.phone, server);
  for (const headers of foreignHeaders(server.url)) {
    for (const send of [
      () => stranger.post(LOGIN, { headers, form: { phone_number: phone } }),
      () => client.post(LOGIN, { headers, form: { phone_number: phone } }),
      () => createUser(client, code, headers),
      () => authUser(client, code, headers),
      () => client.patch(anna.profile, { headers, data: { invite_code: inviter.inviteCode } }),
    ]) {
      const answer = await expectRefusal(send(), 403, "origin_foreign", JSON.stringify(headers));
      expect(answer.headers()["set-cookie"]).toBeUndefined();
    }
    expect((await client.get(anna.profile, { headers })).status()).toBe(statusOfForeignGet(headers));
  }
  expect(await activatedBy(anna)).toBeNull();
  await logIn({ client, phone, code });
});

test("pages of our own may, by any name of this machine", async ({ newClient, freshPhone, newPerson, server }) => {
  const { inviteCode } = await newPerson();
  for (const headers of ownHeaders(server.url)) {
    const person = await logIn(await askForCode(await newClient({ headers }), freshPhone(), server));
    expect((await activate(person, inviteCode)).status(), JSON.stringify(headers)).toBe(200);
  }
});

test("a code is activated in any spelling, once and for good", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  for (const code of UNKNOWN_INVITES) {
    await expectRefusal(activate(boris, code), 404, "invite_unknown", String(code));
  }
  await expectRefusal(activate(boris, boris.inviteCode), 400, "invite_own");
  expect(await activatedBy(boris)).toBeNull();
  const first = await activate(boris, hear(anna.inviteCode));
  expect(await first.json()).toMatchObject({ activated_invite_code: anna.inviteCode });
  for (const code of [anna.inviteCode, carl.inviteCode, boris.inviteCode, "7Z7Z7Z"]) {
    await expectRefusal(activate(boris, code), 409, "invite_already_activated");
  }
  expect(await activatedBy(boris)).toBe(anna.inviteCode);
  expect([await comersBy(anna), await comersBy(carl)]).toEqual([[boris.phone], []]);
});

test("circles of invitations of any length are refused", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  await activate(boris, anna.inviteCode);
  await expectRefusal(activate(anna, boris.inviteCode), 400, "invite_circular");
  await activate(carl, boris.inviteCode);
  await expectRefusal(activate(anna, carl.inviteCode), 400, "invite_circular");
  expect(await activatedBy(anna)).toBeNull();
});

test("the newest come first, and a long list links to its next page", async ({ newPerson, sharedServer }) => {
  const server = await sharedServer(STRICT);
  const { client, phone, profile, inviteCode } = await newPerson(server);
  const came: string[] = [];
  while (came.length < 5) {
    const comer = await newPerson(server);
    expect((await activate(comer, inviteCode)).status()).toBe(200);
    came.unshift(comer.phone);
    expect("link" in (await client.get(profile)).headers(), `${came.length} came`).toBe(came.length > 2);
  }
  const person = { phone_number: phone, invite_code: inviteCode, activated_invite_code: null };
  const lists = [came.slice(0, 2), came.slice(2, 4), came.slice(4)];
  const pages = lists.map((numbers_activated_invite_codes) => ({ ...person, numbers_activated_invite_codes }));
  expect(await readPages(client, profile, server)).toEqual(pages);
  await expectMalformed(client.get(`${profile}?cursor=x`), "cursor");
});

test("there are three attempts, and a wait before the next code", async ({ newCaller, newClient, sharedServer }) => {
  const server = await sharedServer(STRICT);
  const { client, phone, code } = await newCaller(server);
  await expectTooEarly(client.post(LOGIN, { data: { phone_number: phone } }), SENTENCE);
  for (const typed of ["123", "abcd", "12a456"]) await expectMalformed(createUser(client, typed), "verification_code");
  for (const send of [createUser, authUser, createUser]) {
    await expectRefusal(send(client, wrong(code)), 401, "code_wrong");
  }
  for (const send of [createUser, authUser]) await expectRefusal(send(client, code), 400, "code_spent");
  // Another holder has a separate wait and separate attempts. A right code ends the wait.
  const other = await newClient({ url: server.url });
  const sent = await other.post(LOGIN, { data: { phone_number: phone } });
  const second = await server.codeFor(phone);
  expect(sent.headers()["sarafan-code-length"]).toBe(String(second.length));
  expect(second.length).toBeGreaterThanOrEqual(6);
  await logIn({ client: other, phone, code: second });
  await expectAnswer(other.post(LOGIN, { data: { phone_number: phone } }), 200, TO_CREATE_USER);
});

test("a stranger's request leaves the owner's code as it is", async ({ newCaller, newClient, server }) => {
  const owner = await newCaller();
  await askForCode(await newClient(), owner.phone, server);
  await logIn(owner);
});

test("an expired code is refused", async ({ newCaller, sharedServer }) => {
  const { client, code } = await newCaller(await sharedServer(SHORT_LIVED));
  const guess = async () => (await createUser(client, wrong(code))).headers()["sarafan-error"];
  await expect.poll(guess).toBe("code_expired");
  await expectRefusal(createUser(client, code), 400, "code_expired");
  await expectNoCode(client.post(AUTH_USER));
});

test("of 10 parallel right codes one is accepted, of 10 parallel logins by a verified code one succeeds", async ({
  newCaller,
}) => {
  const { client, code } = await newCaller();
  for (const send of [() => createUser(client, code), () => client.post(AUTH_USER)]) {
    expect(await statusesAtOnce(10, send)).toEqual([200, ...Array(9).fill(400)]);
  }
});

test("of 20 parallel activations one wins", async ({ newPerson }) => {
  const [person, one, other] = [await newPerson(), await newPerson(), await newPerson()];
  const statuses = await statusesAtOnce(20, (at) => activate(person, (at % 2 ? one : other).inviteCode));
  expect(statuses).toEqual([200, ...Array(19).fill(409)]);
  expect([...(await comersBy(one)), ...(await comersBy(other))]).toEqual([person.phone]);
});
