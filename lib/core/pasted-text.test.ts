import fc from "fast-check";
import { expect, test } from "playwright/test";
import { Email } from "./email";
import { InviteCode } from "./invite-code";
import { TypedCode } from "./one-time-code";
import { foldDigits } from "./pasted-text";
import { Phone } from "./phone";
import { findCode, readCodeOf } from "./typed-code";

/** What stands in pasted text without being seen: what other programs add at its ends, and what layout leaves inside. */
const MARKS = [
  ..."\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
  ..."\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\ufe0f\u3164",
];
const SPACES = [..." \t\n\r\u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u0085\u2800"];

const mark = fc.constantFrom(...MARKS);
const unseen = fc.string({ unit: mark, maxLength: 3 });
const around = fc.string({ unit: fc.constantFrom(...MARKS, ...SPACES), maxLength: 4 });

/** The text with marks between its characters, and marks and spaces around it. */
const pasted = (text: string) =>
  fc
    .tuple(around, around, fc.array(unseen, { minLength: text.length, maxLength: text.length }))
    .map(([before, after, marks]) => before + [...text].map((character, at) => character + marks[at]).join("") + after);

/** Every digit of every script, by the lists that Intl has of them. */
const SCRIPTS = Intl.supportedValuesOf("numberingSystem")
  .map((numberingSystem) =>
    Array.from({ length: 10 }, (_, digit) => new Intl.NumberFormat("en", { numberingSystem }).format(digit)),
  )
  .filter((digits) => digits.every((digit) => /^\p{Nd}$/u.test(digit)));
const script = fc.constantFrom(...SCRIPTS);
const inScript = (text: string, digits: string[]) => text.replace(/\d/g, (digit) => digits[Number(digit)] ?? "");

test("what is pasted is read as it is seen: a phone, a mailbox, a code, an invite code", () => {
  for (const [schema, text] of [
    [Phone, "+79450000001"],
    [Email, "anna@mail.example"],
    [TypedCode, "0751"],
    [InviteCode, "7K4M2P"],
  ] as const) {
    fc.assert(fc.property(pasted(text), (typed) => schema.safeParse(typed).data === text));
  }
});

test("a phone, a code and an invite code may have the digits of any script", () => {
  expect(SCRIPTS.length).toBeGreaterThan(50);
  const isRead = (schema: { safeParse: (typed: string) => { data?: unknown } }, text: string) =>
    fc.assert(fc.property(script, (digits) => schema.safeParse(inScript(text, digits)).data === text));
  isRead(TypedCode, "0123456789");
  isRead(Phone, "+79450000001");
  isRead(InviteCode, "7K4M2P");
  expect(foldDigits("٠١٢ ۹ ९ １ 𝟗 a²Ⅷ½")).toBe("012 9 9 1 9 a²Ⅷ½");
});

test("a code is read without the punctuation around it, and phones from links that carry one", () => {
  for (const typed of ["0256.", "«0256»", "0256!", "[0256]", "#0256", " 02-56, "]) {
    expect(TypedCode.safeParse(typed).data, typed).toBe("0256");
  }
  for (const typed of ["12a4", ".", "«»", "0.2.5.6"]) expect(TypedCode.safeParse(typed).success, typed).toBe(false);
  for (const typed of ["sms:+79450000025", "callto:+79450000025", "https://wa.me/79450000025"]) {
    expect(Phone.safeParse(typed).data, typed).toBe("+79450000025");
  }
});

test("punctuation around a phone, a mailbox and an invite code is not part of it", () => {
  for (const typed of ["+79450000001.", "+7 945 000-00-01,", "«+79450000001»;", "(+79450000001)", "tel:+79450000001"]) {
    expect(Phone.safeParse(typed).data, typed).toBe("+79450000001");
  }
  for (const typed of [
    "anna@mail.example.",
    "anna@mail.example,",
    "<anna@mail.example>;",
    "mailto:anna@mail.example",
  ]) {
    expect(Email.safeParse(typed).data, typed).toBe("anna@mail.example");
  }
  for (const typed of ["7K4M2P.", "«7K4M2P»", "(7k4m2p),", "`7K4M2P`", "7K4M2P!…", "— 7K4M2P"]) {
    expect(InviteCode.safeParse(typed).data, typed).toBe("7K4M2P");
  }
});

test("an invitation's link stands for its code, with whatever stands around it", () => {
  for (const typed of [
    "https://sarafan.example/i/7K4M2P",
    "https://sarafan.example/i/7K4M2P.",
    "https://sarafan.example/i/7k4m2p/",
    "https://sarafan.example/i/7K4M2P?utm_source=chat#top",
    "sarafan.example/i/7K4M2P)",
    "<https://sarafan.example/i/7K4M2P>",
    "\u2068https://sarafan.example/i/7K4M2P\u2069",
    "Приглашаю вас в «Сарафан». Мой код — 7K4M2P. https://sarafan.example/i/7K4M2P.",
    "https://sarafan.example/i/7K4M2P Приглашаю вас в «Сарафан».",
    "https://sarafan.example/i/7K4M2P\nhttps://sarafan.example/i/7K4M2P",
    "7K4M2P7K4M2P",
    "7K4M2P 7K4M2P",
  ]) {
    expect(InviteCode.safeParse(typed).data, typed).toBe("7K4M2P");
  }
  for (const typed of ["https://sarafan.example/", "https://sarafan.example/i/", "https://sarafan.example/7K4M2P"]) {
    expect(InviteCode.safeParse(typed).success, typed).toBe(false);
  }
});

test("a code that was pasted twice, or lost its zeros as a number, is the one of that many digits", () => {
  const code = fc
    .integer({ min: 4, max: 10 })
    .chain((digits) => fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: digits, maxLength: digits }));
  fc.assert(
    fc.property(code, (digits) => {
      const readings = [digits, digits + digits, Number(digits)].map((typed) =>
        readCodeOf(TypedCode.parse(typed), digits.length),
      );
      return readings.every((read) => read === digits);
    }),
  );
  expect(readCodeOf(TypedCode.parse("12341234"), 4)).toBe("1234");
  expect(readCodeOf(TypedCode.parse("12341234"), 8)).toBe("12341234");
  expect(readCodeOf(TypedCode.parse(7510751), 4)).toBe("0751");
  expect(readCodeOf(TypedCode.parse("12341235"), 4)).toBeNull();
  // As text, a digit that is not there was not typed.
  expect(TypedCode.safeParse("751").success).toBe(false);
  expect(readCodeOf(TypedCode.parse("1234"), 6)).toBeNull();
});

test("what is no code is refused, whatever it is", () => {
  for (const typed of [
    "",
    "12a4",
    "123",
    "12345678901",
    "12 34 56 78 90 12",
    -1,
    1.5,
    2 ** 53,
    true,
    null,
    ["1234"],
    {},
  ]) {
    expect(TypedCode.safeParse(typed).error?.issues[0]?.message, JSON.stringify(typed)).toBe("code_malformed");
  }
});

test("a code is found in the message that it came in", () => {
  for (const [text, digits, code] of [
    ["0751 — код для входа в «Сарафан»", 4, "0751"],
    ["Код: ٠٧٥١.\u202c", 4, "0751"],
    ["07\u00a051", 4, "0751"],
    ["0751 0751", 4, "0751"],
    ["07510751", 4, "0751"],
    ["07510751", 8, "07510751"],
    ["код 123456, действует 5 минут", 6, "123456"],
    ["751", 4, null],
    ["код", 4, null],
  ] as const) {
    expect(findCode(text, digits), text).toBe(code);
  }
});
