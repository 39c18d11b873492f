import { expect, test } from "playwright/test";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { listEvents } from "@/lib/core/accounts/history";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import type { Result } from "@/lib/core/result";
import { readPrimary, transact, write } from "@/lib/db/database";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import { anybody, failureOf, freshEmail, freshPhone, openSession, signUp } from "@/lib/testing/people";
import { type AccountLookup, createAccount, deleteAccount } from "./accounts";
import { moveInvitation, undoInvitation } from "./activations";
import { COMMAND_LINE } from "./actor";
import { deletePerson } from "./acts";
import { addAdministrator } from "./administrators";
import { walkEvents } from "./audit-list";
import { blockAccount, unblockAccount } from "./block";
import { endSessions } from "./end-sessions";
import { findManagedAccount, listManagedAccounts } from "./managed-accounts";
import { drawFixedCode, endTestNumber, makeTestNumber } from "./test-numbers";

const HOUR_MS = 60 * 60 * 1000;
const reason = "for a test";

async function freshKey(end: { endsAt?: Date; revokedAt?: Date } = {}) {
  const data = { name: "a test", keyHash: crypto.randomUUID(), hint: "sk_", scopes: "", madeAt: new Date(), ...end };
  const { id: keyId } = await write((tx) => tx.apiKey.create({ data }));
  return { kind: "api_key" as const, keyId };
}

function unwrap<Value>(result: Result<Value, { name: string }>): Value {
  if (!result.ok) throw new Error(result.failure.name);
  return result.value;
}

test("acts with an API key are recorded as the key's", async () => {
  const actor = await freshKey();
  const inviter = await signUp();
  const phone = freshPhone();
  const { id: userId } = unwrap(await createAccount(actor, { phone, reason }));
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const act = { userId, reason };
  unwrap(await endSessions(actor, { ...act, sessionId: session.id }));
  unwrap(await blockAccount(actor, act));
  unwrap(await unblockAccount(actor, act));
  const code = inviter.inviteCode;
  expect(failureOf(await moveInvitation(actor, { ...act, code }))).toBe("activation_missing");
  unwrap(await deletePerson(actor, act));
  const events = (await readEvents(userId)).filter(({ action }) => action !== "signed_in");
  expect(events.map(({ action, actorKind, actorId, details }) => [action, actorKind, actorId, details.reason])).toEqual(
    ["account_deleted", "account_unblocked", "account_blocked", "sessions_ended", "account_created"].map((action) => [
      ...[action, "api_key", actor.keyId, reason],
    ]),
  );
  const published = await readPrimary.event.findMany({ where: { accountId: userId }, orderBy: { sequence: "asc" } });
  const dataOf = (type: string) => published.filter((event) => event.type === type).map(({ data }) => JSON.parse(data));
  expect(dataOf("account.created")).toMatchObject([{ by: "api_key" }]);
  expect(dataOf("session.ended")).toMatchObject([{ reason: "ended_by_api_key" }]);
  expect(dataOf("account.deleted")).toMatchObject([{ by: "api_key" }]);
});

test("an API key that was revoked or has ended since the request began does nothing", async () => {
  const { userId, phone } = await signUp();
  const number = { phone: freshPhone(), code: drawFixedCode(), until: new Date(Date.now() + HOUR_MS), note: null };
  const made = unwrap(await makeTestNumber(await freshKey(), { ...number, reason }));
  for (const actor of [await freshKey({ revokedAt: new Date() }), await freshKey({ endsAt: new Date() })]) {
    const acts = [
      createAccount(actor, { phone: freshPhone() }),
      blockAccount(actor, { userId, reason }),
      endSessions(actor, { userId, reason, sessionId: null }),
      deleteAccount(actor, { userId, reason }),
      makeTestNumber(actor, { ...number, phone: freshPhone(), reason }),
      endTestNumber(actor, { id: made.id, reason }),
    ];
    expect(await Promise.all(acts.map(async (act) => failureOf(await act)))).toEqual(acts.map(() => "key_revoked"));
    expect(await readPrimary.auditEvent.findMany({ where: { actorKind: "api_key", actorId: actor.keyId } })).toEqual(
      [],
    );
  }
  expect(await readPrimary.user.findUnique({ where: { id: userId } })).toMatchObject({ phone, blockedAt: null });
});

test("a person's history shows an act of an API key as an administrator's, and never the key", async () => {
  const actor = await freshKey();
  const { userId } = await signUp();
  unwrap(await blockAccount(actor, { userId, reason }));
  const [event] = (await listEvents(userId)).events;
  expect(event).toMatchObject({ action: "account_blocked", isByAdministrator: true });
  expect(JSON.stringify(event)).not.toContain("api_key");
});

test("a key and an administrator with the same id are told apart in the audit log", async () => {
  const { administrator, userId: own } = await freshAdministrator();
  const { userId } = await signUp();
  unwrap(await blockAccount(administrator, { userId, reason }));
  const byKey = { action: "account_unblocked", actorKind: "api_key", actorId: own, subjectId: userId } as const;
  await transact(async (tx) => recordEvent(tx, { ...byKey, now: new Date() }));
  const actionsOf = async (filter: object) =>
    (await walkEvents({ subject: String(userId), actor: String(own), ...filter }, null)).rows.map(
      ({ action }) => action,
    );
  expect(await actionsOf({})).toEqual(["account_blocked"]);
  expect(await actionsOf({ kind: "api_key" })).toEqual(["account_unblocked"]);
});

test("a backend makes no account of an administrator's phone", async () => {
  const actor = await freshKey();
  const phone = freshPhone();
  unwrap(await addAdministrator(phone));
  const account = { phone, email: freshEmail(), reason };
  expect(failureOf(await createAccount(actor, account))).toBe("phone_of_administrator");
  expect(await readPrimary.user.findUnique({ where: { phone } })).toBeNull();
  expect(failureOf(await createAccount(COMMAND_LINE, account))).toBe("none");
});

test("a look-up by phone or mailbox with an API key is audited, with or without an account", async () => {
  const actor = await freshKey();
  const [phone, email] = [freshPhone(), freshEmail()];
  const { userId, inviteCode } = await signUp({ phone });
  const page = { limit: 10, seesPhones: false };
  const look = (lookup: AccountLookup) => listManagedAccounts(actor, { ...page, lookup });
  const looks = async () => {
    const rows = await readPrimary.auditEvent.findMany({
      where: { actorKind: "api_key", actorId: actor.keyId },
      orderBy: { id: "asc" },
    });
    return rows.map(({ action, subjectId }) => [action, subjectId]);
  };
  expect((await look({ phone: freshPhone() })).accounts).toEqual([]);
  expect((await look({ email })).accounts).toEqual([]);
  expect((await look({ phone })).accounts).toMatchObject([{ id: userId }]);
  const recorded = [
    ["accounts_listed", null],
    ["accounts_listed", null],
    ["account_read", userId],
  ];
  expect(await looks()).toEqual(recorded);
  expect((await look({ inviteCode })).accounts).toMatchObject([{ id: userId }]);
  await look({});
  expect(await looks()).toEqual(recorded);
  await listManagedAccounts(actor, { ...page, lookup: { inviteCode }, seesPhones: true });
  expect(await looks()).toEqual([...recorded, ["account_read", userId]]);
});

test("the refusal of a phone or mailbox that is in use is audited like a look-up with the API key", async () => {
  const actor = await freshKey();
  const [{ userId, phone }, mail] = [await signUp(), freshEmail()];
  const { id: mailOwner } = unwrap(await createAccount(COMMAND_LINE, { phone: freshPhone(), email: mail }));
  const { userId: administrator, phone: own } = await freshAdministrator();
  const until = new Date(Date.now() + HOUR_MS);
  const number = { code: drawFixedCode(), until, note: null, reason };
  const testPhone = freshPhone();
  unwrap(await makeTestNumber(COMMAND_LINE, { ...number, phone: testPhone }));
  const refused = [
    await createAccount(actor, { phone, reason }),
    await createAccount(actor, { phone: freshPhone(), email: mail, reason }),
    await createAccount(actor, { phone: own, reason }),
    await createAccount(actor, { phone: testPhone, reason }),
    await makeTestNumber(actor, { ...number, phone }),
    await makeTestNumber(actor, { ...number, phone: own }),
  ];
  expect(refused.map(failureOf)).toEqual([
    ...["phone_taken", "email_taken", "phone_of_administrator", "phone_test"],
    ...["phone_taken", "phone_of_administrator"],
  ]);
  const rows = await readPrimary.auditEvent.findMany({
    where: { actorKind: "api_key", actorId: actor.keyId },
    orderBy: { id: "asc" },
  });
  expect(rows.map(({ action, subjectId }) => [action, subjectId])).toEqual([
    ["account_read", userId],
    ["account_read", mailOwner],
    ["account_read", administrator],
    ["accounts_listed", null],
    ["account_read", userId],
    ["account_read", administrator],
  ]);
});

test("a backend acts on no administrator, and on no account that has changed since it was read", async () => {
  const actor = await freshKey();
  const { userId: administrator } = await freshAdministrator();
  const [inviter, other] = [await signUp(), await signUp()];
  const { userId } = await signUp({ invited: inviter.inviteCode });
  const actsOn = (id: number, versions?: string[]) => {
    const act = { userId: id, reason, versions };
    return [
      () => blockAccount(actor, act),
      () => endSessions(actor, { ...act, sessionId: null }),
      () => moveInvitation(actor, { ...act, code: other.inviteCode }),
      () => undoInvitation(actor, act),
      () => deletePerson(actor, act),
    ];
  };
  const read = async () => (await findManagedAccount(userId))?.version ?? "";
  const [before, activation] = [
    await read(),
    await readPrimary.activation.findUnique({ where: { inviteeId: userId } }),
  ];
  for (const act of actsOn(administrator)) expect(failureOf(await act())).toBe("account_administrator");
  for (const act of actsOn(userId, ["another"])) expect(failureOf(await act())).toBe("version_changed");
  expect(await readPrimary.activation.findUnique({ where: { inviteeId: userId } })).toEqual(activation);
  expect(await read()).toBe(before);
  for (const act of actsOn(userId, ["another", before]).slice(0, 1)) expect(failureOf(await act())).toBe("none");
  const blocked = await read();
  expect(blocked).not.toBe(before);
  for (const act of actsOn(userId).slice(2, 4)) expect(failureOf(await act())).toBe("none");
  expect(await read()).not.toBe(blocked);
  for (const act of actsOn(userId, [await read()]).slice(4)) expect(failureOf(await act())).toBe("none");
  expect(await findManagedAccount(userId)).toBeNull();
});
