import { RedirectType, redirect } from "next/navigation";
import { cache } from "react";
import { type PendingAuthorization, pendingAuthorizationOf } from "@/lib/auth/pending-authorization";
import type { PendingLogin } from "@/lib/auth/pending-login";
import { isContinuePage, pageAfterLogin, type ReturnPage } from "@/lib/auth/return-page";
import type { BroughtInvite } from "@/lib/core/invites/look-up";
import { resumeAuthorization } from "@/lib/core/oauth/authorization-steps";

/** The application that the person logs in to, and its request for authorization, which goes on after the login. */
export interface Application {
  name: string;
  authorization: PendingAuthorization;
}

/**
 * Returns the application whose request the login returns to; null if it returns to another page.
 *
 * Redirects to `returnPage`, which tells what is wrong, if this browser has no such request any more, or the application may not log
 * people in as the request asks. So no code is sent in vain, and no new account is made without the invitation that was in the request.
 */
export const findApplication = cache(async (returnPage: ReturnPage | null): Promise<Application | null> => {
  if (!isContinuePage(returnPage)) return null;
  const authorization = await pendingAuthorizationOf(returnPage);
  const resumed = authorization && (await resumeAuthorization(authorization));
  if (!resumed) return redirect(pageAfterLogin(returnPage, null), RedirectType.replace);
  return { name: resumed.client.name, authorization };
});

/**
 * Returns the invite code that a new account will activate: that of the application's request, else that of the invitation which this
 * browser has accepted. The request's code is not in the pending login, because the tabs of a browser share the pending login.
 */
export function findInvite(pending: PendingLogin | null, application: Application | null): BroughtInvite | null {
  const accepted = pending?.invite && { ...pending.invite, isChecked: true };
  return application?.authorization.invite ?? accepted ?? null;
}
