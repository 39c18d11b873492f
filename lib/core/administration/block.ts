import { dropChanges } from "@/lib/core/accounts/delayed-changes";
import { publishEvent } from "@/lib/core/events/publish";
import { fail, type Result, succeed } from "@/lib/core/result";
import { deleteSessions } from "@/lib/core/sessions/delete-sessions";
import type { Actor } from "./actor";
import { type Act, type ActFailure, performAct } from "./acts";

/**
 * Blocks an account: ends its sessions and drops its delayed changes. From then on a right code opens no session, and the
 * account's invite code is unknown. Fails with an `ActFailure`, or with `account_blocked` if it is blocked already.
 */
export function blockAccount<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure<Who> | { name: "account_blocked" }>> {
  return performAct(actor, act, {
    action: "account_blocked",
    perform: async (tx) => {
      const where = { id: act.userId, blockedAt: null };
      if ((await tx.user.updateMany({ where, data: { blockedAt: now } })).count === 0) {
        return fail({ name: "account_blocked" });
      }
      publishEvent(tx, act.userId, { type: "account.blocked", data: {} }, now);
      const count = await deleteSessions(tx, act.userId, {}, { reason: "account_blocked" }, now);
      await dropChanges(tx, act.userId, now);
      return succeed({ count });
    },
    now,
  });
}

/** Lets a blocked account log in again. Fails with an `ActFailure`, or with `account_not_blocked`. */
export function unblockAccount<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure<Who> | { name: "account_not_blocked" }>> {
  return performAct(actor, act, {
    action: "account_unblocked",
    perform: async (tx) => {
      const where = { id: act.userId, NOT: { blockedAt: null } };
      const { count } = await tx.user.updateMany({ where, data: { blockedAt: null } });
      if (count === 0) return fail({ name: "account_not_blocked" });
      publishEvent(tx, act.userId, { type: "account.unblocked", data: {} }, now);
      return succeed({});
    },
    now,
  });
}
