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

const [ENTER_PHONE, ENTER_CODE, PROFILE] = ["/api/enter_phone/", "/api/enter_code/", "/api/profile/"] as const;

const SENT = { message: "Код подтверждения отправлен успешно!" };
const ENTERED = { message: "Авторизация прошла успешно!" };
const WRONG = { error: "Неверный код подтверждения!" };
const NO_CODE = { error: "Код подтверждения не найден!" };
const ALREADY = { error: "Вы уже активировали инвайт-код!" };
const UNKNOWN = { error: "Пользователь с данным инвайт-кодом не найден!" };
const EMPTY = { error: "Введите инвайт-код." };
const NOBODY = { detail: "Учетные данные не были предоставлены." };
const SENTENCE = { error: RUSSIAN };
const activatedMessage = (code: string) => ({ message: `Инвайт-код ${code} успешно активирован!` });

/** A person who has logged in. */
type Person = { client: APIRequestContext; phone: string; inviteCode: string };

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
  await post(client, ENTER_PHONE, { phone: typed });
  return { client, phone, code: await at.codeFor(phone) };
}

async function logIn({ client, phone, code }: Caller): Promise<Person> {
  await post(client, ENTER_CODE, { verification_code: code });
  return { client, phone, inviteCode: (await read(client)).invite_code };
}

const enterCode = (client: APIRequestContext, verification_code: unknown, headers = {}) =>
  client.post(ENTER_CODE, { data: { verification_code }, headers });
const activate = (client: APIRequestContext, invite_code: unknown, headers = {}) =>
  client.post(PROFILE, { data: { invite_code }, headers });
const read = async (client: APIRequestContext) => (await client.get(PROFILE)).json();
const comersBy = async ({ client }: Person): Promise<unknown[]> => (await read(client)).referred_users;

/** Expects the answer for a code where none is live. */
const expectNoCode = (coming: Coming) => expectAnswer(coming, 400, NO_CODE, NO_LIVE_CODE);
/** A phone as this API prints it. */
const digitsOf = (phone: string) => phone.replace("+", "");

for (const slash of ["/", ""]) {
  const at = (path: string) => `/api/${path}${slash}`;
  const profile = at("profile");
  test(`a newcomer logs in and activates a code at ${profile}`, async ({ newClient, newPerson, phone, codeFor }) => {
    const [inviter, client] = [await newPerson(), await newClient()];
    const asked = await client.post(at("enter_phone"), { data: { phone: digitsOf(phone) } });
    const code = await codeFor(phone);
    // Revealed codes have their own tests, because another test may have ended this server's demonstration.
    await expectAnswer(asked, 200, expect.objectContaining(SENT));
    expect(asked.headers()["sarafan-code-length"]).toBe("4");
    await expectAnswer(client.post(at("enter_code"), { data: { verification_code: code } }), 200, ENTERED);

    const { invite_code } = await (await client.get(profile)).json();
    expect(invite_code).toEqual(INVITE_CODE);
    const before = { phone: digitsOf(phone), invite_code, activated_invite_code: null, referred_users: [] };
    await expectAnswer(client.get(profile), 200, before);
    await expectAnswer(
      client.post(profile, { data: { invite_code: inviter.inviteCode } }),
      200,
      activatedMessage(inviter.inviteCode),
    );
    await expectAnswer(client.get(profile), 200, { ...before, activated_invite_code: inviter.inviteCode });
    expect(await comersBy(inviter)).toEqual([{ phone: digitsOf(phone) }]);
  });
}

for (const [kind, pack] of PACKINGS) {
  test(`a client may send ${kind}`, async ({ newClient, newPerson, phone, codeFor }) => {
    const [{ inviteCode }, client] = [await newPerson(), await newClient()];
    await expectMissing(client.post(ENTER_PHONE, pack({ phone: "" })), "phone");
    expect((await client.post(ENTER_PHONE, pack({ phone }))).status()).toBe(200);
    const code = pack({ verification_code: await codeFor(phone) });
    await expectAnswer(client.post(ENTER_CODE, code), 200, ENTERED);
    await expectAnswer(client.post(PROFILE, pack({ invite_code: "" })), 400, EMPTY, "field_invalid");
    expect((await client.post(PROFILE, pack({ invite_code: inviteCode }))).status()).toBe(200);
    expect((await read(client)).activated_invite_code).toBe(inviteCode);
  });
}

test("a number is the same in every spelling", async ({ newClient, freshPhone, server }) => {
  for (const write of SPELLINGS) {
    const [client, phone] = [await newClient(), freshPhone()];
    const typed = write(phone);
    await logIn(await askForCode(client, phone, server, typed));
    expect(await read(client), String(typed)).toMatchObject({ phone: digitsOf(phone) });
  }
});

test("a code may be sent as a number, twice, or with gaps", async ({ newCaller }) => {
  for (const write of WAYS_TO_TYPE_A_CODE) {
    const { client, code } = await newCaller();
    await expectAnswer(enterCode(client, write(code)), 200, ENTERED);
  }
});

test("the cookies are out of reach for scripts", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  expect(await cookieOf(client, "sarafan-login")).toMatchObject(COOKIE);
  expect(await cookieOf(client, "sarafan-session")).toBeUndefined();
  await logIn({ client, phone, code });
  expect(await cookieOf(client, "sarafan-session")).toMatchObject(COOKIE);
});

test("no answer reveals who has an account, except to its owner", async ({ newPerson, newClient, phone, server }) => {
  const known = await newPerson();
  const logins: unknown[] = [];
  for (const asked of [known.phone, phone]) {
    const client = await newClient();
    const sent = await client.post(ENTER_PHONE, { data: { phone: asked } });
    const entered = await enterCode(client, await server.codeFor(asked));
    const { message } = await sent.json();
    const headers = [sent, entered].map((answer) => Object.keys(answer.headers()).sort());
    logins.push([sent.status(), message, entered.status(), await entered.json(), headers]);
    const { invite_code } = await read(client);
    expect(invite_code === known.inviteCode).toBe(asked === known.phone);
  }
  expect(logins[0]).toEqual(logins[1]);
});

test("a code that is not revealed has no key, and there are three tries", async ({
  newClient,
  phone,
  sharedServer,
}) => {
  const server = await sharedServer(STRICT);
  const [client, other] = [await newClient({ url: server.url }), await newClient({ url: server.url })];
  const ask = (holder: APIRequestContext) => holder.post(ENTER_PHONE, { data: { phone } });
  const sent = await expectAnswer(ask(client), 200, SENT);
  const code = await server.codeFor(phone);
  expect([sent.headers()["sarafan-code-length"], code]).toEqual(["6", expect.stringMatching(/^\d{6}$/)]);
  await expectTooEarly(ask(client), SENTENCE);
  for (const typed of ["123", "abcd", "12a456"]) await expectMalformed(enterCode(client, typed), "verification_code");
  for (const tries of "123") await expectAnswer(enterCode(client, wrong(code)), 401, WRONG, "code_wrong", tries);
  await expectAnswer(enterCode(client, code), 400, NO_CODE, "code_spent");
  // Another holder has a separate wait and separate attempts. A right code ends the wait.
  await expectAnswer(ask(other), 200, SENT);
  await expectAnswer(enterCode(other, await server.codeFor(phone)), 200, ENTERED);
  await expectAnswer(ask(other), 200, SENT);
});

test("an old code is not found", async ({ newCaller, sharedServer }) => {
  const { client, code } = await newCaller(await sharedServer(SHORT_LIVED));
  const guess = async () => (await enterCode(client, wrong(code))).headers()["sarafan-error"];
  await expect.poll(guess).toBe("code_expired");
  await expectAnswer(enterCode(client, code), 400, NO_CODE, "code_expired");
});

test("a field that is missing or malformed is named, and the code stays good", async ({ newCaller }) => {
  const { client, code } = await newCaller();
  await expectMissing(client.post(ENTER_PHONE), "phone");
  await expectMissing(client.post(ENTER_CODE), "verification_code");
  await expectField("phone", ODD.phones, (phone) => client.post(ENTER_PHONE, { data: { phone } }));
  await expectField("verification_code", ODD.codes, (typed) => enterCode(client, typed));
  await expectAnswer(enterCode(client, wrong(code)), 401, WRONG, "code_wrong");
  await expectAnswer(enterCode(client, code), 200, ENTERED);
});

for (const [what, status, error, bodies] of BAD_BODIES) {
  test(`a body that ${what} is refused everywhere, and costs nothing`, async ({ newPerson, server }) => {
    const { client, phone } = await newPerson();
    const { code } = await askForCode(client, phone, server);
    for (const body of bodies) {
      for (const path of [ENTER_PHONE, ENTER_CODE, PROFILE]) {
        await expectAnswer(client.post(path, body), status, SENTENCE, error);
      }
    }
    await logIn({ client, phone, code });
  });
}

test("other methods are refused with a list of the allowed ones", async ({ newPerson, request }) => {
  for (const path of [ENTER_PHONE, ENTER_CODE]) {
    for (const each of [path, path.slice(0, -1)]) await expectVerbs(request, each, ["POST"], SENTENCE);
  }
  for (const each of [PROFILE, PROFILE.slice(0, -1)]) await expectVerbs(request, each, ["GET", "POST"], SENTENCE);
  expect((await request.head(ENTER_PHONE)).status()).toBe(405);
  expect((await (await newPerson()).client.head(PROFILE)).status()).toBe(200);
  expect((await request.head(PROFILE)).status()).toBe(401);
});

test("a code is worth nothing without the cookie of the browser that requested it", async ({
  newCaller,
  newClient,
  phone,
}) => {
  const [{ client, ...caller }, stranger] = [await newCaller(), await newClient()];
  for (const headers of [{}, { cookie: `sarafan-login=${UNSIGNED}` }]) {
    const data = { verification_code: caller.code, phone: caller.phone };
    await expectNoCode(stranger.post(ENTER_CODE, { headers, data }));
  }
  // The cookie decides whose code it is, not the body.
  const data = { verification_code: caller.code, phone };
  await expectAnswer(client.post(ENTER_CODE, { data }), 200, ENTERED);
  expect(await read(client)).toMatchObject({ phone: digitsOf(caller.phone) });
});

test("a stranger's request leaves the owner's code as it is", async ({ newCaller, newClient, server }) => {
  const owner = await newCaller();
  await askForCode(await newClient(), owner.phone, server);
  await logIn(owner);
});

test("a code works once", async ({ newCaller, newClient }) => {
  const [{ client, phone, code }, thief] = [await newCaller(), await newClient()];
  const before = await copyPendingLogin(client);
  await logIn({ client, phone, code });
  await expectNoCode(enterCode(client, code));
  await expectNoCode(enterCode(thief, code, before));
  await expectNoCode(enterCode(thief, code, await copyPendingLogin(client)));
  expect(await cookieOf(thief, "sarafan-session")).toBeUndefined();
});

test("a new code replaces the last one", async ({ newCaller, server }) => {
  const { client, phone, code: first } = await newCaller();
  let second = first;
  while (second === first) ({ code: second } = await askForCode(client, phone, server));
  await expectAnswer(enterCode(client, first), 401, WRONG, "code_wrong");
  await expectAnswer(enterCode(client, second), 200, ENTERED);
});

test("a profile needs a login", async ({ newClient, newPerson, newCaller }) => {
  const [{ inviteCode }, caller, stranger] = [await newPerson(), await newCaller(), await newClient()];
  const all = (headers: Record<string, string>) => [
    () => stranger.get(PROFILE, { headers }),
    () => stranger.post(PROFILE, { headers }),
    () => activate(stranger, inviteCode, headers),
  ];
  for (const send of all({})) await expectStranger(send(), NOBODY, "credentials_missing");
  const { cookie } = await copyPendingLogin(caller.client);
  for (const headers of [
    { cookie: `sarafan-session=${UNSIGNED}` },
    { cookie: cookie.replace("login", "session") },
    { authorization: "Basic Og==" },
  ] as Record<string, string>[]) {
    for (const send of all(headers)) {
      const error = expect.stringMatching(/^(credentials_missing|token_invalid)$/);
      const answer = await expectAnswer(send(), 401, { detail: RUSSIAN }, error);
      expect(answer.headers()["www-authenticate"]).toMatch(/^Bearer/);
    }
  }
});

test("a token identifies the account, and cookies sent with it are ignored", async ({
  newClient,
  newPerson,
  server,
}) => {
  const [anna, boris, api] = [await newPerson(), await newPerson(), await newClient()];
  const { access } = await logInWithTokens(newClient, boris.phone, server);
  const headers = bearer(access);
  for (const client of [api, anna.client]) {
    expect(await (await client.get(PROFILE, { headers })).json()).toMatchObject({ phone: digitsOf(boris.phone) });
  }
  expect((await activate(anna.client, anna.inviteCode, headers)).status()).toBe(200);
  expect((await read(boris.client)).activated_invite_code).toBe(anna.inviteCode);
  for (const token of ["nonsense", `${access}x`, UNSIGNED]) {
    const refused = anna.client.get(PROFILE, { headers: bearer(token) });
    await expectStranger(refused, { detail: RUSSIAN }, "token_invalid", token);
  }
});

test("a page of another site can't act for a visitor", async ({ newPerson, newClient, server }) => {
  const [anna, inviter, stranger] = [await newPerson(), await newPerson(), await newClient()];
  const { client, phone, code } = await askForCode(anna.client, anna.phone, server);
  for (const headers of foreignHeaders(server.url)) {
    for (const send of [
      () => stranger.post(ENTER_PHONE, { headers, form: { phone } }),
      () => client.post(ENTER_PHONE, { headers, form: { phone } }),
      () => client.post(ENTER_CODE, { headers, form: { verification_code: code } }),
      () => client.post(PROFILE, { headers, form: { invite_code: inviter.inviteCode } }),
    ]) {
      const answer = await expectAnswer(send(), 403, SENTENCE, "origin_foreign", JSON.stringify(headers));
      expect(answer.headers()["set-cookie"]).toBeUndefined();
    }
    expect((await client.get(PROFILE, { headers })).status()).toBe(statusOfForeignGet(headers));
  }
  expect((await read(client)).activated_invite_code).toBeNull();
  await logIn({ client, phone, code });
});

test("pages of our own may, by any name of this machine", async ({ newClient, freshPhone, newPerson, server }) => {
  const { inviteCode } = await newPerson();
  for (const headers of ownHeaders(server.url)) {
    const { client } = await logIn(await askForCode(await newClient({ headers }), freshPhone(), server));
    expect((await activate(client, inviteCode)).status(), JSON.stringify(headers)).toBe(200);
  }
});

test("an invite is refused in the order empty, already, unknown, own or a circle", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  const empty = async (client: APIRequestContext) => {
    await expectAnswer(client.post(PROFILE), 400, EMPTY, "field_invalid");
    for (const code of [undefined, null, ""]) await expectAnswer(activate(client, code), 400, EMPTY, "field_invalid");
  };
  const unknown = [...UNKNOWN_INVITES, "ABC", `${anna.inviteCode}7`, 12];
  await empty(boris.client);
  for (const code of unknown) {
    await expectAnswer(activate(boris.client, code), 404, UNKNOWN, "invite_unknown", String(code));
  }
  await expectAnswer(activate(boris.client, boris.inviteCode), 400, SENTENCE, "invite_own");
  expect((await read(boris.client)).activated_invite_code).toBeNull();

  expect((await activate(boris.client, anna.inviteCode)).status()).toBe(200);
  await expectAnswer(activate(anna.client, boris.inviteCode), 400, SENTENCE, "invite_circular");
  expect((await activate(carl.client, boris.inviteCode)).status()).toBe(200);
  await expectAnswer(activate(anna.client, carl.inviteCode), 400, SENTENCE, "invite_circular");

  await empty(boris.client);
  for (const code of [anna.inviteCode, carl.inviteCode, boris.inviteCode, ...unknown]) {
    await expectAnswer(activate(boris.client, code), 409, ALREADY, "invite_already_activated", String(code));
  }
  expect([(await read(anna.client)).activated_invite_code, await comersBy(carl)]).toEqual([null, []]);
  expect((await read(boris.client)).activated_invite_code).toBe(anna.inviteCode);
});

test("a code is activated in any spelling, with a cookie or a token", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  const data = { invite_code: hear(anna.inviteCode), phone: carl.phone };
  await expectAnswer(boris.client.post(PROFILE, { data }), 200, activatedMessage(anna.inviteCode));
  expect(await comersBy(anna)).toEqual([{ phone: digitsOf(boris.phone) }]);
});

test("the newest come first, and a long list links to its next page", async ({ newPerson, sharedServer }) => {
  const server = await sharedServer(STRICT);
  const { client, phone, inviteCode } = await newPerson(server);
  const came: { phone: string }[] = [];
  while (came.length < 5) {
    const comer = await newPerson(server);
    expect((await activate(comer.client, inviteCode)).status()).toBe(200);
    came.unshift({ phone: digitsOf(comer.phone) });
    expect("link" in (await client.get(PROFILE)).headers(), `${came.length} came`).toBe(came.length > 2);
  }
  const person = { phone: digitsOf(phone), invite_code: inviteCode, activated_invite_code: null };
  const lists = [came.slice(0, 2), came.slice(2, 4), came.slice(4)];
  const pages = lists.map((referred_users) => ({ ...person, referred_users }));
  expect(await readPages(client, PROFILE, server)).toEqual(pages);
  await expectMalformed(client.get(`${PROFILE}?cursor=x`), "cursor");
});

test("of 10 parallel right codes one is taken", async ({ newCaller }) => {
  const { client, code } = await newCaller();
  expect(await statusesAtOnce(10, () => enterCode(client, code))).toEqual([200, ...Array(9).fill(400)]);
});

test("of 20 parallel activations one wins", async ({ newPerson }) => {
  const [{ client, phone }, one, other] = [await newPerson(), await newPerson(), await newPerson()];
  const statuses = await statusesAtOnce(20, (at) => activate(client, (at % 2 ? one : other).inviteCode));
  expect(statuses).toEqual([200, ...Array(19).fill(409)]);
  expect([...(await comersBy(one)), ...(await comersBy(other))]).toEqual([{ phone: digitsOf(phone) }]);
});
