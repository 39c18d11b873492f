import { setTimeout as wait } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { env } from "@/lib/env";
import type { Sender } from "./sender";

/** A mail server that takes longer than this has not accepted the message. */
const TIMEOUT_MS = 10_000;
/** How many of the newest deliveries `pretend` takes its time from. */
const DURATIONS_KEPT_MAX = 32;

const { SMTP_URL, MAIL_FROM } = env;
const transport = SMTP_URL
  ? createTransport({
      url: SMTP_URL,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      // What a message says is ours; it must make this server read no file and fetch no address.
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  : null;

const durationsMs: number[] = [];

/** Brings codes by SMTP; null without `SMTP_URL`. A refusal, a slow server and one that is gone are all a `false`. */
export const mailSender: Sender | null = transport && {
  send: async ({ to, subject, text, html }) => {
    const begunAt = performance.now();
    const isSent = await isAccepted(
      transport.sendMail({ from: MAIL_FROM, to: [{ name: "", address: to }], subject, text, html }),
    );
    if (isSent) keepDuration(performance.now() - begunAt);
    return isSent;
  },
  /** Speaks with the server as far as a message would come, so that a server that is gone is gone here, too. */
  pretend: async () => {
    const begunAt = performance.now();
    if (!(await isAccepted(transport.verify()))) return false;
    const wantedMs = durationsMs[Math.floor(Math.random() * durationsMs.length)] ?? 0;
    await wait(Math.max(0, wantedMs - (performance.now() - begunAt)));
    return true;
  },
};

async function isAccepted(conversation: Promise<unknown>): Promise<boolean> {
  const deadline = new AbortController();
  try {
    return await Promise.race([
      conversation.then(() => true),
      wait(TIMEOUT_MS, false, { signal: deadline.signal, ref: false }),
    ]);
  } catch (error) {
    // The server's own words may name the address.
    const { code = "unknown", responseCode = "" } = error as { code?: string; responseCode?: number };
    process.stderr.write(`The mail server took no message: ${code} ${responseCode}\n`);
    return false;
  } finally {
    deadline.abort();
  }
}

function keepDuration(ms: number): void {
  durationsMs.push(ms);
  if (durationsMs.length > DURATIONS_KEPT_MAX) durationsMs.shift();
}
