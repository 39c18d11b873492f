import { expect, _baseTest as test } from "playwright/test";
import { AccountGone, getProfile } from "@/lib/core/accounts/accounts";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { Email } from "@/lib/core/identity/email";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { getInvite } from "@/lib/core/invites/look-up";
import { listReferrals } from "@/lib/core/invites/referrals";
import { RECENT_LOGIN_MS } from "@/lib/core/policy";
import { checkSession } from "@/lib/core/sessions/sessions";
import { read } from "@/lib/db/database";
import { env } from "@/lib/env";
import {
  anybody,
  failureOf,
  freshEmail,
  freshPhone,
  openClientSession,
  openSession,
  signUp,
  signUpByMail,
} from "@/lib/testing/people";
import {
  type AccountCursor,
  type AccountLookup,
  asAdministrator,
  changeAccount,
  createAccount,
  deleteAccount,
  listAccounts,
  readAccount,
} from "./accounts";
import type { Administrator } from "./actor";

/** Signs a new person up and opens a session by a code to their phone. */
async function signUpAndLogIn(now = new Date()) {
  const person = await signUp({ now });
  return {
    ...person,
    session: await openSession({ userId: person.userId, proven: phoneRecipient(person.phone) }, anybody(), now),
  };
}

// The second administrator's phone is left to another test, because a phone gets only a few codes an hour.
const administratorPhones = env.ADMIN_PHONES.filter((_, at) => at !== 1);
let administrators = 0;

/** Returns an administrator of these tests, with one of the phones of the settings in turn. */
async function administrator(): Promise<Administrator & { phone: string }> {
  const phone = administratorPhones[administrators % administratorPhones.length] ?? "";
  administrators += 1;
  const { userId } = await signUp({ phone: phone as never });
  const session = await openSession({ userId, proven: phoneRecipient(phone as never) }, anybody());
  const found = await asAdministrator(session);
  if (!found.ok) throw new Error(found.failure.name);
  return { ...found.value, phone };
}

const eventsOf = (subjectId: number) => read.auditEvent.findMany({ where: { subjectId }, orderBy: { id: "asc" } });

test("an administrator is an account whose phone is in ADMIN_PHONES, in a session that a code to this phone opened", async () => {
  const { userId, phone } = await administrator();
  const other = await signUpAndLogIn();
  expect(failureOf(await asAdministrator(other.session))).toBe("not_administrator");
  const own = await openSession({ userId, proven: phoneRecipient(phone as never) }, anybody());
  expect(failureOf(await asAdministrator(own))).toBe("none");
  expect(failureOf(await asAdministrator({ ...own, provenPhone: null }))).toBe("not_administrator");
  expect(failureOf(await asAdministrator({ ...own, userId: other.userId }))).toBe("not_administrator");
});

test("the list of accounts can be paged forwards and backwards while new accounts come", async () => {
  const admin = await administrator();
  const people = [];
  for (let at = 0; at < 5; at += 1) people.push((await signUp()).userId);
  const before: AccountCursor = { side: "after", id: (people[4] ?? 0) + 1 };
  const first = await listAccounts(admin, { cursor: before, limit: 2 });
  await signUp();
  const second = await listAccounts(admin, { cursor: first.next, limit: 2 });
  const ids = [first, second].map(({ accounts }) => accounts.map(({ id }) => id));
  expect(ids).toEqual([
    [people[4], people[3]],
    [people[2], people[1]],
  ]);
  const back = await listAccounts(admin, { cursor: second.previous, limit: 2 });
  expect(back.accounts).toEqual(first.accounts);
  const oldest = await listAccounts(admin, { cursor: { side: "after", id: 2 }, limit: 2 });
  expect(oldest.next).toBeNull();
  const newest = await listAccounts(admin, { limit: 1 });
  expect(newest.previous).toBeNull();
});

test("a phone or mailbox of another account is refused when an account is made or changed", async () => {
  const admin = await administrator();
  const [one, other] = [await signUp(), await signUp()];
  const email = Email.parse(`taken-${one.userId}@example.com`);
  expect(failureOf(await createAccount(admin, { phone: one.phone }))).toBe("phone_taken");
  expect(failureOf(await changeAccount(admin, one.userId, { email }))).toBe("none");
  expect(failureOf(await createAccount(admin, { phone: freshPhone(), email }))).toBe("email_taken");
  expect(failureOf(await changeAccount(admin, other.userId, { phone: one.phone }))).toBe("phone_taken");
  expect(failureOf(await changeAccount(admin, other.userId, { email }))).toBe("email_taken");
  expect(failureOf(await changeAccount(admin, one.userId, { phone: one.phone, email }))).toBe("none");
});

test("an account whose phone was changed loses its sessions, and the new phone opens it", async () => {
  const admin = await administrator();
  const { userId, session } = await signUpAndLogIn();
  const phone = freshPhone();
  await changeAccount(admin, userId, { phone });
  expect(await checkSession(session.id)).toBeNull();
  expect((await signUp({ phone })).userId).toBe(userId);
});

test("a phone that an account no longer has opens no session", async () => {
  const admin = await administrator();
  const { userId, phone } = await signUp();
  await changeAccount(admin, userId, { phone: freshPhone() });
  await expect(openSession({ userId, proven: phoneRecipient(phone) }, anybody())).rejects.toThrow(AccountGone);
  await deleteAccount(admin, { userId });
  await expect(openSession({ userId, proven: phoneRecipient(phone) }, anybody())).rejects.toThrow(AccountGone);
});

test("a deleted account's own activation is deleted, and the activations of its code by others stay", async () => {
  const admin = await administrator();
  const inviter = await signUp();
  const middle = await signUp({ invited: inviter.inviteCode });
  const invitee = await signUp({ invited: middle.inviteCode });
  const session = await openSession({ userId: middle.userId, proven: phoneRecipient(middle.phone) }, anybody());
  expect(failureOf(await deleteAccount(admin, { userId: middle.userId }))).toBe("none");

  expect(await checkSession(session.id)).toBeNull();
  expect(await getProfile(middle.userId)).toBeNull();
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 0 });
  expect(await listReferrals(inviter.userId)).toEqual({ referrals: [], next: null });
  expect(failureOf(await getInvite(middle.inviteCode, anybody()))).toBe("invite_unknown");
  expect(await getProfile(invitee.userId)).toMatchObject({ activated: { code: middle.inviteCode, inviter: null } });
  expect((await signUp({ phone: middle.phone })).userId).not.toBe(middle.userId);
  expect(failureOf(await deleteAccount(admin, { userId: middle.userId }))).toBe("account_unknown");
});

test("an administrator can change accounts only soon after a login, and read them at any time", async () => {
  const admin = await administrator();
  const { userId } = await signUp();
  const late = new Date(admin.verifiedAt.getTime() + RECENT_LOGIN_MS);
  const phone = freshPhone();
  expect(failureOf(await createAccount(admin, { phone }, { now: late }))).toBe("login_too_old");
  expect(failureOf(await changeAccount(admin, userId, { phone }, late))).toBe("login_too_old");
  expect(failureOf(await deleteAccount(admin, { userId }, late))).toBe("login_too_old");
  expect(failureOf(await readAccount(admin, userId, late))).toBe("none");
  expect((await listAccounts(admin, { limit: 1 }, late)).accounts).toHaveLength(1);
  const justInTime = new Date(late.getTime() - 1);
  expect(failureOf(await createAccount(admin, { phone }, { now: justInTime }))).toBe("none");
  expect(failureOf(await changeAccount(admin, userId, { phone: freshPhone() }, justInTime))).toBe("none");
  expect(failureOf(await deleteAccount(admin, { userId }, justInTime))).toBe("none");
});

test("administrators can't change their own account without the codes that every owner needs", async () => {
  const admin = await administrator();
  expect(failureOf(await changeAccount(admin, admin.userId, { phone: freshPhone() }))).toBe("account_own");
  expect(failureOf(await changeAccount(admin, admin.userId, {}))).toBe("account_own");
  expect(await getProfile(admin.userId)).toMatchObject({ phone: admin.phone, email: null });
});

test("a change by an administrator names the old and the new mailbox to notify", async () => {
  const admin = await administrator();
  const { userId } = await signUp();
  const [first, second] = [freshEmail(), freshEmail()];
  const changedBy = async (changes: Parameters<typeof changeAccount>[2]) => {
    const changed = await changeAccount(admin, userId, changes);
    return changed.ok && changed.value.changed;
  };
  expect(await changedBy({ email: first })).toEqual([{ name: "email_changed", was: "added", mailboxes: [first] }]);
  expect(await changedBy({ email: first })).toEqual([]);
  expect(await changedBy({ phone: freshPhone(), email: second })).toEqual([
    { name: "phone_changed", was: "changed", mailboxes: [first, second] },
    { name: "email_changed", was: "changed", mailboxes: [first, second] },
  ]);
  expect(await changedBy({ email: null })).toEqual([{ name: "email_changed", was: "removed", mailboxes: [second] }]);
});

test("a client application's session can't delete its account, however recent its login is", async () => {
  const { userId, phone } = await signUp();
  const session = await openClientSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect(failureOf(await deleteOwnAccount(session))).toBe("cookie_required");
  expect(await checkSession(session.id)).toMatchObject({ isClient: true });
  expect(await getProfile(userId)).not.toBeNull();
});

test("a session can delete its own account only soon after a login", async () => {
  const now = new Date();
  const [early, late] = [await signUpAndLogIn(now), await signUpAndLogIn(now)];
  const after = (ms: number) => new Date(now.getTime() + ms);
  expect(failureOf(await deleteOwnAccount(late.session, after(RECENT_LOGIN_MS)))).toBe("login_too_old");
  expect(failureOf(await deleteOwnAccount(early.session, after(RECENT_LOGIN_MS - 1)))).toBe("none");
  expect(await getProfile(early.userId)).toBeNull();
  expect(await getProfile(late.userId)).not.toBeNull();
});

test("everything that an administrator does is recorded, without personal data", async () => {
  const admin = await administrator();
  const phone = freshPhone();
  const made = await createAccount(admin, { phone });
  if (!made.ok) throw new Error(made.failure.name);
  const { id } = made.value;
  await readAccount(admin, id);
  await changeAccount(admin, id, { email: Email.parse(`record-${id}@example.com`) });
  await deleteAccount(admin, { userId: id });
  const events = await eventsOf(id);
  expect(events.map(({ action }) => action)).toEqual([
    "account_created",
    "account_read",
    "account_changed",
    "account_deleted",
  ]);
  expect(events.every(({ actorId }) => actorId === admin.userId)).toBe(true);
  expect(JSON.stringify(events)).not.toContain(phone);
  await listAccounts(admin, { limit: 1 });
  const where = { actorId: admin.userId };
  expect(await read.auditEvent.findFirst({ where, orderBy: { id: "desc" } })).toMatchObject({
    action: "accounts_listed",
  });
});

test("accounts can be looked up by phone, mailbox and invite code, and their owners see the look-up", async () => {
  const admin = await administrator();
  const [owner, byMail] = [await signUp(), await signUpByMail()];
  const claimant = await signUpByMail({ phone: owner.phone });
  const find = async (lookup: AccountLookup, page: { limit?: number; cursor?: AccountCursor | null } = {}) => {
    const { accounts, next } = await listAccounts(admin, { lookup, ...page });
    return { ids: accounts.map(({ id }) => id), next };
  };
  const only = (id: number) => ({ ids: [id], next: null });
  expect(await find({ inviteCode: owner.inviteCode })).toEqual(only(owner.userId));
  expect(await find({ email: byMail.email })).toEqual(only(byMail.userId));
  expect(await find({ phone: byMail.phone })).toEqual(only(byMail.userId));
  expect(await find({ phone: owner.phone, email: claimant.email })).toEqual(only(claimant.userId));
  expect(await find({ phone: owner.phone, email: byMail.email })).toEqual({ ids: [], next: null });
  expect((await find({ phone: owner.phone })).ids).toEqual([claimant.userId, owner.userId]);
  const { ids, next } = await find({ phone: owner.phone }, { limit: 1 });
  expect([...ids, ...(await find({ phone: owner.phone }, { limit: 1, cursor: next })).ids]).toEqual([
    claimant.userId,
    owner.userId,
  ]);
  const looks = (await eventsOf(byMail.userId)).filter(({ actorId }) => actorId === admin.userId);
  expect(looks.map(({ action }) => action)).toEqual(["account_read", "account_read"]);
  await find({ phone: freshPhone() });
  const last = await read.auditEvent.findFirst({ where: { actorId: admin.userId }, orderBy: { id: "desc" } });
  expect(last).toMatchObject({ action: "accounts_listed", subjectId: null });
});
