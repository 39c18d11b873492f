"use server";

import { RedirectType, redirect } from "next/navigation";
import { currentRequester, recognisedOrNewBrowser, rememberBrowser } from "@/lib/auth/current-requester";
import { beginPendingChange, endPendingChange, readPendingChange } from "@/lib/auth/pending-change";
import { requireSession } from "@/lib/auth/required-session";
import { loginPage } from "@/lib/auth/return-page";
import { notifyChange, notifyDelayedChange } from "@/lib/auth/security-notices";
import { changeIdentity, getChangeCodeStatuses, requestChangeCodes } from "@/lib/core/accounts/change-identity";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { Recipient } from "@/lib/core/identity/recipient";
import { readPastedText } from "@/lib/core/pasted-text";
import type { CodeFormState } from "../../code-form";
import type { RecipientFormState } from "../../recipient-form";
import { readTypedCodes, refuseTypedCodes } from "../../typed-codes";
import { codeOptions, needsNoError } from "../code-requests";
import { Factor } from "./factor";

type FactorError =
  | `${Factor}_${"missing" | "invalid"}`
  | "account_test"
  | "identity_same"
  | "code_not_sent"
  | "budget_spent"
  | "country_not_allowed"
  | "mail_unavailable";
type FactorFormState = RecipientFormState<FactorError>;

const factorPage = (factor: Factor) => `/account/${factor}` as const;

/** The first step of a change: sends one code to the old factor and one to the new factor. */
export async function sendChangeCodes(state: FactorFormState, form: FormData): Promise<FactorFormState> {
  const factor = form.has("phone") ? "phone" : "email";
  const session = await requireSession(factorPage(factor));
  const typed = String(form.get(factor) ?? "");
  const refuse = (error: FactorError, waitMs = 0) => {
    return { typed: { [factor]: typed }, errors: { [factor]: error }, waitMs, attempt: (state?.attempt ?? 0) + 1 };
  };
  const next = Recipient.safeParse({ kind: factor, address: typed });
  if (!next.success) return refuse(readPastedText(typed) ? `${factor}_invalid` : `${factor}_missing`);

  const change = await beginPendingChange(session, next.data);
  const requester = await currentRequester();
  const sent = await requestChangeCodes(session, change, requester, await codeOptions(form));
  if (sent.ok || sent.failure.name === "resend_too_early") return redirect(factorPage(factor), RedirectType.replace);
  const { failure } = sent;
  return refuse(failure.name, failure.name === "budget_spent" ? failure.retryAfterMs : 0);
}

/** Sends new codes to the same two factors. A request that is too early is no error: the page shows the remaining wait. */
export async function resendChangeCodes(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const change = await readPendingChange(session);
  if (!change) return redirect("/account", RedirectType.replace);
  const sent = await requestChangeCodes(session, change, await currentRequester(), await codeOptions(form));
  const page = factorPage(change.next.kind);
  redirect(needsNoError(sent) ? page : `${page}?problem=not_sent`, RedirectType.replace);
}

/** Returns the states of both codes of a change. If one can't be typed any more, redirects to the page that says which one and why. */
async function requireLiveCodes(
  ...asked: Parameters<typeof getChangeCodeStatuses>
): Promise<Record<"old" | "new", CodeStatus>> {
  const { old, new: next } = (await getChangeCodeStatuses(...asked)).statuses;
  if (old?.state === "live" && next?.state === "live") return { old, new: next };
  const page = factorPage(asked[1].next.kind);
  const isOver = !old || !next || old.state === "used";
  return redirect(isOver ? `${page}?problem=lost` : page, RedirectType.replace);
}

/** The second step of a change: changes the phone or mailbox if both typed codes are right. */
export async function enterChangeCodes(state: CodeFormState, form: FormData): Promise<CodeFormState> {
  // The form names its factor, because another tab may have begun a change of the other factor.
  const factor = Factor.safeParse(form.get("factor")).data ?? "phone";
  const page = factorPage(factor);
  const session = await requireSession(page);
  const change = await readPendingChange(session);
  if (!change || change.next.kind !== factor) return redirect(`${page}?problem=lost`, RedirectType.replace);

  const requester = await currentRequester();
  const { codes, again } = readTypedCodes(form, state, await requireLiveCodes(session, change, requester));
  if (!codes) return again;

  const changed = await changeIdentity(session, change, codes, requester);
  if (changed.ok) {
    await endPendingChange();
    const { dueAt } = changed.value;
    if (dueAt !== null) {
      notifyDelayedChange(session, { what: change.next.kind, dueAt, requester });
      return redirect("/account?done=requested", RedirectType.replace);
    }
    await rememberBrowser(recognisedOrNewBrowser(requester), change.next);
    notifyChange(changed.value.changed);
    return redirect(`/account?done=${changed.value.changed.name}`, RedirectType.replace);
  }
  const { failure } = changed;
  switch (failure.name) {
    case "session_over":
      return redirect(loginPage(page), RedirectType.replace);
    case "identity_taken":
      return redirect(`${page}?problem=taken`, RedirectType.replace);
    case "change_waiting":
      await endPendingChange();
      return redirect("/account?done=waiting", RedirectType.replace);
    case "code_refused":
      await requireLiveCodes(session, change, requester);
      return refuseTypedCodes(form, state, { old: failure.old, new: failure.new });
  }
}
