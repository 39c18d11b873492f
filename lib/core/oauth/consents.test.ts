import { expect, _baseTest as test } from "playwright/test";
import { exportAccount } from "@/lib/core/accounts/export";
import { listEvents } from "@/lib/core/accounts/history";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { readPrimary } from "@/lib/db/database";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { after, failureOf } from "@/lib/testing/people";
import { findGrant, issueAuthorizationCode, needsConsent, redeemAuthorizationCode } from "./authorization-codes";
import type { OAuthClient } from "./clients";
import { listConsents, withdrawConsent } from "./consents";
import type { Scope } from "./scopes";

/** Logs the person in at the application, after they have allowed the scopes. Returns the grant's id and a further code. */
async function logInAt(client: OAuthClient, session: Session, scopes: Scope[] = ["openid", "phone"]) {
  const { request, verifier } = freshRequest(client, { scopes });
  const codeOf = async (isAllowed: boolean) => {
    const issued = await issueAuthorizationCode(request, session, { isAllowed });
    if (!issued.ok) throw new Error(issued.failure.name);
    return { code: issued.value, client, redirectUri: request.redirectUri, verifier };
  };
  const redeemed = await redeemAuthorizationCode(await codeOf(true));
  if (!redeemed.ok) throw new Error(redeemed.failure.name);
  return { grantId: redeemed.value.id, request, unredeemed: await codeOf(false) };
}

test("a person sees what each application may learn and when they allowed it, the last one first", async () => {
  const { userId, session } = await freshSession();
  const { client: tea } = await freshClient({ name: "Tea", scopes: ["openid", "phone", "referral"] });
  const { client: cake } = await freshClient({ name: "Cake" });
  const before = new Date();
  await logInAt(tea, session, ["openid", "referral"]);
  await logInAt(cake, session);
  expect(await listConsents(userId)).toEqual([
    {
      clientId: cake.id,
      name: "Cake",
      scopes: ["openid", "phone"],
      givenAt: expect.any(Date),
      loggedInAt: expect.any(Date),
    },
    {
      clientId: tea.id,
      name: "Tea",
      scopes: ["openid", "referral"],
      givenAt: expect.any(Date),
      loggedInAt: expect.any(Date),
    },
  ]);
  for (const { givenAt, loggedInAt } of await listConsents(userId)) {
    expect(givenAt.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(loggedInAt?.getTime()).toBeGreaterThanOrEqual(givenAt.getTime());
  }
  await endSession(session.id);
  expect((await listConsents(userId)).map(({ loggedInAt }) => loggedInAt)).toEqual([null, null]);
  const { userId: stranger } = await freshSession();
  expect(await listConsents(stranger)).toEqual([]);
});

test("a first-party application, which asks for no consent, is not listed and can't be withdrawn", async () => {
  const { userId, session } = await freshSession();
  const { client } = await freshClient({ isFirstParty: true });
  const { request, verifier } = freshRequest(client);
  const issued = await issueAuthorizationCode(request, session, { isAllowed: false });
  const code = issued.ok ? issued.value : "";
  const redeemed = await redeemAuthorizationCode({ code, client, redirectUri: request.redirectUri, verifier });
  expect(await listConsents(userId)).toEqual([]);
  expect(await withdrawConsent({ userId, clientId: client.id })).toBe(false);
  expect(await findGrant(redeemed.ok ? redeemed.value.id : "")).not.toBeNull();
});

test("a withdrawn consent ends the application's tokens and codes at once, and is asked for again at the next login", async () => {
  const { userId, session } = await freshSession();
  const [{ client }, { client: other }] = await Promise.all([freshClient(), freshClient()]);
  const { grantId, request, unredeemed } = await logInAt(client, session);
  const kept = await logInAt(other, session);
  expect(await needsConsent(request, userId)).toBe(false);

  expect(await withdrawConsent({ userId, clientId: client.id })).toBe(true);
  expect(await findGrant(grantId)).toBeNull();
  expect(failureOf(await redeemAuthorizationCode(unredeemed))).toBe("code_invalid");
  expect(await needsConsent(request, userId)).toBe(true);
  expect((await listConsents(userId)).map(({ clientId }) => clientId)).toEqual([other.id]);
  // The other application's tokens, and the session here, go on.
  expect(await findGrant(kept.grantId)).not.toBeNull();
  expect(await readPrimary.session.findUnique({ where: { id: session.id } })).not.toBeNull();

  expect(await withdrawConsent({ userId, clientId: client.id })).toBe(false);
  expect(await withdrawConsent({ userId, clientId: "unknown" })).toBe(false);
  const again = await logInAt(client, session);
  expect(await findGrant(again.grantId)).toMatchObject({ isFirst: true });
});

test("a person can't withdraw the consent of another person", async () => {
  const { session } = await freshSession();
  const { userId: stranger } = await freshSession();
  const { client } = await freshClient();
  const { grantId } = await logInAt(client, session);
  expect(await withdrawConsent({ userId: stranger, clientId: client.id })).toBe(false);
  expect(await findGrant(grantId)).not.toBeNull();
});

test("of parallel withdrawals and exchanges of a code, no token outlives the withdrawal", async () => {
  const { userId, session } = await freshSession();
  const { client } = await freshClient();
  const { unredeemed } = await logInAt(client, session);
  const withdraw = () => withdrawConsent({ userId, clientId: client.id });
  const [redeemed, ...withdrawn] = await Promise.all([redeemAuthorizationCode(unredeemed), withdraw(), withdraw()]);
  expect(withdrawn.filter(Boolean)).toHaveLength(1);
  if (redeemed.ok) expect(await findGrant(redeemed.value.id)).toBeNull();
});

test("the history and the export tell which application a person allowed what, also after the application is gone", async () => {
  const { userId, session } = await freshSession();
  const { client } = await freshClient({ name: "Tea" });
  await logInAt(client, session);
  const exported = async () => {
    const file = await exportAccount(userId);
    if (!file.ok) throw new Error(file.failure.name);
    let text = "";
    for await (const piece of file.value) text += piece;
    return JSON.parse(text);
  };
  const data = await exported();
  expect(data.consents).toEqual([
    {
      application: "Tea",
      scopes: ["openid", "phone"],
      givenAt: expect.any(String),
      firstLoginAt: null,
      subject: expect.stringMatching(/^[\w-]{43}$/),
    },
  ]);
  expect(data.applicationLogins).toEqual([
    { application: "Tea", scopes: ["openid", "phone"], createdAt: expect.any(String), refreshedAt: null },
  ]);
  await withdrawConsent({ userId, clientId: client.id });
  const [withdrawn, , given] = (await listEvents(userId)).events;
  expect(given).toMatchObject({
    action: "consent_given",
    details: { clientName: "Tea", client: client.id, scopes: ["openid", "phone"] },
  });
  expect(withdrawn).toMatchObject({ action: "consent_withdrawn", details: { clientName: "Tea" } });
  expect((await exported()).consents).toMatchObject([{ application: "Tea", scopes: [] }]);
});

test("a consent that was given to an expired session is listed without a login", async () => {
  const { userId, session } = await freshSession();
  const { client } = await freshClient();
  await logInAt(client, session);
  expect(await listConsents(userId, after(session.expiresAt, 1))).toMatchObject([{ loggedInAt: null }]);
});
