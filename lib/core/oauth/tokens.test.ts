import { createHash } from "node:crypto";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { readAccessToken } from "@/lib/auth/tokens";
import { type CodeRequest, recordRefusal, recordSending } from "@/lib/core/challenges/deliveries";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { ACCESS_TOKEN_TTL_MS, ID_TOKEN_TTL_MS } from "@/lib/core/policy";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { transact, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { freshClient, freshSession, logInAt } from "@/lib/testing/oauth";
import { after, anybody, openSession, signUpByMail } from "@/lib/testing/people";
import type { OAuthClient } from "./clients";
import { getSigningKey, listPublicKeys, SigningAlgorithm } from "./signing-keys";
import { getPairwiseSubject } from "./subjects";
import { issueOAuthTokens, readIdTokenHint, readOAuthAccessToken } from "./tokens";

const now = new Date();

const logIn = (client: OAuthClient, session: Session, nonce: string | null = "n") =>
  logInAt(client, session, { scopes: ["openid", "phone"], nonce }, now);

const verify = async (token: string, audience: string) =>
  (await jwtVerify(token, createLocalJWKSet(await listPublicKeys(now)), { issuer: env.APP_URL, audience })).payload;

for (const algorithm of SigningAlgorithm.options) {
  test(`an application verifies tokens by ${algorithm} with the published keys`, async () => {
    const { client } = await freshClient({ signingAlgorithm: algorithm });
    const { session, userId } = await freshSession(now);
    const { idToken, accessToken, expiresInS } = await logIn(client, session);
    const sub = await getPairwiseSubject({ userId, clientId: client.id });
    const [iat, auth_time] = [now, session.createdAt].map((time) => Math.floor(time.getTime() / 1000));
    const login = { auth_time, amr: ["otp"], acr: "urn:sarafan:phone" };
    const hash = createHash(algorithm === "EdDSA" ? "sha512" : "sha256")
      .update(accessToken)
      .digest();
    const idClaims = await verify(idToken, client.id);
    expect(idClaims).toEqual({
      ...{ iss: env.APP_URL, sub, aud: client.id, iat, exp: Number(iat) + ID_TOKEN_TTL_MS / 1000, ...login },
      ...{ nonce: "n", at_hash: hash.subarray(0, hash.length / 2).toString("base64url"), sid: expect.any(String) },
    });
    expect(await verify(accessToken, `${env.APP_URL}/oauth/userinfo`)).toEqual({
      ...{ iss: env.APP_URL, sub, aud: `${env.APP_URL}/oauth/userinfo`, iat, exp: Number(iat) + expiresInS, ...login },
      ...{ client_id: client.id, scope: "openid phone", jti: expect.any(String), grant_id: expect.any(String) },
    });
    expect(expiresInS).toBe(ACCESS_TOKEN_TTL_MS / 1000);
    const { id } = await getSigningKey(algorithm, now);
    expect(decodeProtectedHeader(idToken)).toEqual({ alg: algorithm, kid: id, typ: "JWT" });
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: algorithm, kid: id, typ: "at+jwt" });
  });
}

test("an ID token says that a login was by mail, and has no nonce without one in the request", async () => {
  const { userId, email } = await signUpByMail();
  const session = await openSession({ userId, proven: emailRecipient(email) }, anybody(), now);
  const { client } = await freshClient();
  const claims = await verify((await logIn(client, session, null)).idToken, client.id);
  expect(claims).toMatchObject({ amr: ["otp"], acr: "urn:sarafan:email" });
  expect(Object.keys(claims)).not.toContain("nonce");
});

test("amr has sms for a code that came by SMS, and not for one by a messenger", async () => {
  const { client } = await freshClient();
  const amrAfter = async (...senders: (string | null)[]) => {
    const { session } = await freshSession(now);
    const phone = session.provenPhone as Phone;
    // The sign-up has a code of its own, by a sender of the tests.
    await write((tx) => tx.delivery.deleteMany({ where: { recipient: { in: keyedHashes(phone) } } }));
    for (const [at, sender] of senders.entries()) {
      const request: CodeRequest = {
        ...{ at: after(now, -60_000 * (at + 1)), id: null, recipient: phoneRecipient(phone) },
        ...{ requester: anybody(), purpose: "login", digits: 4 },
      };
      await transact(async (tx) =>
        sender === null
          ? recordRefusal(tx, request, "resend_too_early")
          : recordSending(tx, request, { accepted: { sender, id: null, cost: null }, passedOver: [] }),
      );
    }
    return (await verify((await logIn(client, session)).idToken, client.id)).amr;
  };
  expect(await amrAfter("twilio")).toEqual(["otp", "sms"]);
  expect(await amrAfter(null, "smsru", "smsc")).toEqual(["otp", "sms"]);
  for (const senders of [[], ["telegram"], ["console"], ["http"], ["twilio", "telegram"], ["test_number"]])
    expect(await amrAfter(...senders), senders.join()).toEqual(["otp"]);
});

test("no token has a phone, an account's id or a session's id", async () => {
  const { client } = await freshClient();
  const { session, userId } = await freshSession(now);
  const { idToken, accessToken } = await logIn(client, session);
  for (const token of [idToken, accessToken]) {
    const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    expect(claims).not.toContain(session.id);
    expect(claims).not.toContain(session.provenPhone?.slice(1));
    expect(Object.values(JSON.parse(claims)).map(String)).not.toContain(String(userId));
  }
});

test("two applications can't find out by their tokens that they have the same person", async () => {
  const { session } = await freshSession(now);
  const [one, other] = [(await freshClient()).client, (await freshClient()).client];
  const [first, again, elsewhere] = [await logIn(one, session), await logIn(one, session), await logIn(other, session)];
  const [mine, same, theirs] = [
    await verify(first.idToken, one.id),
    await verify(again.idToken, one.id),
    await verify(elsewhere.idToken, other.id),
  ];
  expect([same.sub, same.sid]).toEqual([mine.sub, mine.sid]);
  expect(theirs.sub).not.toBe(mine.sub);
  expect(theirs.sid).not.toBe(mine.sid);
});

test("an access token is read here until its time, its session or its grant is over", async () => {
  const { client } = await freshClient();
  const { session } = await freshSession(now);
  const { accessToken, grant } = await logIn(client, session);
  expect(await readOAuthAccessToken(accessToken, now)).toEqual(grant);
  expect(await readOAuthAccessToken(accessToken, after(now, ACCESS_TOKEN_TTL_MS + 1000))).toBeNull();
  await endSession(session.id);
  expect(await readOAuthAccessToken(accessToken, now)).toBeNull();
});

test("tokens are valid no longer than their session", async () => {
  const { client } = await freshClient();
  const { session } = await freshSession(now);
  const { grant } = await logIn(client, session);
  const late = after(session.expiresAt, -90_500);
  const tokens = await issueOAuthTokens(grant, client, late);
  expect(tokens?.expiresInS).toBe(90);
  expect(await readOAuthAccessToken(tokens?.accessToken ?? "", after(session.expiresAt, 0))).toBeNull();
});

test("a token of another kind, application, key or server is no access token", async () => {
  const { client } = await freshClient();
  const { session } = await freshSession(now);
  const { accessToken, idToken, grant } = await logIn(client, session);
  const key = await getSigningKey("RS256", now);
  const forge = (claims: object, { typ = "at+jwt", iss = env.APP_URL, aud = `${env.APP_URL}/oauth/userinfo` } = {}) =>
    new SignJWT({ client_id: client.id, grant_id: grant.id, scope: "openid phone", ...claims })
      .setProtectedHeader({ alg: "RS256", kid: key.id, typ })
      .setIssuer(iss)
      .setAudience(aud)
      .setExpirationTime(after(now, 60_000))
      .sign(key.privateKey);
  expect(await readOAuthAccessToken(await forge({}), now), "as it should be").toEqual(grant);
  const [header = "", claims = ""] = accessToken.split(".");
  for (const [title, token] of Object.entries({
    "an ID token": idToken,
    "another type": await forge({}, { typ: "JWT" }),
    "another server's": await forge({}, { iss: "https://other.example" }),
    "for another audience": await forge({}, { aud: client.id }),
    "another application's": await forge({ client_id: (await freshClient()).client.id }),
    "of no grant": await forge({ grant_id: crypto.randomUUID() }),
    "of no uuid": await forge({ grant_id: "1" }),
    "without scopes": await forge({ scope: null }),
    "with another signature": `${header}.${claims}.${idToken.split(".")[2]}`,
    "without a signature": `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url")}.${claims}.`,
    text: "text",
    nothing: "",
  }))
    expect(await readOAuthAccessToken(token, now), title).toBeNull();
});

test("the five APIs refuse the tokens of applications", async () => {
  const { client } = await freshClient({ signingAlgorithm: "EdDSA" });
  const { session } = await freshSession(now);
  const { accessToken, idToken } = await logIn(client, session);
  expect(await readAccessToken(accessToken)).toBeNull();
  expect(await readAccessToken(idToken)).toBeNull();
});

test("an ID token names its person and session to this server, also when it has expired", async () => {
  const { client } = await freshClient();
  const { session } = await freshSession(now);
  const { idToken, accessToken } = await logIn(client, session);
  const { sub, sid } = await verify(idToken, client.id);
  const late = after(now, 20 * ID_TOKEN_TTL_MS);
  expect(await readIdTokenHint(idToken, late)).toEqual({ clientId: client.id, sub, sid });
  const key = await getSigningKey("RS256", now);
  const forge = (claims: object) =>
    new SignJWT({ aud: client.id, sub: "s", sid: "s", ...claims })
      .setProtectedHeader({ alg: "RS256", kid: key.id, typ: "JWT" })
      .sign(key.privateKey);
  expect(await readIdTokenHint(await forge({ iss: env.APP_URL })), "as it should be").not.toBeNull();
  for (const wrong of [
    accessToken,
    await forge({ iss: "https://other.example" }),
    await forge({}),
    `${idToken}x`,
    "text",
    "",
  ])
    expect(await readIdTokenHint(wrong)).toBeNull();
});
