"use server";

import { RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { z } from "zod";
import { readFormStamp } from "@/lib/auth/form-stamps";
import { forgetSession } from "@/lib/auth/nextauth";
import { currentRequester } from "@/lib/auth/requesters";
import { requireSession } from "@/lib/auth/required-session";
import { applyNowByCodes, applyNowCodes, getApplyNowCodes, requestApplyNowCodes } from "@/lib/core/accounts/apply-now";
import { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import type { CodesFormState } from "../../codes-form";
import { readTypedCode } from "../../typed-codes";

const pageOf = (action: DelayedAction) => `/account/delayed/${action}` as const;

/** The very change that the page has shown. */
const ShownForm = z.object({ action: DelayedAction, dueAt: z.iso.datetime().transform((text) => new Date(text)) });

const readShown = (form: FormData) =>
  ShownForm.safeParse({ action: form.get("action"), dueAt: form.get("dueAt") }).data ??
  redirect("/account", RedirectType.replace);

const readAction = (form: FormData) =>
  DelayedAction.safeParse(form.get("action")).data ?? redirect("/account", RedirectType.replace);

/** Sends a code to each of the account's factors. Too early is no error: the page shows how long is left. */
export async function sendApplyNowCodes(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const action = readAction(form);
  const options = { language: await getLocale(), askedAt: (await readFormStamp(form))?.askedAt };
  const sent = await requestApplyNowCodes(session, await currentRequester(), options);
  const isShown = sent.ok || sent.failure.name === "resend_too_early" || sent.failure.name === "budget_spent";
  redirect(isShown ? pageOf(action) : `${pageOf(action)}?problem=not_sent`, RedirectType.replace);
}

/** Applies the change that the page has shown now, by both codes. */
export async function enterApplyNowCodes(state: CodesFormState, form: FormData): Promise<CodesFormState> {
  const session = await requireSession("/account");
  const shown = readShown(form);
  const { action } = shown;
  const requester = await currentRequester();
  // The page says what is wrong with codes that are dead, and leads on where nothing waits any more.
  const liveCodes = async () => {
    const owners = (await applyNowCodes(session)) ?? redirect("/account", RedirectType.replace);
    const { phone, email } = (await getApplyNowCodes(owners, requester)).statuses;
    if (phone?.state === "live" && email?.state === "live") return { phone, email };
    return redirect(pageOf(action), RedirectType.replace);
  };
  const codes = await liveCodes();
  const typed = { phone: String(form.get("phone") ?? ""), email: String(form.get("email") ?? "") };
  const phone = readTypedCode(typed.phone, codes.phone.digits);
  const email = readTypedCode(typed.email, codes.email.digits);
  const attempt = (state?.attempt ?? 0) + 1;
  if (phone.error !== null || email.error !== null) {
    const errors = { ...(phone.error && { phone: phone.error }), ...(email.error && { email: email.error }) };
    return { typed, errors, attempt };
  }

  const applied = await applyNowByCodes(session, shown, { phone: phone.code, email: email.code }, requester);
  if (applied.ok) {
    if (action !== "deletion") return redirect("/account?done=appliedNow", RedirectType.replace);
    await forgetSession();
    return redirect("/account/deleted", RedirectType.replace);
  }
  const { failure } = applied;
  switch (failure.name) {
    case "session_over":
      return redirect("/login", RedirectType.replace);
    case "factor_missing":
      return redirect("/account", RedirectType.replace);
    case "change_gone":
      return redirect("/account?done=gone", RedirectType.replace);
    case "code_refused": {
      const { refused } = failure;
      await liveCodes();
      const wrong = "wrong" as const;
      const errors = { ...(refused.phone && { phone: wrong }), ...(refused.email && { email: wrong }) };
      return {
        typed: { phone: refused.phone ? "" : typed.phone, email: refused.email ? "" : typed.email },
        errors,
        attempt,
      };
    }
  }
}
