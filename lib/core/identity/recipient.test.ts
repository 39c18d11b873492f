import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { changeIdentity, requestChangeCodes } from "@/lib/core/accounts/change-identity";
import { mailLoginCode } from "@/lib/core/accounts/sign-in";
import { composeCodeMessage } from "@/lib/core/challenges/code-message";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { readPrimary } from "@/lib/db/database";
import {
  anybody,
  deferral,
  failureOf,
  freshPhone,
  openSession,
  receiveCodeOf,
  senderOf,
  signUp,
} from "@/lib/testing/people";
import { Email } from "./email";
import { emailRecipient, formatRecipient, phoneRecipient, Recipient } from "./recipient";

/** Returns a mailbox whose local part is spelt like a phone. */
const mailboxLike = (phone: string) => Email.parse(`${phone}@mail.example`);

test("a mailbox whose local part is a phone number is sent a mail, and its delivery is stored without the digits of a phone", async () => {
  const email = mailboxLike(freshPhone());
  const message = { recipient: emailRecipient(email), purpose: "identity_proof" } as const;
  expect(composeCodeMessage(message, "1234" as OneTimeCode, "en").text).toContain("e-mail address");
  const last = await readPrimary.delivery.findFirst({ orderBy: { id: "desc" } });
  await receiveCodeOf(mailLoginCode({ email, holder: Holder.parse(crypto.randomUUID()) }));
  const added = await readPrimary.delivery.findMany({ where: { id: { gt: last?.id ?? 0 } } });
  expect(added).toMatchObject([{ lastDigits: "", country: null }]);
});

test("a mailbox whose local part is a phone number becomes the mailbox of an account, and never its phone", async () => {
  const { userId, phone } = await signUp();
  const session = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  const email = mailboxLike(freshPhone());
  const change = { next: emailRecipient(email), holder: Holder.parse(crypto.randomUUID()) };
  const codes: OneTimeCode[] = [];
  const sender = senderOf(async ({ code }) => codes.push(code as OneTimeCode) > 0);
  const { defer, done } = deferral();
  expect(failureOf(await requestChangeCodes(session, change, anybody(), { sender, defer }))).toBe("none");
  await done();
  const [old, next] = codes as [OneTimeCode, OneTimeCode];
  expect(failureOf(await changeIdentity(session, change, { old, new: next }, anybody()))).toBe("none");
  expect(await getProfile(userId)).toMatchObject({ phone, email });
});

test("a recipient's kind is that of its form field, and an address of the other kind is refused", () => {
  const phone = freshPhone();
  expect(Recipient.safeParse({ kind: "phone", address: mailboxLike(phone) }).success).toBe(false);
  expect(Recipient.safeParse({ kind: "email", address: phone }).success).toBe(false);
  expect(Recipient.parse({ kind: "phone", address: ` ${phone} ` })).toEqual(phoneRecipient(phone));
  expect(formatRecipient(emailRecipient(mailboxLike(phone)))).toBe(`${phone}@mail.example`);
});
