import { headers } from "next/headers";
import type { Language } from "@/lib/core/code-message";
import type { Email } from "@/lib/core/email";
import { phoneLoginCode, requestMailCode } from "@/lib/core/login";
import type { Asker } from "@/lib/core/one-time-code";
import type { Phone } from "@/lib/core/phone";
import type { Requester } from "@/lib/core/requester";
import { type Result, succeed } from "@/lib/core/result";
import { type RequestCodeFailure, requestCode, type SentCode } from "@/lib/core/sending";
import { afterAnswer } from "./after-answer";
import { maySeeCodes } from "./demonstration";
import type { FormStamp } from "./form-stamps";
import { type PendingLogin, readPendingLogin, updatePendingLogin } from "./pending-login";
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
  return sendTo({ phone, email: null }, stamp, (asker, by) =>
    requestCode(phoneLoginCode({ phone, asker }), by, options),
  );
}

/** The same by mail, for an account that says that this phone is its own. */
export function sendMailCode(
  { phone, email }: { phone: Phone; email: Email },
  language: Language,
  stamp: FormStamp | null = null,
): Promise<Result<SentCode, RequestCodeFailure | { name: "mail_unavailable" }>> {
  const options = { language, askedAt: stamp?.askedAt, defer: afterAnswer };
  return sendTo({ phone, email }, stamp, (asker, by) => requestMailCode({ email, asker }, by, options));
}

/** Notes whom this browser wants to log in, which may be another one than before. */
export async function updatePendingIdentity(
  identity: Pick<PendingLogin, "phone" | "email">,
  asker?: Asker,
): Promise<PendingLogin> {
  const pending = await readPendingLogin();
  const isSame = pending?.phone === identity.phone && pending.email === identity.email;
  return updatePendingLogin(isSame ? {} : { ...identity, mismatch: null, revealed: null }, asker);
}

async function sendTo<Failure extends { name: string }>(
  identity: Pick<PendingLogin, "phone" | "email">,
  stamp: FormStamp | null,
  send: (asker: Asker, by: Requester) => Promise<Result<SentCode, Failure>>,
): Promise<Result<SentCode, Failure>> {
  const { asker } = await updatePendingIdentity(identity, stamp?.asker);
  const sent = await send(asker, await currentRequester());
  if (!sent.ok) return sent;
  const revealed = (await maySeeCodes(await headers())) ? sent.value.revealed : null;
  await updatePendingLogin({ revealed });
  return succeed({ ...sent.value, revealed });
}
