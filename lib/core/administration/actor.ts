import type { z } from "zod";
import { lockAccount } from "@/lib/core/accounts/accounts";
import { type ActorKind, NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { fail, type Result, succeed } from "@/lib/core/result";
import { isRecentLogin } from "@/lib/core/sessions/sessions";
import { type Queries, statement, type Transaction } from "@/lib/db/database";

/**
 * An administrator in one session. `verifiedAt` is when a code was last verified in that session: at the login, or when the
 * console was opened. Only `asAdministrator` and `getConsoleAccess` return one.
 */
export type Administrator = { kind: "administrator"; userId: number; verifiedAt: Date } & z.$brand<"Administrator">;

/** A backend that sent an API key: see lib/core/keys/api-keys.ts. */
export interface ApiKeyActor {
  kind: "api_key";
  keyId: number;
  /**
   * Stores the answer to the request under its `Idempotency-Key`, in the transaction of the deed: see lib/core/keys/idempotency.ts.
   */
  settle?: (tx: Transaction, value: unknown) => Promise<void>;
}

/** The operator at the machine. */
export const COMMAND_LINE = { kind: "command_line" } as const;

/** Who does an act of administration: an administrator in the console, a backend with an API key, or the operator at the machine. */
export type Actor = Administrator | ApiKeyActor | typeof COMMAND_LINE;

/**
 * Why an actor may not act now.
 * - `login_too_old`: the administrator's last code was verified longer than `RECENT_LOGIN_MS` ago, so that a stranger at an unattended
 *   browser can't make changes; or the administrator was blocked or deleted since the request began.
 * - `key_revoked`: the API key was revoked or has ended since the request began.
 */
export type ActorFailure<Who extends Actor = Actor> = Who extends Administrator
  ? { name: "login_too_old" }
  : Who extends ApiKeyActor
    ? { name: "key_revoked" }
    : never;

const FIND_UNBLOCKED = statement({
  params: { userId: "integer" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "User" WHERE "id" = :userId AND "blockedAt" IS NULL`,
});

const findValidKey = (lock: string) => `
  SELECT "id" FROM "ApiKey"
  WHERE "id" = :keyId AND "revokedAt" IS NULL AND ("endsAt" IS NULL OR "endsAt" > :now) ${lock}`;
/** The lock is shared: deeds of one key run in parallel, and a revocation waits until they are committed. */
const LOCK_VALID_KEY = statement({
  params: { keyId: "integer", now: "time" },
  row: { id: "integer" },
  sql: { sqlite: findValidKey(""), postgresql: findValidKey("FOR SHARE") },
});

/**
 * Returns whether the administrator's account was neither blocked nor deleted. That stays so until the end of a transaction that has
 * locked the account.
 */
export async function mayStillAct(db: Queries, { userId }: Administrator): Promise<boolean> {
  return (await db.get(FIND_UNBLOCKED, { userId })) !== undefined;
}

/** Returns whether the administrator verified a code so recently that changes are allowed. */
export function mayChange({ verifiedAt }: Administrator, now: Date): boolean {
  return isRecentLogin({ createdAt: verifiedAt }, now);
}

/** Locks the administrator's account, and returns whether the administrator may still act. */
export async function lockAdministrator(tx: Transaction, administrator: Administrator): Promise<boolean> {
  return (await lockAccount(tx, administrator.userId)) && mayStillAct(tx, administrator);
}

/**
 * Locks the actor, so that it can't be blocked or revoked before the commit, and checks that it may act now. All transactions lock
 * accounts before keys. Fails with an `ActorFailure`.
 */
export async function lockActor<Who extends Actor>(
  tx: Transaction,
  actor: Who,
  now: Date,
): Promise<Result<null, ActorFailure<Who>>> {
  const failure = await findFailure(tx, actor, now);
  return failure ? fail(failure as ActorFailure<Who>) : succeed(null);
}

async function findFailure(tx: Transaction, actor: Actor, now: Date): Promise<ActorFailure | null> {
  switch (actor.kind) {
    case "administrator":
      return mayChange(actor, now) && (await lockAdministrator(tx, actor)) ? null : { name: "login_too_old" };
    case "api_key":
      return (await tx.get(LOCK_VALID_KEY, { keyId: actor.keyId, now })) ? null : { name: "key_revoked" };
    case "command_line":
      return null;
  }
}

/**
 * As `lockActor`, for a change of an account. Locks the account and an administrator's own in the order of their ids, so that two
 * administrators can't block or delete each other at the same time. Returns an `ActorFailure`, `account_unknown` if there is no
 * account to change, otherwise null.
 */
export async function lockForChange<Who extends Actor>(
  tx: Transaction,
  actor: Who,
  userId: number,
  now: Date,
): Promise<ActorFailure<Who> | { name: "account_unknown" } | null> {
  const isThere = new Map<number, boolean>();
  const own = accountOfActor(actor);
  for (const id of own === null ? [userId] : [userId, own].sort((one, other) => one - other)) {
    isThere.set(id, await lockAccount(tx, id));
  }
  const locked = await lockActor(tx, actor, now);
  if (!locked.ok) return locked.failure;
  return isThere.get(userId) ? null : { name: "account_unknown" };
}

/** Returns the id of the administrator's account; null for other actors. */
export function accountOfActor(actor: Actor): number | null {
  return actor.kind === "administrator" ? actor.userId : null;
}

/** Returns who acts, for `recordEvent`. The `actorId` of a key is the key's id. */
export function auditOf(actor: Actor): { actorKind: ActorKind; actorId: number } {
  switch (actor.kind) {
    case "administrator":
      return { actorKind: "administrator", actorId: actor.userId };
    case "api_key":
      return { actorKind: "api_key", actorId: actor.keyId };
    case "command_line":
      return { actorKind: "command_line", actorId: NO_ACCOUNT_ID };
  }
}

/**
 * Stores the reply to the request in the deed's transaction, if the actor is an API key and the request has an `Idempotency-Key`. The
 * reply is made only of `value`. This is the last step of each deed that a key may do by POST. Returns `value`.
 */
export async function settle<Value>(tx: Transaction, actor: Actor, value: Value): Promise<Result<Value, never>> {
  if (actor.kind === "api_key") await actor.settle?.(tx, value);
  return succeed(value);
}
