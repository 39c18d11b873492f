import { expect, test } from "playwright/test";
import { getProfile, phoneProofCode, provePhone, requestPhoneProof } from "./accounts";
import { getCodeStatus } from "./challenges";
import { Email } from "./email";
import { getInvite, listReferrals } from "./invites";
import { mailLoginCode, requestMailCode, verifyMailCode } from "./login";
import { Asker, type OneTimeCode } from "./one-time-code";
import type { Phone } from "./phone";
import { RESEND_AFTER_MS, TRIES_PER_CODE } from "./policy";
import { anybody, failureOf, freshPhone, senderOf, signUp, wrongCode } from "./testing";

const freshAsker = () => Asker.parse(crypto.randomUUID());

let mailboxes = 0;
function freshEmail(): Email {
  mailboxes += 1;
  return Email.parse(`person-${process.pid}-${mailboxes}@example.com`);
}

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

/** Has both codes for the proof of a phone sent. */
async function receiveProofCodes(session: { id: string; userId: number }, now = new Date()) {
  const codes = new Map<string, OneTimeCode>();
  const sender = senderOf(async ({ to, code }) => Boolean(codes.set(to, code as OneTimeCode)));
  expect(failureOf(await requestPhoneProof(session, anybody(), { sender, now }))).toBe("none");
  const account = await getProfile(session.userId);
  const [emailCode, phoneCode] = [codes.get(account?.email ?? ""), codes.get(account?.claimedPhone ?? "")];
  if (!emailCode || !phoneCode) throw new Error("a code is missing");
  return { emailCode, phoneCode };
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
  const gone = { send: async () => false, pretend: async () => false };
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

test("a phone is proven by a code to the mailbox and one to the phone", async () => {
  const { userId, phone, email } = await signUpByMail();
  const session = { id: freshAsker(), userId };
  const codes = await receiveProofCodes(session);
  expect(failureOf(await provePhone(session, codes, anybody()))).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone, claimedPhone: null, email });
  expect((await signUp({ phone })).userId).toBe(userId);
  expect(failureOf(await provePhone(session, codes, anybody()))).toBe("nothing_to_prove");
});

test("neither code alone proves a phone, nor does somebody else's pair", async () => {
  const { userId, phone } = await signUpByMail();
  const session = { id: freshAsker(), userId };
  const { emailCode, phoneCode } = await receiveProofCodes(session);
  for (const codes of [
    { emailCode, phoneCode: wrongCode(phoneCode) },
    { emailCode: wrongCode(emailCode), phoneCode },
  ]) {
    expect(failureOf(await provePhone(session, codes, anybody()))).toBe("code_refused");
  }
  expect(failureOf(await provePhone({ id: freshAsker(), userId }, { emailCode, phoneCode }, anybody()))).toBe(
    "code_refused",
  );
  expect(await getProfile(userId)).toMatchObject({ phone: null, claimedPhone: phone });
});

test("that the phone has an account is told only after the right codes", async () => {
  const { userId, phone } = await signUpByMail();
  await signUp({ phone });
  const session = { id: freshAsker(), userId };
  const now = new Date();
  const codes = await receiveProofCodes(session, now);
  const wrong = { ...codes, phoneCode: wrongCode(codes.phoneCode) };
  expect(failureOf(await provePhone(session, wrong, anybody()))).toBe("code_refused");
  expect(failureOf(await provePhone(session, codes, anybody()))).toBe("phone_taken");
  expect(await getProfile(userId)).toMatchObject({ phone: null, claimedPhone: phone });
  expect(await getCodeStatus(phoneProofCode(phone, session), anybody(), now)).toMatchObject({ state: "used" });
  const later = new Date(now.getTime() + (RESEND_AFTER_MS[0] ?? 0));
  await receiveProofCodes(session, later);
});

test("no code goes to the phone while the mailbox can't be reached", async () => {
  const { userId } = await signUpByMail();
  const asked: string[] = [];
  const sender = senderOf(async ({ to }) => asked.push(to) === 0);
  const sent = await requestPhoneProof({ id: freshAsker(), userId }, anybody(), { sender });
  expect(failureOf(sent)).toBe("code_not_sent");
  expect(asked).toEqual([expect.stringContaining("@")]);
});

test("a message says what its code is for", async () => {
  const { userId } = await signUpByMail();
  const subjects: string[] = [];
  const sender = {
    send: async ({ subject }: { subject: string }) => subjects.push(subject) > 0,
    pretend: async () => true,
  };
  await requestPhoneProof({ id: freshAsker(), userId }, anybody(), { sender, language: "en" });
  await requestMailCode(freshCaller(), anybody(), { sender, language: "en" });
  expect(subjects.map((subject) => subject.replace(/\d+/, ""))).toEqual([
    " is your code to confirm a phone number in Sarafan",
    " is your code to confirm a phone number in Sarafan",
    " is your code to log in to Sarafan",
  ]);
});
