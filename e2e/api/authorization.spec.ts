import { type Application, startApplication } from "../applications";
import { expect, test } from "../fixtures";

let application: Application | undefined;

test.afterAll(() => application?.stop());

const errorOf = (location: string | undefined) => new URL(location ?? "").searchParams.get("error");

test("a request that can't be trusted gets status 400 and no redirect, and another wrong one is told to the application", async ({
  server,
  newClient,
}) => {
  application ??= await startApplication(server, "Tea house");
  const { begin, redirectUri } = application;
  const client = await newClient();
  for (const [wrong, reason] of [
    [{ client_id: null }, "client_id_missing"],
    [{ client_id: "0" }, "client_unknown"],
    [{ redirect_uri: null }, "redirect_uri_missing"],
    [{ redirect_uri: "https://evil.example" }, "redirect_uri_unknown"],
    [{ redirect_uri: `${redirectUri}/../evil` }, "redirect_uri_unknown"],
  ] as const) {
    const response = await client.get(begin(wrong).address);
    expect([response.status(), response.headers()["sarafan-error"]], reason).toEqual([400, reason]);
    expect(response.headers().location).toBeUndefined();
    expect(await response.text()).not.toContain("evil");
  }
  for (const [wrong, error] of [
    [{ response_type: "token" }, "unsupported_response_type"],
    [{ code_challenge: null }, "invalid_request"],
    [{ scope: "openid email" }, "invalid_scope"],
    [{ prompt: "none" }, "login_required"],
    [{ id_token_hint: "a.b.c" }, "invalid_request"],
  ] as const) {
    const response = await client.get(begin({ ...wrong, state: "kept" }).address);
    const { location } = response.headers();
    expect([response.status(), errorOf(location)], JSON.stringify(wrong)).toEqual([303, error]);
    expect(location?.startsWith(`${redirectUri}?`)).toBe(true);
    expect(new URL(location ?? "").searchParams.get("state")).toBe("kept");
    expect(new URL(location ?? "").searchParams.get("iss")).toBe(server.url);
    expect(response.headers()["cache-control"]).toBe("no-store");
  }
});

test("the phone of login_hint and the state leave the address, and the log has neither", async ({
  server,
  newClient,
  phone,
}) => {
  application ??= await startApplication(server, "Tea house");
  const client = await newClient();
  const response = await client.get(application.begin({ login_hint: phone, state: "secretstate" }).address);
  expect(response.status()).toBe(303);
  const { location = "" } = response.headers();
  expect(location).toMatch(/^\/login\?next=%2Foauth%2Fcontinue%2F[\w-]{22}$/);
  const cookie = response.headers()["set-cookie"] ?? "";
  expect(cookie).toMatch(/sarafan-authorize-[\w-]{22}=\S+; Path=\/;.*HttpOnly; SameSite=lax/i);
  expect(cookie).not.toContain("secretstate");
  await expect.poll(server.output).toContain('"route":"/oauth/authorize"');
  expect(server.output()).not.toContain("secretstate");
  expect(server.output()).not.toContain(phone.slice(1));
});

test("a login begins by a navigation with GET only", async ({ server, newClient }) => {
  application ??= await startApplication(server, "Tea house");
  const { address } = application.begin();
  const client = await newClient();
  const posted = await client.post(address, { form: {} });
  expect([posted.status(), posted.headers().allow]).toEqual([405, "GET, HEAD, OPTIONS"]);
  for (const destination of ["image", "iframe", "empty"]) {
    const headers = { "Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "cross-site" };
    const loaded = await client.get(address, { headers });
    expect([loaded.status(), loaded.headers()["sarafan-error"]], destination).toEqual([403, "origin_foreign"]);
  }
});

test("a step whose cookie the browser doesn't have leads to a page of ours", async ({ newClient, server }) => {
  application ??= await startApplication(server, "Tea house");
  const [client, stranger] = [await newClient(), await newClient()];
  const begun = await client.get(application.begin().address);
  const next = new URL(begun.headers().location ?? "", server.url).searchParams.get("next") ?? "";
  expect((await client.get(next)).headers().location).toBe(`/login?next=${encodeURIComponent(next)}`);
  for (const path of [next, "/oauth/continue/x", `/oauth/continue/${"A".repeat(22)}`]) {
    const response = await stranger.get(path);
    expect([response.status(), response.headers().location], path).toEqual([303, "/oauth/refused?reason=expired"]);
  }
  for (const path of ["consent", "return"]) {
    const response = await stranger.get(next.replace("continue", path));
    expect(response.headers().location, path).toBe("/oauth/refused?reason=expired");
  }
  expect((await stranger.get("/oauth/refused?reason=expired")).status()).toBe(400);
});

test("Next.js's own loading of the step after a login changes nothing", async ({ newClient, server }) => {
  application ??= await startApplication(server, "Tea house");
  const client = await newClient();
  const begun = await client.get(application.begin().address);
  const next = new URL(begun.headers().location ?? "", server.url).searchParams.get("next") ?? "";
  // Without the header RSC, with which Next.js would first want a hash in the query.
  for (const headers of [{ Accept: "text/x-component" }, { Accept: "*/*", "Sec-Fetch-Dest": "empty" }])
    expect((await client.get(next, { headers })).status()).toBe(204);
});
