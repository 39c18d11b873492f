import type { APIRequestContext, APIResponse } from "playwright/test";
import { test as base, expect, type Server } from "../fixtures";

const [LOGIN, CREATE_USER, AUTH_USER] = ["/api/v1/login/", "/api/v1/create_user/", "/api/v1/auth_user/"] as const;
const profileOf = (phone: string) => `/api/v1/user_profile/${phone}/`;

/** Somebody who was sent a code and has not used it yet. */
type Caller = { client: APIRequestContext; phone: string; code: string };
/** Somebody who has logged in; `profile` is an address. */
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
  expect((await client.post(LOGIN, { data: { phone_number: typed } })).status(), String(typed)).toBe(200);
  return { client, phone, code: await at.codeFor(phone) };
}

async function logIn({ client, phone, code }: Caller): Promise<Person> {
  expect((await createUser(client, code)).status()).toBe(200);
  expect((await client.post(AUTH_USER)).status()).toBe(200);
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

type Coming = APIResponse | Promise<APIResponse>;

/** Compares all that a client goes by. */
async function expectAnswer(coming: Coming, status: number, body: unknown, error?: unknown, about = "") {
  const answer = await coming;
  const headers = answer.headers();
  const given = { status: answer.status(), error: headers["sarafan-error"], body: await answer.json() };
  expect(given, `${answer.url()} ${about}`).toEqual({ status, error, body });
  expect(headers["content-type"]).toContain("application/json");
  expect(headers["cache-control"]).toContain("no-store");
  return answer;
}

const [TO_CREATE_USER, TO_AUTH_USER] = [{ redirect: CREATE_USER }, { redirect: AUTH_USER }];
const toProfile = (phone: string) => ({ redirect: profileOf(phone) });
const SENTENCE = { error: expect.stringMatching(/[а-яё]/i) };
const expectRefusal = (coming: Coming, status: number, error: unknown, about?: string) =>
  expectAnswer(coming, status, SENTENCE, error, about);
/** Nothing waits for a code here, for whatever reason. */
const expectNoCode = (coming: Coming) =>
  expectRefusal(coming, 400, expect.stringMatching(/^code_(not_requested|expired)$/));
const REQUIRED = "This field is required.";
const expectMissing = (coming: Coming, field: string, about?: string) =>
  expectAnswer(coming, 400, { [field]: [REQUIRED] }, "field_invalid", about);
const expectMalformed = (coming: Coming, field: string, about?: string) =>
  expectAnswer(coming, 400, { [field]: [expect.stringMatching(`^(?!${REQUIRED}).+`)] }, "field_invalid", about);

/** Where a 303 leads, without our own origin. */
async function leadsTo(coming: Coming): Promise<string> {
  const answer = await coming;
  const { origin } = new URL(answer.url());
  expect(answer.status()).toBe(303);
  expect(answer.headers()["cache-control"]).toContain("no-store");
  return new URL(answer.headers().location ?? "", origin).href.replace(origin, "");
}

const cookieOf = async (client: APIRequestContext, name: string) =>
  (await client.storageState()).cookies.find((cookie) => cookie.name === name);
/** What a client sends that kept today's pending login, or stole it. */
const copyPendingLogin = async (client: APIRequestContext) => ({
  cookie: `sarafan-login=${(await cookieOf(client, "sarafan-login"))?.value}`,
});

/** A code of as many digits that is not this one. */
const wrong = (code: string) => code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));

const SPELLINGS = ["8 ($1) $2-$3-$4", "8$1$2$3$4", "7$1$2$3$4", "$1$2$3$4", "+7 $1 $2 $3 $4", " +7($1)$2-$3-$4 "];
const spell = (phone: string, spelling: string) => phone.replace(/^\+7(...)(...)(..)(..)$/, spelling);

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
    expect(invite_code).toMatch(/^[0-9A-HJKMNP-TV-Z]{6}$/);
    const person = { phone_number: phone, invite_code, numbers_activated_invite_codes: [] };
    const [before, after] = [null, inviter.inviteCode].map((code) => ({ ...person, activated_invite_code: code }));
    await expectAnswer(client.get(profile), 200, before);
    await expectAnswer(client.patch(profile, { data: { invite_code: inviter.inviteCode } }), 200, after);
    await expectAnswer(client.get(profile), 200, after);
    expect(await comersBy(inviter)).toEqual([phone]);
  });
}

for (const [kind, pack] of [
  ["a form", (form: Record<string, string>) => ({ form })],
  ["multipart", (multipart: Record<string, string>) => ({ multipart })],
] as const) {
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
  for (const spelling of [...SPELLINGS, Number]) {
    const [client, phone] = [await newClient(), freshPhone()];
    const typed = typeof spelling === "string" ? spell(phone, spelling) : spelling(phone);
    await logIn(await askForCode(client, phone, server, typed));
    for (const written of [phone, encodeURIComponent(phone), encodeURIComponent(typed)]) {
      expect(await (await client.get(profileOf(written))).json(), written).toMatchObject({ phone_number: phone });
    }
  }
});

test("a code may be sent as a number, or with gaps as it was heard", async ({ newCaller, server }) => {
  let { client, phone, code } = await newCaller();
  while (code.startsWith("0")) ({ code } = await askForCode(client, phone, server));
  await expectAnswer(createUser(client, Number(code)), 200, TO_AUTH_USER);
  ({ client, phone, code } = await newCaller());
  await expectAnswer(createUser(client, ` ${code.slice(0, 2)} - ${code.slice(2)} `), 200, TO_AUTH_USER);
});

test("the cookies are out of reach for scripts, and the session comes last", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  const kept = { httpOnly: true, sameSite: "Lax", path: "/", secure: false };
  expect(await cookieOf(client, "sarafan-login")).toMatchObject(kept);
  await createUser(client, code);
  expect(await cookieOf(client, "sarafan-session")).toBeUndefined();
  await expectRefusal(client.get(profileOf(phone)), 401, "credentials_missing");
  await client.post(AUTH_USER);
  expect(await cookieOf(client, "sarafan-session")).toMatchObject(kept);
});

test("nobody learns who has an account, but its owner", async ({ newPerson, newClient, phone, server }) => {
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
  const { client, profile, ...person } = await newPerson();
  const { code } = await askForCode(client, person.phone, server);
  const codes = ["123", "12345678901", "12a4", "code", 12];
  for (const [method, path, field, ...values] of [
    ["POST", LOGIN, "phone_number", "+7 945 12", "abc", "+79450", `${phone}0000`, 12],
    ["POST", CREATE_USER, "verification_code", ...codes],
    ["POST", AUTH_USER, "verification_code", ...codes],
    ["PATCH", profile, "invite_code", "ABC", "ABCDEF7", 12],
  ] as const) {
    await expectMissing(client.fetch(path, { method }), field);
    for (const value of [undefined, null, ""]) {
      await expectMissing(client.fetch(path, { method, data: { [field]: value } }), field, String(value));
    }
    for (const value of [...values, true, [phone], { code }]) {
      const sent = client.fetch(path, { method, data: { [field]: value } });
      await expectMalformed(sent, field, JSON.stringify(value));
    }
  }
  await expectMissing(client.post(LOGIN, { data: { verification_code: phone } }), "phone_number");
  await logIn({ client, phone: person.phone, code });
});

const raw = (text: string, type: string) => ({ data: Buffer.from(text), headers: { "content-type": type } });
const HALF_OR_NO_OBJECTS = ['{"phone_number": ', "phone_number=1", '["phone_number"]', '"phone_number"', "1", "null"];
const UNREADABLE = [
  ...HALF_OR_NO_OBJECTS.map((text) => raw(text, "application/json")),
  ...["multipart/form-data", "multipart/form-data; boundary=x"].map((type) => raw("--x\r\nContent-Disp", type)),
];
const OF_ANOTHER_TYPE = ["text/plain", "text/xml", "application/octet-stream"].map((type) => raw("{}", type));
const padding = "x".repeat(17 * 1024);
for (const [what, status, error, bodies] of [
  ["can't be read", 400, "body_malformed", UNREADABLE],
  ["is of another type", 415, "media_type_unsupported", OF_ANOTHER_TYPE],
  ["is too large", 413, "body_too_large", [{ data: { padding } }, { form: { padding } }, { multipart: { padding } }]],
] as const) {
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

test("16 KB are the limit, said or not how much comes, and less is read", async ({ request, phone, server }) => {
  const data = { phone_number: phone, padding: padding.slice(0, 15 * 1024) };
  expect((await request.post(LOGIN, { data })).status()).toBe(200);
  const body = new Blob([JSON.stringify({ phone_number: phone, padding })]).stream();
  const chunked = { method: "POST", headers: { "content-type": "application/json" }, body, duplex: "half" };
  expect((await fetch(server.url + LOGIN, chunked as RequestInit)).status).toBe(413);
});

test("other verbs are told which ones there are", async ({ request, phone }) => {
  const profiles = [profileOf(phone), `/api/user_profile/${phone}`];
  for (const path of [LOGIN, CREATE_USER, AUTH_USER, "/api/create_user", "/api/auth_user/", ...profiles]) {
    const [has, lacks] = profiles.includes(path) ? ["PATCH", "POST"] : ["POST", "PATCH"];
    const options = await request.fetch(path, { method: "OPTIONS" });
    expect(options.status()).toBe(204);
    for (const method of [lacks, "PUT", "DELETE"]) {
      const answer = await expectRefusal(request.fetch(path, { method }), 405, "method_not_allowed", method);
      for (const { allow } of [answer.headers(), options.headers()]) {
        expect(allow?.split(/, */)).toEqual(expect.arrayContaining(["GET", has]));
        expect(allow?.split(/, */)).not.toContain(method);
      }
    }
  }
});

test("a browser goes from page to page, by address or by form", async ({ newClient, phone, server }) => {
  const accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  const browser = await newClient({ headers: { accept, origin: server.url } });
  for (const method of ["GET", "HEAD"]) expect(await leadsTo(browser.fetch(LOGIN, { method }))).toBe("/login");
  for (const path of [CREATE_USER, AUTH_USER, "/api/v1/create_user", "/api/create_user/", "/api/auth_user"]) {
    expect(await leadsTo(browser.get(path)), path).toBe("/login?step=code");
  }
  expect(await leadsTo(browser.post(LOGIN, { form: { phone_number: "none" } }))).toMatch(/^\/login/);
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

test("a code is worth nothing without the cookie of whoever asked for it", async ({ newCaller, newClient, phone }) => {
  const [{ client, ...caller }, stranger] = [await newCaller(), await newClient()];
  const data = { verification_code: caller.code, phone_number: caller.phone };
  for (const headers of [{}, { cookie: "sarafan-login=eyJhbGciOiJub25lIn0.e30." }]) {
    await expectNoCode(stranger.post(CREATE_USER, { headers, data }));
    await expectNoCode(stranger.post(AUTH_USER, { headers, data }));
    await expectNoCode(stranger.post(AUTH_USER, { headers }));
  }
  // Whose code it is, the cookie says; the body has no say in it.
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

test("a proof enters once, and only with the cookie that came with it", async ({ newCaller, newClient }) => {
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

test("a proof of one phone opens no other", async ({ newCaller, newPerson, server }) => {
  const [{ client, code }, victim] = [await newCaller(), await newPerson()];
  await createUser(client, code);
  await askForCode(client, victim.phone, server);
  await expectMissing(client.post(AUTH_USER), "verification_code");
  await expectRefusal(client.get(victim.profile), 401, "credentials_missing");
});

test("a profile is for whoever is logged in", async ({ newClient, newPerson, newCaller, phone }) => {
  const [{ profile }, caller, stranger] = [await newPerson(), await newCaller(), await newClient()];
  const { cookie } = await copyPendingLogin(caller.client);
  for (const headers of [
    {},
    { cookie: "sarafan-session=eyJhbGciOiJub25lIn0.e30." },
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

test("somebody else's profile is like one that does not exist", async ({ newPerson, phone }) => {
  const [anna, boris, inviter] = [await newPerson(), await newPerson(), await newPerson()];
  const data = { invite_code: inviter.inviteCode, phone_number: boris.phone };
  const words = new Set<string>();
  const asked = `${anna.profile}?phone_number=${encodeURIComponent(boris.phone)}`;
  for (const path of [anna.profile, profileOf(phone), profileOf("abc"), asked]) {
    for (const send of [() => boris.client.get(path), () => boris.client.patch(path, { data })]) {
      words.add(await (await expectRefusal(send(), 404, "account_unknown")).text());
    }
  }
  expect(words.size).toBe(1);
  expect([await activatedBy(anna), await activatedBy(boris)]).toEqual([null, null]);
  expect((await boris.client.head(boris.profile)).status()).toBe(200);
});

test("a token says who asks, and cookies beside it say nothing", async ({ newClient, newPerson, codeFor }) => {
  const [anna, boris, client] = [await newPerson(), await newPerson(), await newClient()];
  await client.post("/api/auth/request_code/", { data: { phone: boris.phone } });
  const proof = { phone: boris.phone, code: await codeFor(boris.phone) };
  const { access } = await (await client.post("/api/auth/verify_code/", { data: proof })).json();
  const headers = { authorization: `Bearer ${access}`, origin: "https://elsewhere.example" };
  expect((await client.get(boris.profile, { headers })).status()).toBe(200);
  await expectRefusal(anna.client.get(anna.profile, { headers }), 404, "account_unknown");
  const patched = await anna.client.patch(boris.profile, { headers, data: { invite_code: anna.inviteCode } });
  expect(await patched.json()).toMatchObject({ phone_number: boris.phone, activated_invite_code: anna.inviteCode });
  for (const authorization of ["Bearer nonsense", `Bearer ${access}x`, "Bearer eyJhbGciOiJub25lIn0.e30."]) {
    const refused = expectRefusal(anna.client.get(anna.profile, { headers: { authorization } }), 401, "token_invalid");
    expect((await refused).headers()["www-authenticate"]).toBe('Bearer error="invalid_token"');
  }
});

const from = (origin: string) => ({ origin });

test("a page of another site can't act for anybody", async ({ newPerson, newClient, server }) => {
  const [anna, inviter, stranger] = [await newPerson(), await newPerson(), await newClient()];
  const { client, phone, code } = await askForCode(anna.client, anna.phone, server);
  for (const headers of [
    ...["https://evil.example", "null", server.url.replace(":", "s:"), server.url.replace(/\d+$/, "1")].map(from),
    ...["cross-site", "same-site"].map((site) => ({ "sec-fetch-site": site })),
  ]) {
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
    expect((await client.get(anna.profile, { headers })).status()).toBe(200);
  }
  expect(await activatedBy(anna)).toBeNull();
  await logIn({ client, phone, code });
});

test("pages of our own may, by any name of this machine", async ({ newClient, freshPhone, newPerson, server }) => {
  const { inviteCode } = await newPerson();
  for (const headers of [
    ...["localhost", "127.0.0.1", "[::1]"].map((host) => from(server.url.replace("localhost", host))),
    ...["same-origin", "none"].map((site) => ({ "sec-fetch-site": site })),
  ]) {
    const person = await logIn(await askForCode(await newClient({ headers }), freshPhone(), server));
    expect((await activate(person, inviteCode)).status(), JSON.stringify(headers)).toBe(200);
  }
});

test("a code is activated as it was heard, once and for good", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  for (const code of ["7Z7Z7Z", "AAAAAA", "000000", "UUUUUU", "жжжжжж", 123456]) {
    await expectRefusal(activate(boris, code), 404, "invite_unknown", String(code));
  }
  await expectRefusal(activate(boris, boris.inviteCode), 400, "invite_own");
  expect(await activatedBy(boris)).toBeNull();
  const letters: Record<string, string> = { 0: "о", 1: "l", A: "а", C: "с", H: "н", K: "к", M: "м", P: "р", X: "х" };
  const heard = anna.inviteCode.replace(/./g, (letter) => letters[letter] ?? letter).toLowerCase();
  const first = await activate(boris, ` ${heard.slice(0, 3)} – ${heard.slice(3)}`);
  expect(await first.json()).toMatchObject({ activated_invite_code: anna.inviteCode });
  for (const code of [anna.inviteCode, carl.inviteCode, boris.inviteCode, "7Z7Z7Z"]) {
    await expectRefusal(activate(boris, code), 409, "invite_already_activated");
  }
  expect(await activatedBy(boris)).toBe(anna.inviteCode);
  expect([await comersBy(anna), await comersBy(carl)]).toEqual([[boris.phone], []]);
});

test("nobody comes by somebody who came by them, however far away", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  await activate(boris, anna.inviteCode);
  await expectRefusal(activate(anna, boris.inviteCode), 400, "invite_circular");
  await activate(carl, boris.inviteCode);
  await expectRefusal(activate(anna, carl.inviteCode), 400, "invite_circular");
  expect(await activatedBy(anna)).toBeNull();
});

test("the newest come first, and a long list leads on", async ({ newPerson, startServer }) => {
  const server = await startServer({ REFERRALS_LISTED_MAX: 2 });
  const { client, phone, profile, inviteCode } = await newPerson(server);
  const came: string[] = [];
  while (came.length < 5) {
    const comer = await newPerson(server);
    expect((await activate(comer, inviteCode)).status()).toBe(200);
    came.unshift(comer.phone);
    expect("link" in (await client.get(profile)).headers(), `${came.length} came`).toBe(came.length > 2);
  }
  const pages: string[][] = [];
  for (let next: string | undefined = profile; next; ) {
    const answer: APIResponse = await client.get(next);
    const { numbers_activated_invite_codes: listed, ...rest } = await answer.json();
    expect(rest).toEqual({ phone_number: phone, invite_code: inviteCode, activated_invite_code: null });
    pages.push(listed);
    const { link = "" } = answer.headers();
    next = /^<([^>]+)>; rel="next"$/.exec(link)?.[1];
    expect(next ?? "").toMatch(link && new RegExp(`^${server.url}/.+[?&]cursor=`));
  }
  expect(pages).toEqual([came.slice(0, 2), came.slice(2, 4), came.slice(4)]);
  await expectMalformed(client.get(`${profile}?cursor=x`), "cursor");
});

test("there are three tries, and a wait before the next code", async ({ newCaller, newClient, startServer }) => {
  const server = await startServer({ RESEND_AFTER_S: 60, TRIES_PER_CODE: 3, CODE_DIGITS: 6 });
  const { client, phone, code } = await newCaller(server);
  const early = await expectRefusal(client.post(LOGIN, { data: { phone_number: phone } }), 429, "resend_too_early");
  expect(early.headers()["retry-after"]).toMatch(/^([1-9]|[1-5]\d|60)$/);
  for (const typed of ["123", "abcd", "12a456"]) await expectMalformed(createUser(client, typed), "verification_code");
  for (const send of [createUser, authUser, createUser]) {
    await expectRefusal(send(client, wrong(code)), 401, "code_wrong");
  }
  for (const send of [createUser, authUser]) await expectRefusal(send(client, code), 400, "code_spent");
  // Another asker has a wait and tries of their own, and a right code ends the wait.
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

test("an old code is no good", async ({ newCaller, startServer }) => {
  const { client, code } = await newCaller(await startServer({ CODE_TTL_S: 1 }));
  const guess = async () => (await createUser(client, wrong(code))).headers()["sarafan-error"];
  await expect.poll(guess).toBe("code_expired");
  await expectRefusal(createUser(client, code), 400, "code_expired");
  await expectNoCode(client.post(AUTH_USER));
});

test("of 10 parallel right codes one is taken, of 10 parallel proofs one enters", async ({ newCaller }) => {
  const { client, code } = await newCaller();
  for (const send of [() => createUser(client, code), () => client.post(AUTH_USER)]) {
    const answers = await Promise.all(Array.from({ length: 10 }, send));
    expect(answers.map((answer) => answer.status()).sort()).toEqual([200, ...Array(9).fill(400)]);
  }
});

test("of 20 parallel activations one wins", async ({ newPerson }) => {
  const [person, one, other] = [await newPerson(), await newPerson(), await newPerson()];
  const codes = Array.from({ length: 20 }, (_, at) => (at % 2 ? one : other).inviteCode);
  const answers = await Promise.all(codes.map((code) => activate(person, code)));
  expect(answers.map((answer) => answer.status()).sort()).toEqual([200, ...Array(19).fill(409)]);
  expect([...(await comersBy(one)), ...(await comersBy(other))]).toEqual([person.phone]);
});
