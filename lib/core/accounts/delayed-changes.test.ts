import { expect, test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS, KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { succeed } from "@/lib/core/result";
import { confirmSignIn, endOtherSession, endOtherSessions } from "@/lib/core/sessions/session-list";
import { checkSession, endSession, hasToWait, type Session } from "@/lib/core/sessions/sessions";
import { read, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { errorsOf } from "@/lib/testing/log";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  freshPhone,
  openClientSession,
  openSession,
  receiveCodeOf,
  senderOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { Crash, isBackgroundBusy, withCrashAfter } from "@/lib/testing/transactions";
import { getProfile } from "./accounts";
import { asAdministrator, changeAccount } from "./administration";
import { applyNowByCodes, applyNowCodes } from "./apply-now";
import { changeIdentity, requestIdentityChange } from "./change-identity";
import {
  applyDueChanges,
  applyNow,
  cancelDelayedChange,
  type DelayedAction,
  listDelayedChanges,
  type ShownChange,
} from "./delayed-changes";
import { deleteByCode, deleteOwnAccount, deletionCode } from "./delete-account";
import { type AccountEvent, listEvents } from "./history";

/** An account in the browser that made it, and a session of a device that nobody has confirmed. */
async function arrive(now = new Date()) {
  const person = await signUp({ now });
  const proven = phoneRecipient(person.phone);
  const by = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [proven] } };
  const home = await openSession({ userId: person.userId, proven, created: true }, by, now);
  const stranger = await openSession({ userId: person.userId, proven }, { ...anybody(), agent: "okhttp/4.12.0" }, now);
  return { ...person, proven, by, home, stranger, now, due: after(now, CHANGE_DELAY_MS) };
}

/** Changes the phone or mailbox by the right codes. */
async function change(session: Session, next: Recipient, now: Date) {
  const wanted = { next, holder: Holder.parse(crypto.randomUUID()) };
  const codes: OneTimeCode[] = [];
  const sender = senderOf(async ({ code }) => codes.push(code as OneTimeCode) > 0);
  expect(failureOf(await requestIdentityChange(session, wanted, anybody(), { sender, now }))).toBe("none");
  const [old, fresh] = codes;
  if (!old || !fresh) throw new Error("a code is missing");
  return changeIdentity(session, wanted, { old, new: fresh }, anybody(), now);
}

const remove = async (session: Session, now: Date) =>
  deleteByCode(session, await receiveCodeOf(await deletionCode(session), now), anybody(), now);

/** Looks at a session, which applies what is due. */
const look = async (session: Session, now: Date) => {
  const checked = await checkSession(session.id, now);
  await backgroundTasks();
  return checked;
};

const actionsOf = async (userId: number): Promise<AccountEvent["action"][]> =>
  (await listEvents(userId)).events.map(({ action }) => action);

/** Gives the account a mailbox, as a trusted device does. */
async function addMailbox({ home, now }: Awaited<ReturnType<typeof arrive>>) {
  const email = freshEmail();
  expect(failureOf(await change(home, emailRecipient(email), now))).toBe("none");
  return email;
}

/** A change as the page shows it to a session. */
async function shownChange(session: Session, action: DelayedAction, now: Date): Promise<ShownChange> {
  const shown = (await listDelayedChanges(session, now)).find((change) => change.action === action);
  if (!shown) throw new Error(`no ${action} waits`);
  return shown;
}

/** The codes to both factors, which apply a change now. */
async function receiveBothCodes(session: Session, now: Date) {
  const owners = await applyNowCodes(session);
  if (!owners) throw new Error("a factor is missing");
  return { phone: await receiveCodeOf(owners.phone, now), email: await receiveCodeOf(owners.email, now) };
}

test("a deletion that an unconfirmed session asks for takes effect a day later", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  expect(await remove(stranger, now)).toEqual({ ok: true, value: { dueAt: due } });
  for (const session of [home, stranger]) {
    expect(await listDelayedChanges(session, now)).toMatchObject([
      { action: "deletion", next: null, dueAt: due, mayCancel: true, isOwn: session === stranger },
    ]);
  }
  expect(await look(home, after(due, -1))).not.toBeNull();
  expect(await getProfile(userId)).not.toBeNull();
  expect(await look(home, due)).toBeNull();
  expect(await getProfile(userId)).toBeNull();
  expect(await actionsOf(userId)).toContain("account_deleted");
});

test("the same by the cookie alone, and a trusted device needs no wait", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  expect(await deleteOwnAccount(stranger, now)).toEqual({ ok: true, value: { dueAt: due } });
  expect(await getProfile(userId)).not.toBeNull();
  expect(await deleteOwnAccount(home, now)).toMatchObject({ ok: true, value: { dueAt: null } });
  expect(await getProfile(userId)).toBeNull();
});

test("a number that an unconfirmed session changes is another one a day later, and the other sessions end then", async () => {
  const { userId, phone, home, stranger, now, due } = await arrive();
  const next = freshPhone();
  expect(await change(stranger, phoneRecipient(next), now)).toEqual({ ok: true, value: { dueAt: due } });
  expect(await listDelayedChanges(home, now)).toMatchObject([{ action: "phone", next: maskPhone(next) }]);
  expect(await look(home, after(due, -1))).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
  expect(await look(stranger, due)).toMatchObject({ isNew: true, provenPhone: next });
  expect(await getProfile(userId)).toMatchObject({ phone: next });
  expect(await look(home, due)).toBeNull();
  expect(await listDelayedChanges(stranger, due)).toEqual([]);
});

test("an address is added a day later, too, though the session that asked for it is over by then", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  const email = freshEmail();
  await change(stranger, emailRecipient(email), now);
  await endSession(stranger.id);
  expect(await look(home, due)).toBeNull();
  expect(await getProfile(userId)).toMatchObject({ email });
});

for (const action of ["deletion", "phone"] as DelayedAction[]) {
  test(`a trusted device cancels it, also one that was logged out, and an unconfirmed one only what it asked for itself: ${action}`, async () => {
    const { userId, phone, proven, by, home, stranger, now, due } = await arrive();
    const ask = () =>
      action === "deletion" ? remove(stranger, now) : change(stranger, phoneRecipient(freshPhone()), now);
    await ask();
    const other = await openSession({ userId, proven }, anybody(), now);
    expect(await listDelayedChanges(other, now)).toMatchObject([{ action, mayCancel: false }]);
    expect(await cancelDelayedChange(other, action, now)).toBe(false);
    expect(await cancelDelayedChange((await arrive()).home, action, now)).toBe(false);
    // All others are put out, and the owner logs in with the trusted browser again.
    await endOtherSessions(stranger, now);
    expect(await cancelDelayedChange(home, action, now)).toBe(false);
    const back = await openSession({ userId, proven }, by, now);
    const cancelled = await Promise.all([1, 2].map(() => cancelDelayedChange(back, action, now)));
    expect(cancelled.sort()).toEqual([false, true]);
    expect(await look(back, due)).not.toBeNull();
    expect(await getProfile(userId)).toMatchObject({ phone });

    expect(await listDelayedChanges(stranger, now)).toEqual([]);
    expect((await actionsOf(userId)).slice(0, 1)).toEqual(["change_cancelled"]);
  });
}

test("whoever asked for it can cancel it, while it waits", async () => {
  const { stranger, now, due } = await arrive();
  await deleteOwnAccount(stranger, now);
  expect(await cancelDelayedChange(stranger, "deletion", after(due, -1))).toBe(true);
  await deleteOwnAccount(stranger, now);
  expect(await cancelDelayedChange(stranger, "deletion", due)).toBe(false);
});

test("a device that is said to be a stranger's gets nothing of what it asked for, in whatever session of it", async () => {
  const { userId, phone, proven, home, now, due } = await arrive();
  const thief = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [proven] } };
  const first = await openSession({ userId, proven }, thief, now);
  await change(first, phoneRecipient(freshPhone()), now);
  await endSession(first.id);
  const second = await openSession({ userId, proven }, thief, now);
  await deleteOwnAccount(second, now);
  await endOtherSession(home, second.id, now);
  expect(await listDelayedChanges(home, now)).toEqual([]);
  expect(await look(home, due)).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
});

test("a request of the same kind begins the day again, and one of another kind waits beside it", async () => {
  const { home, stranger, now, due } = await arrive();
  const [first, second] = [freshPhone(), freshPhone()];
  await change(stranger, phoneRecipient(first), now);
  const later = after(now, 60_000);
  await change(stranger, phoneRecipient(second), later);
  await deleteOwnAccount(stranger, later);
  const waiting = (await listDelayedChanges(home, later)).map(({ action, next, dueAt }) => [action, next, dueAt]);
  expect(waiting).toEqual([
    ["deletion", null, after(due, 60_000)],
    ["phone", maskPhone(second), after(due, 60_000)],
  ]);
});

test("a change at once, and an administrator's, drop what waits", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  await deleteOwnAccount(stranger, now);
  const next = freshPhone();
  expect(failureOf(await change(home, phoneRecipient(next), now))).toBe("none");
  expect(await listDelayedChanges(home, now)).toEqual([]);

  const again = await openSession({ userId, proven: phoneRecipient(next) }, anybody(), now);
  await change(again, emailRecipient(freshEmail()), now);
  const adminPhone = env.ADMIN_PHONES.at(-1) as Phone;
  const admin = await signUp({ phone: adminPhone, now });
  const office = await openSession({ userId: admin.userId, proven: phoneRecipient(adminPhone) }, anybody(), now);
  const administrator = await asAdministrator(office);
  if (!administrator.ok) throw new Error(administrator.failure.name);
  expect(failureOf(await changeAccount(administrator.value, userId, { phone: freshPhone() }, now))).toBe("none");
  await applyDueChanges({ userId }, due);
  expect(await getProfile(userId)).toMatchObject({ email: null });
});

test("a number that has another account by then is not changed to, and that is on record", async () => {
  const { userId, phone, home, stranger, now, due } = await arrive();
  const next = freshPhone();
  await change(stranger, phoneRecipient(next), now);
  const other = await signUp({ phone: next });
  expect(await look(home, due)).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
  expect(await getProfile(other.userId)).toMatchObject({ phone: next });
  expect((await actionsOf(userId))[0]).toBe("change_dropped");
  expect(await listDelayedChanges(home, now)).toEqual([]);
});

test("what is due takes effect before a login by the old number, or by the new one", async () => {
  const [one, other] = [await arrive(), await arrive()];
  const [next, another] = [freshPhone(), freshPhone()];
  await change(one.stranger, phoneRecipient(next), one.now);
  await change(other.stranger, phoneRecipient(another), other.now);
  const later = after(new Date(), 2 * CHANGE_DELAY_MS);
  expect((await signUp({ phone: next, now: later })).userId).toBe(one.userId);
  expect((await signUp({ phone: other.phone, now: later })).userId).not.toBe(other.userId);
  expect(await getProfile(other.userId)).toMatchObject({ phone: another });
  await expect(openSession({ userId: one.userId, proven: one.proven }, anybody(), later)).rejects.toThrow("");
});

test("what is due is applied once, however many ask at the same time, and by a sweep where nobody asks", async () => {
  const { userId, stranger, due, now } = await arrive();
  const email = freshEmail();
  await change(stranger, emailRecipient(email), now);
  await Promise.all(Array.from({ length: 5 }, () => applyDueChanges(null, due)));
  expect(await getProfile(userId)).toMatchObject({ email });
  expect((await actionsOf(userId)).filter((action) => action === "email_changed")).toHaveLength(1);
  await deleteOwnAccount((await checkSession(stranger.id, now)) ?? stranger, now);
  await Promise.all(Array.from({ length: 5 }, () => applyDueChanges(null, due)));
  expect(await getProfile(userId)).toBeNull();
  expect((await actionsOf(userId)).filter((action) => action === "account_deleted")).toHaveLength(1);
});

test("a session is read though what is due can't be written, before the attempt to write it has ended", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  await deleteOwnAccount(stranger, now);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let holding = Promise.resolve();
  await new Promise<void>((isHeld) => {
    holding = write(async (tx) => {
      await tx.user.updateMany({ where: { id: userId }, data: { referralCount: { increment: 0 } } });
      isHeld();
      await gate;
    });
  });
  expect(await checkSession(home.id, due)).toMatchObject({ id: home.id });
  expect(await isBackgroundBusy()).toBe(true);
  open();
  await holding;
  await backgroundTasks();
  expect(await look(home, due)).toBeNull();
});

test("codes to both factors apply a change now, and neither alone does", async () => {
  const person = await arrive();
  const { userId, proven, now } = person;
  const email = await addMailbox(person);
  const by = anybody();
  const session = await openSession({ userId, proven }, by, now);
  expect(session.isNew).toBe(true);
  await deleteOwnAccount(session, now);
  const next = freshPhone();
  await change(session, phoneRecipient(next), now);
  expect((await applyNowCodes(session))?.email.recipient).toEqual(emailRecipient(email));
  const codes = await receiveBothCodes(session, now);
  const half = { ...codes, phone: wrongCode(codes.phone) };
  const shown = await shownChange(session, "phone", now);
  expect(await applyNowByCodes(session, shown, half, anybody(), now)).toMatchObject({
    failure: { name: "code_refused", refused: { phone: { name: "code_wrong" }, email: null } },
  });
  expect(await getProfile(userId)).toMatchObject({ phone: person.phone });
  const both = await Promise.all([1, 2].map(() => applyNowByCodes(session, shown, codes, anybody(), now)));
  expect(both.map(failureOf).sort()).toEqual(["code_refused", "none"]);
  expect(await getProfile(userId)).toMatchObject({ phone: next, email });
  // What else waited is dropped, and no device is trusted by it.
  expect(await listDelayedChanges(session, now)).toEqual([]);
  expect(await checkSession(session.id, now)).toMatchObject({ isNew: true, provenPhone: next });
});

test("codes to both factors apply the very change that the page showed, and no other", async () => {
  const person = await arrive();
  const { userId, proven, now } = person;
  await addMailbox(person);
  const session = await openSession({ userId, proven }, anybody(), now);
  await change(session, phoneRecipient(freshPhone()), now);
  const shown = await shownChange(session, "phone", now);
  const later = after(now, 60_000);
  const next = freshPhone();
  await change(session, phoneRecipient(next), later);
  const codes = await receiveBothCodes(session, later);
  expect(failureOf(await applyNowByCodes(session, shown, codes, anybody(), later))).toBe("change_gone");
  // The transaction that uses codes up looks again.
  expect(failureOf(await applyNow(session, shown, async () => succeed(null), later))).toBe("change_gone");
  expect(await getProfile(userId)).toMatchObject({ phone: person.phone });
  // The codes are good for what waits in its place, once the page has shown it.
  const replaced = await shownChange(session, "phone", later);
  expect(failureOf(await applyNowByCodes(session, replaced, codes, anybody(), later))).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone: next });
});

for (const action of ["phone", "deletion"] as DelayedAction[]) {
  test(`a failure while a change is applied by both codes loses neither the codes nor the change: ${action}`, async () => {
    const person = await arrive();
    const { userId, proven, now } = person;
    await addMailbox(person);
    const session = await openSession({ userId, proven }, anybody(), now);
    if (action === "phone") await change(session, phoneRecipient(freshPhone()), now);
    else await deleteOwnAccount(session, now);
    const shown = await shownChange(session, action, now);
    const codes = await receiveBothCodes(session, now);
    const apply = () => applyNowByCodes(session, shown, codes, anybody(), now);
    // Two tries are counted, and the third transaction does the rest.
    await expect(withCrashAfter(2, apply)).rejects.toThrow(Crash);
    expect(await shownChange(session, action, now)).toEqual(shown);
    expect(failureOf(await withCrashAfter(3, apply))).toBe("none");
    const profile = await getProfile(userId);
    if (action === "phone") expect(profile?.phone).not.toBe(person.phone);
    else expect(profile).toBeNull();
    await backgroundTasks();
  });
}

test("an unconfirmed session replaces what it asked for itself, and never what another session asked for", async () => {
  const { userId, proven, stranger, now, due } = await arrive();
  const owner = await openSession({ userId, proven }, anybody(), now);
  const next = freshPhone();
  await change(owner, phoneRecipient(next), now);
  await deleteOwnAccount(owner, now);
  expect(failureOf(await change(stranger, phoneRecipient(freshPhone()), now))).toBe("change_waiting");
  expect(failureOf(await deleteOwnAccount(stranger, now))).toBe("change_waiting");
  expect(await listDelayedChanges(owner, now)).toMatchObject([
    { action: "deletion", dueAt: due, isOwn: true },
    { action: "phone", next: maskPhone(next), dueAt: due, isOwn: true },
  ]);
  expect(failureOf(await change(stranger, emailRecipient(freshEmail()), now))).toBe("none");
});

test("what a stranger has asked for keeps no trusted device from the same", async () => {
  const { userId, home, stranger, now } = await arrive();
  await change(stranger, phoneRecipient(freshPhone()), now);
  const next = freshPhone();
  expect(await change(home, phoneRecipient(next), now)).toMatchObject({ ok: true, value: { dueAt: null } });
  expect(await listDelayedChanges(home, now)).toEqual([]);
  expect(await getProfile(userId)).toMatchObject({ phone: next });
});

test("a change that can't be applied keeps no other from it, and is logged", async () => {
  const { userId, stranger, now, due } = await arrive();
  const email = freshEmail();
  await change(stranger, emailRecipient(email), now);
  const broken = { userId, action: "phone", next: null, sessionId: stranger.id };
  await write((tx) => tx.delayedChange.create({ data: { ...broken, requestedAt: now, dueAt: after(due, -1) } }));
  const errors = await errorsOf(() => applyDueChanges({ userId }, due));
  expect(errors).toEqual(["a change that is due was not applied"]);
  expect(await getProfile(userId)).toMatchObject({ email });
});

test("a deletion that is due may have begun, and a change at once doesn't take it back", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  await deleteOwnAccount(stranger, now);
  expect(failureOf(await change(home, phoneRecipient(freshPhone()), due))).toBe("none");
  await applyDueChanges({ userId }, due);
  expect(await getProfile(userId)).toBeNull();
});

test("an account with one factor has no way to apply a change now", async () => {
  const { stranger, now } = await arrive();
  await deleteOwnAccount(stranger, now);
  expect(await applyNowCodes(stranger)).toBeNull();
  const codes = { phone: "0000", email: "0000" } as never;
  const shown = await shownChange(stranger, "deletion", now);
  expect(failureOf(await applyNowByCodes(stranger, shown, codes, anybody(), now))).toBe("factor_missing");
});

test("nothing waits for a confirmed device, nor where the account has no trusted device", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now });
  const proven = phoneRecipient(phone);
  const session = await openSession({ userId, proven }, anybody(), now);
  expect(await hasToWait(read, session, now)).toBe(false);
  // An application that made the account is a trusted device while it is logged in.
  const client = await openClientSession({ userId, proven, created: true }, anybody(), now);
  expect(await hasToWait(read, session, now)).toBe(true);
  await endSession(client.id);
  expect(await hasToWait(read, session, now)).toBe(false);

  const other = await arrive(now);
  expect(await hasToWait(read, other.stranger, now)).toBe(true);
  expect(await hasToWait(read, other.stranger, after(now, KNOWN_BROWSER_TTL_MS))).toBe(false);
  expect(await confirmSignIn(other.home, other.stranger.id, now)).toBe(true);
  expect(await hasToWait(read, other.stranger, now)).toBe(false);
});

test("a session that was ended meanwhile deletes nothing, now or later", async () => {
  const { userId, home, stranger, now, due } = await arrive();
  await endOtherSession(home, stranger.id, now);
  expect(failureOf(await deleteOwnAccount(stranger, now))).toBe("session_over");
  expect(failureOf(await remove(stranger, now))).toBe("session_over");
  expect(await look(home, due)).not.toBeNull();
  expect(await getProfile(userId)).not.toBeNull();
});
