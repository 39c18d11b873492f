import { cookies, headers } from "next/headers";
import { hasLocale } from "next-intl";
import { getRequestConfig } from "next-intl/server";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };

const MESSAGES = { ru, en };

export type Locale = keyof typeof MESSAGES;
const LOCALES = Object.keys(MESSAGES) as Locale[];
export const LOCALE_COOKIE = "sarafan-locale";

export function isLocale(text: string | undefined): text is Locale {
  return hasLocale(LOCALES, text);
}

/**
 * The language of ours that an `Accept-Language` header likes best (RFC 9110 §12.5.4). Russian when it names none at
 * all, as link previews do; English when it names only others.
 */
function preferredLocale(acceptLanguage: string | null): Locale {
  if (!acceptLanguage || acceptLanguage === "*") return "ru";
  const wished = acceptLanguage
    .split(",")
    .map((part) => {
      const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
      const weight = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("q="));
      return { language: tag.split("-")[0], weight: weight ? Number(weight.slice(2)) : 1 };
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight);
  return wished.map(({ language }) => language).find(isLocale) ?? "en";
}

export default getRequestConfig(async () => {
  const chosen = (await cookies()).get(LOCALE_COOKIE)?.value;
  const locale = isLocale(chosen) ? chosen : preferredLocale((await headers()).get("accept-language"));
  return { locale, messages: MESSAGES[locale] };
});

declare module "next-intl" {
  interface AppConfig {
    Locale: Locale;
    Messages: typeof ru;
  }
}
