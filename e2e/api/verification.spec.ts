import type { APIRequestContext } from "playwright/test";
import { test as base, expect, type Server, SHORT_LIVED, STRICT } from "../fixtures";
import {
  BAD_BODIES,
  bearer,
  type Caller,
  COOKIE,
  type Coming,
  cookieOf,
  expectAnswer,
  expectInvalid,
  expectStranger,
  expectTooEarly,
  expectVerbs,
  foreignHeaders,
  hear,
  INVITE_CODE,
  logInWithTokens,
  MALFORMED,
  NO_LIVE_CODE,
  ODD,
  PACKINGS,
  post,
  REQUIRED,
  readPages,
  SPELLINGS,
  spell,
  statusesAtOnce,
  statusOfForeignGet,
  UNKNOWN_INVITES,
  UNSIGNED,
  WAYS_TO_TYPE_A_CODE,
  wrong,
} from "./clients";

const SEND_CODE = "/api/verification_phone/send_code";
/** The address of a registration, with an invite code or with the word for none. */
const by = (inviteCode: string) => `/api/verification_phone/${encodeURIComponent(inviteCode)}`;
const NOBODYS = by("invite_code");
const profileOf = (phone: string) => `/api/verification_phone/profile/${phone}`;
/** A phone as this API prints it. */
const printed = (phone: string) => spell(phone, "+7($1)$2-$3-$4");

const INVALID_NUMBER = { phone_number: ["Invalid number"] };
const TAKEN = { phone_number: ["Not unique number"] };
const WRONG_CODE = { code: ["Request a new code"] };
const NO_CODE = { code: ["This phone number did not receive a code"] };
const INVALID_INVITE = { non_field_errors: ["Invalid invite"] };
const ALREADY = { message: "User already activate invite" };
const NOT_FOUND = { detail: "Not found." };
const SENTENCE = { detail: expect.stringMatching(/^[^а-яё]+$/i) };
const activatedBy = (phone: string) => ({ message: `${printed(phone)} successfully activated invite` });

/** A person who has registered and has the cookie; `profile` is an address. */
type Person = { client: APIRequestContext; phone: string; profile: string; inviteCode: string };

const test = base.extend<{
  newCaller: (at?: Server) => Promise<Caller>;
  newPerson: (at?: Server) => Promise<Person>;
  /** The headers with a person's token. */
  tokenOf: (person: Pick<Person, "phone">) => Promise<Record<string, string>>;
}>({
  newCaller: async ({ newClient, freshPhone, server }, use) =>
    use(async (at = server) => askForCode(await newClient({ url: at.url }), freshPhone(), at)),
  newPerson: async ({ newCaller }, use) =>
    use(async (at) => {
      const { client, phone, code } = await newCaller(at);
      const { invite } = await (await expectCreated(register(client, phone, code))).json();
      return { client, phone, profile: profileOf(phone), inviteCode: invite };
    }),
  tokenOf: async ({ newClient, server }, use) =>
    use(async ({ phone }) => bearer((await logInWithTokens(newClient, phone, server)).access)),
});

/** `typed` is the phone as the person writes it. */
async function askForCode(client: APIRequestContext, phone: string, at: Server, typed: unknown = phone) {
  await post(client, SEND_CODE, { phone_number: typed });
  return { client, phone, code: await at.codeFor(phone) };
}

const sendCode = (client: APIRequestContext, phone_number: unknown, headers = {}) =>
  client.post(SEND_CODE, { data: { phone_number }, headers });
const register = (client: APIRequestContext, phone_number: unknown, code: unknown, path = NOBODYS, headers = {}) =>
  client.post(path, { data: { phone_number, code }, headers });
const activate = ({ client, profile }: Person, invite: unknown) => client.put(profile, { data: { invite } });
const read = async ({ client, profile }: Person) => (await client.get(profile)).json();
const comersBy = async (person: Person): Promise<string[]> => (await read(person)).duplicate_user_invite;

const expectCreated = (coming: Coming) =>
  expectAnswer(coming, 201, { invite: INVITE_CODE, user_profile_url: expect.stringContaining("/profile/+7") });
const expectRefusal = (coming: Coming, status: number, error: string, about?: string) =>
  expectAnswer(coming, status, SENTENCE, error, about);
const expectTaken = (coming: Coming) => expectAnswer(coming, 400, TAKEN, "phone_taken");
const expectInvite = (coming: Coming, why: string, about?: string) =>
  expectAnswer(coming, 400, INVALID_INVITE, `invite_${why}`, about);
const expectCode = (coming: Coming, why: string) =>
  expectAnswer(coming, 400, why === "wrong" ? WRONG_CODE : NO_CODE, `code_${why}`);
/** Expects the answer for a code where none is live. */
const expectNoCode = (coming: Coming) => expectAnswer(coming, 400, NO_CODE, NO_LIVE_CODE);

for (const slash of ["", "/"]) {
  test(`a person registers at ${NOBODYS}${slash} and activates`, async ({ newPerson, newClient, phone, server }) => {
    const [inviter, client] = [await newPerson(), await newClient()];
    const sent = await client.post(SEND_CODE + slash, { data: { phone_number: phone } });
    const code = await server.codeFor(phone);
    // Revealed codes have their own tests, because another test may have ended this server's demonstration.
    expect([{ code }, { detail: "Code sent" }]).toContainEqual(await sent.json());
    expect(sent.headers()["sarafan-code-length"]).toBe(String(code.length));
    expect(sent.headers()["set-cookie"]).toBeUndefined();
    const created = await register(client, phone, code, NOBODYS + slash);
    const user_profile_url = server.url + profileOf(phone);
    await expectAnswer(created, 201, { invite: INVITE_CODE, user_profile_url });
    expect(await cookieOf(client, "sarafan-session")).toMatchObject(COOKIE);

    const { invite: self_invite } = await created.json();
    const profile = { phone_number: printed(phone), self_invite, invite: null, is_active: false };
    await expectAnswer(client.get(user_profile_url + slash), 200, { profile, duplicate_user_invite: [] });
    const invite = inviter.inviteCode;
    await expectAnswer(client.put(profileOf(phone) + slash, { data: { invite } }), 200, activatedBy(phone));
    const after = { profile: { ...profile, invite, is_active: true }, duplicate_user_invite: [] };
    await expectAnswer(client.get(profileOf(phone) + slash), 200, after);
    expect(await comersBy(inviter)).toEqual([printed(phone)]);
  });
}

test("a person registers with an invite code in the same request", async ({ newCaller, newPerson }) => {
  const [{ client, phone, code }, inviter, other] = [await newCaller(), await newPerson(), await newPerson()];
  const data = { phone_number: phone, code, invite_code: other.inviteCode, invite: other.inviteCode };
  const { invite: self_invite } = await (await expectCreated(client.post(by(inviter.inviteCode), { data }))).json();
  const profile = { phone_number: printed(phone), self_invite, invite: inviter.inviteCode, is_active: true };
  await expectAnswer(client.get(profileOf(phone)), 200, { profile, duplicate_user_invite: [] });
  expect([await comersBy(inviter), await comersBy(other)]).toEqual([[printed(phone)], []]);
  const again = client.put(profileOf(phone), { data: { invite: other.inviteCode } });
  await expectAnswer(again, 400, ALREADY, "invite_already_activated");
});

test("an invite code in the address is read in any spelling", async ({ newCaller, newPerson }) => {
  const inviter = await newPerson();
  const came: string[] = [];
  const heard = hear(inviter.inviteCode);
  for (const spelled of [inviter.inviteCode.toLowerCase(), heard, heard.toUpperCase()]) {
    const { client, phone, code } = await newCaller();
    await expectCreated(register(client, phone, code, by(spelled)));
    came.unshift(printed(phone));
  }
  expect(await comersBy(inviter)).toEqual(came);
});

test("an unknown invite code registers no account, and the code stays good", async ({ newCaller }) => {
  const { client, phone, code } = await newCaller();
  for (const unknown of ["7Z7Z7Z", "AAAAAA", "000000", "жжжжжж"]) {
    // An answer about the invite says nothing of the code.
    for (const typed of [code, wrong(code)]) {
      await expectInvite(register(client, phone, typed, by(unknown)), "unknown", unknown);
    }
  }
  for (const shapeless of ["ABC", "ABCDEF7", "nobody"]) {
    const answer = await register(client, phone, code, by(shapeless));
    expect([answer.status(), await answer.json()], shapeless).toEqual([400, INVALID_INVITE]);
  }
  expect((await client.storageState()).cookies).toEqual([]);
  expect((await client.get(profileOf(phone))).status()).toBe(401);
  await expectCreated(register(client, phone, code));
});

for (const [kind, pack] of PACKINGS) {
  test(`a client may send ${kind}`, async ({ newPerson, newClient, phone, codeFor }) => {
    const [{ inviteCode }, client] = [await newPerson(), await newClient()];
    await expectInvalid(client.post(SEND_CODE, pack({ phone_number: "" })), { phone_number: REQUIRED });
    expect((await client.post(SEND_CODE, pack({ phone_number: phone }))).status()).toBe(200);
    const proof = { phone_number: phone, code: await codeFor(phone) };
    await expectCreated(client.post(NOBODYS, pack(proof)));
    await expectAnswer(client.put(profileOf(phone), pack({ invite: inviteCode })), 200, activatedBy(phone));
  });
}

test("a number is the same in every spelling, in a body and in a path", async ({ newClient, freshPhone, server }) => {
  for (const write of SPELLINGS) {
    const [client, phone] = [await newClient(), freshPhone()];
    const typed = write(phone);
    const { code } = await askForCode(client, phone, server, typed);
    await expectCreated(register(client, typed, code));
    for (const written of [phone, encodeURIComponent(phone), encodeURIComponent(typed), printed(phone)]) {
      const { profile } = await (await client.get(profileOf(written))).json();
      expect(profile, written).toMatchObject({ phone_number: printed(phone) });
    }
    await expectTaken(sendCode(client, typed));
  }
});

test("a code may be sent as a number, twice, or with gaps", async ({ newCaller }) => {
  for (const write of WAYS_TO_TYPE_A_CODE) {
    const { client, phone, code } = await newCaller();
    await expectCreated(register(client, phone, write(code)));
  }
});

test("a field that is missing or malformed is named, and the code stays good", async ({ newPerson, newCaller }) => {
  const [person, { client, phone, code }] = [await newPerson(), await newCaller()];
  for (const value of [undefined, null, ""]) {
    await expectInvalid(sendCode(client, value), { phone_number: REQUIRED });
    await expectInvalid(register(client, value, code), { phone_number: REQUIRED });
    await expectInvalid(register(client, phone, value), { code: REQUIRED });
    await expectInvalid(activate(person, value), { invite: REQUIRED });
  }
  for (const value of ODD.phones) {
    await expectInvalid(sendCode(client, value), INVALID_NUMBER, JSON.stringify(value));
    await expectInvalid(register(client, value, code), INVALID_NUMBER, JSON.stringify(value));
  }
  for (const value of ODD.codes) {
    await expectInvalid(register(client, phone, value), { code: MALFORMED }, JSON.stringify(value));
  }
  await expectInvalid(register(client, "abc", undefined), { ...INVALID_NUMBER, code: REQUIRED });
  await expectInvalid(client.post(NOBODYS), { phone_number: REQUIRED, code: REQUIRED });
  await expectInvalid(client.post(SEND_CODE, { data: { phone } }), { phone_number: REQUIRED });
  await expectCreated(register(client, phone, code));
});

for (const [what, status, error, bodies] of BAD_BODIES) {
  test(`a body that ${what} is refused everywhere`, async ({ newPerson }) => {
    const { client, profile } = await newPerson();
    for (const body of bodies) {
      for (const path of [SEND_CODE, NOBODYS]) await expectRefusal(client.post(path, body), status, error);
      await expectRefusal(client.put(profile, body), status, error);
    }
  });
}

test("other methods are refused with a list of the allowed ones", async ({ request, phone }) => {
  for (const path of [SEND_CODE, NOBODYS]) await expectVerbs(request, path, ["POST"], SENTENCE);
  await expectVerbs(request, profileOf(phone), ["GET", "PUT"], SENTENCE);
});

test("a code works once, for one phone", async ({ newCaller, newClient, phone: nobodys }) => {
  const [{ client, phone, code }, stranger] = [await newCaller(), await newClient()];
  await expectCode(register(client, phone, wrong(code)), "wrong");
  await expectCode(register(client, nobodys, code), "expired");
  await expectCreated(register(client, phone, code));
  await expectNoCode(register(stranger, phone, code));
  expect((await stranger.storageState()).cookies).toEqual([]);
});

test("a number that has an account is taken in every spelling", async ({ newPerson, request, tokenOf, phone }) => {
  const person = await newPerson();
  // Another API has accounts, too.
  await tokenOf({ phone });
  for (const taken of [person.phone, phone]) {
    const answer = await expectTaken(sendCode(request, taken));
    expect(answer.headers()["sarafan-code-length"]).toBeUndefined();
    await expectTaken(sendCode(request, spell(taken, "8 ($1) $2-$3-$4")));
  }
});

test("only the right code tells that a number is taken now", async ({ newCaller, newClient, newPerson, codeFor }) => {
  const [{ client, phone, code }, browser, inviter] = [await newCaller(), await newClient(), await newPerson()];
  await browser.post("/api/v1/login/", { data: { phone_number: phone } });
  const browsers = await codeFor(phone);
  // A code that was asked for in a browser is good in that browser only.
  if (browsers !== code) await expectCode(register(client, phone, browsers), "wrong");
  expect((await browser.post("/api/v1/create_user/", { data: { verification_code: browsers } })).status()).toBe(200);
  await expectCode(register(client, phone, wrong(code)), "wrong");
  await expectTaken(register(client, phone, code, by(inviter.inviteCode)));
  expect((await client.storageState()).cookies).toEqual([]);
  expect(await comersBy(inviter)).toEqual([]);
});

test("of 10 parallel registrations one succeeds", async ({ newCaller, newPerson }) => {
  const [{ client, phone, code }, inviter] = [await newCaller(), await newPerson()];
  const statuses = await statusesAtOnce(10, () => register(client, phone, code, by(inviter.inviteCode)));
  expect(statuses).toEqual([201, ...Array(9).fill(400)]);
  expect(await comersBy(inviter)).toEqual([printed(phone)]);
});

test("outside a demonstration no code is shown, there are three attempts, and a wait before the next code", async ({
  newClient,
  phone,
  sharedServer,
}) => {
  const server = await sharedServer(STRICT);
  const client = await newClient({ url: server.url });
  const sent = await expectAnswer(sendCode(client, phone), 200, { detail: "Code sent" });
  const code = await server.codeFor(phone);
  expect(sent.headers()["sarafan-code-length"]).toBe(String(code.length));
  await expectTooEarly(sendCode(client, phone), SENTENCE);
  for (const typed of ["123", "abcd", "12a4", true]) {
    await expectInvalid(register(client, phone, typed), { code: MALFORMED });
    await expectInvite(register(client, phone, wrong(code), by("7Z7Z7Z")), "unknown");
  }
  for (let tries = 3; tries > 0; tries--) await expectCode(register(client, phone, wrong(code)), "wrong");
  for (const typed of [code, wrong(code)]) await expectCode(register(client, phone, typed), "spent");
});

test("an expired code is refused", async ({ newCaller, sharedServer }) => {
  const server = await sharedServer(SHORT_LIVED);
  const { client, phone, code } = await newCaller(server);
  const guess = async () => (await register(client, phone, wrong(code))).headers()["sarafan-error"];
  await expect.poll(guess).toBe("code_expired");
  await expectCode(register(client, phone, code), "expired");
});

test("answers that reveal an account are limited to a few an hour", async ({
  newPerson,
  newClient,
  freshPhone,
  startServer,
}) => {
  const limits = { TAKEN_ANSWERS_PER_IP_PER_HOUR: 2, TAKEN_ANSWERS_PER_HOUR: 5 };
  const server = await startServer({ ...limits, TRUSTED_PROXIES: 1 });
  const { phone } = await newPerson(server);
  const at = (address: string) => newClient({ url: server.url, headers: { "x-forwarded-for": address } });
  const [anna, boris] = [await at("203.0.113.1"), await at("203.0.113.2")];
  const [carl, dora] = [await at("203.0.113.3"), await at("203.0.113.4")];
  // By then a taken number is treated as a free one.
  async function expectSpent(client: APIRequestContext) {
    for (const asked of [phone, freshPhone()])
      await expectAnswer(sendCode(client, asked), 200, { detail: "Code sent" });
  }
  expect(await statusesAtOnce(8, () => sendCode(anna, phone))).toEqual([...Array(6).fill(200), 400, 400]);
  await expectSpent(anna);
  // Another network still gets such answers, and other answers don't count. A request through a proxy gets no code.
  await expectAnswer(sendCode(boris, freshPhone()), 200, { detail: "Code sent" });
  for (let told = 2; told > 0; told--) await expectTaken(sendCode(boris, phone));
  await expectSpent(boris);
  await expectTaken(sendCode(carl, phone));
  for (const client of [carl, dora]) await expectSpent(client);
});

test("a profile needs a login", async ({ newPerson, newClient, phone }) => {
  const [anna, stranger] = [await newPerson(), await newClient()];
  const words = new Set<string>();
  for (const path of [anna.profile, profileOf(phone), profileOf("abc")]) {
    for (const method of ["GET", "PUT"]) {
      const data = method === "PUT" ? { invite: anna.inviteCode } : undefined;
      const answer = await expectStranger(
        stranger.fetch(path, { method, data }),
        SENTENCE,
        "credentials_missing",
        path,
      );
      words.add(await answer.text());
      // With a bearer token even a valid cookie is ignored.
      const sent = anna.client.fetch(path, { method, headers: bearer("nonsense"), data });
      await expectStranger(sent, SENTENCE, "token_invalid", path);
    }
  }
  expect(words.size).toBe(1);
  const headers = { cookie: `sarafan-session=${UNSIGNED}` };
  expect((await stranger.get(anna.profile, { headers })).status()).toBe(401);
  expect([(await stranger.head(anna.profile)).status(), (await anna.client.head(anna.profile)).status()]).toEqual([
    401, 200,
  ]);
});

test("another account's profile is answered like one that does not exist", async ({ newPerson, tokenOf, phone }) => {
  const [anna, boris, inviter] = [await newPerson(), await newPerson(), await newPerson()];
  const data = { invite: inviter.inviteCode, phone_number: boris.phone };
  for (const path of [anna.profile, profileOf(phone), profileOf("abc")]) {
    for (const sent of [boris.client.get(path), boris.client.put(path, { data })]) {
      await expectAnswer(sent, 404, NOT_FOUND, "account_unknown", path);
    }
  }
  const asked = `${anna.profile}?phone_number=${encodeURIComponent(boris.phone)}`;
  expect((await boris.client.get(asked)).status(), "an address names whose it is, and no parameter").toBe(400);
  const headers = await tokenOf(boris);
  await expectAnswer(anna.client.get(anna.profile, { headers }), 404, NOT_FOUND, "account_unknown");
  expect(await comersBy(inviter)).toEqual([]);
  // The body doesn't decide whose profile it is.
  const own = { data: { invite: inviter.inviteCode, phone_number: anna.phone } };
  await expectAnswer(boris.client.put(boris.profile, own), 200, activatedBy(boris.phone));
  expect(await comersBy(inviter)).toEqual([printed(boris.phone)]);
});

test("a page of another site can do nothing, with a cookie, a token or neither", async ({
  newPerson,
  newClient,
  tokenOf,
  phone,
  server,
}) => {
  const [anna, inviter, client] = [await newPerson(), await newPerson(), await newClient()];
  const data = { invite: inviter.inviteCode };
  const token = await tokenOf(anna);
  await sendCode(client, phone);
  const code = await server.codeFor(phone);
  for (const headers of foreignHeaders(server.url)) {
    for (const sent of [
      sendCode(client, phone, headers),
      sendCode(anna.client, phone, headers),
      register(client, phone, code, NOBODYS, headers),
      anna.client.put(anna.profile, { headers, data }),
      client.put(anna.profile, { headers: { ...headers, ...token }, data }),
    ]) {
      const answer = await expectRefusal(sent, 403, "origin_foreign", JSON.stringify(headers));
      expect(answer.headers()["set-cookie"]).toBeUndefined();
    }
    expect((await anna.client.get(anna.profile, { headers })).status()).toBe(statusOfForeignGet(headers));
  }
  expect((await read(anna)).profile).toMatchObject({ invite: null });
  await expectAnswer(client.put(anna.profile, { headers: token, data }), 200, activatedBy(anna.phone));
});

test("a page of ours may register a person", async ({ newCaller, server }) => {
  const { client, phone, code } = await newCaller();
  await expectCreated(register(client, phone, code, NOBODYS, { origin: server.url }));
});

test("a code is activated in any spelling, once and for good", async ({ newPerson }) => {
  const [anna, boris, carl] = [await newPerson(), await newPerson(), await newPerson()];
  for (const code of UNKNOWN_INVITES) {
    await expectInvite(activate(boris, code), "unknown", String(code));
  }
  for (const shapeless of ["ABC", "ABCDEF7", 12]) {
    const answer = await activate(boris, shapeless);
    expect([answer.status(), await answer.json()], String(shapeless)).toEqual([400, INVALID_INVITE]);
  }
  await expectInvite(activate(boris, boris.inviteCode), "own");
  expect((await read(boris)).profile).toMatchObject({ invite: null, is_active: false });
  const heard = `${anna.inviteCode.slice(0, 3)}-${anna.inviteCode.slice(3)}`.toLowerCase().replaceAll("0", "О");
  await expectAnswer(activate(boris, heard), 200, activatedBy(boris.phone));
  for (const code of [anna.inviteCode, carl.inviteCode, boris.inviteCode, "7Z7Z7Z"]) {
    await expectAnswer(activate(boris, code), 400, ALREADY, "invite_already_activated");
  }
  expect((await read(boris)).profile).toMatchObject({ invite: anna.inviteCode, is_active: true });
  // Circles of any length are refused.
  await expectInvite(activate(anna, boris.inviteCode), "circular");
  await activate(carl, boris.inviteCode);
  await expectInvite(activate(anna, carl.inviteCode), "circular");
  expect(await comersBy(anna)).toEqual([printed(boris.phone)]);
});

test("the newest come first, and a long list links to its next page", async ({
  newPerson,
  newCaller,
  sharedServer,
}) => {
  const server = await sharedServer(STRICT);
  const { client, phone, profile, inviteCode } = await newPerson(server);
  const came: string[] = [];
  while (came.length < 5) {
    const comer = await newCaller(server);
    await expectCreated(register(comer.client, comer.phone, comer.code, by(inviteCode)));
    came.unshift(printed(comer.phone));
    expect("link" in (await client.get(profile)).headers(), `${came.length} came`).toBe(came.length > 2);
  }
  const own = { phone_number: printed(phone), self_invite: inviteCode, invite: null, is_active: false };
  const lists = [came.slice(0, 2), came.slice(2, 4), came.slice(4)];
  const pages = lists.map((duplicate_user_invite) => ({ profile: own, duplicate_user_invite }));
  expect(await readPages(client, profile, server)).toEqual(pages);
  await expectInvalid(client.get(`${profile}?cursor=x`), { cursor: MALFORMED });
});
