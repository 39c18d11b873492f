import { getLocale } from "next-intl/server";
import { readFormStamp } from "@/lib/auth/form-stamps";

/** Makes the options of a request for codes: the language, and when the form was rendered. A form that is sent twice sends its codes once. */
export async function codeOptions(form: FormData) {
  return { language: await getLocale(), askedAt: (await readFormStamp(form))?.askedAt };
}

/** Whether the page shows the result of a request for codes without an error: the codes were sent, or there is a wait to show. */
export function isShownByPage(sent: { ok: true } | { ok: false; failure: { name: string } }): boolean {
  return sent.ok || sent.failure.name === "resend_too_early" || sent.failure.name === "budget_spent";
}
