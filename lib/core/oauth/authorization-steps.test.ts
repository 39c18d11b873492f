import { expect, _baseTest as test } from "playwright/test";
import type { AuthorizationRequest } from "@/lib/core/oauth/authorization-request";
import { freshClient, freshRequest, freshSession } from "@/lib/testing/oauth";
import { type Authorization, findNextStep, needsLogin } from "./authorization-steps";
import type { ClientSettings } from "./clients";
import { getSubject } from "./subjects";

const MINUTE_MS = 60_000;
const LOGIN = { name: "login" };
const CONSENT = { name: "consent" };
const LOGIN_REQUIRED = { name: "refused", error: "login_required" };

/** A request of a fresh application in a browser that has this session when the request arrives. */
async function arrive(
  asked: Partial<AuthorizationRequest> & Partial<Pick<Authorization, "expectedSub" | "sessionIdAtStart">> = {},
  settings: Partial<Record<keyof ClientSettings, unknown>> = { isFirstParty: true },
): Promise<Authorization> {
  const { client } = await freshClient(settings);
  const { request } = freshRequest(client, asked);
  return { expectedSub: null, sessionIdAtStart: null, ...asked, ...request, clientId: client.id };
}

test("a browser without a session logs in, and a silent request of it is refused", async () => {
  expect(await findNextStep(await arrive(), null)).toEqual(LOGIN);
  expect(await findNextStep(await arrive({ prompts: ["none"] }), null)).toMatchObject(LOGIN_REQUIRED);
});

test("an application that the person has not allowed asks for consent, and a silent request of it is refused", async () => {
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

test("max_age asks for a login that is not older, once", async () => {
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
  const expectedSub = await getSubject({ userId, clientId: client.id });
  const of = (sessionIdAtStart: string | null, prompts: AuthorizationRequest["prompts"] = []) => ({
    ...freshRequest(client, { prompts }).request,
    clientId: client.id,
    expectedSub,
    sessionIdAtStart,
  });
  expect(await findNextStep(of(session.id), session)).toEqual({ name: "code", session });
  expect(await findNextStep(of(other.id), other)).toEqual(LOGIN);
  expect(await findNextStep(of(other.id, ["none"]), other)).toMatchObject(LOGIN_REQUIRED);
  expect(await findNextStep(of(other.id), session)).toEqual({ name: "code", session });
  expect(await findNextStep(of(null), other)).toMatchObject(LOGIN_REQUIRED);
});
