import { ACCOUNT_COLUMNS, type Account, accountOf } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import type { LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, type Transaction, transact } from "@/lib/db/database";
import { recordRead } from "./accounts";
import type { Administrator } from "./actor";
import { look } from "./looks";

/** The most accounts that one search returns. */
export const FOUND_MAX = 50;

/** An account as a page of the console shows it. */
export interface Person extends Account {
  createdAt: Date;
  /** When an administrator blocked the account; null if it isn't blocked. */
  blockedAt: Date | null;
  /** When one of its sessions was last used; null without a session. */
  seenAt: Date | null;
  referralCount: number;
}

/** An account in the list of those that a search found. */
export type FoundPerson = Account & Pick<Person, "blockedAt">;

/**
 * Returns the accounts with these ids, the newest first and at most `FOUND_MAX`, and records that they were listed. Ids without
 * an account are left out.
 */
export async function listPeople(
  administrator: Administrator,
  ids: readonly number[],
  now = new Date(),
): Promise<FoundPerson[]> {
  const rows = await readPrimary.user.findMany({
    where: { id: { in: ids.slice(0, FOUND_MAX) } },
    orderBy: { id: "desc" },
    select: { ...ACCOUNT_COLUMNS, blockedAt: true },
  });
  await recordListing(
    administrator,
    rows.map(({ id }) => id),
    now,
  );
  return rows.map((row) => ({ ...accountOf(row), blockedAt: row.blockedAt }));
}

/** Records that these accounts were listed, as one event. An empty list is not recorded. */
export async function recordListing({ userId }: Administrator, ids: number[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  const event = { action: "accounts_listed", actorKind: "administrator", subjectId: null } as const;
  await transact(async (tx) => recordEvent(tx, { ...event, actorId: userId, details: { ids }, now }));
}

/** The failures of a look at a person. `budget_spent`: the administrator has looked at people too often within an hour. */
export type LookFailure = LimitFailure | { name: "account_unknown" };

/**
 * Returns one account, and records the read in the audit log, so that its owner sees it. `besides` are the ids of other accounts that
 * the page shows masked; they stand in the same event. Fails with a `LookFailure`.
 */
export async function readPerson(
  administrator: Administrator,
  id: number,
  { besides = [] }: { besides?: number[] } = {},
  now = new Date(),
): Promise<Result<Person, LookFailure>> {
  const [user, session] = await Promise.all([
    readPrimary.user.findUnique({
      where: { id },
      select: { ...ACCOUNT_COLUMNS, createdAt: true, blockedAt: true, referralCount: true },
    }),
    readPrimary.session.findFirst({ where: { userId: id }, orderBy: { seenAt: "desc" }, select: { seenAt: true } }),
  ]);
  if (!user) return fail({ name: "account_unknown" });
  const looked = await look(
    administrator,
    (tx) => recordRead(tx, administrator, { subjectId: id, ids: besides, now }),
    now,
  );
  if (!looked.ok) return looked;
  const { createdAt, blockedAt, referralCount } = user;
  return succeed({ ...accountOf(user), createdAt, blockedAt, referralCount, seenAt: session?.seenAt ?? null });
}

/** Returns one account to show its phone and mailbox in full, and records that. Fails with a `LookFailure`. */
export async function showIdentity(
  administrator: Administrator,
  id: number,
  now = new Date(),
): Promise<Result<Account, LookFailure>> {
  const row = await readPrimary.user.findUnique({ where: { id }, select: ACCOUNT_COLUMNS });
  if (!row) return fail({ name: "account_unknown" });
  const event = { action: "identity_shown", actorKind: "administrator", subjectId: id } as const;
  const record = (tx: Transaction) => recordEvent(tx, { ...event, actorId: administrator.userId, now });
  const looked = await look(administrator, record, now);
  return looked.ok ? succeed(accountOf(row)) : looked;
}
