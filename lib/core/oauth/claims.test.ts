import { expect, _baseTest as test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { readPrimary, write } from "@/lib/db/database";
import { freshClient, freshRequest } from "@/lib/testing/oauth";
import { anybody, openSession, signUp, signUpByMail } from "@/lib/testing/people";
import { issueAuthorizationCode, redeemAuthorizationCode } from "./authorization-codes";
import { getClaims } from "./claims";
import type { OAuthClient } from "./clients";
import { Scope } from "./scopes";
import { getPairwiseSubject } from "./subjects";
import { issueOAuthTokens, readOAuthAccessToken } from "./tokens";

/** Logs the account in at the application, and returns what the application learns. */
async function claimsOf(client: OAuthClient, userId: number, proven: Recipient, scopes: Scope[] = client.scopes) {
  const session = await openSession({ userId, proven }, anybody());
  const { request, verifier } = freshRequest(client, { scopes });
  const code = await issueAuthorizationCode(request, session, { isAllowed: true });
  if (!code.ok) throw new Error(code.failure.name);
  const { redirectUri } = request;
  const grant = await redeemAuthorizationCode({ code: code.value, client, redirectUri, verifier });
  if (!grant.ok) throw new Error(grant.failure.name);
  const tokens = await issueOAuthTokens(grant.value, client);
  const used = await readOAuthAccessToken(tokens?.accessToken ?? "");
  if (!used) throw new Error("no grant");
  await backgroundTasks();
  return getClaims(used);
}

const knowingAll = async () => (await freshClient({ scopes: Scope.options })).client;

test("an application learns the proven phone and who invited the person, by the inviter's `sub` at this application", async () => {
  const client = await knowingAll();
  const inviter = await signUp();
  const { userId, phone, inviteCode } = await signUp({ invited: inviter.inviteCode });
  await signUp({ invited: inviteCode });
  const mine = {
    sub: await getPairwiseSubject({ userId, clientId: client.id }),
    phone_number: phone,
    phone_number_verified: true,
    invite_code: inviteCode,
    invited_by: await getPairwiseSubject({ userId: inviter.userId, clientId: client.id }),
    referral_count: 1,
  };
  expect(await claimsOf(client, userId, phoneRecipient(phone))).toEqual({ ...mine, first_login: true });
  expect(await claimsOf(client, userId, phoneRecipient(phone))).toEqual({ ...mine, first_login: false });
  const itself = await claimsOf(client, inviter.userId, phoneRecipient(inviter.phone));
  expect(itself).toMatchObject({ sub: mine.invited_by, invited_by: null, referral_count: 1 });
});

test("a phone that a person only claims is never told", async () => {
  const client = await knowingAll();
  const { userId, email, phone } = await signUpByMail();
  const claims = await claimsOf(client, userId, emailRecipient(email));
  expect(claims).toMatchObject({ email, email_verified: true, invited_by: null });
  expect(Object.keys(claims ?? {})).not.toContain("phone_number");
  expect(JSON.stringify(claims)).not.toContain(phone.slice(1));
});

test("a scope that was not asked for tells nothing", async () => {
  const client = await knowingAll();
  const { userId, phone } = await signUp();
  const sub = await getPairwiseSubject({ userId, clientId: client.id });
  const named = async (scopes: Scope[]) =>
    Object.keys((await claimsOf(client, userId, phoneRecipient(phone), scopes)) ?? {}).sort();
  expect(await claimsOf(client, userId, phoneRecipient(phone), ["openid"])).toEqual({ sub });
  expect(await named(["openid", "phone"])).toEqual(["phone_number", "phone_number_verified", "sub"]);
  expect(await named(["openid", "email"])).toEqual(["sub"]);
  const referral = ["first_login", "invite_code", "invited_by", "referral_count", "sub"];
  expect(await named(["openid", "referral"])).toEqual(referral);
});

test("the phone of a test number, which no person has proven, is not told", async () => {
  const client = await knowingAll();
  const { userId, phone } = await signUp();
  await write((tx) => tx.user.update({ where: { id: userId }, data: { isTest: true } }));
  const claims = await claimsOf(client, userId, phoneRecipient(phone), ["openid", "phone"]);
  expect(Object.keys(claims ?? {})).toEqual(["sub"]);
});

test("the claims of an invited person are there without a write after the code was given", async () => {
  const client = await knowingAll();
  const inviter = await signUp();
  const { userId, phone } = await signUp({ invited: inviter.inviteCode });
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const { request } = freshRequest(client, { scopes: ["openid", "referral"] });
  expect((await issueAuthorizationCode(request, session, { isAllowed: true })).ok).toBe(true);
  const { subject } = await readPrimary.user.findUniqueOrThrow({ where: { id: inviter.userId } });
  expect(subject).toEqual(expect.any(String));
});
