"use server";

import { RedirectType, redirect } from "next/navigation";
import { getLocale } from "next-intl/server";
import { readFormStamp } from "@/lib/auth/form-stamps";
import { forgetSession } from "@/lib/auth/nextauth";
import { currentRequester } from "@/lib/auth/requesters";
import { requireSession } from "@/lib/auth/required-session";
import { notifyDeletion, notifyRequest } from "@/lib/auth/security-notices";
import { deleteByCode, deletionCode, requestDeletionCode } from "@/lib/core/accounts/delete-account";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import type { CodesFormState } from "../codes-form";
import { readTypedCode } from "../typed-codes";

const PAGE = "/account/delete";

/** Sends the code for the deletion. Too early is no error: the page shows how long is left. */
export async function sendDeletionCode(form: FormData): Promise<void> {
  const session = await requireSession(PAGE);
  const options = { language: await getLocale(), askedAt: (await readFormStamp(form))?.askedAt };
  const sent = await requestDeletionCode(session, await currentRequester(), options);
  const isShown = sent.ok || sent.failure.name === "resend_too_early" || sent.failure.name === "budget_spent";
  redirect(isShown ? PAGE : `${PAGE}?sent=no`, RedirectType.replace);
}

/** Deletes the account, for good, by the code. */
export async function enterDeletionCode(state: CodesFormState, form: FormData): Promise<CodesFormState> {
  const session = await requireSession(PAGE);
  const requester = await currentRequester();
  const liveCode = async () => {
    const status = await getCodeStatus(await deletionCode(session), requester);
    // The page says why it is dead.
    return status?.state === "live" ? status : redirect(PAGE, RedirectType.replace);
  };
  const typed = String(form.get("code") ?? "");
  const attempt = (state?.attempt ?? 0) + 1;
  const { code, error } = readTypedCode(typed, (await liveCode()).digits);
  if (error !== null) return { typed: { code: typed }, errors: { code: error }, attempt };

  const deleted = await deleteByCode(session, code, requester);
  if (deleted.ok) {
    const { dueAt } = deleted.value;
    if (dueAt !== null) {
      notifyRequest(session, { what: "deletion", dueAt, requester });
      return redirect("/account?done=requested", RedirectType.replace);
    }
    notifyDeletion(deleted.value.email);
    await forgetSession();
    return redirect("/account/deleted", RedirectType.replace);
  }
  if (deleted.failure.name === "session_over") return redirect("/login", RedirectType.replace);
  if (deleted.failure.name === "change_waiting") return redirect("/account?done=waiting", RedirectType.replace);
  await liveCode();
  return { typed: { code: "" }, errors: { code: "wrong" }, attempt };
}
