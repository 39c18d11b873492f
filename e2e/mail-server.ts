import { once } from "node:events";
import { SMTPServer } from "smtp-server";

/** A message as its reader sees it. */
export interface Message {
  /** Whom the sending server named to us; the headers may say something else. */
  envelope: { from: string; to: string[] };
  /** By their names in lower case, decoded. */
  headers: Record<string, string>;
  text: string;
  html: string;
}

/** A mail server on this machine that keeps what it accepts. */
export interface MailServer {
  /** What `SMTP_URL` is set to. */
  readonly url: string;
  /** What has come for a mailbox, oldest first. */
  messagesTo(address: string): Message[];
  /** From now on this mailbox doesn't exist, or does again. */
  refuse(address: string, isRefused?: boolean): void;
  /** From now on it takes no message at all, once it has seen it, or does again. */
  reject(isRejecting?: boolean): void;
  /** From now on it takes so long to accept a message. */
  delay(ms: number): void;
  /** Ends it; nothing listens at its port then, until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts a mail server at a port of its own. */
export async function startMailServer(): Promise<MailServer> {
  const messages: Message[] = [];
  const refused = new Set<string>();
  let delayMs = 0;
  let isRejecting = false;
  let port = 0;
  let server: SMTPServer | undefined;

  async function start() {
    server = new SMTPServer({
      disabledCommands: ["AUTH", "STARTTLS"],
      disableReverseLookup: true,
      closeTimeout: 100,
      onRcptTo: ({ address }, _session, answer) =>
        answer(
          refused.has(address.toLowerCase())
            ? Object.assign(new Error("No such mailbox"), { responseCode: 550 })
            : null,
        ),
      onData: (stream, { envelope }, answer) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const to = envelope.rcptTo.map(({ address }) => address);
          const from = envelope.mailFrom ? envelope.mailFrom.address : "";
          setTimeout(() => {
            if (isRejecting) return answer(Object.assign(new Error("Not now"), { responseCode: 451 }));
            messages.push({ envelope: { from, to }, ...readMessage(Buffer.concat(chunks).toString("latin1")) });
            answer();
          }, delayMs);
        });
      },
    });
    // A client that hangs up in the middle is no failure of ours.
    server.on("error", () => {});
    const listening = server.listen(port, "127.0.0.1");
    await once(listening, "listening");
    const address = listening.address();
    if (address === null || typeof address === "string") throw new Error("A TCP server has a port.");
    port = address.port;
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
    reject: (isOn = true) => {
      isRejecting = isOn;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    stop,
    start,
  };
}

/** Reads what RFC 5322 and MIME call a message, a byte a character, as far as text with an HTML alternative needs it. */
function readMessage(raw: string): Omit<Message, "envelope"> {
  const [head = ""] = raw.split("\r\n\r\n", 1);
  const content = raw.slice(head.length + 4);
  const headers = Object.fromEntries(
    [...head.replace(/\r\n[ \t]+/g, " ").matchAll(/^([^:\r\n]+): *(.*)$/gm)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      decodeWords(value),
    ]),
  );
  const type = headers["content-type"] ?? "text/plain";
  const [, boundary] = /^multipart\/.*boundary="?([^";]+)/i.exec(type) ?? [];
  if (boundary) {
    const parts = content
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => readMessage(part.replace(/^\r\n/, "")));
    return { headers, text: parts.map(({ text }) => text).join(""), html: parts.map(({ html }) => html).join("") };
  }
  const decoded = decode(content, headers["content-transfer-encoding"]);
  return type.startsWith("text/html") ? { headers, text: "", html: decoded } : { headers, text: decoded, html: "" };
}

/** The text of a part (RFC 2045 §6). */
function decode(content: string, encoding = "7bit"): string {
  if (/^base64$/i.test(encoding)) return Buffer.from(content, "base64").toString("utf8");
  const bytes = /^quoted-printable$/i.test(encoding) ? unquote(content.replace(/=\r\n/g, "")) : content;
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The text of a header (RFC 2047). */
function decodeWords(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, "?==?")
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding: string, text: string) =>
      Buffer.from(encoding.toLowerCase() === "b" ? atob(text) : unquote(text.replaceAll("_", " ")), "latin1").toString(
        "utf8",
      ),
    );
}

const unquote = (text: string) =>
  text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
