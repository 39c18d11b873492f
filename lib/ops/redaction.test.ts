import fc from "fast-check";
import { expect, test } from "playwright/test";
import { describeFailure, redact } from "./redaction";

const SECRETS: { what: string; text: string; hidden: string[] }[] = [
  { what: "a phone", text: "no account for +79451234567", hidden: ["7945", "4567"] },
  { what: "one in groups", text: "8 (945) 123-45-67 is taken", hidden: ["945", "123", "67"] },
  { what: "one in an address", text: "GET /api/v1/user_profile/%2B79451234567/?a=1", hidden: ["7945"] },
  { what: "one in other digits", text: "for ＋٧٩٤٥١٢٣٤٥٦٧", hidden: ["٧٩٤٥", "٤٥٦٧"] },
  { what: "one with gaps that nobody sees", text: "+7\u200b945\u2060123\u00ad4567", hidden: ["945", "4567"] },
  { what: "a mailbox", text: "550 <anna.b+c@mail.example>: no", hidden: ["anna", "mail.example"] },
  { what: "one percent-encoded", text: "/x?email=anna%40mail.example&b", hidden: ["anna", "mail.example"] },
  { what: "one with quotes", text: 'to "anna b"@mail.example', hidden: ["anna", "mail.example"] },
  { what: "one of another alphabet", text: "для анна@почта.рф нет", hidden: ["анна", "почта"] },
  { what: "a one-time code", text: "1234 is wrong, so is code:567890", hidden: ["1234", "567890"] },
  { what: "an invite code", text: 'Argument "7K4M2P" is wrong', hidden: ["7K4M2P"] },
  { what: "one in a path", text: "/i/7k4m2p?x", hidden: ["7k4m2p"] },
  {
    what: "one as it was typed",
    text: "7k4-m2p, АВ3 4СЕ, ABC 123, 7 K 4 M 2 P",
    hidden: ["7k4", "m2p", "АВ3", "ABC", "K 4"],
  },
  {
    what: "an access token",
    text: "Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    hidden: ["eyJ", "c2ln"],
  },
  { what: "a session's id", text: "no 8c0e5a0e-3d7c-4b53-9d3f-0a1b2c3d4e5f", hidden: ["8c0e5a0e", "0a1b2c3d4e5f"] },
];

for (const { what, text, hidden } of SECRETS) {
  test(`${what} is in no text that is logged`, () => {
    const logged = JSON.stringify([redact(text), describeFailure(new Error(text)), describeFailure(text)]);
    for (const part of hidden) expect(logged).not.toContain(part);
  });
}

test("what is no secret stays readable", () => {
  const sentence = "a write did not end in time; the database is away (SQLITE_BUSY)";
  expect(redact(sentence)).toBe(sentence);
});

test("an error is logged with its causes and its frames, and without what hangs on it", () => {
  const cause = Object.assign(new TypeError("no row for +79451234567"), { code: "P2002", phone: "+79451234567" });
  const error = new Error("could not log anna@mail.example in\n    at 7K4M2P (/x:1:1)", { cause });
  const described = describeFailure(Object.assign(error, { code: "anna", body: { code: "4321" } }));
  expect(described).toMatchObject({
    type: "Error",
    message: "could not log [mailbox] in\n    at [code] (/x:1:1)",
    cause: { type: "TypeError", code: "P2002", message: "no row for [number]" },
  });
  expect(described).not.toHaveProperty("code");
  expect(described.stack).toMatch(/\n {4}at .*redaction\.test\.ts:\d+:\d+/);
  expect(JSON.stringify(described)).not.toMatch(/7945|anna|4321|7K4M2P/);
});

test("an error whose message was changed after it was made hides both", () => {
  const error = new Error("the code is 1234\n    at 7K4M2P (/x:1:1)");
  error.message = "the phone is +79451234567";
  expect(JSON.stringify(describeFailure(error))).not.toMatch(/1234|7K4M2P|7945/);
});

test("no text keeps a phone, however it is put, nor takes long", () => {
  const digits = fc.stringMatching(/^[1-9]\d{9}$/);
  const around = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !/\d/.test(text));
  fc.assert(
    fc.property(around, digits, around, (before, phone, after) => !redact(before + phone + after).includes(phone)),
  );
  for (const long of ["a".repeat(1e6), "1a".repeat(1e6), "a.".repeat(1e6), `"${"@".repeat(1e6)}`, " 1".repeat(1e6)]) {
    expect(redact(long).length).toBeLessThan(5000);
  }
});
