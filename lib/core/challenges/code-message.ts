import { createTranslator } from "use-intl/core";
import { composeHtml } from "@/lib/core/message-html";
import { CODE_TTL_MS } from "@/lib/core/policy";
import { env } from "@/lib/env";
import type { CodeMessage } from "@/lib/senders/sender";
import en from "@/messages/en.json" with { type: "json" };
import ru from "@/messages/ru.json" with { type: "json" };
import type { ChallengeKey, OneTimeCode, Purpose } from "./one-time-code";

/** A language that we write to people in. */
export type Language = "ru" | "en";

// Kept, because a translator parses each message once.
const translatorOf = (locale: Language, messages: typeof ru) =>
  createTranslator({ locale, messages, namespace: "codeMessage" });
const TRANSLATORS = { ru: translatorOf("ru", ru), en: translatorOf("en", en) };

/** What only somebody who is logged in can have asked for: if it wasn't the person, somebody else is. */
const IN_ACCOUNT: readonly Purpose[] = ["identity_change", "deletion", "apply_now"];

const MINUTE_MS = 60_000;

/** What a person reads when a code reaches them, as text and as HTML: what it is for before anything else. */
export function composeCodeMessage(
  { recipient, purpose }: Pick<ChallengeKey, "recipient" | "purpose">,
  code: OneTimeCode,
  language: Language,
  appUrl = env.APP_URL,
): CodeMessage {
  const t = TRANSLATORS[language];
  const [subject, lead, validity, warning] = [
    t(`${purpose}.subject`, { code }),
    t(`${purpose}.lead`, { kind: recipient.kind }),
    t("validity", { minutes: Math.ceil(CODE_TTL_MS / MINUTE_MS) }),
    IN_ACCOUNT.includes(purpose) ? t("warningInAccount", { url: `${appUrl}/account` }) : t("warning"),
  ];
  // Only sentences of ours and digits come in here, so there is nothing to escape.
  const html = composeHtml(
    { language, subject },
    `<p style="margin:0 0 8px">${lead}</p>
<p style="margin:0 0 16px;font-size:40px;font-weight:800;letter-spacing:0.12em">${code}</p>
<p style="margin:0 0 8px">${validity}</p>
<p style="margin:0">${warning}</p>`,
  );
  const text =
    recipient.kind === "phone"
      ? composeSms(purpose, code, language, appUrl)
      : `${lead}\n\n${code}\n\n${validity}\n${warning}\n`;
  return { to: recipient.address, code, subject, text, html };
}

/** What one SMS holds: in UCS-2, which Cyrillic needs, and in the GSM alphabet (3GPP TS 23.038). */
const SMS_LENGTH: Record<Language, number> = { ru: 70, en: 160 };

/**
 * The words of an SMS, as many as one has room for: the code first, because a telephone shows the beginning. On https the
 * last line binds the code to our address, so that a browser offers it there and nowhere else
 * (wicg.github.io/sms-one-time-codes).
 */
function composeSms(purpose: Purpose, code: OneTimeCode, language: Language, appUrl: string): string {
  const t = TRANSLATORS[language];
  const { protocol, hostname } = new URL(appUrl);
  const binding = protocol === "https:" ? `\n@${hostname} #${code}` : "";
  const lead = t(`${purpose}.sms`, { code });
  const wordings = [`${lead}. ${t("smsWarning")}`, lead, t(`${purpose}.smsShort`, { code }), code];
  // A host that leaves no room for the code itself is left out, rather than that a second SMS is paid for.
  const texts = [binding, ""].flatMap((end) => wordings.map((words) => `${words}${end}`));
  return texts.find((text) => text.length <= SMS_LENGTH[language]) ?? code;
}
