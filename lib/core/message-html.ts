import { createTranslator } from "use-intl/core";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };
import type { Language } from "./challenges/code-message";

const translatorOf = (locale: Language, messages: typeof ru) => createTranslator({ locale, messages });
/** The translators of messages/. Each is created once, because it parses a message when that message is first used. */
export const TRANSLATOR_BY_LANGUAGE = { ru: translatorOf("ru", ru), en: translatorOf("en", en) };

/** Returns an HTML document that loads nothing from other servers. `body` is HTML; the caller has escaped the other texts. */
export function composeHtml({ language, subject }: { language: string; subject: string }, body: string): string {
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>${subject}</title>
<body style="margin:0;padding:32px 20px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
${body}
</body>
</html>
`;
}
