"use server";

import { RedirectType, redirect } from "next/navigation";
import { requireSession } from "@/lib/auth/required-session";
import { cancelDelayedChange, DelayedAction } from "@/lib/core/accounts/delayed-changes";
import { confirmSignIn, endOtherSession, endOtherSessions, SessionId } from "@/lib/core/sessions/session-list";

/** Ends another session of this account. Whatever else the form names is none, and that is no error. */
export async function endDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  if (other.success) await endOtherSession(session, other.data);
  redirect("/account?done=ended", RedirectType.replace);
}

/** Ends all sessions of this account but this one. */
export async function endOtherDevices(): Promise<void> {
  const session = await requireSession("/account");
  await endOtherSessions(session);
  redirect("/account?done=endedOthers", RedirectType.replace);
}

/** Takes the word of whoever is logged in here that a new device is not theirs; where its session is open it ends. */
export async function rejectDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  if (other.success) await endOtherSession(session, other.data);
  redirect("/account?done=rejected", RedirectType.replace);
}

/** Cancels what was to take effect later. */
export async function cancelChange(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const action = DelayedAction.safeParse(form.get("action"));
  const isCancelled = action.success && (await cancelDelayedChange(session, action.data));
  redirect(isCancelled ? "/account?done=cancelled" : "/account", RedirectType.replace);
}

/** Takes the word of whoever is logged in here that a new device is theirs. */
export async function confirmDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  const isConfirmed = other.success && (await confirmSignIn(session, other.data));
  redirect(isConfirmed ? "/account?done=confirmed" : "/account", RedirectType.replace);
}
