import { cache } from "react";
import { currentRequester } from "@/lib/auth/current-requester";
import { newPendingLogin, type PendingLogin, withIdentity } from "@/lib/auth/pending-login";
import { readPendingLogin } from "@/lib/auth/pending-login-cookie";
import { mailLoginCode, phoneLoginCode } from "@/lib/core/accounts/sign-in";
import { type CodeStatus, getCodeStatus } from "@/lib/core/challenges/code-status";
import type { ChallengeKey } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";

/** Why the code that was sent before can't be used. */
export type CodeProblem = "lost" | "spent" | "expired" | "outgrown";

/**
 * What a person logs in with: the phone, which gets the code; or, if `email` is set, that mailbox, which gets the code. With a
 * mailbox the person only claims the phone (see `signInByEmail`).
 */
export interface Identity {
  phone: Phone;
  email: Email | null;
}

export type Step =
  | { name: "identity"; pending: PendingLogin | null; problem: CodeProblem | null }
  | { name: "code"; pending: PendingLogin; identity: Identity; status: CodeStatus };

/** Returns the key of the challenge whose code logs in: the one sent to the mailbox if there is a mailbox, else to the phone. */
export function loginCode({ phone, email }: Identity, { holder }: PendingLogin): ChallengeKey {
  return email ? mailLoginCode({ email, holder }) : phoneLoginCode({ phone, holder });
}

/**
 * Finds the step of this browser's login, from its cookie and the state of its code. The address may ask for the first step
 * (`step=phone`), or for the second one even if the code can't be used any more (`step=code`). `loginHint` is the phone that an
 * application names; it replaces the phone of an earlier login.
 */
export const findStep = cache(
  async (stepParam: string | string[] | undefined, loginHint: Phone | null): Promise<Step> => {
    const stored = await readPendingLogin();
    const pending = loginHint ? withIdentity(stored ?? newPendingLogin(), { phone: loginHint, email: null }) : stored;
    if (!pending) return { name: "identity", pending, problem: stepParam === "code" ? "lost" : null };
    const { phone, email } = pending;
    if (!phone || stepParam === "phone") return { name: "identity", pending, problem: null };
    const status = await getCodeStatus(loginCode({ phone, email }, pending), await currentRequester());
    if (!status) return { name: "identity", pending, problem: stepParam === "code" ? "lost" : null };
    const { state } = status;
    if (state === "live" || state === "verified" || stepParam === "code") {
      return { name: "code", pending, identity: { phone, email }, status };
    }
    return { name: "identity", pending, problem: state === "used" ? null : state };
  },
);

/** Whether the login is by mail: as the query's `by` says, else as the pending login began. */
export function isByMail(pending: PendingLogin | null, by: string | string[] | undefined): boolean {
  return IS_MAIL_OFFERED && (by === "email" || (by === undefined && Boolean(pending?.email)));
}
