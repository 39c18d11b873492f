import { decodeJwt } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import { REFRESH_ANSWER_LOST_MS, SESSION_IDLE_MS, SESSION_SEEN_EVERY_MS } from "@/lib/core/policy";
import { endSession } from "@/lib/core/sessions/sessions";
import { readPrimary, transact, write } from "@/lib/db/database";
import { freshClient, freshSession, logInAt } from "@/lib/testing/oauth";
import { after } from "@/lib/testing/people";
import { withEachWriteRunAgain } from "@/lib/testing/transactions";
import { findGrant, type Grant } from "./authorization-codes";
import { type ClientSettings, replaceSettings } from "./clients";
import { readRefreshToken, refreshGrant, spellRefreshToken } from "./refresh-tokens";
import { revokeToken } from "./revocation";
import { issueOAuthTokens, readOAuthAccessToken } from "./tokens";

const now = new Date();

/** A person who is logged in at an application that may refresh its tokens. */
async function freshLogin(settings: Parameters<typeof freshClient>[0] = {}) {
  const { client } = await freshClient({ scopes: ["openid", "phone", "offline_access"], ...settings });
  const { session, userId } = await freshSession(now);
  const tokens = await logInAt(client, session, { scopes: ["openid", "phone", "offline_access"], nonce: "n" }, now);
  const refresh = async (token: string | null, at = now, scope: string | null = null) => {
    const refreshed = await refreshGrant({ token: token ?? "", client, scope }, at);
    if (!refreshed.ok) return { failure: refreshed.failure.name };
    const issued = await issueOAuthTokens(refreshed.value, client, at);
    if (!issued) throw new Error("no account");
    return { ...issued, grant: refreshed.value as Grant, failure: "none" as const };
  };
  return { client, session, userId, tokens, refresh };
}

const succeeded = <T extends { failure: string }>(one: T) => {
  if (one.failure !== "none") throw new Error(one.failure);
  return one as Extract<T, { failure: "none" }>;
};

test("an application with offline_access gets a refresh token, and no other one does", async () => {
  const { client, session, tokens } = await freshLogin();
  expect(readRefreshToken(tokens.refreshToken ?? "")).toEqual({ id: tokens.grant.id, generation: 0 });
  const other = await logInAt(client, session, { scopes: ["openid"] }, now);
  expect(other.refreshToken).toBeNull();
  expect(decodeJwt(other.accessToken)).not.toHaveProperty("generation");
  const forged = spellRefreshToken({ id: other.grant.id, generation: 0 });
  expect((await refreshGrant({ token: forged, client, scope: null }, now)).ok).toBe(false);
  expect(await findGrant(other.grant.id, now), "a refresh that isn't possible ends nothing").not.toBeNull();
});

test("refresh tokens rotate, and name the same login", async () => {
  const { tokens, refresh } = await freshLogin();
  const first = succeeded(await refresh(tokens.refreshToken));
  const second = succeeded(await refresh(first.refreshToken));
  expect(new Set([tokens, first, second].map(({ refreshToken }) => refreshToken)).size).toBe(3);
  const [before, later] = [decodeJwt(tokens.idToken), decodeJwt(second.idToken)];
  for (const name of ["iss", "sub", "aud", "auth_time", "amr", "acr", "sid"]) expect(later[name]).toEqual(before[name]);
  expect([before.nonce, later.nonce]).toEqual(["n", undefined]);
  expect((await readOAuthAccessToken(second.accessToken, now))?.id).toBe(tokens.grant.id);
});

test("the same refresh token gets the same successor again while the answer may be lost, for a minute", async () => {
  const { tokens, refresh } = await freshLogin();
  const all = await Promise.all(Array.from({ length: 24 }, () => refresh(tokens.refreshToken)));
  expect(new Set(all.map((one) => succeeded(one).refreshToken)).size).toBe(1);
  const again = succeeded(await refresh(tokens.refreshToken, after(now, REFRESH_ANSWER_LOST_MS - 1)));
  expect(again.refreshToken).toBe(succeeded(all[0] as (typeof all)[0]).refreshToken);
  expect((await refresh(tokens.refreshToken, after(now, REFRESH_ANSWER_LOST_MS))).failure).toBe("token_invalid");
  expect(await findGrant(tokens.grant.id, now)).toBeNull();
});

test("a stolen refresh token that takes turns with the application's own ends the login", async () => {
  const { tokens, refresh, userId } = await freshLogin();
  const hours = (count: number) => after(now, count * 3_600_000);
  // The application reads its ID tokens and never calls /oauth/userinfo. Both have the same token in each turn.
  const { refreshToken } = succeeded(await refresh(tokens.refreshToken, hours(1)));
  expect((await refresh(tokens.refreshToken, hours(1.5))).failure).toBe("token_invalid");
  expect((await refresh(refreshToken, hours(2))).failure).toBe("token_invalid");
  const where = { subjectId: userId, action: "application_token_reused" };
  expect(await readPrimary.auditEvent.findMany({ where })).toHaveLength(1);
});

test("an application from which the operator takes offline_access refreshes no more, and its access tokens go on", async () => {
  const { client, session, tokens, refresh } = await freshLogin();
  const change = (scopes: ClientSettings["scopes"]) =>
    transact(async (tx) => replaceSettings(tx, client.id, { ...client, scopes }));
  await change(["openid", "phone"]);
  expect((await refresh(tokens.refreshToken)).failure).toBe("token_invalid");
  expect(await readOAuthAccessToken(tokens.accessToken, now)).toMatchObject({ scopes: ["openid", "phone"] });
  const again = await logInAt(client, session, { scopes: ["openid", "offline_access"] }, now);
  expect(again, "a code of a request that has waited").toMatchObject({ refreshToken: null });
  await change(["openid", "phone", "offline_access"]);
  succeeded(await refresh(tokens.refreshToken));
});

test("a refresh token whose successor was exchanged ends the login at this application", async () => {
  const { tokens, refresh, session, client, userId } = await freshLogin();
  const bystander = await logInAt((await freshClient()).client, session, {}, now);
  const next = succeeded(await refresh(succeeded(await refresh(tokens.refreshToken)).refreshToken));
  expect((await refresh(tokens.refreshToken)).failure).toBe("token_invalid");
  expect((await refresh(next.refreshToken)).failure).toBe("token_invalid");
  const where = { subjectId: userId, action: "application_token_reused" };
  const [told, ...more] = await readPrimary.auditEvent.findMany({ where });
  expect(JSON.parse(told?.details ?? "")).toEqual({ client: client.id, clientName: client.name });
  expect(more).toEqual([]);
  expect(await readOAuthAccessToken(next.accessToken, now)).toBeNull();
  expect(await readOAuthAccessToken(bystander.accessToken, now)).not.toBeNull();
  expect((await logInAt(client, session, {}, now)).accessToken).not.toBe("");
});

test("a refresh token whose successor's access token was used ends the login at this application", async () => {
  const { tokens, refresh } = await freshLogin();
  const next = succeeded(await refresh(tokens.refreshToken));
  expect(await readOAuthAccessToken(tokens.accessToken, now), "the older access token proves nothing").not.toBeNull();
  await backgroundTasks();
  succeeded(await refresh(tokens.refreshToken));
  expect(await readOAuthAccessToken(next.accessToken, now)).not.toBeNull();
  await backgroundTasks();
  expect((await refresh(tokens.refreshToken)).failure).toBe("token_invalid");
  expect(await readOAuthAccessToken(next.accessToken, now)).toBeNull();
});

test("a refresh whose transaction runs again counts once", async () => {
  const { tokens, refresh } = await freshLogin();
  const { grant } = succeeded(await withEachWriteRunAgain(() => refresh(tokens.refreshToken)));
  expect(grant.generation).toBe(1);
});

test("a refresh token of another application, of no grant or of changed text gets nothing, and ends nothing", async () => {
  const { tokens, refresh } = await freshLogin();
  const { client: other } = await freshClient();
  const token = tokens.refreshToken ?? "";
  expect((await refreshGrant({ token, client: other, scope: null }, now)).ok).toBe(false);
  const [id = "", , signature = ""] = token.split(".");
  for (const wrong of [`${id}.1.${signature}`, `${token}x`, `${token}\n`, `${id}.0.`, id, "", tokens.accessToken])
    expect((await refresh(wrong)).failure, wrong).toBe("token_invalid");
  succeeded(await refresh(token));
});

test("an application can ask for fewer scopes, and for no more than it has", async () => {
  const { tokens, refresh } = await freshLogin();
  for (const beyond of ["openid email", "openid phone nothing", "phone", "OPENID"])
    expect((await refresh(tokens.refreshToken, now, beyond)).failure, beyond).toBe("scope_invalid");
  const fewer = succeeded(await refresh(tokens.refreshToken, now, " openid "));
  expect(fewer.grant.scopes).toEqual(["openid"]);
  expect((await readOAuthAccessToken(fewer.accessToken, now))?.scopes).toEqual(["openid"]);
  const all = succeeded(await refresh(fewer.refreshToken));
  expect((await readOAuthAccessToken(all.accessToken, now))?.scopes).toEqual(["openid", "phone", "offline_access"]);
});

test("a session that ends takes its refresh tokens with it, and an idle one counts as ended", async () => {
  const [ended, idle] = [await freshLogin(), await freshLogin()];
  await endSession(ended.session.id);
  expect((await ended.refresh(ended.tokens.refreshToken)).failure).toBe("token_invalid");
  const late = after(now, SESSION_IDLE_MS);
  expect((await idle.refresh(idle.tokens.refreshToken, late)).failure).toBe("token_invalid");
  await backgroundTasks();
});

test("a session in use by an application is not idle", async () => {
  const { tokens, refresh, session } = await freshLogin();
  const at = after(now, SESSION_SEEN_EVERY_MS);
  const { accessToken } = succeeded(await refresh(tokens.refreshToken, at));
  await backgroundTasks();
  const seenAt = async () => (await readPrimary.session.findUniqueOrThrow({ where: { id: session.id } })).seenAt;
  expect(await seenAt()).toEqual(at);
  const later = after(at, 1);
  await write((tx) =>
    tx.session.update({ where: { id: session.id }, data: { seenAt: after(later, -SESSION_IDLE_MS) } }),
  );
  expect(await readOAuthAccessToken(accessToken, later), "idle").toBeNull();
});

test("a refresh while the session ends leaves no grant", async () => {
  for (let times = 0; times < 10; times += 1) {
    const { tokens, refresh, session, userId } = await freshLogin();
    await Promise.all([refresh(tokens.refreshToken), endSession(session.id)]);
    expect(await readPrimary.oAuthGrant.findMany({ where: { userId } })).toEqual([]);
  }
});

test("an application that revokes one of its tokens ends all of that login", async () => {
  for (const which of ["refreshToken", "accessToken"] as const) {
    const { tokens, refresh, client } = await freshLogin();
    expect(await revokeToken(tokens[which] ?? "", client, now)).toEqual({ ok: true, value: null });
    expect((await refresh(tokens.refreshToken)).failure).toBe("token_invalid");
    expect(await readOAuthAccessToken(tokens.accessToken, now)).toBeNull();
    expect((await revokeToken(tokens[which] ?? "", client, now)).ok, "a second time").toBe(true);
  }
});

test("no application revokes the tokens of another one, and no stranger learns that they exist", async () => {
  const { tokens, client } = await freshLogin();
  const [other, page] = [(await freshClient()).client, (await freshClient({ isPublic: true })).client];
  for (const token of [tokens.refreshToken ?? "", tokens.accessToken]) {
    expect(await revokeToken(token, other, now)).toEqual({ ok: false, failure: { name: "token_of_another_client" } });
    expect(await revokeToken(token, page, now)).toEqual({ ok: true, value: null });
  }
  expect(await readOAuthAccessToken(tokens.accessToken, now)).not.toBeNull();
  for (const text of ["", "text", tokens.idToken]) expect((await revokeToken(text, client, now)).ok).toBe(true);
  expect(await readOAuthAccessToken(tokens.accessToken, now)).not.toBeNull();
});
