import { expect, _baseTest as test } from "playwright/test";
import { Phone } from "@/lib/core/identity/phone";
import { write } from "@/lib/db/database";
import { renderMetrics } from "@/lib/ops/metrics";
import { warningsOf } from "@/lib/testing/log";
import { after, anybody, failureOf, freshOwner, receiveCode, senderOf, signUp, wrongCode } from "@/lib/testing/people";
import { withEachWriteRunAgain } from "@/lib/testing/transactions";
import { phoneLoginCode, signInByPhone } from "./accounts/sign-in";
import { requestCode } from "./challenges/request-code";
import { activateInvite } from "./invites/activation";
import { SMS_BUDGET_PER_DAY } from "./policy";
import { keyOf, smsLimit } from "./rate-limits";

const HOUR_MS = 60 * 60 * 1000;
const accepting = senderOf(async () => true);

/** Returns the counts of codes, messages and activations in the metrics, by name. */
async function countsOf(): Promise<Record<string, number>> {
  const { text } = await renderMetrics();
  const counts = text.matchAll(/^(sarafan_(?:codes|sender|activations)\w*\{[^}]*\}) (\d+)$/gm);
  return Object.fromEntries([...counts].map(([, name = "", count]) => [name, Number(count)]));
}

/** Returns by how much `work` raised each count. */
async function countedBy(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await countsOf();
  await work();
  const raised = Object.entries(await countsOf()).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(raised.filter(([, by]) => by > 0));
}

test("codes and activations are counted once, however often a transaction runs again", async () => {
  const [owner, inviter, invitee] = [freshOwner(), await signUp(), await signUp()];
  const code = await receiveCode(owner);
  const counted = await countedBy(() =>
    withEachWriteRunAgain(async () => {
      expect(failureOf(await requestCode(phoneLoginCode(freshOwner()), anybody(), { sender: accepting }))).toBe("none");
      const unserved = freshOwner(Phone.parse("+33612345678"));
      expect(failureOf(await requestCode(phoneLoginCode(unserved), anybody()))).toBe("country_not_allowed");
      expect(failureOf(await signInByPhone({ ...owner, code: wrongCode(code) }, anybody()))).toBe("code_wrong");
      expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
      expect(failureOf(await activateInvite({ userId: invitee.userId, code: inviter.inviteCode }))).toBe("none");
    }),
  );
  expect(counted).toEqual({
    'sarafan_sender_messages_total{sender="mail",outcome="accepted"}': 1,
    'sarafan_sender_messages_total{sender="none",outcome="country_not_allowed"}': 1,
    'sarafan_codes_sent_total{outcome="ok"}': 1,
    'sarafan_codes_sent_total{outcome="country_not_allowed"}': 1,
    'sarafan_codes_verified_total{outcome="code_wrong"}': 1,
    'sarafan_codes_verified_total{outcome="ok"}': 1,
    'sarafan_activations_total{outcome="ok"}': 1,
  });
});

test("used-up messages of the day are logged and counted once", async () => {
  const now = new Date();
  const key = keyOf({ limit: smsLimit(0), subject: "all" });
  const counter = { count: SMS_BUDGET_PER_DAY ?? 0, resetsAt: after(now, HOUR_MS) };
  await write((tx) => tx.counter.upsert({ where: { key }, create: { key, ...counter }, update: counter }));
  const asked = () => requestCode(phoneLoginCode(freshOwner()), anybody(), { now, sender: accepting });
  const counted = await countedBy(async () => {
    const warnings = await warningsOf(() =>
      withEachWriteRunAgain(async () => expect(failureOf(await asked())).toBe("budget_spent")),
    );
    expect(warnings.filter(({ message }) => message.includes("messages are used up"))).toHaveLength(1);
  });
  expect(counted).toEqual({
    'sarafan_sender_messages_total{sender="none",outcome="day_messages_spent"}': 1,
    'sarafan_codes_sent_total{outcome="budget_spent"}': 1,
  });
  await write((tx) => tx.counter.deleteMany({ where: { key: { startsWith: "message" } } }));
});
