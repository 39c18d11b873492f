import { z } from "zod";
import { type AuditAction, type EventDetails, recordEvent } from "@/lib/core/accounts/audit-log";
import type { Email } from "@/lib/core/identity/email";
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Writer, write } from "@/lib/db/database";
import { type Administrator, deleteAccount, lockForChange, mayChange } from "./accounts";

/** Why an administrator does something, in their own words. Fails with `reason_missing` or `reason_too_long`. */
export const Reason = z.string().trim().min(1, "reason_missing").max(REASON_LENGTH_MAX, "reason_too_long");
export type Reason = z.output<typeof Reason>;

/** What an administrator does to an account: the account's id, and why. */
export interface Act {
  userId: number;
  reason: Reason;
}

/**
 * The failures of each act.
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, or the administrator was blocked
 *   or deleted since the request began.
 * - `account_own`: administrators act on their own account as any owner does, on the account's pages.
 * - `account_unknown`: there is no such account.
 */
export type ActFailure = { name: "login_too_old" | "account_own" | "account_unknown" };

/** Returns why this administrator may not act on the account now, before the account is looked up; null if they may. */
export function findActFailure(administrator: Administrator, userId: number, now: Date): ActFailure | null {
  if (!mayChange(administrator, now)) return { name: "login_too_old" };
  return userId === administrator.userId ? { name: "account_own" } : null;
}

/** Records an act in the audit log, in the transaction that does it. */
export function recordAct(
  tx: Parameters<typeof recordEvent>[0],
  { userId }: Administrator,
  act: Act,
  { action, details = {}, now }: { action: AuditAction; details?: EventDetails; now: Date },
): void {
  const concerned = { actorKind: "administrator" as const, actorId: userId, subjectId: act.userId };
  recordEvent(tx, { action, ...concerned, details: { ...details, reason: act.reason }, now });
}

/**
 * Does an act in one transaction, with the rows of the account and the administrator locked, and records it as one audit event.
 * `perform` changes the account and returns the details of the event, or a failure, after which nothing is recorded.
 */
export async function performAct<Failure extends { name: string } = never>(
  administrator: Administrator,
  act: Act,
  {
    action,
    perform,
    now,
  }: { action: AuditAction; perform: (tx: Writer) => Promise<Result<EventDetails, Failure>>; now: Date },
): Promise<Result<null, ActFailure | Failure>> {
  const failure = findActFailure(administrator, act.userId, now);
  if (failure) return fail(failure);
  return write(async (tx): Promise<Result<null, ActFailure | Failure>> => {
    const gone = await lockForChange(tx, administrator, act.userId);
    if (gone) return fail(gone);
    const done = await perform(tx);
    if (!done.ok) return done;
    recordAct(tx, administrator, act, { action, details: done.value, now });
    return succeed(null);
  });
}

/**
 * Deletes a person's account permanently. Returns its mailbox; null if it had none. Fails with an `ActFailure`. An account with
 * many referrals is deleted in several transactions: see `removeAccount`.
 */
export async function deletePerson(
  administrator: Administrator,
  act: Act,
  now = new Date(),
): Promise<Result<{ email: Email | null }, ActFailure>> {
  const failure = findActFailure(administrator, act.userId, now);
  return failure ? fail(failure) : deleteAccount(administrator, act, now);
}
