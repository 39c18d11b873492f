import { decodeJwt } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { findGrant, issueAuthorizationCode, redeemAuthorizationCode } from "@/lib/core/oauth/authorization-codes";
import { provesSession, readLogoutRequest } from "@/lib/core/oauth/logout-request";
import { refreshGrant } from "@/lib/core/oauth/refresh-tokens";
import { issueOAuthTokens } from "@/lib/core/oauth/tokens";
import { readPrimary } from "@/lib/db/database";
import { freshClient, freshRequest, freshSession, logInAt } from "@/lib/testing/oauth";
import { after, anybody, openSession } from "@/lib/testing/people";
import { replaceSession } from "./replace-session";
import { checkSession, endSession, type Session } from "./sessions";

const OFFLINE = { scopes: ["openid" as const, "offline_access" as const] };

const freshApplication = async () =>
  (await freshClient({ ...OFFLINE, backChannelLogoutUri: "https://shop.example/logout" })).client;

/** Logs the person in again. */
const openNext = ({ userId, provenPhone }: Session, now: Date) =>
  openSession({ userId, proven: phoneRecipient(provenPhone as Phone) }, anybody(), now);

const listNotices = (clientId: string) =>
  readPrimary.logoutNotice.findMany({ where: { clientId }, select: { sid: true } });

test("a person who logs in again in a browser stays logged in at its applications, with the same sid", async () => {
  const now = new Date();
  const client = await freshApplication();
  const { session } = await freshSession(now);
  const { idToken, refreshToken, grant } = await logInAt(client, session, OFFLINE, now);
  let current = session;
  for (const minute of [1, 2]) {
    const at = after(now, minute * 60_000);
    const next = await openNext(current, at);
    await replaceSession(current, next, at);
    expect(await checkSession(current.id, at)).toBeNull();
    current = next;
  }
  const later = after(now, 180_000);
  const refreshed = await refreshGrant({ token: refreshToken ?? "", client, scope: null }, later);
  // OpenID Connect Core §12.2: the time of the login that the grant began with.
  expect(refreshed).toMatchObject({ ok: true, value: { sessionId: current.id, loggedInAt: grant.loggedInAt } });
  const tokens = refreshed.ok ? await issueOAuthTokens(refreshed.value, client, later) : null;
  const { sid, auth_time } = decodeJwt(idToken);
  expect(decodeJwt(tokens?.idToken ?? "")).toMatchObject({ sid, auth_time });
  const again = await logInAt(client, (await checkSession(current.id, later)) as Session, OFFLINE, later);
  expect(decodeJwt(again.idToken)).toMatchObject({ sid, auth_time: Math.floor(current.createdAt.getTime() / 1000) });
  expect(await listNotices(client.id)).toEqual([]);

  const asked = await readLogoutRequest(new URLSearchParams({ id_token_hint: idToken }), later);
  const stored = (await checkSession(current.id, later)) as Session;
  expect(asked.ok && provesSession(asked.value, stored)).toBe(true);
  await endSession(current.id, later);
  expect(await listNotices(client.id)).toEqual([{ sid }]);
});

test("a code of the session before works in the next one", async () => {
  const now = new Date();
  const client = await freshApplication();
  const { session } = await freshSession(now);
  const { request, verifier } = freshRequest(client);
  const issued = await issueAuthorizationCode(request, session, { isAllowed: true, now });
  const next = await openNext(session, now);
  await replaceSession(session, next, now);
  const code = issued.ok ? issued.value : "";
  const redeemed = await redeemAuthorizationCode({ code, client, redirectUri: request.redirectUri, verifier }, now);
  expect(redeemed).toMatchObject({ ok: true, value: { sessionId: next.id } });
});

test("a login to another account ends the logins of the one before, and applications are told", async () => {
  const now = new Date();
  const client = await freshApplication();
  const { session } = await freshSession(now);
  const { idToken, grant } = await logInAt(client, session, OFFLINE, now);
  const { session: other } = await freshSession(now);
  await replaceSession(session, other, now);
  expect(await findGrant(grant.id, now)).toBeNull();
  expect(await listNotices(client.id)).toEqual([{ sid: decodeJwt(idToken).sid }]);
  expect(await checkSession(other.id, now)).toMatchObject({ firstId: other.id });
});

test("an application that refreshes during a repeated login keeps its tokens, and of parallel logins one goes on with them", async () => {
  const now = new Date();
  const client = await freshApplication();
  for (let round = 0; round < 12; round += 1) {
    const { session } = await freshSession(now);
    const { refreshToken, grant, idToken } = await logInAt(client, session, OFFLINE, now);
    const next = await Promise.all([openNext(session, now), openNext(session, now)]);
    const refresh = () => refreshGrant({ token: refreshToken ?? "", client, scope: null }, now);
    const [one, , , two] = await Promise.all([
      refresh(),
      ...next.map((each) => replaceSession(session, each, now)),
      refresh(),
    ]);
    expect([one?.ok, two?.ok]).toEqual([true, true]);
    const current = (await findGrant(grant.id, now))?.sessionId;
    expect(next.map(({ id }) => id)).toContain(current);
    for (const { id } of next) {
      const isOfFirst = (await checkSession(id, now))?.firstId === session.id;
      expect(isOfFirst).toBe(id === current);
    }
    await endSession(current ?? "", now);
    expect(await listNotices(client.id)).toContainEqual({ sid: decodeJwt(idToken).sid });
  }
});
