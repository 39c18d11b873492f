"use server";

import type { Route } from "next";
import { cookies, headers } from "next/headers";
import { RedirectType, redirect } from "next/navigation";
import { COOKIE_OPTIONS } from "@/lib/auth/cookies";
import { env } from "@/lib/env";
import { isLocale, LOCALE_COOKIE } from "@/lib/i18n";

const YEAR_S = 365 * 24 * 60 * 60;

/** Shows this and every other page in the language that was pressed. */
export async function switchLanguage(form: FormData): Promise<void> {
  const locale = form.get("locale")?.toString();
  if (isLocale(locale)) {
    (await cookies()).set(LOCALE_COOKIE, locale, { ...COOKIE_OPTIONS, maxAge: YEAR_S });
  }
  const requestHeaders = await headers();
  // With a script the cookie alone brings the new words, and what is being typed stays where it is.
  if (requestHeaders.has("next-action")) return;
  const referer = requestHeaders.get("referer") ?? "";
  const { pathname, search } = new URL(URL.canParse(referer) ? referer : env.APP_URL);
  // Only the path of where the person was, and of that no "//elsewhere.example".
  redirect(`/${pathname.replace(/^[/\\]+/, "")}${search}` as Route, RedirectType.replace);
}
