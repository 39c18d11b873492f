import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { signInByPhone } from "@/lib/core/accounts/sign-in";
import type { OneTimeCode } from "@/lib/core/challenges/one-time-code";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { type FoundInvite, getInvite, getSeenInvite } from "@/lib/core/invites/look-up";
import type { Session } from "@/lib/core/sessions/sessions";
import { readPrimary } from "@/lib/db/database";
import { freshClient, freshRequest } from "@/lib/testing/oauth";
import { after, anybody, failureOf, freshOwner, receiveCode, signUp } from "@/lib/testing/people";
import { issueAuthorizationCode, redeemAuthorizationCode } from "./authorization-codes";
import { getClaims } from "./claims";
import type { OAuthClient } from "./clients";
import { getPairwiseSubject } from "./subjects";

const JOURNEYS = 200;
const AT_ONCE = 4;
const CUTS_MAX = 10;
/** Longer than the waits and hourly and daily limits of requests for codes. */
const BETWEEN_CODES_MS = 3 * 60 * 60 * 1000;

/**
 * Where a server is killed: before it does the step, or after it has done the step and before the browser gets the answer. `null`
 * stands for a server that answers.
 */
type Cut = "before the step" | "before the answer" | null;
const anyCut = fc.constantFrom<Cut>("before the step", "before the answer", null);

class Killed extends Error {}

/** A new person comes from an application with an invitation. They begin the step again that a killed server did not answer. */
async function travel(client: OAuthClient, inviteCode: InviteCode, cuts: readonly Cut[]) {
  const [owner, cutsLeft] = [freshOwner(), [...cuts]];
  let now = new Date();
  const steps: string[] = [];

  async function step<Value>(name: string, run: () => Promise<Value>): Promise<Value> {
    const cut = cutsLeft.shift() ?? null;
    steps.push(cut === null ? name : `${name}, killed ${cut}`);
    if (cut === "before the step") throw new Killed();
    const done = await run();
    if (cut === "before the answer") throw new Killed();
    return done;
  }

  // What the browser and the application remember: what was answered.
  let invite: FoundInvite | null = null;
  let code: OneTimeCode | null = null;
  let session: Session | null = null;
  let exchange: Parameters<typeof redeemAuthorizationCode>[0] | null = null;
  for (;;) {
    try {
      if (!invite) {
        const found = await step("the invitation is looked up", () => getInvite(inviteCode, anybody(), now));
        if (!found.ok) throw new Error(found.failure.name);
        invite = found.value;
      } else if (!session && !code) {
        now = after(now, BETWEEN_CODES_MS);
        code = await step("a code is sent", () => receiveCode(owner, now));
      } else if (!session && code) {
        const typed = { ...owner, code, invite: await getSeenInvite(invite.code) };
        code = null;
        const requester = anybody();
        const login = await step("the person logs in", () =>
          signInByPhone(typed, requester, { now, session: { kind: "browser", browserId: null } }),
        );
        if (login.ok) session = login.value.session;
      } else if (session && !exchange) {
        const { request, verifier } = freshRequest(client, { scopes: ["openid", "phone", "referral"] });
        const own = session;
        const issued = await step("an authorization code is made", () =>
          issueAuthorizationCode(request, own, { isAllowed: true, now }),
        );
        if (!issued.ok) throw new Error(issued.failure.name);
        exchange = { code: issued.value, client, redirectUri: request.redirectUri, verifier };
      } else if (exchange) {
        const own = exchange;
        exchange = null;
        const grant = await step("the application exchanges it", () => redeemAuthorizationCode(own, now));
        if (grant.ok) return { claims: await getClaims(grant.value), phone: owner.phone, steps };
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

test(`of ${JOURNEYS} journeys with an invitation, killed between any two steps, no invitation is lost and none counts twice`, async () => {
  test.setTimeout(180_000);
  const inviter = await signUp();
  const { client } = await freshClient({ scopes: ["openid", "phone", "referral"] });
  const invitedBy = await getPairwiseSubject({ userId: inviter.userId, clientId: client.id });
  const cutSteps = new Set<string>();
  let journeys = 0;
  const expectInvitedOnce = async (cuts: readonly Cut[]) => {
    const { claims, phone, steps } = await travel(client, inviter.inviteCode, cuts);
    journeys += 1;
    for (const step of steps) cutSteps.add(step);
    expect(claims, steps.join("\n")).toMatchObject({ phone_number: phone, invited_by: invitedBy });
    const { id } = await readPrimary.user.findUniqueOrThrow({ where: { phone } });
    const activations = { subjectId: id, action: "invite_activated" };
    expect(await readPrimary.auditEvent.findMany({ where: activations }), steps.join("\n")).toHaveLength(1);
  };
  const anyCuts = fc.array(anyCut, { maxLength: CUTS_MAX, size: "max" });
  await fc.assert(
    fc.asyncProperty(fc.array(anyCuts, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (people) => {
      await Promise.all(people.map(expectInvitedOnce));
    }),
    { numRuns: JOURNEYS / AT_ONCE },
  );
  const { referralCount, referrals } = await readPrimary.user.findUniqueOrThrow({
    where: { id: inviter.userId },
    include: { referrals: true },
  });
  expect([referralCount, referrals.length]).toEqual([journeys, journeys]);
  // Each of the five steps was answered, and was cut in both places.
  expect([...cutSteps].sort()).toHaveLength(5 * 3);
});

test("two tabs with two invitations and one code make one account, with the inviter of the tab that made it", async () => {
  const inviters = [await signUp(), await signUp()];
  for (let round = 0; round < 10; round += 1) {
    const owner = freshOwner();
    const code = await receiveCode(owner);
    const logins = await Promise.all(
      inviters.map(async ({ inviteCode }) => {
        const invite = await getSeenInvite(inviteCode);
        return signInByPhone({ ...owner, code, invite }, anybody(), {
          session: { kind: "browser", browserId: null },
        });
      }),
    );
    const made = logins.findIndex((login) => login.ok && login.value.created);
    expect(logins.map(failureOf).toSorted(), "a code works once").toEqual(["code_expired", "none"]);
    const { activation } = await readPrimary.user.findUniqueOrThrow({
      where: { phone: owner.phone },
      include: { activation: true },
    });
    expect(activation?.inviterId).toBe(inviters[made]?.userId);
  }
});
