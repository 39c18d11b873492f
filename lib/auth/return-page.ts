import type { Route } from "next";
import { z } from "zod";
import { InviteCode } from "@/lib/core/invites/invite-code";
import type { PendingLogin } from "./pending-login";

const RETURN_PAGES = ["/account", "/account/phone", "/account/email", "/account/history", "/account/delete"] as const;

/**
 * The page that a login returns to, as the address of the login names it (`/login?next=/account`). Any site can link to the
 * login with a `next` of its choice, so only `RETURN_PAGES` and invitations are accepted, spelt exactly: no text that a browser
 * could read as the address of another site (open redirect).
 */
export const ReturnPage = z.union([
  z.enum(RETURN_PAGES),
  z
    .templateLiteral(["/i/", z.string()])
    .refine((path) => InviteCode.safeParse(path.slice("/i/".length)).data === path.slice("/i/".length)),
]);
export type ReturnPage = z.output<typeof ReturnPage>;

/** The page to show after a login: the accepted invitation if there is one, else `wanted`, else the profile. */
export function pageAfterLogin({ invite, wanted }: Pick<PendingLogin, "invite" | "wanted">): Route {
  const page = wanted ?? "/profile";
  return (invite ? `/i/${invite.code}` : page) as Route;
}

/** The address of the login page. After the login it returns to `returnPage`, or to the profile for null. */
export function loginPage(returnPage: ReturnPage | null): Route {
  return returnPage === null ? "/login" : `/login?next=${encodeURIComponent(returnPage)}`;
}
