import { randomInt } from "node:crypto";
import { decodeJwt } from "jose";
import type { APIRequestContext } from "playwright/test";
import { DATABASES, type Row, withDatabase } from "../databases";
import { expect, type Server, test } from "../fixtures";
import { expectWhole } from "../integrity";
import { type Answer, type Ask, askAtOnce, countOutcomes } from "./at-once";
import { AUTHENTICATE, askByMail, bearer, copyCookies, freshEmail, logInByMail, post, wrong } from "./clients";

const TRIES_PER_CODE = 10;
const TAKEN_ANSWERS_PER_IP_PER_HOUR = 10;
const SETTINGS = { RESEND_AFTER_S: 60, TRIES_PER_CODE, TAKEN_ANSWERS_PER_IP_PER_HOUR, TRUSTED_PROXIES: 1 };

/** Two servers have this time to start. */
const PAIR_TIMEOUT_MS = 120_000;

const [REQUEST_CODE, VERIFY_CODE, REFRESH] = ["request_code", "verify_code", "refresh_token"].map(
  (name) => `/api/auth/${name}/`,
) as [string, string, string];
const [PROFILE, ACTIVATE] = ["/api/profile_back/", "/api/profile_back/activate_invite/"] as const;
const [SEND_CODE, REGISTER] = ["/api/verification_phone/send_code", "/api/verification_phone/"] as const;

interface Person {
  phone: string;
  id: number;
  inviteCode: string;
  access: string;
  refresh: string;
}

interface Race {
  one: Server;
  /** A client of each server. */
  clients: [APIRequestContext, APIRequestContext];
  newPeople: (count: number) => Promise<Person[]>;
  /** Sends the requests in one moment, every other one to the other server. */
  atOnce: (asks: readonly Ask[]) => Promise<Answer[]>;
  rows: (sql: string) => Promise<Row[]>;
}

for (const database of DATABASES) {
  const raceTest = test.extend<{ race: Race }>({
    race: [
      async ({ sharedServer, newClient, freshPhone }, use) => {
        const one = await sharedServer(SETTINGS, { database });
        const other = await sharedServer({}, { beside: one });
        const clients: Race["clients"] = [await newClient({ url: one.url }), await newClient({ url: other.url })];
        const newPeople = (count: number) =>
          Promise.all(Array.from({ length: count }, (_, at) => logIn(clients[at % 2 ? 1 : 0], freshPhone(), one)));
        const rows = (sql: string) => withDatabase(one.databaseUrl, (query) => query(sql));
        await use({ one, clients, newPeople, rows, atOnce: (asks) => askAtOnce([one, other], asks) });
        await expectWhole(one.databaseUrl);
      },
      { timeout: PAIR_TIMEOUT_MS },
    ],
  });

  test.describe(`through two servers on one ${database}`, () => {
    // All tests share one pair of servers.
    test.describe.configure({ mode: "default" });

    raceTest("a code opens one session, even if it is typed right several times", async ({ race, freshPhone }) => {
      const { atOnce, clients, one, rows } = race;
      for (let round = 0; round < 5; round += 1) {
        const phone = freshPhone();
        await post(clients[0], REQUEST_CODE, { phone });
        const data = { phone, code: await one.codeFor(phone) };
        const outcomes = countOutcomes(await atOnce(times(20, { path: VERIFY_CODE, data })));
        expect(outcomes["200"]).toBe(1);
        expect(total(outcomes, "code_expired", "code_spent")).toBe(19);
        expect(await rows(sessionsOf(phone))).toHaveLength(1);
      }
    });

    raceTest(
      "a browser's code opens one session, even if it is sent several times",
      async ({ race, newClient, phone }) => {
        const { atOnce, one, rows } = race;
        const browser = await newClient({ url: one.url });
        await post(browser, "/api/enter_phone/", { phone });
        const data = { verification_code: await one.codeFor(phone) };
        const entering = { path: "/api/enter_code/", headers: await copyCookies(browser), data };
        const outcomes = countOutcomes(await atOnce(times(20, entering)));
        expect(outcomes["200"]).toBe(1);
        expect(total(outcomes, "code_expired", "code_spent")).toBe(19);
        expect(await rows(sessionsOf(phone))).toHaveLength(1);
      },
    );

    raceTest("a verified code opens one session", async ({ race, newClient, phone }) => {
      const { atOnce, one, rows } = race;
      const browser = await newClient({ url: one.url });
      await post(browser, "/api/v1/login/", { phone_number: phone });
      await post(browser, "/api/v1/create_user/", { verification_code: await one.codeFor(phone) });
      const headers = await copyCookies(browser);
      const outcomes = countOutcomes(await atOnce(times(20, { path: "/api/v1/auth_user/", headers })));
      expect(outcomes["200"]).toBe(1);
      expect(await rows(sessionsOf(phone))).toHaveLength(1);
    });

    raceTest("of parallel guesses only as many are compared as there are attempts", async ({ race, phone }) => {
      const { atOnce, clients, one } = race;
      await post(clients[0], REQUEST_CODE, { phone });
      const code = await one.codeFor(phone);
      const guesses = await atOnce(times(40, { path: VERIFY_CODE, data: { phone, code: wrong(code) } }));
      expect(countOutcomes(guesses)).toEqual({ code_wrong: TRIES_PER_CODE, code_spent: 40 - TRIES_PER_CODE });
      const late = await atOnce(times(2, { path: VERIFY_CODE, data: { phone, code } }));
      expect(countOutcomes(late)).toEqual({ code_spent: 2 });
    });

    raceTest("parallel requests for a code send one code, the first time and later", async ({ race, phone }) => {
      const { atOnce, clients, one } = race;
      for (const codesSoFar of [1, 2]) {
        const requests = await atOnce(times(20, { path: REQUEST_CODE, data: { phone } }));
        expect(countOutcomes(requests)).toEqual({ 200: 1, resend_too_early: 19 });
        // A right code ends the wait.
        await post(clients[0], VERIFY_CODE, { phone, code: await one.codeFor(phone) });
        expect(one.codesFor(phone)).toHaveLength(codesSoFar);
      }
    });

    raceTest("an account that activates two codes in parallel activates one, for good", async ({ race }) => {
      const { atOnce, clients, newPeople, rows } = race;
      for (let round = 0; round < 5; round += 1) {
        const [invitee, ...inviters] = (await newPeople(3)) as [Person, Person, Person];
        const codes = inviters.map(({ inviteCode }) => inviteCode);
        const asks = Array.from({ length: 20 }, (_, at) => activating(invitee, codes[at % 3 ? 1 : 0]));
        expect(countOutcomes(await atOnce(asks))).toEqual({ 200: 1, invite_already_activated: 19 });
        const ids = inviters.map(({ id }) => id).join();
        const counted = await rows(`SELECT sum("referralCount") AS "sum" FROM "User" WHERE "id" IN (${ids})`);
        expect(Number(counted[0]?.sum)).toBe(1);
        const profile = await clients[1].get(PROFILE, { headers: bearer(invitee.access) });
        expect(codes).toContain((await profile.json()).invited_by_code);
      }
    });

    raceTest("an inviter's counter includes each of many parallel activations", async ({ race }) => {
      const { atOnce, newPeople, rows } = race;
      const [inviter, ...invitees] = (await newPeople(13)) as [Person, ...Person[]];
      const asks = invitees.map((invitee) => activating(invitee, inviter.inviteCode));
      expect(countOutcomes(await atOnce(asks))).toEqual({ 200: 12 });
      expect(await rows(`SELECT "referralCount" FROM "User" WHERE "id" = ${inviter.id}`)).toEqual([
        { referralCount: 12 },
      ]);
    });

    for (const [size, rounds] of [
      [2, 20],
      [3, 10],
      [9, 3],
    ] as const) {
      raceTest(`parallel activations of ${size} accounts in a ring make no circle`, async ({ race }) => {
        const { atOnce, newPeople } = race;
        for (let round = 0; round < rounds; round += 1) {
          const ring = await newPeople(size);
          const asks = ring.map((person, at) => activating(person, ring[(at + 1) % size]?.inviteCode));
          expect(countOutcomes(await atOnce(asks))).toEqual({ 200: size - 1, invite_circular: 1 });
        }
      });
    }

    raceTest(
      "two chains of accounts that activate each other at both ends in parallel make no circle",
      async ({ race }) => {
        const { atOnce, newPeople } = race;
        for (let round = 0; round < 3; round += 1) {
          const [people, others] = [await newPeople(5), await newPeople(5)];
          // Each was invited by the one before, so the first is above all others.
          for (const line of [people, others]) {
            for (const [at, person] of line.slice(1).entries()) {
              const joined = await atOnce([activating(person, line[at]?.inviteCode)]);
              expect(countOutcomes(joined)).toEqual({ 200: 1 });
            }
          }
          const ends = [
            activating(people[0], others.at(-1)?.inviteCode),
            activating(others[0], people.at(-1)?.inviteCode),
          ];
          expect(countOutcomes(await atOnce(ends))).toEqual({ 200: 1, invite_circular: 1 });
        }
      },
    );

    raceTest("parallel activations among many accounts, each with each other one, make no circle", async ({ race }) => {
      const { atOnce, newPeople, rows } = race;
      const crowd = await newPeople(8);
      const asks = crowd.flatMap((person) => crowd.map(({ inviteCode }) => activating(person, inviteCode)));
      const { 200: activated = 0, ...refused } = countOutcomes(await atOnce(asks));
      expect(activated).toBeLessThan(crowd.length);
      expect(total(refused, "invite_already_activated", "invite_own", "invite_circular")).toBe(64 - activated);
      const ids = crowd.map(({ id }) => id).join();
      expect(await rows(`SELECT 1 FROM "Activation" WHERE "inviteeId" IN (${ids})`)).toHaveLength(activated);
    });

    raceTest("parallel registrations of one phone make one account", async ({ race, phone }) => {
      const { atOnce, clients, newPeople, one, rows } = race;
      const [inviter] = (await newPeople(1)) as [Person];
      await post(clients[0], SEND_CODE, { phone_number: phone });
      const data = { phone_number: phone, code: await one.codeFor(phone) };
      const outcomes = countOutcomes(await atOnce(times(20, { path: `${REGISTER}${inviter.inviteCode}`, data })));
      expect(outcomes["201"]).toBe(1);
      expect(total(outcomes, "code_expired", "code_spent")).toBe(19);
      expect(await rows(accountsOf(phone))).toMatchObject([{ code: inviter.inviteCode }]);
    });

    raceTest(
      "a phone that proves itself in many ways at once makes one account",
      async ({ race, newClient, freshPhone }) => {
        const { atOnce, clients, one, rows } = race;
        for (let round = 0; round < 3; round += 1) {
          const phone = freshPhone();
          await post(clients[0], SEND_CODE, { phone_number: phone });
          const registering = { phone_number: phone, code: await one.codeFor(phone) };
          await post(clients[1], REQUEST_CODE, { phone });
          const asks: Ask[] = [
            { path: `${REGISTER}invite_code`, data: registering },
            { path: VERIFY_CODE, data: { phone, code: await one.codeFor(phone) } },
          ];
          for (let count = 0; count < 4; count += 1) {
            const browser = await newClient({ url: one.url });
            await post(browser, "/api/enter_phone/", { phone });
            const data = { verification_code: await one.codeFor(phone) };
            asks.push({ path: "/api/enter_code/", headers: await copyCookies(browser), data });
          }
          const outcomes = countOutcomes(await atOnce(asks));
          expect(outcomes["200"]).toBe(5);
          expect(total(outcomes, "201", "phone_taken")).toBe(1);
          expect(await rows(accountsOf(phone))).toHaveLength(1);
        }
      },
    );

    raceTest(
      "a mailbox that proves itself many times at once makes one account",
      async ({ race, newClient, freshPhone }) => {
        const { atOnce, one, rows } = race;
        const contact = { phone: freshPhone(), email: freshEmail() };
        const asks: Ask[] = [];
        for (let count = 0; count < 4; count += 1) {
          const browser = await newClient({ url: one.url });
          expect((await askByMail(browser, contact)).status()).toBe(200);
          const data = { ...contact, code: await one.codeFor(contact.email) };
          asks.push(...times(2, { path: AUTHENTICATE, headers: await copyCookies(browser), data }));
        }
        expect(countOutcomes(await atOnce(asks))["200"]).toBe(4);
        expect(await rows(`SELECT "id" FROM "User" WHERE "email" = '${contact.email}'`)).toHaveLength(1);
      },
    );

    raceTest("parallel answers that a phone has an account stay within their limit", async ({ race }) => {
      const { atOnce, newPeople } = race;
      const [taken] = (await newPeople(1)) as [Person];
      const address = Array.from({ length: 3 }, () => randomInt(1, 255)).join(".");
      const headers = { "x-forwarded-for": `45.${address}` };
      const asks = times(30, { path: SEND_CODE, headers, data: { phone_number: taken.phone } });
      expect(countOutcomes(await atOnce(asks))).toEqual({
        phone_taken: TAKEN_ANSWERS_PER_IP_PER_HOUR,
        // From then on the phone is treated as one without an account, and its second code has to wait.
        "200": 1,
        resend_too_early: 30 - TAKEN_ANSWERS_PER_IP_PER_HOUR - 1,
      });
    });

    raceTest(
      "an account that goes while others come by it leaves nothing half done",
      async ({ race, newClient, freshPhone }) => {
        const { atOnce, clients, newPeople, one, rows } = race;
        for (let round = 0; round < 4; round += 1) {
          // An account is deleted by a cookie only.
          const leaving = await logInByMail(newClient, { phone: freshPhone(), email: freshEmail() }, one);
          const cookies = await copyCookies(leaving.client);
          const [above, ...comers] = (await newPeople(5)) as [Person, ...Person[]];
          const newcomers = [freshPhone(), freshPhone(), freshPhone()];
          const asks = comers.map((person) => activating(person, leaving.inviteCode));
          asks.push({ path: ACTIVATE, headers: cookies, data: { code: above.inviteCode } });
          for (const phone of newcomers) {
            await post(clients[0], SEND_CODE, { phone_number: phone });
            const data = { phone_number: phone, code: await one.codeFor(phone) };
            asks.push({ path: `${REGISTER}${leaving.inviteCode}`, data });
          }
          // The account is deleted twice, in between the other requests.
          const leave: Ask = { method: "DELETE", path: `/api/users/${leaving.id}/`, headers: cookies };
          for (const ask of times(2, leave)) asks.splice(randomInt(asks.length), 0, ask);
          const outcomes = countOutcomes(await atOnce(asks));
          expect(outcomes["204"]).toBeGreaterThan(0);
          const { length } = asks;
          expect(
            total(
              outcomes,
              "204",
              "200",
              "201",
              "invite_unknown",
              "credentials_missing",
              "token_invalid",
              "session_over",
            ),
            JSON.stringify(outcomes),
          ).toBe(length);
          expect(await rows(`SELECT 1 FROM "User" WHERE "id" = ${leaving.id}`)).toEqual([]);
          expect(await rows(`SELECT 1 FROM "Activation" WHERE "inviteeId" = ${leaving.id}`)).toEqual([]);
          expect(await rows(`SELECT 1 FROM "Activation" WHERE "inviterId" = ${leaving.id}`)).toEqual([]);
          for (const phone of newcomers) {
            const accounts = await rows(accountsOf(phone));
            expect(accounts).toEqual(accounts.map(() => expect.objectContaining({ code: leaving.inviteCode })));
          }
        }
      },
    );

    raceTest("a refresh token that both servers exchange in parallel has one successor", async ({ race }) => {
      const { atOnce, clients, newPeople } = race;
      const [person] = (await newPeople(1)) as [Person];
      let { refresh } = person;
      for (let round = 0; round < 3; round += 1) {
        const answers = await atOnce(times(10, exchanging(refresh)));
        expect(countOutcomes(answers)).toEqual({ 200: 10 });
        const successors = new Set(answers.map(({ body }) => (body as { refresh: string }).refresh));
        expect(successors.size).toBe(1);
        [refresh = ""] = successors;
      }
      // The first token, used again in parallel with the newest, was stolen, and ends the session in either order.
      await atOnce([...times(5, exchanging(refresh)), ...times(5, exchanging(person.refresh))]);
      expect(countOutcomes(await atOnce(times(2, exchanging(refresh))))).toEqual({ token_invalid: 2 });
      for (const client of clients) {
        const profile = await client.get(PROFILE, { headers: bearer(person.access) });
        expect(profile.headers()["sarafan-error"]).toBe("token_invalid");
      }
    });
  });
}

async function logIn(client: APIRequestContext, phone: string, { codeFor }: Server): Promise<Person> {
  await post(client, REQUEST_CODE, { phone });
  const answer = await post(client, VERIFY_CODE, { phone, code: await codeFor(phone) });
  const { access, refresh, invite_code } = await answer.json();
  return { phone, id: Number(decodeJwt(access).sub), inviteCode: invite_code, access, refresh };
}

const activating = (who?: Person, code?: string): Ask => ({
  path: ACTIVATE,
  headers: bearer(who?.access ?? ""),
  data: { code },
});
const exchanging = (refresh: string): Ask => ({ path: REFRESH, data: { refresh } });
const times = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value);

const sessionsOf = (phone: string) =>
  `SELECT s."id" FROM "Session" s JOIN "User" u ON u."id" = s."userId" WHERE u."phone" = '${phone}'`;
const accountsOf = (phone: string) =>
  `SELECT u."id", a."code" FROM "User" u LEFT JOIN "Activation" a ON a."inviteeId" = u."id" WHERE u."phone" = '${phone}'`;

const total = (outcomes: Record<string, number>, ...names: string[]) =>
  names.reduce((sum, name) => sum + (outcomes[name] ?? 0), 0);
