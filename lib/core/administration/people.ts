import { ACCOUNT_COLUMNS, type Account, accountOf } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, transact } from "@/lib/db/database";
import { type Administrator, readAccount } from "./accounts";
import { FOUND_MAX } from "./search";

/** An account as a page of the console shows it. */
export interface Person extends Account {
  createdAt: Date;
  /** When an administrator blocked the account; null if it isn't blocked. */
  blockedAt: Date | null;
  /** When one of its sessions was last used; null without a session. */
  seenAt: Date | null;
  referralCount: number;
}

/**
 * Returns the accounts with these ids, the newest first and at most `FOUND_MAX`, and records that they were listed. Ids without
 * an account are left out.
 */
export async function listPeople(
  administrator: Administrator,
  ids: readonly number[],
  now = new Date(),
): Promise<Account[]> {
  const rows = await readPrimary.user.findMany({
    where: { id: { in: ids.slice(0, FOUND_MAX) } },
    orderBy: { id: "desc" },
    select: ACCOUNT_COLUMNS,
  });
  await recordListing(
    administrator,
    rows.map(({ id }) => id),
    now,
  );
  return rows.map(accountOf);
}

/** Records that these accounts were listed, as one event. An empty list is not recorded. */
export async function recordListing({ userId }: Administrator, ids: number[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  const event = { action: "accounts_listed", actorKind: "administrator", subjectId: null } as const;
  await transact(async (tx) => recordEvent(tx, { ...event, actorId: userId, details: { ids }, now }));
}

/**
 * Returns one account, and records the read in the audit log, so that its owner sees it. `besides` are the ids of other accounts that
 * the page shows masked; they stand in the same event. Fails with `account_unknown`.
 */
export async function readPerson(
  administrator: Administrator,
  id: number,
  { besides = [] }: { besides?: number[] } = {},
  now = new Date(),
): Promise<Result<Person, { name: "account_unknown" }>> {
  const read = await readAccount(administrator, id, now, besides);
  if (!read.ok) return read;
  const [user, session] = await Promise.all([
    readPrimary.user.findUnique({ where: { id }, select: { createdAt: true, blockedAt: true, referralCount: true } }),
    readPrimary.session.findFirst({ where: { userId: id }, orderBy: { seenAt: "desc" }, select: { seenAt: true } }),
  ]);
  if (!user) return fail({ name: "account_unknown" });
  return succeed({ ...read.value, ...user, seenAt: session?.seenAt ?? null });
}

/** Returns one account to show its phone and mailbox in full, and records that. Fails with `account_unknown`. */
export async function showIdentity(
  administrator: Administrator,
  id: number,
  now = new Date(),
): Promise<Result<Account, { name: "account_unknown" }>> {
  const row = await readPrimary.user.findUnique({ where: { id }, select: ACCOUNT_COLUMNS });
  if (!row) return fail({ name: "account_unknown" });
  const event = { action: "identity_shown", actorKind: "administrator", subjectId: id } as const;
  await transact(async (tx) => recordEvent(tx, { ...event, actorId: administrator.userId, now }));
  return succeed(accountOf(row));
}
