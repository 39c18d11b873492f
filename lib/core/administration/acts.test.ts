import { expect, test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { listEvents } from "@/lib/core/accounts/history";
import { phoneLoginCode } from "@/lib/core/accounts/sign-in";
import type { ChallengeKey } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { keyedHash } from "@/lib/core/keyed-hash";
import { REASON_LENGTH_MAX, RECENT_LOGIN_MS, SENDS_PER_PHONE_AND_IP_PER_HOUR } from "@/lib/core/policy";
import { checkSession } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { withoutCircuitBreaker } from "@/lib/senders/chain";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  freshOwner,
  freshPhone,
  openSession,
  senderOf,
  signUp,
  signUpByMail,
} from "@/lib/testing/people";
import { changeAccount, createAccount } from "./accounts";
import { moveInvitation, undoInvitation } from "./activations";
import type { Administrator } from "./actor";
import { deletePerson, Reason } from "./acts";
import { blockAccount } from "./block";
import { endSessions, listSessionsOf } from "./end-sessions";
import { liftLimits, liftLimitsOfRecipient } from "./lift-limits";
import { trySender } from "./sender-trials";
import { drawFixedCode, endTestNumber, makeTestNumber } from "./test-numbers";

const reason = "asked by the person";
const HOUR_MS = 60 * 60 * 1000;

test("an administrator ends one session of a person, then all, each with one event that has the reason", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const [first, second] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect((await listSessionsOf(userId)).map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());

  expect(failureOf(await endSessions(administrator, { userId, reason, sessionId: first.id }))).toBe("none");
  expect(await checkSession(first.id)).toBeNull();
  expect(await checkSession(second.id)).not.toBeNull();
  expect(failureOf(await endSessions(administrator, { userId, reason, sessionId: null }))).toBe("none");
  expect(await checkSession(second.id)).toBeNull();
  const events = await readEvents(userId);
  const ended = events.filter(({ action }) => action === "sessions_ended");
  expect(ended.map(({ actorKind, details }) => ({ actorKind, details }))).toEqual([
    { actorKind: "administrator", details: { count: 1, reason } },
    { actorKind: "administrator", details: { count: 1, reason } },
  ]);
});

test("a session of another account is not ended by naming it", async () => {
  const { administrator } = await freshAdministrator();
  const [person, other] = [await signUp(), await signUp()];
  const session = await openSession({ userId: other.userId, proven: phoneRecipient(other.phone) }, anybody());
  await endSessions(administrator, { userId: person.userId, reason, sessionId: session.id });
  expect(await checkSession(session.id)).not.toBeNull();
});

test("an act needs a recent code, an account that exists, and another account than the administrator's own", async () => {
  const { administrator, userId: own } = await freshAdministrator();
  const { userId } = await signUp();
  const act = (id: number, now: Date) => endSessions(administrator, { userId: id, reason, sessionId: null }, now);
  const late = after(administrator.verifiedAt, RECENT_LOGIN_MS);
  expect(failureOf(await act(userId, late))).toBe("login_too_old");
  expect(failureOf(await act(own, new Date()))).toBe("account_own");
  expect(failureOf(await act(2 ** 31 - 1, new Date()))).toBe("account_unknown");
  expect((await listEvents(userId)).events.map(({ action }) => action)).not.toContain("sessions_ended");
});

test("a reason is a text of at most its length, without spaces around it", () => {
  expect(Reason.parse("  he asked \n")).toBe("he asked");
  expect(Reason.safeParse(" \n").error?.issues[0]?.message).toBe("reason_missing");
  expect(Reason.safeParse("a".repeat(REASON_LENGTH_MAX + 1)).error?.issues[0]?.message).toBe("reason_too_long");
});

/** How many referrals the account's row counts, and how many activations lead to it. They must be equal. */
async function referralsOf(userId: number): Promise<[number, number]> {
  const { referralCount } = await readPrimary.user.findUniqueOrThrow({ where: { id: userId } });
  return [referralCount, (await readPrimary.activation.findMany({ where: { inviterId: userId } })).length];
}

test("an administrator moves an activation to another code, and both inviters' counts follow", async () => {
  const { administrator } = await freshAdministrator();
  const [before, other] = [await signUp(), await signUp()];
  const person = await signUp({ invited: before.inviteCode });
  const move = (code: InviteCode | null) =>
    moveInvitation(administrator, { userId: person.userId, reason, code }).then(failureOf);
  const activatedAt = (await getProfile(person.userId))?.activated?.activatedAt;
  expect(await move(other.inviteCode)).toBe("none");
  expect((await getProfile(person.userId))?.activated).toMatchObject({ code: other.inviteCode, activatedAt });
  expect([await referralsOf(before.userId), await referralsOf(other.userId)]).toEqual([
    [0, 0],
    [1, 1],
  ]);
  const [event] = await readEvents(person.userId);
  expect(event).toMatchObject({
    action: "invite_moved",
    actorKind: "administrator",
    details: { reason, inviters: { before: before.userId, after: other.userId } },
  });
  expect(await move(other.inviteCode)).toBe("invite_same");
  expect(await move(person.inviteCode)).toBe("invite_own");
  expect(await move("ZZZZZZ" as InviteCode)).toBe("invite_unknown");
  expect(await move(null)).toBe("invite_unknown");
});

test("an activation can't be moved below the person, however far", async () => {
  const { administrator } = await freshAdministrator();
  const root = await signUp();
  const person = await signUp({ invited: root.inviteCode });
  const child = await signUp({ invited: person.inviteCode });
  const grandchild = await signUp({ invited: child.inviteCode });
  const act = { userId: person.userId, reason };
  for (const { inviteCode } of [child, grandchild]) {
    expect(failureOf(await moveInvitation(administrator, { ...act, code: inviteCode }))).toBe("invite_circular");
  }
  expect(await referralsOf(root.userId)).toEqual([1, 1]);
});

test("an undone activation leaves the person free to activate another code", async () => {
  const { administrator } = await freshAdministrator();
  const [inviter, other] = [await signUp(), await signUp()];
  const { userId } = await signUp({ invited: inviter.inviteCode });
  expect(failureOf(await undoInvitation(administrator, { userId, reason }))).toBe("none");
  expect(await referralsOf(inviter.userId)).toEqual([0, 0]);
  expect(failureOf(await undoInvitation(administrator, { userId, reason }))).toBe("activation_missing");
  expect(failureOf(await activateInvite({ userId, code: other.inviteCode }))).toBe("none");
});

test("moves, undoings and the people's own activations at the same time make no circle and miscount nothing", async () => {
  const { administrator } = await freshAdministrator();
  for (let round = 0; round < 6; round += 1) {
    const people = [await signUp(), await signUp(), await signUp(), await signUp()] as const;
    const [one, two, three, four] = people;
    await activateInvite({ userId: two.userId, code: one.inviteCode });
    const act = (userId: number, code: InviteCode) => moveInvitation(administrator, { userId, reason, code });
    await Promise.all([
      act(two.userId, four.inviteCode),
      activateInvite({ userId: one.userId, code: two.inviteCode }),
      activateInvite({ userId: four.userId, code: two.inviteCode }),
      activateInvite({ userId: three.userId, code: two.inviteCode }),
      act(two.userId, three.inviteCode),
      undoInvitation(administrator, { userId: two.userId, reason }),
      activateInvite({ userId: two.userId, code: three.inviteCode }),
    ]);
    for (const { userId } of people) {
      const [counted, stored] = await referralsOf(userId);
      expect(counted).toBe(stored);
    }
    const links = await readPrimary.activation.findMany({ where: { inviteeId: { in: people.map((p) => p.userId) } } });
    const inviterOf = new Map(links.map(({ inviteeId, inviterId }) => [inviteeId, inviterId]));
    for (const { userId } of people) {
      const seen: number[] = [];
      for (let at: number | null = userId; at != null && seen.length < 10; at = inviterOf.get(at) ?? null)
        seen.push(at);
      expect(new Set(seen).size, "each chain of inviters ends").toBe(seen.length);
    }
  }
});

test("a lifted wait lets the person request a code at once, after a wait and after a used-up limit", async () => {
  const { administrator } = await freshAdministrator();
  const { phone, userId } = await signUp();
  const [requester, now, sender] = [anybody(), new Date(), senderOf(async () => true)];
  const [key, ...others] = Array.from({ length: SENDS_PER_PHONE_AND_IP_PER_HOUR }, () =>
    phoneLoginCode(freshOwner(phone)),
  );
  const request = async (of = key) => failureOf(await requestCode(of as ChallengeKey, requester, { now, sender }));
  const lift = async () => failureOf(await liftLimits(administrator, { userId, reason }, now));
  expect(await request()).toBe("none");
  expect(await request()).toBe("resend_too_early");
  expect(await lift()).toBe("none");
  expect(await request()).toBe("none");

  for (const other of others) expect(await request(other)).toBe("none");
  const another = phoneLoginCode(freshOwner(phone));
  expect(await request(another)).toBe("budget_spent");
  expect(await lift()).toBe("none");
  expect(await request(another)).toBe("none");
  expect((await listEvents(userId)).events.filter(({ action }) => action === "limits_lifted")).toHaveLength(2);
});

test("a lifted wait leaves the limits of other people as they are", async () => {
  const { administrator } = await freshAdministrator();
  const [person, other] = [await signUp(), await signUp()];
  const now = new Date();
  const key = phoneLoginCode(freshOwner(other.phone));
  const sender = senderOf(async () => true);
  await requestCode(key, anybody(), { now, sender });
  await liftLimits(administrator, { userId: person.userId, reason }, now);
  expect(failureOf(await requestCode(key, anybody(), { now, sender }))).toBe("resend_too_early");
});

test("an administrator removes a phone or mailbox only if the other one stays", async () => {
  const { administrator } = await freshAdministrator();
  const { userId } = await signUp();
  const email = freshEmail();
  expect(failureOf(await changeAccount(administrator, userId, { phone: null, reason }))).toBe("identity_missing");
  expect(failureOf(await changeAccount(administrator, userId, { email, reason }))).toBe("none");
  expect(failureOf(await changeAccount(administrator, userId, { phone: null, reason }))).toBe("none");
  expect((await readEvents(userId))[0]).toMatchObject({
    action: "account_changed",
    details: { fields: ["phone"], reason },
  });
  expect(await getProfile(userId)).toMatchObject({ phone: null, claimedPhone: null, email });
  expect(failureOf(await changeAccount(administrator, userId, { email: null, reason }))).toBe("identity_missing");
});

test("a removed claimed phone is gone, and the mailbox stays", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, email } = await signUpByMail();
  expect(failureOf(await changeAccount(administrator, userId, { phone: null, reason }))).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone: null, claimedPhone: null, email });
});

test("an administrator deletes an account with a reason, but not their own", async () => {
  const { administrator, userId: own } = await freshAdministrator();
  const { userId } = await signUp();
  expect(failureOf(await deletePerson(administrator, { userId: own, reason }))).toBe("account_own");
  expect(failureOf(await deletePerson(administrator, { userId, reason }))).toBe("none");
  expect(await getProfile(userId)).toBeNull();
  expect((await readEvents(userId))[0]).toMatchObject({ action: "account_deleted", details: { reason } });
  expect(failureOf(await deletePerson(administrator, { userId, reason }))).toBe("account_unknown");
});

test("a lifted wait starts the limits of the networks again that the last requests came from", async () => {
  const { administrator } = await freshAdministrator();
  const { phone, userId } = await signUp();
  const [requester, now, sender] = [anybody(), new Date(), senderOf(async () => true)];
  const request = () => requestCode(phoneLoginCode(freshOwner(phone)), requester, { now, sender }).then(failureOf);
  for (let sends = 0; sends < SENDS_PER_PHONE_AND_IP_PER_HOUR; sends += 1) expect(await request()).toBe("none");
  // The network of a verified code is refunded, and a challenge that is over is deleted.
  await write((tx) => tx.challenge.deleteMany({ where: { recipient: phone } }));
  expect(await request()).toBe("budget_spent");
  expect(failureOf(await liftLimits(administrator, { userId, reason }, now))).toBe("none");
  expect(await request()).toBe("none");
});

test("the wait of a phone without an account can be lifted on the phone's page, that of an account's phone only on the person's", async () => {
  const { administrator, userId: own } = await freshAdministrator();
  const owner = freshOwner();
  const hash = keyedHash(owner.phone);
  const [requester, now, sender] = [anybody(), new Date(), senderOf(async () => true)];
  const request = (key = phoneLoginCode(owner)) => requestCode(key, requester, { now, sender }).then(failureOf);
  const lift = () => liftLimitsOfRecipient(administrator, { hash, reason }, now).then(failureOf);
  expect(await lift()).toBe("recipient_unknown");
  expect(await request()).toBe("none");
  expect(await request()).toBe("resend_too_early");
  expect(await lift()).toBe("none");
  expect(await request()).toBe("none");
  while ((await request(phoneLoginCode(freshOwner(owner.phone)))) === "none");
  expect(await lift()).toBe("none");
  expect(await request(phoneLoginCode(freshOwner(owner.phone)))).toBe("none");

  const delivery = await readPrimary.delivery.findFirst({ where: { recipient: hash }, orderBy: { id: "desc" } });
  const events = await readPrimary.auditEvent.findMany({ where: { actorId: own, action: "limits_lifted" } });
  expect(events.map(({ subjectId }) => subjectId)).toEqual([null, null]);
  const { deliveryId, ...details } = JSON.parse(events[1]?.details ?? "{}");
  expect(details).toEqual({ reason });
  expect(deliveryId).toBeLessThan(delivery?.id ?? 0);

  const late = after(administrator.verifiedAt, RECENT_LOGIN_MS);
  expect(failureOf(await liftLimitsOfRecipient(administrator, { hash, reason }, late))).toBe("login_too_old");
  await signUp({ phone: owner.phone, now: after(now, 2 * HOUR_MS) });
  expect(await lift()).toBe("recipient_unknown");
});

/** The acts that change no row of the account itself, each on a person who has activated a code. */
const UNLOCKED_ACTS = [
  {
    action: "limits_lifted",
    act: (by: Administrator, userId: number) => liftLimits(by, { userId, reason }),
  },
  {
    action: "invite_moved",
    act: (by: Administrator, userId: number, code: InviteCode) => moveInvitation(by, { userId, reason, code }),
  },
  {
    action: "invite_reversed",
    act: (by: Administrator, userId: number) => undoInvitation(by, { userId, reason }),
  },
] as const;

for (const { action, act } of UNLOCKED_ACTS) {
  test(`an administrator who is blocked in the middle of a request does not finish it: ${action}`, async () => {
    const chief = await freshAdministrator();
    const other = await signUp();
    for (let round = 0; round < 4; round += 1) {
      const blocked = await freshAdministrator();
      const inviter = await signUp();
      const { userId } = await signUp({ invited: inviter.inviteCode });
      const [acted] = await Promise.all([
        act(blocked.administrator, userId, other.inviteCode),
        blockAccount(chief.administrator, { userId: blocked.userId, reason }),
      ]);
      const [event] = (await readEvents(userId)).filter((one) => one.action === action);
      const [block] = (await readEvents(blocked.userId)).filter((one) => one.action === "account_blocked");
      if (failureOf(acted) === "none") expect(event?.id).toBeLessThan(block?.id ?? 0);
      else expect([failureOf(acted), event]).toEqual(["login_too_old", undefined]);

      const before = await referralsOf(inviter.userId);
      expect(failureOf(await act(blocked.administrator, userId, inviter.inviteCode))).toBe("login_too_old");
      expect(await referralsOf(inviter.userId)).toEqual(before);
    }
  });
}

test("an administrator who was blocked after a request began makes no account or test number, ends none, and tries no sender", async () => {
  const chief = await freshAdministrator();
  const { administrator, userId } = await freshAdministrator();
  const number = { code: drawFixedCode(), until: after(new Date(), HOUR_MS), note: null, reason };
  const made = await makeTestNumber(administrator, { ...number, phone: freshPhone() });
  if (!made.ok) throw new Error(made.failure.name);
  expect(failureOf(await blockAccount(chief.administrator, { userId, reason }))).toBe("none");

  const sent: string[] = [];
  const sender = senderOf(async ({ to }) => {
    sent.push(to);
    return true;
  });
  const channels = [withoutCircuitBreaker("smsru", sender)];
  expect(failureOf(await createAccount(administrator, { phone: freshPhone() }))).toBe("login_too_old");
  expect(failureOf(await makeTestNumber(administrator, { ...number, phone: freshPhone() }))).toBe("login_too_old");
  expect(failureOf(await endTestNumber(administrator, made.value))).toBe("login_too_old");
  expect(failureOf(await trySender(administrator, "smsru", anybody(), { language: "en", channels }))).toBe(
    "login_too_old",
  );
  expect(sent).toEqual([]);
  const events = await readPrimary.auditEvent.findMany({ where: { actorId: userId, actorKind: "administrator" } });
  expect(events.map(({ action }) => action)).toEqual(["test_number_made"]);
});
