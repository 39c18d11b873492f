import { expect, test } from "playwright/test";
import { getProfile } from "./accounts";
import { listReferrals, listReferralTimes } from "./invites";
import { phoneRecipient } from "./recipient";
import { checkSession, openSession } from "./sessions";
import { anybody, signUp, statementsOf } from "./testing";

test("the statements on the hot paths are as many as they have to be", async () => {
  const inviter = await signUp();
  const person = await signUp({ invited: inviter.inviteCode });
  for (let referrals = 0; referrals < 3; referrals += 1) await signUp({ invited: person.inviteCode });
  const { id } = await openSession({ userId: person.userId, proven: phoneRecipient(person.phone) }, anybody());

  expect(await statementsOf(() => checkSession(id))).toHaveLength(1);
  expect(await statementsOf(() => getProfile(person.userId))).toHaveLength(1);
  expect(await statementsOf(() => listReferrals(person.userId))).toHaveLength(1);
  expect(await statementsOf(() => listReferralTimes(person.userId))).toHaveLength(1);
});
