import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { blockAccount } from "@/lib/core/administration/block";
import { endSessions } from "@/lib/core/administration/end-sessions";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { LOGOUT_NOTICE_LEASE_MS, LOGOUT_NOTICE_WAITS_MS, LOGOUT_NOTICES_AT_ONCE } from "@/lib/core/policy";
import { endOtherSessions } from "@/lib/core/sessions/session-list";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { renderMetrics } from "@/lib/ops/metrics";
import type { WebhookRequest } from "@/lib/senders/webhooks";
import { freshAdministrator } from "@/lib/testing/administrators";
import { warningsOf } from "@/lib/testing/log";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { after, anybody, openSession } from "@/lib/testing/people";
import { type Answer, answerWith, type Receiver, startReceiver } from "@/lib/testing/receivers";
import { issueAuthorizationCode, redeemAuthorizationCode } from "./authorization-codes";
import type { OAuthClient } from "./clients";
import { withdrawConsent } from "./consents";
import { LogoutNoticeWorker, sendLogoutNotices } from "./logout-notice-work";
import { refreshGrant, spellRefreshToken } from "./refresh-tokens";
import { listPublicKeys } from "./signing-keys";
import { pairwiseSessionId } from "./subjects";
import { issueOAuthTokens } from "./tokens";

let receivers: Receiver[] = [];
test.afterEach(async () => {
  for (const receiver of receivers) receiver.close();
  receivers = [];
  await write(async (tx) => tx.logoutNotice.deleteMany());
});

/** Makes an application that gets logout notices. */
async function freshApplication(settings: Parameters<typeof freshClient>[0] = {}, answer: Answer = answerWith(200)) {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  const { client } = await freshClient({ backChannelLogoutUri: receiver.url, ...settings });
  return { client, receiver };
}

/** Logs the person in at the application, and returns the ID token's claims. */
async function logInAt(client: OAuthClient, session: Session) {
  const { request, verifier } = freshRequest(client);
  const issued = await issueAuthorizationCode(request, session, { isAllowed: true });
  const code = issued.ok ? issued.value : "";
  const redeemed = await redeemAuthorizationCode({ code, client, redirectUri: request.redirectUri, verifier });
  if (!redeemed.ok) throw new Error(redeemed.failure.name);
  const tokens = await issueOAuthTokens(redeemed.value, client);
  return decodeJwt(tokens?.idToken ?? "");
}

/** Logs the same person in again, in another browser. */
const openAnother = ({ userId, provenPhone }: Session) =>
  openSession({ userId, proven: phoneRecipient(provenPhone as Phone) }, anybody());

const tokensOf = ({ received }: Receiver) =>
  received.map(({ text }) => new URLSearchParams(text).get("logout_token") ?? "");

const noticesOf = (clientId: string) => readPrimary.logoutNotice.findMany({ where: { clientId } });

test("an application is told that a login has ended, by a logout token that its library can verify", async () => {
  for (const signingAlgorithm of ["RS256", "ES256", "EdDSA"]) {
    const { client, receiver } = await freshApplication({ signingAlgorithm });
    const { session } = await freshSession();
    const { sub, sid, iss } = await logInAt(client, session);
    await endSession(session.id);
    await sendLogoutNotices();
    const [token = "", ...more] = tokensOf(receiver);
    expect(more).toEqual([]);
    expect(receiver.received[0]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    // OpenID Connect Back-Channel Logout §2.4 and §2.6.
    const keys = createLocalJWKSet(await listPublicKeys());
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: String(iss), audience: client.id });
    expect(protectedHeader).toMatchObject({ typ: "logout+jwt", alg: signingAlgorithm });
    expect(payload).toEqual({
      ...{ iss, sub, sid, aud: client.id, jti: expect.any(String) },
      ...{ iat: expect.any(Number), exp: (payload.iat ?? 0) + 120 },
      events: { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    expect(await noticesOf(client.id)).toEqual([]);
  }
});

test("each way to end a session tells its applications", async () => {
  const { administrator } = await freshAdministrator();
  const ways: [string, (session: Session) => Promise<unknown>][] = [
    ["the person logs out", ({ id }) => endSession(id)],
    ["the person ends the others", async (session) => endOtherSessions(await openAnother(session))],
    ["the account is deleted", (session) => deleteOwnAccount(session)],
    ["blocked", ({ userId }) => blockAccount(administrator, { userId, reason: "of a test" })],
    [
      "an administrator ends it",
      ({ userId }) => endSessions(administrator, { userId, sessionId: null, reason: "of a test" }),
    ],
  ];
  for (const [way, end] of ways) {
    const { client, receiver } = await freshApplication();
    const { session } = await freshSession();
    const { sub, sid } = await logInAt(client, session);
    await end(session);
    await sendLogoutNotices();
    expect(
      tokensOf(receiver).map((token) => decodeJwt(token)),
      way,
    ).toMatchObject([{ sub, sid }]);
  }
});

test("only the applications and sessions that are concerned are told, each once", async () => {
  const [tea, cake] = [await freshApplication(), await freshApplication()];
  const { client: silent } = await freshClient();
  const { session } = await freshSession();
  const other = await openAnother(session);
  await logInAt(silent, session);
  const first = await logInAt(tea.client, session);
  await logInAt(tea.client, session);
  await logInAt(tea.client, other);
  await logInAt(cake.client, other);
  const { session: stranger } = await freshSession();
  await logInAt(tea.client, stranger);
  await endSession(session.id);
  await Promise.all([sendLogoutNotices(), sendLogoutNotices(), sendLogoutNotices()]);
  expect(tokensOf(tea.receiver).map((token) => decodeJwt(token).sid)).toEqual([first.sid]);
  expect(cake.receiver.received).toEqual([]);
});

test("an application whose consent is withdrawn is told, for each session", async () => {
  const { client, receiver } = await freshApplication();
  const { userId, session } = await freshSession();
  const { sid } = await logInAt(client, session);
  await withdrawConsent({ userId, clientId: client.id });
  await sendLogoutNotices();
  expect(tokensOf(receiver).map((token) => decodeJwt(token).sid)).toEqual([sid]);
});

test("an application is told that a login has ended because a stolen code or refresh token was used", async () => {
  const { client, receiver } = await freshApplication({ scopes: ["openid", "offline_access"] });
  const { session } = await freshSession();
  const { request, verifier } = freshRequest(client, { scopes: ["openid", "offline_access"] });
  const issued = await issueAuthorizationCode(request, session, { isAllowed: true });
  const exchange = { code: issued.ok ? issued.value : "", client, redirectUri: request.redirectUri, verifier };
  const redeemed = await redeemAuthorizationCode(exchange);
  const { id } = redeemed.ok ? redeemed.value : { id: "" };
  const refresh = (generation: number) =>
    refreshGrant({ token: spellRefreshToken({ id, generation }), client, scope: null });
  for (const generation of [0, 1, 0]) await refresh(generation);
  await sendLogoutNotices();
  const sid = pairwiseSessionId(session.firstId, client.id);
  expect(tokensOf(receiver).map((token) => decodeJwt(token).sid)).toEqual([sid]);

  const again = await issueAuthorizationCode(request, session, { isAllowed: true });
  const stolen = { ...exchange, code: again.ok ? again.value : "" };
  await redeemAuthorizationCode(stolen);
  await redeemAuthorizationCode({ ...stolen, verifier: "x".repeat(43) });
  await sendLogoutNotices();
  expect(tokensOf(receiver).map((token) => decodeJwt(token).sid)).toEqual([sid, sid]);
});

test("a notice that is not accepted is sent again, with a new token, until the schedule ends", async () => {
  const { client, receiver } = await freshApplication({}, answerWith(503));
  const { session } = await freshSession();
  await logInAt(client, session);
  await endSession(session.id);
  const warnings = await warningsOf(async () => {
    let now = new Date();
    await sendLogoutNotices({ clock: () => now });
    for (const [failed, waitMs] of LOGOUT_NOTICE_WAITS_MS.entries()) {
      expect(receiver.received).toHaveLength(failed + 1);
      const [notice] = await noticesOf(client.id);
      expect(notice).toMatchObject({ attempts: failed + 1, dueAt: after(now, waitMs), worker: null });
      now = after(now, waitMs - 1);
      await sendLogoutNotices({ clock: () => now });
      expect(receiver.received).toHaveLength(failed + 1);
      now = after(now, 1);
      await sendLogoutNotices({ clock: () => now });
    }
  });
  expect(receiver.received).toHaveLength(LOGOUT_NOTICE_WAITS_MS.length + 1);
  expect(await noticesOf(client.id)).toEqual([]);
  const names = tokensOf(receiver).map((token) => decodeJwt(token).jti);
  expect(new Set(names).size).toBe(names.length);
  expect(warnings).toContainEqual({
    about: { client: client.id, fault: "bad_status" },
    message: "an application does not accept logout notices",
  });
  expect((await renderMetrics()).text).toMatch(/sarafan_logout_notices_total\{outcome="bad_status"\} \d/);
});

test("an application that accepts a notice at the second attempt gets no third one", async () => {
  const { client, receiver } = await freshApplication({}, answerWith(500));
  const { session } = await freshSession();
  await logInAt(client, session);
  await endSession(session.id);
  const now = new Date();
  await sendLogoutNotices({ clock: () => now });
  receiver.answer = answerWith(204);
  for (const hours of [1, 24]) await sendLogoutNotices({ clock: () => after(now, hours * 3_600_000) });
  expect(receiver.received).toHaveLength(2);
});

test("a notice goes to no private address, and a redirect is not followed", async () => {
  const target = await startReceiver();
  receivers.push(target);
  const { client } = await freshClient();
  // The settings of an earlier start allowed it, as `WEBHOOK_PRIVATE_RANGES` may.
  const uri = { backChannelLogoutUri: "https://192.168.0.1/logout" };
  await write(async (tx) => tx.oAuthClient.update({ where: { id: client.id }, data: uri }));
  const redirecting = await freshApplication({}, answerWith(307, { location: target.url }));
  const { session } = await freshSession();
  await logInAt(client, session);
  await logInAt(redirecting.client, session);
  await endSession(session.id);
  await sendLogoutNotices();
  expect(await noticesOf(client.id)).toMatchObject([{ attempts: 1 }]);
  expect(await noticesOf(redirecting.client.id)).toMatchObject([{ attempts: 1 }]);
  expect(target.received).toEqual([]);
  expect((await renderMetrics()).text).toMatch(/sarafan_logout_notices_total\{outcome="address_refused"\} \d/);
});

test("an application that doesn't answer does not delay the notices of others", async () => {
  const silent = await freshApplication({}, () => undefined);
  const { client, receiver } = await freshApplication();
  const people = await Promise.all(Array.from({ length: LOGOUT_NOTICES_AT_ONCE + 2 }, () => freshSession()));
  for (const { session } of people) {
    await logInAt(silent.client, session);
    await logInAt(client, session);
    await endSession(session.id);
  }
  const worker = new LogoutNoticeWorker();
  await expect
    .poll(async () => {
      await worker.round();
      return { others: receiver.received.length, silent: silent.receiver.received.length };
    })
    .toEqual({ others: people.length, silent: LOGOUT_NOTICES_AT_ONCE });
  await worker.stop(0);
  expect(await noticesOf(silent.client.id)).toHaveLength(people.length);
  for (const notice of await noticesOf(silent.client.id)) expect(notice).toMatchObject({ worker: null, attempts: 0 });
});

test("an application that accepts notices gets the next ones without a pause, however many logins end at once", async () => {
  const { client, receiver } = await freshApplication();
  const sids = new Set<unknown>();
  for (let person = 0; person < 100; person += 1) {
    const { session } = await freshSession();
    sids.add((await logInAt(client, session)).sid);
    await endSession(session.id);
  }
  const worker = new LogoutNoticeWorker();
  // One round: the loop that begins the next one after a pause does not run.
  await worker.round();
  await expect.poll(() => receiver.received.length).toBe(100);
  expect(new Set(tokensOf(receiver).map((token) => decodeJwt(token).sid))).toEqual(sids);
  await expect.poll(() => noticesOf(client.id)).toEqual([]);
  await worker.stop(0);
});

test("a run whose time is over begins no attempt, and the next run sends the notice", async () => {
  const { client, receiver } = await freshApplication();
  const { session } = await freshSession();
  await logInAt(client, session);
  await endSession(session.id);
  const begun: unknown[] = [];
  const post = async (request: WebhookRequest) => {
    begun.push(request);
    return { status: 200, fault: null, retryAfter: null, body: null };
  };
  await sendLogoutNotices({ post, signal: AbortSignal.abort() });
  expect(begun).toEqual([]);
  await sendLogoutNotices();
  expect(tokensOf(receiver)).toHaveLength(1);
});

test("the notices of a process that was killed are sent by another one when its lease ends", async () => {
  const { client, receiver } = await freshApplication({}, () => undefined);
  const { session } = await freshSession();
  await logInAt(client, session);
  await endSession(session.id);
  const now = new Date();
  const killed = new LogoutNoticeWorker({ clock: () => now });
  await killed.round();
  await expect.poll(() => receiver.received.length).toBe(1);
  receiver.answer = answerWith(200);
  await sendLogoutNotices({ clock: () => after(now, LOGOUT_NOTICE_LEASE_MS - 1) });
  expect(receiver.received).toHaveLength(1);
  await sendLogoutNotices({ clock: () => after(now, LOGOUT_NOTICE_LEASE_MS) });
  expect(receiver.received).toHaveLength(2);
  expect(await noticesOf(client.id)).toEqual([]);
  await killed.stop(0);
});
