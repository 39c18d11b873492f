import { isSupportedCountry } from "libphonenumber-js/max";
import { z } from "zod";
// A relative path, because next.config.ts, which loads this file, resolves no aliases.
import { env, readSettings, SettingsError, wholeNumber } from "../env";

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

const ResendWaits = z
  .string()
  .regex(/^\d{1,6}(,\d{1,6})*$/, "must be seconds, separated by commas, such as 60,120,300,600")
  .transform((text) => text.split(",").map(Number));

const WrongCodeSteps = z
  .string()
  .regex(/^\d{1,6},\d{1,6}$/, "must be two numbers of wrong codes, such as 5,20")
  .transform((text) => text.split(",").map(Number))
  .refine(([first = 0, second = 0]) => first >= 1 && second >= first, "must be two numbers that grow, such as 5,20");

const Probability = z
  .string()
  .regex(/^(1|0?\.\d+|0)$/, "must be a number from 0 to 1, such as 0.001")
  .transform(Number);

/** Hundredths of whatever money the operator counts in. */
const Money = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,2})?$/, "must be an amount of money, such as 25 or 12.50")
  .transform((text) => Math.round(Number(text) * 100));

const Prices = z
  .string()
  .transform((text) => text.split(",").map((entry) => entry.trim().split("=")))
  .refine(
    (entries) =>
      entries.every(
        ([country = "", price = "", ...rest]) =>
          (country === "*" || isSupportedCountry(country)) && Money.safeParse(price).success && rest.length === 0,
      ) && new Set(entries.map(([country]) => country)).size === entries.length,
    "must be prices of a message by country, each country once, such as RU=3.50,KZ=12,*=20",
  )
  .transform((entries) => new Map(entries.map(([country = "", price = ""]) => [country, Money.parse(price)])));

const COUNT = { min: 1, max: 1_000_000 };

const settings = readSettings({
  CODE_DIGITS: wholeNumber(4, { min: 4, max: 10 }),
  CODE_TTL_S: wholeNumber(5 * MINUTE_S, { min: 1, max: HOUR_S }),
  TRIES_PER_CODE: wholeNumber(3, { min: 1, max: 1000 }),
  LONGER_CODES_AFTER_WRONG: WrongCodeSteps.prefault("5,20"),
  ALARM_AFTER_WRONG: wholeNumber(30, COUNT),
  GUESS_PROBABILITY_PER_DAY_MAX: Probability.prefault("0.001"),
  SENDS_PER_PHONE_PER_HOUR: wholeNumber(5, COUNT),
  SENDS_PER_PHONE_PER_DAY: wholeNumber(10, COUNT),
  SENDS_PER_IP_PER_HOUR: wholeNumber(20, COUNT),
  SENDS_PER_KNOWN_BROWSER_PER_DAY: wholeNumber(3, { ...COUNT, min: 0 }),
  WRONG_CODES_PER_IP_PER_HOUR: wholeNumber(30, COUNT),
  ACTIVATIONS_PER_USER_PER_HOUR: wholeNumber(10, COUNT),
  INVITE_LOOKUPS_PER_IP_PER_HOUR: wholeNumber(60, COUNT),
  KNOWN_BROWSER_TTL_S: wholeNumber(365 * DAY_S, { min: 1, max: 400 * DAY_S }),
  SMS_BUDGET_PER_DAY: wholeNumber(0, { min: 0, max: 10_000_000 }),
  SMS_COST_PER_DAY: Money.optional(),
  SMS_PRICE: Prices.optional(),
  DELIVERIES_KEPT_S: wholeNumber(90 * DAY_S, { min: HOUR_S, max: 3650 * DAY_S }),
  // The alarm compares with a week.
  WRONG_CODES_KEPT_S: wholeNumber(7 * DAY_S, { min: 7 * DAY_S, max: 3650 * DAY_S }),
  // The database refuses to let events go that are younger than thirty days, by its own clock.
  AUDIT_EVENTS_KEPT_S: wholeNumber(3 * 365 * DAY_S, { min: 31 * DAY_S, max: 100 * 365 * DAY_S }),
  SENDER_TIMEOUT_S: wholeNumber(5, { min: 1, max: MINUTE_S }),
  SENDER_FAILURES_MAX: wholeNumber(5, { min: 1, max: 1000 }),
  SENDER_REST_S: wholeNumber(MINUTE_S, { min: 1, max: HOUR_S }),
  RESEND_AFTER_S: ResendWaits.prefault("60,120,300,600"),
  RESEND_WINDOW_S: wholeNumber(DAY_S, { min: 1, max: 30 * DAY_S }),
  SESSION_IDLE_S: wholeNumber(7 * DAY_S, { min: 1, max: 365 * DAY_S }),
  SESSION_TTL_S: wholeNumber(30 * DAY_S, { min: 1, max: 365 * DAY_S }),
  SESSION_SEEN_EVERY_S: wholeNumber(HOUR_S, { min: 1, max: DAY_S }),
  SESSIONS_LISTED_MAX: wholeNumber(50, { min: 1, max: 1000 }),
  EVENTS_PER_PAGE: wholeNumber(20, { min: 1, max: 100 }),
  ACCESS_TOKEN_TTL_S: wholeNumber(15 * MINUTE_S, { min: 1, max: DAY_S }),
  PROOF_TTL_S: wholeNumber(5 * MINUTE_S, { min: 1, max: HOUR_S }),
  RECENT_LOGIN_S: wholeNumber(10 * MINUTE_S, { min: 1, max: DAY_S }),
  CHANGE_DELAY_S: wholeNumber(DAY_S, { min: 1, max: 30 * DAY_S }),
  TAKEN_ANSWERS_PER_IP_PER_HOUR: wholeNumber(10, { min: 0, max: 1_000_000 }),
  TAKEN_ANSWERS_PER_HOUR: wholeNumber(200, { min: 0, max: 1_000_000 }),
  REFERRALS_PER_PAGE: wholeNumber(20, { min: 1, max: 100 }),
  REFERRALS_LISTED_MAX: wholeNumber(1000, { min: 1, max: 10_000 }),
  ACCOUNTS_PER_PAGE: wholeNumber(50, { min: 1, max: 100 }),
  GROWTH_POINTS_MAX: wholeNumber(120, { min: 2, max: 1000 }),
  HSTS_MAX_AGE_S: wholeNumber(365 * DAY_S, { min: 0, max: 2 * 365 * DAY_S }),
});

const isPriced = env.OTP_COUNTRIES.every((country) => settings.SMS_PRICE?.has(country) || settings.SMS_PRICE?.has("*"));
if (settings.SMS_COST_PER_DAY !== undefined && !isPriced) {
  throw new SettingsError("The setting SMS_PRICE must have a price for each country of OTP_COUNTRIES, or one for *.");
}

if (settings.SESSION_IDLE_S <= settings.SESSION_SEEN_EVERY_S) {
  throw new SettingsError(
    `The setting SESSION_IDLE_S must be more than SESSION_SEEN_EVERY_S, which is ${settings.SESSION_SEEN_EVERY_S}: sessions in use would end.`,
  );
}

/** How much of a day's messages, and of their cost, is kept for browsers that are known to the phone they ask for. */
export const SMS_BUDGET_KEPT_PART = 0.1;
// What is left has to pay for a message, or nobody new could ever log in.
const leftOf = (max: number) => Math.floor(max * (1 - SMS_BUDGET_KEPT_PART));
if (settings.SMS_BUDGET_PER_DAY > 0 && leftOf(settings.SMS_BUDGET_PER_DAY) < 1) {
  throw new SettingsError(
    "The setting SMS_BUDGET_PER_DAY must be 2 or more: a tenth of it is kept for known browsers.",
  );
}
const prices = settings.SMS_PRICE ?? new Map<string, number>();
const servedPrices = env.OTP_COUNTRIES.includes("*")
  ? [...prices.values()]
  : env.OTP_COUNTRIES.map((country) => prices.get(country) ?? prices.get("*") ?? 0);
const dearest = Math.max(0, ...servedPrices);
if (settings.SMS_COST_PER_DAY !== undefined && leftOf(settings.SMS_COST_PER_DAY) < dearest) {
  throw new SettingsError(
    "The setting SMS_COST_PER_DAY must be more: nine tenths of it have to pay for a message by SMS_PRICE, the last is kept for known browsers.",
  );
}

/** How many digits a one-time code has to begin with. */
export const CODE_DIGITS = settings.CODE_DIGITS;
export const CODE_TTL_MS = settings.CODE_TTL_S * 1000;
export const TRIES_PER_CODE = settings.TRIES_PER_CODE;

/** How many digits the longest codes have that guessing leads to. */
export const LONGEST_CODE_DIGITS = 8;

const [firstStep = 0, secondStep = 0] = settings.LONGER_CODES_AFTER_WRONG;
/** From how many wrong codes to a phone or mailbox within `WRONG_CODES_MS` on its codes have how many digits at least. */
export const LONGER_CODES: readonly { wrongCodes: number; digits: number }[] = [
  { wrongCodes: firstStep, digits: 6 },
  { wrongCodes: secondStep, digits: LONGEST_CODE_DIGITS },
];
export const WRONG_CODES_MS = DAY_S * 1000;
/** How many digits a code needs in a network that has typed its wrong codes of the hour. */
export const CLOSED_NETWORK_DIGITS = Math.max(LONGEST_CODE_DIGITS, CODE_DIGITS);

/**
 * When more codes than this, and more than `ALARM_FACTOR` times as many as usual, were typed wrong in the whole system
 * within `ALARM_MS`, every new code has `ALARM_DIGITS` at least. What is usual is the mean of `ALARM_MEAN_MS`.
 */
export const ALARM_AFTER_WRONG = settings.ALARM_AFTER_WRONG;
/** How many of them count that come from one network: a third, so that no network alone wakes the alarm or puts it to sleep. */
export const ALARM_WRONG_CODES_PER_NETWORK_MAX = Math.ceil(settings.ALARM_AFTER_WRONG / 3);
export const ALARM_FACTOR = 3;
export const ALARM_MS = 10 * MINUTE_S * 1000;
export const ALARM_MEAN_MS = 7 * DAY_S * 1000;
export const ALARM_DIGITS = 6;

/**
 * How likely it may be that somebody who tries all day guesses a code to one given phone or mailbox; a server that allows
 * more does not start.
 */
export const GUESS_PROBABILITY_PER_DAY_MAX = settings.GUESS_PROBABILITY_PER_DAY_MAX;

/** How many codes are sent to one phone, or to one mailbox. */
export const SENDS_PER_PHONE_PER_HOUR = settings.SENDS_PER_PHONE_PER_HOUR;
export const SENDS_PER_PHONE_PER_DAY = settings.SENDS_PER_PHONE_PER_DAY;
/** How many of these somebody in one network can use up: so that one alone can't use all. */
export const SENDS_PER_PHONE_AND_IP_PER_HOUR = Math.ceil(SENDS_PER_PHONE_PER_HOUR / 2);
export const SENDS_PER_PHONE_AND_IP_PER_DAY = Math.ceil(SENDS_PER_PHONE_PER_DAY / 2);
/** How many codes somebody in one network has sent, to whomever. */
export const SENDS_PER_IP_PER_HOUR = settings.SENDS_PER_IP_PER_HOUR;
/** How many codes a browser gets besides, and without a wait, that has logged in by this phone or mailbox before. */
export const SENDS_PER_KNOWN_BROWSER_PER_DAY = settings.SENDS_PER_KNOWN_BROWSER_PER_DAY;
/** How long a browser is known after its last login. */
export const KNOWN_BROWSER_TTL_MS = settings.KNOWN_BROWSER_TTL_S * 1000;
/** How many codes of a network are given back to its hour once they were typed right. */
export const VERIFIED_SENDS_PER_IP_PER_HOUR = 200;
/** After how many wrong codes in an hour a network is closed to codes with fewer than `CLOSED_NETWORK_DIGITS`. */
export const WRONG_CODES_PER_IP_PER_HOUR = settings.WRONG_CODES_PER_IP_PER_HOUR;

/** How often an account may try to activate an invite code, right or wrong. */
export const ACTIVATIONS_PER_USER_PER_HOUR = settings.ACTIVATIONS_PER_USER_PER_HOUR;
/** How often an account may be exported. */
export const EXPORTS_PER_USER_PER_HOUR = 10;
/** How often a session may ask for the deletion of its account without a code: the mailbox hears of each. */
export const DELETIONS_PER_SESSION_PER_HOUR = 3;
/** How often somebody in one network may look an invite code up. */
export const INVITE_LOOKUPS_PER_IP_PER_HOUR = settings.INVITE_LOOKUPS_PER_IP_PER_HOUR;

/** The wait after the first, second, … code to one phone from one holder; the last one stays. */
export const RESEND_AFTER_MS: readonly number[] = settings.RESEND_AFTER_S.map((seconds) => seconds * 1000);
/** How long the waits keep growing before they begin anew. */
export const RESEND_WINDOW_MS = settings.RESEND_WINDOW_S * 1000;

/** How long a browser remembers that it asked for a code: for as long as that matters. */
export const PENDING_LOGIN_TTL_MS = Math.max(RESEND_WINDOW_MS, CODE_TTL_MS);

export const INVITE_CODE_LENGTH = 6;
/** How often an invite code is drawn anew on a collision before something must be wrong. */
export const INVITE_CODE_DRAWS_MAX = 10;

/** A session ends this long after it was last seen … */
export const SESSION_IDLE_MS = settings.SESSION_IDLE_S * 1000;
/** … and this long after it was opened, whatever happens. */
export const SESSION_TTL_MS = settings.SESSION_TTL_S * 1000;
/** When a session was last seen is written at most this often. */
export const SESSION_SEEN_EVERY_MS = settings.SESSION_SEEN_EVERY_S * 1000;
/** How many of its other sessions an account is shown, the newest. */
export const SESSIONS_LISTED_MAX = settings.SESSIONS_LISTED_MAX;
/** How much of what happened to an account is on a page. */
export const EVENTS_PER_PAGE = settings.EVENTS_PER_PAGE;

/** How long an access token is good; its session is checked on every request besides. */
export const ACCESS_TOKEN_TTL_MS = settings.ACCESS_TOKEN_TTL_S * 1000;

/** How long a right code stands for a login that is still to come. */
export const PROOF_TTL_MS = settings.PROOF_TTL_S * 1000;
/** How long a challenge is kept after its last code was sent: as long as its wait grows, or the code or its proof is good. */
export const CHALLENGES_KEPT_MS = Math.max(PENDING_LOGIN_TTL_MS, CODE_TTL_MS + PROOF_TTL_MS);
/** How old a login may be for what can't be undone: deleting one's account, and whatever an administrator changes. */
export const RECENT_LOGIN_MS = settings.RECENT_LOGIN_S * 1000;
/** When a deletion or a change of a factor takes effect that an unconfirmed session asks for beside a trusted device. */
export const CHANGE_DELAY_MS = settings.CHANGE_DELAY_S * 1000;
/** How long a sender for phones may take to accept a message, before it is the next one's turn. */
export const SENDER_TIMEOUT_MS = settings.SENDER_TIMEOUT_S * 1000;
/** How long the mail server may take to accept a message. */
export const MAIL_TIMEOUT_MS = 10_000;
/** After how many failures in a row a sender rests, and for how long. */
export const SENDER_FAILURES_MAX = settings.SENDER_FAILURES_MAX;
export const SENDER_REST_MS = settings.SENDER_REST_S * 1000;
/** How many messages all phones together are sent a day, and what they may cost, in hundredths; null is no bound. */
export const SMS_BUDGET_PER_DAY = settings.SMS_BUDGET_PER_DAY || null;
export const SMS_COST_PER_DAY = settings.SMS_COST_PER_DAY ?? null;
/** What a message costs, in hundredths, by country; `*` is any other. */
export const SMS_PRICE: ReadonlyMap<string, number> = settings.SMS_PRICE ?? new Map();
/** When the operator is warned. */
export const SMS_BUDGET_WARNING_PART = 0.8;
/** How long it is remembered what became of a message, that a code was typed wrong, and what was done to an account. */
export const DELIVERIES_KEPT_MS = settings.DELIVERIES_KEPT_S * 1000;
export const WRONG_CODES_KEPT_MS = settings.WRONG_CODES_KEPT_S * 1000;
export const AUDIT_EVENTS_KEPT_MS = settings.AUDIT_EVENTS_KEPT_S * 1000;
/** When to try again after no channel took a code. */
export const SEND_RETRY_AFTER_MS = 30_000;

/** How often an hour somebody at one address, and everybody together, learns that a phone has an account. */
export const TAKEN_ANSWERS_PER_IP_PER_HOUR = settings.TAKEN_ANSWERS_PER_IP_PER_HOUR;
export const TAKEN_ANSWERS_PER_HOUR = settings.TAKEN_ANSWERS_PER_HOUR;

/** How many people a list of the public APIs names at once. */
export const REFERRALS_LISTED_MAX = settings.REFERRALS_LISTED_MAX;
export const ACCOUNTS_PER_PAGE = settings.ACCOUNTS_PER_PAGE;
export const ACCOUNTS_PER_PAGE_MAX = 100;

/** The largest account id that the database can hold: a PostgreSQL `integer`. */
export const ACCOUNT_ID_MAX = 2 ** 31 - 1;

/** How large the body of a request may be. */
export const BODY_BYTES_MAX = 16 * 1024;

export const REFERRALS_PER_PAGE = settings.REFERRALS_PER_PAGE;
/** The picture of growth shows at most this many of the newest referrals, so its cost has a bound. */
export const GROWTH_POINTS_MAX = settings.GROWTH_POINTS_MAX;

/** How long a browser that came by https comes by nothing else, in seconds as the header wants it; with 0 it forgets that. */
export const HSTS_MAX_AGE_S = settings.HSTS_MAX_AGE_S;
