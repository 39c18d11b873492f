import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { parseConnectionUrl } from "nodemailer/lib/shared";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { env } from "@/lib/env";
import { accepted, failed, type MessageSender, refused, type Sending, unanswered } from "./sender";

/** Automatic answers, such as those of a holiday, stay away from what a program has written (RFC 3834 §5). */
const HEADERS = { "Auto-Submitted": "auto-generated" };

/** A mail server that takes longer than this has not accepted the message. */
const TIMEOUT_MS = 10_000;
const TIMEOUTS = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS };

/** What became of the newest message that a server let us send: how long it took over it, and whether it took it. */
let newest = { tookMs: 0, isAccepted: true };

/** Brings messages by SMTP; null without `SMTP_URL`. It has a time-out of its own, so that a decoy can have the same. */
export const mailSender: MessageSender | null = env.SMTP_URL ? makeMailSender(env.SMTP_URL, env.MAIL_FROM ?? "") : null;

/** Speaks with the mail server at `url` (`smtps://name:password@mail.example`), and sends in the name of `from`. */
export function makeMailSender(url: string, from: string): MessageSender {
  const [, address = from] = /<([^<>]+)>$/.exec(from) ?? [];
  // What a message says is ours; it must make this server read no file and fetch no address.
  const transport = createTransport({ url, ...TIMEOUTS, disableFileAccess: true, disableUrlAccess: true });
  return {
    send: async ({ to, subject, text, html }, signal) => {
      // Until it is known to be otherwise: a server that keeps the message for too long.
      let outcome: typeof newest | null = { tookMs: TIMEOUT_MS, isAccepted: false };
      const sending = await inItsTime(async () => {
        try {
          const { messageTime } = await transport.sendMail({
            from,
            to: { name: "", address: to },
            subject,
            text,
            html,
            headers: HEADERS,
            signal,
          });
          outcome = { tookMs: messageTime, isAccepted: true };
        } catch (error) {
          // Refused before the message was asked for, it is this mailbox's affair, and a decoy hears the same.
          const isMessage = (error as { command?: string }).command === "DATA";
          outcome = isMessage ? { ...newest, isAccepted: false } : null;
          throw error;
        }
      }, signal);
      newest = outcome ?? newest;
      return sending;
    },
    /** Says all that comes before a message, of the same mailbox, and then does as the newest message was done by. */
    pretend: (to) =>
      inItsTime(async () => {
        await rehearse(url, { from: address, to: [to] });
        await wait(newest.tookMs);
        if (!newest.isAccepted) throw new Error("the newest message was not accepted either");
      }),
  };
}

/** How `conversation` ended, with its time-out; answered no sooner than `MAIL_DELAY_MS`. */
async function inItsTime(conversation: () => Promise<void>, signal?: AbortSignal): Promise<Sending> {
  const soonest = wait(env.MAIL_DELAY_MS);
  const deadline = new AbortController();
  try {
    return await Promise.race([
      conversation().then(() => accepted()),
      wait(TIMEOUT_MS, unanswered("timeout"), { signal: deadline.signal, ref: false }),
    ]);
  } catch (error) {
    if (signal?.aborted) return unanswered("timeout");
    // The server's own words may name the address.
    const { code = "unknown", responseCode } = error as { code?: string; responseCode?: number };
    if (code === "EAUTH") return failed("account", responseCode);
    return responseCode && responseCode >= 500 && responseCode < 600
      ? refused(responseCode)
      : failed("unreachable", responseCode ?? code);
  } finally {
    deadline.abort();
    await soonest;
  }
}

/** Speaks with the server up to the point where a message would follow, and hangs up: so none is delivered. */
async function rehearse(url: string, envelope: { from: string; to: string[] }): Promise<void> {
  const { auth, ...options } = parseConnectionUrl(url);
  const connection = new SMTPConnection({ ...options, ...TIMEOUTS });
  try {
    await new Promise<void>((resolve, reject) => {
      const settle = (next: () => void) => (error?: Error | null) => (error ? reject(error) : next());
      const send = () => {
        // Nobody reads from it before the server has asked for the message.
        const message = new Readable({ read: () => undefined });
        message.once("resume", resolve);
        connection.send(
          envelope,
          message,
          settle(() => undefined),
        );
      };
      // For good: a socket may fail more than once, and an error that nobody listens for ends the process.
      connection.on("error", reject);
      connection.connect(settle(() => (auth ? connection.login(auth, settle(send)) : send())));
    });
  } finally {
    connection.close();
  }
}
