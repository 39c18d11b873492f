import { expect, _baseTest as test } from "playwright/test";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import { EVENTS_PER_PAGE } from "@/lib/core/policy";
import { endSession, refreshSession } from "@/lib/core/sessions/sessions";
import { read } from "@/lib/db/database";
import { anybody, freshOwner, openClientSession, openSession, receiveCode, signUp } from "@/lib/testing/people";
import { exportAccount } from "./export";
import { EventCursor, listEvents } from "./history";
import { signInWithVerifiedCode, verifyForLater } from "./sign-in";

const actionsOf = async (userId: number) => (await listEvents(userId)).events.map(({ action }) => action);

test("the history of an account begins when it is made, and lists the newest event first", async () => {
  const inviter = await signUp();
  const { userId, phone } = await signUp();
  const session = await openSession({ userId, proven: phoneRecipient(phone), created: true }, anybody());
  await activateInvite({ userId, code: inviter.inviteCode });
  await exportAccount(userId);
  await endSession(session.id);
  await endSession(session.id);
  expect(await actionsOf(userId)).toEqual([
    "session_ended",
    "data_exported",
    "invite_activated",
    "signed_in",
    "account_created",
  ]);
  expect(await actionsOf(inviter.userId)).toEqual(["account_created"]);
});

test("an account that is made with an invitation activates it in the same transaction", async () => {
  const inviter = await signUp();
  const { userId } = await signUp({ invited: inviter.inviteCode });
  expect(await actionsOf(userId)).toEqual(["invite_activated", "account_created"]);
});

test("the history says that a session ended because a used refresh token was presented", async () => {
  const { userId, phone } = await signUp();
  const now = new Date();
  const { id } = await openClientSession(
    { userId, proven: phoneRecipient(phone) },
    { ...anybody(), agent: "okhttp/4.12.0" },
    now,
  );
  for (const generation of [0, 1, 0]) await refreshSession({ id, generation }, now);
  const [event] = (await listEvents(userId)).events;
  expect(event).toMatchObject({
    action: "session_ended",
    details: { isTokenReused: true, device: { name: "okhttp/4.12.0" } },
  });
});

test("the pages of a history contain each event once, even if new events are added between two pages", async () => {
  const { userId, phone } = await signUp();
  const signIn = () => openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  for (let signIns = 0; signIns < EVENTS_PER_PAGE + 1; signIns += 1) await signIn();
  const first = await listEvents(userId);
  await signIn();
  expect(first.events).toHaveLength(EVENTS_PER_PAGE);
  const second = await listEvents(userId, { before: EventCursor.parse(String(first.next)) });
  expect(second.events.map(({ action }) => action)).toEqual(["signed_in", "account_created"]);
  expect(second.next).toBeNull();
});

test("a history has no events of other accounts", async () => {
  const [one, other] = [await signUp(), await signUp()];
  await openSession({ userId: other.userId, proven: phoneRecipient(other.phone) }, anybody());
  expect(await actionsOf(one.userId)).toEqual(["account_created"]);
});

for (const cursor of ["", "-1", "1e3", "99999999999", "2147483648", "1 OR 1=1"]) {
  test(`a cursor that is no valid event number is refused: ${JSON.stringify(cursor)}`, () => {
    expect(EventCursor.safeParse(cursor).success).toBe(false);
  });
}

test("events contain neither phone nor mailbox, code, network or invite code", async () => {
  const inviter = await signUp();
  const { userId, phone } = await signUp({ invited: inviter.inviteCode });
  const by = { ...anybody(), agent: `Phone/1 ${phone}`, network: "192.0.2.7" };
  const { id } = await openSession({ userId, proven: phoneRecipient(phone) }, by);
  await endSession(id);
  const rows = JSON.stringify(await read.auditEvent.findMany({ where: { subjectId: userId } }));
  for (const text of [phone, phone.slice(1), "192.0.2.7", inviter.inviteCode]) expect(rows).not.toContain(text);
});

test("a login in two steps that makes the account is not from a new device, and a later one is", async () => {
  const owner = freshOwner();
  const logInInSteps = async (holder: Holder) => {
    const code = await receiveCode({ ...owner, holder });
    const next = Holder.parse(crypto.randomUUID());
    await verifyForLater({ ...owner, holder, code, next }, anybody());
    const login = await signInWithVerifiedCode({ phone: owner.phone, holder: next }, anybody());
    if (!login.ok) throw new Error(login.failure.name);
    return openSession(login.value, anybody());
  };
  expect(await logInInSteps(owner.holder)).toMatchObject({ isNew: false });
  expect(await logInInSteps(Holder.parse(crypto.randomUUID()))).toMatchObject({ isNew: true });
});
