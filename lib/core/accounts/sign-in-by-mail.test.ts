import { expect, _baseTest as test } from "playwright/test";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import type { Email } from "@/lib/core/identity/email";
import { maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { getInvite, getSeenInvite } from "@/lib/core/invites/look-up";
import { listReferrals } from "@/lib/core/invites/referrals";
import { CODE_TTL_MS, RESEND_AFTER_MS, TRIES_PER_CODE } from "@/lib/core/policy";
import {
  after,
  anybody,
  deferral,
  failureOf,
  freshEmail,
  freshPhone,
  receiveCodeOf,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { costOf } from "@/lib/testing/transactions";
import { getProfile } from "./accounts";
import { mailLoginCode, requestMailCode, signInByEmail } from "./sign-in";

const freshHolder = () => Holder.parse(crypto.randomUUID());

/** A person without an account: a mailbox, a phone and a browser. */
const freshCaller = ({ email = freshEmail(), phone = freshPhone() } = {}) => ({ email, phone, holder: freshHolder() });

/** Requests a code for a login by mail, and returns the one that was sent, or null. */
async function requestAndReceive(caller: { email: Email; phone: Phone; holder: Holder }): Promise<OneTimeCode | null> {
  let received: string | null = null;
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const { defer, done } = deferral();
  const sent = await requestMailCode(caller, anybody(), { sender, defer });
  expect(failureOf(sent)).toBe("none");
  await done();
  return received as OneTimeCode | null;
}

async function signUpByMail(caller = freshCaller()) {
  const code = (await requestAndReceive(caller)) as OneTimeCode;
  const login = await signInByEmail({ ...caller, code }, anybody());
  if (!login.ok) throw new Error(login.failure.name);
  return { ...caller, userId: login.value.userId };
}

test("a code to a mailbox makes an account with a claimed phone, and the next one opens it", async () => {
  const first = await signUpByMail();
  expect(await getProfile(first.userId)).toMatchObject({ email: first.email, claimedPhone: first.phone, phone: null });
  const again = await signUpByMail({ ...first, holder: freshHolder() });
  expect(again.userId).toBe(first.userId);
});

test("a mailbox can claim the phone of another account, which keeps it", async () => {
  const owner = await signUp();
  const claimant = await signUpByMail(freshCaller({ phone: owner.phone }));
  expect(claimant.userId).not.toBe(owner.userId);
  expect((await signUp({ phone: owner.phone })).userId).toBe(owner.userId);
});

test("the person who proves a claimed phone gets an account of their own", async () => {
  const claimant = await signUpByMail();
  const owner = await signUp({ phone: claimant.phone });
  expect(owner.userId).not.toBe(claimant.userId);
  expect(await getProfile(owner.userId)).toMatchObject({ phone: claimant.phone, email: null });
});

test("after the right code a mailbox whose account has another phone is told so, and the code is valid with that phone", async () => {
  const owner = await signUpByMail();
  const stranger = freshCaller({ email: owner.email });
  const code = (await requestAndReceive(stranger)) as OneTimeCode;
  expect(failureOf(await signInByEmail({ ...stranger, code: wrongCode(code) }, anybody()))).toBe("code_wrong");
  const mismatch = await signInByEmail({ ...stranger, code }, anybody());
  expect(mismatch).toEqual({ ok: false, failure: { name: "phone_mismatch", phone: maskPhone(owner.phone) } });
  const login = await signInByEmail({ ...stranger, phone: owner.phone, code }, anybody());
  expect(login).toMatchObject({ ok: true, value: { userId: owner.userId, created: false } });
});

test("a code for a mailbox takes the same statements with and without an account, and with any phone", async () => {
  const { email } = await signUpByMail();
  const [known, fresh] = [freshCaller({ email }), freshCaller()];
  expect(await costOf(() => requestAndReceive(known))).toEqual(await costOf(() => requestAndReceive(fresh)));
});

test("a request for a mail is answered before the mail server is asked, and the result is stored as a delivery", async () => {
  const { defer, done } = deferral();
  const states: string[] = [];
  const caller = freshCaller();
  const stateOf = async () => (await getCodeStatus(mailLoginCode(caller), anybody()))?.delivery.state ?? "none";
  const sender = senderOf(async () => {
    states.push(await stateOf());
    return false;
  });
  let begin = () => {};
  const asked = requestMailCode(caller, anybody(), {
    sender,
    defer: (task) => {
      begin = () => defer(task);
    },
  });
  expect(failureOf(await asked)).toBe("none");
  expect(states).toEqual([]);
  begin();
  await done();
  expect([...states, await stateOf()]).toEqual(["sending", "undelivered"]);
});

test("a refused mail leaves the code before it valid", async () => {
  const caller = freshCaller();
  const code = (await requestAndReceive(caller)) as OneTimeCode;
  const { defer, done } = deferral();
  const later = after(new Date(), RESEND_AFTER_MS[0] ?? 0);
  const sender = senderOf(async () => false);
  expect(failureOf(await requestMailCode(caller, anybody(), { sender, defer, now: later }))).toBe("none");
  await done();
  expect(await getCodeStatus(mailLoginCode(caller), anybody(), later)).toMatchObject({
    state: "live",
    delivery: { state: "undelivered" },
    resendInMs: 0,
  });
  expect(failureOf(await signInByEmail({ ...caller, code }, anybody(), { now: later }))).toBe("none");
});

test("if two phones are given with one new mailbox, its account has the phone that logs in first", async () => {
  const email = freshEmail();
  const [one, other] = [freshCaller({ email }), freshCaller({ email })];
  const codes = [await requestAndReceive(one), await requestAndReceive(other)] as OneTimeCode[];
  expect(failureOf(await signInByEmail({ ...one, code: codes[0] as OneTimeCode }, anybody()))).toBe("none");
  expect(failureOf(await signInByEmail({ ...other, code: codes[1] as OneTimeCode }, anybody()))).toBe("phone_mismatch");
});

test("a person who signed up by mail is shown by their masked mailbox, and has no phone in a list of referrals", async () => {
  const inviter = await signUpByMail();
  const profile = await getProfile(inviter.userId);
  const caller = freshCaller();
  const code = (await requestAndReceive(caller)) as OneTimeCode;
  await signInByEmail({ ...caller, code, invite: profile && (await getSeenInvite(profile.inviteCode)) }, anybody());
  const masked = expect.stringMatching(/^p···@example\.com$/);
  expect(profile && (await getInvite(profile.inviteCode, anybody()))).toMatchObject({ value: { inviter: masked } });
  expect(await listReferrals(inviter.userId)).toMatchObject({ referrals: [{ phone: null, masked }] });
});

test("the right code with another phone uses no attempt", async () => {
  const { email, phone } = await signUpByMail();
  const holder = Holder.parse(crypto.randomUUID());
  const code = await receiveCodeOf(mailLoginCode({ email, holder }));
  for (let wrong = 1; wrong < TRIES_PER_CODE; wrong += 1) {
    await signInByEmail({ email, phone, holder, code: wrongCode(code) }, anybody());
  }
  const other = { email, phone: freshPhone(), holder, code };
  for (let times = 0; times < 3; times += 1) {
    expect(failureOf(await signInByEmail(other, anybody()))).toBe("phone_mismatch");
  }
  expect(failureOf(await signInByEmail({ email, phone, holder, code }, anybody()))).toBe("none");
});

test("a refused mail starts no wait if the code before it has expired", async () => {
  const [now, by] = [new Date(), anybody()];
  const key = mailLoginCode({ email: freshEmail(), holder: Holder.parse(crypto.randomUUID()) });
  await receiveCodeOf(key, now);
  const later = after(now, CODE_TTL_MS + 1000);
  const { defer, done } = deferral();
  const sender = senderOf(async () => false);
  expect(failureOf(await requestCode(key, by, { now: later, sender, defer }))).toBe("none");
  await done();
  expect((await getCodeStatus(key, by, after(later, 10)))?.resendInMs).toBe(0);
});
