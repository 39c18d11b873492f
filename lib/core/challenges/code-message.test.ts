import { expect, _baseTest as test } from "playwright/test";
import type { Email } from "@/lib/core/identity/email";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { freshPhone } from "@/lib/testing/people";
import { composeCodeMessage, type Language } from "./code-message";
import { type OneTimeCode, PURPOSES } from "./one-time-code";

const CODES = ["1234", "123456", "12345678"] as OneTimeCode[];
const recipient = phoneRecipient(freshPhone());

/** The GSM alphabet (3GPP TS 23.038) without its extension, whose characters count twice. */
const GSM = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/;

/** Returns how many segments an SMS takes: one holds 160 septets or 70 UTF-16 units, and each of several 153 or 67. */
function countSegments(text: string): number {
  const [one, each] = GSM.test(text) ? [160, 153] : [70, 67];
  return text.length <= one ? 1 : Math.ceil(text.length / each);
}

for (const language of ["ru", "en"] as Language[]) {
  for (const appUrl of ["http://localhost:3000", "https://sarafan.example", "https://invitations.sarafan.example"]) {
    test(`every message fits into one SMS: ${language}, at ${appUrl}`, () => {
      for (const purpose of PURPOSES) {
        for (const code of CODES) {
          const { text } = composeCodeMessage({ recipient, purpose }, code, language, appUrl);
          expect(countSegments(text), text).toBe(1);
          expect(GSM.test(text), text).toBe(language === "en");
          expect(text.startsWith(code), text).toBe(true);
        }
      }
    });
  }
}

test("on https the last line of an SMS binds the code to our host, and on http there is no such line", () => {
  const compose = (appUrl: string) =>
    composeCodeMessage({ recipient, purpose: "login" }, CODES[0] as OneTimeCode, "en", appUrl).text;
  expect(compose("https://sarafan.example")).toBe(
    "1234 is your code to log in to Sarafan. Don't tell it to anyone.\n@sarafan.example #1234",
  );
  expect(compose("https://sarafan.example:8443").split("\n").at(-1)).toBe("@sarafan.example #1234");
  expect(compose("http://localhost:3000")).not.toContain("@");
});

test("a host that leaves no room in the SMS is left out", () => {
  const appUrl = `https://${"a".repeat(60)}.example`;
  const { text } = composeCodeMessage({ recipient, purpose: "deletion" }, CODES[2] as OneTimeCode, "ru", appUrl);
  expect(countSegments(text)).toBe(1);
  expect(text).toContain("удалить аккаунт");
});

test("a mail with a code has full sentences and no line for browsers", () => {
  const to = { recipient: emailRecipient("anna@example.com" as Email), purpose: "login" as const };
  const { text } = composeCodeMessage(to, CODES[0] as OneTimeCode, "en", "https://sarafan.example");
  expect(text).toContain("It works once");
  expect(text).not.toContain("#1234");
});
