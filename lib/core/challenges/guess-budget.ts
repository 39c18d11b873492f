import { IPV6_SITE } from "@/lib/core/networks";
import {
  ALARM_AFTER_WRONG,
  ALARM_MS,
  CLOSED_NETWORK_DIGITS,
  CODE_DIGITS,
  CODE_TTL_MS,
  CONSOLE_SENDS_PER_DAY,
  CONSOLE_SENDS_PER_HOUR,
  GUESS_PROBABILITY_PER_DAY_MAX,
  LONGER_CODES,
  LONGEST_CODE_DIGITS,
  SENDS_PER_IP_PER_HOUR,
  SENDS_PER_PHONE_PER_DAY,
  SENDS_PER_PHONE_PER_HOUR,
  TRIES_PER_CODE,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "@/lib/core/policy";
import { SettingsError } from "@/lib/env";
import { codeDigitsAfter } from "./code-length";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** How many guesses attackers have in 24 hours within the limits, and how likely they are to guess right. */
export interface GuessBudget {
  /** Guesses of all strangers at one phone or mailbox; `max` counts those at codes of up to `digits` digits. */
  guesses: readonly { digits: number; max: number }[];
  /** The probability that one of `guesses` is right. For an account with a phone and a mailbox it is twice as high. */
  probability: number;
  /**
   * Guesses at the admin console's codes to one phone or mailbox, of a person who has the session of an administrator, and the
   * probability that one of them is right. They open no account, so `probability` doesn't count them.
   */
  guessesAtConsole: { digits: number; max: number };
  consoleProbability: number;
  /** Guesses of one network at all phones together, counted likewise. An IPv6 site (a /48) has `IPV6_SITE.times` as many. */
  guessesPerNetwork: readonly { digits: number; max: number }[];
  /** How many accounts one network, and one IPv6 site, is expected to open with these guesses. */
  accountsPerNetwork: number;
  accountsPerIpv6Site: number;
  /**
   * How many accounts all networks are expected to open while their wrong codes stay at `ALARM_AFTER_WRONG`. No upper bound:
   * `ALARM_FACTOR` may raise the alarm's threshold, and codes sent before the alarm can still be guessed.
   */
  accountsBelowAlarm: number;
}

/**
 * Computes the guess budget from the settings, as decision 17 of docs/decisions.md derives it. Only `accountsBelowAlarm` is no upper bound.
 */
export function guessBudget(): GuessBudget {
  const guesses = guessesByLength(
    TRIES_PER_CODE * sendsInADay({ perHour: SENDS_PER_PHONE_PER_HOUR, perDay: SENDS_PER_PHONE_PER_DAY }),
  );
  const consoleSends = sendsInADay({ perHour: CONSOLE_SENDS_PER_HOUR, perDay: CONSOLE_SENDS_PER_DAY });
  const guessesAtConsole = { digits: LONGEST_CODE_DIGITS, max: TRIES_PER_CODE * consoleSends };
  const guessesPerNetwork = guessesOfNetwork();
  const accountsPerNetwork = expectedHits(guessesPerNetwork);
  return {
    guesses,
    probability: expectedHits(guesses),
    guessesAtConsole,
    consoleProbability: expectedHits([guessesAtConsole]),
    guessesPerNetwork,
    accountsPerNetwork,
    accountsPerIpv6Site: IPV6_SITE.times * accountsPerNetwork,
    accountsBelowAlarm: ALARM_AFTER_WRONG * windowsWithin(DAY_MS, ALARM_MS) * 10 ** -CODE_DIGITS,
  };
}

/**
 * Throws a `SettingsError` if strangers can guess a code with a higher probability per day than
 * `GUESS_PROBABILITY_PER_DAY_MAX`. Its message has the numbers.
 */
export function refuseGuessableCodes(): void {
  const { guesses, probability } = guessBudget();
  if (probability <= GUESS_PROBABILITY_PER_DAY_MAX) return;
  const counted = guesses.map(({ digits, max }) => `${max} guesses at up to ${digits} digits`).join(", ");
  throw new SettingsError(
    `The settings allow strangers ${counted} at one phone or mailbox a day, which is a chance of ${probability.toPrecision(2)} to get in. GUESS_PROBABILITY_PER_DAY_MAX allows ${GUESS_PROBABILITY_PER_DAY_MAX}: raise CODE_DIGITS, or lower LONGER_CODES_AFTER_WRONG, TRIES_PER_CODE or SENDS_PER_PHONE_PER_DAY.`,
  );
}

/** Returns the expected number of right guesses. `max` of each entry counts the guesses at codes of up to `digits` digits. */
function expectedHits(guesses: readonly { digits: number; max: number }[]): number {
  return guesses.reduce((sum, { digits, max }, at) => sum + (max - (guesses[at - 1]?.max ?? 0)) * 10 ** -digits, 0);
}

/**
 * Returns the guesses of one network. It has `WRONG_CODES_PER_IP_PER_HOUR` wrong codes at codes of any length. After those it
 * can only try codes of `CLOSED_NETWORK_DIGITS` digits, and only as many codes as it can request. The charge for a code is
 * refunded only after the right code, so refunds add no guess.
 */
function guessesOfNetwork(): { digits: number; max: number }[] {
  const tries = TRIES_PER_CODE * SENDS_PER_IP_PER_HOUR * windowsWithin(DAY_MS + CODE_TTL_MS, HOUR_MS);
  const short = Math.min(WRONG_CODES_PER_IP_PER_HOUR * windowsWithin(DAY_MS, HOUR_MS), tries);
  return [
    { digits: CODE_DIGITS, max: short },
    { digits: CLOSED_NETWORK_DIGITS, max: short + tries },
  ];
}

/**
 * Returns the largest number of codes for one recipient that can be typed within 24 hours: those sent in this time, and those
 * sent up to `CODE_TTL_MS` before.
 */
function sendsInADay({ perHour, perDay }: { perHour: number; perDay: number }): number {
  const withinMs = DAY_MS + CODE_TTL_MS;
  return Math.min(perDay * windowsWithin(withinMs, DAY_MS), perHour * windowsWithin(withinMs, HOUR_MS));
}

/** Returns the largest number of windows of a limit that overlap a period. A window begins when the limit is first charged. */
function windowsWithin(lengthMs: number, windowMs: number): number {
  return Math.ceil(lengthMs / windowMs) + 1;
}

/**
 * Splits `tries` guesses at one recipient by the length of the codes. Codes get longer with each step of wrong codes, and a
 * wrong code counts for a day. So no 24 hours have more guesses at shorter codes than the step allows, even after days with
 * many guesses.
 */
function guessesByLength(tries: number): { digits: number; max: number }[] {
  const ends = [...LONGER_CODES.map(({ wrongCodes }) => wrongCodes), Number.POSITIVE_INFINITY];
  const guesses = new Map(ends.map((end, at) => [codeDigitsAfter(ends[at - 1] ?? 0), Math.min(end, tries)]));
  return [...guesses].map(([digits, max]) => ({ digits, max }));
}
