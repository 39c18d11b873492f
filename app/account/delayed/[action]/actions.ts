"use server";

import { RedirectType, redirect } from "next/navigation";
import { z } from "zod";
import { currentRequester } from "@/lib/auth/current-requester";
import { forgetSession } from "@/lib/auth/nextauth";
import { requireSession } from "@/lib/auth/required-session";
import { applyNowByBothCodes, applyNowCodes, requestApplyNowCodes } from "@/lib/core/accounts/apply-now";
import { DelayedAction } from "@/lib/core/accounts/delayed-changes";
import { getCodeStatuses } from "@/lib/core/challenges/code-pairs";
import type { CodeFormState } from "../../../code-form";
import { readTypedCodes, refuseTypedCodes } from "../../../typed-codes";
import { codeOptions, needsNoError } from "../../code-requests";

const delayedPage = (action: DelayedAction) => `/account/delayed/${action}` as const;

/** The hidden fields of the form: they name the delayed change that the page showed. Another change may have replaced it since. */
const ShownChange = z.object({ action: DelayedAction, dueAt: z.iso.datetime().transform((text) => new Date(text)) });

const readShownChange = (form: FormData) =>
  ShownChange.safeParse({ action: form.get("action"), dueAt: form.get("dueAt") }).data ??
  redirect("/account", RedirectType.replace);

/** Sends a code to each of the account's factors. A request that is too early is no error: the page shows the remaining wait. */
export async function sendApplyNowCodes(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const { action } = readShownChange(form);
  const sent = await requestApplyNowCodes(session, await currentRequester(), await codeOptions(form));
  redirect(needsNoError(sent) ? delayedPage(action) : `${delayedPage(action)}?problem=not_sent`, RedirectType.replace);
}

/** Applies the delayed change that the page showed, without the wait, if the codes of both factors are right. */
export async function enterApplyNowCodes(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  const session = await requireSession("/account");
  const shown = readShownChange(form);
  const { action } = shown;
  const requester = await currentRequester();
  // The page says why codes can't be used any more, and redirects if no change is waiting any more.
  const requireLiveCodes = async () => {
    const owners = (await applyNowCodes(session)) ?? redirect("/account", RedirectType.replace);
    const { phone, email } = (await getCodeStatuses(owners, requester)).statuses;
    if (phone?.state === "live" && email?.state === "live") return { phone, email };
    return redirect(delayedPage(action), RedirectType.replace);
  };
  const { codes, again } = readTypedCodes(form, state, await requireLiveCodes());
  if (!codes) return again;

  const applied = await applyNowByBothCodes(session, shown, codes, requester);
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
    case "code_refused":
      await requireLiveCodes();
      return refuseTypedCodes(form, state, failure.refused);
  }
}
