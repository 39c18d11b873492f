import { consumeCodes, getCodeStatuses, requestCodes, verifyCodes } from "@/lib/core/challenges/code-pairs";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import type { ChallengeKey, Holder, TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED, type RequestCodeFailure, type SendingOptions } from "@/lib/core/challenges/request-code";
import { isServedPhone } from "@/lib/core/challenges/served-countries";
import type { VerifyCodeFailure } from "@/lib/core/challenges/verify-code";
import { isSameRecipient, type Recipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import { mustDelayChange, type SessionRef } from "@/lib/core/sessions/sessions";
import { type Writer, write } from "@/lib/db/database";
import { type Account, getOwnProfile, lockAccount, provenFactor } from "./accounts";
import { delayChange, dropChanges } from "./delayed-changes";
import { type ChangedIdentity, isIdentityTaken, replaceIdentity } from "./replace-identity";
import { retryOnUnique } from "./retry-on-unique";

/** A requested change of an account's phone or mailbox. `next` replaces the present one of its kind, if there is one. */
export interface IdentityChange {
  next: Recipient;
  /** A random name of this change, under which its two challenges are stored. A code of one change is not valid for another change. */
  holder: Holder;
}

/** The challenges of a change: `old` for a present factor, and `new` for the new phone or mailbox. */
type ChangeCodes = Record<"old" | "new", ChallengeKey>;

function challengeKeysOf(account: Account, { next, holder }: IdentityChange): ChangeCodes {
  const old = provenFactor(account, next.kind);
  return {
    old: { recipient: old, purpose: "identity_change", holder },
    new: { recipient: next, purpose: "identity_proof", holder },
  };
}

/**
 * Sends a code to the present factor and, when a channel has accepted that code, one to the new phone or mailbox. The result
 * does not say whether the new phone or mailbox belongs to another account. A live code that can't be replaced yet is kept
 * instead.
 *
 * Fails with `account_test` if the account is a test number's, which keeps its phone and gets no mailbox, because it is deleted when the
 * number ends. Fails with `identity_same` if the account has this phone or mailbox already, with `mail_unavailable` if a code would be a
 * mail and no mail can be sent, or as `requestCode` does. Throws `AccountGone`.
 */
export async function requestChangeCodes(
  session: SessionRef,
  change: IdentityChange,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestCodeFailure | { name: "account_test" | "identity_same" | "mail_unavailable" }>> {
  const account = await getOwnProfile(session);
  if (account.isTest) return fail({ name: "account_test" });
  if (isSameRecipient(change.next, provenFactor(account, change.next.kind))) return fail({ name: "identity_same" });
  const codes = challengeKeysOf(account, change);
  const keys = [codes.old, codes.new];
  if (!IS_MAIL_OFFERED && keys.some(({ recipient }) => recipient.kind === "email"))
    return fail({ name: "mail_unavailable" });
  // The new phone is checked before either code is sent, because the code to the present factor is useless without the other.
  if (change.next.kind === "phone" && !isServedPhone(change.next.address)) return fail({ name: "country_not_allowed" });
  return requestCodes(keys, requester, options);
}

/**
 * Returns the present factor that gets a code, the status of both codes (null if never sent), and in how many milliseconds new
 * codes can be requested. Throws `AccountGone`.
 */
export async function getChangeCodeStatuses(
  session: SessionRef,
  change: IdentityChange,
  requester: Requester,
  now = new Date(),
): Promise<{ old: Recipient; statuses: Record<keyof ChangeCodes, CodeStatus | null>; resendInMs: number }> {
  const codes = challengeKeysOf(await getOwnProfile(session), change);
  return { old: codes.old.recipient, ...(await getCodeStatuses(codes, requester, now)) };
}

/** The failures of `changeIdentity`. */
export type ChangeIdentityFailure =
  | { name: "identity_taken" | "session_over" | "change_waiting" }
  | { name: "code_refused"; old: VerifyCodeFailure | null; new: VerifyCodeFailure | null };

/** A change that was made (`dueAt` is null), or one that takes effect at `dueAt`. */
export type IdentityChanged = { dueAt: null; changed: ChangedIdentity } | { dueAt: Date };

/**
 * Changes the account's phone or mailbox after both codes are verified, and ends its other sessions. If an unconfirmed session
 * requests the change and the account has a trusted device, the change takes effect `CHANGE_DELAY_MS` later. If the phone is
 * changed, this session counts as opened by a code to the new phone.
 *
 * Failures:
 * - `code_refused`: at least one code is not right. `old` and `new` are the failures of the two codes, null for a right one.
 * - `identity_taken`: the phone or mailbox is a factor of another account, or the phone a test number. Returned only after right codes.
 * - `change_waiting`: another session requested a change of this kind, which is waiting. Only a trusted device can cancel it.
 * - `session_over`: the session has ended.
 *
 * Throws `AccountGone`.
 */
export async function changeIdentity(
  session: SessionRef,
  change: IdentityChange,
  typed: { old: TypedCode; new: TypedCode },
  requester: Requester,
  now = new Date(),
): Promise<Result<IdentityChanged, ChangeIdentityFailure>> {
  const account = await getOwnProfile(session);
  const checked = await verifyCodes(challengeKeysOf(account, change), typed, requester, now);
  if (!checked.ok) return fail({ name: "code_refused", ...checked.failure.refused });
  const verified = checked.value;
  const { next } = change;
  const changeOrDelay = async (tx: Writer): Promise<Result<IdentityChanged, ChangeIdentityFailure>> => {
    // Another request may have changed the account since the codes were verified. The lock also keeps the old factor from opening
    // a session until this transaction ends.
    if (!(await consumeCodes(tx, verified, now)) || !(await lockAccount(tx, account.id, verified.old.key.recipient))) {
      const gone = { name: "code_expired" } as const;
      return fail({ name: "code_refused", old: gone, new: gone });
    }
    const isDelayed = await mustDelayChange(tx, session, now);
    if (isDelayed === null) return fail({ name: "session_over" });
    if (isDelayed) {
      if (await isIdentityTaken(tx, next)) {
        return fail({ name: "identity_taken" });
      }
      const delayed = await delayChange(tx, session, { action: next.kind, next }, now);
      return delayed.ok ? succeed({ dueAt: delayed.value }) : delayed;
    }
    const changed = await replaceIdentity(tx, {
      account,
      next,
      since: verified.new.sentAt,
      sessionId: session.id,
      now,
    });
    if (!changed) return fail({ name: "identity_taken" });
    await dropChanges(tx, account.id, now);
    return succeed({ dueAt: null, changed });
  };
  return retryOnUnique(() => write(changeOrDelay));
}
