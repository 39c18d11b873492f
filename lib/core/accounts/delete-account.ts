import { type ChallengeKey, Holder, type TypedCode } from "@/lib/core/challenges/one-time-code";
import {
  IS_MAIL_OFFERED,
  type RequestCodeFailure,
  requestCode,
  type SendingOptions,
  type SentCode,
} from "@/lib/core/challenges/request-code";
import { consumeChallenge, refundAttempt, type VerifyCodeFailure, verifyCode } from "@/lib/core/challenges/verify-code";
import type { Email } from "@/lib/core/identity/email";
import type { Requester } from "@/lib/core/identity/requester";
import { consume, DELETIONS_OF_SESSION, type LimitFailure } from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { hasToWait, isRecentLogin, type Session } from "@/lib/core/sessions/sessions";
import { type Writer, write } from "@/lib/db/database";
import { AccountGone, getProfile, lockAccount, provenFactor } from "./accounts";
import { applyDueChanges, delayChange, deleteNow } from "./delayed-changes";
import { lockForRemoval, type RemovedAccount } from "./remove-account";

type Own = Pick<Session, "id" | "userId">;

/** The code that the deletion of an account waits for: it goes to the phone, or to the mailbox where none is proven. */
export async function deletionCode({ id, userId }: Own): Promise<ChallengeKey> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  const recipient = provenFactor(account, "phone");
  return { recipient, purpose: "deletion", holder: Holder.parse(id) };
}

/** Sends the code that the deletion waits for. Fails with `mail_unavailable` where it would be a mail and none can be sent. */
export async function requestDeletionCode(
  session: Own,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const owner = await deletionCode(session);
  if (owner.recipient.kind === "email" && !IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(owner, requester, options);
}

/** A deletion: when it takes effect where that is later, or else which mailbox is still to be told of it. */
export type Deletion = { dueAt: Date } | { dueAt: null; email: Email | null };

/** `change_waiting`: another session's request to delete the account waits, which only a trusted device may cancel. */
type DeletionFailure = { name: "session_over" | "change_waiting" };

/**
 * Deletes the account, for good, of whoever types the code; `CHANGE_DELAY_MS` later where an unconfirmed session asks for it
 * and the account has a trusted device. Fails as a code does, and with `session_over` and `change_waiting`.
 */
export async function deleteByCode(
  session: Own,
  code: TypedCode,
  requester: Requester,
  now = new Date(),
): Promise<Result<Deletion, VerifyCodeFailure | DeletionFailure>> {
  const right = await verifyCode(await deletionCode(session), code, requester, now);
  if (!right.ok) return right;
  return deleteOrDelay(session, now, async (tx) => {
    await refundAttempt(tx, right.value);
    return (await consumeChallenge(tx, right.value, now)) ? succeed(null) : fail({ name: "code_expired" });
  });
}

/**
 * Deletes the account of a browser that logged in a moment ago (`RECENT_LOGIN_MS`), for good, or later, as `deleteByCode`
 * does. Fails with `login_too_old`, so that a browser that was left open can't; with `cookie_required` for a client
 * application's session, whose access tokens are shown to other services as well; with `budget_spent` where the session has asked
 * too often; and with `session_over` and `change_waiting`.
 */
export async function deleteOwnAccount(
  session: Session,
  now = new Date(),
): Promise<Result<Deletion, { name: "cookie_required" | "login_too_old" } | LimitFailure | DeletionFailure>> {
  if (session.isClient) return fail({ name: "cookie_required" });
  if (!isRecentLogin(session, now)) return fail({ name: "login_too_old" });
  return deleteOrDelay(session, now, async (tx) => {
    const asked = await consume(tx, [{ limit: DELETIONS_OF_SESSION, subject: session.id }], now);
    return asked.ok ? succeed(null) : asked;
  });
}

/** Deletes the account of a session that `allow` lets do so, at once or later: in the transaction that uses its code up. */
async function deleteOrDelay<Failure extends { name: string }>(
  session: Own,
  now: Date,
  allow: (tx: Writer) => Promise<Result<null, Failure>>,
): Promise<Result<Deletion, Failure | DeletionFailure>> {
  const { userId } = session;
  const decided = await write(
    async (tx): Promise<Result<{ dueAt: Date } | RemovedAccount | "detached", Failure | DeletionFailure>> => {
      const allowance = await allow(tx);
      if (!allowance.ok) return allowance;
      await lockForRemoval(tx, userId);
      if (!(await lockAccount(tx, userId))) return fail({ name: "session_over" });
      const isToWait = await hasToWait(tx, session, now);
      if (isToWait === null) return fail({ name: "session_over" });
      if (!isToWait) return succeed(await deleteNow(tx, session, now));
      const delayed = await delayChange(tx, session, { action: "deletion" }, now);
      return delayed.ok ? succeed({ dueAt: delayed.value }) : delayed;
    },
  );
  if (!decided.ok) return decided;
  if (decided.value === "detached") {
    // Whoever removes the rest tells the mailbox.
    await applyDueChanges({ userId }, now);
    return succeed({ dueAt: null, email: null });
  }
  return succeed("dueAt" in decided.value ? decided.value : { dueAt: null, email: decided.value.email });
}
