import { composeHtml, TRANSLATOR_BY_LANGUAGE } from "@/lib/core/message-html";
import { CODE_TTL_MS } from "@/lib/core/policy";
import { env } from "@/lib/env";
import type { CodeMessage } from "@/lib/senders/sender";
import type { ChallengeKey, OneTimeCode, Purpose } from "./one-time-code";

/** The languages of messages, mails and pages. */
export const LANGUAGES = ["ru", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/**
 * Purposes of the codes that only a signed-in session can request, for the account's own phone or mailbox. Their message warns:
 * if the recipient did not request the code, a stranger is signed in to the recipient's account.
 */
const SIGNED_IN_PURPOSES: readonly Purpose[] = ["identity_change", "deletion", "apply_now", "console"];

const MINUTE_MS = 60_000;

/**
 * Returns the message with a code in `language`: to a mailbox with a subject, as text and as HTML, to a phone as a text that fits
 * into one SMS.
 */
export function composeCodeMessage(
  { recipient, purpose }: Pick<ChallengeKey, "recipient" | "purpose">,
  code: OneTimeCode,
  language: Language,
  appUrl = env.APP_URL,
): CodeMessage {
  const to = recipient.address;
  if (recipient.kind === "phone") {
    return { to, code, subject: "", text: composeSms(purpose, code, language, appUrl), html: "" };
  }
  const t = TRANSLATOR_BY_LANGUAGE[language];
  const [subject, lead, validity, warning] = [
    t(`codeMessage.${purpose}.subject`, { code }),
    t(`codeMessage.${purpose}.lead`, { kind: recipient.kind }),
    t("codeMessage.validity", { minutes: Math.ceil(CODE_TTL_MS / MINUTE_MS) }),
    SIGNED_IN_PURPOSES.includes(purpose)
      ? t("codeMessage.warningInAccount", { url: `${appUrl}/account` })
      : t("codeMessage.warning"),
  ];
  // Nothing needs escaping: the parts are sentences from messages/ and digits.
  const html = composeHtml(
    { language, subject },
    `<p style="margin:0 0 8px">${lead}</p>
<p style="margin:0 0 16px;font-size:40px;font-weight:800;letter-spacing:0.12em">${code}</p>
<p style="margin:0 0 8px">${validity}</p>
<p style="margin:0">${warning}</p>`,
  );
  return { to, code, subject, text: `${lead}\n\n${code}\n\n${validity}\n${warning}\n`, html };
}

/** How many characters one SMS has: in UCS-2, which Cyrillic needs, and in the GSM alphabet (3GPP TS 23.038). */
const SMS_LENGTH_BY_LANGUAGE: Record<Language, number> = { ru: 70, en: 160 };

/**
 * Returns the longest wording that fits into one SMS. The code comes early, because a phone's notification shows the beginning.
 * On https the last line binds the code to the host of `appUrl`, so that browsers offer the code on our pages only
 * (wicg.github.io/sms-one-time-codes).
 */
function composeSms(purpose: Purpose, code: OneTimeCode, language: Language, appUrl: string): string {
  const t = TRANSLATOR_BY_LANGUAGE[language];
  const { protocol, hostname } = new URL(appUrl);
  const binding = protocol === "https:" ? `\n@${hostname} #${code}` : "";
  const lead = t(`codeMessage.${purpose}.sms`, { code });
  // Only the wordings up to the one that fits are composed, because composing takes long.
  const wordings = [
    () => `${lead}. ${t("codeMessage.smsWarning")}`,
    () => lead,
    () => t(`codeMessage.${purpose}.smsShort`, { code }),
    () => code,
  ];
  // The line with the host is left out only if not even the code alone fits into the SMS with it. A second SMS would cost as much
  // as the first.
  for (const end of [binding, ""]) {
    for (const words of wordings) {
      const text = `${words()}${end}`;
      if (text.length <= SMS_LENGTH_BY_LANGUAGE[language]) return text;
    }
  }
  return code;
}
