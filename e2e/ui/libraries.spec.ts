import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Auth, type AuthConfig } from "@auth/core";
import * as oauth from "oauth4webapi";
import type { Page } from "playwright/test";
import { test as base, expectAnswer, runClientCommand } from "../applications";
import { expect, type Server } from "../fixtures";
import { logIn } from "./journeys";

/** Logs a person in whom an application has sent here, and lets the application learn what it asks for. */
async function logInAndAllow(page: Page, phone: string, { url, codeFor }: Server) {
  await expect(page).toHaveURL((address) => address.href.startsWith(`${url}/login`));
  await logIn(page, phone, codeFor);
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
}

/** An application that a library of next-auth serves, and that keeps the phone in its own session. */
interface AuthJsApplication {
  url: string;
}

const test = base.extend<object, { authJs: AuthJsApplication }>({
  authJs: [
    async ({ server }, use) => {
      let config: AuthConfig | undefined;
      const site = createServer(async (request, response) => {
        const { method = "GET", headers } = request;
        // Browsers ask for an icon, too.
        if (!request.url?.startsWith("/auth/")) return void response.writeHead(404).end();
        const body = method === "POST" ? await text(request) : null;
        const asked = new Request(new URL(request.url ?? "/", url), { method, headers: headers as HeadersInit, body });
        const answer = config ? await Auth(asked, config) : Response.error();
        const given = [...answer.headers].filter(([name]) => name !== "set-cookie");
        response.writeHead(answer.status, {
          ...Object.fromEntries(given),
          "set-cookie": answer.headers.getSetCookie(),
        });
        response.end(await answer.text());
      }).listen(0, "127.0.0.1");
      await once(site, "listening");
      const url = `http://127.0.0.1:${(site.address() as { port: number }).port}`;
      const redirectUri = `${url}/auth/callback/sarafan`;
      const made = await runClientCommand(server, ["add", "--name", "Auth.js", "--redirect-uri", redirectUri]);
      config = {
        basePath: "/auth",
        trustHost: true,
        secret: "the secret of an application of the tests",
        providers: [
          {
            id: "sarafan",
            name: "Sarafan",
            type: "oidc",
            issuer: server.url,
            clientId: String(made.client_id),
            clientSecret: String(made.client_secret),
            checks: ["pkce", "state", "nonce"],
            authorization: { params: { scope: "openid phone" } },
            // The phone is in the answer of userinfo, and not in the ID token.
            idToken: false,
            profile: ({ sub, phone_number }) => ({ id: sub, name: phone_number }),
          },
        ],
      };
      await use({ url });
      site.closeAllConnections();
      site.close();
    },
    { scope: "worker", timeout: 60_000 },
  ],
});

// All tests share one application of each kind.
test.describe.configure({ mode: "default" });

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`oauth4webapi logs a person in at a public application, ${how}`, async ({
    browser,
    server,
    phone,
    newApplication,
  }) => {
    const options = ["--public", "--scopes", "openid,phone,offline_access"];
    const application = await newApplication("Single page", options);
    const page = await browser.newPage({ javaScriptEnabled });
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(server.url);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    const client: oauth.Client = { client_id: application.clientId };
    const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), "a-nonce"];
    const address = new URL(as.authorization_endpoint ?? "");
    address.search = new URLSearchParams({
      ...{ client_id: client.client_id, redirect_uri: application.redirectUri, response_type: "code" },
      ...{ scope: "openid phone offline_access", state, nonce, prompt: "consent" },
      ...{ code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
    }).toString();
    await page.goto(address.href);
    await logInAndAllow(page, phone, server);

    const answer = oauth.validateAuthResponse(as, client, await expectAnswer(page, application), state);
    expect(application.answers).toHaveLength(1);
    const { redirectUri } = application;
    const asked = [answer, redirectUri, verifier, insecure] as const;
    const response = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), ...asked);
    const checks = { expectedNonce: nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, checks);
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    const { sub = "" } = oauth.getValidatedIdTokenClaims(tokens) ?? {};
    const askUserInfo = (accessToken: string) => oauth.userInfoRequest(as, client, accessToken, insecure);
    const person = await oauth.processUserInfoResponse(as, client, sub, await askUserInfo(tokens.access_token));
    expect(person).toEqual({ sub, phone_number: phone, phone_number_verified: true });

    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token ?? "", insecure),
    );
    expect(oauth.getValidatedIdTokenClaims(refreshed)?.sub ?? sub).toBe(sub);
    const { refresh_token = "", access_token } = refreshed;
    const revoked = await oauth.revocationRequest(as, client, oauth.None(), refresh_token, insecure);
    await oauth.processRevocationResponse(revoked);
    const refused = await askUserInfo(access_token);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ]);
  });

  test(`next-auth logs a person in by its generic OpenID Connect provider, ${how}`, async ({
    browser,
    server,
    authJs,
    phone,
  }) => {
    const page = await browser.newPage({ javaScriptEnabled });
    await page.goto(`${authJs.url}/auth/signin?callbackUrl=/auth/session`);
    await page.getByRole("button", { name: "Sarafan" }).click();
    await logInAndAllow(page, phone, server);
    await expect(page).toHaveURL(`${authJs.url}/auth/session`);
    const session = JSON.parse((await page.locator("body").textContent()) ?? "");
    expect(session.user).toMatchObject({ name: phone });
  });
}
