"use server";

import { RedirectType, redirect } from "next/navigation";
import { requireSession } from "@/lib/auth/required-session";
import { cancelDelayedChange, DelayedAction } from "@/lib/core/accounts/delayed-changes";
import { withdrawConsent } from "@/lib/core/oauth/consents";
import { confirmSignIn, endOtherSession, endOtherSessions, SessionId } from "@/lib/core/sessions/session-list";

/** Ends the session that the form names. A session of another account, or one that has ended already, is not changed. */
export async function endDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  if (other.success) await endOtherSession(session, other.data);
  redirect("/account?done=ended", RedirectType.replace);
}

/** Ends all sessions of this account except this one. */
export async function endOtherDevices(): Promise<void> {
  const session = await requireSession("/account");
  await endOtherSessions(session);
  redirect("/account?done=endedOthers", RedirectType.replace);
}

/** Records that a new device isn't the account owner's, and ends its session if it is still open. */
export async function rejectDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  if (other.success) await endOtherSession(session, other.data);
  redirect("/account?done=rejected", RedirectType.replace);
}

/** Cancels the delayed change that the form names. Does nothing if this session may not cancel it. */
export async function cancelChange(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const action = DelayedAction.safeParse(form.get("action"));
  const isCancelled = action.success && (await cancelDelayedChange(session, action.data));
  redirect(isCancelled ? "/account?done=cancelled" : "/account", RedirectType.replace);
}

/** Records that a new device is the account owner's, which makes it trusted. Does nothing if this session may not say so. */
export async function confirmDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  const isConfirmed = other.success && (await confirmSignIn(session, other.data));
  redirect(isConfirmed ? "/account?done=confirmed" : "/account", RedirectType.replace);
}

/** Withdraws the consent for the application that the form names. Does nothing if the account has given it none. */
export async function withdrawAccess(form: FormData): Promise<void> {
  const { userId } = await requireSession("/account");
  const clientId = String(form.get("client"));
  const isWithdrawn = await withdrawConsent({ userId, clientId });
  redirect(isWithdrawn ? "/account?done=withdrawn" : "/account", RedirectType.replace);
}
