import { getLocale } from "next-intl/server";
import { readFormStamp } from "@/lib/auth/form-stamps";

/** Makes the options of a request for codes: the page's language, and the form's time, by which a form that is sent twice is recognised. */
export async function codeOptions(form: FormData) {
  return { language: await getLocale(), askedAt: (await readFormStamp(form))?.askedAt };
}

/** Whether a request for codes needs no error message: codes were sent, or the page shows how long to wait before the next request. */
export function needsNoError(sent: { ok: true } | { ok: false; failure: { name: string } }): boolean {
  return sent.ok || sent.failure.name === "resend_too_early" || sent.failure.name === "budget_spent";
}
