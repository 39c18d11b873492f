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
 * Sends a code to the phone and notes in this browser's cookie that it wants to log in by it. The code is revealed only
 * to whoever may see it. With `stamp`, that of a form of ours, a second one for the same form is not sent.
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

/** The same by mail, for an account that says that this phone is its own. */
export function sendMailCode(
  { phone, email }: { phone: Phone; email: Email },
  language: Language,
  stamp: FormStamp | null = null,
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const options = { language, askedAt: stamp?.askedAt, defer: afterAnswer };
  return sendTo({ phone, email }, stamp, (holder, requester) => requestMailCode({ email, holder }, requester, options));
}

/** Notes whom this browser wants to log in, which may be another one than before. */
export async function updatePendingIdentity(identity: Identity, holder?: Holder): Promise<PendingLogin> {
  return updatePendingLogin((kept) => changesFor(identity, kept), holder);
}

type Identity = Pick<PendingLogin, "phone" | "email">;

/** What changes in the login under way when a browser names this identity: nothing, or all that was of another one. */
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
