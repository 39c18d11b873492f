import { expect, _baseTest as test } from "playwright/test";
import { authenticateClient, ClientSettings, findClient } from "@/lib/core/oauth/clients";
import { listPublicKeys } from "@/lib/core/oauth/signing-keys";
import { RECENT_LOGIN_MS } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, failureOf } from "@/lib/testing/people";
import { COMMAND_LINE } from "./actor";
import { changeClient, makeClient, renewClientSecret, setClientDisabled } from "./clients";

const settingsOf = (changed: object = {}) =>
  ClientSettings.parse({ name: "Tea", redirectUris: ["https://app.example/callback"], ...changed });

async function make(changed: object = {}) {
  const made = await makeClient(COMMAND_LINE, { settings: settingsOf(changed) });
  if (!made.ok) throw new Error("no client");
  return made.value;
}

/** Returns the audit events of an application, the oldest first. */
async function eventsOf(client: string) {
  const rows = await readPrimary.auditEvent.findMany({
    where: { details: { contains: client } },
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
    expect(failureOf(await setClientDisabled(COMMAND_LINE, { id, isDisabled }))).toBe("none");
    expect(failureOf(await setClientDisabled(COMMAND_LINE, { id, isDisabled }))).toBe("client_unknown");
    expect((await authenticateClient({ id, secret })).ok).toBe(!isDisabled);
  }
  const renewed = await renewClientSecret(COMMAND_LINE, { id });
  if (!renewed.ok) throw new Error("no secret");
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
  expect(failureOf(await renewClientSecret(COMMAND_LINE, { id }))).toBe("client_unknown");
  expect(failureOf(await changeClient(COMMAND_LINE, { id, settings: settingsOf() }))).toBe("client_kind_fixed");
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
  }
  expect(failureOf(await makeClient(administrator, { settings }, late))).toBe("login_too_old");
  expect(await eventsOf(id)).toHaveLength(1);
});
