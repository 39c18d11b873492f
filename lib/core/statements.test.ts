import { createRequire } from "node:module";
import { expect, test } from "playwright/test";
import { env, isPostgresUrl } from "@/lib/env";
import { getProfile } from "./accounts";
import { listReferrals, listReferralTimes } from "./invites";
import { phoneRecipient } from "./recipient";
import { checkSession, openSession } from "./sessions";
import { anybody, signUp } from "./testing";

// Through `require`, for what both drivers export is what their adapters have.
const require = createRequire(import.meta.url);

/** What was asked of the database while `work` ran, one text for each statement, whatever made it. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const [driver, method] = isPostgresUrl(env.DATABASE_URL)
    ? [require("pg").Client.prototype, "query"]
    : [require("better-sqlite3").prototype, "prepare"];
  const statements: string[] = [];
  const original = driver[method];
  driver[method] = function (query: string | { text: string }, ...rest: unknown[]) {
    statements.push(typeof query === "string" ? query : query.text);
    return original.call(this, query, ...rest);
  };
  try {
    await work();
  } finally {
    driver[method] = original;
  }
  return statements;
}

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
