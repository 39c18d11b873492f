import { type EventBody, eventBodyOf } from "@/lib/core/events/event-body";
import { type EventCursor, findEndOfEvents, readEvents } from "@/lib/core/events/event-log";
import { readPrimary } from "@/lib/db/database";

/** What a system knows of an account that follows the events alone. */
export interface MirroredAccount {
  inviteCode: string;
  isBlocked: boolean;
  inviterId: number | null;
  /** Whether each open session is confirmed. */
  sessions: Record<string, boolean>;
  /** How many events the account has had. */
  count: number;
}

const NEW_ACCOUNT = { inviteCode: "", isBlocked: false, inviterId: null, count: 0 };

/** Returns the accounts that these events leave. */
export function mirrorAccounts(events: readonly EventBody[]): Map<number, MirroredAccount> {
  const accounts = new Map<number, MirroredAccount>();
  const deleted = new Set<number>();
  const inOrder = events.toSorted((one, other) => (one.sequence ?? 0) - (other.sequence ?? 0));
  for (const { accountId, type, data: anyData } of inOrder) {
    if (accountId === null) continue;
    const data = anyData as Record<string, never>;
    const account = accounts.get(accountId) ?? { ...NEW_ACCOUNT, sessions: {} };
    accounts.set(accountId, account);
    account.count += 1;
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

/** Returns the same of the accounts that are stored. */
export async function readAccountsAsMirrored(where: {
  id?: { in: number[] };
  phone?: { startsWith: string };
}): Promise<Map<number, MirroredAccount>> {
  const users = await readPrimary.user.findMany({ where, include: { activation: true, sessions: true } });
  return new Map(
    users.map(({ id, inviteCode, blockedAt, activation, sessions, eventSequence }) => [
      id,
      {
        ...{ inviteCode, isBlocked: blockedAt !== null, inviterId: activation?.inviterId ?? null },
        sessions: Object.fromEntries(sessions.map((session) => [session.id, !session.isNew])),
        count: eventSequence,
      },
    ]),
  );
}

/**
 * Returns the cursor behind all events that are committed. On PostgreSQL a transaction of another test, also in another database,
 * hides them from readers as long as it is open, so this waits for it.
 */
export async function findEndOfCommittedEvents(): Promise<EventCursor> {
  const end = await findEndOfEvents();
  const hidden = await readPrimary.event.findFirst({ where: { transactionId: { gt: end.transactionId } } });
  return hidden ? findEndOfCommittedEvents() : end;
}

/**
 * Reads all committed events after the cursor, or all that are kept, as other systems get them. `next` is the cursor behind them.
 */
export async function readEventsAfter(after: EventCursor | null): Promise<{ events: EventBody[]; next: EventCursor }> {
  await findEndOfCommittedEvents();
  const events: EventBody[] = [];
  for (let cursor = after; ; ) {
    const read = await readEvents({ after: cursor, limit: 200 });
    if (!read.ok) throw new Error(read.failure.name);
    events.push(...read.value.events.map(eventBodyOf));
    cursor = read.value.next;
    if (!read.value.isMore) return { events, next: cursor };
  }
}
