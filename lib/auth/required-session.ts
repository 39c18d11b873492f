import { redirect } from "next/navigation";
import { cache } from "react";
import { getProfile, type Profile } from "@/lib/core/accounts/accounts";
import type { Session } from "@/lib/core/sessions/sessions";
import { currentSession } from "./nextauth";
import { loginPage, type WantedPage } from "./wanted-page";

/** Returns the session of this request. Without one, redirects to the login, which returns to `wanted`, or to the profile for null. */
export async function requireSession(wanted: WantedPage | null): Promise<Session> {
  return (await currentSession()) ?? redirect(loginPage(wanted));
}

/**
 * Returns the session and its account, read once for all parts of a page. Redirects to the login as `requireSession` does, also if
 * the account was deleted.
 */
export const requireAccount = cache(
  async (wanted: WantedPage | null): Promise<{ session: Session; account: Profile }> => {
    const session = await requireSession(wanted);
    const account = (await getProfile(session.userId)) ?? redirect(loginPage(wanted));
    return { session, account };
  },
);
