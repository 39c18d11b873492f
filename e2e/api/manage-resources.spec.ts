import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { APIRequestContext, APIResponse } from "playwright/test";
import { Webhook } from "standardwebhooks";
import { expect, type Server } from "../fixtures";
import { makeAccount, problemOf, reason, test, V1 } from "./backends";

const WRITER = "accounts:read,accounts:write,referrals:read,activations:read,activations:write";
const TESTER = "test-numbers:read,test-numbers:write,phones:read";
const HOOKS = "webhooks:read,webhooks:write";

// One worker runs all tests, so that each key is made once.
test.describe.configure({ mode: "default" });

/** Signs a person up, who activates this code. Returns the account's id. */
async function signUp(
  { server, client, backend }: { server: Server; client: APIRequestContext; backend: APIRequestContext },
  phone: string,
  code: string,
): Promise<number> {
  await client.post("/api/auth/request_code/", { data: { phone } });
  const login = await client.post("/api/auth/verify_code/", { data: { phone, code: await server.codeFor(phone) } });
  const headers = { authorization: `Bearer ${(await login.json()).access}` };
  expect((await client.post("/api/profile_back/activate_invite/", { headers, data: { code } })).status()).toBe(200);
  const { accounts } = await (await backend.get(`${V1}/accounts`, { params: { phone } })).json();
  return accounts[0].id;
}

const bodyOf = async (response: APIResponse, status = 200) => {
  expect(response.status(), await response.text()).toBe(status);
  return response.json();
};

/** Follows `Link` through the pages of a list, and returns what is at `name`. */
async function readPages(backend: APIRequestContext, { url: own }: Server, address: string, name: string) {
  const all: Record<string, unknown>[] = [];
  let next: string | undefined = address;
  while (next) {
    const page: APIResponse = await backend.get(next);
    const body = await bodyOf(page);
    all.push(...body[name]);
    next = /^<(.*)>; rel="next"$/.exec(page.headers().link ?? "")?.[1]?.replace(own, "");
    expect(next === undefined).toBe(body.next === null);
  }
  return all;
}

test("a backend reads who activated an account's code, moves an activation and undoes it", async ({
  newBackend,
  newClient,
  freshPhone,
  server,
}) => {
  const backend = await newBackend(WRITER);
  const [inviter, other] = [await makeAccount(backend, freshPhone()), await makeAccount(backend, freshPhone())];
  const phones = [freshPhone(), freshPhone(), freshPhone()];
  const invitees: number[] = [];
  for (const phone of phones) {
    invitees.push(await signUp({ server, client: await newClient(), backend }, phone, inviter.inviteCode));
  }
  const newest = invitees.toReversed();
  const activationsOf = (address: string) => readPages(backend, server, `${V1}/${address}`, "activations");
  const referrals = await activationsOf(`accounts/${inviter.id}/referrals?limit=2`);
  expect(referrals).toEqual(
    newest.map((accountId) => ({
      ...{ accountId, inviterId: inviter.id, inviteCode: inviter.inviteCode, isTest: false },
      activatedAt: expect.stringMatching(/^20.*Z$/),
    })),
  );
  expect(JSON.stringify(referrals)).not.toContain(phones[0]?.slice(-7));
  expect(await activationsOf(`activations?inviter=${inviter.id}&limit=1`)).toEqual(referrals);
  const at = referrals[1]?.activatedAt as string;
  const inTime = await activationsOf(`activations?inviter=${inviter.id}&from=${at}`);
  expect(inTime.map(({ accountId }) => accountId)).toEqual(newest.slice(0, 2));
  expect(await activationsOf(`activations?inviter=${inviter.id}&until=${at}&limit=1`)).toEqual(referrals.slice(2));

  const path = `${V1}/activations/${newest[0]}`;
  const read = await backend.get(path);
  const [first, etag] = [await bodyOf(read), read.headers().etag ?? ""];
  expect(first).toEqual(referrals[0]);
  const move = (data: object, headers = {}) => backend.post(`${path}/move`, { data, headers });
  const own = await (await backend.get(`${V1}/accounts/${newest[0]}`)).json();
  await problemOf(await move({ inviteCode: "zzz", reason }), 409, "invite_unknown");
  await problemOf(await move({ inviteCode: inviter.inviteCode, reason }), 409, "invite_same");
  await problemOf(await move({ inviteCode: own.inviteCode, reason }), 409, "invite_own");
  const { errors } = await problemOf(await move({}), 400, "field_invalid");
  expect(Object.keys(errors).sort()).toEqual(["inviteCode", "reason"]);
  expect((await move({ inviteCode: other.inviteCode, reason }, { "if-match": etag })).status()).toBe(204);
  expect(await bodyOf(await backend.get(path))).toEqual({
    ...first,
    ...{ inviterId: other.id, inviteCode: other.inviteCode },
  });
  const stale = { "if-match": etag };
  await problemOf(await move({ inviteCode: inviter.inviteCode, reason }, stale), 412, "version_changed");
  const reverse = (headers = {}) => backend.post(`${path}/reverse`, { data: { reason }, headers });
  await problemOf(await reverse(stale), 412, "version_changed");
  expect((await reverse()).status()).toBe(204);
  await problemOf(await reverse(), 404, "activation_missing");
  await problemOf(await backend.get(path), 404, "activation_missing");
  expect(await activationsOf(`accounts/${other.id}/referrals`)).toEqual([]);

  for (const id of ["0", "x", "2147483648", "2147483647", "we_x"]) {
    await problemOf(await backend.get(`${V1}/accounts/${id}/referrals`), 404, "account_unknown");
    await problemOf(await backend.get(`${V1}/activations/${id}`), 404, "activation_missing");
    const refused = await backend.post(`${V1}/activations/${id}/reverse`, { data: { reason } });
    await problemOf(refused, 404, "activation_missing");
  }
  const wrong = { inviter: "0", from: "2026-02-30T00:00:00Z", until: "0001-01-01T00:00:00Z", cursor: "1", limit: "0" };
  for (const [name, value] of Object.entries(wrong)) {
    const refused = await backend.get(`${V1}/activations`, { params: { [name]: value } });
    expect(Object.keys((await problemOf(refused, 400, "field_invalid")).errors)).toEqual([name]);
  }
});

test("a backend reads what became of codes, and no phone", async ({ newBackend, newClient, freshPhone }) => {
  const backend = await newBackend("deliveries:read,phones:read");
  const [phone, client, from] = [freshPhone(), await newClient(), new Date(Date.now() - 1000).toISOString()];
  await client.post("/api/auth/request_code/", { data: { phone } });
  const lastDigits = phone.slice(-2);
  const find = async (params: Record<string, string> = {}) => {
    const page = await backend.get(`${V1}/deliveries`, { params: { from, limit: "100", ...params } });
    const { deliveries } = await bodyOf(page);
    expect(await page.text()).not.toContain(phone.slice(-6));
    return deliveries.filter((delivery: { lastDigits: string }) => delivery.lastDigits === lastDigits);
  };
  await expect
    .poll(async () => (await find())[0])
    .toMatchObject({
      ...{
        sender: "console",
        state: "accepted",
        purpose: "login",
        lastDigits,
        country: "RU",
        reason: null,
        cost: null,
      },
      recipient: expect.stringMatching(/^[\w-]{20,}$/),
      requestedAt: expect.stringMatching(/Z$/),
    });
  expect(await find({ state: "failed" })).toEqual([]);
  expect(await find({ sender: "mail" })).toEqual([]);
  expect(await find({ until: from })).toEqual([]);
  for (const [name, value] of Object.entries({ state: "lost", sender: "pigeon", reason: "79450000001", phone })) {
    const refused = await backend.get(`${V1}/deliveries`, { params: { [name]: value } });
    expect(Object.keys((await problemOf(refused, 400, "field_invalid")).errors)).toEqual([name]);
  }
});

test("a backend makes a test number, whose code is shown once, and ends it", async ({
  newBackend,
  newClient,
  freshPhone,
}) => {
  const backend = await newBackend(TESTER);
  const [phone, path] = [freshPhone(), `${V1}/test-numbers`];
  const endsAt = new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString();
  const headers = { "idempotency-key": crypto.randomUUID() };
  const data = { phone, endsAt, note: "the store", reason };
  const made = await backend.post(path, { data, headers });
  const { id, code } = await bodyOf(made, 201);
  expect(made.headers().location).toBe(`${path}/${id}`);
  const again = await backend.post(path, { data, headers });
  expect(await bodyOf(again, 201)).toEqual({ id, code: null });
  expect(again.headers()["idempotency-replayed"]).toBe("true");
  const client = await newClient();
  await client.post("/api/auth/request_code/", { data: { phone } });
  expect((await client.post("/api/auth/verify_code/", { data: { phone, code } })).status()).toBe(200);
  const number = await bodyOf(await backend.get(`${path}/${id}`));
  expect(number).toEqual({
    ...{ id, phone, codeDigits: code.length, endsAt, note: "the store", isOpen: true },
    ...{ madeAt: expect.stringMatching(/Z$/), accountId: expect.any(Number) },
  });
  expect((await bodyOf(await backend.get(path))).testNumbers).toContainEqual(number);
  const blind = await newBackend("test-numbers:read");
  expect(await (await blind.get(path)).text()).not.toContain(phone);
  expect(await bodyOf(await blind.get(`${path}/${id}`))).not.toHaveProperty("phone");
  await problemOf(await blind.post(path, { data }), 403, "scope_missing");

  await problemOf(await backend.post(path, { data }), 409, "test_number_known");
  const post = (changes: object) => backend.post(path, { data: { ...data, phone: freshPhone(), ...changes } });
  await problemOf(await post({ endsAt: "2000-01-01T00:00:00Z" }), 400, "end_invalid");
  await problemOf(await post({ phone, code: phone.slice(-6) }), 400, "code_guessable");
  for (const wrong of [
    { code: "123456" },
    { code: "1234" },
    { endsAt: "tomorrow" },
    { note: "x".repeat(301) },
    { note: "a\0" },
  ]) {
    const { errors } = await problemOf(await post(wrong), 400, "field_invalid");
    expect(Object.keys(errors)).toEqual(Object.keys(wrong));
  }
  await problemOf(await backend.delete(`${path}/${id}`), 400, "field_invalid");
  const end = (which: unknown) => backend.delete(`${path}/${which}`, { params: { reason } });
  expect((await end(id)).status()).toBe(204);
  for (const which of [id, 0, "x", "we_x"]) {
    await problemOf(await end(which), 404, "test_number_unknown");
    await problemOf(await backend.get(`${path}/${which}`), 404, "test_number_unknown");
  }
});

test("a backend makes a webhook endpoint, tests it, changes it, rotates its secret and deletes it", async ({
  newBackend,
}) => {
  const received: { body: string; headers: Record<string, string> }[] = [];
  const receiver = createServer(async (request, response) => {
    received.push({ body: await text(request), headers: request.headers as Record<string, string> });
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await expect.poll(() => receiver.address()).not.toBeNull();
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const [backend, path] = [await newBackend(HOOKS), `${V1}/webhook-endpoints`];
  const made = await backend.post(path, { data: { url, types: ["alarm.ended"], description: "the shop" } });
  const { id, secret, publicKey } = await bodyOf(made, 201);
  const address = `${path}/${id}`;
  expect([made.headers().location, secret, publicKey]).toEqual([
    ...[address, expect.stringMatching(/^whsec_/), expect.stringMatching(/^whpk_/)],
  ]);
  const { deliveryId } = await bodyOf(await backend.post(`${address}/test`), 201);
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]?.headers["webhook-id"]).toBe(deliveryId);
  expect(new Webhook(secret).verify(received[0]?.body ?? "", received[0]?.headers ?? {})).toMatchObject({
    type: "webhook.test",
  });
  receiver.close();

  const read = await backend.get(address);
  const endpoint = await bodyOf(read);
  expect(endpoint).toEqual({
    ...{ id, url, description: "the shop", types: ["alarm.ended"], hasPhones: false, state: "active", publicKey },
    ...{ disabledReason: null, previousSecretUntil: null, failingSince: null, missedAt: null },
    madeAt: expect.stringMatching(/Z$/),
  });
  expect((await bodyOf(await backend.get(path))).webhookEndpoints).toContainEqual(endpoint);
  const etag = read.headers().etag ?? "";
  const change = (data: object, headers: Record<string, string> = {}) => backend.patch(address, { data, headers });
  await problemOf(await change({ isPaused: true }), 428, "if_match_missing");
  const paused = await change({ isPaused: true, types: null }, { "if-match": etag });
  expect(await bodyOf(paused)).toEqual({ ...endpoint, state: "paused", types: null });
  expect(paused.headers().etag).not.toBe(etag);
  await problemOf(await change({ isPaused: false }, { "if-match": etag }), 412, "version_changed");
  await problemOf(await backend.delete(address, { headers: { "if-match": etag } }), 412, "version_changed");
  await problemOf(await backend.post(`${address}/test`), 409, "endpoint_inactive");
  const now = { "if-match": `"x", ${paused.headers().etag}` };
  await problemOf(await change({ url: "ftp://shop.example/" }, now), 400, "url_refused");
  for (const wrong of [
    { types: [] },
    { types: ["x"] },
    { description: "x".repeat(201) },
    { isPaused: "yes" },
    { isPause: true },
    { url: "https://shop.example/\0" },
  ]) {
    const { errors } = await problemOf(await change(wrong, now), 400, "field_invalid");
    expect(Object.keys(errors)).toEqual(Object.keys(wrong));
  }

  const headers = { "idempotency-key": crypto.randomUUID() };
  const rotated = await bodyOf(await backend.post(`${address}/rotate-secret`, { headers }));
  expect(rotated).toEqual({
    ...{ secret: expect.stringMatching(/^whsec_/), publicKey: expect.stringMatching(/^whpk_/) },
  });
  expect(rotated.secret).not.toBe(secret);
  expect(await bodyOf(await backend.post(`${address}/rotate-secret`, { headers }))).toEqual({
    ...rotated,
    secret: null,
  });
  expect((await bodyOf(await backend.get(address))).previousSecretUntil).toMatch(/Z$/);
  expect((await backend.delete(address)).status()).toBe(204);
  for (const gone of [
    await backend.get(address),
    await backend.delete(address),
    await change({}, { "if-match": "*" }),
    await backend.post(`${address}/test`),
    await backend.post(`${address}/rotate-secret`),
    await backend.get(`${path}/1`),
    await backend.get(`${path}/${id}%00`),
  ]) {
    await problemOf(gone, 404, "endpoint_unknown");
  }
});

test("a backend lists the deliveries to its endpoint and their attempts, and sends them again with the same ids", async ({
  newBackend,
  server,
}) => {
  const ids: string[] = [];
  const receiver = createServer(async (request, response) => {
    ids.push(String(request.headers["webhook-id"]));
    response.writeHead(204).end("thanks");
  }).listen(0, "127.0.0.1");
  await expect.poll(() => receiver.address()).not.toBeNull();
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const backend = await newBackend(HOOKS);
  const make = async () => {
    const made = await backend.post(`${V1}/webhook-endpoints`, { data: { url, types: ["alarm.ended"] } });
    return `${V1}/webhook-endpoints/${(await bodyOf(made, 201)).id}`;
  };
  const [address, other] = [await make(), await make()];
  const sent: string[] = [];
  for (let number = 1; number <= 3; number += 1) {
    sent.push((await bodyOf(await backend.post(`${address}/test`), 201)).deliveryId);
    await expect.poll(() => ids.length).toBe(number);
  }
  const list = (query = "") => readPages(backend, server, `${address}/deliveries?limit=2${query}`, "deliveries");
  await expect.poll(async () => (await list("&state=delivered")).length).toBe(3);
  const deliveries = await list();
  expect(deliveries.map(({ id }) => id)).toEqual(sent.toReversed());
  expect(deliveries[0]).toEqual({
    ...{ id: sent[2], eventId: null, accountId: null, type: "webhook.test", state: "delivered", attemptCount: 1 },
    ...{ happenedAt: expect.stringMatching(/Z$/), nextAttemptAt: null, isUnderWay: false },
  });
  const at = deliveries[1]?.happenedAt;
  expect((await list(`&from=${at}`)).map(({ id }) => id)).toEqual([sent[2], sent[1]]);
  expect((await list(`&until=${at}&type=webhook.test`)).map(({ id }) => id)).toEqual([sent[0]]);
  expect(await list("&state=failed")).toEqual([]);
  const read = async () => bodyOf(await backend.get(`${address}/deliveries/${sent[0]}`));
  const attempt = { number: 1, status: 204, fault: null, answer: null, durationMs: expect.any(Number) };
  expect((await read()).attempts).toEqual([{ ...attempt, startedAt: expect.stringMatching(/Z$/) }]);

  const headers = { "idempotency-key": crypto.randomUUID() };
  const one = () => backend.post(`${address}/deliveries/${sent[0]}/replay`, { headers });
  const answers = await Promise.all(Array.from({ length: 24 }, one));
  expect(answers.map((answer) => answer.status()).filter((status) => status !== 409)).toContain(204);
  await expect.poll(async () => (await read()).attempts.length).toBe(2);
  expect((await one()).headers()["idempotency-replayed"]).toBe("true");
  const replay = (data: object) => backend.post(`${address}/replay`, { data });
  expect(await bodyOf(await replay({ state: "delivered", from: at }))).toEqual({ count: 2 });
  await expect.poll(() => ids.length).toBe(6);
  expect(ids.slice(3)).toEqual([sent[0], ...ids.slice(4)]);
  expect(ids.slice(4).sort()).toEqual([sent[1], sent[2]].sort());
  await problemOf(await replay({}), 400, "filter_missing");
  for (const wrong of [{ state: "lost" }, { type: "x" }, { from: "now" }, { form: "2026-01-01T00:00:00Z" }]) {
    const { errors } = await problemOf(await replay(wrong), 400, "field_invalid");
    expect(Object.keys(errors)).toEqual(Object.keys(wrong));
  }

  for (const unknown of [`${other}/deliveries/${sent[0]}`, `${address}/deliveries/1`]) {
    await problemOf(await backend.get(unknown), 404, "delivery_unknown");
    await problemOf(await backend.post(`${unknown}/replay`), 404, "delivery_unknown");
  }
  for (const gone of [address, other]) expect((await backend.delete(gone)).status()).toBe(204);
  await problemOf(await backend.get(`${address}/deliveries`), 404, "endpoint_unknown");
  await problemOf(await backend.get(`${address}/deliveries/${sent[0]}`), 404, "endpoint_unknown");
  await problemOf(await replay({ state: "failed" }), 404, "endpoint_unknown");
  receiver.close();
});

test("a key without phones:read can't have phones and mailboxes sent to an address", async ({ newBackend }) => {
  const [backend, seeing] = [await newBackend(HOOKS), await newBackend(`${HOOKS},phones:read`)];
  const path = `${V1}/webhook-endpoints`;
  const data = { url: "https://shop.example/", types: ["alarm.ended"], hasPhones: true };
  await problemOf(await backend.post(path, { data }), 403, "phones_scope_missing");
  const { id } = await bodyOf(await seeing.post(path, { data }), 201);
  const change = (by: APIRequestContext, changes: object) =>
    by.patch(`${path}/${id}`, { data: changes, headers: { "if-match": "*" } });
  const elsewhere = { url: "https://elsewhere.example/" };
  await problemOf(await change(backend, elsewhere), 403, "phones_scope_missing");
  expect(await bodyOf(await change(backend, { ...elsewhere, hasPhones: false }))).toMatchObject(elsewhere);
  await problemOf(await change(backend, { hasPhones: true }), 403, "phones_scope_missing");
  expect(await bodyOf(await change(seeing, { hasPhones: true }))).toMatchObject({ hasPhones: true });
  expect((await seeing.delete(`${path}/${id}`)).status()).toBe(204);
});

test("a backend makes an application, changes it, disables it, renews its secret and removes it", async ({
  newBackend,
}) => {
  const [backend, path] = [await newBackend("clients:read,clients:write,phones:read"), `${V1}/clients`];
  const data = { name: "Shop", redirectUris: ["https://shop.example/callback"] };
  const idempotent = { "idempotency-key": `"${crypto.randomUUID()}"` };
  const made = await backend.post(path, { data, headers: idempotent });
  const { clientId, clientSecret } = await bodyOf(made, 201);
  expect(clientSecret).toMatch(/^sarafan_cs_/);
  const again = await backend.post(path, { data, headers: idempotent });
  expect(await bodyOf(again, 201)).toEqual({ clientId, clientSecret: null });
  const address = `${path}/${clientId}`;
  expect(made.headers().location).toBe(address);

  const read = await backend.get(address);
  const client = await bodyOf(read);
  expect(client).toEqual({
    ...{ clientId, ...data, isPublic: false, postLogoutUris: [], backChannelLogoutUri: null, isFirstParty: false },
    ...{ scopes: ["openid", "phone"], signingAlgorithm: "RS256", disabledAt: null },
    madeAt: expect.stringMatching(/Z$/),
  });
  expect((await bodyOf(await backend.get(path))).clients).toContainEqual(client);
  const change = (changes: object, headers: Record<string, string> = {}) =>
    backend.patch(address, { data: changes, headers });
  await problemOf(await change({ name: "Tea" }), 428, "if_match_missing");
  const etag = { "if-match": read.headers().etag ?? "" };
  const tea = { name: "Tea", isFirstParty: true, backChannelLogoutUri: "https://shop.example/logout" };
  expect(await bodyOf(await change(tea, etag))).toEqual({ ...client, ...tea });
  await problemOf(await change({ name: "Coffee" }, etag), 412, "version_changed");
  await problemOf(await backend.delete(address, { headers: etag }), 412, "version_changed");
  const any = { "if-match": "*" };
  expect(await bodyOf(await change({ backChannelLogoutUri: null, scopes: ["openid"] }, any))).toEqual({
    ...{ ...client, ...tea, backChannelLogoutUri: null, scopes: ["openid"] },
  });
  for (const wrong of [
    { name: " " },
    { name: "a\u202Eb" },
    { redirectUris: [] },
    { redirectUris: ["http://shop.example/"] },
    { redirectUris: ["https://shop.example/*#"] },
    { postLogoutUris: "https://shop.example/" },
    { backChannelLogoutUri: "https://10.0.0.1/" },
    { scopes: ["phone"] },
    { scopes: ["openid", "profile"] },
    { signingAlgorithm: "none" },
    { isPublic: true },
    { clientSecret: "chosen" },
  ]) {
    const { errors } = await problemOf(await change(wrong, any), 400, "field_invalid");
    expect(Object.keys(errors), JSON.stringify(wrong)).toEqual([expect.stringContaining(Object.keys(wrong)[0] ?? "")]);
  }
  const app = { redirectUris: ["com.example.app:/callback"] };
  await problemOf(await change(app, any), 400, "private_scheme_of_confidential_client");
  await problemOf(
    await backend.post(path, { data: { ...data, ...app } }),
    400,
    "private_scheme_of_confidential_client",
  );

  for (const _ of ["changes it", "changes nothing"])
    expect((await bodyOf(await backend.post(`${address}/disable`))).disabledAt).toMatch(/Z$/);
  expect(await bodyOf(await backend.post(`${address}/enable`))).toMatchObject({ disabledAt: null });
  const renewed = await bodyOf(await backend.post(`${address}/renew-secret`));
  expect(renewed).toEqual({ clientSecret: expect.stringMatching(/^sarafan_cs_/) });
  expect(renewed.clientSecret).not.toBe(clientSecret);

  const device = await bodyOf(await backend.post(path, { data: { ...data, ...app, isPublic: true } }), 201);
  expect(device.clientSecret).toBeNull();
  await problemOf(await backend.post(`${path}/${device.clientId}/renew-secret`), 409, "client_public");
  for (const gone of [address, `${path}/${device.clientId}`]) expect((await backend.delete(gone)).status()).toBe(204);
  for (const unknown of [address, `${path}/x`]) {
    await problemOf(await backend.get(unknown), 404, "client_unknown");
    await problemOf(await backend.delete(unknown), 404, "client_unknown");
    await problemOf(await backend.post(`${unknown}/disable`), 404, "client_unknown");
    await problemOf(await backend.post(`${unknown}/renew-secret`), 404, "client_unknown");
  }
});

test("a key without phones:read makes no application that may learn phones", async ({ newBackend }) => {
  const [blind, path] = [await newBackend("clients:read,clients:write"), `${V1}/clients`];
  const data = { name: "Shop", redirectUris: ["https://thief.example/"] };
  await problemOf(await blind.post(path, { data }), 403, "phones_scope_missing");
  const { clientId } = await bodyOf(await blind.post(path, { data: { ...data, scopes: ["openid"] } }), 201);
  const address = `${path}/${clientId}`;
  const headers = { "if-match": "*" };
  await problemOf(
    await blind.patch(address, { data: { scopes: ["openid", "email"] }, headers }),
    403,
    "phones_scope_missing",
  );
  expect((await blind.delete(address)).status()).toBe(204);
});

test("24 parallel requests with one Idempotency-Key make one webhook endpoint, and its secret is not stored", async ({
  newBackend,
}) => {
  const [backend, path] = [await newBackend(HOOKS), `${V1}/webhook-endpoints`];
  const headers = { "idempotency-key": crypto.randomUUID() };
  const data = { url: "https://parallel.example/", types: ["alarm.ended"] };
  const answers = await Promise.all(Array.from({ length: 24 }, () => backend.post(path, { data, headers })));
  const done = answers.filter((answer) => answer.status() === 201);
  for (const refused of answers.filter((answer) => answer.status() !== 201))
    await problemOf(refused, 409, "request_running");
  const bodies = await Promise.all(done.map((answer) => answer.json()));
  expect(bodies.filter(({ secret }) => secret !== null)).toHaveLength(1);
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
  const { webhookEndpoints } = await bodyOf(await backend.get(path));
  const made = webhookEndpoints.filter((endpoint: { url: string }) => endpoint.url === data.url);
  expect(made.map(({ id }: { id: string }) => id)).toEqual([bodies[0]?.id]);
  expect((await backend.delete(`${path}/${made[0].id}`)).status()).toBe(204);
});

test("each resource of the management API needs its own scope", async ({ newBackend }) => {
  const other = await newBackend("accounts:read,accounts:write,phones:read,events:read");
  const needed: [verb: "get" | "post" | "patch" | "delete", address: string, scope: string][] = [
    ["get", "accounts/1/referrals", "referrals:read"],
    ["get", "activations", "activations:read"],
    ["get", "activations/1", "activations:read"],
    ["post", "activations/1/move", "activations:write"],
    ["post", "activations/1/reverse", "activations:write"],
    ["get", "clients", "clients:read"],
    ["post", "clients", "clients:write"],
    ["get", "clients/x", "clients:read"],
    ["patch", "clients/x", "clients:write"],
    ["delete", "clients/x", "clients:write"],
    ["post", "clients/x/disable", "clients:write"],
    ["post", "clients/x/enable", "clients:write"],
    ["post", "clients/x/renew-secret", "clients:write"],
    ["get", "deliveries", "deliveries:read"],
    ["get", "test-numbers", "test-numbers:read"],
    ["post", "test-numbers", "test-numbers:write"],
    ["get", "test-numbers/1", "test-numbers:read"],
    ["delete", "test-numbers/1", "test-numbers:write"],
    ["get", "webhook-endpoints", "webhooks:read"],
    ["post", "webhook-endpoints", "webhooks:write"],
    ["get", "webhook-endpoints/we_x", "webhooks:read"],
    ["patch", "webhook-endpoints/we_x", "webhooks:write"],
    ["delete", "webhook-endpoints/we_x", "webhooks:write"],
    ["post", "webhook-endpoints/we_x/rotate-secret", "webhooks:write"],
    ["post", "webhook-endpoints/we_x/test", "webhooks:write"],
    ["get", "webhook-endpoints/we_x/deliveries", "webhooks:read"],
    ["get", "webhook-endpoints/we_x/deliveries/msg_x", "webhooks:read"],
    ["post", "webhook-endpoints/we_x/deliveries/msg_x/replay", "webhooks:write"],
    ["post", "webhook-endpoints/we_x/replay", "webhooks:write"],
  ];
  for (const [verb, address, scope] of needed) {
    const refused = await other[verb](`${V1}/${address}`);
    expect((await problemOf(refused, 403, "scope_missing")).detail, address).toContain(scope);
  }
  const readers = await newBackend("activations:read,clients:read,test-numbers:read,webhooks:read");
  for (const [verb, address] of needed.filter(([, , scope]) => scope.endsWith(":write"))) {
    await problemOf(await readers[verb](`${V1}/${address}`), 403, "scope_missing");
  }
});
