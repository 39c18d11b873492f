import type { APIRequestContext, APIResponse } from "playwright/test";
import { test as base, expect, type Server } from "../fixtures";
import { type MailServer, type Message, startMailServer } from "../mail-server";
import {
  askByMail,
  type Coming,
  type Contact,
  confirmByMail,
  expectAnswer,
  freshEmail,
  logInWithCookie,
  RUSSIAN,
  wrong,
} from "./clients";

type Person = { client: APIRequestContext; contact: Contact; id: number };

const test = base.extend<{
  mail: MailServer;
  /** A server whose codes for mailboxes go to `mail`, and are shown nowhere else. */
  sarafan: Server;
  /** A client without cookies, with a new phone and a new mailbox. */
  newCaller: (who?: Partial<Contact>) => Promise<Omit<Person, "id">>;
  /** A person whose account was made by the mailed code. */
  newPerson: () => Promise<Person>;
}>({
  mail: async ({ mailServer }, use) => use(mailServer),
  sarafan: async ({ mailingServer }, use) => use(mailingServer),
  newCaller: async ({ sarafan, newClient, freshPhone }, use) =>
    use(async ({ phone = freshPhone(), email = freshEmail() } = {}) => ({
      client: await newClient({ url: sarafan.url }),
      contact: { phone, email },
    })),
  newPerson: async ({ mail, newCaller }, use) =>
    use(async () => {
      const { client, contact } = await newCaller();
      expect((await askByMail(client, contact)).status()).toBe(200);
      const answer = await confirmByMail(client, contact, codeIn(await newestTo(mail, contact.email)));
      return { client, contact, id: (await answer.json()).id };
    }),
});

/** Tests that stop a server or make it refuse all mail have both servers to themselves. */
const failureTest = test.extend({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  mail: async ({}, use) => {
    const mail = await startMailServer();
    await use(mail);
    await mail.stop();
  },
  sarafan: async ({ mail, startServer }, use) =>
    use(
      await startServer({
        SMTP_URL: mail.url,
        MAIL_FROM: "codes@sarafan.example",
        REVEAL_CODES: false,
        SENDER_FAILURES_MAX: 3,
        SENDER_REST_S: 5,
      }),
    ),
});

/** Waits for that many messages, which arrive after the answer, and returns the newest. */
async function newestTo(mail: MailServer, email: string, count = 1): Promise<Message> {
  await expect.poll(() => mail.messagesTo(email).length).toBe(count);
  const message = mail.messagesTo(email).at(-1);
  if (!message) throw new Error(`Nothing came for ${email}.`);
  return message;
}

const codeIn = ({ text }: Message) => /(?<!\d)\d{4}(?!\d)/.exec(text)?.[0] ?? "";

async function expectNotSent(coming: Coming, about: string) {
  const headers = (await expectAnswer(coming, 503, { detail: RUSSIAN }, "code_not_sent", about)).headers();
  expect(headers["sarafan-code-length"], about).toBeUndefined();
  expect(Number(headers["retry-after"]), about).toBeGreaterThan(0);
}

async function expectSent(coming: Coming) {
  const answer = await expectAnswer(coming, 200, { detail: "Код подтверждения отправлен" });
  expect(answer.headers()["sarafan-code-length"]).toBe("4");
}

test("a code comes by mail, in the requester's language, and to no other mailbox", async ({
  mail,
  sarafan,
  newCaller,
  newPerson,
}) => {
  const cyrillic = /[а-яё]{3}/i;
  for (const { languages, isRussian } of [
    { languages: "", isRussian: true },
    { languages: "ru-RU,ru;q=0.9,en;q=0.8", isRussian: true },
    { languages: "de-DE,de;q=0.9", isRussian: false },
    { languages: "en-GB,en;q=0.9,ru;q=0.5", isRussian: false },
    { languages: "ru;q=0.4,en;q=0.8", isRussian: false },
  ]) {
    const { client, contact } = await newCaller();
    await expectSent(askByMail(client, contact, languages ? { "accept-language": languages } : {}));
    const message = await newestTo(mail, contact.email);
    expect(message.envelope).toEqual({ from: "codes@sarafan.example", to: [contact.email] });
    expect(message.headers.from).toMatch(/^"?Sarafan"? <codes@sarafan\.example>$/);
    expect(message.headers.to).toContain(contact.email);
    expect(message.headers["content-type"]).toMatch(/^multipart\/alternative/);
    for (const said of [message.headers.subject, message.text, message.html]) {
      expect(said).toMatch(isRussian ? cyrillic : /[a-z]{3}/i);
      if (!isRussian) expect(said).not.toMatch(cyrillic);
    }
    expect(message.text).not.toMatch(/<\w+/);
    expect(message.html).toMatch(/<\w+/);
    const code = codeIn(message);
    expect(code).toHaveLength(4);
    expect(message.html).toContain(code);
    const opened = await confirmByMail(client, contact, code);
    expect([opened.status(), await opened.json()]).toEqual([200, expect.objectContaining(contact)]);
  }

  const owner = await newPerson();
  expect(sarafan.output()).not.toMatch(/@example\.com \d{4}/);
  const again = await newCaller(owner.contact);
  await expectSent(askByMail(again.client, again.contact));
  const opened = await confirmByMail(again.client, again.contact, codeIn(await newestTo(mail, owner.contact.email, 2)));
  expect((await opened.json()).id).toBe(owner.id);
});

test("a mailbox of an account with another phone gets phone_mismatch only after the right code", async ({
  mail,
  newCaller,
  newPerson,
}) => {
  const owner = await newPerson();
  const { client, contact } = await newCaller({ email: owner.contact.email });
  await expectSent(askByMail(client, contact));
  const code = codeIn(await newestTo(mail, contact.email, 2));
  await expectAnswer(confirmByMail(client, contact, wrong(code)), 401, { detail: RUSSIAN }, "code_wrong");
  const mismatch = await expectAnswer(confirmByMail(client, contact, code), 400, { detail: RUSSIAN }, "phone_mismatch");
  expect(mismatch.headers()["set-cookie"] ?? "").not.toContain("sarafan-session");
});

test("a refused mail gets the same answer as any other, and the previous code stays good", async ({
  mail,
  newCaller,
}) => {
  const { client, contact } = await newCaller();
  await expectSent(askByMail(client, contact));
  const code = codeIn(await newestTo(mail, contact.email));
  mail.refuse(contact.email);
  await expectSent(askByMail(client, contact));
  // Once the refusal is known the code before it is good again.
  await expect.poll(async () => (await confirmByMail(client, contact, code)).status(), { intervals: [300] }).toBe(200);

  const other = await newCaller();
  mail.refuse(other.contact.email);
  await expectSent(askByMail(other.client, other.contact));
  expect((await confirmByMail(other.client, other.contact, "0000")).ok()).toBe(false);
  await expect.poll(() => mail.refusalsOf(other.contact.email)).toBe(1);
  mail.refuse(other.contact.email, false);
  await expectSent(askByMail(other.client, other.contact));
  await newestTo(mail, other.contact.email);
});

test("no answer waits for the mail server, whether the mailbox is known or not", async ({
  mail,
  newCaller,
  newPerson,
}) => {
  const owner = await newPerson();
  const [{ letGo }, hangUps] = [mail.hold(), mail.hangUps()];
  // In parallel, because the sender gives up a held mail after ten seconds.
  await Promise.all(
    [{}, owner.contact, { email: owner.contact.email }].map(async (who) => {
      const { client, contact } = await newCaller(who);
      await expectSent(askByMail(client, contact));
    }),
  );
  expect(mail.hangUps()).toBe(hangUps);
  letGo();
  await newestTo(mail, owner.contact.email, 3);
});

failureTest(
  "while the mail server is gone all mailboxes look alike, then it rests, and phones go on",
  async ({ mail, sarafan, newCaller, newPerson, newClient, phone }) => {
    const owner = await newPerson();
    await mail.stop();
    const callers = [{}, owner.contact, { email: owner.contact.email }];
    const ask = async () => {
      const answers: APIResponse[] = [];
      for (const who of callers) {
        const { client, contact } = await newCaller(who);
        answers.push(await askByMail(client, contact));
      }
      return answers;
    };
    const tell = async (answer: APIResponse) => [Object.keys(answer.headers()).sort(), await answer.text()];
    const expectAlike = async (answers: APIResponse[], status: number) => {
      expect(answers.map((answer) => answer.status())).toEqual(Array(3).fill(status));
      const [first, ...others] = await Promise.all(answers.map(tell));
      expect(others).toEqual([first, first]);
    };
    await expectAlike(await ask(), 200);
    let refused: APIResponse[] = [];
    await expect(async () => {
      refused = await ask();
      await expectAlike(refused, 503);
    }).toPass();
    for (const answer of refused) await expectNotSent(answer, "the mail server rests");
    await logInWithCookie(newClient, phone, sarafan);

    await mail.start();
    const { client, contact } = await newCaller();
    await expect.poll(async () => (await askByMail(client, contact)).status()).toBe(200);
    await newestTo(mail, contact.email);
  },
);

failureTest(
  "a mail server that takes no message after all changes no answer",
  async ({ mail, newCaller, newPerson }) => {
    const owner = await newPerson();
    mail.reject();
    for (const who of [{}, owner.contact, { email: owner.contact.email }]) {
      const { client, contact } = await newCaller(who);
      await expectSent(askByMail(client, contact));
    }
    mail.reject(false);
  },
);

failureTest(
  "a mail whose request was answered is sent even while the server ends",
  async ({ mail, sarafan, newCaller }) => {
    const { letGo } = mail.hold();
    const { client, contact } = await newCaller();
    await expectSent(askByMail(client, contact));
    const ended = sarafan.stop();
    const isListening = () => fetch(`${sarafan.url}/api/health/live`).then(Boolean, () => false);
    await expect.poll(isListening).toBe(false);
    letGo();
    expect(await ended).toBe(0);
    expect(mail.messagesTo(contact.email)).toHaveLength(1);
  },
);
