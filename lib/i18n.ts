import { cookies, headers } from "next/headers";
import { hasLocale } from "next-intl";
import { getRequestConfig } from "next-intl/server";
import { cookieName } from "@/lib/auth/cookies";
import { REQUESTED_LANGUAGE_COOKIE } from "@/lib/auth/requested-language";
import { LANGUAGES } from "@/lib/core/challenges/code-message";
import { preferredLanguage } from "@/lib/http/accept-language";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };

const MESSAGES_BY_LOCALE = { ru, en };

export type Locale = keyof typeof MESSAGES_BY_LOCALE;
export const LOCALE_COOKIE = cookieName("sarafan-locale");

export function isLocale(text: string | undefined): text is Locale {
  return hasLocale(LANGUAGES, text);
}

export default getRequestConfig(async () => {
  const jar = await cookies();
  // What the person has chosen on our pages goes before what an application asks for, and that before the browser's setting.
  const chosen = [LOCALE_COOKIE, REQUESTED_LANGUAGE_COOKIE].map((name) => jar.get(name)?.value).find(isLocale);
  const locale = chosen ?? preferredLanguage((await headers()).get("accept-language"), LANGUAGES);
  return { locale, messages: MESSAGES_BY_LOCALE[locale] };
});

declare module "next-intl" {
  interface AppConfig {
    Locale: Locale;
    Messages: typeof ru;
  }
}
