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
import { maySeeCodes } from "./demonstration";
import type { FormStamp } from "./form-stamps";
import { newHolder, type PendingLogin, readPendingLogin, updatePendingLogin } from "./pending-login";
import { currentRequester } from "./requesters";

/**
 * Sends a login code to `phone` and stores the phone in this browser's login cookie.
 *
 * @param stamp the stamp of the form that asked. A form that is sent twice sends one code.
 * @returns when the code expires and can be sent again. `revealed` is the code itself if this request may see codes
 *   (`maySeeCodes`), else null. Fails as `requestCode` does.
 */
export function sendPhoneCode(
  phone: Phone,
  language: Language,
  stamp: FormStamp | null = null,
): Promise<Result<SentCode, RequestCodeFailure>> {
  const options = { language, askedAt: stamp?.askedAt };
  return sendTo({ phone, email: null }, stamp, (holder, requester) =>
    requestCode(phoneLoginCode({ phone, holder }), requester, options),
  );
}

/**
 * Sends a login code to the mailbox `email`. `phone` is the number that the person says is theirs; it is compared with the
 * account's after the right code. Parameters and result as for `sendPhoneCode`; also fails with `mail_unavailable` where
 * no mail server is configured.
 */
export function sendMailCode(
  { phone, email }: { phone: Phone; email: Email },
  language: Language,
  stamp: FormStamp | null = null,
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const options = { language, askedAt: stamp?.askedAt, defer: afterAnswer };
  return sendTo({ phone, email }, stamp, (holder, requester) => requestMailCode({ email, holder }, requester, options));
}

/**
 * Stores `identity` in this browser's login cookie. Returns the pending login as stored. What the cookie held about a
 * different identity is removed. A browser without a holder name gets `holder`.
 */
export async function updatePendingIdentity(identity: Identity, holder?: Holder): Promise<PendingLogin> {
  return updatePendingLogin((kept) => changesFor(identity, kept), holder);
}

type Identity = Pick<PendingLogin, "phone" | "email">;

/** The fields of the pending login to replace: empty if it is about this identity already. */
function changesFor(identity: Identity, kept: PendingLogin): Partial<Omit<PendingLogin, "holder">> {
  const isSame = kept.phone === identity.phone && kept.email === identity.email;
  return isSame ? {} : { ...identity, mismatch: null, revealed: null };
}

async function sendTo<Failure extends { name: string }>(
  identity: Identity,
  stamp: FormStamp | null,
  send: (holder: Holder, requester: Requester) => Promise<Result<SentCode, Failure>>,
): Promise<Result<SentCode, Failure>> {
  const holder = (await readPendingLogin())?.holder ?? stamp?.holder ?? newHolder();
  const sent = await send(holder, await currentRequester());
  const revealed = sent.ok && (await maySeeCodes(await headers())) ? sent.value.revealed : null;
  await updatePendingLogin((kept) => ({ ...changesFor(identity, kept), ...(sent.ok && { revealed }) }), holder);
  return sent.ok ? succeed({ ...sent.value, revealed }) : sent;
}
