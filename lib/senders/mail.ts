import { createTransport } from "nodemailer";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { type ChainSender, makePatient, type Patience } from "./chain";
import { accepted, failed, type MessageSender, refused, type Sending, unanswered } from "./sender";

/** Automatic answers, such as those of a holiday, stay away from what a program has written (RFC 3834 §5). */
const HEADERS = { "Auto-Submitted": "auto-generated" };

/** How long the mail server may say nothing; whoever sends gives the whole conversation its time by a signal. */
const SILENCE_MS_MAX = 10_000;
const TIMEOUTS = {
  connectionTimeout: SILENCE_MS_MAX,
  greetingTimeout: SILENCE_MS_MAX,
  socketTimeout: SILENCE_MS_MAX,
};

/** Brings messages by SMTP; null without `SMTP_URL`. */
export const mailSender: MessageSender | null = env.SMTP_URL ? makeMailSender(env.SMTP_URL, env.MAIL_FROM ?? "") : null;

/** Speaks with the mail server at `url` (`smtps://name:password@mail.example`), and sends in the name of `from`. */
export function makeMailSender(url: string, from: string): MessageSender {
  // What a message says is ours; it must make this server read no file and fetch no address.
  const transport = createTransport({ url, ...TIMEOUTS, disableFileAccess: true, disableUrlAccess: true });
  return {
    send: async ({ to, subject, text, html }, signal) => {
      try {
        await transport.sendMail({
          from,
          to: { name: "", address: to },
          subject,
          text,
          html,
          headers: HEADERS,
          signal,
        });
        return accepted();
      } catch (error) {
        if (signal.aborted) return unanswered("timeout");
        return outcomeOf(error as { code?: string; command?: string; responseCode?: number });
      }
    },
  };
}

interface SmtpError {
  code?: string;
  command?: string;
  responseCode?: number;
}

/** nodemailer's names for what is about one envelope or one message; strangers choose the mailbox. */
const OF_ONE_MESSAGE = ["EENVELOPE", "EMESSAGE"];
/** The connection was there and ended, or fell silent: the message may have been taken. */
const CUT = ["ECONNECTION", "ETIMEDOUT"];
/** The service is not available and closes the connection (RFC 5321 §3.8). */
const CLOSING = 421;

/** What an error of nodemailer means, without the server's own words, which may name the mailbox. */
function outcomeOf({ code = "", command = "", responseCode }: SmtpError): Sending {
  if (code === "EAUTH") return failed("account", responseCode);
  if (CUT.includes(code)) return unanswered("unreachable", code);
  const isOfMessage = OF_ONE_MESSAGE.includes(code) && command !== "MAIL FROM" && responseCode !== CLOSING;
  return isOfMessage ? refused(responseCode ?? code) : failed("unreachable", responseCode ?? code);
}

/** The mail server with its time-out and its rest, as a chain of phones' senders has them; null without `SMTP_URL`. */
export function mailChannel(patience: Patience): ChainSender | null {
  const sender = mailSender;
  return sender && perProcess("mail channel", () => makePatient("mail", sender, patience));
}
