import { expect, _baseTest as test } from "playwright/test";
import { asAdministrator } from "@/lib/core/administration/accounts";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import { type ChallengeKey, Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { verifyCode } from "@/lib/core/challenges/verify-code";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { keyedHash } from "@/lib/core/keyed-hash";
import { RESEND_AFTER_MS, TRIES_PER_CODE } from "@/lib/core/policy";
import { checkSession, endSession } from "@/lib/core/sessions/sessions";
import { readPrimary } from "@/lib/db/database";
import { env } from "@/lib/env";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  freshPhone,
  openSession,
  receiveCodeOf,
  senderOf,
  signUp,
  signUpByMail,
  wrongCode,
} from "@/lib/testing/people";
import { getProfile } from "./accounts";
import { changeIdentity, getChangeCodeStatuses, type IdentityChange, requestChangeCodes } from "./change-identity";
import { phoneLoginCode } from "./sign-in";

const changeTo = (next: Recipient): IdentityChange => ({ next, holder: Holder.parse(crypto.randomUUID()) });

type SessionRef = { id: string; userId: number };

/** Signs a new person up by phone or by mail, and opens a session by the same factor. */
async function signUpAndLogIn(by: "phone" | "email" = "phone") {
  const person = by === "phone" ? { ...(await signUp()), email: null } : await signUpByMail();
  const proven = person.email ? emailRecipient(person.email) : phoneRecipient(person.phone);
  return { ...person, session: await openSession({ userId: person.userId, proven }, anybody()), proven };
}

/** Requests the codes of a change, and returns them. */
async function receiveChangeCodes(session: SessionRef, change: IdentityChange, now = new Date()) {
  const sent: { to: string; code: OneTimeCode }[] = [];
  const sender = senderOf(async ({ to, code }) => sent.push({ to, code: code as OneTimeCode }) > 0);
  expect(failureOf(await requestChangeCodes(session, change, anybody(), { sender, now }))).toBe("none");
  const [old, next] = sent;
  if (!old || next?.to !== change.next.address) throw new Error("a code is missing");
  return { oldFactor: old.to, codes: { old: old.code, new: next.code } };
}

/** Makes a change with the right codes. */
async function change(session: SessionRef, next: Recipient) {
  const wanted = changeTo(next);
  const { codes, oldFactor } = await receiveChangeCodes(session, wanted);
  return { oldFactor, changed: await changeIdentity(session, wanted, codes, anybody()) };
}

for (const { what, by, next, oldFactor } of [
  { what: "a phone", by: "phone", next: () => phoneRecipient(freshPhone()), oldFactor: /^\+/ },
  { what: "a mailbox", by: "email", next: () => emailRecipient(freshEmail()), oldFactor: /@/ },
  { what: "the first phone", by: "email", next: () => phoneRecipient(freshPhone()), oldFactor: /@/ },
  { what: "the first mailbox", by: "phone", next: () => emailRecipient(freshEmail()), oldFactor: /^\+/ },
] as const) {
  test(`${what} is changed by a code to the present factor and one to the new, and the other sessions end`, async () => {
    const person = await signUpAndLogIn(by);
    const { userId, session } = person;
    const other = await openSession({ userId, proven: person.proven }, anybody());
    const value = next();
    const done = await change(session, value);
    expect(done.oldFactor).toMatch(oldFactor);
    const was = what.startsWith("the first") ? "added" : "changed";
    expect(done.changed).toMatchObject({ ok: true, value: { dueAt: null, changed: { was } } });

    const kept = by === "email" && value.kind === "email" ? { claimedPhone: person.phone } : { claimedPhone: null };
    expect(await getProfile(userId)).toMatchObject({ [value.kind]: value.address, ...kept });
    expect(await checkSession(session.id)).toMatchObject({ userId });
    expect(await checkSession(other.id)).toBeNull();
  });
}

test("a change of phone does not make its device a trusted one", async () => {
  const { userId, phone } = await signUp();
  const by = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, by);
  expect(session.isNew).toBe(true);
  const next = phoneRecipient(freshPhone());
  expect(failureOf((await change(session, next)).changed)).toBe("none");
  expect(await checkSession(session.id)).toMatchObject({ isNew: true, provenPhone: next.address });
  await endSession(session.id);
  expect(await openSession({ userId, proven: next }, by)).toMatchObject({ isNew: true });
});

test("after a change the new number opens the account, and the old one does not", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const next = freshPhone();
  await change(session, phoneRecipient(next));
  expect((await signUp({ phone: next })).userId).toBe(userId);
  expect((await signUp({ phone })).userId).not.toBe(userId);
});

test("a claimed phone becomes proven by a code to the mailbox and one to the phone", async () => {
  const { userId, phone, email, session } = await signUpAndLogIn("email");
  const done = await change(session, phoneRecipient(phone));
  expect(done).toMatchObject({ oldFactor: email, changed: { ok: true } });
  expect(await getProfile(userId)).toMatchObject({ phone, claimedPhone: null, email });
  expect((await signUp({ phone })).userId).toBe(userId);
});

test("a claimed phone stays claimed while another account proves it", async () => {
  const { userId, phone } = await signUpAndLogIn("email");
  const other = await signUpAndLogIn();
  expect(failureOf((await change(other.session, phoneRecipient(phone))).changed)).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone: null, claimedPhone: phone });
});

test("one right code of the two changes nothing", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const { codes } = await receiveChangeCodes(session, wanted);
  const oneWrong = { ...codes, new: wrongCode(codes.new) };
  expect(await changeIdentity(session, wanted, oneWrong, anybody())).toMatchObject({
    failure: { name: "code_refused", old: null, new: { name: "code_wrong" } },
  });
  const otherWrong = { ...codes, old: wrongCode(codes.old) };
  expect(await changeIdentity(session, wanted, otherWrong, anybody())).toMatchObject({
    failure: { name: "code_refused", old: { name: "code_wrong" }, new: null },
  });
  expect(await getProfile(userId)).toMatchObject({ phone });
  // The right code is not counted as wrong.
  expect(await readPrimary.wrongCode.findMany({ where: { recipient: keyedHash(phone) } })).toHaveLength(1);
});

test("the codes of one change are refused for another change", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const [wanted, other] = [changeTo(phoneRecipient(freshPhone())), changeTo(phoneRecipient(freshPhone()))];
  const { codes } = await receiveChangeCodes(session, wanted);
  const { codes: others } = await receiveChangeCodes(session, other);
  expect(failureOf(await changeIdentity(session, other, codes, anybody()))).toBe("code_refused");
  // The codes of both changes are equal once in ten thousand runs.
  if (codes.old !== others.old) {
    const mixed = { old: codes.old, new: others.new };
    expect(failureOf(await changeIdentity(session, other, mixed, anybody()))).toBe("code_refused");
  }
  const sneaked = { ...other, holder: wanted.holder };
  expect(failureOf(await changeIdentity(session, sneaked, codes, anybody()))).toBe("code_refused");
  expect(await getProfile(userId)).toMatchObject({ phone });
});

test("codes for other purposes are refused for a change", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const { codes } = await receiveChangeCodes(session, wanted);
  const owner = phoneLoginCode({ phone, holder: wanted.holder });
  const deletion: ChallengeKey = { ...owner, purpose: "deletion" };
  for (const other of [owner, deletion]) {
    const code = await receiveCodeOf(other);
    if (code === codes.old) continue;
    const typed = { ...codes, old: code };
    expect(failureOf(await changeIdentity(session, wanted, typed, anybody())), other.purpose).toBe("code_refused");
  }
  expect(await getProfile(userId)).toMatchObject({ phone });
});

test("the two codes of a change work once", async () => {
  const { session } = await signUpAndLogIn();
  const wanted = changeTo(emailRecipient(freshEmail()));
  const { codes } = await receiveChangeCodes(session, wanted);
  const both = await Promise.all([1, 2].map(() => changeIdentity(session, wanted, codes, anybody())));
  expect(both.map(failureOf).sort()).toEqual(["code_refused", "none"]);
  expect(failureOf(await changeIdentity(session, wanted, codes, anybody()))).toBe("code_refused");
});

test("of two parallel changes of one account, one is made", async () => {
  const { userId, session } = await signUpAndLogIn();
  const changes = [changeTo(phoneRecipient(freshPhone())), changeTo(phoneRecipient(freshPhone()))];
  const tries = [];
  for (const wanted of changes) tries.push({ wanted, codes: (await receiveChangeCodes(session, wanted)).codes });
  const outcomes = await Promise.all(
    tries.map(({ wanted, codes }) => changeIdentity(session, wanted, codes, anybody())),
  );
  expect(outcomes.map(failureOf).sort()).toEqual(["code_refused", "none"]);
  const made = changes[outcomes.findIndex(({ ok }) => ok)];
  expect(await getProfile(userId)).toMatchObject({ phone: made?.next.address });
});

test("only after the right codes a change says that the phone belongs to another account", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const owner = await signUp();
  const wanted = changeTo(phoneRecipient(owner.phone));
  const now = new Date();
  const { codes } = await receiveChangeCodes(session, wanted, now);
  const wrong = { ...codes, new: wrongCode(codes.new) };
  expect(failureOf(await changeIdentity(session, wanted, wrong, anybody()))).toBe("code_refused");
  expect(failureOf(await changeIdentity(session, wanted, codes, anybody()))).toBe("identity_taken");
  expect(await getProfile(userId)).toMatchObject({ phone });
  expect(await getProfile(owner.userId)).toMatchObject({ phone: owner.phone });
  expect((await getChangeCodeStatuses(session, wanted, anybody(), now)).statuses.new).toMatchObject({ state: "used" });
});

test("of two accounts that change to the same number in parallel, one gets it", async () => {
  const [one, other] = [await signUpAndLogIn(), await signUpAndLogIn()];
  const next = freshPhone();
  const wanted = [one, other].map((person) => ({ ...person, change: changeTo(phoneRecipient(next)) }));
  const tries = [];
  for (const { session, change } of wanted) {
    tries.push({ session, change, codes: (await receiveChangeCodes(session, change)).codes });
  }
  const outcomes = await Promise.all(
    tries.map(({ session, change, codes }) => changeIdentity(session, change, codes, anybody())),
  );
  expect(outcomes.map(failureOf).sort()).toEqual(["identity_taken", "none"]);
  const phones = await Promise.all([one, other].map(async ({ userId }) => (await getProfile(userId))?.phone));
  expect(phones.filter((phone) => phone === next)).toHaveLength(1);
});

test("a session that has ended can't make a change", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const { codes } = await receiveChangeCodes(session, wanted);
  await endSession(session.id);
  expect(failureOf(await changeIdentity(session, wanted, codes, anybody()))).toBe("session_over");
  expect(await getProfile(userId)).toMatchObject({ phone });
});

test("codes to a factor that the account no longer has are refused", async () => {
  const { userId, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const { codes } = await receiveChangeCodes(session, wanted);
  const next = freshPhone();
  await change(session, phoneRecipient(next));
  expect(failureOf(await changeIdentity(session, wanted, codes, anybody()))).toBe("code_refused");
  expect(await getProfile(userId)).toMatchObject({ phone: next });
});

test("the old number opens no session after the change, even if its code was right before", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  await change(session, phoneRecipient(freshPhone()));
  await expect(openSession({ userId, proven: phoneRecipient(phone) }, anybody())).rejects.toThrow("");
});

test("a session is an administrator's from the moment it has proven an administrator's number until that number changes", async () => {
  const { session } = await signUpAndLogIn();
  const own = async () => (await checkSession(session.id)) ?? session;
  // Other tests use the first administrator's phone.
  const [, administrators = ""] = env.ADMIN_PHONES;
  expect(failureOf(await asAdministrator(await own()))).toBe("not_administrator");
  await change(session, emailRecipient(freshEmail()));
  expect(failureOf(await asAdministrator(await own()))).toBe("not_administrator");
  expect(failureOf((await change(session, phoneRecipient(administrators as Phone))).changed)).toBe("none");
  expect(failureOf(await asAdministrator(await own()))).toBe("none");
  await change(session, phoneRecipient(freshPhone()));
  expect(failureOf(await asAdministrator(await own()))).toBe("not_administrator");
});

test("no code is sent to the new factor if the code to the present one can't be sent", async () => {
  const { session } = await signUpAndLogIn();
  const asked: string[] = [];
  const sender = senderOf(async ({ to }) => asked.push(to) === 0);
  const wanted = changeTo(phoneRecipient(freshPhone()));
  expect(failureOf(await requestChangeCodes(session, wanted, anybody(), { sender }))).toBe("code_not_sent");
  expect(asked).not.toContain(wanted.next.address);
});

test("after one code was sent and the other was not, a second request sends the other one without a wait", async () => {
  const { phone, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const sent: string[] = [];
  let isReachable = false;
  const sender = senderOf(async ({ to }) => (to === phone || isReachable) && sent.push(to) > 0);
  expect(failureOf(await requestChangeCodes(session, wanted, anybody(), { sender }))).toBe("code_not_sent");
  isReachable = true;
  expect(failureOf(await requestChangeCodes(session, wanted, anybody(), { sender }))).toBe("none");
  expect(sent).toEqual([phone, wanted.next.address]);
  const later = new Date(Date.now() + (RESEND_AFTER_MS[0] ?? 0));
  const status = await getCodeStatus(
    { recipient: phoneRecipient(phone), purpose: "identity_change", holder: wanted.holder },
    anybody(),
    later,
  );
  expect(status).toMatchObject({ state: "live", resendInMs: 0 });
});

test("new codes can be requested when all invalid ones can be replaced or, if none is invalid, when the first one can be", async () => {
  const { phone, session } = await signUpAndLogIn();
  const wanted = changeTo(phoneRecipient(freshPhone()));
  const begun = new Date();
  const at = (seconds: number) => after(begun, seconds * 1000);
  const sent: string[] = [];
  const request = async (seconds: number, isReachable = () => true) => {
    const sender = senderOf(async ({ to }) => isReachable() && sent.push(to) > 0);
    return failureOf(await requestChangeCodes(session, wanted, anybody(), { sender, now: at(seconds) }));
  };
  const waitS = async (seconds: number) =>
    (await getChangeCodeStatuses(session, wanted, anybody(), at(seconds))).resendInMs / 1000;
  const exhaust = async (key: Pick<ChallengeKey, "recipient" | "purpose">, seconds: number) => {
    for (let tries = 0; tries < TRIES_PER_CODE; tries += 1) {
      await verifyCode({ ...key, holder: wanted.holder }, "000000" as OneTimeCode, anybody(), at(seconds));
    }
  };
  expect([await waitS(0), RESEND_AFTER_MS.slice(0, 2)]).toEqual([0, [60_000, 120_000]]);

  expect(await request(0, () => sent.length === 0)).toBe("code_not_sent");
  expect([await request(30), sent]).toEqual(["none", [phone, wanted.next.address]]);
  expect([await waitS(40), await waitS(60)]).toEqual([20, 0]);
  expect([await request(60), sent.slice(2)]).toEqual(["none", [phone]]);
  expect(await waitS(60), "the new factor's code can be replaced next").toBe(30);
  await exhaust({ recipient: wanted.next, purpose: "identity_proof" }, 60);
  expect(await waitS(60), "the wait of the invalid code, though that of the other one is longer").toBe(30);
  expect([await request(60), await request(90), sent.slice(3)]).toEqual([
    "resend_too_early",
    "none",
    [wanted.next.address],
  ]);
  await exhaust({ recipient: phoneRecipient(phone), purpose: "identity_change" }, 90);
  expect(await waitS(90)).toBe(90);
  await exhaust({ recipient: wanted.next, purpose: "identity_proof" }, 90);
  expect(await waitS(90), "the new factor's code is outgrown, and needs no wait").toBe(90);
});

test("a change to the phone that the account already has is refused", async () => {
  const { phone, session } = await signUpAndLogIn();
  expect(failureOf(await requestChangeCodes(session, changeTo(phoneRecipient(phone)), anybody()))).toBe(
    "identity_same",
  );
});
