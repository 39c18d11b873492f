import type { Route } from "next";
import { z } from "zod";
import { InviteCode } from "@/lib/core/invites/invite-code";

const PAGES = ["/account", "/account/phone", "/account/email", "/account/history", "/account/delete"] as const;

/**
 * A page of ours that a login leads to, as the login's address names it (`?next=/account`). An address is written by the site
 * that links to it, so it is one of these pages or an invitation, letter for letter, and nothing that a browser could read as
 * an address elsewhere.
 */
export const WantedPage = z.union([
  z.enum(PAGES),
  z
    .templateLiteral(["/i/", z.string()])
    .refine((path) => InviteCode.safeParse(path.slice("/i/".length)).data === path.slice("/i/".length)),
]);
export type WantedPage = z.output<typeof WantedPage>;

/** Where a login leads: an account that came by an invitation is asked about it first. */
export function pageAfter({
  invite,
  wanted,
}: {
  invite: { code: InviteCode } | null;
  wanted: WantedPage | null;
}): Route {
  const page = wanted ?? "/profile";
  return (invite ? `/i/${invite.code}` : page) as Route;
}

/** The login, and where it leads: to the wanted page, or to the profile for null. */
export function loginPage(wanted: WantedPage | null): Route {
  return wanted === null ? "/login" : `/login?next=${encodeURIComponent(wanted)}`;
}
