import { z } from "zod";
import { ACCOUNT_COLUMNS, type Account, accountOf } from "@/lib/core/accounts/accounts";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { dropChanges } from "@/lib/core/accounts/delayed-changes";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import type { ChangedIdentity } from "@/lib/core/accounts/replace-identity";
import { retryOnUnique } from "@/lib/core/accounts/retry-on-unique";
import { isTestNumberWithLock } from "@/lib/core/accounts/test-number-lock";
import { publishEvent, publishEvents } from "@/lib/core/events/publish";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { ACCOUNT_ID_MAX, ACCOUNTS_PER_PAGE } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { deleteSessions } from "@/lib/core/sessions/delete-sessions";
import type { Session } from "@/lib/core/sessions/sessions";
import { readPrimary, type Transaction, transact, type Writer, write } from "@/lib/db/database";
import {
  type Actor,
  type ActorFailure,
  type Administrator,
  type ApiKeyActor,
  auditOf,
  lockActor,
  lockForChange,
  mayChange,
  settle,
} from "./actor";
import { dropAdministrator, isAdministratorPhone } from "./administrators";

/**
 * Checks that the session is an administrator's. The account's phone must be an administrator's (`isAdministratorPhone`), and a
 * code to this very phone must have opened the session. A test number is never an administrator, also if `ADMIN_PHONES` names it.
 * Otherwise fails with `not_administrator`.
 */
export async function asAdministrator(session: Session): Promise<Result<Administrator, { name: "not_administrator" }>> {
  const { userId, provenPhone, createdAt } = session;
  if (!provenPhone || !(await isAdministratorPhone(provenPhone))) return fail({ name: "not_administrator" });
  const user = await readPrimary.user.findUnique({ where: { id: userId }, select: { phone: true, isTest: true } });
  return user?.phone === provenPhone && !user.isTest
    ? succeed({ kind: "administrator", userId, verifiedAt: createdAt } as Administrator)
    : fail({ name: "not_administrator" });
}

/**
 * Where a page of the list of accounts begins: after or before the account with this id. In a URL it is `after-42` or
 * `before-42`. Other text fails with the zod issue `cursor_malformed`.
 */
export const AccountCursor = z.codec(
  z.string().regex(/^(after|before)-\d{1,15}$/, "cursor_malformed"),
  z.object({ side: z.enum(["after", "before"]), id: z.int().max(ACCOUNT_ID_MAX, "cursor_malformed") }),
  {
    decode: (text) => {
      const [side, id] = text.split("-");
      return { side: side === "before" ? ("before" as const) : ("after" as const), id: Number(id) };
    },
    encode: ({ side, id }) => `${side}-${id}`,
  },
);
export type AccountCursor = z.output<typeof AccountCursor>;

/** A page of the list of accounts. `next` is null on the last page, `previous` on the first one. */
export interface AccountPage {
  accounts: Account[];
  next: AccountCursor | null;
  previous: AccountCursor | null;
}

/**
 * The values of a look-up of accounts; an account must match each of them exactly. `phone` matches proven and claimed phones.
 */
export interface AccountLookup {
  phone?: Phone | undefined;
  email?: Email | undefined;
  inviteCode?: InviteCode | undefined;
}

/**
 * Returns a page of accounts, the newest first. With `lookup`, the page contains only accounts that match all of its values. A
 * look-up is recorded in the audit log as a read of each account found, so that its owner sees the read in the history. A page
 * without `lookup` is recorded as one event.
 */
export async function listAccounts(
  actor: Actor,
  {
    lookup = {},
    cursor = null,
    limit = ACCOUNTS_PER_PAGE,
  }: { lookup?: AccountLookup; cursor?: AccountCursor | null; limit?: number } = {},
  now = new Date(),
): Promise<AccountPage> {
  const isBackwards = cursor?.side === "before";
  const { phone, email, inviteCode } = lookup;
  const rows = await readPrimary.user.findMany({
    where: {
      ...(phone && { OR: [{ phone }, { claimedPhone: phone }] }),
      ...(email && { email }),
      ...(inviteCode && { inviteCode }),
      ...(cursor && { id: isBackwards ? { gt: cursor.id } : { lt: cursor.id } }),
    },
    orderBy: { id: isBackwards ? "asc" : "desc" },
    take: limit + 1,
    select: ACCOUNT_COLUMNS,
  });
  const isMore = rows.length > limit;
  const accounts = rows.slice(0, limit).map(accountOf);
  if (isBackwards) accounts.reverse();
  const [first, last] = [accounts[0], accounts.at(-1)];
  const ids = accounts.map(({ id }) => id);
  const isLookup = Boolean(phone || email || inviteCode);
  await transact(async (tx) => {
    if (isLookup && ids.length > 0) for (const id of ids) recordRead(tx, actor, { subjectId: id, now });
    else recordRead(tx, actor, { subjectId: null, ids, now });
  });
  // A reader who went backwards has come from the next page; one who went forwards has come from the previous page.
  const hasNext = isBackwards || isMore;
  const hasPrevious = isBackwards ? isMore : cursor !== null;
  return {
    accounts,
    next: last && hasNext ? { side: "after", id: last.id } : null,
    previous: first && hasPrevious ? { side: "before", id: first.id } : null,
  };
}

/** Returns the account with this id, and records the read in the audit log. Fails with `account_unknown`. */
export async function readAccount(
  actor: Actor,
  userId: number,
  now = new Date(),
): Promise<Result<Account, { name: "account_unknown" }>> {
  const row = await readPrimary.user.findUnique({ where: { id: userId }, select: ACCOUNT_COLUMNS });
  if (!row) return fail({ name: "account_unknown" });
  await transact(async (tx) => recordRead(tx, actor, { subjectId: userId, now }));
  return succeed(accountOf(row));
}

/** The requested phone or mailbox is a factor of another account, or the phone is a test number. */
type TakenFailure = { name: "phone_taken" | "email_taken" | "phone_test" };

type CreateFailure<Who extends Actor> =
  | ActorFailure<Who>
  | TakenFailure
  | (Who extends ApiKeyActor ? { name: "phone_of_administrator" } : never);

/**
 * Makes an account with a phone and, if given, a mailbox. Both count as proven, because the administrator vouches for them.
 * `reason` is recorded with it. Fails with an `ActorFailure`, `phone_taken`, `phone_test` or `email_taken`. An API key fails with
 * `phone_of_administrator` if the phone is an administrator's: it could give the account a mailbox of its own, and log in by it.
 * `recordTaken` audits a refusal from which an API key learns that a phone or mailbox is in use.
 */
export async function createAccount<Who extends Actor>(
  actor: Who,
  { phone, email = null, reason }: { phone: Phone; email?: Email | null; reason?: string },
  { now = new Date(), drawInvite = drawInviteCode }: { now?: Date; drawInvite?: () => InviteCode } = {},
): Promise<Result<Account, CreateFailure<Who>>> {
  const isForbidden = actor.kind === "api_key" && (await isAdministratorPhone(phone));
  const created = await retryOnUnique(() =>
    write(async (tx): Promise<Result<Account, CreateFailure<Who>>> => {
      const locked = await lockActor(tx, actor, now);
      if (!locked.ok) return locked;
      if (isForbidden) return fail({ name: "phone_of_administrator" } as CreateFailure<Who>);
      const taken = await findTaken(tx, { phone, email, except: null });
      if (taken) return fail(taken);
      const row = await tx.user.create({
        data: {
          phone,
          phoneProvenAt: now,
          email,
          emailProvenAt: email && now,
          inviteCode: drawInvite(),
          createdAt: now,
        },
        select: ACCOUNT_COLUMNS,
      });
      const details = { fields: email ? ["phone", "email"] : ["phone"], ...(reason && { reason }) };
      recordEvent(tx, { action: "account_created", ...auditOf(actor), subjectId: row.id, details, now });
      const data = { inviteCode: row.inviteCode, by: actor.kind };
      publishEvent(tx, row.id, { type: "account.created", data }, now);
      return settle(tx, actor, accountOf(row));
    }),
  );
  if (!created.ok) await recordTaken(actor, created.failure.name, { phone, email }, now);
  return created;
}

/** The failures from which a backend learns that a phone or a mailbox is in use, and which of the two. */
const IDENTITY_OF_FAILURE: Record<string, "phone" | "email" | undefined> = {
  ...{ phone_taken: "phone", phone_test: "phone", phone_of_administrator: "phone" },
  email_taken: "email",
};

/**
 * Audits as a look-up that an API key was refused because this phone or mailbox is in use. Otherwise a key without `phones:read` could
 * try phones without a trace, to learn who has an account. Does nothing after other failures and for other actors.
 */
export async function recordTaken(
  actor: Actor,
  failure: string,
  { phone, email = null }: { phone: Phone; email?: Email | null },
  now: Date,
): Promise<void> {
  const identity = IDENTITY_OF_FAILURE[failure];
  if (actor.kind !== "api_key" || !identity) return;
  const where = identity === "phone" ? { phone } : { email: email as Email };
  const owner = await readPrimary.user.findUnique({ where, select: { id: true } });
  await transact(async (tx) => recordRead(tx, actor, { subjectId: owner?.id ?? null, now }));
}

/**
 * Changes an account's phone and mailbox. If one of them differs, ends the account's sessions and drops its delayed changes. A
 * new phone or mailbox counts as proven, because the administrator vouches for it. A phone that equals the account's claimed
 * phone stays claimed. A null phone or mailbox is removed. `reason` is recorded with the change. Returns the account, and each
 * change with the mailboxes to notify.
 *
 * Failures:
 * - `account_own`: administrators change their own account with codes, as any owner does.
 * - `account_test`: the account is a test number's, which keeps its phone and gets no mailbox.
 * - `login_too_old`, `account_unknown`, `phone_taken`, `phone_test`, `email_taken`.
 * - `identity_missing`: the account would have neither a phone nor a mailbox.
 */
export async function changeAccount(
  administrator: Administrator,
  userId: number,
  { reason, ...changes }: { phone?: Phone | null | undefined; email?: Email | null | undefined; reason?: string },
  now = new Date(),
): Promise<
  Result<
    { account: Account; changed: ChangedIdentity[] },
    | ActorFailure<Administrator>
    | TakenFailure
    | { name: "account_own" | "account_test" | "account_unknown" | "identity_missing" }
  >
> {
  if (userId === administrator.userId) return fail({ name: "account_own" });
  if (!mayChange(administrator, now)) return fail({ name: "login_too_old" });
  return retryOnUnique(() =>
    write(async (tx) => {
      const gone = await lockForChange(tx, administrator, userId, now);
      if (gone) return fail(gone);
      const row = await tx.user.findUniqueOrThrow({ where: { id: userId }, select: ACCOUNT_COLUMNS });
      const account = accountOf(row);
      if (account.isTest) return fail({ name: "account_test" });
      const isClaimKept = account.phone === null && changes.phone != null && changes.phone === account.claimedPhone;
      const phone = isClaimKept || changes.phone === undefined ? account.phone : changes.phone;
      const email = changes.email === undefined ? account.email : changes.email;
      if (!phone && !email) return fail({ name: "identity_missing" });
      const taken = await findTaken(tx, { phone, email, except: userId });
      if (taken) return fail(taken);

      const changed = changedIdentities(account, { phone, email });
      const isClaimRemoved = changes.phone === null && account.claimedPhone !== null;
      const changedFields = changed.map(({ name }) => fieldOf(name));
      const fields = [...(isClaimRemoved ? ["phone"] : []), ...changedFields];
      const event = { action: "account_changed", ...auditOf(administrator), subjectId: userId } as const;
      recordEvent(tx, { ...event, details: { fields, ...(reason && { reason }) }, now });
      if (fields.length === 0) return succeed({ account, changed });
      await deleteSessions(tx, userId, {}, { reason: "identity_changed" }, now);
      if (phone !== account.phone) await dropAdministrator(tx, account.phone);
      await dropChanges(tx, userId, now);
      const updated = await tx.user.update({
        where: { id: userId },
        data: {
          ...(phone !== account.phone && { phone, phoneProvenAt: phone && now, claimedPhone: null }),
          ...(isClaimRemoved && { claimedPhone: null }),
          ...(email !== account.email && { email, emailProvenAt: email && now }),
        },
        select: ACCOUNT_COLUMNS,
      });
      const isClaimGone = account.claimedPhone !== null && updated.claimedPhone === null;
      const updates = [...changedFields, ...(isClaimGone ? (["claimedPhone"] as const) : [])];
      publishEvents(
        tx,
        userId,
        [
          { type: "account.updated", data: { fields: updates } },
          ...changed.map(({ name, was }) => {
            const identifier = fieldOf(name);
            return { type: "identifier.changed", data: { identifier, was } } as const;
          }),
        ],
        now,
      );
      return succeed({ account: accountOf(updated), changed });
    }),
  );
}

const fieldOf = (name: ChangedIdentity["name"]) => (name === "phone_changed" ? "phone" : "email");

/** Returns how the new phone and mailbox differ from the account's. A change notifies the old and the new mailbox. */
function changedIdentities(account: Account, now: Pick<Account, "phone" | "email">): ChangedIdentity[] {
  const mailboxes = [...new Set([account.email, now.email].flatMap((email) => email ?? []))];
  const changeOf = (name: ChangedIdentity["name"], kind: "phone" | "email"): ChangedIdentity[] => {
    const was = account[kind] === null ? "added" : now[kind] === null ? "removed" : "changed";
    return account[kind] === now[kind] ? [] : [{ name, was, mailboxes }];
  };
  return [...changeOf("phone_changed", "phone"), ...changeOf("email_changed", "email")];
}

/**
 * Deletes an account permanently, as `removeAccount` does. `reason` is recorded with the deletion. Returns the mailbox of the
 * deleted account; null if it had none. Fails with `account_unknown`, an `ActorFailure`, or what `findFailure` returns while the account
 * is locked.
 */
export async function deleteAccount<Who extends Actor, Failure extends { name: string } = never>(
  actor: Who,
  { userId, reason }: { userId: number; reason?: string },
  now = new Date(),
  findFailure: (tx: Writer) => Promise<Failure | null> = async () => null,
): Promise<Result<{ email: Email | null }, ActorFailure<Who> | { name: "account_unknown" } | Failure>> {
  let gone: ActorFailure<Who> | { name: "account_unknown" } | Failure | null = null;
  const isWanted = async (tx: Writer) => {
    gone = (await lockForChange(tx, actor, userId, now)) ?? (await findFailure(tx));
    return gone === null;
  };
  const details = reason ? { reason } : {};
  const removed = await removeAccount({ userId, ...auditOf(actor), details, isWanted, now });
  return removed ? succeed(removed) : fail(gone ?? { name: "account_unknown" });
}

/**
 * Returns the failure if an account other than `except` has the phone or the mailbox as a factor, or if the phone is a test number;
 * otherwise null.
 */
async function findTaken(
  db: Writer,
  { phone, email, except }: { phone: Phone | null; email: Email | null; except: number | null },
): Promise<TakenFailure | null> {
  if (phone && (await isTestNumberWithLock(db, phone))) return { name: "phone_test" };
  const owner = phone && (await db.user.findUnique({ where: { phone }, select: { id: true } }));
  if (owner && owner.id !== except) return { name: "phone_taken" };
  const mailOwner = email && (await db.user.findUnique({ where: { email }, select: { id: true } }));
  if (mailOwner && mailOwner.id !== except) return { name: "email_taken" };
  return null;
}

/** Records that an account was read, with the ids of others that were shown beside it; or without a `subjectId`, that a list was. */
export function recordRead(
  tx: Transaction,
  actor: Actor,
  { subjectId, ids = [], now }: { subjectId: number | null; ids?: number[]; now: Date },
): void {
  const action = subjectId === null ? "accounts_listed" : "account_read";
  recordEvent(tx, { action, ...auditOf(actor), subjectId, details: { ids }, now });
}
