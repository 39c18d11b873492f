import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import PostalMime from "postal-mime";
import { SMTPServer, type SMTPServerEnvelope } from "smtp-server";
import type { GatewayState } from "./state";

/** Makes the mail server. For the switch value `garbage` it answers with a reply code that SMTP doesn't have. */
export function makeSmtpServer(state: GatewayState): SMTPServer {
  const server = new SMTPServer({
    authOptional: true,
    // Any name and password are accepted, and without TLS, because connections stay on this machine.
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: (_auth, _session, done) => done(null, { user: "any" }),
    onRcptTo: (_address, _session, done) =>
      done(state.switches("mail").answer === "refuse" ? smtpError(550, "No such mailbox") : null),
    onData: (stream, session, done) => {
      receive(state, stream, session.envelope).then(
        (answer) => {
          if (answer !== "silence") done(answer === "accept" ? null : answer);
        },
        // The client disconnected during the message, or the message can't be parsed.
        (error) => done(smtpError(554, String(error))),
      );
    },
  });
  // Clients that disconnect early cause errors here, which are expected.
  server.on("error", () => {});
  return server;
}

async function receive(
  state: GatewayState,
  stream: Readable,
  envelope: SMTPServerEnvelope,
): Promise<Error | "accept" | "silence"> {
  const raw = await buffer(stream);
  const { answer, delayMs } = state.switches("mail");
  if (answer === "silence") return "silence";
  await wait(delayMs, undefined, { ref: false });
  if (answer === "429") return smtpError(451, "Too many messages");
  if (answer === "500") return smtpError(421, "Something is wrong here");
  if (answer === "garbage") return smtpError(700, "It works!");
  const { subject = "", text = "", html = "" } = await PostalMime.parse(raw);
  for (const { address } of envelope.rcptTo) {
    const from = envelope.mailFrom ? envelope.mailFrom.address : "";
    state.inbox.add({ id: randomUUID(), provider: "mail", to: address, subject, text, asked: { from, html } });
  }
  return "accept";
}

const smtpError = (responseCode: number, words: string) => Object.assign(new Error(words), { responseCode });
