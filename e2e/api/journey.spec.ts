import type { APIRequestContext, APIResponse } from "playwright/test";
import { test as base, expect } from "../fixtures";
import { copyCookies, freshEmail, logInByMail, logInWithCookie, logInWithTokens, post } from "./clients";

type Door = "v1" | "enter" | "bearer" | "verification";
/** A person with an account; the client has a session cookie or sends an access token. */
type Person = { client: APIRequestContext; door: Door; phone: string; id: number; inviteCode: string };
/** The fields of a person that every API shows, under its own names. */
type Profile = { phone: string; inviteCode: string; activated: string | null; comers: (string | null)[] };

const test = base.extend<{
  /** A client that has logged in by one of the APIs. */
  enterBy: Record<Door, (phone: string) => Promise<APIRequestContext>>;
  newPerson: (door: Door) => Promise<Person>;
}>({
  enterBy: async ({ newClient, codeFor, server }, use) =>
    use({
      v1: async (phone) => {
        const client = await newClient();
        await post(client, "/api/v1/login/", { phone_number: phone });
        await post(client, "/api/v1/create_user/", { verification_code: await codeFor(phone) });
        await post(client, "/api/v1/auth_user/", {});
        return client;
      },
      enter: (phone) => logInWithCookie(newClient, phone, server),
      bearer: async (phone) => (await logInWithTokens(newClient, phone, server)).client,
      verification: async (phone) => {
        const client = await newClient();
        await post(client, "/api/verification_phone/send_code", { phone_number: phone });
        const proof = { phone_number: phone, code: await codeFor(phone) };
        await post(client, "/api/verification_phone/invite_code", proof);
        return client;
      },
    }),
  newPerson: async ({ enterBy, newClient, freshPhone, server }, use) =>
    use(async (door) => {
      const phone = freshPhone();
      const client = await enterBy[door](phone);
      // A separate login, whose token contains the id.
      const { id, inviteCode } = await logInWithTokens(newClient, phone, server);
      return { client, door, phone, id, inviteCode };
    }),
});

const V1 = (phone: string) => `/api/v1/user_profile/${phone}/`;
const VERIFICATION = (phone: string) => `/api/verification_phone/profile/${phone}`;

const ACTIVATIONS: Record<string, (person: Person, code: string) => Promise<APIResponse>> = {
  v1: ({ client, phone }, invite_code) => client.patch(V1(phone), { data: { invite_code } }),
  users: ({ client }, invite_code) =>
    client.post("/api/users/profile/activate_invite_code/", { data: { invite_code } }),
  enter: ({ client }, invite_code) => client.post("/api/profile/", { data: { invite_code } }),
  bearer: ({ client }, code) => client.post("/api/profile_back/activate_invite/", { data: { code } }),
  verification: ({ client, phone }, invite) => client.put(VERIFICATION(phone), { data: { invite } }),
};

const read = async (client: APIRequestContext, path: string) => (await client.get(path)).json();
/** From the spelling of an API to E.164. */
const plain = (phone: string) => `+${phone.replace(/\D/g, "")}`;

const VIEWS: Record<string, (person: Person) => Promise<Profile>> = {
  v1: async ({ client, phone: own }) => {
    const { phone_number: phone, invite_code, ...rest } = await read(client, V1(own));
    const { activated_invite_code: activated, numbers_activated_invite_codes: comers } = rest;
    return { phone, inviteCode: invite_code, activated, comers };
  },
  users: async ({ client, id }) => {
    const { phone, invite_code, activated_invite_code, ...rest } = await read(client, `/api/users/profile/${id}`);
    const comers = rest.invited_users.map((comer: { phone: string | null }) => comer.phone);
    return { phone, inviteCode: invite_code, activated: activated_invite_code, comers };
  },
  enter: async ({ client }) => {
    const { phone, invite_code, activated_invite_code, referred_users } = await read(client, "/api/profile/");
    const comers = referred_users.map((comer: { phone: string }) => plain(comer.phone));
    return { phone: plain(phone), inviteCode: invite_code, activated: activated_invite_code, comers };
  },
  bearer: async ({ client }) => {
    const { phone_number: phone, invite_code, ...rest } = await read(client, "/api/profile_back/");
    return { phone, inviteCode: invite_code, activated: rest.invited_by_code, comers: rest.invited_users };
  },
  verification: async ({ client, phone: own }) => {
    const { profile, duplicate_user_invite } = await read(client, VERIFICATION(own));
    const { phone_number, self_invite, invite } = profile;
    const comers = duplicate_user_invite.map(plain);
    return { phone: plain(phone_number), inviteCode: self_invite, activated: invite, comers };
  },
};

/** What a person reads at an address, in Russian. */
async function readPage(client: APIRequestContext, path: string): Promise<string> {
  const answer = await client.get(path, { headers: { accept: "text/html", "accept-language": "ru" } });
  expect(answer.status(), path).toBe(200);
  const words = (await answer.text()).replace(/<script.*?<\/script>/gs, "").replace(/<[^>]*>/g, "");
  return words.replace(/\s+/g, " ");
}

const DOORS = ["verification", "v1", "enter", "bearer"] as const;
for (const door of DOORS) {
  test(`registered by ${door}, activated by each API, seen by all and on the page`, async ({ newPerson }) => {
    const anna = await newPerson(door);
    const comers: Person[] = [];
    for (const [at, [api, activate]] of Object.entries(ACTIVATIONS).entries()) {
      const comer = await newPerson(DOORS[at % DOORS.length] ?? "v1");
      expect((await activate(comer, anna.inviteCode)).status(), api).toBe(200);
      comers.unshift(comer);
    }
    const phones = comers.map(({ phone }) => phone);
    for (const [api, view] of Object.entries(VIEWS)) {
      const { phone, inviteCode } = anna;
      expect(await view(anna), api).toEqual({ phone, inviteCode, activated: null, comers: phones });
      for (const comer of comers) {
        const own = { phone: comer.phone, inviteCode: comer.inviteCode, activated: inviteCode, comers: [] };
        expect(await view(comer), api).toEqual(own);
      }
    }
    // Pages are for browsers, which have cookies and no tokens.
    for (const comer of comers.filter((each) => each.door !== "bearer")) {
      expect(await readPage(comer.client, "/profile")).toContain("Вы пришли по приглашению");
    }
    if (door === "bearer") return;
    const page = await readPage(anna.client, "/profile?numbers=shown");
    for (const words of ["пришли 5 человек", `/i/${anna.inviteCode}`]) expect(page).toContain(words);
    for (const phone of phones) expect(page.replace(/[^+\d]/g, "")).toContain(phone);
  });
}

test("a number is one account in every API", async ({ enterBy, request, phone }) => {
  const codes: string[] = [];
  for (const door of ["verification", "v1", "enter", "bearer", "v1"] as const) {
    codes.push((await read(await enterBy[door](phone), "/api/profile_back/")).invite_code);
  }
  expect(codes).toEqual(Array(5).fill(codes[0]));
  const taken = await request.post("/api/verification_phone/send_code", { data: { phone_number: phone } });
  expect(taken.headers()["sarafan-error"]).toBe("phone_taken");
});

test("a phone that is only claimed is in no list", async ({ newPerson, newClient, enterBy, server, phone }) => {
  const [anna, email] = [await newPerson("v1"), freshEmail()];
  const { client: mailOwner, inviteCode } = await logInByMail(newClient, { phone, email }, server);
  await post(mailOwner, "/api/users/profile/activate_invite_code/", { invite_code: anna.inviteCode });
  for (const [api, view] of Object.entries(VIEWS)) {
    expect((await view(anna)).comers, api).toEqual(api === "users" ? [null] : []);
  }
  for (const path of [V1(phone), VERIFICATION(phone)]) expect((await mailOwner.get(path)).status()).toBe(404);
  // A person who proves the phone gets a separate account.
  const owner = await enterBy.verification(phone);
  const { profile } = await read(owner, VERIFICATION(phone));
  expect(profile).toMatchObject({ invite: null, is_active: false });
  expect(profile.self_invite).not.toBe(inviteCode);
  const activated = await owner.put(VERIFICATION(phone), { data: { invite: anna.inviteCode } });
  expect(activated.status()).toBe(200);
  expect((await VIEWS.users?.(anna))?.comers).toEqual([phone, null]);
  expect((await VIEWS.verification?.(anna))?.comers).toEqual([phone]);
});

test("a logout by one API is a logout of all of them and of the pages", async ({ newPerson }) => {
  for (const door of ["v1", "enter", "verification"] as const) {
    const { client, phone, id } = await newPerson(door);
    const headers = await copyCookies(client);
    expect((await client.post("/api/auth/logout/")).status()).toBe(204);
    for (const path of [V1(phone), `/api/users/profile/${id}`, "/api/profile/", VERIFICATION(phone)]) {
      expect((await client.get(path, { headers })).status(), path).toBe(401);
    }
    expect((await client.get("/profile", { headers })).headers().location).toMatch(/\/login$/);
  }
});
