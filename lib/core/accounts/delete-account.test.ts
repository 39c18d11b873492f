import { expect, _baseTest as test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { keyedHash } from "@/lib/core/keyed-hash";
import { checkSession } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { errorsOf } from "@/lib/testing/log";
import {
  after,
  anybody,
  failureOf,
  freshOwner,
  freshPhone,
  openSession,
  receiveCode,
  receiveCodeOf,
  signUp,
  signUpByMail,
  wrongCode,
} from "@/lib/testing/people";
import { withCrashAfter } from "@/lib/testing/transactions";
import { getProfile } from "./accounts";
import { deleteByCode, deleteOwnAccount, deletionCode, requestDeletionCode } from "./delete-account";
import { listEvents } from "./history";
import { removeAccount } from "./remove-account";
import { phoneLoginCode, signInByPhone } from "./sign-in";

const HOUR_MS = 60 * 60 * 1000;

async function signUpAndLogIn() {
  const person = await signUp();
  return {
    ...person,
    session: await openSession({ userId: person.userId, proven: phoneRecipient(person.phone) }, anybody()),
  };
}

test("an account is deleted by a new code to its phone, and all of its sessions end", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const other = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const key = await deletionCode(session);
  expect(key.recipient).toEqual(phoneRecipient(phone));
  const code = await receiveCodeOf(key);
  expect(failureOf(await deleteByCode(session, wrongCode(code), anybody()))).toBe("code_wrong");
  expect(await getProfile(userId)).not.toBeNull();
  expect(failureOf(await deleteByCode(session, code, anybody()))).toBe("none");
  expect(await getProfile(userId)).toBeNull();
  for (const { id } of [session, other]) expect(await checkSession(id)).toBeNull();
});

test("the code of a deletion goes to the mailbox if no phone is proven", async () => {
  const { userId, email } = await signUpByMail();
  const session = await openSession({ userId, proven: emailRecipient(email) }, anybody());
  expect(await deletionCode(session)).toMatchObject({ recipient: emailRecipient(email), purpose: "deletion" });
});

test("a code for another purpose or of another session deletes nothing", async () => {
  const { userId, phone, session } = await signUpAndLogIn();
  const other = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const codes = [
    await receiveCodeOf(phoneLoginCode({ phone, holder: Holder.parse(session.id) })),
    await receiveCodeOf(await deletionCode(other)),
  ];
  for (const code of codes) {
    expect(failureOf(await deleteByCode(session, code, anybody()))).toBe("code_expired");
  }
  expect(await getProfile(userId)).not.toBeNull();
});

test("of parallel deletions with one code, one deletes", async () => {
  const { userId, session } = await signUpAndLogIn();
  const code = await receiveCodeOf(await deletionCode(session));
  const outcomes = await Promise.all(Array.from({ length: 2 }, () => deleteByCode(session, code, anybody())));
  expect(outcomes.map(failureOf).sort()).toEqual(["code_expired", "none"]);
  const { events } = await listEvents(userId);
  expect(events.filter(({ action }) => action === "account_deleted")).toHaveLength(1);
});

test("a second code for a deletion has to wait as any other code", async () => {
  const { session } = await signUpAndLogIn();
  await receiveCodeOf(await deletionCode(session));
  expect(failureOf(await requestDeletionCode(session, anybody()))).toBe("resend_too_early");
});

test("the rows that outlive an account contain neither its phone nor its mailbox in plain text", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now });
  const { userId: otherId, email } = await signUpByMail();
  const owner = freshOwner(phone);
  const code = await receiveCode(owner, now);
  await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now });
  for (const id of [userId, otherId]) await removeAccount({ userId: id, actorId: id, now });
  const tables = [
    await readPrimary.challenge.findMany(),
    await readPrimary.wrongCode.findMany(),
    await readPrimary.counter.findMany(),
    await readPrimary.delivery.findMany(),
    await readPrimary.auditEvent.findMany(),
    await readPrimary.session.findMany(),
  ];
  for (const rows of tables) {
    for (const address of [phone.slice(1), email]) expect(JSON.stringify(rows)).not.toContain(address);
  }
});

/** Signs a person up and adds one referral more than one transaction detaches. */
async function signUpWithManyReferrals() {
  const person = await signUpAndLogIn();
  const { userId, inviteCode } = person;
  const now = new Date();
  const count = 2001;
  await write(async (tx) => {
    const invitees = await tx.user.createManyAndReturn({
      data: Array.from({ length: count }, (_, at) => ({ inviteCode: `many${userId}-${at}`, createdAt: now })),
      select: { id: true },
    });
    const activations = invitees.map(({ id }) => ({
      inviteeId: id,
      inviterId: userId,
      code: inviteCode,
      activatedAt: now,
    }));
    await tx.activation.createMany({ data: activations });
    await tx.user.update({ where: { id: userId }, data: { referralCount: count } });
  });
  return { ...person, count };
}

test("the deliveries of a deleted account keep no network and no browser, and those of a former owner of its phone stay", async () => {
  const phone = freshPhone();
  const now = new Date();
  const request = (at: Date, network: string) =>
    receiveCode(freshOwner(phone), at, { network, agent: "a browser", browser: null });
  await request(after(now, -HOUR_MS), "192.0.2.1");
  const { userId } = await signUp({ phone, now });
  await request(after(now, HOUR_MS), "192.0.2.2");
  const deliveries = () =>
    readPrimary.delivery.findMany({ where: { recipient: keyedHash(phone) }, orderBy: { at: "asc" } });
  const before = await deliveries();
  expect(before.map(({ network }) => network)).toEqual(["192.0.2.1", expect.any(String), "192.0.2.2"]);
  await removeAccount({ userId, actorId: userId, now });
  const kept = before.map((row, place) => (place === 0 ? row : { ...row, network: null, agent: null }));
  expect(await deliveries()).toEqual(kept);
});

test("a cancelled removal keeps the account's referrals and codes", async () => {
  const { userId, phone, session, count } = await signUpWithManyReferrals();
  const code = await receiveCodeOf(await deletionCode(session));
  const now = new Date();
  expect(await removeAccount({ userId, actorId: userId, now, isWanted: async () => false })).toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone, referralCount: count });
  expect(failureOf(await deleteByCode(session, code, anybody()))).toBe("none");
});

test("a large account is deleted in several transactions, and the deletion continues after a crash between them", async () => {
  const { userId, session } = await signUpWithManyReferrals();
  const errors = await errorsOf(() => withCrashAfter(1, () => deleteOwnAccount(session)));
  expect(errors).toEqual(["a due change was not applied"]);
  expect(await getProfile(userId)).toMatchObject({ referralCount: 1 });
  expect(await checkSession(session.id)).toBeNull();
  expect(await getProfile(userId)).toBeNull();
  await backgroundTasks();
});

test("a session can request a delayed deletion three times an hour, and each request is recorded", async () => {
  const now = new Date();
  const person = await signUp({ now });
  const proven = phoneRecipient(person.phone);
  const by = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [proven] } };
  await openSession({ userId: person.userId, proven, created: true }, by, now);
  const stranger = await openSession({ userId: person.userId, proven }, anybody(), now);
  const outcomes = [];
  for (let asked = 0; asked < 5; asked += 1) {
    outcomes.push(failureOf(await deleteOwnAccount(stranger, after(now, asked))));
  }
  expect(outcomes).toEqual(["none", "none", "none", "budget_spent", "budget_spent"]);
  const where = { subjectId: person.userId, action: "change_requested" };
  expect(await readPrimary.auditEvent.findMany({ where })).toHaveLength(3);
});
