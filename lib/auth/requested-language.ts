import type { Language } from "@/lib/core/challenges/code-message";
import { PENDING_AUTHORIZATION_TTL_MS } from "@/lib/core/policy";
import { cookieName, setCookie } from "./cookies";

/** The cookie with the language that an application has asked for (`ui_locales`). */
export const REQUESTED_LANGUAGE_COOKIE = cookieName("sarafan-requested-language");

/**
 * Stores the language in which an application wants our pages to be, for as long as a login may take. A language that the person has
 * chosen goes before it. Only for route handlers.
 */
export async function storeRequestedLanguage(language: Language): Promise<void> {
  await setCookie(REQUESTED_LANGUAGE_COOKIE, language, { ttlMs: PENDING_AUTHORIZATION_TTL_MS });
}
