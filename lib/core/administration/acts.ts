import { z } from "zod";
import { type AuditAction, type EventDetails, recordEvent } from "@/lib/core/accounts/audit-log";
import type { Email } from "@/lib/core/identity/email";
import { REASON_LENGTH_MAX } from "@/lib/core/policy";
import { fail, type Result } from "@/lib/core/result";
import { type Queries, type Writer, write } from "@/lib/db/database";
import { deleteAccount } from "./accounts";
import {
  type Actor,
  type ActorFailure,
  type Administrator,
  type ApiKeyActor,
  auditOf,
  lockForChange,
  mayChange,
  settle,
} from "./actor";
import { isAdministratorAccount } from "./administrators";
import { findManagedAccount } from "./managed-accounts";

/** Why an administrator or a backend does something, in the actor's own words. Fails with `reason_missing` or `reason_too_long`. */
export const Reason = z.string().trim().min(1, "reason_missing").max(REASON_LENGTH_MAX, "reason_too_long");
export type Reason = z.output<typeof Reason>;

/**
 * What is done to an account: the account's id, and why. With `versions` it is done only if the account's version is one of them (see
 * `ManagedAccount`).
 */
export interface Act {
  userId: number;
  reason: Reason;
  versions?: readonly string[] | undefined;
}

/**
 * The failures of each act: an `ActorFailure`, or
 * - `account_own`: administrators act on their own account as any owner does, on the account's pages.
 * - `account_unknown`: there is no such account.
 * - `version_changed`: the account has another version than those that a backend named.
 * - `account_administrator`: backends act on no administrator.
 */
export type ActFailure<Who extends Actor = Administrator> =
  | ActorFailure<Who>
  | OwnFailure<Who>
  | KeyActFailure<Who>
  | { name: "account_unknown" };
type OwnFailure<Who extends Actor> = Who extends Administrator ? { name: "account_own" } : never;
type KeyActFailure<Who extends Actor> = Who extends ApiKeyActor
  ? { name: "version_changed" | "account_administrator" }
  : never;

/**
 * Returns why a backend may not act on the account, whose row is locked; null if it may, and for other actors. A backend acts on no
 * administrator, so that a stolen key can't shut the operator out of the console.
 */
export async function findKeyActFailure<Who extends Actor>(
  tx: Queries,
  actor: Who,
  { userId, versions }: Act,
): Promise<KeyActFailure<Who> | null> {
  if (actor.kind !== "api_key") return null;
  type Failure = KeyActFailure<Who>;
  if (await isAdministratorAccount(tx, userId)) return { name: "account_administrator" } as Failure;
  if (!versions) return null;
  const version = (await findManagedAccount(userId, tx))?.version;
  return version !== undefined && versions.includes(version) ? null : ({ name: "version_changed" } as Failure);
}

/** Returns why the actor may not act on the account, as far as that is known before the account is read; null if it may. */
export function findActFailure<Who extends Actor>(
  actor: Who,
  userId: number,
  now: Date,
): ActorFailure<Who> | OwnFailure<Who> | null {
  type Found = ActorFailure<Who> | OwnFailure<Who> | null;
  if (actor.kind !== "administrator") return null;
  if (!mayChange(actor, now)) return { name: "login_too_old" } as Found;
  return userId === actor.userId ? ({ name: "account_own" } as Found) : null;
}

/** Records an act in the audit log, in the transaction that does it. */
export function recordAct(
  tx: Parameters<typeof recordEvent>[0],
  actor: Actor,
  act: Act,
  { action, details = {}, now }: { action: AuditAction; details?: EventDetails; now: Date },
): void {
  const concerned = { ...auditOf(actor), subjectId: act.userId };
  recordEvent(tx, { action, ...concerned, details: { ...details, reason: act.reason }, now });
}

/**
 * Does an act in one transaction, with the rows of the account and the actor locked, and records it as one audit event.
 * `perform` changes the account and returns the details of the event, or a failure, after which nothing is recorded.
 */
export async function performAct<Who extends Actor, Failure extends { name: string } = never>(
  actor: Who,
  act: Act,
  {
    action,
    perform,
    now,
  }: { action: AuditAction; perform: (tx: Writer) => Promise<Result<EventDetails, Failure>>; now: Date },
): Promise<Result<null, ActFailure<Who> | Failure>> {
  const failure = findActFailure(actor, act.userId, now);
  if (failure) return fail(failure);
  return write(async (tx): Promise<Result<null, ActFailure<Who> | Failure>> => {
    const gone = await lockForChange(tx, actor, act.userId, now);
    if (gone) return fail(gone);
    const refused = await findKeyActFailure(tx, actor, act);
    if (refused) return fail(refused);
    const done = await perform(tx);
    if (!done.ok) return done;
    recordAct(tx, actor, act, { action, details: done.value, now });
    return settle(tx, actor, null);
  });
}

/**
 * Deletes a person's account permanently. Returns its mailbox; null if it had none. Fails with an `ActFailure`. An account with
 * many referrals is deleted in several transactions: see `removeAccount`.
 */
export async function deletePerson<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<{ email: Email | null }, ActFailure<Who>>> {
  const failure = findActFailure(actor, act.userId, now);
  if (failure) return fail(failure);
  return deleteAccount<Who, KeyActFailure<Who>>(actor, act, now, (tx) => findKeyActFailure(tx, actor, act));
}
