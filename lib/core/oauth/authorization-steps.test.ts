import { expect, _baseTest as test } from "playwright/test";
import { setClientDisabled } from "@/lib/core/administration/clients";
import type { AuthorizationRequest } from "@/lib/core/oauth/authorization-request";
import { AUTHORIZATION_CODES_PER_USER_PER_HOUR, CLOCK_SKEW_MS_MAX } from "@/lib/core/policy";
import { AUTHORIZATION_CODES_OF_USER, record } from "@/lib/core/rate-limits";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { transact } from "@/lib/db/database";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { COMMAND_LINE } from "../administration/actor";
import {
  type Authorization,
  advanceAuthorization,
  allowAuthorization,
  denyAuthorization,
  findNextStep,
  needsLogin,
  resumeAuthorization,
} from "./authorization-steps";
import { type ClientSettings, replaceSettings } from "./clients";
import { RedirectUri } from "./redirect-uri";
import { getPairwiseSubject } from "./subjects";

const MINUTE_MS = 60_000;
const LOGIN = { name: "login" };
const CONSENT = { name: "consent" };
const LOGIN_REQUIRED = { name: "refused", error: "login_required" };

/** A request of a fresh application in a browser that has this session when the request arrives. */
async function arrive(
  asked: Partial<AuthorizationRequest> &
    Partial<Pick<Authorization, "expectedSub" | "sessionIdAtStart" | "startedAt">> = {},
  settings: Partial<Record<keyof ClientSettings, unknown>> = { isFirstParty: true },
): Promise<Authorization> {
  const { client } = await freshClient(settings);
  const { request } = freshRequest(client, asked);
  return {
    expectedSub: null,
    sessionIdAtStart: null,
    startedAt: new Date(),
    ...asked,
    ...request,
    clientId: client.id,
  };
}

test("a person without a session logs in, and prompt=none is refused", async () => {
  expect(await findNextStep(await arrive(), null)).toEqual(LOGIN);
  expect(await findNextStep(await arrive({ prompts: ["none"] }), null)).toMatchObject(LOGIN_REQUIRED);
});

test("an application that the person has not allowed asks for consent, and prompt=none is refused", async () => {
  const { session } = await freshSession();
  expect(await findNextStep(await arrive({}, {}), session)).toEqual(CONSENT);
  const silent = { name: "refused", error: "consent_required" };
  expect(await findNextStep(await arrive({ prompts: ["none"] }, {}), session)).toMatchObject(silent);
  expect(await findNextStep(await arrive({ prompts: ["none"] }), session)).toEqual({ name: "code", session });
  expect(await findNextStep(await arrive({ prompts: ["consent"] }), session)).toEqual(CONSENT);
});

test("prompt=login asks a person with a session to log in, once", async () => {
  const [{ session: before }, { session: after }] = [await freshSession(), await freshSession()];
  const authorization = await arrive({ prompts: ["login"], sessionIdAtStart: before.id });
  expect(await findNextStep(authorization, before)).toEqual(LOGIN);
  expect(await needsLogin(authorization, after)).toBe(false);
  expect(await findNextStep(authorization, after)).toEqual({ name: "code", session: after });
});

test("max_age asks a person with an older login to log in, once", async () => {
  const now = new Date();
  const loggedInAt = new Date(now.getTime() - 10 * MINUTE_MS);
  const [{ session: before }, { session: after }] = [await freshSession(loggedInAt), await freshSession()];
  const of = (maxAgeS: number) => arrive({ maxAgeS, sessionIdAtStart: before.id });
  expect(await findNextStep(await of(11 * 60), before, now)).toEqual({ name: "code", session: before });
  expect(await findNextStep(await of(9 * 60), before, now)).toEqual(LOGIN);
  expect(await findNextStep(await of(0), before, loggedInAt)).toEqual(LOGIN);
  expect(await findNextStep(await of(0), after, now)).toEqual({ name: "code", session: after });
  const silent = await arrive({ maxAgeS: 60, prompts: ["none"], sessionIdAtStart: before.id });
  expect(await findNextStep(silent, before, now)).toMatchObject(LOGIN_REQUIRED);
});

test("an application that expects a person gets no other one, and the other one may log in as that person", async () => {
  const [{ session, userId }, { session: other }] = [await freshSession(), await freshSession()];
  const { client } = await freshClient({ isFirstParty: true });
  const expectedSub = await getPairwiseSubject({ userId, clientId: client.id });
  const of = (sessionIdAtStart: string | null, prompts: AuthorizationRequest["prompts"] = []) => ({
    ...freshRequest(client, { prompts }).request,
    clientId: client.id,
    expectedSub,
    sessionIdAtStart,
    startedAt: new Date(),
  });
  expect(await findNextStep(of(session.id), session)).toEqual({ name: "code", session });
  expect(await findNextStep(of(other.id), other)).toEqual(LOGIN);
  expect(await findNextStep(of(other.id, ["none"]), other)).toMatchObject(LOGIN_REQUIRED);
  expect(await findNextStep(of(other.id), session)).toEqual({ name: "code", session });
  expect(await findNextStep(of(null), other)).toMatchObject(LOGIN_REQUIRED);
});

test("a session that is older than the request is no login for it, also if it was not there when the request arrived", async () => {
  const startedAt = new Date();
  const of = (ageMs: number) => freshSession(new Date(startedAt.getTime() - ageMs));
  const [{ session: older }, { session: skewed }] = [await of(CLOCK_SKEW_MS_MAX + 1), await of(CLOCK_SKEW_MS_MAX)];
  const demands: Parameters<typeof arrive>[0][] = [
    { prompts: ["login"] },
    { maxAgeS: 60 },
    { expectedSub: "another person" },
  ];
  for (const demand of demands) {
    const authorization = await arrive({ ...demand, startedAt });
    expect(await needsLogin(authorization, older, startedAt), JSON.stringify(demand)).toBe(true);
    // It may have been opened since, by a server whose clock is behind.
    expect(await needsLogin(authorization, skewed, startedAt), JSON.stringify(demand)).toBe(false);
  }
});

/** The parameters of the answer that a request got. */
const answerOf = (outcome: object) => {
  const address = "address" in outcome ? outcome.address : "value" in outcome ? outcome.value : "";
  return Object.fromEntries(new URL(String(address)).searchParams);
};

test("a request goes on as far as it goes without the person", async () => {
  const { session } = await freshSession();
  const own = await arrive({ state: "s" });
  expect(await advanceAuthorization(own, null)).toEqual(LOGIN);
  const answered = await advanceAuthorization(own, session);
  expect(answered).toMatchObject({ address: expect.stringMatching(/^https:\/\/app\.example\/callback\?/) });
  expect(answerOf(answered)).toEqual({ code: expect.any(String), state: "s", iss: expect.any(String) });
  expect(await advanceAuthorization(await arrive({}, {}), session)).toEqual(CONSENT);
  const silent = await advanceAuthorization(await arrive({ prompts: ["none"], state: "s" }), null);
  expect(answerOf(silent)).toMatchObject({ error: "login_required", state: "s" });
});

test("a login is asked for again if the session has ended since it was read", async () => {
  const { session } = await freshSession();
  await endSession(session.id);
  expect(await advanceAuthorization(await arrive(), session)).toEqual(LOGIN);
});

test("prompt=none leads to no page, also if the session ends while it is answered", async () => {
  const { session } = await freshSession();
  await endSession(session.id);
  const answered = await advanceAuthorization(await arrive({ prompts: ["none"], state: "s" }), session);
  expect(answerOf(answered)).toMatchObject({ error: "login_required", state: "s" });
});

test("the person's answer becomes a code or an error, and a consent is remembered", async () => {
  const { session } = await freshSession();
  const asked = await arrive({ state: "s" }, {});
  const denied = denyAuthorization(asked);
  expect(answerOf({ address: denied })).toMatchObject({ error: "access_denied", state: "s" });
  expect(await findNextStep(asked, session)).toEqual(CONSENT);
  const allowed = await allowAuthorization(asked, session);
  expect(answerOf(allowed)).toMatchObject({ code: expect.any(String), state: "s" });
  expect(await findNextStep(asked, session)).toEqual({ name: "code", session });
});

test("a person who refuses gives no code, also if another tab has allowed the application before", async () => {
  const { session } = await freshSession();
  const [one, other] = [await arrive({ state: "s" }, {}), await arrive()];
  await allowAuthorization(one, session);
  for (const asked of [one, other]) {
    expect(await findNextStep(asked, session)).toMatchObject({ name: "code" });
    expect(answerOf({ address: denyAuthorization(asked) })).toMatchObject({ error: "access_denied" });
  }
});

test("an application is allowed only while there is something to ask that person", async () => {
  const [{ session }, { session: other }] = [await freshSession(), await freshSession()];
  const stepChanged = { ok: false, failure: { name: "step_changed" } };
  const allow = (asked: Authorization, by: Session) => allowAuthorization(asked, by);
  const ended = await arrive({ sessionIdAtStart: session.id }, {});
  await endSession(session.id);
  expect(await allow(ended, session)).toEqual(stepChanged);
  expect(await allow(await arrive({ prompts: ["login"], sessionIdAtStart: other.id }, {}), other)).toEqual(stepChanged);
  expect(await allow(await arrive({ prompts: ["none"] }, {}), other)).toEqual(stepChanged);
  expect(await allow(await arrive(), other)).toEqual(stepChanged);
});

test("after too many codes of the account, the application is told to wait", async () => {
  const { session, userId } = await freshSession();
  const charge = { limit: AUTHORIZATION_CODES_OF_USER, subject: String(userId) };
  const amount = AUTHORIZATION_CODES_PER_USER_PER_HOUR;
  await transact((tx) => record(tx, [{ ...charge, amount }], new Date()));
  const answered = await advanceAuthorization(await arrive({ state: "s" }), session);
  expect(answerOf(answered)).toMatchObject({ error: "temporarily_unavailable", state: "s" });
  expect(answerOf(answered)).not.toHaveProperty("code");
});

test("a request that waited goes on only if its application may still do what it asked for", async () => {
  const waiting = await arrive({ scopes: ["openid", "phone"] });
  const { client } = waiting;
  const settings: ClientSettings = { ...client, isFirstParty: true };
  const change = (changes: Partial<ClientSettings>) =>
    transact(async (tx) => replaceSettings(tx, client.id, { ...settings, ...changes }));
  expect(await resumeAuthorization(waiting)).toEqual(waiting);
  await change({ redirectUris: [RedirectUri.parse("https://app.example/other")] });
  expect(await resumeAuthorization(waiting)).toBeNull();
  await change({ scopes: ["openid"] });
  expect(await resumeAuthorization(waiting)).toBeNull();
  await change({});
  expect(await resumeAuthorization(waiting)).toEqual(waiting);
  await setClientDisabled(COMMAND_LINE, { id: client.id, isDisabled: true });
  expect(await resumeAuthorization(waiting)).toBeNull();
  expect(await resumeAuthorization({ ...waiting, clientId: "0".repeat(24) })).toBeNull();
});
