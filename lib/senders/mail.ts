import { createTransport } from "nodemailer";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { type ChainSender, type SenderLimits, withCircuitBreaker } from "./chain";
import { accepted, failed, type MessageSender, refused, type Sending, unanswered } from "./sender";

/** Suppresses automatic answers, such as holiday notices (RFC 3834 §5). */
const MAIL_HEADERS = { "Auto-Submitted": "auto-generated" };

/** How long the mail server may be silent. The `signal` of `send` limits the whole conversation with the server. */
const SILENCE_MS_MAX = 10_000;
const TIMEOUTS = {
  connectionTimeout: SILENCE_MS_MAX,
  greetingTimeout: SILENCE_MS_MAX,
  socketTimeout: SILENCE_MS_MAX,
};

/** Sends messages by SMTP; null without `SMTP_URL`. */
export const mailSender: MessageSender | null = env.SMTP_URL ? makeMailSender(env.SMTP_URL, env.MAIL_FROM ?? "") : null;

/** Makes a sender for the mail server at `url` (`smtps://name:password@mail.example`), with `from` as the mails' sender. */
export function makeMailSender(url: string, from: string): MessageSender {
  // Without these two options, a message could make this server read a file or fetch an address.
  const transport = createTransport({ url, ...TIMEOUTS, disableFileAccess: true, disableUrlAccess: true });
  return {
    send: async ({ to, subject, text, html }, signal) => {
      try {
        const mail = { from, to: { name: "", address: to }, subject, text, html, headers: MAIL_HEADERS };
        await transport.sendMail({ ...mail, signal });
        return accepted();
      } catch (error) {
        if (signal.aborted) return unanswered("timeout");
        return outcomeOf(error as SmtpError);
      }
    },
  };
}

interface SmtpError {
  code?: string;
  command?: string;
  responseCode?: number;
}

/** nodemailer's codes for errors of one envelope or message. They count as refusals, because strangers choose the mailbox. */
const MESSAGE_ERROR_CODES = ["EENVELOPE", "EMESSAGE"];
/** nodemailer's codes for a connection that ended or fell silent after it was made: the server may have taken the message. */
const CUT_CONNECTION_ERROR_CODES = ["ECONNECTION", "ETIMEDOUT"];
/** The SMTP status of a service that is not available and closes the connection (RFC 5321 §3.8). */
const CLOSING_STATUS = 421;

/** Returns the outcome for an error of nodemailer, without the server's text, which may contain the mailbox. */
function outcomeOf({ code = "", command = "", responseCode }: SmtpError): Sending {
  if (code === "EAUTH") return failed("account", responseCode);
  if (CUT_CONNECTION_ERROR_CODES.includes(code)) return unanswered("unreachable", code);
  const isOfMessage = MESSAGE_ERROR_CODES.includes(code) && command !== "MAIL FROM" && responseCode !== CLOSING_STATUS;
  return isOfMessage ? refused(responseCode ?? code) : failed("unreachable", responseCode ?? code);
}

/** Returns the sender for mail with its time-out and circuit breaker; null without `SMTP_URL`. */
export function mailChannel(limits: SenderLimits): ChainSender | null {
  const sender = mailSender;
  return sender && perProcess("mail channel", () => withCircuitBreaker("mail", sender, limits));
}
