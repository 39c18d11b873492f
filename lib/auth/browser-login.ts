import { headers } from "next/headers";
import { phoneLoginCode, requestMailCode } from "@/lib/core/accounts/sign-in";
import type { Language } from "@/lib/core/challenges/code-message";
import type { Holder } from "@/lib/core/challenges/one-time-code";
import { type RequestCodeFailure, requestCode, type SentCode } from "@/lib/core/challenges/request-code";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import { type Result, succeed } from "@/lib/core/result";
import { afterAnswer } from "./after-answer";
import { currentRequester } from "./current-requester";
import { maySeeCodes } from "./demonstration";
import { type Identity, newPendingLogin, type PendingLogin, withIdentity } from "./pending-login";
import { readPendingLogin, storePendingLogin } from "./pending-login-cookie";

/** What a page has read before it asks for a code. */
interface PageOptions {
  /** The pending login that the page has read from the cookie, so that the cookie is not read again. */
  pending: PendingLogin;
  /** When the form was rendered; undefined for a form without a stamp. */
  askedAt: Date | undefined;
}

/**
 * Sends a login code to `phone` and stores the phone in this browser's login cookie.
 *
 * @param page what the page that asks has read; null for an API. A form that is sent twice sends one code.
 * @returns when the code expires and can be sent again. `revealed` is the code itself if this request may see codes
 *   (`maySeeCodes`), else null. Fails as `requestCode` does.
 */
export function sendPhoneCode(
  phone: Phone,
  language: Language,
  page: PageOptions | null = null,
): Promise<Result<SentCode, RequestCodeFailure>> {
  const options = { language, askedAt: page?.askedAt };
  return sendTo({ phone, email: null }, page, (holder, requester) =>
    requestCode(phoneLoginCode({ phone, holder }), requester, options),
  );
}

/**
 * Sends a login code to the mailbox `email`. `phone` is the phone that the person claims; the sign-in compares it with the
 * account's phone after the right code. Parameters and result as for `sendPhoneCode`; also fails with `mail_unavailable` where
 * no mail server is configured.
 */
export function sendMailCode(
  { phone, email }: { phone: Phone; email: Email },
  language: Language,
  page: PageOptions | null = null,
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const options = { language, askedAt: page?.askedAt, defer: afterAnswer };
  return sendTo({ phone, email }, page, (holder, requester) => requestMailCode({ email, holder }, requester, options));
}

async function sendTo<Failure extends { name: string }>(
  identity: Identity,
  page: PageOptions | null,
  send: (holder: Holder, requester: Requester) => Promise<Result<SentCode, Failure>>,
): Promise<Result<SentCode, Failure>> {
  const pending = page?.pending ?? (await readPendingLogin()) ?? newPendingLogin();
  const sent = await send(pending.holder, await currentRequester());
  const revealed = sent.ok && (await maySeeCodes(await headers())) ? sent.value.revealed : null;
  await storePendingLogin({ ...withIdentity(pending, identity), ...(sent.ok && { revealed }) });
  return sent.ok ? succeed({ ...sent.value, revealed }) : sent;
}
