import { randomBytes } from "node:crypto";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import type { APIRequestContext } from "playwright/test";
import { DATABASES } from "../databases";
import { expect, type Server, test } from "../fixtures";
import { bearer, logInWithCookie, logInWithTokens, post } from "./clients";

const profileStatus = async (client: APIRequestContext, { url }: Server) =>
  (await client.get(`${url}/api/profile/`)).status();
const tokenStatus = async (access: string, { url }: Server) =>
  (await fetch(`${url}/api/profile_back/`, { headers: bearer(access) })).status;
const freshSecret = () => randomBytes(48).toString("base64url");

for (const database of DATABASES) {
  test(`changing the secret as docs/operations.md describes ends no session, on ${database}`, async ({
    startServer,
    newClient,
    freshPhone,
  }) => {
    test.slow();
    const [OLD, NEW] = [freshSecret(), freshSecret()];
    const first = await startServer({ AUTH_SECRET: OLD }, { database });

    // Made with the old secret: a browser's session, an application's session, a pending code, and another one for tokens.
    const browser = await logInWithCookie(newClient, freshPhone(), first);
    const application = await logInWithTokens(newClient, freshPhone(), first);
    const [waiting, phone, stateless] = [await newClient({ url: first.url }), freshPhone(), freshPhone()];
    await post(waiting, "/api/enter_phone/", { phone });
    const code = await first.codeFor(phone);
    await post(waiting, "/api/auth/request_code/", { phone: stateless });
    const statelessCode = await first.codeFor(stateless);
    const exportOf = async ({ url }: Server) =>
      (await (await browser.get(`${url}/account/export`)).json()).deliveries.length;
    const deliveries = await exportOf(first);
    expect(deliveries).toBeGreaterThan(0);
    await first.stop();

    // Both secrets are set, the new one as AUTH_SECRET.
    const second = await startServer({ AUTH_SECRET: NEW, AUTH_SECRET_PREVIOUS: OLD }, { beside: first });
    expect(await profileStatus(browser, second)).toBe(200);
    expect(await exportOf(second)).toBe(deliveries);
    expect(await tokenStatus(application.access, second)).toBe(200);
    await post(waiting, `${second.url}/api/enter_code/`, { verification_code: code });
    await post(waiting, `${second.url}/api/auth/verify_code/`, { phone: stateless, code: statelessCode });

    const refreshed = await post(waiting, `${second.url}/api/auth/refresh_token/`, { refresh: application.refresh });
    const { access, refresh } = await refreshed.json();
    const { keys } = await (await fetch(new URL("/.well-known/jwks.json", second.url))).json();
    expect(keys).toHaveLength(2);
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual([
      decodeProtectedHeader(access).kid,
      decodeProtectedHeader(application.access).kid,
    ]);
    for (const token of [access, application.access]) await jwtVerify(token, createLocalJWKSet({ keys }));
    const returning = await logInWithCookie(newClient, freshPhone(), second);
    await second.stop();

    // Only the new secret is set.
    const third = await startServer({ AUTH_SECRET: NEW, AUTH_SECRET_PREVIOUS: "" }, { beside: first });
    expect((await (await fetch(new URL("/.well-known/jwks.json", third.url))).json()).keys).toEqual([keys[0]]);
    expect(await profileStatus(returning, third)).toBe(200);
    expect(await profileStatus(browser, third)).toBe(401);
    expect(await tokenStatus(application.access, third)).toBe(401);
    expect(await tokenStatus(access, third)).toBe(200);
    await post(waiting, `${third.url}/api/auth/refresh_token/`, { refresh });
  });
}
