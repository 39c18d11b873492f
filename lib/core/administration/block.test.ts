import { EventEmitter, once } from "node:events";
import { expect, test } from "playwright/test";
import { getProfile, lockAccount } from "@/lib/core/accounts/accounts";
import { exportAccount } from "@/lib/core/accounts/export";
import { listEvents } from "@/lib/core/accounts/history";
import {
  mailLoginCode,
  phoneLoginCode,
  register,
  requestRegistrationCode,
  signInByEmail,
  signInByPhone,
  signInWithVerifiedCode,
  verifyForLater,
} from "@/lib/core/accounts/sign-in";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import { getInvite, getSeenInvite } from "@/lib/core/invites/look-up";
import { checkSession, refreshSession } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { env, isPostgresUrl } from "@/lib/env";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import {
  anybody,
  failureOf,
  freshOwner,
  openClientSession,
  openSession,
  receiveCode,
  receiveCodeOf,
  senderOf,
  signUp,
  signUpByMail,
  wrongCode,
} from "@/lib/testing/people";
import { blockAccount, unblockAccount } from "./block";

const reason = "sells accounts";
const browser = { kind: "browser", browserId: null } as const;

/** Signs in by a fresh code to the phone, and returns the name of the failure. */
async function signIn(phone: Phone): Promise<string> {
  const owner = freshOwner(phone);
  const code = await receiveCode(owner);
  return failureOf(await signInByPhone({ ...owner, code }, anybody(), { session: browser }));
}

test("a blocked account's sessions and tokens are over, and a right code opens no session until it is unblocked", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const [session, client] = [await openSession(login, anybody()), await openClientSession(login, anybody())];
  expect(failureOf(await blockAccount(administrator, { userId, reason }))).toBe("none");
  expect(await checkSession(session.id)).toBeNull();
  expect(failureOf(await refreshSession({ id: client.id, generation: client.generation }))).toBe("token_invalid");
  expect(await signIn(phone)).toBe("account_blocked");
  expect(await readPrimary.session.findMany({ where: { userId } })).toEqual([]);
  expect(failureOf(await blockAccount(administrator, { userId, reason }))).toBe("account_blocked");

  expect(failureOf(await unblockAccount(administrator, { userId, reason }))).toBe("none");
  expect(failureOf(await unblockAccount(administrator, { userId, reason }))).toBe("account_not_blocked");
  expect(await signIn(phone)).toBe("none");
  const acts = (await readEvents(userId)).filter(({ action }) => action.endsWith("blocked"));
  expect(acts.map(({ action, details }) => [action, details.reason])).toEqual([
    ["account_unblocked", reason],
    ["account_blocked", reason],
  ]);
});

test("the right code of a blocked account is used up, at each door that takes one", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const byMail = await signUpByMail();
  for (const id of [userId, byMail.userId]) await blockAccount(administrator, { userId: id, reason });

  const owner = freshOwner(phone);
  const code = await receiveCode(owner);
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("account_blocked");
  expect(failureOf(await signInByPhone({ ...owner, code }, anybody()))).toBe("code_expired");

  const later = freshOwner(phone);
  const [laterCode, next] = [await receiveCode(later), Holder.parse(crypto.randomUUID())];
  expect(failureOf(await verifyForLater({ ...later, code: laterCode, next }, anybody()))).toBe("account_blocked");
  const verified = { phone, holder: next };
  expect(failureOf(await signInWithVerifiedCode(verified, anybody(), { session: browser }))).toBe("code_expired");

  const { email, phone: claimed } = byMail;
  const mail = { email, holder: Holder.parse(crypto.randomUUID()) };
  const attempt = { ...mail, phone: claimed, code: await receiveCodeOf(mailLoginCode(mail)) };
  expect(failureOf(await signInByEmail(attempt, anybody()))).toBe("account_blocked");
});

test("a code that was verified before the account was blocked opens no session", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const owner = freshOwner(phone);
  const [code, next] = [await receiveCode(owner), Holder.parse(crypto.randomUUID())];
  expect(failureOf(await verifyForLater({ ...owner, code, next }, anybody()))).toBe("none");
  await blockAccount(administrator, { userId, reason });
  const verified = { phone, holder: next };
  expect(failureOf(await signInWithVerifiedCode(verified, anybody(), { session: browser }))).toBe("account_blocked");
});

test("before the right code a blocked phone is answered like any other account's", async () => {
  const { administrator } = await freshAdministrator();
  const [blocked, free] = [await signUp(), await signUp()];
  await blockAccount(administrator, { userId: blocked.userId, reason });
  const answers = async (phone: Phone) => {
    const owner = freshOwner(phone);
    const [requester, now] = [anybody(), new Date()];
    const key = phoneLoginCode(owner);
    let code = "";
    const sender = senderOf(async (message) => {
      code = message.code;
      return true;
    });
    const asked = await requestCode(key, requester, { now, sender });
    const again = await requestCode(key, requester, { now, sender });
    const status = await getCodeStatus(key, requester, now);
    const wrong = await signInByPhone({ ...owner, code: wrongCode(code as never) }, requester, { now });
    const taken = await requestRegistrationCode(freshOwner(phone), requester, { now, sender });
    return { digits: asked.ok && asked.value.digits, again, status: { ...status, sentAt: null }, wrong, taken };
  };
  expect(await answers(blocked.phone)).toEqual(await answers(free.phone));
});

test("a blocked phone that registers is told so after the right code only", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  await blockAccount(administrator, { userId, reason });
  const owner = freshOwner(phone);
  expect(failureOf(await register({ ...owner, code: "0000" as never }, anybody()))).toBe("code_expired");
  expect(failureOf(await requestRegistrationCode(owner, anybody()))).toBe("phone_taken");
});

test("a blocked inviter's code is unknown everywhere, and the referrals stay", async () => {
  const { administrator } = await freshAdministrator();
  const inviter = await signUp();
  const [invitee, other] = [await signUp({ invited: inviter.inviteCode }), await signUp()];
  await blockAccount(administrator, { userId: inviter.userId, reason });
  const { inviteCode: code } = inviter;
  expect(failureOf(await activateInvite({ userId: other.userId, code }))).toBe("invite_unknown");
  expect(failureOf(await getInvite(code, anybody()))).toBe("invite_unknown");
  expect(await getSeenInvite(code)).toBeNull();
  expect(await getProfile(invitee.userId)).toMatchObject({ activated: { code } });
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 1 });
  await unblockAccount(administrator, { userId: inviter.userId, reason });
  expect(failureOf(await activateInvite({ userId: other.userId, code }))).toBe("none");
});

test("two administrators who block each other at the same time don't both succeed", async () => {
  for (let round = 0; round < 5; round += 1) {
    const [one, other] = [await freshAdministrator(), await freshAdministrator()];
    const outcomes = await Promise.all([
      blockAccount(one.administrator, { userId: other.userId, reason }).then(failureOf),
      blockAccount(other.administrator, { userId: one.userId, reason }).then(failureOf),
    ]);
    expect(outcomes.sort()).toEqual(["login_too_old", "none"]);
  }
});

/** Blocks the account as `blockAccount` does, and holds the transaction open until `release` is called. */
async function holdBlock(userId: number) {
  const moments = new EventEmitter();
  const [isBlocked, isReleased] = [once(moments, "blocked"), once(moments, "released")];
  const blocking = write(async (tx) => {
    await lockAccount(tx, userId);
    await tx.user.updateMany({ where: { id: userId }, data: { blockedAt: new Date() } });
    await tx.session.deleteMany({ where: { userId } });
    moments.emit("blocked");
    await isReleased;
  });
  await isBlocked;
  const release = async () => {
    moments.emit("released");
    await blocking;
  };
  return { release };
}

test("a sign-in in an account that an earlier step made waits for a block that has begun", async () => {
  test.skip(!isPostgresUrl(env.DATABASE_URL), "SQLite runs one writer at a time");
  const owner = freshOwner();
  const [code, next] = [await receiveCode(owner), Holder.parse(crypto.randomUUID())];
  expect(failureOf(await verifyForLater({ ...owner, code, next }, anybody()))).toBe("none");
  const { id: userId } = await readPrimary.user.findUniqueOrThrow({ where: { phone: owner.phone } });
  const { release } = await holdBlock(userId);
  const signing = signInWithVerifiedCode({ phone: owner.phone, holder: next }, anybody(), { session: browser });
  await expect.poll(countWaiting).toBeGreaterThan(0);
  await release();
  expect(failureOf(await signing)).toBe("account_blocked");
  expect(await readPrimary.session.findMany({ where: { userId } })).toEqual([]);
});

test("an activation that waits for a block that has begun finds the code unknown", async () => {
  test.skip(!isPostgresUrl(env.DATABASE_URL), "SQLite runs one writer at a time");
  const [inviter, invitee] = [await signUp(), await signUp()];
  const { release } = await holdBlock(inviter.userId);
  const activating = activateInvite({ userId: invitee.userId, code: inviter.inviteCode });
  await expect.poll(countWaiting).toBeGreaterThan(0);
  await release();
  expect(failureOf(await activating)).toBe("invite_unknown");
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 0 });
});

/** How many transactions of this database wait for a lock. */
async function countWaiting(): Promise<number> {
  const [row] = await readPrimary.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) AS count FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return Number(row?.count ?? 0);
}

test("the owner's history and export have the acts of administrators without their reasons", async () => {
  const { administrator } = await freshAdministrator();
  const { userId } = await signUp();
  await blockAccount(administrator, { userId, reason });
  expect(JSON.stringify(await listEvents(userId))).not.toContain(reason);
  const exported = await exportAccount(userId);
  if (!exported.ok) throw new Error(exported.failure.name);
  let text = "";
  for await (const piece of exported.value) text += piece;
  expect(text).toContain("account_blocked");
  expect(text).not.toContain(reason);
});

test("no session survives when an account is blocked while its owner signs in", async () => {
  const { administrator } = await freshAdministrator();
  for (let round = 0; round < 10; round += 1) {
    const { userId, phone } = await signUp();
    const owner = freshOwner(phone);
    const code = await receiveCode(owner);
    const signing = signInByPhone({ ...owner, code }, anybody(), { session: browser }).then(
      failureOf,
      (error) => error.name,
    );
    await Promise.all([signing, blockAccount(administrator, { userId, reason })]);
    expect(["none", "account_blocked"]).toContain(await signing);
    expect(await readPrimary.session.findMany({ where: { userId } })).toEqual([]);
  }
});
