import { consumeCodes, requestCodes, verifyCodes } from "@/lib/core/challenges/code-pairs";
import { type ChallengeKey, Holder, type TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED, type RequestCodeFailure, type SendingOptions } from "@/lib/core/challenges/request-code";
import type { VerifyCodeFailure } from "@/lib/core/challenges/verify-code";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { SessionRef } from "@/lib/core/sessions/sessions";
import { getOwnProfile } from "./accounts";
import { applyNow, isWaiting, type ShownChange } from "./delayed-changes";

/** The challenges whose codes apply a waiting change immediately: one for the account's phone and one for its mailbox. */
type ApplyNowCodes = Record<"phone" | "email", ChallengeKey>;

/** Returns both challenge keys; null without a phone or a mailbox, or if no mail can be sent. Throws `AccountGone`. */
export async function applyNowCodes(session: SessionRef): Promise<ApplyNowCodes | null> {
  const { phone, email } = await getOwnProfile(session);
  if (!phone || !email || !IS_MAIL_OFFERED) return null;
  const asked = { purpose: "apply_now", holder: Holder.parse(session.id) } as const;
  return {
    phone: { recipient: phoneRecipient(phone), ...asked },
    email: { recipient: emailRecipient(email), ...asked },
  };
}

/**
 * Sends a code to the account's phone and one to its mailbox. Fails with `factor_missing` if `applyNowCodes` returns null, and
 * as `requestCode` does. Throws `AccountGone`.
 */
export async function requestApplyNowCodes(
  session: SessionRef,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestCodeFailure | { name: "factor_missing" }>> {
  const codes = await applyNowCodes(session);
  return codes ? requestCodes([codes.phone, codes.email], requester, options) : fail({ name: "factor_missing" });
}

/** The failures of `applyNowByBothCodes`. `refused` has, for each code, its failure, or null if the code was right. */
export type ApplyNowFailure =
  | { name: "factor_missing" | "session_over" | "change_gone" }
  | { name: "code_refused"; refused: Record<keyof ApplyNowCodes, VerifyCodeFailure | null> };

/**
 * Applies a waiting change immediately, after the codes to the account's phone and mailbox are verified. `shown` is the change
 * that the page displayed.
 *
 * Failures:
 * - `factor_missing`: the account lacks a phone or a mailbox, or no mail can be sent.
 * - `change_gone`: that change is not waiting any more. No attempt is used.
 * - `code_refused`: at least one code is not right.
 * - `session_over`: the session or its account has ended.
 */
export async function applyNowByBothCodes(
  session: SessionRef,
  shown: ShownChange,
  typed: Record<keyof ApplyNowCodes, TypedCode>,
  requester: Requester,
  now = new Date(),
): Promise<Result<null, ApplyNowFailure>> {
  const codes = await applyNowCodes(session);
  if (!codes) return fail({ name: "factor_missing" });
  // The change is checked before the codes, so that a change that is gone uses no attempt. `applyNow` checks it again.
  if (!(await isWaiting(session, shown))) return fail({ name: "change_gone" });
  const checked = await verifyCodes(codes, typed, requester, now);
  if (!checked.ok) return checked;
  return applyNow(
    session,
    shown,
    async (tx): Promise<Result<null, ApplyNowFailure>> => {
      if (await consumeCodes(tx, checked.value, now)) return succeed(null);
      const gone = { name: "code_expired" } as const;
      return fail({ name: "code_refused", refused: { phone: gone, email: gone } });
    },
    now,
  );
}
