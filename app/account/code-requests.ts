import { getLocale } from "next-intl/server";
import { readFormStamp } from "@/lib/auth/form-stamps";

/** With what options the codes are sent that a form asks for. A form that is sent twice has them sent once. */
export async function codeOptions(form: FormData) {
  return { language: await getLocale(), askedAt: (await readFormStamp(form))?.askedAt };
}

/** Whether the page itself shows what became of a request for codes: they are on their way, or how long the wait is. */
export function isShownByPage(sent: { ok: true } | { ok: false; failure: { name: string } }): boolean {
  return sent.ok || sent.failure.name === "resend_too_early" || sent.failure.name === "budget_spent";
}
