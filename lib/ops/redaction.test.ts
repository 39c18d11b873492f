import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
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
  { what: "a phone after the name of a system error", text: "ECONNREFUSED 79451234567", hidden: ["7945", "4567"] },
  { what: "one that is written like an address", text: "ECONNREFUSED 7.945.123.45:6789", hidden: ["945", "6789"] },
  { what: "a mailbox after such a name", text: "ENOTFOUND anna.b.c@mail.example", hidden: ["anna", "mail.example"] },
  { what: "an invite code after such a name", text: "ENOTFOUND k7m2p4", hidden: ["k7m2p4"] },
  { what: "a phone before a unit", text: "79451234567 s, +7 945 123 4567 ms, 945-1234 ms", hidden: ["945", "4567"] },
  { what: "a one-time code before a word", text: "1234 sms, 567890 minus", hidden: ["1234", "567890"] },
  { what: "an invite code that ends like a unit", text: "12345s, 30s-k4p, k4p 30s, 7 5ms", hidden: ["12345s", "30s"] },
  {
    what: "a code where an SQLSTATE may stand",
    text: "code: 23505, SQLSTATE 235050, SQLSTATE 7K4M2",
    hidden: ["2350", "7K4M2"],
  },
];

const READABLE = [
  "a write did not end in time; the database is away (SQLITE_BUSY)",
  "connect ECONNREFUSED 10.0.0.5:5432",
  "connect ECONNREFUSED fd00:10::5:5432",
  "connect ETIMEDOUT [2001:db8::1a2b]:5432",
  "listen EADDRINUSE: address already in use 127.0.0.1:3000",
  "getaddrinfo ENOTFOUND db-2a3.internal",
  "connect ECONNREFUSED database:5432, then ECONNRESET db1.internal:6432.",
  "Connect Timeout Error (attempted address: sms.example:8443, timeout: 10000ms)",
  "Connect Timeout Error (attempted addresses: 192.0.2.10:8443, 192.0.2.11:8443, timeout: 10000ms)",
  "a write did not end within 9000 ms",
  "waited 1500ms, 30s, 2.75 s, 3600 seconds and 1440 minutes",
  "Raw query failed. Code: `40P01`. Message: `deadlock detected`",
  "refused with SQLSTATE 23505, SQLSTATE: 08006 and SQLSTATE[57P01]",
];

for (const { what, text, hidden } of SECRETS) {
  test(`${what} is in no text that is logged`, () => {
    const logged = JSON.stringify([redact(text), describeFailure(new Error(text)), describeFailure(text)]);
    for (const part of hidden) expect(logged).not.toContain(part);
  });
}

for (const sentence of READABLE) {
  test(`an operator reads "${sentence}" as it is`, () => {
    expect(redact(sentence)).toBe(sentence);
  });
}

test("an error of PostgreSQL is logged with its SQLSTATE, and another error's code of five characters is not", () => {
  const deadlock = Object.assign(new Error("deadlock detected"), { name: "error", severity: "ERROR", code: "40P01" });
  expect(describeFailure(deadlock)).toMatchObject({ message: "deadlock detected", code: "40P01" });
  expect(describeFailure(Object.assign(new Error("wrong"), { code: "12345" }))).not.toHaveProperty("code");
  expect(describeFailure(Object.assign(deadlock, { code: "12345" }))).not.toHaveProperty("code");
});

test("an AggregateError, such as that of a host name with two addresses, is logged with each of its errors", () => {
  const [first, second] = ["::1", "127.0.0.1"].map((address) => new Error(`connect ECONNREFUSED ${address}:5432`));
  const both = new AggregateError([first, second], "");
  expect(describeFailure(new Error("", { cause: both })).cause?.errors).toMatchObject([
    { message: "connect ECONNREFUSED ::1:5432" },
    { message: "connect ECONNREFUSED 127.0.0.1:5432" },
  ]);
});

test("an error is logged with its causes and frames, and without its other properties", () => {
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

test("an error whose message was changed later is logged with neither message in clear", () => {
  const error = new Error("the code is 1234\n    at 7K4M2P (/x:1:1)");
  error.message = "the phone is +79451234567";
  expect(JSON.stringify(describeFailure(error))).not.toMatch(/1234|7K4M2P|7945/);
});

test("a phone in any spelling and any text is redacted, in little time", () => {
  const digits = fc.stringMatching(/^[1-9]\d{9}$/);
  // fast-check's unit "binary" would first make a table of all code points, which takes a second.
  const character = fc.integer({ min: 0, max: 0x10ffff }).map((codePoint) => String.fromCodePoint(codePoint));
  const around = fc.string({ unit: character, maxLength: 40 }).filter((text) => !/\d/.test(text));
  fc.assert(
    fc.property(around, digits, around, (before, phone, after) => !redact(before + phone + after).includes(phone)),
  );
  for (const long of ["a".repeat(1e6), "1a".repeat(1e6), "a.".repeat(1e6), `"${"@".repeat(1e6)}`, " 1".repeat(1e6)]) {
    expect(redact(long).length).toBeLessThan(5000);
  }
});
