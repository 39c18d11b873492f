import { expect, _baseTest as test } from "playwright/test";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { renderMetrics } from "@/lib/ops/metrics";
import {
  accepted,
  failed,
  type Message,
  type MessageSender,
  refused,
  type Sending,
  unanswered,
} from "@/lib/senders/sender";
import { anybody, freshEmail, openSession, signUp, signUpByMail } from "@/lib/testing/people";
import { composeNotice, notifyMailboxes, notifyOfNewDevice, sendNotice } from "./security-notices";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";

/** A mail server that keeps the mails it gets. */
function fakeMailServer() {
  const messages: Message[] = [];
  const sender: MessageSender = {
    send: async (message) => {
      messages.push(message);
      return accepted();
    },
  };
  return { messages, sender };
}

test("a sign-in from a new device sends a notice with device, network, time and advice", async () => {
  const { userId, email } = await signUpByMail();
  const requester = { network: "192.0.2.7", agent: WINDOWS, browser: null };
  const at = new Date("2026-11-21T18:30:00Z");
  const session = await openSession({ userId, proven: emailRecipient(email) }, requester, at);
  const { messages, sender } = fakeMailServer();
  await notifyOfNewDevice(session, requester, sender);
  expect(messages).toMatchObject([{ to: email, subject: "Новый вход в «Сарафан» · New login to Sarafan" }]);
  for (const body of [messages[0]?.text, messages[0]?.html]) {
    for (const words of ["Chrome, Windows", "192.0.2.7", "18:30", "6:30", "/account", "вошли", "logged in"]) {
      expect(body).toContain(words);
    }
  }
});

test("there is no notice of a trusted device, without a mailbox, or without a mail server", async () => {
  const [byMail, byPhone] = [await signUpByMail(), await signUp()];
  const { messages, sender } = fakeMailServer();
  const requester = anybody();
  const made = await openSession(
    { userId: byMail.userId, proven: emailRecipient(byMail.email), created: true },
    requester,
  );
  await notifyOfNewDevice(made, requester, sender);
  await notifyOfNewDevice(
    await openSession({ userId: byPhone.userId, proven: phoneRecipient(byPhone.phone) }, requester),
    requester,
    sender,
  );
  await notifyOfNewDevice(
    await openSession({ userId: byMail.userId, proven: emailRecipient(byMail.email) }, requester),
    requester,
    null,
  );
  expect(messages).toEqual([]);
});

test("a change of mailbox sends a notice to the old mailbox and to the new one", async () => {
  const { messages, sender } = fakeMailServer();
  const mailboxes = [freshEmail(), freshEmail()];
  await notifyMailboxes(mailboxes, { name: "email_changed", was: "changed", at: new Date() }, sender);
  expect(messages.map(({ to }) => to)).toEqual(mailboxes);
  expect(messages[0]?.subject).toBe("Изменён адрес почты в «Сарафане» · E-mail address changed in Sarafan");
});

test("a notice reaches one mailbox even if the other one can't be reached", async () => {
  const { messages, sender } = fakeMailServer();
  const [unreachable, other] = [freshEmail(), freshEmail()];
  const send: MessageSender["send"] = async (message, signal) =>
    message.to === unreachable ? failed("unreachable", "ECONNREFUSED") : sender.send(message, signal);
  const notice = { name: "email_changed", was: "changed", at: new Date() } as const;
  await notifyMailboxes([unreachable, other], notice, { ...sender, send });
  expect(messages.map(({ to }) => to)).toEqual([other]);
});

/** Returns how many notices the metrics count under each outcome. */
async function noticesCounted(): Promise<Record<string, number>> {
  const { text } = await renderMetrics();
  const counted = text.matchAll(/^sarafan_notices_total\{outcome="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...counted].map(([, outcome = "", count]) => [outcome, Number(count)]));
}

/** A mail server that gives each mail the next of these answers, and the last answer from then on. */
function answering(...answers: [Sending, ...Sending[]]) {
  const messages: Message[] = [];
  const sender: MessageSender = {
    send: async (message) => {
      messages.push(message);
      return answers.at(Math.min(messages.length, answers.length) - 1) ?? answers[0];
    },
  };
  return { messages, sender };
}

const NOTICE = { name: "phone_changed", was: "changed", at: new Date() } as const;

test("a notice that was not accepted is sent again after a pause, and each outcome is counted", async () => {
  const before = await noticesCounted();
  const away = answering(failed("unreachable", "ECONNREFUSED"), unanswered("timeout"), accepted());
  await sendNotice(composeNotice(freshEmail(), NOTICE), away.sender, [10, 10]);
  await expect.poll(() => away.messages.length).toBe(3);
  expect(new Set(away.messages).size).toBe(1);
  await expect
    .poll(noticesCounted)
    .toEqual({ ...before, retried: (before.retried ?? 0) + 2, ok: (before.ok ?? 0) + 1 });
});

test("a notice is given up after its last attempt or a permanent refusal, and that is counted", async () => {
  const before = (await noticesCounted()).not_sent ?? 0;
  const away = answering(failed("unreachable", "ECONNREFUSED"));
  await sendNotice(composeNotice(freshEmail(), NOTICE), away.sender, [10]);
  await expect.poll(() => away.messages.length).toBe(2);
  const refusing = answering(refused(550), accepted());
  await sendNotice(composeNotice(freshEmail(), NOTICE), refusing.sender, [0]);
  await expect.poll(async () => (await noticesCounted()).not_sent).toBe(before + 2);
  expect([away.messages.length, refusing.messages.length]).toEqual([2, 1]);
});

test("a User-Agent brings no markup into a notice", async () => {
  const requester = { network: "192.0.2.7", agent: "<b>x</b>/1 (y)", browser: null };
  const { html } = composeNotice(freshEmail(), { name: "signed_in", requester, at: new Date() });
  expect(html).not.toContain("<b>");
  expect(html).toContain("Неизвестное устройство");
});

test("a notice contains no text of a stranger: an unknown product is shown as an application", () => {
  for (const agent of ["Call/8-800-555-35-35", "Verify/some.site", "okhttp/some.site Verify/1"]) {
    const notice = composeNotice(freshEmail(), {
      name: "signed_in",
      requester: { ...anybody(), agent },
      at: new Date(),
    });
    for (const body of [notice.text, notice.html]) {
      expect(body).not.toMatch(/800|Call|Verify|some/);
      expect(body).toMatch(agent.startsWith("okhttp") ? /okhttp, network/ : /An application, network/);
      expect(body).toMatch(agent.startsWith("okhttp") ? /okhttp, сеть/ : /Приложение, сеть/);
    }
  }
});
