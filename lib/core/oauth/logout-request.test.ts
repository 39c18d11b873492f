import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { setClientDisabled } from "@/lib/core/administration/clients";
import { SESSION_TTL_MS, STATE_BYTES_MAX } from "@/lib/core/policy";
import { write } from "@/lib/db/database";
import { freshClient, freshSession, logInAt } from "@/lib/testing/oauth";
import { after, failureOf } from "@/lib/testing/people";
import { composeLogoutAnswer, provesSession, readLogoutRequest, wayBackOf } from "./logout-request";

const HOME = "https://app.example/bye";
const read = (parameters: Record<string, string>, now?: Date) =>
  readLogoutRequest(new URLSearchParams(parameters), now);
const withHome = (settings = {}) => freshClient({ postLogoutUris: [HOME, "http://127.0.0.1/bye"], ...settings });

async function requestOf(parameters: Record<string, string>, now?: Date) {
  const request = await read(parameters, now);
  if (!request.ok) throw new Error(request.failure.name);
  return request.value;
}

test("an ID token of the session proves that its application may end it, also after the token's time", async () => {
  const { client } = await withHome();
  const { session } = await freshSession();
  const { session: other } = await freshSession();
  const { idToken } = await logInAt(client, session);
  for (const now of [new Date(), after(session.createdAt, SESSION_TTL_MS)]) {
    const request = await requestOf({ id_token_hint: idToken, post_logout_redirect_uri: HOME, state: "a b&c" }, now);
    expect(provesSession(request, session)).toBe(true);
    expect(provesSession(request, other)).toBe(false);
    expect(composeLogoutAnswer(request)).toBe(`${HOME}?state=a+b%26c`);
  }
});

test("a request without an ID token proves nothing, also with a client_id or an address", async () => {
  const { client } = await withHome();
  const { session } = await freshSession();
  const { idToken } = await logInAt(client, session);
  for (const parameters of [{}, { client_id: client.id }, { client_id: client.id, post_logout_redirect_uri: HOME }]) {
    expect(provesSession(await requestOf(parameters), session)).toBe(false);
  }
  // What an address of ours carries on proves nothing either, and leads to the same place.
  const asked = await requestOf({ id_token_hint: idToken, post_logout_redirect_uri: HOME, state: "x" });
  const carried = await requestOf(wayBackOf(asked));
  expect(provesSession(carried, session)).toBe(false);
  expect(composeLogoutAnswer(carried)).toBe(composeLogoutAnswer(asked));
});

test("a token that is no ID token, or another application's, is refused", async () => {
  const { client } = await withHome();
  const { client: other } = await withHome();
  const { session } = await freshSession();
  const { idToken, accessToken } = await logInAt(client, session);
  for (const id_token_hint of ["x", accessToken, `${idToken}x`, idToken.split(".").slice(0, 2).join(".")]) {
    expect(failureOf(await read({ id_token_hint }))).toBe("id_token_hint_invalid");
  }
  expect(failureOf(await read({ id_token_hint: idToken, client_id: other.id }))).toBe("id_token_hint_invalid");
});

test("a request that makes no sense is refused by name", async () => {
  const { client } = await withHome();
  const known = { client_id: client.id, post_logout_redirect_uri: HOME };
  expect(failureOf(await read({ client_id: "unknown" }))).toBe("client_unknown");
  expect(failureOf(await read({ post_logout_redirect_uri: HOME }))).toBe("client_unknown");
  for (const uri of [`${HOME}/`, `${HOME}?x=1`, "https://app.example", "https://app.example/callback"]) {
    expect(failureOf(await read({ ...known, post_logout_redirect_uri: uri }))).toBe("post_logout_redirect_uri_unknown");
  }
  expect(failureOf(await read({ ...known, state: "x".repeat(STATE_BYTES_MAX + 1) }))).toBe("state_too_long");
  const twice = new URLSearchParams([...Object.entries(known), ["client_id", client.id]]);
  expect(failureOf(await readLogoutRequest(twice))).toBe("parameter_repeated");
});

test("a person is not sent to a disabled application, and an ID token of a disabled or removed one proves nothing", async () => {
  const { client } = await withHome();
  const { session } = await freshSession();
  const { idToken } = await logInAt(client, session);
  await setClientDisabled(COMMAND_LINE, { id: client.id, isDisabled: true });
  const request = await requestOf({ id_token_hint: idToken, post_logout_redirect_uri: HOME, state: "x" });
  expect(composeLogoutAnswer(request)).toBeNull();
  expect(provesSession(request, session)).toBe(false);

  await write(async (tx) => tx.oAuthClient.delete({ where: { id: client.id } }));
  expect(provesSession(await requestOf({ id_token_hint: idToken }), session)).toBe(false);
  expect(failureOf(await read({ id_token_hint: idToken, post_logout_redirect_uri: HOME }))).toBe("client_unknown");
});

test("for any text in a request, a person is sent to a registered address or to none", async () => {
  const { client } = await withHome();
  const near = fc.constantFrom(
    HOME,
    "http://127.0.0.1/bye",
    "https://app.example",
    "https://app.example.evil.example/bye",
  );
  const part = fc.oneof(
    fc.constantFrom(":1234", "@evil.example", "/..", "?", "#", "\\", "//", "%2e", " "),
    fc.string(),
  );
  const uri = fc.oneof(
    fc.tuple(near, part).map(([start, end]) => start + end),
    fc.webUrl(),
    fc.string(),
    near,
  );
  await fc.assert(
    fc.asyncProperty(uri, fc.option(fc.string(), { nil: undefined }), async (asked, state) => {
      const query = { client_id: client.id, post_logout_redirect_uri: asked, ...(state !== undefined && { state }) };
      const request = await read(query);
      const address = request.ok ? composeLogoutAnswer(request.value) : null;
      if (address === null) return true;
      const { origin, pathname, searchParams, hash } = new URL(address);
      const isHome = origin === "https://app.example" || /^http:\/\/127\.0\.0\.1(:\d+)?$/.test(origin);
      const names = [...searchParams.keys()];
      return isHome && pathname === "/bye" && hash === "" && names.every((name) => name === "state");
    }),
    { numRuns: 500 },
  );
});
