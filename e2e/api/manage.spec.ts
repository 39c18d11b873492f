import type { APIResponse } from "playwright/test";
import { expect } from "../fixtures";
import { makeAccount, makeKey, problemOf, reason, runKey, test, V1 } from "./backends";

// One worker runs all tests, so that each key is made once.
test.describe.configure({ mode: "default" });

test("a backend makes an account, finds it, blocks it, ends its sessions and deletes it", async ({
  newBackend,
  newClient,
  freshPhone,
  server,
}) => {
  const backend = await newBackend();
  const { next: after } = await (await backend.get(`${V1}/events`, { params: { after: "now" } })).json();
  const phone = freshPhone();
  const made = await backend.post(`${V1}/accounts`, {
    data: { phone, email: `x${phone.slice(1)}@mail.example`, reason },
  });
  expect(made.status()).toBe(201);
  const { id, inviteCode } = await made.json();
  const path = `${V1}/accounts/${id}`;
  expect(made.headers().location).toBe(path);
  for (const query of [{ phone }, { email: `X${phone.slice(1)}@mail.example` }, { inviteCode }]) {
    const found = await (await backend.get(`${V1}/accounts`, { params: query as Record<string, string> })).json();
    expect(found).toMatchObject({ accounts: [{ id, phone, inviteCode, blockedAt: null, isTest: false }], next: null });
  }

  const client = await newClient();
  await client.post("/api/auth/request_code/", { data: { phone } });
  const login = await client.post("/api/auth/verify_code/", { data: { phone, code: await server.codeFor(phone) } });
  const { access } = await login.json();
  const profile = () => client.get("/api/profile_back/", { headers: { authorization: `Bearer ${access}` } });
  expect((await profile()).status()).toBe(200);
  expect((await backend.post(`${path}/end-sessions`, { data: { reason } })).status()).toBe(204);
  expect((await profile()).status()).toBe(401);

  expect((await backend.post(`${path}/block`, { data: { reason } })).status()).toBe(204);
  await problemOf(await backend.post(`${path}/block`, { data: { reason } }), 409, "account_blocked");
  expect((await (await backend.get(path)).json()).blockedAt).toMatch(/^20/);
  expect((await backend.post(`${path}/unblock`, { data: { reason } })).status()).toBe(204);
  await problemOf(await backend.delete(path), 400, "field_invalid");
  expect((await backend.delete(path, { params: { reason } })).status()).toBe(204);
  await problemOf(await backend.get(path), 404, "account_unknown");
  await problemOf(await backend.delete(path, { params: { reason } }), 404, "account_unknown");

  const log = await (await backend.get(`${V1}/events`, { params: { after, limit: 500 } })).json();
  const types = log.events
    .filter((event: { accountId: number }) => event.accountId === id)
    .map(({ type }: { type: string }) => type);
  expect(types).toEqual([
    ...["account.created", "session.opened", "session.unconfirmed", "session.ended"].filter((type) =>
      types.includes(type),
    ),
    ...["account.blocked", "account.unblocked", "account.deleted"],
  ]);
});

test("only an API key opens the management API, and only the management API", async ({
  newClient,
  freshPhone,
  server,
}) => {
  const { id, key } = await makeKey(server, "accounts:read");
  const phone = freshPhone();
  const client = await newClient();
  const path = `${V1}/accounts`;
  await problemOf(await client.get(path), 401, "credentials_missing");
  await client.post("/api/enter_phone/", { data: { phone } });
  await client.post("/api/enter_code/", { data: { verification_code: await server.codeFor(phone) } });
  expect((await client.get("/api/profile/")).status()).toBe(200);
  const byCookie = await client.get(path);
  await problemOf(byCookie, 401, "credentials_missing");
  expect(byCookie.headers()["www-authenticate"]).toBe("Bearer");

  await client.post("/api/auth/request_code/", { data: { phone } });
  const login = await client.post("/api/auth/verify_code/", { data: { phone, code: await server.codeFor(phone) } });
  const { access, refresh } = await login.json();
  for (const token of [access, refresh, `${key}x`, key.slice(0, -1), ""]) {
    const refused = await client.get(path, { headers: { authorization: `Bearer ${token}` } });
    await problemOf(refused, 401, "key_unknown");
    expect(refused.headers()["www-authenticate"]).toContain("invalid_token");
  }
  const own = { authorization: `Bearer ${key}` };
  for (const address of [
    "/api/profile_back/",
    "/api/profile/",
    "/api/users/",
    "/api/v1/user_profile/1",
    "/api/verification_phone/profile/1",
  ]) {
    const refused = await client.get(address, { headers: own });
    expect([refused.status(), refused.headers()["sarafan-error"]], address).toEqual([401, "token_invalid"]);
  }
  expect((await client.get(path, { headers: own })).status()).toBe(200);
  await runKey(server, "revoke", String(id));
  await problemOf(await client.get(path, { headers: own }), 401, "key_revoked");
});

test("a key does what its scopes say, and the answer names the one that is missing", async ({
  newBackend,
  freshPhone,
}) => {
  const reader = await newBackend("accounts:read");
  const writer = await newBackend();
  const phone = freshPhone();
  const { id } = await makeAccount(writer, phone);
  for (const refused of [
    await reader.post(`${V1}/accounts`, { data: { phone, reason } }),
    await reader.delete(`${V1}/accounts/${id}`, { params: { reason } }),
  ]) {
    expect((await problemOf(refused, 403, "scope_missing")).detail).toContain("accounts:write");
    expect(refused.headers()["www-authenticate"]).toBe('Bearer error="insufficient_scope", scope="accounts:write"');
  }
  await problemOf(await reader.get(`${V1}/events`), 403, "scope_missing");
  const found = await reader.get(`${V1}/accounts`, { params: { phone } });
  expect(await found.json()).toMatchObject({ accounts: [{ id }] });
  expect(await found.text()).not.toContain(phone);
  const single = await reader.get(`${V1}/accounts/${id}`);
  expect(Object.keys(await single.json()).sort()).toEqual([
    "activation",
    "blockedAt",
    "createdAt",
    "id",
    "inviteCode",
    "isTest",
    "sequence",
  ]);
});

test("a read of a phone is in the account's history as an administrator's, and a read without phones is in none", async ({
  newBackend,
  newClient,
  freshPhone,
  server,
}) => {
  const phone = freshPhone();
  const client = await newClient();
  await client.post("/api/enter_phone/", { data: { phone } });
  await client.post("/api/enter_code/", { data: { verification_code: await server.codeFor(phone) } });
  const history = async () => (await client.get("/account/history")).text();
  const looks = async () => ((await history()).match(/<li[\s>]/g) ?? []).length;
  const before = await looks();
  const blind = await newBackend("accounts:read");
  const { accounts } = await (await blind.get(`${V1}/accounts`, { params: { phone } })).json();
  const { id } = accounts[0];
  expect(accounts).toMatchObject([{ id: expect.any(Number) }]);
  expect(await looks(), "a look-up tells whose the phone is").toBe(before + 1);
  await blind.get(`${V1}/accounts/${id}`);
  expect(await looks()).toBe(before + 1);
  const seeing = await newBackend("accounts:read,phones:read");
  expect(await (await seeing.get(`${V1}/accounts/${id}`)).json()).toMatchObject({ phone });
  expect(await looks()).toBe(before + 2);
  await seeing.get(`${V1}/accounts`, { params: { phone } });
  expect(await looks()).toBe(before + 3);
  expect(await history()).not.toContain("a test");
});

test("pages of other origins can't use the management API", async ({ newBackend }) => {
  const backend = await newBackend();
  const headers = { origin: "https://elsewhere.example" };
  const preflight = await backend.fetch(`${V1}/accounts`, {
    method: "OPTIONS",
    headers: { ...headers, "access-control-request-method": "GET" },
  });
  const answer = await backend.get(`${V1}/accounts`, { headers });
  for (const { name } of [...preflight.headersArray(), ...answer.headersArray()])
    expect(name.toLowerCase()).not.toMatch(/^access-control-/);
  await problemOf(await backend.post(`${V1}/accounts`, { headers, data: {} }), 403, "origin_foreign");
});

test("24 parallel requests with one Idempotency-Key make one account, and each gets the same answer in the end", async ({
  newBackend,
  freshPhone,
}) => {
  const backend = await newBackend();
  const phone = freshPhone();
  const headers = { "idempotency-key": `"${crypto.randomUUID()}"` };
  const send = (data: object = { phone, reason }) => backend.post(`${V1}/accounts`, { headers, data });
  const answers = await Promise.all(Array.from({ length: 24 }, () => send()));
  const statuses = answers.map((answer) => answer.status());
  expect(statuses.filter((status) => status !== 409)).toContain(201);
  expect(new Set(statuses)).toEqual(new Set([201, ...(statuses.includes(409) ? [409] : [])]));
  for (const refused of answers.filter((answer) => answer.status() === 409)) {
    await problemOf(refused, 409, "request_running");
    expect(refused.headers()["retry-after"]).toBe("1");
  }
  const first = answers.filter((answer) => answer.status() === 201 && !answer.headers()["idempotency-replayed"]);
  expect(first).toHaveLength(1);
  const again = await send();
  expect([again.status(), again.headers()["idempotency-replayed"]]).toEqual([201, "true"]);
  expect([await again.json(), again.headers().location]).toEqual([
    await first[0]?.json(),
    first[0]?.headers().location,
  ]);
  const ordered = await send({ reason, phone });
  expect([ordered.status(), ordered.headers()["idempotency-replayed"]]).toEqual([201, "true"]);
  await problemOf(await send({ phone, reason: "another" }), 422, "idempotency_key_reused");
  const found = await (await backend.get(`${V1}/accounts`, { params: { phone } })).json();
  expect(found.accounts).toHaveLength(1);

  for (const malformed of ["", '""', "a b", "ü", "x".repeat(201)]) {
    const refused = await backend
      .post(`${V1}/accounts`, { headers: { "idempotency-key": malformed }, data: { phone, reason } })
      .catch(() => null);
    if (refused) await problemOf(refused, 400, "idempotency_key_malformed");
  }
});

test("a request that failed can be sent again with its Idempotency-Key", async ({ newBackend, freshPhone }) => {
  const backend = await newBackend();
  const [phone, headers] = [freshPhone(), { "idempotency-key": crypto.randomUUID() }];
  const { id } = await makeAccount(backend, phone);
  const block = () => backend.post(`${V1}/accounts/${id}/unblock`, { headers, data: { reason } });
  await problemOf(await block(), 409, "account_not_blocked");
  await backend.post(`${V1}/accounts/${id}/block`, { data: { reason } });
  expect((await block()).status()).toBe(204);
  const again = await block();
  expect([again.status(), again.headers()["idempotency-replayed"]]).toEqual([204, "true"]);
});

test("a change of an account that has changed since it was read is refused", async ({ newBackend, freshPhone }) => {
  const backend = await newBackend();
  const { id } = await makeAccount(backend, freshPhone());
  const path = `${V1}/accounts/${id}`;
  const etagOf = async () => (await backend.get(path)).headers().etag ?? "";
  const before = await etagOf();
  expect(before).toMatch(/^"[\w-]{16}"$/);
  expect((await backend.post(`${path}/block`, { headers: { "if-match": before }, data: { reason } })).status()).toBe(
    204,
  );
  const stale = { "if-match": before };
  await problemOf(await backend.post(`${path}/unblock`, { headers: stale, data: { reason } }), 412, "version_changed");
  await problemOf(await backend.delete(path, { headers: stale, params: { reason } }), 412, "version_changed");
  await problemOf(
    await backend.delete(path, { headers: { "if-match": "old" }, params: { reason } }),
    400,
    "if_match_malformed",
  );
  const now = await etagOf();
  expect(now).not.toBe(before);
  const several = { "if-match": `"other", ${now}` };
  expect((await backend.post(`${path}/unblock`, { headers: several, data: { reason } })).status()).toBe(204);
  expect((await backend.delete(path, { headers: { "if-match": "*" }, params: { reason } })).status()).toBe(204);
});

test("a list of accounts goes in pages, and Link leads to the next one", async ({ newBackend, freshPhone, server }) => {
  const backend = await newBackend("accounts:read,accounts:write");
  const ids: number[] = [];
  for (let number = 0; number < 3; number += 1) ids.push((await makeAccount(backend, freshPhone())).id);
  const seen: number[] = [];
  let next: string | undefined = `${V1}/accounts?limit=2&cursor=${(ids[0] ?? 0) - 1}`;
  while (next) {
    const page: APIResponse = await backend.get(next);
    const body = await page.json();
    seen.push(...body.accounts.map(({ id }: { id: number }) => id));
    next = /^<(.*)>; rel="next"$/.exec(page.headers().link ?? "")?.[1]?.replace(server.url, "");
    expect(next === undefined).toBe(body.next === null);
  }
  expect(seen).toEqual(seen.toSorted((one, other) => one - other));
  expect(ids.every((id) => seen.includes(id))).toBe(true);
  const wrong = { limit: "101", cursor: "x", page: "1" };
  for (const [name, value] of Object.entries(wrong)) {
    const { errors } = await problemOf(
      await backend.get(`${V1}/accounts`, { params: { [name]: value } }),
      400,
      "field_invalid",
    );
    expect(Object.keys(errors)).toEqual([name]);
  }
});

test("wrong bodies are named by field, and bodies that are no JSON are refused", async ({ newBackend }) => {
  const backend = await newBackend();
  const path = `${V1}/accounts`;
  const { errors } = await problemOf(await backend.post(path, { data: { phone: "1" } }), 400, "field_invalid");
  expect(Object.keys(errors).sort()).toEqual(["phone", "reason"]);
  const misspelt = await problemOf(await backend.post(path, { data: { reazon: reason } }), 400, "field_invalid");
  expect(Object.keys(misspelt.errors)).toEqual(["reazon"]);
  await problemOf(await backend.post(path, { form: { phone: "1" } }), 415, "media_type_unsupported");
  await problemOf(
    await backend.post(path, { headers: { "content-type": "application/json" }, data: "{" }),
    400,
    "body_malformed",
  );
  await problemOf(await backend.put(path), 405, "method_not_allowed");
});

test("an empty text in a body is a wrong value, and doesn't count as a field that was left out", async ({
  newBackend,
  freshPhone,
}) => {
  const backend = await newBackend();
  const { id } = await makeAccount(backend, freshPhone());
  const hooks = `${V1}/webhook-endpoints`;
  const url = "https://shop.example/webhooks";
  const made = await backend.post(hooks, { data: { url, description: "the shop" } });
  const hook = `${hooks}/${(await made.json()).id}`;
  const refusals: [Promise<APIResponse>, string][] = [
    [backend.post(`${V1}/accounts/${id}/end-sessions`, { data: { reason, sessionId: "" } }), "sessionId"],
    [backend.post(`${V1}/accounts`, { data: { phone: freshPhone(), email: "", reason } }), "email"],
    [backend.post(`${V1}/accounts`, { data: { phone: freshPhone(), reason: "" } }), "reason"],
    [backend.post(hooks, { data: { url, types: "" } }), "types"],
    [backend.post(`${hook}/replay`, { data: { type: "account.created", state: "" } }), "state"],
  ];
  for (const [answer, field] of refusals) {
    const { errors } = await problemOf(await answer, 400, "field_invalid");
    expect(Object.keys(errors)).toEqual([field]);
  }
  const cleared = await backend.patch(hook, { headers: { "if-match": "*" }, data: { description: "" } });
  expect((await cleared.json()).description).toBe("");
  await backend.delete(hook);
});

test("an address of the management API that doesn't exist is answered by a problem", async ({ newBackend }) => {
  const backend = await newBackend();
  for (const path of [`${V1}/acounts`, V1, "/api/manage/v2/accounts"]) {
    await problemOf(await backend.get(path), 404, "address_unknown");
    await problemOf(await backend.post(path, { data: {} }), 404, "address_unknown");
  }
});

test("a request for events waits for the next one, and many that wait are refused", async ({
  newBackend,
  freshPhone,
}) => {
  const backend = await newBackend();
  const end = await (await backend.get(`${V1}/events`, { params: { after: "now" } })).json();
  expect(end).toMatchObject({ events: [], isMore: false });
  const params = { after: end.next, types: "account.created", wait: 25 };
  const waiting = backend.get(`${V1}/events`, { params });
  const { id } = await makeAccount(backend, freshPhone());
  const { events, next } = await (await waiting).json();
  expect(events[0]).toMatchObject({ type: "account.created", accountId: expect.any(Number), sequence: 1 });
  // Other tests share the server.
  expect(id).toBeGreaterThan(0);

  const many = Array.from({ length: 6 }, () => backend.get(`${V1}/events`, { params: { ...params, after: next } }));
  // While five wait, the only answer is the refusal.
  await problemOf(await Promise.race(many), 429, "too_many_waiting");
  await makeAccount(backend, freshPhone());
  const statuses = (await Promise.all(many)).map((answer) => answer.status());
  expect(statuses.sort()).toEqual([...Array(5).fill(200), 429]);
  await problemOf(
    await backend.get(`${V1}/events`, { params: { after: `${Date.now()}-999999999999-0` } }),
    410,
    "cursor_expired",
  );
  for (const wrong of [{ types: "account.made" }, { wait: "26" }, { limit: "0" }, { after: "x" }]) {
    await problemOf(
      await backend.get(`${V1}/events`, { params: wrong as Record<string, string> }),
      400,
      "field_invalid",
    );
  }
});

test("requests that wait for events end when the server ends", async ({ startServer }) => {
  const server = await startServer();
  const { key } = await makeKey(server, "events:read");
  const headers = { authorization: `Bearer ${key}` };
  const asked = Array.from({ length: 6 }, () => fetch(`${server.url}${V1}/events?after=now&wait=25`, { headers }));
  // One of them is refused when the others wait in the server.
  expect((await Promise.race(asked)).status).toBe(429);
  const stopping = server.stop("SIGTERM");
  const answers = (await Promise.all(asked)).filter(({ status }) => status === 200);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(
    Array(5).fill(expect.objectContaining({ events: [] })),
  );
  expect(await stopping).toBe(0);
});

test("a key that has sent too many requests is told when to come back", async ({ startServer }) => {
  const server = await startServer({ API_REQUESTS_PER_KEY_PER_MINUTE: 2 });
  const { key } = await makeKey(server, "accounts:read");
  const get = () => fetch(`${server.url}${V1}/accounts`, { headers: { authorization: `Bearer ${key}` } });
  expect([(await get()).status, (await get()).status]).toEqual([200, 200]);
  const refused = await get();
  expect([refused.status, refused.headers.get("sarafan-error")]).toEqual([429, "budget_spent"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
});
