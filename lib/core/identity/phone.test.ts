import fc from "fast-check";
import { type CountryCode, getCountries, getExampleNumber } from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";
import { expect, _baseTest as test } from "playwright/test";
import { Email } from "./email";
import { maskEmail, maskPhone } from "./masking";
import { formatPhone, Phone, spellDigits } from "./phone";

const parse = (text: string) => Phone.safeParse(text).data ?? null;

const mobileNumbers = getCountries()
  .map((country: CountryCode) => getExampleNumber(country, examples))
  .filter((number) => number !== undefined);

test("a Russian number is the same number in any spelling", () => {
  const operatorDigits = fc.integer({ min: 0, max: 9_999_999 }).map((rest) => `945${String(rest).padStart(7, "0")}`);
  const separator = fc.constantFrom("", " ", "-", "  ", ".");
  const prefix = fc.constantFrom("8", "7", "+7", "8 ", "+7 ", "8-", "+7 - ", "");
  fc.assert(
    fc.property(operatorDigits, prefix, separator, fc.boolean(), (digits, start, gap, brackets) => {
      const groups = [digits.slice(3, 6), digits.slice(6, 8), digits.slice(8)];
      const area = brackets ? `(${digits.slice(0, 3)})` : digits.slice(0, 3);
      return parse(start + [area, ...groups].join(gap)) === `+7${digits}`;
    }),
  );
});

test("a mobile number of any country is read with its plus, and a long one also without it", () => {
  const numbers = mobileNumbers.map(({ number }) => number);
  expect(numbers.map(parse)).toEqual(numbers);
  expect(mobileNumbers.map((number) => parse(number.formatInternational()))).toEqual(numbers);
  expect(parse("380501234567")).toBe("+380501234567");
});

test("text that is no phone number is refused", () => {
  for (const text of [
    "",
    " ",
    "12345",
    "+7 945",
    "телефон",
    "+79451234567 доб. 5",
    "+79451234567 or +79451234568",
    "++79451234567",
    "+79451234567; +79451234568",
  ]) {
    expect(parse(text), text).toBeNull();
  }
  fc.assert(
    fc.property(
      fc.string(),
      (text) => [null, undefined].includes(parse(text) as null) || /^\+\d{6,15}$/.test(parse(text) ?? ""),
    ),
  );
});

test("a number is written as its country writes it", () => {
  expect(formatPhone(Phone.parse("89451234567"))).toBe("+7 945 123-45-67");
  expect(formatPhone(Phone.parse("+380501234567"))).toBe("+380 50 123 4567");
});

test("a number spelt without its plus is read as the same number, or keeps its plus", () => {
  expect(spellDigits(Phone.parse("+79450000001"))).toBe("79450000001");
  expect(parse("9607712345")).toBe("+79607712345");
  expect(spellDigits(Phone.parse("+9607712345"))).toBe("+9607712345");
  const numbers = mobileNumbers.map(({ number }) => number);
  expect(numbers.map((number) => parse(spellDigits(Phone.parse(number))))).toEqual(numbers);
});

test("a masked number hides at least five digits and shows only its beginning and its end", () => {
  expect(maskPhone(Phone.parse("+79451234545"))).toBe("+7 945 ··· ·· 45");
  expect(maskPhone(Phone.parse("+380501234567"))).toBe("+380 50 ··· ··67");
  expect(maskPhone(Phone.parse("+4915123456778"))).toBe("+49 ···· ·····78");
  const wrong = mobileNumbers.filter(({ number, nationalNumber }) => {
    const masked = maskPhone(Phone.parse(number));
    const hidden = masked.split("·").length - 1;
    return hidden < Math.min(5, nationalNumber.length - 2) || !number.endsWith(masked.slice(-2));
  });
  expect(wrong).toEqual([]);
});

test("a masked address keeps its domain, and its first letter if the local part is long enough", () => {
  expect(maskEmail(Email.parse(" Anna.K@Example.com "))).toBe("a···@example.com");
  expect(maskEmail(Email.parse("ann@example.com"))).toBe("···@example.com");
});

test("a country code in brackets with its plus is read", () => {
  expect(parse("(+7) 945 000-00-01")).toBe("+79450000001");
});
