import { randomInt } from "node:crypto";
import type { APIRequestContext, APIResponse } from "playwright/test";
import { test as base, expect, type Server } from "../fixtures";
import { askByMail, bearer, type Coming, freshEmail, logInWithTokens, post, wrong } from "./clients";

const test = base.extend<{ limited: Server }>({
  /** A server whose limits end after a few requests. Each test has phones and networks of its own. */
  limited: async ({ sharedServer }, use) =>
    use(
      await sharedServer({
        TRUSTED_PROXIES: 1,
        SENDS_PER_PHONE_PER_HOUR: 3,
        SENDS_PER_IP_PER_HOUR: 3,
        WRONG_CODES_PER_IP_PER_HOUR: 2,
        ACTIVATIONS_PER_USER_PER_HOUR: 1,
        INVITE_LOOKUPS_PER_IP_PER_HOUR: 1,
      }),
    ),
});

// One worker runs all tests, so that one server is enough.
test.describe.configure({ mode: "default" });

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
  limited: { url },
  phone,
  freshNetwork,
}) => {
  const ask = async (path: string, data: unknown) =>
    (await newClient({ url })).post(path, { data, headers: from(freshNetwork()) });
  expect((await ask("/api/enter_phone/", { phone })).status()).toBe(200);
  expect((await ask("/api/v1/login/", { phone_number: phone })).status()).toBe(200);
  expect((await ask("/api/auth/request_code/", { phone })).status()).toBe(200);
  await expectSpent(ask("/api/v1/login/", { phone_number: phone }), HOUR, { error: TOO_MANY });
  await expectSpent(ask("/api/enter_phone/", { phone }), HOUR, { error: TOO_MANY });
  await expectSpent(ask("/api/auth/request_code/", { phone }), HOUR, { detail: TOO_MANY });
  await expectSpent(ask("/api/verification_phone/send_code", { phone_number: phone }), HOUR, {
    detail: "Too many requests. Try again later.",
  });
  const contact = { phone, email: freshEmail() };
  for (let asks = 0; asks < 3; asks += 1)
    expect((await askByMail(await newClient({ url }), contact, from(freshNetwork()))).status()).toBe(200);
  const spent = askByMail(await newClient({ url }), contact, from(freshNetwork()));
  await expectSpent(spent, HOUR, { detail: TOO_MANY });
});

test("a network's codes are counted under any address that it claims, and another network's are not affected", async ({
  newClient,
  startServer,
  limited,
  freshPhone,
  freshNetwork,
}) => {
  const { url } = await startServer({ SENDS_PER_IP_PER_HOUR: 2 });
  const client = await newClient({ url });
  const behindProxy = await newClient({ url: limited.url });
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
  const network = freshNetwork();
  for (const forged of ["198.51.100.1", "198.51.100.2", "198.51.100.3"]) {
    expect((await ask(behindProxy, from(`${forged}, ${network}`))).status()).toBe(200);
  }
  expect((await ask(behindProxy, from(`198.51.100.4, ${network}`))).status()).toBe(429);
  expect((await ask(behindProxy, from(freshNetwork()))).status()).toBe(200);
});

test("an IPv6 network is its first 64 bits, in every spelling", async ({
  newClient,
  limited: { url },
  freshPhone,
  freshNetwork,
}) => {
  const client = await newClient({ url });
  const ask = async (address: string) => {
    const data = { phone: freshPhone() };
    return (await client.post("/api/auth/request_code/", { data, headers: from(address) })).status();
  };
  const subnet = randomInt(0x1000, 0xffff);
  const [one, other] = [subnet.toString(16), (subnet ^ 1).toString(16)];
  expect(await ask(`2001:db8:0:${one}::1`)).toBe(200);
  expect(await ask(`2001:DB8::${one.toUpperCase()}:ffff:ffff:ffff:ffff`)).toBe(200);
  expect(await ask(`2001:0db8:0000:${one}::2`)).toBe(200);
  expect(await ask(`[2001:db8:0:${one}:abcd::5]:443`)).toBe(429);
  expect(await ask(`2001:db8:0:${other}::1`)).toBe(200);
  const network = freshNetwork();
  for (const spelling of [`::ffff:${network}`, network, `::FFFF:${network}`]) expect(await ask(spelling)).toBe(200);
  expect(await ask(`::ffff:${network}`)).toBe(429);
});

test("a network with too many wrong codes needs longer codes at every address, including NextAuth's own", async ({
  newClient,
  limited: server,
  freshPhone,
  freshNetwork,
}) => {
  const at = { url: server.url, headers: from(freshNetwork()) };
  const client = await newClient(at);
  const phone = freshPhone();
  await post(client, "/api/auth/request_code/", { phone });
  const code = await server.codeFor(phone);
  const verify = (typed: string) => client.post("/api/auth/verify_code/", { data: { phone, code: typed } });
  const browser = await newClient(at);
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
  limited: server,
  freshPhone,
  freshNetwork,
}) => {
  const { client, inviteCode, access } = await logInWithTokens(newClient, freshPhone(), server);
  const headers = { ...bearer(access), ...from(freshNetwork()) };
  const activate = () => client.post("/api/profile_back/activate_invite/", { data: { code: "0ABCDE" }, headers });
  expect((await activate()).status()).toBe(404);
  await expectSpent(activate(), HOUR, { detail: TOO_MANY });

  const newcomer = await newClient({ url: server.url, headers: from(freshNetwork()) });
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
