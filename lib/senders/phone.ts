import type { CountryCode } from "libphonenumber-js/max";
import { env, isLoopback, type SenderName } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { type ChainSender, makePatient, type Patience } from "./chain";
import { consoleSender } from "./console";
import { makeHttpSender } from "./http";
import type { Sender } from "./sender";
import { makeSmscSender } from "./smsc";
import { makeSmsruSender } from "./smsru";
import { makeTelegramSender } from "./telegram";
import { makeTwilioSender } from "./twilio";

/** Where Twilio reports what becomes of a message. */
export const TWILIO_STATUS_PATH = "/api/delivery/twilio";

/** The senders for a country's phones, in their order: `SENDERS_KZ` for Kazakhstan's, where that is set, else `SENDERS`. */
export function phoneSenders(country: CountryCode | undefined, patience: Patience): ChainSender[] {
  const names = (country && env.SENDERS_BY_COUNTRY.get(country)) ?? env.SENDERS;
  return names.map((name) => senderOf(name, patience));
}

function senderOf(name: SenderName, patience: Patience): ChainSender {
  return perProcess(`sender ${name}`, () => makeChainSender(name, patience));
}

function makeChainSender(name: SenderName, patience: Patience): ChainSender {
  // It takes as long as it was told to, and has nothing that could fail.
  const neverAborted = new AbortController().signal;
  if (name === "console")
    return { name, isResting: () => false, send: (message) => consoleSender.send(message, neverAborted) };
  return makePatient(name, MAKERS[name](), patience);
}

/** Each wants settings that are there, or the server would not have started. */
const MAKERS: Record<Exclude<SenderName, "console">, () => Sender> = {
  twilio: () =>
    makeTwilioSender({
      url: env.TWILIO_URL,
      accountSid: given(env.TWILIO_ACCOUNT_SID),
      authToken: given(env.TWILIO_AUTH_TOKEN),
      from: given(env.TWILIO_FROM),
      statusCallback: isReachable(env.TWILIO_URL) ? `${env.APP_URL}${TWILIO_STATUS_PATH}` : null,
    }),
  smsru: () => makeSmsruSender({ url: env.SMSRU_URL, apiId: given(env.SMSRU_API_ID) }),
  smsc: () => makeSmscSender({ url: env.SMSC_URL, login: given(env.SMSC_LOGIN), password: given(env.SMSC_PASSWORD) }),
  telegram: () => makeTelegramSender({ url: env.TELEGRAM_GATEWAY_URL, token: given(env.TELEGRAM_GATEWAY_TOKEN) }),
  http: () =>
    makeHttpSender({
      url: given(env.HTTP_SENDER_URL),
      body: given(env.HTTP_SENDER_BODY),
      headers: env.HTTP_SENDER_HEADERS,
    }),
};

/** Whether whoever is at an address can reach us: Twilio refuses messages that would be reported to its own machine. */
function isReachable(from: string): boolean {
  const [ours, theirs] = [env.APP_URL, from].map((url) => isLoopback(new URL(url).hostname));
  return !ours || theirs === true;
}

function given(setting: string | undefined): string {
  if (setting === undefined) throw new Error("A setting is missing that the start should have missed.");
  return setting;
}
