import * as oauth from "oauth4webapi";
import { expectAnswer, test } from "../applications";
import { expect } from "../fixtures";
import { logIn } from "./journeys";

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`oauth4webapi logs a person in at a public application, ${how}`, async ({
    browser,
    server,
    phone,
    newApplication,
  }) => {
    const registration = { isPublic: true, scopes: ["openid", "phone", "offline_access"] };
    const application = await newApplication("Single page", registration);
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
    await logIn(page, phone, server.codeFor);
    await page.getByRole("button", { name: "Разрешить", exact: true }).click();

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
}
