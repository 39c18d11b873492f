import { expect, _baseTest as test } from "playwright/test";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { blockAccount } from "@/lib/core/administration/block";
import { removeClient, setClientDisabled } from "@/lib/core/administration/clients";
import { backgroundTasks } from "@/lib/core/background";
import {
  AUTHORIZATION_CODE_REPLAY_MS,
  AUTHORIZATION_CODE_TTL_MS,
  AUTHORIZATION_CODES_PER_USER_AND_CLIENT_PER_HOUR,
  AUTHORIZATION_CODES_PER_USER_PER_HOUR,
} from "@/lib/core/policy";
import { AUTHORIZATION_CODES_OF_USER, record } from "@/lib/core/rate-limits";
import { endOtherSessions } from "@/lib/core/sessions/session-list";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { readPrimary, transact, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { freshClient, freshRequest, freshSession, logInAt } from "@/lib/testing/oauth";
import { after, anybody, failureOf, openSession, signUp } from "@/lib/testing/people";
import { withEachWriteRunAgain } from "@/lib/testing/transactions";
import {
  findGrant,
  issueAuthorizationCode,
  needsConsent,
  type Redemption,
  redeemAuthorizationCode,
} from "./authorization-codes";
import { type OAuthClient, replaceSettings } from "./clients";
import { drawToken } from "./random-token";
import { RedirectUri } from "./redirect-uri";
import { refreshGrant, spellRefreshToken } from "./refresh-tokens";
import { issueOAuthTokens, readOAuthAccessToken } from "./tokens";

const now = new Date();

/** Issues a code to an application that needs no consent. Returns what redeems it, and the session. */
async function freshCode(session?: Session): Promise<{ redemption: Redemption; session: Session; userId: number }> {
  const { client } = await freshClient({ isFirstParty: true });
  const own = session ?? (await freshSession(now)).session;
  const { request, verifier } = freshRequest(client, { scopes: ["openid", "phone"], nonce: "n" });
  const code = await issueAuthorizationCode(request, own, { isAllowed: false, now });
  if (!code.ok) throw new Error(code.failure.name);
  const redemption = { code: code.value, client, redirectUri: request.redirectUri, verifier };
  return { redemption, session: own, userId: own.userId };
}

async function redeem(redemption: Redemption, at = now) {
  const redeemed = await redeemAuthorizationCode(redemption, at);
  if (!redeemed.ok) throw new Error(redeemed.failure.name);
  return redeemed.value;
}

test("a code gives what was asked for, of the session that it was made for, and is stored as a hash only", async () => {
  const { redemption, session, userId } = await freshCode();
  expect(redemption.code).toMatch(/^[\w-]{43}$/);
  const stored = await readPrimary.authorizationCode.findMany({ where: { userId } });
  expect(JSON.stringify(stored)).not.toContain(redemption.code);
  expect(JSON.stringify(stored)).not.toContain(redemption.verifier);
  const grant = await redeem(redemption);
  expect(grant).toEqual({
    id: expect.any(String),
    clientId: redemption.client.id,
    userId,
    sessionId: session.id,
    firstSessionId: session.id,
    scopes: ["openid", "phone"],
    nonce: "n",
    isFirst: true,
    firstLoginAt: null,
    generation: null,
    refreshedAt: null,
    isGenerationUsed: false,
    loggedInAt: session.createdAt,
    provenPhone: session.provenPhone,
    endsAt: session.expiresAt,
  });
  expect(await findGrant(grant.id, now)).toEqual(grant);
});

test("of 24 parallel exchanges one gets the grant, and keeps it", async () => {
  const { redemption } = await freshCode();
  const all = await Promise.all(Array.from({ length: 24 }, () => redeemAuthorizationCode(redemption, now)));
  const given = all.filter((one) => one.ok);
  expect(given).toHaveLength(1);
  expect(all.map(failureOf).filter((name) => name === "code_invalid")).toHaveLength(23);
  expect(await findGrant(given[0]?.value.id as string, now)).not.toBeNull();
});

test("an exchange whose transaction runs again gives one grant", async () => {
  const { redemption, userId } = await freshCode();
  const grant = await withEachWriteRunAgain(() => redeem(redemption));
  expect(grant.isFirst).toBe(true);
  expect(await readPrimary.oAuthGrant.findMany({ where: { userId } })).toHaveLength(1);
});

test("a code works for 60 seconds", async () => {
  const [late, timely] = [await freshCode(), await freshCode()];
  const lateCode = await redeemAuthorizationCode(late.redemption, after(now, AUTHORIZATION_CODE_TTL_MS));
  expect(failureOf(lateCode)).toBe("code_invalid");
  await redeem(timely.redemption, after(now, AUTHORIZATION_CODE_TTL_MS - 1));
});

/** What a thief of a code may present in place of the rightful application's verifier, address and client. */
const stolen = async (redemption: Redemption): Promise<Redemption[]> => [
  { ...redemption, verifier: drawToken() },
  { ...redemption, verifier: "" },
  { ...redemption, verifier: `${redemption.verifier}\n` },
  { ...redemption, redirectUri: "https://app.example/" },
  { ...redemption, client: (await freshClient()).client },
];

test("another verifier, address or application gets nothing, and the rightful application still gets the grant", async () => {
  const { redemption } = await freshCode();
  for (const wrong of await stolen(redemption))
    expect(failureOf(await redeemAuthorizationCode(wrong, now))).toBe("code_invalid");
  expect(failureOf(await redeemAuthorizationCode({ ...redemption, code: drawToken() }, now))).toBe("code_invalid");
  await redeem(redemption);
});

test("a second exchange by the rightful application within 10 seconds ends nothing, and later it ends the tokens", async () => {
  const { redemption } = await freshCode();
  const grant = await redeem(redemption);
  const early = await redeemAuthorizationCode(redemption, after(now, AUTHORIZATION_CODE_REPLAY_MS - 1));
  expect(failureOf(early)).toBe("code_invalid");
  expect(await findGrant(grant.id, now)).not.toBeNull();
  const late = await redeemAuthorizationCode(redemption, after(now, AUTHORIZATION_CODE_REPLAY_MS));
  expect(failureOf(late)).toBe("code_replayed");
  expect(await findGrant(grant.id, now)).toBeNull();
});

test("a stolen code that was exchanged already ends the tokens, soon after the exchange and after the code's time", async () => {
  for (const at of [now, after(now, AUTHORIZATION_CODE_TTL_MS + 1)])
    for (const which of [0, 1, 2, 3, 4]) {
      const { redemption } = await freshCode();
      const grant = await redeem(redemption);
      const wrong = (await stolen(redemption))[which] as Redemption;
      expect(failureOf(await redeemAuthorizationCode(wrong, at))).toBe("code_replayed");
      expect(await findGrant(grant.id, now)).toBeNull();
      await redeemAuthorizationCode(wrong, at);
      const where = { subjectId: grant.userId, action: "application_token_reused" };
      expect(await readPrimary.auditEvent.findMany({ where }), "told once in the history").toHaveLength(1);
    }
});

test("a session that ends in any way takes its codes and grants with it, and no others", async () => {
  const { administrator } = await freshAdministrator();
  const ends: ((session: Session, userId: number) => Promise<unknown>)[] = [
    (session) => endSession(session.id),
    async (session, userId) => {
      const { provenPhone } = session;
      if (!provenPhone) throw new Error("no phone");
      await endOtherSessions(await openSession({ userId, proven: { kind: "phone", address: provenPhone } }, anybody()));
    },
    (_, userId) => blockAccount(administrator, { userId, reason: "for a test" }),
    (session) => deleteOwnAccount(session),
  ];
  const bystander = await freshCode();
  const kept = await redeem(bystander.redemption);
  for (const end of ends) {
    const { session, userId } = await freshSession();
    const grant = await redeem((await freshCode(session)).redemption);
    const { redemption } = await freshCode(session);
    await end(session, userId);
    expect(await findGrant(grant.id)).toBeNull();
    expect(failureOf(await redeemAuthorizationCode(redemption))).toBe("code_invalid");
    expect(await readPrimary.oAuthGrant.findMany({ where: { userId } })).toEqual([]);
  }
  expect(await findGrant(kept.id)).toEqual(kept);
});

test("a code that is exchanged while its session ends leaves no grant", async () => {
  for (let times = 0; times < 10; times += 1) {
    const { redemption, session, userId } = await freshCode();
    await Promise.all([redeemAuthorizationCode(redemption, now), endSession(session.id)]);
    expect(await readPrimary.oAuthGrant.findMany({ where: { userId } })).toEqual([]);
    const ended = await issueAuthorizationCode(freshRequest((await freshClient()).client).request, session, {
      isAllowed: true,
    });
    expect(failureOf(ended)).toBe("session_ended");
  }
});

test("a session of another account, or one that is over, gets no code", async () => {
  const { session } = await freshSession(now);
  const { userId } = await signUp();
  const { request } = freshRequest((await freshClient({ isFirstParty: true })).client);
  const issue = (ref: { id: string; userId: number }, at: Date) =>
    issueAuthorizationCode(request, ref, { isAllowed: true, now: at });
  expect(failureOf(await issue({ id: session.id, userId }, now))).toBe("session_ended");
  expect(failureOf(await issue(session, session.expiresAt))).toBe("session_ended");
});

test("a first-party application that becomes a third-party one loses the grants and codes that the person did not allow", async () => {
  const { client } = await freshClient({ isFirstParty: true, scopes: ["openid", "phone", "offline_access"] });
  const { session, userId } = await freshSession(now);
  const scopes = ["openid", "phone", "offline_access"] as const;
  const { request, verifier } = freshRequest(client, { scopes: [...scopes] });
  const redemption = async () => {
    const code = await issueAuthorizationCode(request, session, { isAllowed: false, now });
    return { code: code.ok ? code.value : "", client, redirectUri: request.redirectUri, verifier };
  };
  const grant = await redeem(await redemption());
  const waiting = await redemption();
  const token = spellRefreshToken({ id: grant.id, generation: 0 });
  const tokens = await issueOAuthTokens(grant, client, now);
  await transact(async (tx) => replaceSettings(tx, client.id, { ...client, isFirstParty: false }));
  expect(await findGrant(grant.id, now)).toBeNull();
  expect(await readOAuthAccessToken(tokens?.accessToken ?? "", now)).toBeNull();
  expect((await refreshGrant({ token, client, scope: null }, now)).ok).toBe(false);
  expect(failureOf(await redeemAuthorizationCode(waiting, now))).toBe("code_invalid");
  // What the person allows from then on is all that it gets.
  const third = { ...client, isFirstParty: false };
  const asked = freshRequest(third, { scopes: ["openid"] }).request;
  expect(await needsConsent(asked, userId)).toBe(true);
  expect(failureOf(await issueAuthorizationCode(asked, session, { isAllowed: true, now }))).toBe("none");
  expect(await findGrant(grant.id, now)).toMatchObject({ scopes: ["openid"], generation: null });
});

test("a code for a redirect URI that the operator has removed gives nothing", async () => {
  const { client } = await freshClient({
    isPublic: true,
    redirectUris: ["https://app.example/callback", "http://127.0.0.1/callback"],
  });
  const { session } = await freshSession(now);
  const change = (redirectUris: OAuthClient["redirectUris"]) =>
    transact(async (tx) => replaceSettings(tx, client.id, { ...client, redirectUris }));
  for (const redirectUri of ["https://app.example/callback", "http://127.0.0.1:4321/callback"].map((uri) =>
    RedirectUri.parse(uri),
  )) {
    const { request, verifier } = freshRequest(client, { redirectUri });
    const code = await issueAuthorizationCode(request, session, { isAllowed: true, now });
    const redemption = { code: code.ok ? code.value : "", client, redirectUri: request.redirectUri, verifier };
    await change([RedirectUri.parse("https://app.example/other")]);
    expect(failureOf(await redeemAuthorizationCode(redemption, now))).toBe("code_invalid");
    await change(client.redirectUris);
    await redeem(redemption);
  }
});

test("an application that was disabled or removed gets no code, also in the same instant", async () => {
  for (const isFirstParty of [true, false]) {
    const { client } = await freshClient({ isFirstParty });
    const { session, userId } = await freshSession(now);
    const { request } = freshRequest(client);
    const issue = () => issueAuthorizationCode(request, session, { isAllowed: !isFirstParty, now });
    await setClientDisabled(COMMAND_LINE, { id: client.id, isDisabled: true });
    expect(failureOf(await issue())).toBe("client_gone");
    await setClientDisabled(COMMAND_LINE, { id: client.id, isDisabled: false });
    const [removed, ...issued] = await Promise.all([
      removeClient(COMMAND_LINE, { id: client.id }),
      ...Array.from({ length: 8 }, issue),
    ]);
    expect(removed.ok).toBe(true);
    for (const one of [...issued, await issue()]) expect(["none", "client_gone"]).toContain(failureOf(one));
    expect(failureOf(await issue())).toBe("client_gone");
    expect(await readPrimary.authorizationCode.findMany({ where: { userId } })).toEqual([]);
  }
});

test("a disabled application's grants are over", async () => {
  const { redemption } = await freshCode();
  const grant = await redeem(redemption);
  await write((tx) => tx.oAuthClient.update({ where: { id: redemption.client.id }, data: { disabledAt: now } }));
  expect(await findGrant(grant.id, now)).toBeNull();
});

test("a person allows an application once, and again when it asks for more", async () => {
  const { client } = await freshClient({ scopes: ["openid", "phone", "email"] });
  const { session, userId } = await freshSession(now);
  const asking = (scopes: ("openid" | "phone" | "email")[], prompts: "consent"[] = []) =>
    freshRequest(client, { scopes, prompts }).request;
  const few = asking(["openid", "phone"]);
  expect(await needsConsent(few, userId)).toBe(true);
  expect(failureOf(await issueAuthorizationCode(few, session, { isAllowed: false, now }))).toBe("consent_missing");
  expect(failureOf(await issueAuthorizationCode(few, session, { isAllowed: true, now }))).toBe("none");
  expect(await needsConsent(asking(["openid"]), userId)).toBe(false);
  expect(failureOf(await issueAuthorizationCode(few, session, { isAllowed: false, now }))).toBe("none");
  expect(await needsConsent(asking(["openid"], ["consent"]), userId), "asked for by the application").toBe(true);
  expect(await needsConsent(asking(["openid", "email"]), userId)).toBe(true);
  await issueAuthorizationCode(asking(["openid", "email"]), session, { isAllowed: true, now });
  expect(await needsConsent(asking(["openid", "phone", "email"]), userId), "adds to what was allowed").toBe(false);
  expect(await needsConsent(few, (await signUp()).userId), "another person").toBe(true);
});

test("a first-party application needs no consent, and asks for one if it is no longer first-party", async () => {
  const { client } = await freshClient({ isFirstParty: true });
  const { session, userId } = await freshSession(now);
  const { request } = freshRequest(client);
  expect(failureOf(await issueAuthorizationCode(request, session, { isAllowed: false, now }))).toBe("none");
  expect(await needsConsent({ ...request, client: { ...client, isFirstParty: false } }, userId)).toBe(true);
});

test("an application on a device, which another one can pass itself off as, asks each time", async () => {
  const redirectUris = ["http://127.0.0.1/callback", "com.example.app:/callback", "https://app.example/callback"];
  const { client } = await freshClient({ isPublic: true, isFirstParty: true, redirectUris });
  const { session, userId } = await freshSession(now);
  const [loopback, scheme, https] = client.redirectUris.map(
    (redirectUri) => freshRequest(client, { redirectUri }).request,
  );
  if (!loopback || !scheme || !https) throw new Error("no redirect URI");
  await issueAuthorizationCode(loopback, session, { isAllowed: true, now });
  expect(await needsConsent(loopback, userId)).toBe(true);
  expect(await needsConsent(scheme, userId)).toBe(true);
  expect(await needsConsent(https, userId)).toBe(false);
});

test("a login is the first until the application has used its tokens, so that a lost answer or a failed exchange loses nothing", async () => {
  const { client } = await freshClient({ isFirstParty: true, scopes: ["openid", "offline_access"] });
  const { session, userId } = await freshSession(now);
  const { request, verifier } = freshRequest(client);
  const code = await issueAuthorizationCode(request, session, { isAllowed: false, now });
  const redemption = { code: code.ok ? code.value : "", client, redirectUri: request.redirectUri, verifier };
  await write((tx) => tx.session.update({ where: { id: session.id }, data: { expiresAt: now } }));
  expect(failureOf(await redeemAuthorizationCode(redemption, after(now, 1)))).toBe("code_invalid");
  expect(await readPrimary.oAuthGrant.findMany({ where: { userId } })).toEqual([]);
  await write((tx) => tx.session.update({ where: { id: session.id }, data: { expiresAt: session.expiresAt } }));

  const lost = await logInAt(client, session, {}, now);
  const used = await logInAt(client, session, {}, now);
  await readOAuthAccessToken(used.accessToken, now);
  await backgroundTasks();
  const later = await logInAt(client, session, {}, now);
  expect([lost, used, later].map(({ grant }) => grant.isFirst)).toEqual([true, true, false]);
  expect(await readOAuthAccessToken(used.accessToken, now), "as often as it asks").toMatchObject({ isFirst: true });

  const { session: other } = await freshSession(now);
  const scopes = ["openid", "offline_access"] as const;
  const offline = await logInAt(client, other, { scopes: [...scopes] }, now);
  await refreshGrant({ token: offline.refreshToken ?? "", client, scope: null }, now);
  expect((await logInAt(client, other, {}, now)).grant.isFirst, "after a refresh").toBe(false);
});

test("of parallel exchanges of several codes of a person each gets its grant", async () => {
  const { client } = await freshClient({ isFirstParty: true });
  const { session } = await freshSession(now);
  const asked = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const { request, verifier } = freshRequest(client);
      const code = await issueAuthorizationCode(request, session, { isAllowed: false, now });
      if (!code.ok) throw new Error(code.failure.name);
      return { code: code.value, client, redirectUri: request.redirectUri, verifier };
    }),
  );
  const [unused, ...used] = asked;
  expect(unused).toBeDefined();
  const grants = await Promise.all(used.map((redemption) => redeem(redemption)));
  expect(new Set(grants.map(({ id }) => id)).size).toBe(3);
});

test("an application that sends a person here in a loop is told to wait, and the person logs in at another one", async () => {
  const [{ client: looping }, { client: other }] = [await freshClient(), await freshClient()];
  const { session } = await freshSession(now);
  const issue = (client: OAuthClient) =>
    issueAuthorizationCode(freshRequest(client).request, session, { isAllowed: true, now });
  for (let times = 0; times < AUTHORIZATION_CODES_PER_USER_AND_CLIENT_PER_HOUR; times += 1)
    expect(failureOf(await issue(looping))).toBe("none");
  const total = { limit: AUTHORIZATION_CODES_OF_USER, subject: String(session.userId) };
  const spentByOthers = AUTHORIZATION_CODES_PER_USER_PER_HOUR - AUTHORIZATION_CODES_PER_USER_AND_CLIENT_PER_HOUR - 1;
  await transact((tx) => record(tx, [{ ...total, amount: spentByOthers }], now));
  expect(failureOf(await issue(looping)), "and uses up nothing of the total").toBe("budget_spent");
  expect(failureOf(await issue(other))).toBe("none");
});

test("an account gets so many codes an hour, for all applications together, and refused ones leave no row", async () => {
  const [{ session, userId }, { session: other }] = [await freshSession(now), await freshSession(now)];
  const charge = { limit: AUTHORIZATION_CODES_OF_USER, subject: String(userId) };
  await transact((tx) => record(tx, [{ ...charge, amount: AUTHORIZATION_CODES_PER_USER_PER_HOUR - 1 }], now));
  await freshCode(session);
  const { client } = await freshClient({ isFirstParty: true });
  const refused = await issueAuthorizationCode(freshRequest(client).request, session, { isAllowed: true, now });
  expect(refused.ok).toBe(false);
  expect(refused).toMatchObject({ failure: { name: "budget_spent", retryAfterMs: expect.any(Number) } });
  expect(await readPrimary.authorizationCode.findMany({ where: { userId } })).toHaveLength(1);
  expect(await readPrimary.oAuthConsent.findMany({ where: { userId, clientId: client.id } })).toEqual([]);
  await freshCode(other);
});

test("a grant without a refresh token goes when its access token is over and the application logs the person in again", async () => {
  const { client } = await freshClient({ scopes: ["openid", "offline_access"] });
  const { session, userId } = await freshSession(now);
  const offline = await logInAt(client, session, { scopes: ["openid", "offline_access"] }, now);
  const bystander = await logInAt((await freshClient()).client, session, {}, now);
  let last = "";
  for (let hour = 0; hour < 5; hour += 1)
    last = (await logInAt(client, session, {}, after(now, hour * 3_600_000))).grant.id;
  const kept = await readPrimary.oAuthGrant.findMany({ where: { userId } });
  expect(kept.map(({ id }) => id).sort()).toEqual([offline.grant.id, bystander.grant.id, last].sort());
});
