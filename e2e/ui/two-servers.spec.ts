import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import type { Browser } from "playwright/test";
import { bearer, cookieOf, post } from "../api/clients";
import { startApplication } from "../applications";
import { DATABASES, type DatabaseKind } from "../databases";
import { expect, type Place, type Server, type Settings, test } from "../fixtures";
import { expectWhole } from "../integrity";
import { type RoundRobin, startRoundRobin } from "../round-robin";
import { acceptInvitation, askForCode, enterCode, logIn, logOut, maskOf, readInviteCode, wrongCode } from "./journeys";

/** Two servers on one database, and the load balancer in front of them. */
interface Cluster {
  balancer: RoundRobin;
  servers: [Server, Server];
  codeFor: Server["codeFor"];
}

/** The servers of a cluster have this time to start. */
const CLUSTER_TIMEOUT_MS = 120_000;

async function startCluster(
  startServer: (settings: Settings, place: Place) => Promise<Server>,
  database: DatabaseKind,
): Promise<Cluster> {
  const balancer = await startRoundRobin();
  const one = await startServer({ APP_URL: balancer.url }, { database });
  const servers: [Server, Server] = [one, await startServer({}, { beside: one })];
  balancer.lead(servers);
  return { balancer, servers, codeFor: one.codeFor };
}

for (const database of DATABASES) {
  test.describe(`two servers on one ${database}, each request at the other server`, () => {
    // All tests share one cluster.
    test.describe.configure({ mode: "default" });

    let shared: Cluster | undefined;
    test.afterAll(() => shared?.balancer.stop());

    const clusterTest = test.extend<{ cluster: Cluster }>({
      cluster: [
        async ({ sharedServer }, use) => {
          shared ??= await startCluster(sharedServer, database);
          const cluster = shared;
          const before = cluster.balancer.turns();
          await use(cluster);
          const after = cluster.balancer.turns();
          expect(after.map((turns, at) => turns > (before[at] ?? 0))).toEqual([true, true]);
          await expectWhole(cluster.servers[0].databaseUrl);
        },
        { timeout: CLUSTER_TIMEOUT_MS },
      ],
    });

    for (const javaScriptEnabled of [true, false]) {
      clusterTest(
        `people come, invite and go ${javaScriptEnabled ? "with" : "without"} JavaScript`,
        async ({ browser, cluster: { balancer, codeFor }, freshPhone }) => {
          // On a busy machine two servers take longer than the time that most tests have.
          test.slow();
          const open = (path: string) => openPage(browser, javaScriptEnabled, `${balancer.url}${path}`);
          const [anna, boris] = [freshPhone(), freshPhone()];
          const annasPage = await open("/login");
          await logIn(annasPage, anna, codeFor);
          const annasCode = await readInviteCode(annasPage);

          const borisPage = await open("/");
          await acceptInvitation(borisPage, annasCode, balancer.url);
          await askForCode(borisPage, boris);
          const code = await codeFor(boris);
          await enterCode(borisPage, wrongCode(code));
          await expect(borisPage.getByText("Код не подошёл")).toBeVisible();
          await enterCode(borisPage, code);
          const borisCode = await readInviteCode(borisPage);
          await expect(borisPage.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(
            maskOf(anna),
          );
          await annasPage.reload();
          await expect(annasPage.getByRole("listitem").filter({ hasText: maskOf(boris) })).toBeVisible();

          // An existing account types a code on its profile, is asked, and confirms.
          const vera = freshPhone();
          const verasPage = await open("/login");
          await logIn(verasPage, vera, codeFor);
          await readInviteCode(verasPage);
          await verasPage.getByLabel("Код приглашения", { exact: true }).fill(borisCode);
          await verasPage.getByRole("button", { name: "Посмотреть приглашение" }).click();
          await verasPage.getByRole("button", { name: "Активировать" }).click();
          await expect(verasPage.getByRole("heading", { name: "Вы пришли по приглашению" })).toContainText(
            maskOf(boris),
          );

          for (let visit = 0; visit < 2; visit += 1) {
            await borisPage.reload();
            await expect(borisPage.getByRole("listitem").filter({ hasText: maskOf(vera) })).toBeVisible();
          }
          await logOut(borisPage);
          for (let visit = 0; visit < 2; visit += 1) {
            await borisPage.goto(`${balancer.url}/profile`);
            await expect(borisPage).toHaveURL(/\/login/);
          }
        },
      );
    }

    for (const javaScriptEnabled of [true, false]) {
      clusterTest(
        `a new person logs in at an application with an invitation ${javaScriptEnabled ? "with" : "without"} JavaScript`,
        async ({ browser, cluster: { balancer, servers, codeFor }, freshPhone }) => {
          test.slow();
          const { url } = balancer;
          const scope = "openid phone referral offline_access";
          const tea = await startApplication({ ...servers[0], url }, "Tea house", { scopes: scope.split(" ") });
          const authorization = `Basic ${Buffer.from(`${tea.clientId}:${tea.clientSecret}`).toString("base64")}`;
          const exchange = (fields: Record<string, string>) =>
            fetch(`${url}/oauth/token`, {
              method: "POST",
              headers: { authorization },
              body: new URLSearchParams(fields),
            });
          const claimsAt = (server: string, access: string) =>
            fetch(`${server}/oauth/userinfo`, { headers: bearer(access) });

          const [anna, boris] = [freshPhone(), freshPhone()];
          const annasPage = await openPage(browser, javaScriptEnabled, `${url}/login`);
          await logIn(annasPage, anna, codeFor);
          const invite = await readInviteCode(annasPage);
          const { address, verifier } = tea.begin({ scope, invite, nonce: "of this login" });
          const page = await openPage(browser, javaScriptEnabled, address);
          await expect(page.getByText(`Вас приглашает ${maskOf(anna)}`)).toBeVisible();
          await logIn(page, boris, codeFor);
          await page.getByRole("button", { name: "Разрешить", exact: true }).click();
          await expect(page.getByRole("heading", { name: "Tea house", exact: true })).toBeVisible();
          expect(tea.answers).toHaveLength(1);

          // Of parallel exchanges at both servers one gets tokens, and keeps them.
          const exchanges = await Promise.all(
            Array.from({ length: 24 }, () =>
              exchange({
                grant_type: "authorization_code",
                code: tea.answers[0]?.get("code") ?? "",
                redirect_uri: tea.redirectUri,
                code_verifier: verifier,
              }),
            ),
          );
          const given = exchanges.filter(({ status }) => status === 200);
          expect(given).toHaveLength(1);
          for (const refused of exchanges.filter((one) => one !== given[0])) {
            expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_grant" }]);
          }
          const tokens = await (given[0] as Response).json();
          for (const { url: at } of servers) {
            const keys = (await (await fetch(`${at}/oauth/jwks`)).json()) as JSONWebKeySet;
            const expected = { issuer: url, audience: tea.clientId };
            const { payload } = await jwtVerify(tokens.id_token, createLocalJWKSet(keys), expected);
            expect(payload).toMatchObject({ nonce: "of this login" });
            const claims = await claimsAt(at, tokens.access_token);
            expect(await claims.json()).toMatchObject({
              sub: payload.sub,
              phone_number: boris,
              phone_number_verified: true,
              invited_by: expect.stringMatching(/./),
              first_login: true,
            });
          }

          let { access_token: access, refresh_token } = tokens;
          for (let turn = 0; turn < 5; turn += 1) {
            const refreshed = await exchange({ grant_type: "refresh_token", refresh_token });
            expect(refreshed.status).toBe(200);
            ({ access_token: access, refresh_token } = await refreshed.json());
            for (const { url: at } of servers) expect((await claimsAt(at, access)).status).toBe(200);
          }
          await page.goto(`${url}/profile`);
          await logOut(page);
          for (const { url: at } of servers) expect((await claimsAt(at, access)).status).toBe(401);
          expect((await exchange({ grant_type: "refresh_token", refresh_token })).status).toBe(400);
          tea.stop();
        },
      );
    }

    clusterTest(
      "the APIs with cookies work, and a session ends everywhere at once",
      async ({ cluster: { balancer, servers, codeFor }, newClient, phone }) => {
        const client = await newClient({ url: balancer.url });
        await post(client, "/api/v1/login/", { phone_number: phone });
        await post(client, "/api/v1/create_user/", { verification_code: await codeFor(phone) });
        await post(client, "/api/v1/auth_user/", {});
        for (let visit = 0; visit < 4; visit += 1) {
          expect(await (await client.get("/api/profile/")).json()).toMatchObject({ phone: phone.slice(1) });
        }
        const cookie = await cookieOf(client, "sarafan-session");
        const headers = { cookie: `sarafan-session=${cookie?.value}` };
        await post(client, "/api/enter_phone/", { phone });
        await post(client, "/api/enter_code/", { verification_code: await codeFor(phone) });
        expect((await client.get("/api/profile/")).status()).toBe(200);
        for (const { url } of servers) {
          const copy = await newClient({ url, headers });
          expect((await copy.get("/api/profile/")).status()).toBe(401);
        }
      },
    );

    clusterTest(
      "the API with tokens works, and a session ends everywhere at once",
      async ({ cluster: { balancer, servers, codeFor }, newClient, freshPhone }) => {
        const client = await newClient({ url: balancer.url });
        const logInWithTokens = async (phone: string) => {
          await post(client, "/api/auth/request_code/", { phone });
          return (await post(client, "/api/auth/verify_code/", { phone, code: await codeFor(phone) })).json();
        };
        const [inviter, invitee] = [await logInWithTokens(freshPhone()), await logInWithTokens(freshPhone())];
        const answer = await client.post("/api/profile_back/activate_invite/", {
          headers: bearer(invitee.access),
          data: { code: inviter.invite_code },
        });
        expect(answer.status()).toBe(200);
        let { access, refresh } = invitee;
        for (let exchange = 0; exchange < 5; exchange += 1) {
          ({ access, refresh } = await (await post(client, "/api/auth/refresh_token/", { refresh })).json());
          const profile = await client.get("/api/profile_back/", { headers: bearer(access) });
          expect(await profile.json()).toMatchObject({ invited_by_code: inviter.invite_code });
        }
        const keys = await Promise.all(
          servers.map(async ({ url }) => (await client.get(`${url}/.well-known/jwks.json`)).text()),
        );
        expect(keys[0]).toBe(keys[1]);
        await client.post("/api/auth/logout/", { headers: bearer(access) });
        for (const { url } of servers) {
          const profile = await client.get(`${url}/api/profile_back/`, { headers: bearer(access) });
          expect(profile.status()).toBe(401);
          expect((await client.post(`${url}/api/auth/refresh_token/`, { data: { refresh } })).status()).toBe(401);
        }
      },
    );

    clusterTest(
      "a phone is registered by an invitation, and its number asked for at the other server",
      async ({ cluster: { balancer, codeFor }, newClient, freshPhone }) => {
        const client = await newClient({ url: balancer.url });
        const register = async (phone: string, invite: string) => {
          await post(client, "/api/verification_phone/send_code", { phone_number: phone });
          const data = { phone_number: phone, code: await codeFor(phone) };
          const { invite: own, user_profile_url } = await (
            await post(client, `/api/verification_phone/${invite}`, data)
          ).json();
          return { own, profile: await (await client.get(user_profile_url)).json() };
        };
        const first = await register(freshPhone(), "invite_code");
        const second = await register(freshPhone(), first.own);
        expect(second.profile).toMatchObject({ profile: { invite: first.own, self_invite: second.own } });
      },
    );
  });
}

async function openPage(browser: Browser, javaScriptEnabled: boolean, url: string) {
  const context = await browser.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}
