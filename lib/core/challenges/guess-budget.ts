import { IPV6_SITE_TIMES } from "@/lib/core/networks";
import {
  ALARM_AFTER_WRONG,
  ALARM_MS,
  CLOSED_NETWORK_DIGITS,
  CODE_DIGITS,
  CODE_TTL_MS,
  GUESS_PROBABILITY_PER_DAY_MAX,
  LONGER_CODES,
  SENDS_PER_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_DAY,
  SENDS_PER_PHONE_PER_HOUR,
  TRIES_PER_CODE,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "@/lib/core/policy";
import { SettingsError } from "@/lib/env";
import { digitsAfter } from "./code-length";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** What the limits leave to somebody who guesses all day. */
export interface GuessBudget {
  /**
   * How many guesses strangers have at one phone or mailbox in any 24 hours, however many they are: at codes of this length
   * or shorter, the last at any.
   */
  guesses: readonly { digits: number; max: number }[];
  /** The chance that one of those is right. An account with a phone and a mailbox has two doors, and twice the chance. */
  probability: number;
  /**
   * How many guesses one network has in 24 hours at any number of phones: at codes of this length or shorter, the last at any. An
   * IPv6 site (a /48) has `IPV6_SITE_TIMES` as many.
   */
  guessesPerNetwork: readonly { digits: number; max: number }[];
  /** How many accounts that opens on an average, and how many an IPv6 site opens. */
  accountsPerNetwork: number;
  accountsPerIpv6Site: number;
  /**
   * The same for any number of networks that stay at `ALARM_AFTER_WRONG`. No upper bound: where more is usual the alarm wakes
   * at `ALARM_FACTOR` times that only, and codes that were sent before it can still be guessed at.
   */
  accountsBelowAlarm: number;
}

/**
 * The guess budget that follows from the settings; an upper bound but for `accountsBelowAlarm`, see docs/decisions.md for how it
 * comes about.
 */
export function guessBudget(): GuessBudget {
  const guesses = guessesByLength(TRIES_PER_CODE * sendsInADay());
  const oddsOfOne = 10 ** -CODE_DIGITS;
  const ofNetwork = guessesOfNetwork();
  const accountsPerNetwork = expectedHits(ofNetwork);
  return {
    guesses,
    probability: expectedHits(guesses),
    guessesPerNetwork: ofNetwork,
    accountsPerNetwork,
    accountsPerIpv6Site: IPV6_SITE_TIMES * accountsPerNetwork,
    accountsBelowAlarm: ALARM_AFTER_WRONG * windowsWithin(DAY_MS, ALARM_MS) * oddsOfOne,
  };
}

/** Throws a `SettingsError` with the numbers when the settings leave a guesser more than `GUESS_PROBABILITY_PER_DAY_MAX`. */
export function refuseGuessableCodes(): void {
  const { guesses, probability } = guessBudget();
  if (probability <= GUESS_PROBABILITY_PER_DAY_MAX) return;
  const counted = guesses.map(({ digits, max }) => `${max} guesses at up to ${digits} digits`).join(", ");
  throw new SettingsError(
    `The settings allow strangers ${counted} at one phone or mailbox a day, which is a chance of ${probability.toPrecision(2)} to get in. GUESS_PROBABILITY_PER_DAY_MAX allows ${GUESS_PROBABILITY_PER_DAY_MAX}: raise CODE_DIGITS, or lower LONGER_CODES_AFTER_WRONG, TRIES_PER_CODE or SENDS_PER_PHONE_PER_DAY.`,
  );
}

/** How many guesses are right on an average, of so many at each length. */
function expectedHits(guesses: readonly { digits: number; max: number }[]): number {
  return guesses.reduce((sum, { digits, max }, at) => sum + (max - (guesses[at - 1]?.max ?? 0)) * 10 ** -digits, 0);
}

/**
 * One network types so many wrong codes an hour, then only codes of `CLOSED_NETWORK_DIGITS` are tried there, and of those it has no
 * more than it may ask for. Codes that are given back to it were typed right, so they allow no guess.
 */
function guessesOfNetwork(): { digits: number; max: number }[] {
  const tries = TRIES_PER_CODE * SENDS_PER_IP_PER_HOUR * windowsWithin(DAY_MS + CODE_TTL_MS, HOUR_MS);
  const short = Math.min(WRONG_CODES_PER_IP_PER_HOUR * windowsWithin(DAY_MS, HOUR_MS), tries);
  return [
    { digits: CODE_DIGITS, max: short },
    { digits: CLOSED_NETWORK_DIGITS, max: short + tries },
  ];
}

/** How many codes are good in some 24 hours: those sent then, and those sent before that still live. */
function sendsInADay(): number {
  const withinMs = DAY_MS + CODE_TTL_MS;
  return Math.min(
    SENDS_PER_PHONE_PER_DAY * windowsWithin(withinMs, DAY_MS),
    SENDS_PER_PHONE_PER_HOUR * windowsWithin(withinMs, HOUR_MS),
  );
}

/** How many windows of a limit, each of which begins when it is first used, touch a time of this length at most. */
function windowsWithin(lengthMs: number, windowMs: number): number {
  return Math.ceil(lengthMs / windowMs) + 1;
}

/**
 * Below each step of wrong codes there are no longer codes, and wrong codes count for a day: so no day has more guesses at
 * shorter ones than the step says, whatever the days before it had.
 */
function guessesByLength(tries: number): { digits: number; max: number }[] {
  const ends = [...LONGER_CODES.map(({ wrongCodes }) => wrongCodes), Number.POSITIVE_INFINITY];
  const guesses = new Map(ends.map((end, at) => [digitsAfter(ends[at - 1] ?? 0), Math.min(end, tries)]));
  return [...guesses].map(([digits, max]) => ({ digits, max }));
}
