import { expect, _baseTest as test } from "playwright/test";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { changeAccount, deleteAccount } from "@/lib/core/administration/accounts";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { endSessions } from "@/lib/core/administration/end-sessions";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import { confirmSignIn, endOtherSession, endOtherSessions } from "@/lib/core/sessions/session-list";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { readPrimary } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { anybody, freshPhone, openSession, signUp } from "@/lib/testing/people";
import { type EventBody, eventBodyOf } from "./event-body";
import { type EventCursor, readEvents } from "./event-log";

interface MirroredAccount {
  inviteCode: string;
  isBlocked: boolean;
  inviterId: number | null;
  /** Whether each open session is confirmed. */
  sessions: Record<string, boolean>;
}

/** Applies the events of accounts, as a system does that knows nothing else. */
function mirror(events: readonly EventBody[]): Map<number, MirroredAccount> {
  const accounts = new Map<number, MirroredAccount>();
  const deleted = new Set<number>();
  const inOrder = events.toSorted((one, other) => (one.sequence ?? 0) - (other.sequence ?? 0));
  for (const { accountId, type, data: anyData } of inOrder) {
    if (accountId === null) continue;
    const data = anyData as Record<string, never>;
    const account = accounts.get(accountId) ?? { inviteCode: "", isBlocked: false, inviterId: null, sessions: {} };
    accounts.set(accountId, account);
    if (type === "account.created") account.inviteCode = data.inviteCode ?? "";
    if (type === "account.blocked" || type === "account.unblocked") account.isBlocked = type === "account.blocked";
    if (type === "invite.activated" || type === "invite.moved") account.inviterId = data.inviterId ?? null;
    if (type === "invite.reversed") account.inviterId = null;
    if (type === "session.opened") account.sessions[data.sessionId ?? ""] = data.isConfirmed ?? false;
    for (const id of (data.sessionIds as unknown as string[] | undefined) ?? []) {
      if (type === "session.ended") delete account.sessions[id];
      if (type === "session.confirmed") account.sessions[id] = true;
    }
    if (type === "account.deleted") deleted.add(accountId);
  }
  for (const id of deleted) accounts.delete(id);
  for (const account of accounts.values()) if (deleted.has(account.inviterId ?? 0)) account.inviterId = null;
  return accounts;
}

async function readOn(after: EventCursor | null): Promise<{ events: EventBody[]; next: EventCursor }> {
  const events: EventBody[] = [];
  for (let cursor = after; ; ) {
    const read = await readEvents({ after: cursor, limit: 200 });
    if (!read.ok) throw new Error(read.failure.name);
    events.push(...read.value.events.map(eventBodyOf));
    cursor = read.value.next;
    if (!read.value.isMore) return { events, next: cursor };
  }
}

const DEEDS = 400;
const IN_PARALLEL = 12;

test("a system that follows the events alone knows what became of each account, however the deeds ran in parallel", async () => {
  test.slow();
  const { administrator } = await freshAdministrator();
  const { next } = await readOn(null);
  const people = await Promise.all(Array.from({ length: 12 }, () => signUp()));
  const ids = people.map(({ userId }) => userId);
  const sessions: Session[] = [];
  const draw = (below: number) => Math.floor(Math.random() * below);
  const anyOf = <Item>(items: readonly Item[]): Item => items[draw(items.length)] as Item;
  const isGone = (error: unknown) => (error as Error).constructor.name === "AccountGone";
  const answer = async (deed: (own: Session, other: string) => Promise<unknown>) => {
    const own = sessions.findLast(({ isNew }) => !isNew && draw(3) === 0);
    const other = own && sessions.findLast(({ userId, isNew }) => userId === own.userId && isNew);
    if (own && other) await deed(own, other.id);
  };
  const deeds: (() => Promise<unknown>)[] = [
    async () => {
      const { userId, phone } = anyOf(people);
      // A session that counts as the one that made the account is trusted, and can confirm others.
      const created = draw(2) === 0;
      sessions.push(await openSession({ userId, proven: phoneRecipient(phone), created }, anybody()));
    },
    () => activateInvite({ userId: anyOf(people).userId, code: anyOf(people).inviteCode }),
    async () => sessions.length > 0 && endSession(anyOf(sessions).id),
    async () => sessions.length > 0 && endOtherSessions(anyOf(sessions)),
    () => answer(confirmSignIn),
    () => answer(confirmSignIn),
    () => answer(endOtherSession),
    () => endSessions(administrator, { userId: anyOf(people).userId, reason: "a test", sessionId: null }),
    () => blockAccount(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () => unblockAccount(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () => undoInvitation(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () =>
      moveInvitation(administrator, { userId: anyOf(people).userId, reason: "a test", code: anyOf(people).inviteCode }),
    async () => {
      const [person, phone] = [anyOf(people), freshPhone()];
      if ((await changeAccount(administrator, person.userId, { phone })).ok) person.phone = phone;
    },
    async () => draw(8) === 0 && deleteAccount(administrator, { userId: anyOf(people).userId }),
    async () => draw(8) === 0 && sessions.length > 0 && deleteOwnAccount(anyOf(sessions)),
  ];
  const opening = deeds[0] as (typeof deeds)[number];
  let left = DEEDS;
  const perform = (deed: () => Promise<unknown>) =>
    deed().catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  const work = async () => {
    while (left > 0) {
      left -= 1;
      await perform(draw(3) === 0 ? opening : anyOf(deeds));
    }
  };
  const deletion = () => deleteAccount(administrator, { userId: anyOf(people).userId });
  await Promise.all([...Array.from({ length: IN_PARALLEL }, work), deletion()]);
  // Of the last sessions some are confirmed, so that not all end in the same way.
  const confirm = async ({ userId, phone }: (typeof people)[number]) => {
    const login = { userId, proven: phoneRecipient(phone) };
    const own = await openSession({ ...login, created: true }, anybody());
    await confirmSignIn(own, (await openSession(login, anybody())).id);
    await openSession(login, anybody());
  };
  await Promise.all(people.map((person) => perform(() => confirm(person))));

  const users = await readPrimary.user.findMany({
    where: { id: { in: ids } },
    include: { activation: true, sessions: true },
  });
  const expected = users.map((user) => ({
    id: user.id,
    count: user.eventSequence,
    inviteCode: user.inviteCode,
    isBlocked: user.blockedAt !== null,
    inviterId: user.activation?.inviterId ?? null,
    sessions: Object.fromEntries(user.sessions.map(({ id, isNew }) => [id, !isNew])),
  }));
  const follow = async () => {
    const events = (await readOn(next)).events.filter(({ accountId }) => accountId !== null && ids.includes(accountId));
    return [...mirror(events)]
      .map(([id, account]) => ({
        ...{ id, ...account },
        count: events.filter(({ accountId }) => accountId === id).length,
      }))
      .sort((one, other) => one.id - other.id);
  };
  const inOrder = expected.sort((one, other) => one.id - other.id);
  expect(inOrder.length).toBeLessThan(people.length);
  await expect.poll(follow).toEqual(inOrder);
});
