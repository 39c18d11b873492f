import type { APIRequestContext, APIResponse } from "playwright/test";
import { expect, test } from "../fixtures";
import { askByMail, bearer, type Coming, freshEmail, logInWithTokens, post, wrong } from "./clients";

/** Sends the request from another network, by the header of a trusted proxy. */
const from = (address: string) => ({ "x-forwarded-for": address });

/** Expects the answer of a reached limit, in the API's own message: 429 and `Retry-After` in seconds. */
async function expectSpent(coming: Coming, seconds: [min: number, max: number], body: unknown): Promise<void> {
  const answer = await coming;
  expect(answer.status()).toBe(429);
  expect(answer.headers()["sarafan-error"]).toBe("budget_spent");
  const retryAfter = Number(answer.headers()["retry-after"]);
  expect(retryAfter).toBeGreaterThan(seconds[0]);
  expect(retryAfter).toBeLessThanOrEqual(seconds[1]);
  expect(await answer.json()).toEqual(body);
}

const HOUR: [number, number] = [3500, 3600];
const TOO_MANY = "Слишком много запросов. Повторите позже.";

test("a phone's codes are counted across all APIs, each with its own message", async ({
  newClient,
  startServer,
  phone,
}) => {
  const { url } = await startServer({ SENDS_PER_PHONE_PER_HOUR: 1, TRUSTED_PROXIES: 1 });
  const ask = async (path: string, data: unknown) =>
    (await newClient({ url })).post(path, { data, headers: from("192.0.2.9") });
  expect((await ask("/api/enter_phone/", { phone })).status()).toBe(200);
  await expectSpent(ask("/api/v1/login/", { phone_number: phone }), HOUR, { error: TOO_MANY });
  await expectSpent(ask("/api/enter_phone/", { phone }), HOUR, { error: TOO_MANY });
  await expectSpent(ask("/api/auth/request_code/", { phone }), HOUR, { detail: TOO_MANY });
  await expectSpent(ask("/api/verification_phone/send_code", { phone_number: phone }), HOUR, {
    detail: "Too many requests. Try again later.",
  });
  const contact = { phone, email: freshEmail() };
  const client = await newClient({ url });
  expect((await askByMail(client, contact)).status()).toBe(200);
  await expectSpent(askByMail(await newClient({ url }), contact), HOUR, { detail: TOO_MANY });
});

test("a network's codes are counted under any address that it claims, and another network's are not affected", async ({
  newClient,
  startServer,
  freshPhone,
}) => {
  const { url } = await startServer({ SENDS_PER_IP_PER_HOUR: 2 });
  const proxied = await startServer({ SENDS_PER_IP_PER_HOUR: 2, TRUSTED_PROXIES: 1 });
  const client = await newClient({ url });
  const behindProxy = await newClient({ url: proxied.url });
  const ask = (who: APIRequestContext, headers: Record<string, string>) =>
    who.post("/api/auth/request_code/", { data: { phone: freshPhone() }, headers });
  for (const address of ["192.0.2.1", "192.0.2.2"]) expect((await ask(client, from(address))).status()).toBe(200);
  for (const headers of [
    from("192.0.2.3"),
    from("192.0.2.4, 192.0.2.5"),
    { "x-real-ip": "192.0.2.6" },
    { forwarded: "for=192.0.2.7" },
    { "x-sarafan-address": "192.0.2.8" },
  ]) {
    expect((await ask(client, headers)).status(), JSON.stringify(headers)).toBe(429);
  }
  // Behind a proxy the last address in the header counts, and the earlier ones don't.
  for (const forged of ["198.51.100.1", "198.51.100.2"]) {
    expect((await ask(behindProxy, from(`${forged}, 192.0.2.1`))).status()).toBe(200);
  }
  expect((await ask(behindProxy, from("198.51.100.3, 192.0.2.1"))).status()).toBe(429);
  expect((await ask(behindProxy, from("192.0.2.2"))).status()).toBe(200);
});

test("an IPv6 network is its first 64 bits, in every spelling", async ({ newClient, startServer, freshPhone }) => {
  const { url } = await startServer({ SENDS_PER_IP_PER_HOUR: 2, TRUSTED_PROXIES: 1 });
  const client = await newClient({ url });
  const ask = async (address: string) => {
    const data = { phone: freshPhone() };
    return (await client.post("/api/auth/request_code/", { data, headers: from(address) })).status();
  };
  expect(await ask("2001:db8:0:1::1")).toBe(200);
  expect(await ask("2001:DB8::1:ffff:ffff:ffff:ffff")).toBe(200);
  expect(await ask("[2001:db8:0:1:abcd::5]:443")).toBe(429);
  expect(await ask("2001:db8:0:2::1")).toBe(200);
  expect(await ask("::ffff:192.0.2.1")).toBe(200);
  expect(await ask("192.0.2.1")).toBe(200);
  expect(await ask("::ffff:192.0.2.1")).toBe(429);
});

test("a network with too many wrong codes needs longer codes at every address, including NextAuth's own", async ({
  newClient,
  startServer,
  freshPhone,
}) => {
  const server = await startServer({ WRONG_CODES_PER_IP_PER_HOUR: 2 });
  const client = await newClient({ url: server.url });
  const phone = freshPhone();
  await post(client, "/api/auth/request_code/", { phone });
  const code = await server.codeFor(phone);
  const verify = (typed: string) => client.post("/api/auth/verify_code/", { data: { phone, code: typed } });
  const browser = await newClient({ url: server.url });
  const other = freshPhone();
  await post(browser, "/api/enter_phone/", { phone: other });
  const otherCode = await server.codeFor(other);
  for (let tries = 0; tries < 2; tries += 1) expect((await verify(wrong(code))).status()).toBe(400);

  const late = await verify(code);
  expect([late.status(), late.headers()["sarafan-error"]]).toEqual([400, "code_expired"]);
  const entered = await browser.post("/api/enter_code/", { data: { verification_code: otherCode } });
  expect([entered.status(), entered.headers()["sarafan-error"]]).toEqual([400, "code_expired"]);
  const { csrfToken } = await (await browser.get("/api/auth/csrf")).json();
  const form = { csrfToken, phone: other, code: otherCode };
  const callback: APIResponse = await browser.post("/api/auth/callback/credentials", { form });
  expect(callback.headers().location).toContain("code=code_expired");
  expect(callback.headers()["set-cookie"] ?? "").not.toContain("sarafan-session=ey");

  const asked = await post(client, "/api/auth/request_code/", { phone });
  expect(asked.headers()["sarafan-code-length"]).toBe("8");
  expect((await verify(await server.codeFor(phone))).status()).toBe(200);
});

test("activations of an account have a limit, and registrations with an unknown inviter count as look-ups", async ({
  newClient,
  startServer,
  freshPhone,
}) => {
  const settings = { ACTIVATIONS_PER_USER_PER_HOUR: 1, INVITE_LOOKUPS_PER_IP_PER_HOUR: 1 };
  const server = await startServer(settings);
  const { client, inviteCode, access } = await logInWithTokens(newClient, freshPhone(), server);
  const activate = () =>
    client.post("/api/profile_back/activate_invite/", { data: { code: "0ABCDE" }, headers: bearer(access) });
  expect((await activate()).status()).toBe(404);
  await expectSpent(activate(), HOUR, { detail: TOO_MANY });

  const newcomer = await newClient({ url: server.url });
  const phone = freshPhone();
  await post(newcomer, "/api/verification_phone/send_code", { phone_number: phone });
  const code = await server.codeFor(phone);
  const register = (typed: string, invite = inviteCode) =>
    newcomer.post(`/api/verification_phone/${invite}`, { data: { phone_number: phone, code: typed } });
  for (let tries = 0; tries < 3; tries += 1) expect((await register(wrong(code))).status()).toBe(400);
  expect((await register(code, "0ABCDE")).headers()["sarafan-error"]).toBe("invite_unknown");
  await expectSpent(register(code), HOUR, { detail: "Too many requests. Try again later." });
});

test("the policy states the settings and the guess budget", async ({ newClient, startServer }) => {
  const defaults = {
    TRIES_PER_CODE: 3,
    LONGER_CODES_AFTER_WRONG: "5,20",
    SENDS_PER_PHONE_PER_HOUR: 5,
    SENDS_PER_PHONE_PER_DAY: 10,
    GUESS_PROBABILITY_PER_DAY_MAX: 0.001,
  };
  const { url } = await startServer(defaults);
  const policy = await (await (await newClient({ url })).get("/api/policy")).json();
  expect(policy.codes).toMatchObject({ digits: 4, tries: 3, ttl_s: 300 });
  expect(policy.budgets).toMatchObject({ sends_per_phone_per_hour: 5, sends_per_phone_and_network_per_hour: 3 });
  expect(policy.guessing.guesses_per_phone_per_day).toEqual([
    { digits: 4, max: 5 },
    { digits: 6, max: 20 },
    { digits: 8, max: 90 },
  ]);
  expect(policy.codes.longer_in_network).toMatchObject({ within_s: 3600, digits: 8 });
  expect(policy.budgets.ipv6).toEqual([
    { prefix: 64, times: 1 },
    { prefix: 56, times: 2 },
    { prefix: 48, times: 8 },
  ]);
  expect(policy.guessing.accounts_per_ipv6_site_per_day).toBeCloseTo(
    8 * policy.guessing.accounts_per_network_per_day,
    9,
  );
  expect(policy.guessing.probability_per_phone_per_day).toBeCloseTo(5.157e-4, 9);
});
