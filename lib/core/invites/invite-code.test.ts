import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { drawInviteCode, InviteCode } from "./invite-code";

const drawn = fc.constant(null).map(() => drawInviteCode());

test("a drawn code has six characters of the alphabet, at least one digit and one letter", () => {
  // `expect` of Playwright records a step for each call, which is slow for thousands of runs.
  fc.assert(
    fc.property(drawn, (code) => /^[0-9A-HJKMNP-TV-Z]{6}$/.test(code) && /\d/.test(code) && /[A-Z]/.test(code)),
    { numRuns: 5000 },
  );
});

test("a code is read in any case, with gaps, dashes and look-alike letters", () => {
  const alike: Record<string, string[]> = {
    "0": ["0", "O", "o", "О", "о"],
    "1": ["1", "I", "i", "L", "l"],
    ...Object.fromEntries(
      ["AА", "BВ", "EЕ", "KК", "MМ", "HН", "PР", "CС", "TТ", "YУ", "XХ"].map((pair) => [
        pair.charAt(0),
        [...pair, ...pair.toLowerCase()],
      ]),
    ),
  };
  const gap = fc.constantFrom("", " ", "-", " – ", "\u00a0", "\u2011");
  fc.assert(
    fc.property(
      drawn,
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      fc.array(gap, { minLength: 7, maxLength: 7 }),
      (code, picks, gaps) => {
        const typed = Array.from(code, (character, at) => {
          const spellings = alike[character] ?? [character, character.toLowerCase()];
          return gaps[at] + (spellings[(picks[at] ?? 0) % spellings.length] ?? character);
        });
        return InviteCode.parse(typed.join("") + gaps[6]) === code;
      },
    ),
  );
});

test("a parsed code parses to itself", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const once = InviteCode.safeParse(text);
      return !once.success || InviteCode.parse(once.data) === once.data;
    }),
  );
});

test("text that can't be an invite code is refused", () => {
  for (const text of ["", "7K4M2", "7K4M2PP", "ABCDEF", "123456", "7K4M2U", "7K4M2Я", "7K4M2!", "<b>7K4"]) {
    expect(InviteCode.safeParse(text).success, text).toBe(false);
  }
});

test("two links with different codes are refused, and the same link twice is read", () => {
  const linkTo = (code: string) => `https://sarafan.example/i/${code}`;
  expect(InviteCode.safeParse(`${linkTo("7K4M2P")} ${linkTo("8K4M2P")}`).success).toBe(false);
  expect(InviteCode.safeParse(`${linkTo("7K4M2P")} ${linkTo("7k4m2p")}.`).success).toBe(true);
});
