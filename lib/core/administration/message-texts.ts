import { composeCodeMessage, type Language } from "@/lib/core/challenges/code-message";
import { OneTimeCode, PURPOSES, type Purpose } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { ALARM_DIGITS, CLOSED_NETWORK_DIGITS, CODE_DIGITS, LONGER_CODES, LONGEST_CODE_DIGITS } from "@/lib/core/policy";
import { env } from "@/lib/env";

/** The texts of the messages to phones for one purpose in one language, by the number of digits of their code. */
export interface PurposeTexts {
  language: Language;
  purpose: Purpose;
  texts: readonly { digits: number; text: string }[];
}

/** The lengths that codes have with the settings of this server, the shortest first. */
function codeLengths(): number[] {
  const longer = LONGER_CODES.map(({ digits }) => digits);
  const lengths = new Set([CODE_DIGITS, ...longer, ALARM_DIGITS, CLOSED_NETWORK_DIGITS, LONGEST_CODE_DIGITS]);
  return [...lengths].filter((digits) => digits >= CODE_DIGITS).sort((one, other) => one - other);
}

/**
 * Returns every text that the senders for phones get, with an example of a code: for both languages, all purposes and all lengths
 * of codes. Operators register them with their SMS provider. `appUrl` is the public address, which the last line names.
 */
export function composeMessageTexts(appUrl = env.APP_URL): PurposeTexts[] {
  // A number that belongs to no operator; texts don't contain it.
  const recipient = phoneRecipient(Phone.parse("+79450000001"));
  return (["ru", "en"] as const).flatMap((language) =>
    PURPOSES.map((purpose) => ({
      language,
      purpose,
      texts: codeLengths()
        .filter((digits) => purpose !== "console" || digits >= LONGEST_CODE_DIGITS)
        .map((digits) => {
          const code = OneTimeCode.parse("1234567890".slice(0, digits));
          return { digits, text: composeCodeMessage({ recipient, purpose }, code, language, appUrl).text };
        }),
    })),
  );
}
