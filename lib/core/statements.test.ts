import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import type { OneTimeCode } from "@/lib/core/challenges/one-time-code";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { listReferrals, listReferralTimes } from "@/lib/core/invites/referrals";
import { checkSession, refreshSession } from "@/lib/core/sessions/sessions";
import { env, isPostgresUrl } from "@/lib/env";
import { anybody, freshOwner, openClientSession, openSession, senderOf, signUp } from "@/lib/testing/people";
import { costOf } from "@/lib/testing/transactions";
import { phoneLoginCode, signInByPhone } from "./accounts/sign-in";
import { requestCode } from "./challenges/request-code";
import { activateInvite } from "./invites/activation";

const isPostgres = isPostgresUrl(env.DATABASE_URL);

/** The cost of a path. SQLite has no round trips. */
const cost = (statements: number, transactions: number, roundTrips: number) => ({
  statements,
  transactions,
  roundTrips: isPostgres ? roundTrips : 0,
});

// The first requests open connections, which costs statements.
test.beforeAll(async () => {
  const { userId, phone, inviteCode } = await signUp();
  const session = await openClientSession({ userId, proven: phoneRecipient(phone) }, anybody());
  await checkSession(session.id);
  await activateInvite({ userId: (await signUp()).userId, code: inviteCode });
});

test("checking a session, reading a profile and listing its referrals takes one statement each", async () => {
  const inviter = await signUp();
  const person = await signUp({ invited: inviter.inviteCode });
  for (let referrals = 0; referrals < 3; referrals += 1) await signUp({ invited: person.inviteCode });
  const { id } = await openSession({ userId: person.userId, proven: phoneRecipient(person.phone) }, anybody());
  expect(await costOf(() => checkSession(id))).toEqual(cost(1, 0, 1));
  expect(await costOf(() => getProfile(person.userId))).toEqual(cost(1, 0, 1));
  expect(await costOf(() => listReferrals(person.userId))).toEqual(cost(1, 0, 1));
  expect((await costOf(() => listReferralTimes(person.userId))).statements).toBe(1);
});

/** Returns the cost of requesting a code and of signing in with it. */
async function costsOfLogin(phone: Phone | undefined) {
  const owner = freshOwner(phone);
  const by = anybody();
  let code = "" as OneTimeCode;
  const sender = senderOf(async (message) => {
    code = message.code as OneTimeCode;
    return true;
  });
  const session = { kind: "browser", browserId: crypto.randomUUID() } as const;
  const asked = await costOf(() => requestCode(phoneLoginCode(owner), by, { sender }));
  const signedIn = await costOf(() => signInByPhone({ ...owner, code }, by, { session }));
  return { asked, signedIn };
}

test("a login takes a fixed number of statements, for a phone with and without an account", async () => {
  const known = await costsOfLogin((await signUp()).phone);
  const fresh = await costsOfLogin(undefined);
  expect(known.asked).toEqual(fresh.asked);
  expect(known.asked).toEqual(cost(9, 2, 5));
  // Of these, two publish that a session was opened; one more that it is unconfirmed, or that the account was made.
  expect(known.signedIn).toEqual(cost(18, 2, 7));
  expect(fresh.signedIn).toEqual(cost(18, 2, 7));
});

test("refreshing a token and activating an invite takes a fixed number of statements", async () => {
  const [inviter, invitee] = [await signUp(), await signUp()];
  const login = { userId: invitee.userId, proven: phoneRecipient(invitee.phone) };
  const { id, generation } = await openClientSession(login, anybody());
  expect(await costOf(() => refreshSession({ id, generation }))).toEqual(cost(1, 1, 2));
  expect(await costOf(() => activateInvite({ userId: invitee.userId, code: inviter.inviteCode }))).toEqual(
    cost(10, 1, 3),
  );
});
