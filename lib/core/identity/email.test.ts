import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { mailLoginCode, requestMailCode, signInByEmail } from "@/lib/core/accounts/sign-in";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { LONGER_CODES, SENDS_PER_PHONE_PER_HOUR, TRIES_PER_CODE } from "@/lib/core/policy";
import { anybody, failureOf, freshPhone, receiveCodeOf, senderOf, signUpByMail, wrongCode } from "@/lib/testing/people";
import { Email, formatEmail } from "./email";
import { maskEmail } from "./masking";
import { emailRecipient, formatRecipient, limitSubject } from "./recipient";

const freshHolder = () => Holder.parse(crypto.randomUUID());
const parse = (text: string) => Email.safeParse(text).data ?? null;
/** A local part that no other test uses. */
const freshName = () => `anna-${crypto.randomUUID().slice(0, 8)}`;

test("an address at an internationalised domain is the same mailbox in every spelling of the domain", () => {
  for (const spelling of [
    "anna@пример.рф",
    "Anna@Пример.РФ",
    "anna@пример。рф",
    "anna@xn--e1afmkfd.xn--p1ai",
    "ANNA@XN--E1AFMKFD.XN--P1AI",
    "anna@при\u00adмер.рф.",
  ]) {
    expect(parse(spelling), spelling).toBe("anna@xn--e1afmkfd.xn--p1ai");
  }
  expect(parse("anna@faß.example")).toBe("anna@xn--fa-hia.example");
  expect(formatEmail(Email.parse("anna@пример.рф"))).toBe("anna@пример.рф");
  expect(formatRecipient(emailRecipient(Email.parse("anna@xn--mller-kva.example")))).toBe("anna@müller.example");
  expect(maskEmail(Email.parse("anna@xn--e1afmkfd.xn--p1ai"))).toBe("a···@пример.рф");
});

test("a domain that looks like another one is shown in ASCII", () => {
  const likeApple = Email.parse("anna@аррӏе.com");
  expect(likeApple).toBe("anna@xn--80ak6aa92e.com");
  expect(formatEmail(likeApple)).toBe(likeApple);
});

test("an address with an impossible domain is refused", () => {
  for (const text of [
    "anna@xn--a.рф",
    "anna@рф",
    "anna@пример.рф/i",
    "anna@пример.рф?a",
    "anna@пример.рф:25",
    "anna@127.1",
    "anna@[::1]",
    "anna@пример..рф",
    "анна@пример.рф",
    "anna@борис@пример.рф",
    "anna@exa%6dple.com",
    `anna@${"пример.".repeat(40)}рф`,
  ]) {
    expect(parse(text), text).toBeNull();
  }
});

test("a parsed address parses to itself, and so does its display form", () => {
  const label = fc.string({ unit: fc.constantFrom(..."aбвя1日üß-"), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom("рф", "example"), (labels, top) => {
      const read = parse(`anna@${[...labels, top].join(".")}`);
      return (
        read === null || (parse(read) === read && parse(formatEmail(read)) === read && /^[\x21-\x7e]+$/.test(read))
      );
    }),
  );
});

test("both spellings of an international mailbox open its account, and mail goes to the ASCII spelling", async () => {
  const name = freshName();
  const { userId, phone } = await signUpByMail({ email: Email.parse(`${name}@пример.рф`) });
  const email = Email.parse(`${name}@xn--e1afmkfd.xn--p1ai`);
  const caller = { email, phone, holder: freshHolder() };
  const sent = { to: "", code: "" };
  const sender = senderOf(async (message) => Boolean(Object.assign(sent, message)));
  expect(failureOf(await requestMailCode(caller, anybody(), { sender }))).toBe("none");
  expect(sent.to).toBe(email);
  const login = await signInByEmail({ ...caller, code: sent.code as OneTimeCode }, anybody());
  expect(login).toMatchObject({ ok: true, value: { userId, created: false } });
  expect(await getProfile(userId)).toMatchObject({ email });
});

test("a mailbox with a subaddress is an account of its own", async () => {
  const name = freshName();
  const [plain, other] = [
    await signUpByMail({ email: Email.parse(`${name}@mail.example`) }),
    await signUpByMail({ email: Email.parse(`${name}+shop@mail.example`) }),
  ];
  expect(plain.userId).not.toBe(other.userId);
  expect(await getProfile(other.userId)).toMatchObject({ email: `${name}+shop@mail.example` });
});

test("codes to all subaddresses of a mailbox are counted together", async () => {
  const name = freshName();
  const sender = senderOf(async () => true);
  const now = new Date();
  const granted: boolean[] = [];
  for (let at = 0; at < SENDS_PER_PHONE_PER_HOUR + 2; at += 1) {
    const email = Email.parse(`${name}${at > 0 ? `+${at}` : ""}@mail.example`);
    granted.push((await requestCode(mailLoginCode({ email, holder: freshHolder() }), anybody(), { now, sender })).ok);
  }
  expect(granted.filter(Boolean)).toHaveLength(SENDS_PER_PHONE_PER_HOUR);
});

test("wrong codes for subaddresses make the codes of their mailbox longer", async () => {
  const name = freshName();
  const now = new Date();
  const [step] = LONGER_CODES;
  for (let left = step?.wrongCodes ?? 0, at = 0; left > 0; at += 1) {
    const caller = { email: Email.parse(`${name}+${at}@mail.example`), phone: freshPhone(), holder: freshHolder() };
    const code = await receiveCodeOf(mailLoginCode(caller), now);
    for (let tries = Math.min(left, TRIES_PER_CODE); tries > 0; tries -= 1, left -= 1) {
      expect(failureOf(await signInByEmail({ ...caller, code: wrongCode(code) }, anybody(), { now }))).toBe(
        "code_wrong",
      );
    }
  }
  const email = Email.parse(`${name}@mail.example`);
  expect(await receiveCodeOf(mailLoginCode({ email, holder: freshHolder() }), now)).toHaveLength(step?.digits ?? 0);
});

test("limits leave out the subaddress and nothing else", () => {
  const subject = (text: string) => limitSubject(emailRecipient(Email.parse(text)));
  expect(subject("anna+a+b@mail.example")).toBe("anna@mail.example");
  expect(subject("anna@mail.example")).toBe("anna@mail.example");
  // A local part that begins with a plus is no subaddress: mailboxes like this one belong to different people.
  expect(subject("+79450000001@mail.example")).toBe("+79450000001@mail.example");
});

test("apostrophes around an address and a comment after it are dropped (RFC 5322 §3.2.2)", () => {
  expect(parse("'anna@mail.example'")).toBe("anna@mail.example");
  expect(parse("o'hara@mail.example")).toBe("o'hara@mail.example");
  expect(parse("anna@mail.example (Anna)")).toBe("anna@mail.example");
});

test("an address followed by a link to itself is read, and one followed by a link to another address is refused", () => {
  for (const text of [
    "anna@mail.example<mailto:anna@mail.example>",
    "anna@mail.example <mailto:anna@mail.example>",
    "[anna@mail.example](mailto:anna@mail.example)",
  ]) {
    expect(parse(text), text).toBe("anna@mail.example");
  }
  expect(parse("anna@mail.example<mailto:boris@mail.example>")).toBeNull();
});
