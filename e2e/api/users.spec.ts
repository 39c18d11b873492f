import type { APIRequestContext, APIResponse } from "playwright/test";
import { test as base, expect, type Server, SHORT_LIVED, STRICT } from "../fixtures";
import {
  AUTHENTICATE,
  askByMail,
  BAD_BODIES,
  bearer,
  COOKIE,
  type Coming,
  type Contact,
  confirmByMail,
  cookieOf,
  copyPendingLogin,
  expectAnswer,
  expectField,
  expectInvalid,
  expectMalformed,
  expectStranger,
  expectVerbs,
  FOREIGN,
  foreignHeaders,
  freshEmail,
  INVITE_CODE,
  leadsTo,
  logInByMail,
  logInWithCookie,
  logInWithTokens,
  MALFORMED,
  NO_LIVE_CODE,
  ODD,
  PACKINGS,
  REQUIRED,
  RUSSIAN,
  readPages,
  SPELLINGS,
  spell,
  statusesAtOnce,
  statusOfForeignGet,
  UNKNOWN_INVITES,
  UNSIGNED,
  wrong,
} from "./clients";

const ACTIVATE = "/api/users/profile/activate_invite_code/";
const USERS = "/api/users/";
const DAY_MS = 24 * 60 * 60 * 1000;
const profileOf = (id: unknown) => `/api/users/profile/${id}`;
const userOf = (id: unknown) => `/api/users/${id}/`;

interface Person {
  client: APIRequestContext;
  contact: Contact;
  id: number;
  inviteCode: string;
}

const test = base.extend<{
  /** A person with a live code from their mailbox, not sent yet. */
  newCaller: (who?: Partial<Contact>, at?: Server) => Promise<Pick<Person, "client" | "contact"> & { code: string }>;
  /** A person who has just logged in by mail, at the worker's server or at the given one. */
  newPerson: (who?: Partial<Contact>, at?: Server) => Promise<Person>;
  /** A person who has just logged in by phone, with tokens and without a mailbox. */
  newPhoneOwner: (phone?: string, at?: Server) => Promise<Person>;
}>({
  newCaller: async ({ newClient, freshPhone, server }, use) =>
    use(async ({ phone = freshPhone(), email = freshEmail() } = {}, at = server) => {
      const [client, contact] = [await newClient({ url: at.url }), { phone, email }];
      expect((await askByMail(client, contact)).status()).toBe(200);
      return { client, contact, code: await at.codeFor(email.toLowerCase()) };
    }),
  newPerson: async ({ newClient, freshPhone, server }, use) =>
    use(async ({ phone = freshPhone(), email = freshEmail() } = {}, at = server) => {
      const contact = { phone, email };
      return { contact, ...(await logInByMail(newClient, contact, at)) };
    }),
  newPhoneOwner: async ({ newClient, freshPhone, server }, use) =>
    use(async (phone = freshPhone(), at = server) => {
      const contact = { phone, email: "" };
      return { contact, ...(await logInWithTokens(newClient, phone, at)) };
    }),
});

const activate = ({ client }: Person, invite_code: unknown) => client.post(ACTIVATE, { data: { invite_code } });
const profile = async ({ client, id }: Person) => (await client.get(profileOf(id))).json();

const SENT = { detail: "Код подтверждения отправлен" };
const SENTENCE = { detail: RUSSIAN };
const expectRefusal = (coming: Coming, status: number, error: unknown, about?: string) =>
  expectAnswer(coming, status, SENTENCE, error, about);

const codesSentTo = (email: string, server: Server) => `\n${server.output()}`.split(`\n${email} `).length - 1;

test.describe("the document's way", () => {
  for (const { ending, slash } of [
    { ending: "with a slash", slash: "/" },
    { ending: "without a slash", slash: "" },
  ]) {
    test(`a newcomer logs in by mail, activates a code and leaves, ${ending}`, async ({
      newClient,
      newPerson,
      phone,
      codeFor,
    }) => {
      const [inviter, client, email] = [await newPerson(), await newClient(), freshEmail()];
      const activated_invite_code = inviter.inviteCode;
      const authenticate = `/api/users/authenticate${slash}`;
      expect(await leadsTo(client.get(authenticate))).toBe("/login?by=email");
      const sent = await client.post(authenticate, { data: { phone, email } });
      await expectAnswer(sent, 200, SENT);
      expect(sent.headers()["sarafan-code-length"]).toBe("4");
      expect(await cookieOf(client, "sarafan-login")).toMatchObject(COOKIE);

      const confirmed = await client.post(authenticate, { data: { phone, email, code: await codeFor(email) } });
      await expectAnswer(confirmed, 200, { id: expect.any(Number), phone, email, invite_code: INVITE_CODE });
      expect(await cookieOf(client, "sarafan-session")).toMatchObject(COOKIE);

      const me = await confirmed.json();
      const [own, user, activation] = [profileOf(me.id), `/api/users/${me.id}`, ACTIVATE.slice(0, -1)];
      const shown = { ...me, activated_invite_code: null, invited_users: [] };
      await expectAnswer(client.get(own + slash), 200, shown);
      expect(await leadsTo(client.get(activation + slash))).toBe("/profile#activation");
      const activated = await client.post(activation + slash, { data: { invite_code: inviter.inviteCode } });
      await expectAnswer(activated, 200, { ...shown, activated_invite_code });
      await expectAnswer(client.get(own + slash), 200, { ...shown, activated_invite_code });
      await expectAnswer(client.get(user + slash), 200, { ...me, activated_invite_code });
      expect((await profile(inviter)).invited_users).toEqual([{ id: me.id, phone: null }]);

      const gone = await client.delete(user + slash);
      expect([gone.status(), await gone.text()]).toEqual([204, ""]);
      expect((await client.get(own + slash)).status()).toBe(401);
      expect((await profile(inviter)).invited_users).toEqual([]);
      const back = await newPerson({ phone, email });
      expect([back.id === me.id, back.inviteCode === me.invite_code]).toEqual([false, false]);
      expect((await profile(back)).activated_invite_code).toBeNull();
    });
  }

  for (const [kind, pack] of PACKINGS) {
    test(`everything may come as ${kind}`, async ({ newClient, newPerson, phone, codeFor }) => {
      const [{ inviteCode }, client, email] = [await newPerson(), await newClient(), freshEmail()];
      await expectAnswer(client.post(AUTHENTICATE, pack({ phone, email })), 200, SENT);
      const confirmed = await client.post(AUTHENTICATE, pack({ phone, email, code: await codeFor(email) }));
      expect(await confirmed.json()).toMatchObject({ phone, email });
      const spelled = ` ${inviteCode.slice(0, 3)}-${inviteCode.slice(3)}`.toLowerCase().replaceAll("0", "o");
      const activated = await client.post(ACTIVATE, pack({ invite_code: spelled }));
      expect(await activated.json()).toMatchObject({ activated_invite_code: inviteCode });
      const empty = client.post(AUTHENTICATE, pack({ phone: "", email: "" }));
      await expectInvalid(empty, { phone: REQUIRED, email: REQUIRED });
    });
  }

  test("an account that logged in by phone is accepted here, by token and by cookie", async ({
    newClient,
    newPhoneOwner,
    server,
  }) => {
    const { client, id, contact, inviteCode } = await newPhoneOwner();
    const { phone } = contact;
    const user = { id, phone, email: null, invite_code: inviteCode, activated_invite_code: null };
    await expectAnswer(client.get(userOf(id)), 200, user);
    const browser = await logInWithCookie(newClient, phone, server);
    await expectAnswer(browser.get(profileOf(id)), 200, { ...user, invited_users: [] });
  });

  test("a browser that the account doesn't trust deletes it a day later", async ({
    newClient,
    newPhoneOwner,
    server,
  }) => {
    const { client, id, contact } = await newPhoneOwner();
    const browser = await logInWithCookie(newClient, contact.phone, server);
    const before = Date.now();
    const answer = await browser.delete(userOf(id));
    const after = Date.now();
    expect([answer.status(), answer.headers()["cache-control"]]).toEqual([202, "private, no-store"]);
    const { detail, due_at } = await answer.json();
    expect(detail).toEqual(RUSSIAN);
    expect(Date.parse(due_at)).toBeGreaterThanOrEqual(before + DAY_MS);
    expect(Date.parse(due_at)).toBeLessThanOrEqual(after + DAY_MS);
    // Another untrusted browser can't ask for the same, which would restart the day.
    const other = await logInWithCookie(newClient, contact.phone, server);
    await expectRefusal(other.delete(userOf(id)), 409, "change_waiting");
    for (const one of [client, browser]) expect((await one.get(profileOf(id))).status()).toBe(200);
  });

  test("every address has its methods and no others", async ({ newPerson, request }) => {
    const { client, id } = await newPerson();
    for (const { path, verbs } of [
      { path: AUTHENTICATE, verbs: ["GET", "POST"] },
      { path: profileOf(id), verbs: ["GET"] },
      { path: ACTIVATE, verbs: ["GET", "POST"] },
      { path: USERS, verbs: ["GET", "POST"] },
      { path: userOf(id), verbs: ["DELETE", "GET", "PATCH", "PUT"] },
    ]) {
      await expectVerbs(request, path, verbs, SENTENCE);
      const head = await client.fetch(path, { method: "HEAD", maxRedirects: 0 });
      expect([head.status(), await head.text()], path).toEqual([(await client.get(path)).status(), ""]);
    }
  });
});

test.describe("what is typed", () => {
  test("is the same phone and the same mailbox in every spelling", async ({ newCaller, newPerson }) => {
    const { id, contact } = await newPerson({ email: freshEmail().toUpperCase() });
    const { phone, email } = { phone: contact.phone, email: contact.email.toLowerCase() };
    for (const write of SPELLINGS) {
      const typed = String(write(phone));
      const { client, code } = await newCaller({ phone: typed, email });
      const opened = await confirmByMail(client, contact, ` ${code.slice(0, 2)} ${code.slice(2)}`);
      expect(await opened.json(), typed).toMatchObject({ id, phone, email });
      const numeric = { phone: Number(phone.slice(1)), email: freshEmail() };
      await expectAnswer(client.post(AUTHENTICATE, { data: numeric }), 200, SENT);
    }
  });

  test("is a code, too, where it is the number 0, which stands for zeros", async ({ newCaller }) => {
    const { client, contact, code } = await newCaller();
    const answer = await client.post(AUTHENTICATE, { data: { ...contact, code: 0 } });
    expect(answer.status()).toBe(code === "0000" ? 200 : 401);
  });

  test("is reported field by field when it is wrong", async ({ request }) => {
    const right = { phone: "+79450000000", email: "nobody@example.com" };
    for (const { data, ...wrongFields } of [
      { data: undefined, phone: REQUIRED, email: REQUIRED },
      { data: {}, phone: REQUIRED, email: REQUIRED },
      { data: { phone: null, email: "" }, phone: REQUIRED, email: REQUIRED },
      { data: { code: "1234" }, phone: REQUIRED, email: REQUIRED },
      { data: { email: right.email, code: "1234" }, phone: REQUIRED },
      { data: { phone: right.phone }, email: REQUIRED },
      { data: { phone: "1", email: "1", code: "1" }, phone: MALFORMED, email: MALFORMED, code: MALFORMED },
    ]) {
      await expectInvalid(request.post(AUTHENTICATE, data ? { data } : {}), wrongFields, JSON.stringify(data));
    }
    const headerInjection = "nobody@example.com\r\nBcc: somebody@example.com";
    const addresses = ["nobody@example.com, somebody@example.com", "Nobody <nobody@example>", headerInjection];
    const long = `${"n".repeat(250)}@a.example`;
    for (const [field, values] of Object.entries({
      phone: [...ODD.phones, "123", "телефон", { "0": right.phone }],
      email: ["nobody", "nobody@", "@example.com", "no body@example.com", ...addresses, long, false, {}],
      code: [...ODD.codes, "abcd", "1234x"],
    })) {
      for (const value of values) {
        const sent = request.post(AUTHENTICATE, { data: { ...right, [field]: value } });
        const answer = await expectMalformed(sent, field, JSON.stringify(value));
        expect(answer.headers()).not.toHaveProperty("sarafan-code-length");
      }
    }
  });

  test("is refused when it is no object, of another kind, or too large", async ({ newPerson }) => {
    const { client } = await newPerson();
    for (const path of [AUTHENTICATE, ACTIVATE]) {
      for (const [, status, error, bodies] of BAD_BODIES) {
        for (const body of bodies) await expectRefusal(client.post(path, body), status, error);
      }
    }
  });
});

test.describe("a code from a mailbox", () => {
  test("works once, even with parallel and repeated attempts", async ({ newCaller, newClient }) => {
    const { client, contact, code } = await newCaller();
    const thief = await newClient({ headers: await copyPendingLogin(client) });
    await expectRefusal(confirmByMail(client, contact, wrong(code)), 401, "code_wrong");
    const statuses = await statusesAtOnce(10, () => confirmByMail(client, contact, code));
    expect(statuses).toEqual([200, ...Array(9).fill(400)]);
    for (const one of [client, thief]) {
      await expectRefusal(confirmByMail(one, contact, code), 400, NO_LIVE_CODE);
    }
  });

  test("does nothing for another browser, phone or mailbox, and stays good", async ({
    newCaller,
    newClient,
    newPerson,
    freshPhone,
  }) => {
    const [{ client, contact, code }, victim] = [await newCaller(), await newPerson()];
    await expectRefusal(confirmByMail(await newClient(), contact, code), 400, NO_LIVE_CODE);
    for (const other of [
      { ...contact, phone: freshPhone() },
      { ...contact, phone: victim.contact.phone },
      { ...contact, email: freshEmail() },
      { ...contact, email: victim.contact.email },
      victim.contact,
    ]) {
      await expectRefusal(confirmByMail(client, other, code), 400, NO_LIVE_CODE, JSON.stringify(other));
    }
    expect(await (await confirmByMail(client, contact, code)).json()).toMatchObject(contact);
  });

  test("expires, and so does a login's permission to delete its account", async ({
    newCaller,
    newPerson,
    sharedServer,
  }) => {
    const server = await sharedServer(SHORT_LIVED);
    const { client: person, id } = await newPerson({}, server);
    const { client, contact, code } = await newCaller({}, server);
    await expect.poll(async () => (await confirmByMail(client, contact, wrong(code))).status()).toBe(400);
    await expectRefusal(confirmByMail(client, contact, code), 400, "code_expired");
    await expectRefusal(person.delete(userOf(id)), 403, "login_too_old");
    expect((await person.get(userOf(id))).status()).toBe(200);
  });

  test("that issued tokens deletes no account by them, even fresh ones", async ({ newPhoneOwner, server }) => {
    const { client, id, contact } = await newPhoneOwner();
    await expectRefusal(client.delete(userOf(id)), 403, "cookie_required");
    expect((await client.get(userOf(id))).status()).toBe(200);
    expect((await newPhoneOwner(contact.phone)).id).toBe(id);
    expect(server.output()).not.toContain("unexpected");
  });

  test("can't be had without mail, unless codes are revealed", async ({ newClient, sharedServer, phone }) => {
    const server = await sharedServer(STRICT);
    const [client, contact] = [await newClient({ url: server.url }), { phone, email: freshEmail() }];
    for (const answer of [await askByMail(client, contact), await confirmByMail(client, contact, "1234")]) {
      await expectRefusal(answer, 404, "mail_unavailable");
    }
    expect(codesSentTo(contact.email, server)).toBe(0);
  });
});

test.describe("an invite code", () => {
  test("is refused with the reason", async ({ newPerson }) => {
    const [first, second, third] = [await newPerson(), await newPerson(), await newPerson()];
    await activate(second, first.inviteCode);
    await activate(third, second.inviteCode);
    for (const code of UNKNOWN_INVITES) await expectRefusal(activate(first, code), 404, "invite_unknown", String(code));
    await expectRefusal(activate(first, first.inviteCode), 400, "invite_own");
    await expectRefusal(activate(first, second.inviteCode), 400, "invite_circular");
    await expectRefusal(activate(first, third.inviteCode), 400, "invite_circular");
    await expectField("invite_code", [...ODD.invites, "AB12C", "A-1"], (code) => activate(first, code));
    for (const code of [first.inviteCode, second.inviteCode, third.inviteCode, "AAAAAA"]) {
      await expectRefusal(activate(second, code), 409, "invite_already_activated", code);
    }
    expect(await profile(first)).toMatchObject({ activated_invite_code: null, invited_users: [{ id: second.id }] });
  });

  test("is activated once, even with parallel requests", async ({ newPerson }) => {
    const [inviters, person] = [[await newPerson(), await newPerson()], await newPerson()];
    const statuses = await statusesAtOnce(10, (at) => activate(person, inviters[at % 2]?.inviteCode));
    expect(statuses).toEqual([200, ...Array(9).fill(409)]);
    const profiles = await Promise.all(inviters.map(profile));
    expect(profiles.flatMap(({ invited_users }) => invited_users)).toEqual([{ id: person.id, phone: null }]);
  });

  test("lists the newest referrals, and links to the others", async ({ newPhoneOwner, freshPhone, sharedServer }) => {
    const server = await sharedServer(STRICT);
    const join = () => newPhoneOwner(freshPhone(), server);
    const [inviter, invitees] = [await join(), [await join(), await join(), await join()]];
    for (const invitee of invitees) await activate(invitee, inviter.inviteCode);
    const [oldest, ...newest] = invitees.map(({ id, contact }) => ({ id, phone: contact.phone }));
    const pages = await readPages(inviter.client, profileOf(inviter.id), server);
    expect(pages).toMatchObject([{ invited_users: newest.reverse() }, { invited_users: [oldest] }]);
  });
});

test.describe("strangers", () => {
  const unknown = { theirs: 404, error: "account_unknown" };
  const forbidden = { mine: 403, theirs: 403, error: "not_administrator" };
  const ADDRESSES = [
    { method: "GET", path: profileOf, mine: 200, ...unknown },
    { method: "GET", path: userOf, mine: 200, ...unknown },
    { method: "PUT", path: userOf, ...forbidden },
    { method: "PATCH", path: userOf, ...forbidden },
    { method: "GET", path: () => USERS, ...forbidden },
    { method: "POST", path: () => USERS, ...forbidden },
    { method: "DELETE", path: userOf, mine: 204, ...unknown },
  ];

  test("get nothing without credentials, or with bad ones", async ({ newCaller, newClient, newPerson }) => {
    const [{ client, id }, caller, stranger] = [await newPerson(), await newCaller(), await newClient()];
    for (const { method, path } of [...ADDRESSES, { method: "POST", path: () => ACTIVATE }]) {
      await expectStranger(stranger.fetch(path(id), { method }), SENTENCE, "credentials_missing", method);
      // Cookies sent with a token are ignored.
      const headers = bearer("e30.e30.e30");
      await expectStranger(client.fetch(path(id), { method, headers }), SENTENCE, "token_invalid", method);
    }
    const pending = await cookieOf(caller.client, "sarafan-login");
    for (const value of [UNSIGNED, pending?.value]) {
      const forger = await newClient({ headers: { cookie: `sarafan-session=${value}` } });
      expect((await forger.get(profileOf(id))).status()).toBe(401);
    }
    expect((await client.get(profileOf(id))).status()).toBe(200);
  });

  test("see and change only their own account", async ({ newPerson, newPhoneOwner, freshPhone }) => {
    const other = await newPerson();
    const before = await profile(other);
    const [byCookie, byToken] = [await newPerson(), await newPhoneOwner()];
    for (const { client, id: own } of [byCookie, byToken]) {
      for (const { method, path, mine, theirs, error } of ADDRESSES) {
        const data = /^P/.test(method) ? { phone: freshPhone(), email: freshEmail(), id: own } : undefined;
        const answer = await client.fetch(path(other.id), { method, data });
        await expectRefusal(answer, theirs, error, method);
        for (const id of theirs === 404 ? [999_999_999, 0, -1, "1.5", "1e3", "abc", "9".repeat(30)] : []) {
          await expectAnswer(client.fetch(path(id), { method }), theirs, await answer.json(), error, method);
        }
        // No token deletes its own account.
        const expected = method === "DELETE" && own === byToken.id ? 403 : mine;
        expect((await client.fetch(path(own), { method, data })).status(), `${method} ${path(own)}`).toBe(expected);
      }
    }
    expect(await profile(other)).toEqual(before);
  });

  test("on another site can't make a browser do anything", async ({
    newCaller,
    newPerson,
    newPhoneOwner,
    request,
    server,
    phone,
  }) => {
    const [inviter, tokens, { client, contact, code }] = [await newPerson(), await newPhoneOwner(), await newCaller()];
    const [data, unasked] = [{ invite_code: inviter.inviteCode }, { phone, email: freshEmail() }];
    for (const headers of foreignHeaders(server.url)) {
      for (const answer of [
        await askByMail(request, unasked, headers),
        await confirmByMail(client, contact, code, headers),
        await inviter.client.post(ACTIVATE, { data, headers }),
        await inviter.client.delete(userOf(inviter.id), { headers }),
      ]) {
        await expectRefusal(answer, 403, "origin_foreign", JSON.stringify(headers));
      }
      const got = await inviter.client.get(profileOf(inviter.id), { headers });
      expect(got.status()).toBe(statusOfForeignGet(headers));
    }
    const { id } = await newPerson(contact);
    const opened = await confirmByMail(client, contact, code, { origin: server.url });
    expect(await opened.json()).toMatchObject({ id });
    const loopback = { origin: server.url.replace("localhost", "127.0.0.1") };
    expect((await client.post(ACTIVATE, { data, headers: loopback })).status()).toBe(200);
    expect((await tokens.client.post(ACTIVATE, { data, headers: FOREIGN })).status()).toBe(403);
    // Of a browser that the account doesn't trust, so that it takes effect later.
    expect((await client.delete(userOf(id), { headers: { "sec-fetch-site": "same-origin" } })).status()).toBe(202);
    expect(codesSentTo(unasked.email, server)).toBe(0);
  });
});

test.describe("a mailbox steals no phone, and a phone no mailbox", () => {
  test("claiming an account's phone makes another account, and its owner sees no change", async ({
    newPerson,
    newPhoneOwner,
  }) => {
    const owner = await newPhoneOwner();
    const { phone } = owner.contact;
    const pages = [profileOf(owner.id), userOf(owner.id), `/api/v1/user_profile/${phone}/`];
    const look = async () =>
      Promise.all(
        [...pages, "/api/profile/", "/api/profile_back/"].map(async (path) => (await owner.client.get(path)).json()),
      );
    const before = await look();
    const claimants = [await newPerson({ phone }), await newPerson({ phone })];
    for (const claimant of claimants) {
      for (const path of pages) expect((await claimant.client.get(path)).status(), path).toBe(404);
      expect((await claimant.client.delete(userOf(owner.id))).status()).toBe(404);
      expect(await profile(claimant)).toMatchObject(claimant.contact);
      // APIs that print only proven phones show null for a claimed one.
      expect(await (await claimant.client.get("/api/profile/")).json()).toMatchObject({ phone: null });
      expect(await (await claimant.client.get("/api/profile_back/")).json()).toMatchObject({ phone_number: null });
    }
    expect(new Set([owner, ...claimants].flatMap(({ id, inviteCode }) => [id, inviteCode])).size).toBe(6);
    expect(await look()).toEqual(before);
    expect(await newPhoneOwner(phone)).toMatchObject({ id: owner.id, inviteCode: owner.inviteCode });
  });

  test("a person who proves a claimed phone gets a separate account", async ({ newPerson, newPhoneOwner }) => {
    const claimant = await newPerson();
    const { phone } = claimant.contact;
    expect((await claimant.client.get(`/api/v1/user_profile/${phone}/`)).status()).toBe(404);
    const owner = await newPhoneOwner(phone);
    expect([owner.id === claimant.id, owner.inviteCode === claimant.inviteCode]).toEqual([false, false]);
    expect(await profile(owner)).toMatchObject({ phone, email: null });
    expect((await claimant.client.get(profileOf(owner.id))).status()).toBe(404);
    expect(await newPerson(claimant.contact)).toMatchObject({ id: claimant.id, inviteCode: claimant.inviteCode });
  });

  test("a mailbox with an account looks like a free one with another phone, until the right code is typed", async ({
    newClient,
    newPerson,
    startServer,
    freshPhone,
  }) => {
    const server = await startServer({ TRIES_PER_CODE: 3, RESEND_AFTER_S: 600 });
    const owner = await newPerson({}, server);
    const [shown, seen] = [await profile(owner), [] as unknown[]];
    for (const email of [owner.contact.email, freshEmail()]) {
      const [client, contact] = [await newClient({ url: server.url }), { phone: freshPhone(), email }];
      const asked = await askByMail(client, contact);
      const again = await askByMail(client, contact);
      expect(Number(again.headers()["retry-after"])).toBeGreaterThan(500);
      await expectAnswer(asked, 200, SENT);
      await expectRefusal(again, 429, "resend_too_early");
      const guess = wrong(await server.codeFor(email));
      const answers = [asked, again];
      for (let tries = 0; tries < 4; tries++) answers.push(await confirmByMail(client, contact, guess));
      expect(answers.map((answer) => answer.status())).toEqual([200, 429, 401, 401, 401, 400]);
      const told = (answer: APIResponse) => [Object.keys(answer.headers()).sort(), answer.headers()["sarafan-error"]];
      seen.push(await Promise.all(answers.slice(2).map(async (answer) => [...told(answer), await answer.text()])));
      seen.push([told(asked), told(again), asked.headers()["sarafan-code-length"]]);
    }
    expect(seen.slice(0, 2)).toEqual(seen.slice(2));
    expect(codesSentTo(owner.contact.email, server)).toBe(2);
    expect(await profile(owner)).toEqual(shown);
    expect((await newPerson(owner.contact, server)).id).toBe(owner.id);
  });

  test("of two phones for one new mailbox the first is kept", async ({ newCaller }) => {
    const one = await newCaller();
    const other = await newCaller({ email: one.contact.email });
    const { id } = await (await confirmByMail(one.client, one.contact, one.code)).json();
    expect([400, 401]).toContain((await confirmByMail(other.client, other.contact, other.code)).status());
    expect((await other.client.get(profileOf(id))).status()).toBe(401);
    expect(await profile({ ...one, id, inviteCode: "" })).toMatchObject(one.contact);
  });

  test("a claimed phone is in no list except this one, which shows it as unproven", async ({
    newPerson,
    newPhoneOwner,
  }) => {
    const [inviter, claimant, owner] = [await newPhoneOwner(), await newPerson(), await newPhoneOwner()];
    for (const invitee of [claimant, owner]) expect((await activate(invitee, inviter.inviteCode)).status()).toBe(200);
    const { phone } = owner.contact;
    const printed = spell(phone, "+7($1)$2-$3-$4");
    const people = [
      { id: owner.id, phone },
      { id: claimant.id, phone: null },
    ]; // newest first
    for (const [path, list, expected] of [
      [profileOf(inviter.id), "invited_users", people],
      [`/api/v1/user_profile/${inviter.contact.phone}/`, "numbers_activated_invite_codes", [phone]],
      ["/api/profile/", "referred_users", [{ phone: phone.slice(1) }]],
      ["/api/profile_back/", "invited_users", [phone]],
      [`/api/verification_phone/profile/${inviter.contact.phone}`, "duplicate_user_invite", [printed]],
    ] as const) {
      expect((await (await inviter.client.get(path)).json())[list], path).toEqual(expected);
    }
  });
});
