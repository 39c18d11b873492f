import { cookies, headers } from "next/headers";
import { hasLocale } from "next-intl";
import { getRequestConfig } from "next-intl/server";
import { cookieName } from "@/lib/auth/cookies";
import { preferredLanguage } from "@/lib/http/accept-language";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };

const MESSAGES_BY_LOCALE = { ru, en };

export type Locale = keyof typeof MESSAGES_BY_LOCALE;
const LOCALES = ["ru", "en"] as const;
export const LOCALE_COOKIE = cookieName("sarafan-locale");

export function isLocale(text: string | undefined): text is Locale {
  return hasLocale(LOCALES, text);
}

export default getRequestConfig(async () => {
  const chosen = (await cookies()).get(LOCALE_COOKIE)?.value;
  const locale = isLocale(chosen) ? chosen : preferredLanguage((await headers()).get("accept-language"), LOCALES);
  return { locale, messages: MESSAGES_BY_LOCALE[locale] };
});

declare module "next-intl" {
  interface AppConfig {
    Locale: Locale;
    Messages: typeof ru;
  }
}
