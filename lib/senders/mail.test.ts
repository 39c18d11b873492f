import { createServer, type Socket } from "node:net";
import { expect, _baseTest as test } from "playwright/test";
import { startMailServer } from "../../e2e/mail-server";
import { makeMailSender } from "./mail";
import type { Message } from "./sender";

const MESSAGE: Message = { to: "anna@people.example", subject: "480213", text: "480213", html: "<p>480213</p>" };
const FROM = "Sarafan <codes@sarafan.example>";
const never = new AbortController().signal;

test("a mail is marked as written by a program, so that no holiday notice answers it", async () => {
  const mail = await startMailServer();
  expect(await makeMailSender(mail.url, FROM).send(MESSAGE, never)).toMatchObject({ outcome: "accepted" });
  const [message] = mail.messagesTo(MESSAGE.to);
  expect(message?.headers["auto-submitted"]).toBe("auto-generated");
  await mail.stop();
});

test("a refused or deferred mail is an outcome with a reason, not an exception", async () => {
  const mail = await startMailServer();
  const sender = makeMailSender(mail.url, FROM);
  mail.refuse(MESSAGE.to);
  expect(await sender.send(MESSAGE, never)).toEqual({ outcome: "refused", reason: "not_taken 550" });
  mail.refuse(MESSAGE.to, false);
  mail.reject();
  expect(await sender.send(MESSAGE, never)).toEqual({ outcome: "refused", reason: "not_taken 451" });
  await mail.stop();
  expect(await sender.send(MESSAGE, never)).toMatchObject({ outcome: "failed", reason: /^unreachable E/ });
});

test("an aborted signal ends a mail and its connection", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const sender = makeMailSender(`smtp://127.0.0.1:${port}`, FROM);
  const [earlier, given] = [new AbortController(), new AbortController()];
  // Without the signal the first mail would end first, because the server's silence ends both after the same time.
  const waiting = sender.send(MESSAGE, earlier.signal);
  await expect.poll(() => sockets.length).toBe(1);
  const sending = sender.send(MESSAGE, given.signal);
  await expect.poll(() => sockets.length).toBe(2);
  given.abort();
  const first = await Promise.race([waiting.then(() => "the earlier one"), sending]);
  expect(first).toEqual({ outcome: "failed", reason: "timeout", mayBeSent: true });
  await expect.poll(() => sockets[1]?.destroyed || sockets[1]?.readableEnded).toBe(true);
  expect(sockets[0]?.readableEnded).toBe(false);
  earlier.abort();
  await waiting;
  silent.close();
});
