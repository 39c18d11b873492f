import { consumeCodes, getCodes, requestCodes, verifyCodes } from "@/lib/core/challenges/code-pairs";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { type ChallengeKey, Holder, type TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED, type RequestCodeFailure, type SendingOptions } from "@/lib/core/challenges/request-code";
import type { VerifyCodeFailure } from "@/lib/core/challenges/verify-code";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Session } from "@/lib/core/sessions/sessions";
import { AccountGone, getProfile } from "./accounts";
import { applyNow, isWaiting, type ShownChange } from "./delayed-changes";

type Own = Pick<Session, "id" | "userId">;

/** The codes that apply a waiting change now: one to each of the account's factors. */
type ApplyNowCodes = Record<"phone" | "email", ChallengeKey>;

/** Where the codes go, or null where the account has not both factors, or no mail can be sent. */
export async function applyNowCodes({ id, userId }: Own): Promise<ApplyNowCodes | null> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  const { phone, email } = account;
  if (!phone || !email || !IS_MAIL_OFFERED) return null;
  const asked = { purpose: "apply_now", holder: Holder.parse(id) } as const;
  return {
    phone: { recipient: phoneRecipient(phone), ...asked },
    email: { recipient: emailRecipient(email), ...asked },
  };
}

/** Sends a code to each of the account's factors. Fails with `factor_missing` where it has not both. */
export async function requestApplyNowCodes(
  session: Own,
  requester: Requester,
  options: SendingOptions = {},
): Promise<Result<null, RequestCodeFailure | { name: "factor_missing" }>> {
  const codes = await applyNowCodes(session);
  return codes ? requestCodes([codes.phone, codes.email], requester, options) : fail({ name: "factor_missing" });
}

/** How things stand with the codes, and how many milliseconds until new ones may be asked for. */
export function getApplyNowCodes(
  codes: ApplyNowCodes,
  requester: Requester,
  now = new Date(),
): Promise<{ statuses: Record<keyof ApplyNowCodes, CodeStatus | null>; resendInMs: number }> {
  return getCodes(codes, requester, now);
}

export type ApplyNowFailure =
  | { name: "factor_missing" | "session_over" | "change_gone" }
  | { name: "code_refused"; refused: Record<keyof ApplyNowCodes, VerifyCodeFailure | null> };

/**
 * Applies a waiting change now, by the codes to both factors of the account: the very change that the page has shown. Fails with
 * `factor_missing` where the account has not both factors; with `change_gone`, and costs no try, where that change waits no longer;
 * with `code_refused`, which says what is wrong with which code; and as `applyNow` does.
 */
export async function applyNowByCodes(
  session: Own,
  shown: ShownChange,
  typed: Record<keyof ApplyNowCodes, TypedCode>,
  requester: Requester,
  now = new Date(),
): Promise<Result<null, ApplyNowFailure>> {
  const codes = await applyNowCodes(session);
  if (!codes) return fail({ name: "factor_missing" });
  // Before the codes cost a try; `applyNow` looks again.
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
