import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { composeCodeMessage } from "@/lib/core/challenges/code-message";
import { type OneTimeCode, PURPOSES, TypedCode } from "@/lib/core/challenges/one-time-code";
import { readCodeOf } from "@/lib/core/challenges/typed-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { foldDigits } from "./pasted-text";

/**
 * What pasted text can contain without being visible: characters that other programs add at its ends, and those that layout
 * leaves inside.
 */
const MARKS = [
  ..."\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
  ..."\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\ufe0f\u3164",
];
const SPACES = [..." \t\n\r\u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u0085\u2800"];

const mark = fc.constantFrom(...MARKS);
const invisible = fc.string({ unit: mark, maxLength: 3 });
const around = fc.string({ unit: fc.constantFrom(...MARKS, ...SPACES), maxLength: 4 });

/** Generates the text with marks between its characters, and with marks and spaces around it. */
const pasted = (text: string) =>
  fc
    .tuple(around, around, fc.array(invisible, { minLength: text.length, maxLength: text.length }))
    .map(([before, after, marks]) => before + [...text].map((character, at) => character + marks[at]).join("") + after);

/** The digits of every script that Intl knows. */
const SCRIPTS = Intl.supportedValuesOf("numberingSystem")
  .map((numberingSystem) =>
    Array.from({ length: 10 }, (_, digit) => new Intl.NumberFormat("en", { numberingSystem }).format(digit)),
  )
  .filter((digits) => digits.every((digit) => /^\p{Nd}$/u.test(digit)));
const anyScript = fc.constantFrom(...SCRIPTS);
const inScript = (text: string, digits: string[]) => text.replace(/\d/g, (digit) => digits[Number(digit)] ?? "");

test("pasted text is read as it looks: a phone, a mailbox, a code, an invite code", () => {
  for (const [schema, text] of [
    [Phone, "+79450000001"],
    [Email, "anna@mail.example"],
    [TypedCode, "0751"],
    [InviteCode, "7K4M2P"],
  ] as const) {
    fc.assert(fc.property(pasted(text), (typed) => schema.safeParse(typed).data === text));
  }
});

test("a phone, a code and an invite code can be typed with the digits of any script", () => {
  expect(SCRIPTS.length).toBeGreaterThan(50);
  const isRead = (schema: { safeParse: (typed: string) => { data?: unknown } }, text: string) =>
    fc.assert(fc.property(anyScript, (digits) => schema.safeParse(inScript(text, digits)).data === text));
  isRead(TypedCode, "0123456789");
  isRead(Phone, "+79450000001");
  isRead(InviteCode, "7K4M2P");
  expect(foldDigits("٠١٢ ۹ ९ １ 𝟗 a²Ⅷ½")).toBe("012 9 9 1 9 a²Ⅷ½");
});

test("a code is read without punctuation around it, and a phone is read from a link", () => {
  for (const typed of ["0256.", "«0256»", "0256!", "[0256]", "#0256", " 02-56, "]) {
    expect(readCodeOf(TypedCode.parse(typed), 4), typed).toBe("0256");
  }
  for (const typed of ["12a4", ".", "«»", "0.2.5.6"]) expect(TypedCode.safeParse(typed).success, typed).toBe(false);
  for (const typed of ["sms:+79450000025", "callto:+79450000025", "https://wa.me/79450000025"]) {
    expect(Phone.safeParse(typed).data, typed).toBe("+79450000025");
  }
});

test("punctuation around a phone, a mailbox or an invite code is dropped", () => {
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
  for (const typed of ["7K4M2P.", "«7K4M2P»", "(7k4m2p),", "`7K4M2P`", "7K4M2P!…", "— 7K4M2P", "Код: 7K4M2P"]) {
    expect(InviteCode.safeParse(typed).data, typed).toBe("7K4M2P");
  }
});

test("the link of an invitation is read as its code, with any text around it", () => {
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

test("a code that was pasted twice, or that lost its zeros as a number, is read with the length of the code that was sent", () => {
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
  // Text keeps its zeros, so text with too few digits is no code.
  expect(TypedCode.safeParse("751").success).toBe(false);
  expect(readCodeOf(TypedCode.parse("1234"), 6)).toBeNull();
});

test("text that can't be a code is refused", () => {
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

test("a code is found in the message that contains it, on pages and by the APIs", () => {
  for (const [text, digits, code] of [
    ["0751 — код для входа в «Сарафан»", 4, "0751"],
    ["Код: 7375", 4, "7375"],
    ["Your code is 7375", 4, "7375"],
    ["Код: ٠٧٥١.\u202c", 4, "0751"],
    ["07\u00a051", 4, "0751"],
    ["0751 0751", 4, "0751"],
    ["0751, 0751", 4, "0751"],
    ["07510751", 4, "0751"],
    ["07510751", 8, "07510751"],
    ["код 123456, действует 5 минут", 6, "123456"],
    ["7375 is your code. Valid for 5 minutes.\n@login2026.example #7375", 4, "7375"],
    // Two different codes are possible, so neither is read.
    ["Код 7375 или 7376", 4, null],
    ["7375 7376", 4, null],
    ["код 123, действует 5 минут", 4, null],
    ["751", 4, null],
    ["код", 4, null],
  ] as const) {
    const typed = TypedCode.safeParse(text).data;
    expect(readCodeOf(text, digits), text).toBe(code);
    expect(typed === undefined ? null : readCodeOf(typed, digits), text).toBe(code);
  }
});

test("the whole message with a code is read as that code, in each language and for each purpose", () => {
  const languages = ["ru", "en"] as const;
  const recipients = [
    { kind: "phone", address: Phone.parse("+79450000001") },
    { kind: "email", address: Email.parse("anna@mail.example") },
  ] as const;
  for (const language of languages) {
    for (const purpose of PURPOSES) {
      for (const recipient of recipients) {
        for (const code of ["0751", "075175", "07517375"] as OneTimeCode[]) {
          for (const appUrl of ["https://sarafan.example", "http://localhost:3000"]) {
            const { text } = composeCodeMessage({ recipient, purpose }, code, language, appUrl);
            expect(readCodeOf(TypedCode.parse(text), code.length), text).toBe(code);
          }
        }
      }
    }
  }
});

test("words beside a phone are dropped, and a phone that was pasted twice is read once", () => {
  for (const typed of [
    "Тел.: +7 945 000-00-01",
    "Телефон +7 945 000-00-01",
    "Анна (моб.): +7 945 000-00-01",
    "📞 +7 945 000-00-01",
    "№ 8 945 000-00-01",
    "+7 945 000-00-01 (моб.)",
    "+7 945 000-00-01 моб.",
    "+7 945 000-00-01, Анна",
    "+7 (945) 000-00-01 (mobile)",
    "Анна <+79450000001>",
    "tel:+79450000001",
    "tel:+7-945-000-00-01",
    "https://wa.me/79450000001?text=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
    "00 7 945 000 00 01",
    "0079450000001",
    "00 (7) 945 000 00 01",
    "+79450000001+79450000001",
    "89450000001\n89450000001",
    "+7 945 000-00-01, +7 945 000-00-01",
    "7945000000179450000001",
  ]) {
    expect(Phone.safeParse(typed).data, typed).toBe("+79450000001");
  }
  for (const typed of [
    "+7 945 000-00-01, +7 945 000-00-02",
    "+7 945 000-00-01 +7 945 000-00-02",
    "моб. +7 945 000-00-01, дом. +7 945 000-00-02",
    "+7 945 000-00-01 доб. 12",
    "+7 945 000-00-01 ext. 12",
    "tel:+79450000001;ext=12",
    "+79450000001@mail.example",
    "Анна <+79450000001@mail.example>",
    "anna@mail.example +79450000001",
    "+79450000001, anna@mail.example",
    "+49 30 1234 TAXI",
    "https://mail.example/+79450000001",
    "tel:",
  ]) {
    expect(Phone.safeParse(typed).error?.issues[0]?.message, typed).toBe("phone_invalid");
  }
});

test("a name or label before a mailbox is dropped, and so is the query of a mailto link", () => {
  for (const typed of [
    "Анна <anna@mail.example>",
    '"Анна, отдел 7" <anna@mail.example>,',
    "E-mail: anna@mail.example",
    "Почта: Анна <anna@mail.example>",
    "mailto:anna@mail.example?subject=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82&body=+7945",
    "MAILTO:anna@mail.example",
    "<mailto:anna@mail.example>",
    "anna@mail.example anna@mail.example",
    "anna@mail.example\nanna@mail.example\n",
    "anna@mail.exampleanna@mail.example",
  ]) {
    expect(Email.safeParse(typed).data, typed).toBe("anna@mail.example");
  }
  for (const typed of ["+79450000001@mail.example", "Анна <+79450000001@mail.example>"]) {
    expect(Email.safeParse(typed).data, typed).toBe("+79450000001@mail.example");
  }
  for (const typed of [
    "Анна <anna@mail.example>, Борис <boris@mail.example>",
    "anna@mail.example, boris@mail.example",
    "anna@mail.example boris@mail.example",
    "anna@mail.example <boris@mail.example>",
    "mailto:anna@mail.example,boris@mail.example",
    "mailto:anna@mail.example?cc=boris@mail.example",
    "mailto:anna@mail.example?cc=boris%40mail.example",
    "anna smith@mail.example",
    "anna@mail.example?subject=x",
    "Анна <>",
  ]) {
    expect(Email.safeParse(typed).error?.issues[0]?.message, typed).toBe("email_invalid");
  }
});

test("a value that was pasted twice is read once, and two different values are refused", () => {
  const digits = (length: number) =>
    fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: length, maxLength: length });
  const phone = digits(7).map((end) => `+7945${end}`);
  const mailbox = fc
    .string({ unit: fc.constantFrom(..."abc019"), minLength: 1, maxLength: 8 })
    .map((name) => `${name}@mail.example`);
  const gap = fc.constantFrom("", " ", "\n", ", ", "; ", "\u00a0", "\u200b");
  const label = fc.constantFrom("", "Тел.: ", "E-mail: ", "Анна: ");
  for (const [schema, value] of [
    [Phone, phone],
    [Email, mailbox],
  ] as const) {
    fc.assert(
      fc.property(value, value, gap, label, (one, other, between, before) => {
        const read = schema.safeParse(before + one + between + before + other).data;
        return read === (one === other ? one : undefined);
      }),
    );
    fc.assert(
      fc.property(value, gap, label, (one, between, before) => {
        return schema.safeParse(before + one + between + before + one).data === one;
      }),
    );
  }
});

for (const unit of [
  ".",
  "(",
  "<",
  ":",
  "a",
  "1",
  " ",
  "1 ",
  "a:",
  "-",
  "+",
  "@",
  "mailto:",
  "wa.me/",
  "?",
  "1(a",
  "1 я",
  "😀",
]) {
  test(`the time to read a text grows with its length, not with its square: ${unit}`, () => {
    // The longest text is 16 times as long as a request can be. It takes at most 0.1 s of processor time. If the time grew with
    // the square, 2 ms for a request would become 0.5 s.
    for (const length of [2 ** 14, 2 ** 16, 2 ** 18]) {
      const text = `${unit.repeat(length / unit.length)}x`;
      const timesMs = [Phone, Email, TypedCode, InviteCode].map((schema) => {
        const start = process.cpuUsage();
        schema.safeParse(text);
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1000;
      });
      expect(Math.max(...timesMs), `${length} characters`).toBeLessThan(500);
    }
  });
}
