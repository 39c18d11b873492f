"use server";

import { RedirectType, redirect } from "next/navigation";
import type { InviteFieldState } from "@/components/invite-field";
import { currentRequester } from "@/lib/auth/current-requester";
import { currentSession } from "@/lib/auth/nextauth";
import { storeInvite } from "@/lib/auth/pending-login-cookie";
import { activateInvite } from "@/lib/core/invites/activation";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite } from "@/lib/core/invites/look-up";
import { readPastedText } from "@/lib/core/pasted-text";

/** Redirects to the invitation of the typed code. Returns an error for text that can't be an invite code. */
export async function openInvitation(state: InviteFieldState, form: FormData): Promise<InviteFieldState> {
  const typed = String(form.get("code") ?? "");
  const code = InviteCode.safeParse(typed);
  if (code.success) return redirect(`/i/${code.data}`);
  const error = readPastedText(typed) ? "invite_code_malformed" : "invite_code_missing";
  return { typed, error, attempt: (state?.attempt ?? 0) + 1 };
}

/**
 * Stores the invitation in the pending login and redirects to the login. A browser that has logged in since, in another tab, is
 * redirected to the invitation instead, which then asks whether to activate it.
 */
export async function acceptInvitation(form: FormData): Promise<void> {
  const code = readCode(form);
  if (await currentSession()) redirect(`/i/${code}`, RedirectType.replace);
  await redirectToLogin(code);
}

/** Activates the invite code for the account of this browser. After a refusal, redirects to the invitation, which shows the reason. */
export async function activateInvitation(form: FormData): Promise<void> {
  const code = readCode(form);
  const session = await currentSession();
  if (!session) return redirectToLogin(code);
  const activated = await activateInvite({ userId: session.userId, code });
  if (!activated.ok) redirect(`/i/${code}`, RedirectType.replace);
  await storeInvite(null);
  redirect("/profile?done=activated", RedirectType.replace);
}

/** Stores the invitation in the pending login and redirects to the login, or back to the invitation if it can't be looked up. */
async function redirectToLogin(code: InviteCode): Promise<void> {
  const invite = await getInvite(code, await currentRequester());
  if (!invite.ok) return redirect(`/i/${code}`, RedirectType.replace);
  await storeInvite({ code });
  redirect("/login");
}

/** Reads the invite code in a form's hidden field. Redirects to the home page if there is none, because the form was tampered with. */
function readCode(form: FormData): InviteCode {
  return InviteCode.safeParse(form.get("code")).data ?? redirect("/");
}
