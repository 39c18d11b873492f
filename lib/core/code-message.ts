import { createTranslator } from "use-intl/core";
import { env } from "@/lib/env";
import type { CodeMessage } from "@/lib/senders/sender";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };
import { composeHtml } from "./message-html";
import { type CodeOwner, isPhone, type OneTimeCode, type Purpose } from "./one-time-code";
import { CODE_TTL_MS } from "./policy";

/** A language that we write to people in. */
export type Language = "ru" | "en";

// Kept, because a translator parses each message once.
const translatorOf = (locale: Language, messages: typeof ru) =>
  createTranslator({ locale, messages, namespace: "codeMessage" });
const TRANSLATORS = { ru: translatorOf("ru", ru), en: translatorOf("en", en) };

/** What only somebody who is logged in can have asked for: if it wasn't the person, somebody else is. */
const IN_ACCOUNT: readonly Purpose[] = ["identity_change", "deletion"];

const MINUTE_MS = 60_000;

/** What a person reads when a code reaches them, as text and as HTML: what it is for before anything else. */
export function composeCodeMessage(
  { recipient, purpose }: Pick<CodeOwner, "recipient" | "purpose">,
  code: OneTimeCode,
  language: Language,
): CodeMessage {
  const t = TRANSLATORS[language];
  const [subject, lead, validity, warning] = [
    t(`${purpose}.subject`, { code }),
    t(`${purpose}.lead`, { kind: isPhone(recipient) ? "phone" : "email" }),
    t("validity", { minutes: Math.ceil(CODE_TTL_MS / MINUTE_MS) }),
    IN_ACCOUNT.includes(purpose) ? t("warningInAccount", { url: `${env.APP_URL}/account` }) : t("warning"),
  ];
  // Only sentences of ours and digits come in here, so there is nothing to escape.
  const html = composeHtml(
    { language, subject },
    `<p style="margin:0 0 8px">${lead}</p>
<p style="margin:0 0 16px;font-size:40px;font-weight:800;letter-spacing:0.12em">${code}</p>
<p style="margin:0 0 8px">${validity}</p>
<p style="margin:0">${warning}</p>`,
  );
  return { to: recipient, code, subject, text: `${lead}\n\n${code}\n\n${validity}\n${warning}\n`, html };
}
