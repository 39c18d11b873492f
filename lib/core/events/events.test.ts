import { expect, _baseTest as test } from "playwright/test";
import { z } from "zod";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { replaceIdentity } from "@/lib/core/accounts/replace-identity";
import { signInByPhone } from "@/lib/core/accounts/sign-in";
import { sweepTestNumbers } from "@/lib/core/accounts/test-number-end";
import { changeAccount, createAccount, deleteAccount } from "@/lib/core/administration/accounts";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { endSessions } from "@/lib/core/administration/end-sessions";
import { runImport } from "@/lib/core/administration/import";
import { readImport } from "@/lib/core/administration/import-file";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import { confirmSignIn, endOtherSession, endOtherSessions } from "@/lib/core/sessions/session-list";
import { endSession, refreshSession } from "@/lib/core/sessions/sessions";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import {
  anybody,
  failureOf,
  freshEmail,
  freshOwner,
  freshPhone,
  openClientSession,
  openSession,
  receiveCode,
  signUp,
  signUpByMail,
} from "@/lib/testing/people";
import { Crash, withCrashAfter, withEachWriteRunAgain } from "@/lib/testing/transactions";
import { EVENT_BODIES, eventBodyOf, jsonSchemaOf } from "./event-body";
import { type EventCursor, readEvents } from "./event-log";
import { EVENT_DATA, EVENT_TYPES, type EventType, SESSIONS_PER_EVENT_MAX } from "./event-types";

const reason = "for a test";

/** Returns the events of the account in the order of their sequence, after checking that it has no gap and that the data fit. */
async function eventsOf(accountId: number) {
  const rows = await readPrimary.event.findMany({ where: { accountId }, orderBy: { sequence: "asc" } });
  expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, at) => at + 1));
  return rows.map(({ type, data, isTest }) => {
    const parsed = EVENT_DATA[type as EventType].parse(JSON.parse(data)) as Record<string, unknown>;
    return { type, data: parsed, isTest };
  });
}

const typesOf = async (accountId: number) => (await eventsOf(accountId)).map(({ type }) => type);

test("a sign-up with an invite, and a login on a device that is not trusted, publish their events in order", async () => {
  const inviter = await signUp();
  const { userId, phone, inviteCode } = await signUp({ invited: inviter.inviteCode });
  const owner = freshOwner(phone);
  const session = { kind: "browser", browserId: crypto.randomUUID() } as const;
  const signedIn = await signInByPhone({ ...owner, code: await receiveCode(owner) }, anybody(), { session });
  if (!signedIn.ok || !signedIn.value.session) throw new Error("no session");
  const { id, expiresAt, isNew } = signedIn.value.session;
  expect(await eventsOf(userId)).toMatchObject([
    { type: "account.created", data: { inviteCode, by: "owner" } },
    { type: "invite.activated", data: { inviterId: inviter.userId, inviteCode: inviter.inviteCode } },
    {
      type: "session.opened",
      data: { sessionId: id, kind: "browser", isConfirmed: !isNew, expiresAt: expiresAt.toISOString() },
    },
    ...(isNew ? [{ type: "session.unconfirmed", data: { sessionId: id } }] : []),
  ]);
  expect(await typesOf(inviter.userId)).toEqual(["account.created"]);
});

test("each end of a session is published once, with its reason", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const [first, second, third] = [
    await openSession(login, anybody()),
    await openSession(login, anybody()),
    await openSession(login, anybody()),
  ];
  await endSession(first.id);
  await endSession(first.id);
  await endOtherSessions(second);
  await endSessions(administrator, { userId, reason, sessionId: null });
  const client = await openClientSession(login, anybody());
  await refreshSession({ id: client.id, generation: 0 });
  await refreshSession({ id: client.id, generation: 1 });
  await refreshSession({ id: client.id, generation: 0 });
  const ended = (await eventsOf(userId)).filter(({ type }) => type === "session.ended");
  expect(ended.map(({ data }) => data)).toEqual([
    { sessionIds: [first.id], reason: "logged_out" },
    { sessionIds: [third.id], reason: "ended_by_owner" },
    { sessionIds: [second.id], reason: "ended_by_administrator" },
    { sessionIds: [client.id], reason: "token_reused" },
  ]);
});

test("an administrator's acts on an account publish their events, and refused acts publish no event", async () => {
  const { administrator } = await freshAdministrator();
  const [one, other] = [await signUp(), await signUp()];
  const { userId, phone } = await signUp({ invited: one.inviteCode });
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const act = { userId, reason };
  await moveInvitation(administrator, { ...act, code: other.inviteCode });
  expect(failureOf(await moveInvitation(administrator, { ...act, code: other.inviteCode }))).toBe("invite_same");
  await undoInvitation(administrator, act);
  expect(failureOf(await undoInvitation(administrator, act))).toBe("activation_missing");
  await blockAccount(administrator, act);
  expect(failureOf(await blockAccount(administrator, act))).toBe("account_blocked");
  await unblockAccount(administrator, act);
  await changeAccount(administrator, userId, { phone: freshPhone(), email: freshEmail() });
  await changeAccount(administrator, userId, {});
  expect((await eventsOf(userId)).slice(3)).toMatchObject([
    ...((await typesOf(userId))[3] === "session.unconfirmed" ? [{ type: "session.unconfirmed" }] : []),
    {
      type: "invite.moved",
      data: { inviterIdBefore: one.userId, inviterId: other.userId, inviteCode: other.inviteCode },
    },
    { type: "invite.reversed", data: { inviterIdBefore: other.userId } },
    { type: "account.blocked", data: {} },
    { type: "session.ended", data: { sessionIds: [session.id], reason: "account_blocked" } },
    { type: "account.unblocked", data: {} },
    { type: "account.updated", data: { fields: ["phone", "email"] } },
    { type: "identifier.changed", data: { identifier: "phone", was: "changed" } },
    { type: "identifier.changed", data: { identifier: "email", was: "added" } },
  ]);
  const made = await createAccount(administrator, { phone: freshPhone() });
  if (!made.ok) throw new Error(made.failure.name);
  expect(await eventsOf(made.value.id)).toMatchObject([{ type: "account.created", data: { by: "administrator" } }]);
});

test("a claimed phone that is removed is an update of the account, and no identifier", async () => {
  const { administrator } = await freshAdministrator();
  const { userId } = await signUpByMail();
  await changeAccount(administrator, userId, { phone: null });
  expect((await eventsOf(userId)).slice(1)).toMatchObject([
    { type: "account.updated", data: { fields: ["claimedPhone"] } },
  ]);
});

test("a proven phone in place of a claimed one updates both, by the owner and by an administrator", async () => {
  const { administrator } = await freshAdministrator();
  const [byOwner, byAdministrator] = [await signUpByMail(), await signUpByMail()];
  const now = new Date();
  await write(async (tx) => {
    await lockAccount(tx, byOwner.userId);
    const account = { id: byOwner.userId, phone: null, email: byOwner.email };
    await replaceIdentity(tx, { account, next: phoneRecipient(freshPhone()), since: now, sessionId: "none", now });
  });
  await changeAccount(administrator, byAdministrator.userId, { phone: freshPhone() });
  for (const { userId } of [byOwner, byAdministrator]) {
    expect((await eventsOf(userId)).slice(-2)).toMatchObject([
      { type: "account.updated", data: { fields: ["phone", "claimedPhone"] } },
      { type: "identifier.changed", data: { identifier: "phone", was: "added" } },
    ]);
  }
});

test("a device that is not trusted is answered by an event, whether it is confirmed or rejected", async () => {
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const own = await openSession({ ...login, created: true }, anybody());
  const [good, bad] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect(await confirmSignIn(own, good.id)).toBe(true);
  expect(await confirmSignIn(own, good.id)).toBe(false);
  await endOtherSession(own, bad.id);
  const answers = (await eventsOf(userId)).filter(
    ({ type }) => type !== "account.created" && type !== "session.opened",
  );
  expect(answers).toMatchObject([
    { type: "session.unconfirmed", data: { sessionId: good.id } },
    { type: "session.unconfirmed", data: { sessionId: bad.id } },
    { type: "session.confirmed", data: { sessionIds: [good.id] } },
    { type: "session.ended", data: { sessionIds: [bad.id], reason: "device_rejected" } },
  ]);
});

test("the end of very many sessions is several events, each with a number of its own", async () => {
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const own = await openSession(login, anybody());
  const ids = Array.from({ length: SESSIONS_PER_EVENT_MAX + 1 }, () => crypto.randomUUID());
  const now = new Date();
  const row = { userId, createdAt: now, seenAt: now, expiresAt: own.expiresAt };
  await write((tx) => tx.session.createMany({ data: ids.map((id) => ({ id, ...row })) }));
  await endOtherSessions(own);
  const ended = (await eventsOf(userId)).filter(({ type }) => type === "session.ended");
  const named = ended.map(({ data }) => (data as { sessionIds: string[] }).sessionIds);
  expect(named.map(({ length }) => length)).toEqual([SESSIONS_PER_EVENT_MAX, 1]);
  expect(named.flat().sort()).toEqual(ids.sort());
});

test("the account of a test number that has ended is deleted by the server", async () => {
  const { userId, phone } = await signUp();
  const until = new Date();
  await write(async (tx) => {
    await tx.user.update({ where: { id: userId }, data: { isTest: true } });
    await tx.testNumber.create({ data: { phone, codeHmac: "", digits: 6, until, madeAt: until } });
  });
  await sweepTestNumbers(until);
  expect((await eventsOf(userId)).at(-1)).toEqual({
    ...{ type: "account.deleted", isTest: true },
    data: { by: "server", inviterId: null },
  });
});

test("a change by the owner publishes the update, the identifier and the sessions that it ends", async () => {
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const [own, other] = [await openSession(login, anybody()), await openSession(login, anybody())];
  const now = new Date();
  const change = { account: { id: userId, phone, email: null }, next: emailRecipient(freshEmail()), since: now };
  await write(async (tx) => {
    await lockAccount(tx, userId);
    await replaceIdentity(tx, { ...change, sessionId: own.id, now });
  });
  expect((await eventsOf(userId)).slice(-3)).toMatchObject([
    { type: "session.ended", data: { sessionIds: [other.id], reason: "identity_changed" } },
    { type: "account.updated", data: { fields: ["email"] } },
    { type: "identifier.changed", data: { identifier: "email", was: "added" } },
  ]);
});

test("an imported account has one event, with its activation, and none as if it had signed up", async () => {
  const inviter = await signUp();
  const [phone, alone] = [freshPhone(), freshPhone()];
  const read = await readImport(
    ["phone,inviter,created", `${phone},${inviter.phone},2024-05-01`, `${alone},,`],
    new Date(),
  );
  if (!read.ok) throw new Error(read.failure.name);
  const importer = { actorKind: "command_line", actorId: NO_ACCOUNT_ID } as const;
  for await (const _ of runImport(read.value, importer));
  const idOf = async (of: string) => (await readPrimary.user.findUniqueOrThrow({ where: { phone: of } })).id;
  const activation = { inviterId: inviter.userId, activatedAt: expect.stringMatching(/^2024-/) };
  const createdAt = expect.stringMatching(/^2024-/);
  expect(await eventsOf(await idOf(phone))).toMatchObject([
    { type: "account.imported", data: { createdAt, blockedAt: null, activation } },
  ]);
  expect(await eventsOf(await idOf(alone))).toMatchObject([{ type: "account.imported", data: { activation: null } }]);
});

test("the last event of an account is its deletion, after the end of its sessions", async () => {
  const { administrator } = await freshAdministrator();
  const inviter = await signUp();
  const { userId, phone } = await signUp({ invited: inviter.inviteCode });
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect(failureOf(await deleteOwnAccount(session))).toBe("none");
  expect((await eventsOf(userId)).slice(-2)).toMatchObject([
    { type: "session.ended", data: { sessionIds: [session.id], reason: "account_deleted" } },
    { type: "account.deleted", data: { by: "owner", inviterId: inviter.userId } },
  ]);
  await deleteAccount(administrator, { userId: inviter.userId });
  expect((await eventsOf(inviter.userId)).at(-1)).toMatchObject({ data: { by: "administrator", inviterId: null } });
});

test("a transaction that runs again publishes once, and one that is rolled back publishes no event", async () => {
  const [inviter, person] = [await signUp(), await signUp()];
  const activation = { userId: person.userId, code: inviter.inviteCode };
  await expect(withCrashAfter(0, () => activateInvite(activation))).rejects.toThrow(Crash);
  expect(await typesOf(person.userId)).toEqual(["account.created"]);
  await withEachWriteRunAgain(() => activateInvite(activation));
  expect(await typesOf(person.userId)).toEqual(["account.created", "invite.activated"]);
});

test("parallel deeds of one account number their events without gaps or duplicates", async () => {
  const inviter = await signUp();
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const sessions = await Promise.all(Array.from({ length: 12 }, () => openSession(login, anybody())));
  await Promise.all([
    ...sessions.slice(1).map(({ id }) => endSession(id)),
    activateInvite({ userId, code: inviter.inviteCode }),
    ...Array.from({ length: 6 }, () => openClientSession(login, anybody())),
  ]);
  const types = await typesOf(userId);
  expect(types.filter((type) => type === "session.opened")).toHaveLength(18);
  expect(types.filter((type) => type === "session.ended")).toHaveLength(11);
  expect(types.filter((type) => type === "invite.activated")).toHaveLength(1);
});

test("the events of a test number's account are marked", async () => {
  const { userId, phone } = await signUp();
  await write((tx) => tx.user.update({ where: { id: userId }, data: { isTest: true } }));
  await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect((await eventsOf(userId)).map(({ isTest }) => isTest).slice(0, 2)).toEqual([false, true]);
});

test("the events of an account contain neither its phone nor its mailbox", async () => {
  const { administrator } = await freshAdministrator();
  const [phone, email] = [freshPhone(), freshEmail()];
  const { userId } = await signUp({ phone });
  await changeAccount(administrator, userId, { email });
  await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  await deleteAccount(administrator, { userId, reason: "of a test" });
  const rows = await readPrimary.event.findMany({ where: { accountId: userId } });
  expect(rows.length).toBeGreaterThan(5);
  expect(JSON.stringify(rows.map(({ data }) => data))).not.toMatch(/\+7945|@|of a test/);
});

test("each event that was published fits the schema of its type, as other systems get it", async () => {
  const inviter = await signUp();
  const { userId } = await signUp({ invited: inviter.inviteCode });
  const schemas = new Map(EVENT_TYPES.map((type) => [type, z.fromJSONSchema(jsonSchemaOf(type) as never)]));
  let [seen, after] = [0, null as EventCursor | null];
  /** Reads the events after the last one that was read, a page at a time: the log has the events of all tests of this worker. */
  const readOn = async () => {
    for (;;) {
      const read = await readEvents({ after, limit: 500 });
      if (!read.ok) throw new Error(read.failure.name);
      const { events, next, isMore } = read.value;
      const sent = events.map((event) => ({ type: event.type, body: JSON.parse(JSON.stringify(eventBodyOf(event))) }));
      const bodies = sent.map(({ body }) => body);
      expect(sent.map(({ type, body }) => EVENT_BODIES[type].parse(body))).toEqual(bodies);
      expect(sent.map(({ type, body }) => schemas.get(type)?.parse(body))).toEqual(bodies);
      seen += events.filter(({ accountId }) => accountId === userId).length;
      after = next;
      if (!isMore) return seen;
    }
  };
  // Transactions of other databases of the server may delay the last events.
  await expect.poll(readOn).toBe(2);
});
