import { publishEvent } from "@/lib/core/events/publish";
import { type MoveActivationFailure, moveActivation, undoActivation } from "@/lib/core/invites/activation";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { fail, type Result } from "@/lib/core/result";
import { type Transaction, transact } from "@/lib/db/database";
import { type Actor, accountOfActor, lockActor, settle } from "./actor";
import { type Act, type ActFailure, findActFailure, findKeyActFailure, recordAct } from "./acts";

/**
 * Moves a person's activation to the invite code of another account, as `moveActivation` does. A null `code` stands for text
 * that can't be an invite code. Fails with an `ActFailure` or a `MoveActivationFailure`.
 */
export async function moveInvitation<Who extends Actor>(
  actor: Who,
  { code, ...act }: Act & { code: InviteCode | null },
  now = new Date(),
): Promise<Result<null, ActFailure<Who> | MoveActivationFailure>> {
  const failure = findActFailure(actor, act.userId, now);
  if (failure) return fail(failure);
  if (code === null) return fail({ name: "invite_unknown" });
  type Moved = Result<null, ActFailure<Who> | MoveActivationFailure>;
  return transact<Moved>(
    async (tx) => {
      const besides = accountOfActor(actor);
      const check = () => checkActor(tx, actor, act, now);
      const moved = await moveActivation(tx, { userId: act.userId, code, besides, check });
      if (!moved.ok) return moved;
      recordAct(tx, actor, act, { action: "invite_moved", details: { inviters: moved.value }, now });
      const { before: inviterIdBefore, after: inviterId } = moved.value;
      publishEvent(
        tx,
        act.userId,
        { type: "invite.moved", data: { inviterIdBefore, inviterId, inviteCode: code } },
        now,
      );
      return settle(tx, actor, null);
    },
    { lock: "invite-graph" },
  );
}

/** Undoes a person's activation, as `undoActivation` does. Fails with an `ActFailure` or with `activation_missing`. */
export async function undoInvitation<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure<Who> | { name: "activation_missing" }>> {
  const failure = findActFailure(actor, act.userId, now);
  if (failure) return fail(failure);
  return transact<Result<null, ActFailure<Who> | { name: "activation_missing" }>>(async (tx) => {
    const besides = accountOfActor(actor);
    const check = () => checkActor(tx, actor, act, now);
    const undone = await undoActivation(tx, { userId: act.userId, besides, check });
    if (!undone.ok) return undone;
    recordAct(tx, actor, act, { action: "invite_reversed", details: { inviters: undone.value }, now });
    const data = { inviterIdBefore: undone.value.before };
    publishEvent(tx, act.userId, { type: "invite.reversed", data }, now);
    return settle(tx, actor, null);
  });
}

/** Locks the actor, and returns why it may not act on the account, whose row is locked; null if it may. */
async function checkActor<Who extends Actor>(tx: Transaction, actor: Who, act: Act, now: Date) {
  const locked = await lockActor(tx, actor, now);
  return locked.ok ? findKeyActFailure(tx, actor, act) : locked.failure;
}
