import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { findFreePort } from "../scripts/internal/free-port";

/** A received mail. */
export interface Message {
  /** The headers by their names in lower case. Only the subject is decoded. */
  headers: Record<string, string>;
  text: string;
  html: string;
  /** The recipient in the SMTP envelope; the headers may differ. */
  envelope: { from: string; to: string[] };
}

/** A mail server on this machine that keeps what it accepts. */
export interface MailServer {
  /** Its address, for `SMTP_URL`. */
  readonly url: string;
  /** The messages to a mailbox, oldest first. */
  messagesTo(address: string): Message[];
  /** Makes a mailbox unknown from now on, or known again. */
  refuse(address: string, isRefused?: boolean): void;
  /** The number of messages refused because the mailbox was unknown. */
  refusalsOf(address: string): number;
  /** Refuses every message after reading it from now on, or accepts messages again. */
  reject(isRejecting?: boolean): void;
  /** Holds messages from now on, and accepts them when `letGo` is called, if their senders are still connected. */
  hold(): { letGo: () => void };
  /** The number of senders that disconnected before their message was accepted. */
  hangUps(): number;
  /** Stops listening, until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts a mail server on a free port. */
export async function startMailServer(): Promise<MailServer> {
  const messages: Message[] = [];
  const refused = new Set<string>();
  const refusals: string[] = [];
  let gate = Promise.resolve();
  /** The connections whose messages are not answered yet. */
  const waiting = new Set<string>();
  let hangUps = 0;
  let isRejecting = false;
  const port = await findFreePort();
  let server: SMTPServer | undefined;

  async function start() {
    server = new SMTPServer({
      disabledCommands: ["AUTH", "STARTTLS"],
      disableReverseLookup: true,
      closeTimeout: 100,
      onRcptTo: ({ address }, _session, answer) => {
        const mailbox = address.toLowerCase();
        if (!refused.has(mailbox)) return answer();
        refusals.push(mailbox);
        answer(Object.assign(new Error("No such mailbox"), { responseCode: 550 }));
      },
      onClose: ({ id }) => {
        if (waiting.delete(id)) hangUps += 1;
      },
      onData: (stream, { id, envelope }, answer) => {
        const receive = async (raw: Buffer) => {
          waiting.add(id);
          await gate;
          if (!waiting.delete(id)) return;
          if (isRejecting) return answer(Object.assign(new Error("Not now"), { responseCode: 451 }));
          const to = envelope.rcptTo.map(({ address }) => address);
          const from = envelope.mailFrom ? envelope.mailFrom.address : "";
          const { headers, subject = "", text = "", html = "" } = await PostalMime.parse(raw);
          const named = Object.fromEntries(headers.map(({ key, value }) => [key, value]));
          messages.push({ envelope: { from, to }, headers: { ...named, subject }, text, html });
          answer();
        };
        // A sender that disconnects before its message is whole breaks the stream.
        const hangUp = () => {
          hangUps += 1;
        };
        void buffer(stream).then(receive, hangUp);
      },
    });
    // Clients that disconnect early cause errors here, which are expected.
    server.on("error", () => {});
    await once(server.listen(port, "127.0.0.1"), "listening");
  }

  async function stop() {
    const own = server;
    server = undefined;
    if (own) await new Promise<void>((resolve) => own.close(resolve));
  }

  await start();
  return {
    url: `smtp://127.0.0.1:${port}`,
    messagesTo: (address) => messages.filter(({ envelope }) => envelope.to.includes(address)),
    refuse: (address, isRefused = true) => void (isRefused ? refused.add(address) : refused.delete(address)),
    refusalsOf: (address) => refusals.filter((mailbox) => mailbox === address).length,
    reject: (isOn = true) => {
      isRejecting = isOn;
    },
    hangUps: () => hangUps,
    hold: () => {
      let letGo = () => {};
      gate = new Promise((resolve) => {
        letGo = resolve;
      });
      return { letGo };
    },
    stop,
    start,
  };
}
