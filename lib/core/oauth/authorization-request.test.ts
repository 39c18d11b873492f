import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { freshClient } from "@/lib/testing/oauth";
import { composeCodeAnswer, composeRefusal, readAuthorizationRequest } from "./authorization-request";

const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK = "https://app.example/callback?tenant=7";

const setUp = async () => {
  const { client } = await freshClient({
    redirectUris: [CALLBACK, "http://127.0.0.1/callback"],
    scopes: ["openid", "phone", "referral"],
  });
  const valid = {
    client_id: client.id,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "openid phone",
    state: "s t&a=te",
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
  };
  /** Reads the valid request with these parameters in place of its own; null leaves one out, a list repeats it. */
  const read = (changed: Record<string, string | string[] | null> = {}) => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...valid, ...changed }))
      for (const one of value === null ? [] : [value].flat()) query.append(name, one);
    return readAuthorizationRequest(query);
  };
  return { client, read };
};

test("a request is read with all that it asks for", async () => {
  const { client, read } = await setUp();
  const asked = await read({
    response_mode: "query",
    nonce: "n",
    prompt: "consent login",
    max_age: "3600",
    login_hint: "+7 945 000-00-01",
    ui_locales: "fr-CA ru ../en",
    id_token_hint: "a.b.c",
    invite: "not a code",
    claims: "{}",
    display: "touch",
    acr_values: "1",
    resource: "https://api.example",
  });
  expect(asked).toEqual({
    ok: true,
    value: {
      client,
      redirectUri: CALLBACK,
      scopes: ["openid", "phone"],
      state: "s t&a=te",
      nonce: "n",
      codeChallenge: CHALLENGE,
      prompts: ["login", "consent"],
      maxAgeS: 3600,
      loginHint: "+79450000001",
      language: "ru",
      idTokenHint: "a.b.c",
      invite: null,
    },
  });
  const least = await read({ scope: "profile openid  unknown", state: "", prompt: "" });
  expect(least).toMatchObject({
    ok: true,
    value: {
      scopes: ["openid"],
      state: null,
      nonce: null,
      prompts: [],
      maxAgeS: null,
      loginHint: null,
      language: null,
    },
  });
});

test("an invite code is read from a code or from an invitation's link", async () => {
  const { read } = await setUp();
  for (const invite of ["7k3m9p", `${env.APP_URL}/i/7K3M9P`])
    expect(await read({ invite })).toMatchObject({ value: { invite: "7K3M9P" } });
});

test("without a known application and one of its addresses, the person is not sent anywhere", async () => {
  const { client, read } = await setUp();
  // Another error beside it does not lead to a redirect either.
  for (const [changed, reason] of [
    [{ client_id: null }, "client_id_missing"],
    [{ client_id: "" }, "client_id_missing"],
    [{ client_id: "unknown" }, "client_unknown"],
    [{ client_id: [client.id, client.id] }, "client_id_repeated"],
    [{ redirect_uri: null }, "redirect_uri_missing"],
    [{ redirect_uri: "https://stranger.example/" }, "redirect_uri_unknown"],
    [{ redirect_uri: `${CALLBACK}&more=1` }, "redirect_uri_unknown"],
    [{ redirect_uri: [CALLBACK, "https://stranger.example/"] }, "redirect_uri_repeated"],
  ] as const)
    for (const also of [{}, { response_type: "token" }])
      expect(await read({ ...changed, ...also } as never), reason).toEqual({
        ok: false,
        failure: { name: "untrusted", reason },
      });
  await write((tx) => tx.oAuthClient.update({ where: { id: client.id }, data: { disabledAt: new Date() } }));
  expect(await read()).toEqual({ ok: false, failure: { name: "untrusted", reason: "client_disabled" } });
});

test("all other errors are told to the application, with its state and the name of this server", async () => {
  const { read } = await setUp();
  const refusals = [
    [{ response_type: null }, "invalid_request"],
    [{ response_type: "token" }, "unsupported_response_type"],
    [{ response_type: "code id_token" }, "unsupported_response_type"],
    [{ response_type: "none" }, "unsupported_response_type"],
    [{ response_type: ["code", "code"] }, "invalid_request"],
    [{ response_mode: "fragment" }, "unsupported_response_mode"],
    [{ response_mode: "form_post" }, "unsupported_response_mode"],
    [{ scope: null }, "invalid_scope"],
    [{ scope: "phone" }, "invalid_scope"],
    [{ scope: "openid email" }, "invalid_scope"],
    [{ scope: ["openid", "phone"] }, "invalid_request"],
    [{ code_challenge: null }, "invalid_request"],
    [{ code_challenge: "short" }, "invalid_request"],
    [{ code_challenge: `${CHALLENGE}A` }, "invalid_request"],
    [{ code_challenge: `${CHALLENGE.slice(1)}+` }, "invalid_request"],
    [{ code_challenge_method: null }, "invalid_request"],
    [{ code_challenge_method: "plain" }, "invalid_request"],
    [{ nonce: "n".repeat(256) }, "invalid_request"],
    [{ nonce: "n\0" }, "invalid_request"],
    [{ prompt: "none login" }, "invalid_request"],
    [{ prompt: "select_account" }, "invalid_request"],
    [{ max_age: "-1" }, "invalid_request"],
    [{ max_age: "1.5" }, "invalid_request"],
    [{ max_age: "soon" }, "invalid_request"],
    [{ request: "e30." }, "request_not_supported"],
    [{ request_uri: "https://app.example/request" }, "request_uri_not_supported"],
    [{ registration: "{}" }, "registration_not_supported"],
    [{ invite: ["7K3M9P", "7K3M9P"] }, "invalid_request"],
  ] as const;
  for (const [changed, error] of refusals) {
    const asked = await read(changed as never);
    const title = JSON.stringify(changed);
    if (asked.ok || asked.failure.name !== "refused") throw new Error(`${title} is not refused`);
    const answer = new URL(composeRefusal(asked.failure));
    expect(`${answer.origin}${answer.pathname}`).toBe("https://app.example/callback");
    expect(Object.fromEntries(answer.searchParams), title).toEqual({
      tenant: "7",
      error,
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/),
      state: "s t&a=te",
      iss: env.APP_URL,
    });
  }
});

test("a state that is repeated or too long is not returned", async () => {
  const { read } = await setUp();
  for (const state of [["one", "two"], "s".repeat(1025)])
    expect(await read({ state })).toMatchObject({ failure: { error: "invalid_request", state: null } });
  expect(await read({ state: "s".repeat(1024) })).toMatchObject({ ok: true });
});

test("a loopback application is answered at the port that it asked for", async () => {
  const { read } = await setUp();
  const asked = await read({ redirect_uri: "http://127.0.0.1:49152/callback" });
  if (!asked.ok) throw new Error(asked.failure.name);
  const answer = new URL(composeCodeAnswer(asked.value, "the code"));
  expect(answer.origin).toBe("http://127.0.0.1:49152");
  expect(Object.fromEntries(answer.searchParams)).toEqual({ code: "the code", state: "s t&a=te", iss: env.APP_URL });
});

test("for any text in a request, an answer goes to a registered address or to none", async () => {
  const { read } = await setUp();
  const names = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "prompt",
    "max_age",
    "request",
  ];
  const text = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.constantFrom("code", "openid", "none", CALLBACK, "https://stranger.example/"),
  );
  const changes = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.array(text, { maxLength: 2 })), {
    maxKeys: 3,
  });
  await fc.assert(
    fc.asyncProperty(changes, async (changed) => {
      // The result instead of an assertion, which takes milliseconds each time.
      const asked = await read(changed);
      if (asked.ok) return asked.value.redirectUri === CALLBACK;
      if (asked.failure.name !== "refused") return true;
      const { origin, pathname, searchParams } = new URL(composeRefusal(asked.failure));
      const [issuer, ...further] = searchParams.getAll("iss");
      return (
        origin + pathname === "https://app.example/callback" &&
        searchParams.getAll("error").length === 1 &&
        issuer === env.APP_URL &&
        further.length === 0
      );
    }),
    { numRuns: 200 },
  );
});
