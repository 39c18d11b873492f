import { expect, _baseTest as test } from "playwright/test";
import { asAdministrator, changeAccount } from "@/lib/core/administration/accounts";
import { backgroundTasks } from "@/lib/core/background";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { maskPhone } from "@/lib/core/identity/masking";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CHANGE_DELAY_MS, KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { succeed } from "@/lib/core/result";
import { confirmSignIn, endOtherSession, endOtherSessions } from "@/lib/core/sessions/session-list";
import { checkSession, endSession, mustDelayChange, type Session } from "@/lib/core/sessions/sessions";
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
import { applyNowByBothCodes, applyNowCodes } from "./apply-now";
import { changeIdentity, requestChangeCodes } from "./change-identity";
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

/** Signs a person up in a browser, and opens a second session on a device that is not confirmed. */
async function signUpWithStranger(now = new Date()) {
  const person = await signUp({ now });
  const proven = phoneRecipient(person.phone);
  const by = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [proven] } };
  const home = await openSession({ userId: person.userId, proven, created: true }, by, now);
  const stranger = await openSession({ userId: person.userId, proven }, { ...anybody(), agent: "okhttp/4.12.0" }, now);
  return { ...person, proven, by, home, stranger, now, due: after(now, CHANGE_DELAY_MS) };
}

/** Changes the phone or mailbox with the right codes. */
async function change(session: Session, next: Recipient, now: Date) {
  const wanted = { next, holder: Holder.parse(crypto.randomUUID()) };
  const codes: OneTimeCode[] = [];
  const sender = senderOf(async ({ code }) => codes.push(code as OneTimeCode) > 0);
  expect(failureOf(await requestChangeCodes(session, wanted, anybody(), { sender, now }))).toBe("none");
  const [old, fresh] = codes;
  if (!old || !fresh) throw new Error("a code is missing");
  return changeIdentity(session, wanted, { old, new: fresh }, anybody(), now);
}

const deleteWithCode = async (session: Session, now: Date) =>
  deleteByCode(session, await receiveCodeOf(await deletionCode(session), now), anybody(), now);

/** Reads a session, which applies due changes in the background, and waits for these. */
const readSession = async (session: Session, now: Date) => {
  const checked = await checkSession(session.id, now);
  await backgroundTasks();
  return checked;
};

const actionsOf = async (userId: number): Promise<AccountEvent["action"][]> =>
  (await listEvents(userId)).events.map(({ action }) => action);

/** Adds a mailbox to the account from its trusted device. */
async function addMailbox({ home, now }: Awaited<ReturnType<typeof signUpWithStranger>>) {
  const email = freshEmail();
  expect(failureOf(await change(home, emailRecipient(email), now))).toBe("none");
  return email;
}

/** Returns a waiting change as the page displays it to a session. */
async function shownChange(session: Session, action: DelayedAction, now: Date): Promise<ShownChange> {
  const shown = (await listDelayedChanges(session, now)).find((change) => change.action === action);
  if (!shown) throw new Error(`no ${action} waits`);
  return shown;
}

/** Requests the codes to both factors that apply a change immediately, and returns them. */
async function receiveBothCodes(session: Session, now: Date) {
  const keys = await applyNowCodes(session);
  if (!keys) throw new Error("a factor is missing");
  return { phone: await receiveCodeOf(keys.phone, now), email: await receiveCodeOf(keys.email, now) };
}

test("a deletion that an unconfirmed session requests takes effect a day later", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
  expect(await deleteWithCode(stranger, now)).toEqual({ ok: true, value: { dueAt: due } });
  for (const session of [home, stranger]) {
    expect(await listDelayedChanges(session, now)).toMatchObject([
      { action: "deletion", next: null, dueAt: due, mayCancel: true, isOwn: session === stranger },
    ]);
  }
  expect(await readSession(home, after(due, -1))).not.toBeNull();
  expect(await getProfile(userId)).not.toBeNull();
  expect(await readSession(home, due)).toBeNull();
  expect(await getProfile(userId)).toBeNull();
  expect(await actionsOf(userId)).toContain("account_deleted");
});

test("an unconfirmed session waits a day to delete the account without a code, and a trusted device does not", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
  expect(await deleteOwnAccount(stranger, now)).toEqual({ ok: true, value: { dueAt: due } });
  expect(await getProfile(userId)).not.toBeNull();
  expect(await deleteOwnAccount(home, now)).toMatchObject({ ok: true, value: { dueAt: null } });
  expect(await getProfile(userId)).toBeNull();
});

test("a change of phone by an unconfirmed session takes effect a day later, and ends the other sessions then", async () => {
  const { userId, phone, home, stranger, now, due } = await signUpWithStranger();
  const next = freshPhone();
  expect(await change(stranger, phoneRecipient(next), now)).toEqual({ ok: true, value: { dueAt: due } });
  expect(await listDelayedChanges(home, now)).toMatchObject([{ action: "phone", next: maskPhone(next) }]);
  expect(await readSession(home, after(due, -1))).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
  expect(await readSession(stranger, due)).toMatchObject({ isNew: true, provenPhone: next });
  expect(await getProfile(userId)).toMatchObject({ phone: next });
  expect(await readSession(home, due)).toBeNull();
  expect(await listDelayedChanges(stranger, due)).toEqual([]);
});

test("a mailbox is added a day later even if the session that requested it has ended", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
  const email = freshEmail();
  await change(stranger, emailRecipient(email), now);
  await endSession(stranger.id);
  expect(await readSession(home, due)).toBeNull();
  expect(await getProfile(userId)).toMatchObject({ email });
});

for (const action of ["deletion", "phone"] as DelayedAction[]) {
  test(`a trusted device can cancel a waiting change, even after a new login, and an unconfirmed one only its own: ${action}`, async () => {
    const { userId, phone, proven, by, home, stranger, now, due } = await signUpWithStranger();
    const ask = () =>
      action === "deletion" ? deleteWithCode(stranger, now) : change(stranger, phoneRecipient(freshPhone()), now);
    await ask();
    const other = await openSession({ userId, proven }, anybody(), now);
    expect(await listDelayedChanges(other, now)).toMatchObject([{ action, mayCancel: false }]);
    expect(await cancelDelayedChange(other, action, now)).toBe(false);
    expect(await cancelDelayedChange((await signUpWithStranger()).home, action, now)).toBe(false);
    // The stranger ends all other sessions, and the owner logs in with the trusted browser again.
    await endOtherSessions(stranger, now);
    expect(await cancelDelayedChange(home, action, now)).toBe(false);
    const back = await openSession({ userId, proven }, by, now);
    const cancelled = await Promise.all([1, 2].map(() => cancelDelayedChange(back, action, now)));
    expect(cancelled.sort()).toEqual([false, true]);
    expect(await readSession(back, due)).not.toBeNull();
    expect(await getProfile(userId)).toMatchObject({ phone });

    expect(await listDelayedChanges(stranger, now)).toEqual([]);
    expect((await actionsOf(userId)).slice(0, 1)).toEqual(["change_cancelled"]);
  });
}

test("the session that requested a change can cancel it until it is due", async () => {
  const { stranger, now, due } = await signUpWithStranger();
  await deleteOwnAccount(stranger, now);
  expect(await cancelDelayedChange(stranger, "deletion", after(due, -1))).toBe(true);
  await deleteOwnAccount(stranger, now);
  expect(await cancelDelayedChange(stranger, "deletion", due)).toBe(false);
});

test("a rejected device loses every change that it requested, in all of its sessions", async () => {
  const { userId, phone, proven, home, now, due } = await signUpWithStranger();
  const thief = { ...anybody(), browser: { id: crypto.randomUUID(), recipients: [proven] } };
  const first = await openSession({ userId, proven }, thief, now);
  await change(first, phoneRecipient(freshPhone()), now);
  await endSession(first.id);
  const second = await openSession({ userId, proven }, thief, now);
  await deleteOwnAccount(second, now);
  await endOtherSession(home, second.id, now);
  expect(await listDelayedChanges(home, now)).toEqual([]);
  expect(await readSession(home, due)).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
});

test("a second request of the same kind starts the delay again, and one of another kind waits beside it", async () => {
  const { home, stranger, now, due } = await signUpWithStranger();
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

test("an immediate change and a change by an administrator drop the waiting changes", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
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

test("a waiting change to a number that another account has by then is dropped, and that is recorded", async () => {
  const { userId, phone, home, stranger, now, due } = await signUpWithStranger();
  const next = freshPhone();
  await change(stranger, phoneRecipient(next), now);
  const other = await signUp({ phone: next });
  expect(await readSession(home, due)).not.toBeNull();
  expect(await getProfile(userId)).toMatchObject({ phone });
  expect(await getProfile(other.userId)).toMatchObject({ phone: next });
  expect((await actionsOf(userId))[0]).toBe("change_dropped");
  expect(await listDelayedChanges(home, now)).toEqual([]);
});

test("due changes are applied before a login by the old number or the new one", async () => {
  const [one, other] = [await signUpWithStranger(), await signUpWithStranger()];
  const [next, another] = [freshPhone(), freshPhone()];
  await change(one.stranger, phoneRecipient(next), one.now);
  await change(other.stranger, phoneRecipient(another), other.now);
  const later = after(new Date(), 2 * CHANGE_DELAY_MS);
  expect((await signUp({ phone: next, now: later })).userId).toBe(one.userId);
  expect((await signUp({ phone: other.phone, now: later })).userId).not.toBe(other.userId);
  expect(await getProfile(other.userId)).toMatchObject({ phone: another });
  await expect(openSession({ userId: one.userId, proven: one.proven }, anybody(), later)).rejects.toThrow("");
});

test("a due change is applied once by parallel requests, and by a sweep without any request", async () => {
  const { userId, stranger, due, now } = await signUpWithStranger();
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

test("a session is read without waiting for due changes, and even if they can't be written", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
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
  expect(await readSession(home, due)).toBeNull();
});

test("codes to both factors apply a change immediately, and one code does not", async () => {
  const person = await signUpWithStranger();
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
  expect(await applyNowByBothCodes(session, shown, half, anybody(), now)).toMatchObject({
    failure: { name: "code_refused", refused: { phone: { name: "code_wrong" }, email: null } },
  });
  expect(await getProfile(userId)).toMatchObject({ phone: person.phone });
  const both = await Promise.all([1, 2].map(() => applyNowByBothCodes(session, shown, codes, anybody(), now)));
  expect(both.map(failureOf).sort()).toEqual(["code_refused", "none"]);
  expect(await getProfile(userId)).toMatchObject({ phone: next, email });
  // The other waiting change is dropped, and the device is still not trusted.
  expect(await listDelayedChanges(session, now)).toEqual([]);
  expect(await checkSession(session.id, now)).toMatchObject({ isNew: true, provenPhone: next });
});

test("codes to both factors apply only the change that the page displayed", async () => {
  const person = await signUpWithStranger();
  const { userId, proven, now } = person;
  await addMailbox(person);
  const session = await openSession({ userId, proven }, anybody(), now);
  await change(session, phoneRecipient(freshPhone()), now);
  const shown = await shownChange(session, "phone", now);
  const later = after(now, 60_000);
  const next = freshPhone();
  await change(session, phoneRecipient(next), later);
  const codes = await receiveBothCodes(session, later);
  expect(failureOf(await applyNowByBothCodes(session, shown, codes, anybody(), later))).toBe("change_gone");
  // The transaction that uses the codes checks again.
  expect(failureOf(await applyNow(session, shown, async () => succeed(null), later))).toBe("change_gone");
  expect(await getProfile(userId)).toMatchObject({ phone: person.phone });
  // The codes are valid for the change that replaced it, once the page has displayed that one.
  const replaced = await shownChange(session, "phone", later);
  expect(failureOf(await applyNowByBothCodes(session, replaced, codes, anybody(), later))).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone: next });
});

for (const action of ["phone", "deletion"] as DelayedAction[]) {
  test(`a failure while codes apply a change loses neither the codes nor the change: ${action}`, async () => {
    const person = await signUpWithStranger();
    const { userId, proven, now } = person;
    await addMailbox(person);
    const session = await openSession({ userId, proven }, anybody(), now);
    if (action === "phone") await change(session, phoneRecipient(freshPhone()), now);
    else await deleteOwnAccount(session, now);
    const shown = await shownChange(session, action, now);
    const codes = await receiveBothCodes(session, now);
    const apply = () => applyNowByBothCodes(session, shown, codes, anybody(), now);
    // Two transactions count the attempts, and the third does the rest.
    await expect(withCrashAfter(2, apply)).rejects.toThrow(Crash);
    expect(await shownChange(session, action, now)).toEqual(shown);
    expect(failureOf(await withCrashAfter(3, apply))).toBe("none");
    const profile = await getProfile(userId);
    if (action === "phone") expect(profile?.phone).not.toBe(person.phone);
    else expect(profile).toBeNull();
    await backgroundTasks();
  });
}

test("an unconfirmed session can replace its own waiting change, and not that of another session", async () => {
  const { userId, proven, stranger, now, due } = await signUpWithStranger();
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

test("a stranger's waiting change does not keep a trusted device from making the same change", async () => {
  const { userId, home, stranger, now } = await signUpWithStranger();
  await change(stranger, phoneRecipient(freshPhone()), now);
  const next = freshPhone();
  expect(await change(home, phoneRecipient(next), now)).toMatchObject({ ok: true, value: { dueAt: null } });
  expect(await listDelayedChanges(home, now)).toEqual([]);
  expect(await getProfile(userId)).toMatchObject({ phone: next });
});

test("a change that can't be applied is logged, and does not stop the others", async () => {
  const { userId, stranger, now, due } = await signUpWithStranger();
  const email = freshEmail();
  await change(stranger, emailRecipient(email), now);
  const broken = { userId, action: "phone", next: null, sessionId: stranger.id };
  await write((tx) => tx.delayedChange.create({ data: { ...broken, requestedAt: now, dueAt: after(due, -1) } }));
  const errors = await errorsOf(() => applyDueChanges({ userId }, due));
  expect(errors).toEqual(["a due change was not applied"]);
  expect(await getProfile(userId)).toMatchObject({ email });
});

test("a deletion that is due can't be dropped by a later change, because it may have begun", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
  await deleteOwnAccount(stranger, now);
  expect(failureOf(await change(home, phoneRecipient(freshPhone()), due))).toBe("none");
  await applyDueChanges({ userId }, due);
  expect(await getProfile(userId)).toBeNull();
});

test("an account with one factor can't apply a change immediately", async () => {
  const { stranger, now } = await signUpWithStranger();
  await deleteOwnAccount(stranger, now);
  expect(await applyNowCodes(stranger)).toBeNull();
  const codes = { phone: "0000", email: "0000" } as never;
  const shown = await shownChange(stranger, "deletion", now);
  expect(failureOf(await applyNowByBothCodes(stranger, shown, codes, anybody(), now))).toBe("factor_missing");
});

test("a confirmed device need not wait, nor does any device of an account without a trusted one", async () => {
  const now = new Date();
  const { userId, phone } = await signUp({ now });
  const proven = phoneRecipient(phone);
  const session = await openSession({ userId, proven }, anybody(), now);
  expect(await mustDelayChange(read, session, now)).toBe(false);
  // A client application that made the account is a trusted device while it is logged in.
  const client = await openClientSession({ userId, proven, created: true }, anybody(), now);
  expect(await mustDelayChange(read, session, now)).toBe(true);
  await endSession(client.id);
  expect(await mustDelayChange(read, session, now)).toBe(false);

  const other = await signUpWithStranger(now);
  expect(await mustDelayChange(read, other.stranger, now)).toBe(true);
  expect(await mustDelayChange(read, other.stranger, after(now, KNOWN_BROWSER_TTL_MS))).toBe(false);
  expect(await confirmSignIn(other.home, other.stranger.id, now)).toBe(true);
  expect(await mustDelayChange(read, other.stranger, now)).toBe(false);
});

test("a session that has ended can't delete the account, immediately or later", async () => {
  const { userId, home, stranger, now, due } = await signUpWithStranger();
  await endOtherSession(home, stranger.id, now);
  expect(failureOf(await deleteOwnAccount(stranger, now))).toBe("session_over");
  expect(failureOf(await deleteWithCode(stranger, now))).toBe("session_over");
  expect(await readSession(home, due)).not.toBeNull();
  expect(await getProfile(userId)).not.toBeNull();
});
