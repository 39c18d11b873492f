import type { APIRequestContext } from "playwright/test";
import { test as base, expect, type Server } from "../fixtures";
import { type MailServer, startMailServer } from "../mail-server";
import { askByMail, type Contact, confirmByMail, freshEmail, logInWithTokens } from "./clients";

const test = base.extend<{ mail: MailServer; sarafan: Server }>({
  mail: async ({ mailServer }, use) => use(mailServer),
  sarafan: async ({ mailingServer }, use) => use(mailingServer),
});

/** A test that stops the mail server has it, and Sarafan, to itself. */
const failureTest = test.extend({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  mail: async ({}, use) => {
    const mail = await startMailServer();
    await use(mail);
    await mail.stop();
  },
  sarafan: async ({ mail, startServer }, use) =>
    use(await startServer({ SMTP_URL: mail.url, MAIL_FROM: "codes@sarafan.example", REVEAL_CODES: false })),
});

const NOTICE = /^Новый вход/;
const noticesTo = (mail: MailServer, email: string) =>
  mail.messagesTo(email).filter(({ headers }) => NOTICE.test(headers.subject ?? ""));

const codesTo = (mail: MailServer, email: string) =>
  mail.messagesTo(email).flatMap(({ headers }) => /^(\d{4}) /.exec(headers.subject ?? "")?.[1] ?? []);

/** Asks for a code and waits for its mail. */
async function receiveCode(mail: MailServer, client: APIRequestContext, contact: Contact): Promise<string> {
  const before = codesTo(mail, contact.email).length;
  expect((await askByMail(client, contact)).status()).toBe(200);
  await expect.poll(() => codesTo(mail, contact.email).length).toBe(before + 1);
  return codesTo(mail, contact.email).at(-1) ?? "";
}

test("a new device is announced to the mailbox, a recognised browser and the first one are not", async ({
  mail,
  sarafan,
  newClient,
  phone,
}) => {
  const contact: Contact = { phone, email: freshEmail() };
  const logIn = async (client: Awaited<ReturnType<typeof newClient>>) => {
    const code = await receiveCode(mail, client, contact);
    expect((await confirmByMail(client, contact, code)).status()).toBe(200);
  };
  const first = await newClient({ url: sarafan.url });
  await logIn(first);
  await logIn(first);
  // A notice is sent before the next code, so none was sent for the two logins above.
  await logIn(await newClient({ url: sarafan.url, headers: { "user-agent": "okhttp/4.12.0" } }));
  await expect.poll(() => noticesTo(mail, contact.email).length).toBe(1);
  const [notice] = noticesTo(mail, contact.email);
  expect(notice?.envelope.to).toEqual([contact.email]);
  expect(notice?.headers["auto-submitted"]).toBe("auto-generated");
  for (const said of [notice?.text, notice?.html]) {
    expect(said).toContain("okhttp/4.12.0");
    expect(said).toContain("127.0.0.1");
    expect(said).toContain(`${sarafan.url}/account`);
    expect(said).not.toContain(phone);
  }
});

test("an administrator's changes are announced to the old mailbox and to the new one", async ({
  mail,
  sarafan,
  newClient,
  administratorPhone,
  freshPhone,
}) => {
  const admin = await logInWithTokens(newClient, administratorPhone, sarafan);
  const [old, next] = [freshEmail(), freshEmail()];
  const created = await admin.client.post("/api/users/", { data: { phone: freshPhone(), email: old } });
  const { id } = await created.json();
  const change = async (data: object) =>
    expect((await admin.client.patch(`/api/users/${id}/`, { data })).ok()).toBe(true);
  const subjectsTo = (email: string) => mail.messagesTo(email).map(({ headers }) => headers.subject?.split(" · ")[0]);

  await change({ email: next });
  await expect
    .poll(() => [subjectsTo(old), subjectsTo(next)])
    .toEqual(Array(2).fill(["Изменён адрес почты в «Сарафане»"]));
  await change({ phone: freshPhone(), email: null });
  await expect
    .poll(() => subjectsTo(next).toSorted())
    .toEqual([
      "Изменён адрес почты в «Сарафане»",
      "Изменён номер телефона в «Сарафане»",
      "Удалён адрес почты в «Сарафане»",
    ]);
  expect(subjectsTo(old)).toHaveLength(1);
});

test("a delayed deletion is announced to the mailbox, and so is its execution", async ({
  mail,
  sarafan,
  newClient,
  phone,
}) => {
  const contact: Contact = { phone, email: freshEmail() };
  const subjects = () => mail.messagesTo(contact.email).map(({ headers }) => headers.subject?.split(" · ")[0]);
  const [owner, stranger] = [await newClient({ url: sarafan.url }), await newClient({ url: sarafan.url })];
  const ids: number[] = [];
  for (const client of [owner, stranger]) {
    const code = await receiveCode(mail, client, contact);
    ids.push((await (await confirmByMail(client, contact, code)).json()).id);
  }
  const [id] = ids;
  expect((await stranger.delete(`/api/users/${id}/`)).status()).toBe(202);
  await expect.poll(subjects).toContain("Запрошено удаление аккаунта в «Сарафане»");
  await expect.poll(async () => (await owner.get(`/api/users/${id}/`)).status()).toBe(401);
  await expect.poll(subjects).toContain("Аккаунт в «Сарафане» удалён");
});

failureTest(
  "a login neither waits for the notice nor fails by it, and the log says nothing of the person",
  async ({ mail, sarafan, newClient, phone }) => {
    const contact: Contact = { phone, email: freshEmail() };
    await receiveCode(mail, await newClient({ url: sarafan.url }), contact);
    const clients = [await newClient({ url: sarafan.url }), await newClient({ url: sarafan.url })] as const;
    for (const client of clients) await receiveCode(mail, client, contact);
    const codes = codesTo(mail, contact.email);
    const opener = await newClient({ url: sarafan.url });
    await confirmByMail(opener, contact, await receiveCode(mail, opener, contact));

    const { letGo } = mail.hold();
    expect((await confirmByMail(clients[0], contact, codes[1] ?? "")).status()).toBe(200);
    expect(mail.hangUps()).toBe(0);
    letGo();
    await expect.poll(() => noticesTo(mail, contact.email).length).toBe(1);

    await mail.stop();
    expect((await confirmByMail(clients[1], contact, codes[2] ?? "")).status()).toBe(200);
    await expect.poll(() => sarafan.output()).toContain("a notice was not sent, and is tried again");
    for (const text of [contact.email, contact.phone]) expect(sarafan.output()).not.toContain(text);
  },
);
