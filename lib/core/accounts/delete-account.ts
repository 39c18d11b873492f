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
import { isRecentLogin, mustDelayChange, type Session, type SessionRef } from "@/lib/core/sessions/sessions";
import { type Writer, write } from "@/lib/db/database";
import { getOwnProfile, lockAccount, provenFactor } from "./accounts";
import { applyDueChanges, delayChange, deleteNow } from "./delayed-changes";
import { lockForRemoval, type RemovedAccount } from "./remove-account";

/**
 * Returns the key of a deletion's challenge. Its recipient is the phone or, without a proven phone, the mailbox. Throws
 * `AccountGone`.
 */
export async function deletionCode(session: SessionRef): Promise<ChallengeKey> {
  const recipient = provenFactor(await getOwnProfile(session), "phone");
  return { recipient, purpose: "deletion", holder: Holder.parse(session.id) };
}

/**
 * Sends the code that a deletion needs. Fails with `mail_unavailable` if the code would be a mail and no mail can be sent, or
 * as `requestCode` does. Throws `AccountGone`.
 */
export async function requestDeletionCode(
  session: SessionRef,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const key = await deletionCode(session);
  if (key.recipient.kind === "email" && !IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
  return requestCode(key, requester, options);
}

/** A deletion that takes effect at `dueAt`, or one that is done (`dueAt` is null), with the mailbox to notify. */
export type Deletion = { dueAt: Date } | { dueAt: null; email: Email | null };

/** `change_waiting`: another session requested a deletion, which is waiting. Only a trusted device can cancel that deletion. */
type DeletionFailure = { name: "session_over" | "change_waiting" };

/**
 * Deletes the account permanently after the code is verified. If an unconfirmed session requests the deletion and the account
 * has a trusted device, the deletion takes effect `CHANGE_DELAY_MS` later. Fails as `verifyCode` does, and with `session_over`
 * or `change_waiting`. Throws `AccountGone`.
 */
export async function deleteByCode(
  session: SessionRef,
  code: TypedCode,
  requester: Requester,
  now = new Date(),
): Promise<Result<Deletion, VerifyCodeFailure | DeletionFailure>> {
  const verified = await verifyCode(await deletionCode(session), code, requester, now);
  if (!verified.ok) return verified;
  return deleteOrDelay(session, now, async (tx) => {
    await refundAttempt(tx, verified.value);
    return (await consumeChallenge(tx, verified.value, now)) ? succeed(null) : fail({ name: "code_expired" });
  });
}

/**
 * Deletes the account of a browser session without a code, immediately or later as `deleteByCode` does. The browser must have
 * logged in within `RECENT_LOGIN_MS`.
 *
 * Failures:
 * - `cookie_required`: the session is a client application's, whose access tokens other services see as well.
 * - `login_too_old`: the login is older; a stranger at an unattended browser could otherwise delete the account.
 * - `budget_spent`: the session has requested a deletion too often.
 * - `session_over` and `change_waiting`, as in `deleteByCode`.
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

/**
 * Deletes the account immediately or later. The same transaction first calls `allow`, which consumes a code or a charge. If
 * `allow` fails, its failure is returned and nothing is deleted.
 */
async function deleteOrDelay<Failure extends { name: string }>(
  session: SessionRef,
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
      const isDelayed = await mustDelayChange(tx, session, now);
      if (isDelayed === null) return fail({ name: "session_over" });
      if (!isDelayed) return succeed(await deleteNow(tx, session, now));
      const delayed = await delayChange(tx, session, { action: "deletion" }, now);
      return delayed.ok ? succeed({ dueAt: delayed.value }) : delayed;
    },
  );
  if (!decided.ok) return decided;
  if (decided.value === "detached") {
    // `applyDueChanges` completes the deletion and notifies the mailbox.
    await applyDueChanges({ userId }, now);
    return succeed({ dueAt: null, email: null });
  }
  return succeed("dueAt" in decided.value ? decided.value : { dueAt: null, email: decided.value.email });
}
