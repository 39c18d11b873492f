import { expect, _baseTest as test } from "playwright/test";
import { readPrimary, write } from "@/lib/db/database";
import { freshClient, freshSession } from "@/lib/testing/oauth";
import { failureOf } from "@/lib/testing/people";
import { authenticateClient, ClientSettings, findClient, listClients } from "./clients";
import { withdrawConsent } from "./consents";

const redirectUris = ["https://app.example/callback"];
const issueOf = (settings: object) =>
  ClientSettings.safeParse({ name: "Tea", redirectUris, ...settings }).error?.issues.map(({ message }) => message);

test("an application has safe settings unless the operator says otherwise", () => {
  expect(ClientSettings.parse({ name: " Tea ", redirectUris })).toEqual({
    name: "Tea",
    isPublic: false,
    redirectUris,
    postLogoutUris: [],
    backChannelLogoutUri: null,
    scopes: ["openid", "phone"],
    isFirstParty: false,
    signingAlgorithm: "RS256",
  });
});

test("what is named twice counts once", () => {
  const settings = { scopes: ["phone", "openid", "phone"], redirectUris: [...redirectUris, ...redirectUris] };
  const parsed = ClientSettings.parse({ name: "Tea", ...settings });
  expect(parsed).toMatchObject({ scopes: ["openid", "phone"], redirectUris });
});

test("a name of an application is seen, and turns nothing around it", () => {
  const hidden = [
    "\u200B",
    "\u2060",
    "\u00AD",
    "\u3164",
    "\u115F",
    "\uFFA0",
    "\u2800",
    "\uFE0F",
    "\u200D",
    "\u0301",
    "\u{E0041}",
  ];
  for (const name of [
    ...hidden,
    "\u200E\u200F",
    "\u061C",
    "Tea\u200F",
    "T\u200Bea",
    "Tea\u200D",
    "Te\u2800a",
    "Tea\uFE0F",
  ])
    expect(issueOf({ name }), encodeURIComponent(name)).toEqual(["name_invalid"]);
  // Persian and Devanagari need joiners between letters, and emoji are made with them.
  for (const name of ["می\u200Cخواهم", "क्\u200Dष", "Чай & Ко.", "👩\u200D🍳 Tea", "☕\uFE0F", "7"])
    expect(issueOf({ name }), name).toBeUndefined();
});

test("settings that make no sense are refused by name", () => {
  expect(issueOf({ name: " " })).toEqual(["name_missing"]);
  expect(issueOf({ name: "a".repeat(61) })).toEqual(["name_too_long"]);
  expect(issueOf({ redirectUris: [] })).toEqual(["redirect_uri_missing"]);
  expect(issueOf({ redirectUris: Array(21).fill(redirectUris[0]) })).toEqual(["redirect_uris_too_many"]);
  expect(issueOf({ redirectUris: ["http://app.example/"] })).toEqual(["redirect_uri_invalid"]);
  expect(issueOf({ postLogoutUris: ["https://app.example/#"] })).toEqual(["redirect_uri_invalid"]);
  for (const name of ["Te\na", "Te\0a", "Te\u202Ea", "Te\uD800a"]) expect(issueOf({ name })).toEqual(["name_invalid"]);
  for (const backChannelLogoutUri of ["com.example.app:/out", "https://10.0.0.1/", "https://app.example:22/"])
    expect(issueOf({ isPublic: true, backChannelLogoutUri })).toEqual(["back_channel_uri_refused"]);
  expect(issueOf({ scopes: ["openid", "profile"] })).toEqual(["scope_unknown"]);
  expect(issueOf({ scopes: ["phone"] })).toEqual(["scope_openid_missing"]);
  expect(issueOf({ signingAlgorithm: "none" })).toEqual(["algorithm_unknown"]);
  expect(issueOf({ redirectUris: ["com.example.app:/callback"] })).toEqual(["private_scheme_of_confidential_client"]);
  expect(issueOf({ isPublic: true, redirectUris: ["com.example.app:/callback"] })).toBeUndefined();
});

test("a confidential application is known by its secret, of which only a hash is stored", async () => {
  const { client, secret } = await freshClient();
  expect(secret).toMatch(/^sarafan_cs_[\w-]{43}$/);
  expect(client.isPublic).toBe(false);
  expect(JSON.stringify(await readPrimary.oAuthClient.findMany())).not.toContain(secret);
  expect(JSON.stringify([client, await listClients()])).not.toMatch(/secret/i);
  expect(await authenticateClient({ id: client.id, secret })).toEqual({ ok: true, value: client });
  for (const wrong of [null, "", `${secret}x`, "sarafan_cs_"])
    expect(failureOf(await authenticateClient({ id: client.id, secret: wrong })), `${wrong}`).toBe("client_invalid");
  const other = await freshClient();
  expect(failureOf(await authenticateClient({ id: client.id, secret: other.secret }))).toBe("client_invalid");
  expect(failureOf(await authenticateClient({ id: "unknown", secret }))).toBe("client_invalid");
});

test("a public application has no secret, and is refused with any", async () => {
  const { client, secret } = await freshClient({ isPublic: true });
  expect(secret).toBeNull();
  expect(await authenticateClient({ id: client.id, secret: null })).toEqual({ ok: true, value: client });
  for (const any of ["", "sarafan_cs_any"])
    expect(failureOf(await authenticateClient({ id: client.id, secret: any })), any).toBe("client_invalid");
});

test("a disabled application is found, but its secret is refused", async () => {
  const { client, secret } = await freshClient();
  const disabledAt = new Date();
  await write((tx) => tx.oAuthClient.update({ where: { id: client.id }, data: { disabledAt } }));
  expect(await findClient(client.id)).toEqual({ ...client, disabledAt });
  expect(failureOf(await authenticateClient({ id: client.id, secret }))).toBe("client_invalid");
});

test("a text that is no client_id is no application, also one that a database can't hold", async () => {
  const { client, secret } = await freshClient();
  const { userId } = await freshSession();
  for (const id of ["", "\0", `${client.id}\0`, client.id.toUpperCase(), "x".repeat(10_000)]) {
    expect(await findClient(id)).toBeNull();
    expect(failureOf(await authenticateClient({ id, secret }))).toBe("client_invalid");
    expect(await withdrawConsent({ userId, clientId: id })).toBe(false);
  }
});
