import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import { type OneTimeCode, TypedCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { drawInviteCode } from "@/lib/core/invites/invite-code";
import { getSeenInvite } from "@/lib/core/invites/look-up";
import { keyedHash } from "@/lib/core/keyed-hash";
import {
  CODE_DIGITS,
  CODE_TTL_MS,
  PROOF_TTL_MS,
  RESEND_AFTER_MS,
  RESEND_WINDOW_MS,
  SENDS_PER_PHONE_PER_HOUR,
  TAKEN_ANSWERS_PER_HOUR,
  TAKEN_ANSWERS_PER_IP_PER_HOUR,
  TRIES_PER_CODE,
} from "@/lib/core/policy";
import { read, readPrimary, write } from "@/lib/db/database";
import {
  after,
  anybody,
  failureOf,
  freshOwner,
  freshPhone,
  receiveCode,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { costOf } from "@/lib/testing/transactions";
import { getProfile } from "./accounts";
import {
  phoneLoginCode,
  register,
  requestRegistrationCode,
  signInByPhone,
  signInWithVerifiedCode,
  verifyForLater,
} from "./sign-in";

const silent = senderOf(async () => true);

test("the first right code makes an account, and the next one opens it", async () => {
  const owner = freshOwner();
  const first = await signInByPhone({ ...owner, code: await receiveCode(owner) }, anybody());
  const second = await signInByPhone({ ...owner, code: await receiveCode(owner) }, anybody());
  expect(first).toMatchObject({ ok: true, value: { created: true } });
  expect(second).toMatchObject({ ok: true, value: { userId: first.ok && first.value.userId, created: false } });
});

test("a code works once", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("code_expired");
});

test("a code is refused from the moment it expires", async () => {
  const now = new Date();
  const [early, late] = [freshOwner(), freshOwner()];
  const earlyCode = await receiveCode(early, now);
  const lateCode = await receiveCode(late, now);
  expect(
    failureOf(await signInByPhone({ ...early, code: earlyCode }, anybody(), { now: after(now, CODE_TTL_MS - 1) })),
  ).toBe("none");
  expect(failureOf(await signInByPhone({ ...late, code: lateCode }, anybody(), { now: after(now, CODE_TTL_MS) }))).toBe(
    "code_expired",
  );
});

test("a wrong code says how many attempts are left, and after the last one the right code is refused too", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  for (let left = TRIES_PER_CODE - 1; left >= 0; left -= 1) {
    expect(await signInByPhone({ ...owner, code: wrongCode(code) }, anybody())).toEqual({
      ok: false,
      failure: { name: "code_wrong", triesLeft: left },
    });
  }
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("code_spent");
});

test("a code that lost its leading zeros as a number is compared once, with the length of the code that was sent", async () => {
  const owner = freshOwner();
  const draw = () => "0075" as OneTimeCode;
  await requestCode(phoneLoginCode(owner), anybody(), { sender: silent, draw });
  expect(await signInByPhone({ ...owner, code: TypedCode.parse(7500) }, anybody())).toEqual({
    ok: false,
    failure: { name: "code_wrong", triesLeft: TRIES_PER_CODE - 1 },
  });
  expect(failureOf(await signInByPhone({ ...owner, code: TypedCode.parse(75) }, anybody()))).toBe("none");
});

test("a code that was pasted twice is one attempt at the code that was sent", async () => {
  for (const [sent, typed] of [
    ["1234", "12341234"],
    ["12341234", "12341234"],
  ] as const) {
    const owner = freshOwner();
    await requestCode(phoneLoginCode(owner), anybody(), { sender: silent, draw: () => sent as OneTimeCode });
    expect(await signInByPhone({ ...owner, code: TypedCode.parse("12351235") }, anybody())).toEqual({
      ok: false,
      failure: { name: "code_wrong", triesLeft: TRIES_PER_CODE - 1 },
    });
    expect(failureOf(await signInByPhone({ ...owner, code: TypedCode.parse(typed) }, anybody())), sent).toBe("none");
  }
});

test("any number of parallel guesses gets three attempts", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  const guesses = await Promise.all(
    Array.from({ length: 50 }, () => signInByPhone({ ...owner, code: wrongCode(code) }, anybody())),
  );
  expect(guesses.filter((guess) => failureOf(guess) === "code_wrong")).toHaveLength(TRIES_PER_CODE);
  expect(guesses.filter((guess) => failureOf(guess) === "code_spent")).toHaveLength(50 - TRIES_PER_CODE);
});

test("of 50 parallel right codes one signs in", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  const logins = await Promise.all(Array.from({ length: 50 }, () => signInByPhone({ ...owner, code }, anybody())));
  expect(logins.filter((login) => login.ok)).toHaveLength(1);
});

test("parallel right codes of several browsers for a new phone make one account", async () => {
  const phone = freshPhone();
  const owners = Array.from({ length: SENDS_PER_PHONE_PER_HOUR }, () => freshOwner(phone));
  const codes = await Promise.all(owners.map((owner) => receiveCode(owner)));
  const logins = await Promise.all(
    owners.map((owner, at) => signInByPhone({ ...owner, code: codes[at] as OneTimeCode }, anybody())),
  );
  expect(new Set(logins.map((login) => login.ok && login.value.userId)).size).toBe(1);
  expect(logins.filter((login) => login.ok && login.value.created)).toHaveLength(1);
});

test("a code of one browser is refused in another, which can neither replace it nor use up its attempts", async () => {
  const owner = freshOwner();
  const stranger = freshOwner(owner.phone);
  const code = await receiveCode(owner);
  expect(failureOf(await signInByPhone({ ...stranger, code }, anybody()))).toBe("code_expired");
  const strangersCode = await receiveCode(stranger);
  for (let tries = 0; tries < TRIES_PER_CODE; tries += 1) {
    await signInByPhone({ ...stranger, code: wrongCode(strangersCode) }, anybody());
  }
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
});

test("a new code replaces the last one of the same browser", async () => {
  const owner = freshOwner();
  const now = new Date();
  const later = after(now, RESEND_AFTER_MS[0] ?? 0);
  let drawn = "1111" as OneTimeCode;
  await requestCode(phoneLoginCode(owner), anybody(), { now, sender: silent, draw: () => drawn });
  drawn = "2222" as OneTimeCode;
  await requestCode(phoneLoginCode(owner), anybody(), { now: later, sender: silent, draw: () => drawn });
  expect(failureOf(await signInByPhone({ ...owner, code: "1111" as OneTimeCode }, anybody(), { now: later }))).toBe(
    "code_wrong",
  );
  expect(failureOf(await signInByPhone({ ...owner, code: "2222" as OneTimeCode }, anybody(), { now: later }))).toBe(
    "none",
  );
});

test("the wait before the next code grows, and starts again after a day", async () => {
  const owner = freshOwner();
  const start = new Date();
  let now = start;
  for (const wait of [...RESEND_AFTER_MS, RESEND_AFTER_MS.at(-1) ?? 0]) {
    expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { now, sender: silent }))).toBe("none");
    expect(await requestCode(phoneLoginCode(owner), anybody(), { now: after(now, wait - 1), sender: silent })).toEqual({
      ok: false,
      failure: { name: "resend_too_early", retryAfterMs: 1 },
    });
    now = after(now, wait);
  }
  now = after(start, RESEND_WINDOW_MS);
  await requestCode(phoneLoginCode(owner), anybody(), { now, sender: silent });
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toMatchObject({ resendInMs: RESEND_AFTER_MS[0] });
});

test("a right code ends the wait before the next one", async () => {
  const owner = freshOwner();
  const now = new Date();
  await signInByPhone({ ...owner, code: await receiveCode(owner, now) }, anybody(), { now });
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toMatchObject({ state: "used", resendInMs: 0 });
  expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { now, sender: silent }))).toBe("none");
});

test("a request that comes too early leaves the last code valid", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { sender: silent }))).toBe("resend_too_early");
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
});

test("a code that no channel accepts leaves the challenge as it was", async () => {
  const owner = freshOwner();
  const refuse = async () => false;
  expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { sender: senderOf(refuse) }))).toBe(
    "code_not_sent",
  );
  expect(await getCodeStatus(phoneLoginCode(owner), anybody())).toBeNull();
  const now = new Date();
  const code = await receiveCode(owner, now);
  const later = after(now, RESEND_AFTER_MS[0] ?? 0);
  expect(failureOf(await requestCode(phoneLoginCode(owner), anybody(), { now: later, sender: senderOf(refuse) }))).toBe(
    "code_not_sent",
  );
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), later)).toMatchObject({ state: "live", resendInMs: 0 });
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody(), { now: later }))).toBe("none");
});

test("while a new code is being sent the last one is refused, and the new one is valid as soon as it arrives", async () => {
  const owner = freshOwner();
  const now = new Date();
  const code = await receiveCode(owner, now);
  const later = after(now, RESEND_AFTER_MS[0] ?? 0);
  const outcomes: string[] = [];
  const typed = async (typed: OneTimeCode) =>
    outcomes.push(failureOf(await signInByPhone({ ...owner, code: typed }, anybody(), { now: later })));
  const sender = senderOf(async (message) => {
    await typed(code);
    await typed(message.code as OneTimeCode);
    // The message has arrived, and the provider's answer is lost.
    return false;
  });
  await requestCode(phoneLoginCode(owner), anybody(), { now: later, sender, draw: () => wrongCode(code) });
  expect(outcomes).toEqual(["code_wrong", "none"]);
  await typed(code);
  expect(outcomes.at(-1)).toBe("code_expired");
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), later)).toMatchObject({ state: "used", resendInMs: 0 });
});

test("a code is valid even if the process ended while it was being sent", async () => {
  const owner = freshOwner();
  const code = await new Promise<OneTimeCode>((resolve) => {
    const sender = senderOf((message) => {
      resolve(message.code as OneTimeCode);
      return new Promise(() => undefined);
    });
    void requestCode(phoneLoginCode(owner), anybody(), { sender });
  });
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
});

test("for a phone without a live code there is one failure, found by the same statements, and no row of the phone", async () => {
  const now = new Date();
  const code = "0000" as OneTimeCode;
  const known = await signUp();
  const owners = [freshOwner(known.phone), freshOwner()];
  const counts = [];
  for (const owner of owners) {
    const by = anybody();
    const before = new Set((await readPrimary.counter.findMany()).map(({ key }) => key));
    let failure = "none";
    const cost = await costOf(async () => {
      failure = failureOf(await signInByPhone({ ...owner, code }, by, { now }));
    });
    counts.push({ failure, ...cost });
    // The network's counter is the only new row.
    const counters = (await readPrimary.counter.findMany()).filter(({ key }) => !before.has(key));
    expect(counters).toMatchObject([{ key: expect.stringContaining(keyedHash(by.network)), count: 1 }]);
  }
  expect(counts[0]).toEqual({ ...counts[1], failure: "code_expired" });
  const phone = owners[1]?.phone ?? "";
  expect(await readPrimary.wrongCode.findMany({ where: { recipient: keyedHash(phone) } })).toEqual([]);
  expect(await readPrimary.challenge.findMany({ where: { recipient: phone } })).toEqual([]);
});

test("overlapping codes that no channel accepts each restore the state before them, in any order of failure", async () => {
  for (const order of [
    [0, 1],
    [1, 0],
    [0, 1, 2],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [0, 2, 1],
    [2, 1, 0],
  ]) {
    for (const hasCode of [true, false]) {
      const owner = freshOwner();
      const now = new Date();
      const by = recognisedBy(owner.phone);
      const code = hasCode ? await receiveCode(owner, now) : null;
      const readRows = () => readPrimary.challenge.findMany({ where: { recipient: owner.phone } });
      const before = await readRows();
      const sendings = [];
      for (const at of order.keys()) {
        sendings.push(await holdSending(owner, by, after(now, at + 1)));
      }
      for (const at of order) await sendings[at]?.fail();
      const about = `${order} ${hasCode}`;
      expect(
        (await readRows()).map(({ deliveryAt, ...row }) => row),
        about,
      ).toEqual(before.map(({ deliveryAt, ...row }) => row));
      if (code)
        expect(failureOf(await signInByPhone({ ...owner, code }, by, { now: after(now, 9) })), about).toBe("none");
    }
  }
});

test("of two overlapping codes the accepted one is valid when the other is refused", async () => {
  for (const [first, second] of [
    ["fail", "accept"],
    ["accept", "fail"],
  ] as const) {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const owner = freshOwner();
      const now = new Date();
      const by = recognisedBy(owner.phone);
      await receiveCode(owner, now, by);
      const sendings = [await holdSending(owner, by, after(now, 1)), await holdSending(owner, by, after(now, 2))];
      const ends = [first, second];
      for (const at of order) await sendings[at]?.[ends[at] ?? "fail"]();
      const { code } = sendings[ends.indexOf("accept")] ?? {};
      const typed = { ...owner, code: code as OneTimeCode };
      expect(failureOf(await signInByPhone(typed, by, { now: after(now, 9) })), `${ends} ${order}`).toBe("none");
    }
  }
});

/** Starts to send a code, which the channel accepts or refuses when the test says so. */
async function holdSending(owner: ReturnType<typeof freshOwner>, by: Requester, now: Date) {
  let settle: (isAccepted: boolean) => void = () => undefined;
  const answer = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  let hand: (code: string) => void = () => undefined;
  const handed = new Promise<string>((resolve) => {
    hand = resolve;
  });
  const sender = senderOf((message) => {
    hand(message.code);
    return answer;
  });
  const sent = requestCode(phoneLoginCode(owner), by, { now, sender });
  const end = async (isAccepted: boolean) => {
    settle(isAccepted);
    return sent;
  };
  return { code: await handed, accept: () => end(true), fail: () => end(false) };
}

/** A browser that has logged in with this phone, and so has no wait between two codes. */
function recognisedBy(phone: Phone): Requester {
  return { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] } };
}

test("an error in a channel is thrown, and leaves the last code valid", async () => {
  const owner = freshOwner();
  const now = new Date();
  const code = await receiveCode(owner, now);
  const later = after(now, RESEND_AFTER_MS[0] ?? 0);
  const breakDown = async () => {
    throw new Error("the channel is broken");
  };
  await expect(
    requestCode(phoneLoginCode(owner), anybody(), { now: later, sender: senderOf(breakDown) }),
  ).rejects.toThrow("the channel is broken");
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), later)).toMatchObject({ state: "live", resendInMs: 0 });
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody(), { now: later }))).toBe("none");
});

test("of parallel requests for a code one sends it", async () => {
  const owner = freshOwner();
  const sent: string[] = [];
  const send = async ({ code }: { code: string }) => sent.push(code) > 0;
  await Promise.all(
    Array.from({ length: 10 }, () => requestCode(phoneLoginCode(owner), anybody(), { sender: senderOf(send) })),
  );
  expect(sent).toHaveLength(1);
});

test("the status of a code says what can be done next", async () => {
  const owner = freshOwner();
  const now = new Date();
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toBeNull();
  const code = await receiveCode(owner, now);
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toEqual({
    state: "live",
    digits: 4,
    sentAt: now,
    triesUsed: 0,
    triesLeft: TRIES_PER_CODE,
    expiresInMs: CODE_TTL_MS,
    resendInMs: RESEND_AFTER_MS[0],
    delivery: { sender: "mail", state: "sent" },
  });
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), after(now, CODE_TTL_MS))).toMatchObject({
    state: "expired",
    expiresInMs: 0,
  });
  for (let tries = 0; tries < TRIES_PER_CODE; tries += 1)
    await signInByPhone({ ...owner, code: wrongCode(code) }, anybody());
  expect(await getCodeStatus(phoneLoginCode(owner), anybody(), now)).toMatchObject({ state: "spent", triesLeft: 0 });
});

test("the code itself is not in the database", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  const { purpose, holder, ...key } = phoneLoginCode(owner);
  const recipient = key.recipient.address;
  const where = { recipient_purpose_holder: { recipient, purpose, holder } };
  const row = await read.challenge.findUniqueOrThrow({ where });
  expect(Object.values(row)).not.toContain(code);
  expect(row.codeHmac).toMatch(/^[\w-]{43}$/);
  expect(row.codeHmac).not.toContain(code);
  // There are only ten thousand codes, so an unkeyed hash could be reversed by trying all of them.
  const unkeyed = createHash("sha256").update([purpose, recipient, holder, code].join("\n"));
  expect(row.codeHmac).not.toBe(unkeyed.digest("base64url"));
});

test("a new account activates its invitation in the transaction that makes it", async () => {
  const inviter = await signUp();
  const invitee = await signUp({ invited: inviter.inviteCode });
  expect(await getProfile(invitee.userId)).toMatchObject({ activated: { code: inviter.inviteCode } });
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 1 });
});

test("an invite whose inviter was deleted since the look-up makes no account, and the code stays live", async () => {
  const inviter = await signUp();
  const invite = await getSeenInvite(inviter.inviteCode);
  await write((tx) => tx.user.delete({ where: { id: inviter.userId } }));
  const owner = freshOwner();
  const code = await receiveCode(owner);
  expect(failureOf(await signInByPhone({ ...owner, code, invite }, anybody()))).toBe("invite_unknown");
  expect(await read.user.findUnique({ where: { phone: owner.phone } })).toBeNull();
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("none");
});

test("an invitation does not change an account that exists already", async () => {
  const inviter = await signUp();
  const { phone, userId } = await signUp();
  const again = await signUp({ phone, invited: inviter.inviteCode });
  expect(again.userId).toBe(userId);
  expect(await getProfile(userId)).toMatchObject({ activated: null });
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 0 });
});

test("a new account activates a code that could not be looked up, and is made without an inviter if the code is unknown", async () => {
  const inviter = await signUp();
  for (const uncheckedInvite of [inviter.inviteCode, drawInviteCode()]) {
    const owner = freshOwner();
    const login = await signInByPhone({ ...owner, code: await receiveCode(owner), uncheckedInvite }, anybody());
    const invited = uncheckedInvite === inviter.inviteCode;
    expect(login).toMatchObject({ ok: true, value: { created: true, invited } });
    const again = await signInByPhone(
      { ...owner, code: await receiveCode(owner), uncheckedInvite: inviter.inviteCode },
      anybody(),
    );
    expect(again).toMatchObject({ ok: true, value: { created: false, invited: false } });
    const activated = invited ? { code: inviter.inviteCode } : null;
    expect(await getProfile(login.ok ? login.value.userId : 0)).toMatchObject({ activated });
  }
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 1 });
});

test("a code that could not be looked up says nothing to a person without the right one-time code", async () => {
  const { inviteCode } = await signUp();
  for (const uncheckedInvite of [inviteCode, drawInviteCode()]) {
    const owner = freshOwner();
    const code = wrongCode(await receiveCode(owner));
    expect(failureOf(await signInByPhone({ ...owner, code, uncheckedInvite }, anybody()))).toBe("code_wrong");
  }
});

test("an account that the verification of a code made activates its invitation at its first login", async () => {
  const inviter = await signUp();
  const verify = async (phone?: Phone) => {
    const owner = freshOwner(phone);
    const next = freshOwner(owner.phone);
    await verifyForLater({ ...owner, code: await receiveCode(owner), next: next.holder }, anybody());
    return signInWithVerifiedCode({ ...next, uncheckedInvite: inviter.inviteCode }, anybody());
  };
  const { phone, userId } = await signUp();
  expect(await verify(phone)).toMatchObject({ ok: true, value: { userId, created: false, invited: false } });
  const made = await verify();
  expect(made).toMatchObject({ ok: true, value: { created: true, invited: true } });
  expect(await getProfile(made.ok ? made.value.userId : 0)).toMatchObject({ activated: { code: inviter.inviteCode } });
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 1 });
});

test("a verified code is valid for one sign-in of the holder that it was given to", async () => {
  const owner = freshOwner();
  const next = freshOwner(owner.phone);
  const code = await receiveCode(owner);
  expect(failureOf(await verifyForLater({ ...owner, code, next: next.holder }, anybody()))).toBe("none");
  expect(await getCodeStatus(phoneLoginCode(next), anybody())).toMatchObject({ state: "verified" });
  expect(failureOf(await signInWithVerifiedCode(owner, anybody()))).toBe("code_expired");
  const parallel = await Promise.all(Array.from({ length: 10 }, () => signInWithVerifiedCode(next, anybody())));
  expect(parallel.filter(({ ok }) => ok)).toHaveLength(1);
  expect(failureOf(await signInWithVerifiedCode(next, anybody()))).toBe("code_expired");
});

test("a verified code is valid for five minutes", async () => {
  const now = new Date();
  const owners = [freshOwner(), freshOwner()];
  for (const owner of owners) {
    const code = await receiveCode(owner, now);
    await verifyForLater({ ...owner, code, next: owner.holder }, anybody(), { now });
  }
  const [early = freshOwner(), late = freshOwner()] = owners;
  expect(failureOf(await signInWithVerifiedCode(early, anybody(), { now: after(now, PROOF_TTL_MS - 1) }))).toBe("none");
  expect(failureOf(await signInWithVerifiedCode(late, anybody(), { now: after(now, PROOF_TTL_MS) }))).toBe(
    "code_expired",
  );
});

test("without a verified code the code itself signs in, and without either the code is missing", async () => {
  const owner = freshOwner();
  const code = await receiveCode(owner);
  expect(failureOf(await signInWithVerifiedCode(owner, anybody()))).toBe("code_missing");
  expect(failureOf(await signInWithVerifiedCode({ ...owner, code: wrongCode(code) }, anybody()))).toBe("code_wrong");
  expect(failureOf(await signInWithVerifiedCode({ ...owner, code }, anybody()))).toBe("none");
});

test("a registration makes an account, and says only after the right code that the phone has one", async () => {
  const { phone } = await signUp();
  const owner = freshOwner(phone);
  let code = "" as OneTimeCode;
  const sender = senderOf(async (message) => {
    code = message.code as OneTimeCode;
    return true;
  });
  const newcomer = freshOwner();
  expect(failureOf(await requestRegistrationCode(newcomer, anybody(), { sender }))).toBe("none");
  // Another request made the account first.
  await signUp({ phone: newcomer.phone });
  expect(failureOf(await register({ ...newcomer, code: wrongCode(code), invite: null }, anybody()))).toBe("code_wrong");
  expect(failureOf(await register({ ...newcomer, code, invite: null }, anybody()))).toBe("phone_taken");
  expect(failureOf(await requestRegistrationCode(owner, anybody(), { sender }))).toBe("phone_taken");
});

test("a network learns only so often that a phone is taken, and is then answered as for a free phone", async () => {
  const [{ phone }, other] = [await signUp(), await signUp()];
  const by = anybody();
  let received = "";
  const sender = senderOf(async ({ code }) => {
    received = code;
    return true;
  });
  const ask = (owner: ReturnType<typeof freshOwner>) => requestRegistrationCode(owner, by, { sender });
  for (let answers = 0; answers < TAKEN_ANSWERS_PER_IP_PER_HOUR; answers += 1) {
    expect(failureOf(await ask(freshOwner(phone)))).toBe("phone_taken");
  }
  const [taken, free] = [freshOwner(other.phone), freshOwner()];
  expect(await ask(taken)).toMatchObject({ ok: true, value: { digits: CODE_DIGITS } });
  const code = received as OneTimeCode;
  expect(await ask(free)).toMatchObject({ ok: true, value: { digits: CODE_DIGITS } });
  const typed = (owner: typeof taken, one: OneTimeCode) => register({ ...owner, code: one, invite: null }, by);
  expect(failureOf(await typed(taken, wrongCode(code)))).toBe("code_wrong");
  expect(failureOf(await typed(taken, code))).toBe("phone_taken");
  expect(failureOf(await typed(free, received as OneTimeCode))).toBe("none");
});

test("strangers who use up these answers for all networks keep no one from registering", async () => {
  const { phone } = await signUp();
  const ask = (by: Requester, owner: ReturnType<typeof freshOwner>) =>
    requestRegistrationCode(owner, by, { sender: silent });
  const resetCounters = () => write((tx) => tx.counter.deleteMany({ where: { key: { startsWith: "taken answers" } } }));
  await resetCounters();
  for (let answers = 0, by = anybody(); answers < TAKEN_ANSWERS_PER_HOUR; answers += 1) {
    if (answers % TAKEN_ANSWERS_PER_IP_PER_HOUR === 0) by = anybody();
    expect(failureOf(await ask(by, freshOwner(phone)))).toBe("phone_taken");
  }
  expect(failureOf(await ask(anybody(), freshOwner()))).toBe("none");
  expect(failureOf(await ask(anybody(), freshOwner(phone)))).toBe("none");
  await resetCounters();
});

test("an invite code that exists already is drawn again", async () => {
  const { inviteCode: taken } = await signUp();
  const free = drawInviteCode();
  const draws = [taken, taken, free];
  const owner = freshOwner();
  const login = await signInByPhone({ ...owner, code: await receiveCode(owner) }, anybody(), {
    drawInvite: () => draws.shift() ?? free,
  });
  expect(login.ok && (await getProfile(login.value.userId))?.inviteCode).toBe(free);
});

test("no two accounts have the same invite code, whichever codes are drawn", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(2), { minLength: 2, maxLength: 6 }), async (dice) => {
      const few = [drawInviteCode(), drawInviteCode(), drawInviteCode()];
      const owners = dice.map(() => freshOwner());
      const codes = await Promise.all(owners.map((owner) => receiveCode(owner)));
      const logins = await Promise.all(
        owners.map((owner, at) => {
          // The first draw is one of three codes, and the next ones are random.
          const draws = [few[dice[at] ?? 0] ?? drawInviteCode()];
          const drawInvite = () => draws.pop() ?? drawInviteCode();
          return signInByPhone({ ...owner, code: codes[at] as OneTimeCode }, anybody(), { drawInvite });
        }),
      );
      const profiles = await Promise.all(logins.map((login) => getProfile(login.ok ? login.value.userId : 0)));
      const inviteCodes = profiles.map((profile) => profile?.inviteCode);
      return !inviteCodes.includes(undefined) && new Set(inviteCodes).size === dice.length;
    }),
    { numRuns: 20 },
  );
});

test("the number 0 is read as a code, and not as a missing one", async () => {
  const owner = freshOwner();
  const right = await receiveCode(owner);
  const signedIn = await signInWithVerifiedCode({ ...owner, code: TypedCode.parse(0) }, anybody());
  expect(failureOf(signedIn)).toBe(right === "0000" ? "none" : "code_wrong");
});

test("a code that was verified by a clock far ahead is not valid when the clock is right again", async () => {
  const now = new Date();
  const ahead = after(now, 30 * 24 * 60 * 60 * 1000);
  const [owner, next] = [freshOwner(), freshOwner()];
  const code = await receiveCode(owner, ahead);
  const kept = await verifyForLater({ ...owner, code, next: next.holder }, anybody(), { now: ahead });
  expect(failureOf(kept)).toBe("none");
  const signedIn = await signInWithVerifiedCode({ phone: owner.phone, holder: next.holder }, anybody(), { now });
  expect(failureOf(signedIn)).toBe("code_expired");
});

test("after a clock that ran ahead is right again, codes can be requested and the waits start again", async () => {
  const [owner, now] = [freshOwner(), new Date()];
  const key = phoneLoginCode(owner);
  const ahead = after(now, 30 * 24 * 60 * 60 * 1000);
  for (let sent = 0; sent < 3; sent += 1) await receiveCode(owner, after(ahead, sent * 11 * 60_000));
  const sender = senderOf(async () => true);
  expect(failureOf(await requestCode(key, anybody(), { now, sender, askedAt: now }))).toBe("none");
  expect((await getCodeStatus(key, anybody(), now))?.resendInMs).toBe(RESEND_AFTER_MS[0]);
});
