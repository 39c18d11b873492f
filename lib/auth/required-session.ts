import { redirect } from "next/navigation";
import { cache } from "react";
import { getProfile, type Profile } from "@/lib/core/accounts/accounts";
import type { Session } from "@/lib/core/sessions/sessions";
import { currentSession } from "./nextauth";
import { loginPage, type ReturnPage } from "./return-page";

/** Returns the session of this request. Without a session, redirects to the login page, as `loginPage(returnPage)`. */
export async function requireSession(returnPage: ReturnPage | null): Promise<Session> {
  return (await currentSession()) ?? redirect(loginPage(returnPage));
}

/**
 * Returns the session and its account, read once for all parts of a page. Redirects to the login page as `requireSession` does,
 * and also if the account was deleted.
 */
export const requireAccount = cache(
  async (returnPage: ReturnPage | null): Promise<{ session: Session; account: Profile }> => {
    const session = await requireSession(returnPage);
    const account = (await getProfile(session.userId)) ?? redirect(loginPage(returnPage));
    return { session, account };
  },
);
