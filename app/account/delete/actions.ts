"use server";

import { RedirectType, redirect } from "next/navigation";
import { currentRequester } from "@/lib/auth/current-requester";
import { forgetSession } from "@/lib/auth/nextauth";
import { requireSession } from "@/lib/auth/required-session";
import { notifyDelayedChange, notifyDeletion } from "@/lib/auth/security-notices";
import { deleteByCode, deletionCode, requestDeletionCode } from "@/lib/core/accounts/delete-account";
import { getCodeStatus } from "@/lib/core/challenges/code-status";
import type { CodeFormState } from "../../code-form";
import { readTypedCodes, refuseTypedCodes } from "../../typed-codes";
import { codeOptions, needsNoError } from "../code-requests";

const DELETION_PAGE = "/account/delete";

/** Sends the code for the deletion. A request that is too early is no error: the page shows the remaining wait. */
export async function sendDeletionCode(form: FormData): Promise<void> {
  const session = await requireSession(DELETION_PAGE);
  const sent = await requestDeletionCode(session, await currentRequester(), await codeOptions(form));
  redirect(needsNoError(sent) ? DELETION_PAGE : `${DELETION_PAGE}?sent=no`, RedirectType.replace);
}

/** Deletes the account if the typed code is right. An unconfirmed session only requests the deletion, which takes effect later. */
export async function enterDeletionCode(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  const session = await requireSession(DELETION_PAGE);
  const requester = await currentRequester();
  const requireLiveCode = async () => {
    const status = await getCodeStatus(await deletionCode(session), requester);
    // The page of the deletion says why the code can't be used any more.
    return status?.state === "live" ? status : redirect(DELETION_PAGE, RedirectType.replace);
  };
  const { codes, again } = readTypedCodes(form, state, { code: await requireLiveCode() });
  if (!codes) return again;

  const deleted = await deleteByCode(session, codes.code, requester);
  if (deleted.ok) {
    const { dueAt } = deleted.value;
    if (dueAt !== null) {
      notifyDelayedChange(session, { what: "deletion", dueAt, requester });
      return redirect("/account?done=requested", RedirectType.replace);
    }
    notifyDeletion(deleted.value.email);
    await forgetSession();
    return redirect("/account/deleted", RedirectType.replace);
  }
  if (deleted.failure.name === "session_over") return redirect("/login", RedirectType.replace);
  if (deleted.failure.name === "change_waiting") return redirect("/account?done=waiting", RedirectType.replace);
  await requireLiveCode();
  return refuseTypedCodes(form, state, { code: deleted.failure });
}
