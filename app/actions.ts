"use server";

import type { Route } from "next";
import { cookies, headers } from "next/headers";
import { RedirectType, redirect } from "next/navigation";
import { COOKIE_OPTIONS } from "@/lib/auth/cookies";
import { env } from "@/lib/env";
import { isLocale, LOCALE_COOKIE } from "@/lib/i18n";

const YEAR_S = 365 * 24 * 60 * 60;

/** Stores the chosen language in a cookie for a year. Without JavaScript, redirects back to the page that the form was on. */
export async function switchLanguage(form: FormData): Promise<void> {
  const locale = form.get("locale")?.toString();
  if (isLocale(locale)) {
    (await cookies()).set(LOCALE_COOKIE, locale, { ...COOKIE_OPTIONS, maxAge: YEAR_S });
  }
  const requestHeaders = await headers();
  // Where JavaScript runs, Next.js renders the page in the new language by itself, and text in fields stays.
  if (requestHeaders.has("next-action")) return;
  const referer = requestHeaders.get("referer") ?? "";
  const { pathname, search } = new URL(URL.canParse(referer) ? referer : env.APP_URL);
  // Only the path is used, without leading slashes: a browser reads "//elsewhere.example" as another site.
  redirect(`/${pathname.replace(/^[/\\]+/, "")}${search}` as Route, RedirectType.replace);
}
