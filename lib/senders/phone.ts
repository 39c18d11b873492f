import type { CountryCode } from "libphonenumber-js/max";
import { env, isLoopback, type SenderName } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { type ChainSender, type SenderLimits, withCircuitBreaker, withoutCircuitBreaker } from "./chain";
import { consoleSender } from "./console";
import { makeHttpSender } from "./http";
import type { Sender } from "./sender";
import { makeSmscSender } from "./smsc";
import { makeSmsruSender } from "./smsru";
import { makeTelegramSender } from "./telegram";
import { makeTwilioSender } from "./twilio";

/** The path of Twilio's delivery reports. */
export const TWILIO_STATUS_PATH = "/api/delivery/twilio";

/** Returns the chain for a country's phones: for Kazakhstan the chain of `SENDERS_KZ` if that is set, else of `SENDERS`. */
export function phoneSenders(country: CountryCode | undefined, limits: SenderLimits): ChainSender[] {
  return sendersNamed((country && env.SENDERS_BY_COUNTRY.get(country)) ?? env.SENDERS, limits);
}

/** Returns the senders of all chains, each once: those of `SENDERS` in their order, then further ones of countries. */
export function allPhoneSenders(limits: SenderLimits): ChainSender[] {
  return sendersNamed([...new Set([...env.SENDERS, ...[...env.SENDERS_BY_COUNTRY.values()].flat()])], limits);
}

function sendersNamed(names: readonly SenderName[], limits: SenderLimits): ChainSender[] {
  return names.map((name) => perProcess(`sender ${name}`, () => makeChainSender(name, limits)));
}

function makeChainSender(name: SenderName, limits: SenderLimits): ChainSender {
  if (name === "console") return withoutCircuitBreaker(name, consoleSender);
  return withCircuitBreaker(name, MAKERS_BY_SENDER[name](), limits);
}

/** Make each sender from its settings, which lib/env.ts has checked at the start. */
const MAKERS_BY_SENDER: Record<Exclude<SenderName, "console">, () => Sender> = {
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

/** Whether the provider at an address can reach this server: Twilio refuses a loopback address for callbacks. */
function isReachable(from: string): boolean {
  const [ours, theirs] = [env.APP_URL, from].map((url) => isLoopback(new URL(url).hostname));
  return !ours || theirs === true;
}

function given(setting: string | undefined): string {
  if (setting === undefined)
    throw new Error("A sender's setting is missing, although lib/env.ts checks them at the start.");
  return setting;
}
