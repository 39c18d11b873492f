import { redirect } from "next/navigation";
import { getProfile, type Profile } from "@/lib/core/accounts/accounts";
import type { Session } from "@/lib/core/sessions/sessions";
import { currentSession } from "./nextauth";
import { loginPage, type WantedPage } from "./wanted-page";

/** The session of the requester; without one the login comes first, and leads to `wanted`, or to the profile for null. */
export async function requireSession(wanted: WantedPage | null): Promise<Session> {
  return (await currentSession()) ?? redirect(loginPage(wanted));
}

/** The same with the session's account, which may have been deleted since. */
export async function requireAccount(wanted: WantedPage | null): Promise<{ session: Session; account: Profile }> {
  const session = await requireSession(wanted);
  const account = (await getProfile(session.userId)) ?? redirect(loginPage(wanted));
  return { session, account };
}
