import type { APIRequestContext } from "playwright/test";
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
} from "./clients";

type Person = { client: APIRequestContext; contact: Contact; id: number };

const test = base.extend<{
  mail: MailServer;
  /** A Sarafan whose codes for mailboxes go to `mail`, and are shown nowhere else. */
  sarafan: Server;
  /** Somebody without cookies, with a phone and a mailbox that nobody has. */
  newCaller: (who?: Partial<Contact>) => Promise<Omit<Person, "id">>;
  /** Somebody who has an account by the code that was mailed. */
  newPerson: () => Promise<Person>;
}>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  mail: async ({}, use) => {
    const mail = await startMailServer();
    await use(mail);
    await mail.stop();
  },
  sarafan: async ({ mail, startServer }, use) =>
    use(await startServer({ SMTP_URL: mail.url, MAIL_FROM: "Sarafan <codes@sarafan.example>", REVEAL_CODES: false })),
  newCaller: async ({ sarafan, newClient, freshPhone }, use) =>
    use(async ({ phone = freshPhone(), email = freshEmail() } = {}) => ({
      client: await newClient({ url: sarafan.url }),
      contact: { phone, email },
    })),
  newPerson: async ({ mail, newCaller }, use) =>
    use(async () => {
      const { client, contact } = await newCaller();
      expect((await askByMail(client, contact)).status()).toBe(200);
      const answer = await confirmByMail(client, contact, codeIn(newestTo(mail, contact.email)));
      return { client, contact, id: (await answer.json()).id };
    }),
});

/** The message that must be there when the answer is: an answer waits until it was accepted. */
function newestTo(mail: MailServer, email: string): Message {
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

test("a code comes by mail, in the language of who asks, and to nobody else", async ({
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
    expect(mail.messagesTo(contact.email)).toHaveLength(1);
    const message = newestTo(mail, contact.email);
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
  const { client, contact } = await newCaller({ email: owner.contact.email });
  await expectSent(askByMail(client, contact));
  expect((await confirmByMail(client, contact, codeIn(newestTo(mail, contact.email)))).status()).toBe(401);
  expect(mail.messagesTo(contact.email)).toHaveLength(1);
  const again = await newCaller(owner.contact);
  await expectSent(askByMail(again.client, again.contact));
  const opened = await confirmByMail(again.client, again.contact, codeIn(newestTo(mail, contact.email)));
  expect((await opened.json()).id).toBe(owner.id);
  expect(sarafan.output()).not.toMatch(/@example\.com \d{4}/);
});

test("a mailbox that is refused is said to be, and the code from before stays good", async ({ mail, newCaller }) => {
  const { client, contact } = await newCaller();
  await expectSent(askByMail(client, contact));
  mail.refuse(contact.email);
  await expectNotSent(askByMail(client, contact), "refused");
  const opened = await confirmByMail(client, contact, codeIn(newestTo(mail, contact.email)));
  expect([opened.status(), await opened.json()]).toEqual([200, expect.objectContaining(contact)]);

  const other = await newCaller();
  mail.refuse(other.contact.email);
  await expectNotSent(askByMail(other.client, other.contact), "refused at first");
  expect((await confirmByMail(other.client, other.contact, "0000")).status()).toBe(400);
  mail.refuse(other.contact.email, false);
  await expectSent(askByMail(other.client, other.contact));
});

test("an answer waits until the mail was accepted, and no shorter where none is sent", async ({
  mail,
  newCaller,
  newPerson,
}) => {
  mail.delay(1500);
  const owner = await newPerson();
  for (const who of [{}, owner.contact, { email: owner.contact.email }]) {
    const { client, contact } = await newCaller(who);
    const askedAt = Date.now();
    await expectSent(askByMail(client, contact));
    expect(Date.now() - askedAt, JSON.stringify(who)).toBeGreaterThan(1300);
  }
  expect(mail.messagesTo(owner.contact.email)).toHaveLength(2);
});

test("while the mail server is gone all mailboxes look alike, and phones go on", async ({
  mail,
  sarafan,
  newCaller,
  newPerson,
  newClient,
  phone,
}) => {
  const owner = await newPerson();
  await mail.stop();
  const seen = new Set<string>();
  const callers = [{}, owner.contact, { email: owner.contact.email }];
  for (const who of callers) {
    const { client, contact } = await newCaller(who);
    const answer = await askByMail(client, contact);
    await expectNotSent(answer, JSON.stringify(who));
    seen.add(`${Object.keys(answer.headers()).sort()} ${await answer.text()}`);
  }
  expect(seen.size).toBe(1);
  await logInWithCookie(newClient, phone, sarafan);

  await mail.start();
  for (const who of callers) {
    const { client, contact } = await newCaller(who);
    await expectSent(askByMail(client, contact));
  }
});

test("whatever the mail server says, a known mailbox with another phone is answered like any other", async ({
  mail,
  newCaller,
  newPerson,
}) => {
  const owner = await newPerson();
  const askAs = async (who: Partial<Contact>) => {
    const { client, contact } = await newCaller(who);
    return askByMail(client, contact);
  };
  mail.refuse(owner.contact.email);
  await expectNotSent(askAs(owner.contact), "refused, the phone that is its own");
  await expectNotSent(askAs({ email: owner.contact.email }), "refused, another phone");
  mail.refuse(owner.contact.email, false);

  mail.reject();
  await expectNotSent(askAs({}), "rejected, a mailbox that is new");
  await expectNotSent(askAs({ email: owner.contact.email }), "rejected, another phone");
  mail.reject(false);
  await expectSent(askAs({}));
  await expectSent(askAs({ email: owner.contact.email }));
  expect(mail.messagesTo(owner.contact.email)).toHaveLength(1);
});

test("no answer comes sooner than any other, before the server has sent its first mail either", async ({
  mail,
  newClient,
  freshPhone,
  startServer,
}) => {
  const settings = { SMTP_URL: mail.url, MAIL_FROM: "codes@sarafan.example", REVEAL_CODES: false, MAIL_DELAY_MS: 1000 };
  const server = await startServer(settings);
  const contact = { phone: freshPhone(), email: freshEmail() };
  const client = await newClient({ url: server.url });
  await expectSent(askByMail(client, contact));
  expect((await confirmByMail(client, contact, codeIn(newestTo(mail, contact.email)))).status()).toBe(200);
  await server.stop();
  await server.start();
  for (const asked of [
    { ...contact, phone: freshPhone() },
    { phone: freshPhone(), email: freshEmail() },
  ]) {
    const askedAt = Date.now();
    await expectSent(askByMail(await newClient({ url: server.url }), asked));
    expect(Date.now() - askedAt, asked.email).toBeGreaterThan(950);
  }
});
