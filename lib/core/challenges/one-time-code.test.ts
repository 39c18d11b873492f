import fc from "fast-check";
import { _baseTest as test } from "playwright/test";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { type ChallengeKey, Holder, isSealedCode, OneTimeCode, STATELESS, sealCode } from "./one-time-code";

const KEY: ChallengeKey = {
  recipient: phoneRecipient(Phone.parse("+79451234567")),
  purpose: "login",
  holder: Holder.parse("6f1f3a0e-3a52-4c8e-9d2b-0d1c5a7be111"),
};

const anyCode = fc
  .string({ unit: fc.constantFrom(..."0123456789"), minLength: 4, maxLength: 10 })
  .map((digits) => OneTimeCode.parse(digits));

test("a code is right for its own recipient, purpose and holder, and for no others", () => {
  const others: ChallengeKey[] = [
    { ...KEY, recipient: phoneRecipient(Phone.parse("+79451234568")) },
    { ...KEY, purpose: "deletion" },
    { ...KEY, holder: STATELESS },
  ];
  fc.assert(
    fc.property(anyCode, anyCode, (code, typed) => {
      const sealed = sealCode(code, KEY);
      return (
        isSealedCode(sealed, code, KEY) &&
        isSealedCode(sealed, typed, KEY) === (typed === code) &&
        !others.some((other) => isSealedCode(sealed, code, other))
      );
    }),
  );
});

test("the stored values of two codes with the same beginning have different beginnings", () => {
  const lengthOfCommonStart = (one: string, other: string) =>
    [...one].findIndex((character, at) => character !== other[at]);
  fc.assert(
    fc.property(anyCode, fc.nat({ max: 9 }), (code, last) => {
      const near = OneTimeCode.parse(code.slice(0, -1) + last);
      fc.pre(near !== code);
      // Five equal characters of base64url happen by chance in one of 2^30 pairs.
      return lengthOfCommonStart(sealCode(code, KEY), sealCode(near, KEY)) < 5;
    }),
  );
});
