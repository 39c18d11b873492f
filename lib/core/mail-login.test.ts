import { expect, test } from "playwright/test";
import { refused } from "@/lib/senders/sender";
import { getProfile } from "./accounts";
import { getCodeStatus } from "./challenges";
import type { Email } from "./email";
import { getInvite, listReferrals } from "./invites";
import { mailLoginCode, requestMailCode, verifyMailCode } from "./login";
import { Asker, type OneTimeCode } from "./one-time-code";
import type { Phone } from "./phone";
import { TRIES_PER_CODE } from "./policy";
import { anybody, failureOf, freshEmail, freshPhone, senderOf, signUp } from "./testing";

const freshAsker = () => Asker.parse(crypto.randomUUID());

/** Somebody's mailbox, phone and browser. */
const freshCaller = ({ email = freshEmail(), phone = freshPhone() } = {}) => ({ email, phone, asker: freshAsker() });

/** Asks for a code and returns what was sent, null when nothing was. */
async function askFor(caller: { email: Email; phone: Phone; asker: Asker }): Promise<OneTimeCode | null> {
  let received: string | null = null;
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const sent = await requestMailCode(caller, anybody(), { sender });
  expect(failureOf(sent)).toBe("none");
  return received as OneTimeCode | null;
}

async function signUpByMail(caller = freshCaller()) {
  const code = (await askFor(caller)) as OneTimeCode;
  const login = await verifyMailCode({ ...caller, code }, anybody());
  if (!login.ok) throw new Error(login.failure.name);
  return { ...caller, userId: login.value.userId };
}

test("a mailbox makes an account whose phone is a claim, and opens it again", async () => {
  const first = await signUpByMail();
  expect(await getProfile(first.userId)).toMatchObject({ email: first.email, claimedPhone: first.phone, phone: null });
  const again = await signUpByMail({ ...first, asker: freshAsker() });
  expect(again.userId).toBe(first.userId);
});

test("a phone that is somebody's can be claimed by any mailbox, and stays theirs", async () => {
  const owner = await signUp();
  const claimant = await signUpByMail(freshCaller({ phone: owner.phone }));
  expect(claimant.userId).not.toBe(owner.userId);
  expect((await signUp({ phone: owner.phone })).userId).toBe(owner.userId);
});

test("a claim gives way to whoever proves the phone", async () => {
  const claimant = await signUpByMail();
  const owner = await signUp({ phone: claimant.phone });
  expect(owner.userId).not.toBe(claimant.userId);
  expect(await getProfile(owner.userId)).toMatchObject({ phone: claimant.phone, email: null });
});

test("a known mailbox with another phone is sent nothing, and no code is right", async () => {
  const { email, userId } = await signUpByMail();
  const stranger = freshCaller({ email });
  expect(await askFor(stranger)).toBeNull();
  expect(await getCodeStatus(mailLoginCode(stranger), anybody())).toMatchObject({ state: "live", digits: 4 });
  const code = "1234" as OneTimeCode;
  for (let left = TRIES_PER_CODE - 1; left >= 0; left -= 1) {
    const tried = await verifyMailCode({ ...stranger, code }, anybody());
    expect(tried).toEqual({ ok: false, failure: { name: "code_wrong", triesLeft: left } });
  }
  expect(failureOf(await verifyMailCode({ ...stranger, code }, anybody()))).toBe("code_spent");
  expect(await getProfile(userId)).not.toBeNull();
});

test("nothing that is sent to a decoy waits less or fails otherwise", async () => {
  const { email } = await signUpByMail();
  const stranger = freshCaller({ email });
  const gone = { ...senderOf(async () => false), pretend: async () => refused("in_a_test") };
  expect(failureOf(await requestMailCode(stranger, anybody(), { sender: gone }))).toBe("code_not_sent");
  await askFor(stranger);
  expect(failureOf(await requestMailCode(stranger, anybody()))).toBe("resend_too_early");
});

test("of two phones that ask for one new mailbox, the one that was first to log in is the account's", async () => {
  const email = freshEmail();
  const [one, other] = [freshCaller({ email }), freshCaller({ email })];
  const codes = [await askFor(one), await askFor(other)] as OneTimeCode[];
  expect(failureOf(await verifyMailCode({ ...one, code: codes[0] as OneTimeCode }, anybody()))).toBe("none");
  expect(failureOf(await verifyMailCode({ ...other, code: codes[1] as OneTimeCode }, anybody()))).toBe("code_expired");
});

test("somebody who came by mail is shown by their mailbox, masked, and has no phone in a list", async () => {
  const inviter = await signUpByMail();
  const profile = await getProfile(inviter.userId);
  const caller = freshCaller();
  const code = (await askFor(caller)) as OneTimeCode;
  await verifyMailCode({ ...caller, code, invite: profile?.inviteCode ?? null }, anybody());
  const masked = expect.stringMatching(/^p···@example\.com$/);
  expect(profile && (await getInvite(profile.inviteCode, anybody()))).toMatchObject({ value: { inviter: masked } });
  expect(await listReferrals(inviter.userId)).toMatchObject({ referrals: [{ phone: null, masked }] });
});
