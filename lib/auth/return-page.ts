import type { Route } from "next";
import { z } from "zod";
import { InviteCode } from "@/lib/core/invites/invite-code";

const CONTINUE_PAGE_PATTERN = /^\/oauth\/continue\/[\w-]{22}$/;

/** The page that goes on with a pending request for authorization, named by its id of 22 characters. */
export type ContinuePage = `/oauth/continue/${string}`;

const RETURN_PAGES = ["/account", "/account/phone", "/account/email", "/account/history", "/account/delete"] as const;

/**
 * The page that a login returns to, as the address of the login names it (`/login?next=/account`). Any site can link to the
 * login with a `next` of its choice, so only `RETURN_PAGES`, invitations and pending requests for authorization are accepted, spelt
 * exactly: no text that a browser could read as the address of another site (open redirect).
 */
export const ReturnPage = z.union([
  z.enum(RETURN_PAGES),
  z.custom<ContinuePage>((page) => isContinuePage(page)),
  z
    .templateLiteral(["/i/", z.string()])
    .refine((path) => InviteCode.safeParse(path.slice("/i/".length)).data === path.slice("/i/".length)),
]);
export type ReturnPage = z.output<typeof ReturnPage>;

/** Whether the page goes on with a pending request for authorization. */
export function isContinuePage(page: unknown): page is ContinuePage {
  return typeof page === "string" && CONTINUE_PAGE_PATTERN.test(page);
}

/**
 * The page to show after a login. It is the application's request for authorization if the login was for one; else the invitation
 * that this browser has accepted, else `returnPage`, else the profile.
 */
export function pageAfterLogin(returnPage: ReturnPage | null, accepted: InviteCode | null): Route {
  const isInvitationNext = accepted !== null && !isContinuePage(returnPage);
  return (isInvitationNext ? `/i/${accepted}` : (returnPage ?? "/profile")) as Route;
}

/** The parameters of the login page, beside `next`. Without `step`, the page finds the step by itself. */
interface LoginQuery {
  step?: "phone" | "code";
  sent?: "no";
  invitation?: "gone";
}

/**
 * The address of the login page. After the login it returns to `returnPage`, or to the profile for null. Each address of a login
 * names that page, because the tabs of one browser share the pending login, and each of them may return to another page.
 */
export function loginPage(returnPage: ReturnPage | null, query: LoginQuery = {}): Route {
  const parameters = new URLSearchParams({ ...query, ...(returnPage && { next: returnPage }) });
  return parameters.size === 0 ? "/login" : `/login?${parameters}`;
}
