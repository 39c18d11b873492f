"use server";

import { RedirectType, redirect } from "next/navigation";
import { requireSession } from "@/lib/auth/required-session";
import { confirmSession, endOtherSession, endOtherSessions, SessionId } from "@/lib/core/session-list";

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

/** Takes the word of whoever is logged in here that a new device is theirs. */
export async function confirmDevice(form: FormData): Promise<void> {
  const session = await requireSession("/account");
  const other = SessionId.safeParse(form.get("session"));
  const isConfirmed = other.success && (await confirmSession(session, other.data));
  redirect(isConfirmed ? "/account?done=confirmed" : "/account", RedirectType.replace);
}
