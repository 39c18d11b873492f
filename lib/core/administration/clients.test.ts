import { expect, _baseTest as test } from "playwright/test";
import { findGrant, issueAuthorizationCode, redeemAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import {
  authenticateClient,
  ClientSettings,
  drawClientId,
  findClient,
  type OAuthClient,
  versionOfClient,
} from "@/lib/core/oauth/clients";
import { listPublicKeys } from "@/lib/core/oauth/signing-keys";
import { RECENT_LOGIN_MS } from "@/lib/core/policy";
import type { Result } from "@/lib/core/result";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { after, failureOf } from "@/lib/testing/people";
import { type ApiKeyActor, COMMAND_LINE } from "./actor";
import { changeClient, makeClient, removeClient, renewClientSecret, setClientDisabled } from "./clients";

const settingsOf = (changed: object = {}) =>
  ClientSettings.parse({ name: "Tea", redirectUris: ["https://app.example/callback"], ...changed });

function okOf<Value, Failure extends { name: string }>(result: Result<Value, Failure>) {
  if (!result.ok) throw new Error(`failed: ${JSON.stringify(result.failure)}`);
  return result;
}

async function make(changed: object = {}) {
  return okOf(await makeClient(COMMAND_LINE, { settings: settingsOf(changed) })).value;
}

async function freshKey(scopes: string): Promise<ApiKeyActor> {
  const data = { name: "a test", keyHash: crypto.randomUUID(), hint: "sk_", scopes, madeAt: new Date() };
  const { id: keyId } = await write((tx) => tx.apiKey.create({ data }));
  return { kind: "api_key", keyId };
}

/** Returns the audit events of an application, the oldest first. */
async function eventsOf(client: string) {
  const rows = await readPrimary.auditEvent.findMany({
    where: { details: { contains: client }, action: { startsWith: "client_" } },
    orderBy: { id: "asc" },
  });
  return rows.map(({ action, actorKind, details }) => ({ action, actorKind, ...JSON.parse(details) }));
}

test("an application is made, changed, disabled and enabled, each with one event that has no secret", async () => {
  const { administrator } = await freshAdministrator();
  const { id, secret } = await make();
  const settings = settingsOf({ name: "Coffee", scopes: ["openid"] });
  expect(failureOf(await changeClient(administrator, { id, settings, reason: "renamed" }))).toBe("none");
  expect(failureOf(await changeClient(administrator, { id, settings, reason: "the same" }))).toBe("none");
  expect(await findClient(id)).toMatchObject({ name: "Coffee", scopes: ["openid"], isPublic: false });
  for (const isDisabled of [true, false]) {
    for (const _ of ["changes it", "changes nothing"]) {
      const { value } = okOf(await setClientDisabled(COMMAND_LINE, { id, isDisabled }));
      expect(value.disabledAt === null).toBe(!isDisabled);
    }
    expect((await authenticateClient({ id, secret })).ok).toBe(!isDisabled);
  }
  const renewed = okOf(await renewClientSecret(COMMAND_LINE, { id }));
  expect(failureOf(await authenticateClient({ id, secret }))).toBe("client_invalid");
  expect(failureOf(await authenticateClient({ id, secret: renewed.value.secret }))).toBe("none");
  const client = { client: id, actorKind: "command_line" };
  expect(await eventsOf(id)).toEqual([
    { ...client, action: "client_made", scopes: ["openid", "phone"] },
    { ...client, action: "client_changed", actorKind: "administrator", fields: ["name", "scopes"], reason: "renamed" },
    { ...client, action: "client_disabled" },
    { ...client, action: "client_enabled" },
    { ...client, action: "client_secret_renewed" },
  ]);
});

test("the key that signs for an application is published when the application is made", async () => {
  await make({ signingAlgorithm: "ES256" });
  expect((await listPublicKeys()).keys.map(({ alg }) => alg)).toContain("ES256");
});

test("a public application has no secret to renew, and stays public", async () => {
  const { id } = await make({ isPublic: true });
  expect(failureOf(await renewClientSecret(COMMAND_LINE, { id }))).toBe("client_public");
  expect(failureOf(await changeClient(COMMAND_LINE, { id, settings: settingsOf() }))).toBe("client_kind_fixed");
});

test("an application that was changed since it was read stays as it is", async () => {
  const { id } = await make();
  const client = await findClient(id);
  if (!client) throw new Error("no client");
  const versions = [versionOfClient(client)];
  const settings = settingsOf({ isFirstParty: true });
  expect(failureOf(await changeClient(COMMAND_LINE, { id, settings, versions }))).toBe("none");
  const changed = await findClient(id);
  expect(failureOf(await changeClient(COMMAND_LINE, { id, settings: settingsOf(), versions }))).toBe("version_changed");
  expect(failureOf(await setClientDisabled(COMMAND_LINE, { id, isDisabled: true, versions }))).toBe("version_changed");
  expect(failureOf(await removeClient(COMMAND_LINE, { id, versions }))).toBe("version_changed");
  expect(await findClient(id)).toEqual(changed);
  expect(failureOf(await changeClient(COMMAND_LINE, { id, settings: settingsOf() }))).toBe("none");
  expect(versionOfClient((await findClient(id)) as OAuthClient), "the same settings again").toBe(versions[0]);
});

test("an application is removed with its codes, tokens and consents, and others keep theirs", async () => {
  const [{ client }, other] = [await freshClient(), await freshClient()];
  const { session, userId } = await freshSession();
  const logIn = async (to: OAuthClient) => {
    const { request, verifier } = freshRequest(to);
    const code = okOf(await issueAuthorizationCode(request, session, { isAllowed: true })).value;
    const redeemed = { code, client: to, redirectUri: request.redirectUri, verifier };
    await issueAuthorizationCode(request, session, { isAllowed: true });
    return okOf(await redeemAuthorizationCode(redeemed)).value.id;
  };
  const [grant, kept] = [await logIn(client), await logIn(other.client)];
  expect(failureOf(await removeClient(COMMAND_LINE, { id: client.id, reason: "closed" }))).toBe("none");
  expect(await findClient(client.id)).toBeNull();
  expect(await findGrant(grant)).toBeNull();
  const where = { clientId: client.id };
  expect(await readPrimary.oAuthConsent.findMany({ where })).toEqual([]);
  expect(await readPrimary.authorizationCode.findMany({ where })).toEqual([]);
  expect(await findGrant(kept)).toMatchObject({ clientId: other.client.id, userId });
  const event = { client: client.id, actorKind: "command_line", reason: "closed" };
  expect(await eventsOf(client.id)).toEqual([
    { ...event, action: "client_disabled" },
    { ...event, action: "client_removed", clientName: "Tea" },
  ]);
  expect(failureOf(await removeClient(COMMAND_LINE, { id: client.id }))).toBe("client_unknown");
});

test("removals, code exchanges and changes at the same time leave no application half removed", async () => {
  const { client } = await freshClient();
  const people = await Promise.all(Array.from({ length: 6 }, () => freshSession()));
  const exchanges = await Promise.all(
    people.map(async ({ session }) => {
      const { request, verifier } = freshRequest(client);
      const code = okOf(await issueAuthorizationCode(request, session, { isAllowed: true })).value;
      return { code, client, redirectUri: request.redirectUri, verifier };
    }),
  );
  const removals = [1, 2].map(() => removeClient(COMMAND_LINE, { id: client.id }));
  const [removed] = await Promise.all([
    Promise.all(removals),
    Promise.all(exchanges.map((exchange) => redeemAuthorizationCode(exchange))),
    changeClient(COMMAND_LINE, { id: client.id, settings: settingsOf({ name: "Coffee" }) }),
  ]);
  expect(removed.map(failureOf).sort()).toEqual(["client_unknown", "none"]);
  expect(await findClient(client.id)).toBeNull();
  expect(await readPrimary.oAuthGrant.findMany({ where: { clientId: client.id } })).toEqual([]);
});

test("an application that moves here keeps its id, and no two have the same one", async () => {
  const id = drawClientId();
  const settings = settingsOf();
  const made = await Promise.all([1, 2].map(() => makeClient(COMMAND_LINE, { id, settings })));
  expect(made.map(failureOf).sort()).toEqual(["client_known", "none"]);
  expect(await eventsOf(id)).toHaveLength(1);
});

test("a key without phones:read gets no application that may learn phones, and can stop each", async () => {
  const blind = await freshKey("clients:write");
  const seeing = await freshKey("clients:write phones:read");
  const { id } = await make();
  const settings = settingsOf();
  const missing = "phones_scope_missing";
  expect(failureOf(await makeClient(blind, { settings }))).toBe(missing);
  expect(failureOf(await makeClient(blind, { settings: settingsOf({ scopes: ["openid", "email"] }) }))).toBe(missing);
  const elsewhere = settingsOf({ redirectUris: ["https://elsewhere.example/"] });
  expect(failureOf(await changeClient(blind, { id, settings: elsewhere }))).toBe(missing);
  expect(failureOf(await renewClientSecret(blind, { id }))).toBe(missing);
  expect(failureOf(await setClientDisabled(blind, { id, isDisabled: true }))).toBe("none");
  expect(failureOf(await setClientDisabled(blind, { id, isDisabled: false }))).toBe(missing);
  for (const settings of [elsewhere, settingsOf({ scopes: ["openid", "phone", "email"] })])
    expect(failureOf(await changeClient(seeing, { id, settings }))).toBe("none");
  expect(failureOf(await renewClientSecret(seeing, { id }))).toBe("none");
  const without = settingsOf({ scopes: ["openid", "referral"] });
  expect(failureOf(await changeClient(blind, { id, settings: without }))).toBe("none");
  expect(failureOf(await setClientDisabled(blind, { id, isDisabled: false }))).toBe("none");
  expect(failureOf(await changeClient(blind, { id, settings }))).toBe(missing);
  expect(failureOf(await removeClient(blind, { id }))).toBe("none");
  expect(failureOf(await makeClient(blind, { settings: without }))).toBe("none");
});

test("an unknown application can't be changed, and an administrator needs a recent login", async () => {
  const { administrator } = await freshAdministrator();
  const late = after(administrator.verifiedAt, RECENT_LOGIN_MS);
  const { id } = await make();
  const settings = settingsOf();
  for (const [actor, now, of, name] of [
    [COMMAND_LINE, new Date(), "unknown", "client_unknown"],
    [administrator, late, id, "login_too_old"],
  ] as const) {
    expect(failureOf(await changeClient(actor, { id: of, settings }, now))).toBe(name);
    expect(failureOf(await setClientDisabled(actor, { id: of, isDisabled: true }, now))).toBe(name);
    expect(failureOf(await renewClientSecret(actor, { id: of }, now))).toBe(name);
    expect(failureOf(await removeClient(actor, { id: of }, now))).toBe(name);
  }
  expect(failureOf(await makeClient(administrator, { settings }, late))).toBe("login_too_old");
  expect(await eventsOf(id)).toHaveLength(1);
});
