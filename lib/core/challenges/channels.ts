import { setTimeout as sleep } from "node:timers/promises";
import { publishRestInBackground } from "@/lib/core/events/sender-rests";
import type { Recipient } from "@/lib/core/identity/recipient";
import { MAIL_TIMEOUT_MS, SENDER_FAILURES_MAX, SENDER_REST_MS, SENDER_TIMEOUT_MS } from "@/lib/core/policy";
import { perProcess } from "@/lib/per-process";
import { type ChainSender, withoutCircuitBreaker } from "@/lib/senders/chain";
import { consoleSender } from "@/lib/senders/console";
import { mailChannel } from "@/lib/senders/mail";
import { allPhoneSenders, phoneSenders } from "@/lib/senders/phone";
import { accepted, type Sender } from "@/lib/senders/sender";
import { TEST_NUMBER_SENDER } from "./fixed-code";
import { countryOf } from "./served-countries";

const REST_RULES = { failuresMax: SENDER_FAILURES_MAX, restMs: SENDER_REST_MS, onRest: publishRestInBackground };
const PHONE_LIMITS = { ...REST_RULES, timeoutMs: SENDER_TIMEOUT_MS };

/** Returns the channels to a recipient, in the order in which they are asked. The order for phones can differ by country. */
export function channelsTo(recipient: Recipient, sender?: Sender): readonly ChainSender[] {
  if (sender) return [withoutCircuitBreaker("mail", sender)];
  if (recipient.kind === "phone") return phoneSenders(countryOf(recipient.address) ?? undefined, PHONE_LIMITS);
  return [mail() ?? withoutCircuitBreaker("console", consoleSender)];
}

const mail = () => mailChannel({ ...REST_RULES, timeoutMs: MAIL_TIMEOUT_MS });

/** Returns the senders to phones of all countries, each once, in the order of the settings. */
export function channelsToPhones(): readonly ChainSender[] {
  return allPhoneSenders(PHONE_LIMITS);
}

/**
 * A sender of the settings: whether it sends to phones, or else to mailboxes, and how long it still rests in this process after
 * failures; 0 if it does not rest.
 */
export interface SenderState {
  name: string;
  isForPhones: boolean;
  restLeftMs: number;
}

function statesOf(channels: readonly ChainSender[], isForPhones: boolean): SenderState[] {
  return channels.map(({ name, restLeftMs }) => ({ name, isForPhones, restLeftMs: restLeftMs() }));
}

/** Returns the senders to this recipient, in their order. */
export function listSenders(recipient: Recipient): SenderState[] {
  return statesOf(channelsTo(recipient), recipient.kind === "phone");
}

/** Returns all senders of the settings: those to phones in their order, then the mail server if there is one. */
export function listAllSenders(): SenderState[] {
  const mailSender = mail();
  return [...statesOf(channelsToPhones(), true), ...statesOf(mailSender ? [mailSender] : [], false)];
}

/** How long the last messages to phones took in this process, in milliseconds. */
const recentSendingsMs = perProcess("recent sendings", () => [] as number[]);
const RECENT_SENDINGS_KEPT = 50;

/** Remembers how long a sender took to accept a message to a phone, for the channel of test numbers. */
export function rememberSendingMs(tookMs: number): void {
  recentSendingsMs.push(tookMs);
  if (recentSendingsMs.length > RECENT_SENDINGS_KEPT) recentSendingsMs.shift();
}

/**
 * The channel to test numbers. It accepts a message without sending it, after as long as one of the last messages to other phones took,
 * so that the duration does not tell a test number from outside.
 */
export const TEST_NUMBER_CHANNEL = withoutCircuitBreaker(TEST_NUMBER_SENDER, {
  send: async () => {
    const usualMs = recentSendingsMs[Math.floor(Math.random() * recentSendingsMs.length)] ?? 0;
    await sleep(Math.min(usualMs, SENDER_TIMEOUT_MS));
    return accepted();
  },
});
