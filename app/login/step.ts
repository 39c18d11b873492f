import { cache } from "react";
import type { PendingLogin } from "@/lib/auth/pending-login";
import { readPendingLogin } from "@/lib/auth/pending-login-cookie";
import { currentRequester } from "@/lib/auth/requesters";
import { mailLoginCode, phoneLoginCode } from "@/lib/core/accounts/sign-in";
import { type CodeStatus, getCodeStatus } from "@/lib/core/challenges/code-status";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";

/** What became of the code that was sent before. */
export type CodeProblem = "lost" | "spent" | "expired" | "outgrown";

/** Who wants to log in: by the phone, or by the mailbox where there is one. */
export interface Identity {
  phone: Phone;
  email: Email | null;
}

export type Step =
  | { name: "identity"; pending: PendingLogin | null; problem: CodeProblem | null }
  | { name: "code"; pending: PendingLogin; identity: Identity; status: CodeStatus };

/**
 * Where this browser's login stands: the cookie knows who it is, the database how things are with the code. The address
 * may wish for the beginning again, or insist on the code though it is dead.
 */
export const findStep = cache(async (wanted: string | string[] | undefined): Promise<Step> => {
  const pending = await readPendingLogin();
  if (!pending) return { name: "identity", pending, problem: wanted === "code" ? "lost" : null };
  const { phone, email, holder } = pending;
  if (!phone || wanted === "phone") return { name: "identity", pending, problem: null };
  const owner = email ? mailLoginCode({ email, holder }) : phoneLoginCode({ phone, holder });
  const status = await getCodeStatus(owner, await currentRequester());
  if (!status) return { name: "identity", pending, problem: wanted === "code" ? "lost" : null };
  const { state } = status;
  if (state === "live" || state === "verified" || wanted === "code") {
    return { name: "code", pending, identity: { phone, email }, status };
  }
  return { name: "identity", pending, problem: state === "used" ? null : state };
});

/** Whether the mailbox is asked for: as the address wishes, else as it was begun. */
export function isByMail(pending: PendingLogin | null, by: string | string[] | undefined): boolean {
  return IS_MAIL_OFFERED && (by === "email" || (by === undefined && Boolean(pending?.email)));
}
