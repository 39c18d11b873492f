import { isSupportedCountry } from "libphonenumber-js/max";
import { z } from "zod";
// The path is relative, because next.config.ts loads this file and resolves no aliases.
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

/** An amount of money in hundredths of the operator's currency. */
const Money = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,2})?$/, "must be an amount of money, such as 25 or 12.50")
  .transform((text) => Math.round(Number(text) * 100));

const PriceByCountry = z
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

const COUNT_RANGE = { min: 1, max: 1_000_000 };

const settings = readSettings({
  CODE_DIGITS: wholeNumber(4, { min: 4, max: 10 }).meta({ description: "How many digits a one-time code has." }),
  CODE_TTL_S: wholeNumber(5 * MINUTE_S, { min: 1, max: HOUR_S }).meta({ description: "How long a code is valid." }),
  TRIES_PER_CODE: wholeNumber(3, { min: 1, max: 1000 }).meta({ description: "How many attempts a code allows." }),
  LONGER_CODES_AFTER_WRONG: WrongCodeSteps.prefault("5,20").meta({
    description: "The wrong codes in a day after which a phone's codes have 6 digits, and 8.",
  }),
  ALARM_AFTER_WRONG: wholeNumber(30, COUNT_RANGE).meta({
    description:
      "The wrong codes in ten minutes, from all networks, that make all new codes longer if they are three times the usual number as well.",
  }),
  GUESS_PROBABILITY_PER_DAY_MAX: Probability.prefault("0.001").meta({
    description:
      "The highest chance that strangers guess a code to one phone or mailbox in a day. With settings that allow more the server doesn't start.",
  }),
  SENDS_PER_PHONE_PER_HOUR: wholeNumber(5, COUNT_RANGE).meta({
    description: "The most codes to one phone or mailbox an hour. Requests from one network get at most half of them.",
  }),
  SENDS_PER_PHONE_PER_DAY: wholeNumber(10, COUNT_RANGE).meta({
    description: "The most codes to one phone or mailbox a day. Requests from one network get at most half of them.",
  }),
  SENDS_PER_IP_PER_HOUR: wholeNumber(20, COUNT_RANGE).meta({
    description:
      "The most codes for one network an hour, after which browsers that aren't recognised get none there. A network is an IPv4 address or an IPv6 /64; a /56 has twice as many, a /48 eight times.",
  }),
  SENDS_PER_KNOWN_BROWSER_PER_DAY: wholeNumber(3, { ...COUNT_RANGE, min: 0 }).meta({
    description:
      "Additional codes a day, without a wait, for a browser that is recognised because it has logged in by the phone.",
  }),
  WRONG_CODES_PER_IP_PER_HOUR: wholeNumber(30, COUNT_RANGE).meta({
    description: "The wrong codes from one network in an hour after which its codes need 8 digits.",
  }),
  ACTIVATIONS_PER_USER_PER_HOUR: wholeNumber(10, COUNT_RANGE).meta({
    description: "The most attempts of an account to activate an invite code, right or wrong.",
  }),
  INVITE_LOOKUPS_PER_IP_PER_HOUR: wholeNumber(60, COUNT_RANGE).meta({
    description:
      "The most unknown invite codes that are looked up from one network an hour. After that existing ones are refused, too.",
  }),
  API_REQUESTS_PER_KEY_PER_MINUTE: wholeNumber(600, COUNT_RANGE).meta({
    description: "The most requests to the management API with one API key a minute.",
  }),
  KNOWN_BROWSER_TTL_S: wholeNumber(365 * DAY_S, { min: 1, max: 400 * DAY_S }).meta({
    description: "How long a browser stays recognised and trusted after its last login.",
  }),
  SMS_BUDGET_PER_DAY: wholeNumber(0, { min: 0, max: 10_000_000 }).meta({
    description:
      "The most messages to phones a day; `0` is no limit. A tenth is kept for browsers that have logged in by the phone before.",
    example: "500",
  }),
  SMS_COST_PER_DAY: Money.optional().meta({
    description: "The most that messages to phones may cost a day, in the currency of `SMS_PRICE`.",
    example: "1500.00",
  }),
  SMS_PRICE: PriceByCountry.optional().meta({
    description: "The price of one message by country; `*` is all others.",
    example: "RU=3.50,KZ=12,*=30",
  }),
  DELIVERIES_KEPT_S: wholeNumber(90 * DAY_S, { min: HOUR_S, max: 3650 * DAY_S }).meta({
    description: "How long deliveries are kept.",
  }),
  // At least seven days, because the alarm compares with the mean of the last seven days.
  WRONG_CODES_KEPT_S: wholeNumber(7 * DAY_S, { min: 7 * DAY_S, max: 3650 * DAY_S }).meta({
    description: "How long wrong codes are kept. The alarm needs a week.",
  }),
  // More than thirty days, because the database refuses to delete younger events.
  AUDIT_EVENTS_KEPT_S: wholeNumber(3 * 365 * DAY_S, { min: 31 * DAY_S, max: 100 * 365 * DAY_S }).meta({
    description: "How long audit events are kept.",
  }),
  // At least a week, so that a system that was away over some holidays finds the events that it missed.
  EVENTS_KEPT_S: wholeNumber(30 * DAY_S, { min: 7 * DAY_S, max: 3650 * DAY_S }).meta({
    description: "How long events are kept for other systems.",
  }),
  SENDER_TIMEOUT_S: wholeNumber(5, { min: 1, max: MINUTE_S }).meta({
    description: "How long a sender may take to accept a message.",
  }),
  SENDER_FAILURES_MAX: wholeNumber(5, { min: 1, max: 1000 }).meta({
    description: "The failures in a row after which a sender rests.",
  }),
  SENDER_REST_S: wholeNumber(MINUTE_S, { min: 1, max: HOUR_S }).meta({ description: "How long it rests." }),
  RESEND_AFTER_S: ResendWaits.prefault("60,120,300,600").meta({
    description:
      "The waits before the second, third and each further code to one phone from one browser. Zeros are allowed.",
  }),
  RESEND_WINDOW_S: wholeNumber(DAY_S, { min: 1, max: 30 * DAY_S }).meta({
    description: "How long after the last code these waits keep growing.",
  }),
  SESSION_IDLE_S: wholeNumber(7 * DAY_S, { min: 1, max: 365 * DAY_S }).meta({
    description: "A session ends after this time without use.",
  }),
  SESSION_TTL_S: wholeNumber(30 * DAY_S, { min: 1, max: 365 * DAY_S }).meta({
    description: "A session ends after this time in any case.",
  }),
  SESSION_SEEN_EVERY_S: wholeNumber(HOUR_S, { min: 1, max: DAY_S }).meta({
    description: "How often the time of a session's last use is stored. Must be less than `SESSION_IDLE_S`.",
  }),
  SESSIONS_LISTED_MAX: wholeNumber(50, { min: 1, max: 1000 }).meta({
    description: "The most other sessions that an account's page lists.",
  }),
  EVENTS_PER_PAGE: wholeNumber(20, { min: 1, max: 100 }).meta({
    description: "The events on one page of an account's history.",
  }),
  ACCESS_TOKEN_TTL_S: wholeNumber(15 * MINUTE_S, { min: 1, max: DAY_S }).meta({
    description: "The lifetime of a client application's access token.",
  }),
  PROOF_TTL_S: wholeNumber(5 * MINUTE_S, { min: 1, max: HOUR_S }).meta({
    description: "How long a verified code allows the last step of v1.",
  }),
  RECENT_LOGIN_S: wholeNumber(10 * MINUTE_S, { min: 1, max: DAY_S }).meta({
    description: "How old a login may be for deleting the account, and for an administrator's changes.",
  }),
  CONSOLE_TTL_S: wholeNumber(12 * HOUR_S, { min: MINUTE_S, max: 30 * DAY_S }).meta({
    description: "How long the admin console stays open in a session after its codes were typed.",
  }),
  CHANGE_DELAY_S: wholeNumber(DAY_S, { min: 1, max: 30 * DAY_S }).meta({
    description: "The delay of a deletion, or of a change of phone or mailbox, that an unconfirmed session asks for.",
  }),
  TAKEN_ANSWERS_PER_IP_PER_HOUR: wholeNumber(10, { min: 0, max: 1_000_000 }).meta({
    description: "The most answers an hour to one network that reveal that a phone has an account.",
  }),
  TAKEN_ANSWERS_PER_HOUR: wholeNumber(200, { min: 0, max: 1_000_000 }).meta({
    description: "The most such answers an hour to all networks.",
  }),
  REFERRALS_PER_PAGE: wholeNumber(20, { min: 1, max: 100 }).meta({
    description: "The people on one page of the profile.",
  }),
  REFERRALS_LISTED_MAX: wholeNumber(1000, { min: 1, max: 10_000 }).meta({
    description: "The most people in a list of the APIs.",
  }),
  ACCOUNTS_PER_PAGE: wholeNumber(50, { min: 1, max: 100 }).meta({
    description: "The most accounts in a list of the APIs.",
  }),
  GROWTH_POINTS_MAX: wholeNumber(120, { min: 2, max: 1000 }).meta({
    description: "The most steps of the picture on the profile.",
  }),
  HSTS_MAX_AGE_S: wholeNumber(365 * DAY_S, { min: 0, max: 2 * 365 * DAY_S }).meta({
    description: "How long browsers that used https use only https, where `APP_URL` is https. `0` ends it.",
  }),
});

const isPriced = env.OTP_COUNTRIES.every((country) => settings.SMS_PRICE?.has(country) || settings.SMS_PRICE?.has("*"));
if (settings.SMS_COST_PER_DAY !== undefined && !isPriced) {
  throw new SettingsError("The setting SMS_PRICE must have a price for each country of OTP_COUNTRIES, or one for *.");
}

if (settings.SESSION_IDLE_S <= settings.SESSION_SEEN_EVERY_S) {
  throw new SettingsError(
    `The setting SESSION_IDLE_S must be more than SESSION_SEEN_EVERY_S, which is ${settings.SESSION_SEEN_EVERY_S}: otherwise sessions in use would end.`,
  );
}

/** The part of a day's messages, and of their cost, that is kept for browsers that are recognised for the recipient. */
export const SMS_BUDGET_KEPT_PART = 0.1;
// The part that is not kept for recognised browsers must pay for at least one message. A person's first login comes from a
// browser that is not recognised yet.
const unreservedPart = (max: number) => Math.floor(max * (1 - SMS_BUDGET_KEPT_PART));
if (settings.SMS_BUDGET_PER_DAY > 0 && unreservedPart(settings.SMS_BUDGET_PER_DAY) < 1) {
  throw new SettingsError(
    "The setting SMS_BUDGET_PER_DAY must be 2 or more: a tenth of it is kept for recognised browsers.",
  );
}
const priceByCountry = settings.SMS_PRICE ?? new Map<string, number>();
const servedPrices = env.OTP_COUNTRIES.includes("*")
  ? [...priceByCountry.values()]
  : env.OTP_COUNTRIES.map((country) => priceByCountry.get(country) ?? priceByCountry.get("*") ?? 0);
const highestPrice = Math.max(0, ...servedPrices);
if (settings.SMS_COST_PER_DAY !== undefined && unreservedPart(settings.SMS_COST_PER_DAY) < highestPrice) {
  throw new SettingsError(
    "The setting SMS_COST_PER_DAY is too low: nine tenths of it must pay for one message at the highest price of SMS_PRICE. The last tenth is kept for recognised browsers.",
  );
}

/** How many digits a one-time code has before wrong codes make the next codes longer. */
export const CODE_DIGITS = settings.CODE_DIGITS;
/** How long a one-time code is valid after it was sent. */
export const CODE_TTL_MS = settings.CODE_TTL_S * 1000;
/** How many attempts a one-time code allows. */
export const TRIES_PER_CODE = settings.TRIES_PER_CODE;

/** How many digits codes need after the second step of wrong codes. */
export const LONGEST_CODE_DIGITS = 8;

const [firstStep = 0, secondStep = 0] = settings.LONGER_CODES_AFTER_WRONG;
/**
 * The steps of wrong codes for one phone or mailbox: after `wrongCodes` wrong codes within `WRONG_CODES_MS`, its codes have at
 * least `digits` digits.
 */
export const LONGER_CODES: readonly { wrongCodes: number; digits: number }[] = [
  { wrongCodes: firstStep, digits: 6 },
  { wrongCodes: secondStep, digits: LONGEST_CODE_DIGITS },
];
/** How long a wrong code counts towards longer codes. */
export const WRONG_CODES_MS = DAY_S * 1000;
/** How many digits a code needs at least when its requester's network has used up its wrong codes of the hour. */
export const CLOSED_NETWORK_DIGITS = Math.max(LONGEST_CODE_DIGITS, CODE_DIGITS);

/**
 * The alarm begins when the whole system has more than `ALARM_AFTER_WRONG` wrong codes within `ALARM_MS`, and more than
 * `ALARM_FACTOR` times the usual number. The usual number is the mean over `ALARM_MEAN_MS`. During the alarm each new code has
 * at least `ALARM_DIGITS` digits.
 */
export const ALARM_AFTER_WRONG = settings.ALARM_AFTER_WRONG;
/**
 * How many wrong codes of one network count for the alarm. It is a third, so that one network can't raise the alarm alone, and
 * can't raise the usual number so far that the alarm never begins.
 */
export const ALARM_WRONG_CODES_PER_NETWORK_MAX = Math.ceil(settings.ALARM_AFTER_WRONG / 3);
export const ALARM_FACTOR = 3;
export const ALARM_MS = 10 * MINUTE_S * 1000;
export const ALARM_MEAN_MS = 7 * DAY_S * 1000;
export const ALARM_DIGITS = 6;

/**
 * The highest accepted probability that strangers guess a code to one phone or mailbox within a day. The server refuses to
 * start with settings that allow a higher one.
 */
export const GUESS_PROBABILITY_PER_DAY_MAX = settings.GUESS_PROBABILITY_PER_DAY_MAX;

/** How many codes can be sent to one phone, or to one mailbox, from all networks together. */
export const SENDS_PER_PHONE_PER_HOUR = settings.SENDS_PER_PHONE_PER_HOUR;
export const SENDS_PER_PHONE_PER_DAY = settings.SENDS_PER_PHONE_PER_DAY;
/** How many codes one network can have sent to one phone or mailbox, so that it can't use up the recipient's codes. */
export const SENDS_PER_PHONE_AND_IP_PER_HOUR = Math.ceil(SENDS_PER_PHONE_PER_HOUR / 2);
export const SENDS_PER_PHONE_AND_IP_PER_DAY = Math.ceil(SENDS_PER_PHONE_PER_DAY / 2);
/** How many codes one network can request for all recipients together. */
export const SENDS_PER_IP_PER_HOUR = settings.SENDS_PER_IP_PER_HOUR;
/** How many codes of its own a recognised browser can request for its recipient each day, without a wait. */
export const SENDS_PER_KNOWN_BROWSER_PER_DAY = settings.SENDS_PER_KNOWN_BROWSER_PER_DAY;
/** How long after its last login a browser is recognised for its recipient and trusted by its account. */
export const KNOWN_BROWSER_TTL_MS = settings.KNOWN_BROWSER_TTL_S * 1000;
/**
 * How many refused requests for a code to one phone or mailbox are stored in an hour, so that a flood of requests can't fill the
 * table. From one network at most `SENDS_PER_IP_PER_HOUR` are stored.
 */
export const STORED_REFUSALS_PER_RECIPIENT_PER_HOUR = 6;
/** For how many right codes an hour a network gets the charge of `SENDS_PER_IP_PER_HOUR` back. */
export const VERIFIED_SENDS_PER_IP_PER_HOUR = 200;
/** How many wrong codes one network can type in an hour before its codes need `CLOSED_NETWORK_DIGITS` digits. */
export const WRONG_CODES_PER_IP_PER_HOUR = settings.WRONG_CODES_PER_IP_PER_HOUR;

/** How long a test number lasts at most. */
export const TEST_NUMBER_MS_MAX = 90 * DAY_S * 1000;
/** How many digits a fixed code has at least. */
export const FIXED_CODE_DIGITS_MIN = 6;
/** How many digits a fixed code has that is drawn. */
export const FIXED_CODE_DIGITS_DRAWN = 8;
/** The highest accepted probability that strangers of any number of networks guess a drawn fixed code before its number ends. */
export const FIXED_CODE_GUESS_PROBABILITY_MAX = 0.01;
/**
 * How many wrong tries a day one network has at one fixed code. A network is an IPv4 address, or a /48 of IPv6. A network that uses
 * up these tries for `TEST_NUMBER_MS_MAX` guesses a code of 6 digits with a probability of 0.0009.
 */
export const FIXED_CODE_TRIES_PER_NETWORK_PER_DAY = 10;
/**
 * Returns how many wrong tries a day all networks together have at a fixed code of this length: 109 with 6 digits, 10,989 with 8.
 * The 90 days of a test number can touch 91 such days.
 */
export function fixedCodeTriesPerDay(digits: number): number {
  const days = TEST_NUMBER_MS_MAX / (DAY_S * 1000) + 1;
  return Math.floor((FIXED_CODE_GUESS_PROBABILITY_MAX * 10 ** digits) / days);
}

/** How often an account can try to activate an invite code, with or without success. */
export const ACTIVATIONS_PER_USER_PER_HOUR = settings.ACTIVATIONS_PER_USER_PER_HOUR;
/** How often an account can be exported. */
export const EXPORTS_PER_USER_PER_HOUR = 10;
/** How often an administrator can try senders with a code to their own phone. */
export const SENDER_TRIALS_PER_ADMINISTRATOR_PER_HOUR = 10;
/** How often a session can request the deletion of its account without a code; each request sends a mail to the mailbox. */
export const DELETIONS_PER_SESSION_PER_HOUR = 3;
/** How many unknown invite codes one network can look up. */
export const INVITE_LOOKUPS_PER_IP_PER_HOUR = settings.INVITE_LOOKUPS_PER_IP_PER_HOUR;

/** The waits after the first, second, … code of a challenge. After them, the last wait repeats. */
export const RESEND_AFTER_MS: readonly number[] = settings.RESEND_AFTER_S.map((seconds) => seconds * 1000);
/** How long after its first code a resend schedule starts again with the first wait. */
export const RESEND_WINDOW_MS = settings.RESEND_WINDOW_S * 1000;

/** How long a browser's sealed cookie keeps a pending login: until the resend schedule and the code are over. */
export const PENDING_LOGIN_TTL_MS = Math.max(RESEND_WINDOW_MS, CODE_TTL_MS);

/** The number of characters of an invite code. */
export const INVITE_CODE_LENGTH = 6;
/** How often an invite code is drawn for one account before a collision is treated as an error. */
export const INVITE_CODE_DRAWS_MAX = 10;

/** How long a browser's session stays open without a request. */
export const SESSION_IDLE_MS = settings.SESSION_IDLE_S * 1000;
/** How long a session stays open after it was opened, however often it is used. */
export const SESSION_TTL_MS = settings.SESSION_TTL_S * 1000;
/** How long a session's `seenAt` is left as it is, so that not every request writes to the database. */
export const SESSION_SEEN_EVERY_MS = settings.SESSION_SEEN_EVERY_S * 1000;
/** How many sessions besides the current one a list of sessions shows. */
export const SESSIONS_LISTED_MAX = settings.SESSIONS_LISTED_MAX;
/** How many events a page of an account's history shows. */
export const EVENTS_PER_PAGE = settings.EVENTS_PER_PAGE;

/** How long an access token is valid. At each request this server also checks the token's session; other services do not. */
export const ACCESS_TOKEN_TTL_MS = settings.ACCESS_TOKEN_TTL_S * 1000;

/** How long an authorization code can be exchanged (OAuth 2.1 §4.1.2 recommends ten minutes at most). */
export const AUTHORIZATION_CODE_TTL_MS = 60_000;
/**
 * How long after its exchange the rightful application may present a code once more without consequences. An application that got no
 * answer does so, or one whose page was loaded twice.
 */
export const AUTHORIZATION_CODE_REPLAY_MS = 10_000;
/** How long an exchanged code is remembered, so that a replay by a thief is recognised. */
export const AUTHORIZATION_CODES_KEPT_MS = DAY_S * 1000;
/**
 * How long after an exchange of an application's refresh token the same token gets the same successor again: an answer that was lost is
 * asked for again within seconds.
 */
export const REFRESH_ANSWER_LOST_MS = MINUTE_S * 1000;
/** How long an ID token is valid. An application reads it at the login. */
export const ID_TOKEN_TTL_MS = 10 * MINUTE_S * 1000;
/**
 * How many characters the address of an application, and how many bytes of JSON the `state` and `nonce` of its request have at most:
 * together they fit into a cookie.
 */
export const REDIRECT_URI_LENGTH_MAX = 512;
export const STATE_BYTES_MAX = 1024;
export const NONCE_BYTES_MAX = 255;
/** How long a browser keeps a request for authorization: as long as a person may need for the login, with a second or third code. */
export const PENDING_AUTHORIZATION_TTL_MS = HOUR_S * 1000;
/**
 * How many requests for authorization a browser keeps in cookies while the person logs in, and how many bytes they have together: less
 * than the 16 KB of headers that Node.js accepts, or no page would open any more.
 */
export const PENDING_AUTHORIZATIONS_MAX = 5;
export const PENDING_AUTHORIZATIONS_BYTES_MAX = 8 * 1024;
/**
 * How many authorization codes an account can get for one application, which may send the person here in a loop, and for all together.
 * Each is a row that is kept for `AUTHORIZATION_CODES_KEPT_MS`.
 */
export const AUTHORIZATION_CODES_PER_USER_AND_CLIENT_PER_HOUR = 60;
export const AUTHORIZATION_CODES_PER_USER_PER_HOUR = 1200;
/** How many redirect URIs, and how many characters in its name, a client has at most. */
export const REDIRECT_URIS_MAX = 20;
export const CLIENT_NAME_LENGTH_MAX = 60;
/** How many applications there are at most, so that an API key can't fill the table, and one page lists them all. */
export const CLIENTS_MAX = 500;
/** After how many wrong secrets of applications in an hour a network is asked to wait. Right ones are accepted all the time. */
export const WRONG_CLIENT_SECRETS_PER_NETWORK_PER_HOUR = 100;
/** How long a signing key is published before it signs, so that applications that keep the keys for an hour know it. */
export const SIGNING_KEY_PUBLISHED_BEFORE_MS = HOUR_S * 1000;
/** How long a signing key stays published after its last signature: an application ends a session with an ID token of its beginning. */
export const SIGNING_KEY_KEPT_MS = SESSION_TTL_MS + ACCESS_TOKEN_TTL_MS;

/** How long a logout token is valid (OpenID Connect Back-Channel Logout §2.4 recommends two minutes at most). */
export const LOGOUT_TOKEN_TTL_MS = 2 * MINUTE_S * 1000;
/**
 * The waits after the first, second, … failed attempt to tell an application of a logout. After the last wait and one more attempt, the
 * notice is given up.
 */
export const LOGOUT_NOTICE_WAITS_MS: readonly number[] = [
  ...[2, 10, MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S],
  ...[2, 6, 12].map((hours) => hours * HOUR_S),
].map((seconds) => seconds * 1000);
/** How many notices of one application a process sends at a time, so that a slow application doesn't delay those of others. */
export const LOGOUT_NOTICES_AT_ONCE = 8;
/** How long a process may take for an attempt. After a crash other processes wait as long. */
export const LOGOUT_NOTICE_LEASE_MS = 30_000;
/** How long a notice is kept at most. Only those of an application whose back-channel address was removed wait so long. */
export const LOGOUT_NOTICES_KEPT_MS = 2 * DAY_S * 1000;

/** How long a verified code can be used for the later sign-in. */
export const PROOF_TTL_MS = settings.PROOF_TTL_S * 1000;
/**
 * How long a challenge is kept after its last code was sent: until its resend schedule is over, and its code can be neither
 * typed nor used as a verified one.
 */
export const CHALLENGES_KEPT_MS = Math.max(PENDING_LOGIN_TTL_MS, CODE_TTL_MS + PROOF_TTL_MS);
/** How old a login can be for irreversible actions: the deletion of an account, and changes by an administrator. */
export const RECENT_LOGIN_MS = settings.RECENT_LOGIN_S * 1000;
/**
 * How many rows of an import are one transaction, and how many times as long as that took the import rests after it. SQLite has one
 * writer, which logins need, too.
 */
export const IMPORT_ROWS_PER_BATCH = 100;
export const IMPORT_REST_FACTOR = 2;
/** The largest file that the admin console imports: some hundred thousand rows. `npm run import` takes files of any size. */
export const IMPORT_FILE_BYTES_MAX = 20 * 1024 * 1024;
/** The largest body of a form with such a file: the file, and what a form adds to it. */
export const IMPORT_BODY_BYTES_MAX = IMPORT_FILE_BYTES_MAX + 16 * 1024;
/** How many files an administrator can upload in an hour. */
export const IMPORT_FILES_PER_ADMINISTRATOR_PER_HOUR = 20;
/**
 * How long another process waits until it goes on with an import whose process says nothing. Reading the largest file, which comes
 * before the first batch, takes seconds.
 */
export const IMPORT_LEASE_MS = 60_000;
/** How long files of accounts, and the results of their rows, are kept after the upload. */
export const IMPORTS_KEPT_MS = 24 * 60 * 60 * 1000;
/** How many characters the reason of an administrator's act has at most. */
export const REASON_LENGTH_MAX = 300;
/**
 * How many codes that open the admin console can be sent to one phone or mailbox of an administrator. Only a session of the account
 * can request them.
 */
export const CONSOLE_SENDS_PER_HOUR = 12;
export const CONSOLE_SENDS_PER_DAY = 60;
/**
 * How many searches an administrator can make in an hour, and how often open a person or show a phone in full. A person at work
 * needs one look each ten seconds at most. A program with a stolen session would take 70 days for a million accounts.
 */
export const CONSOLE_SEARCHES_PER_HOUR = 300;
export const CONSOLE_LOOKS_PER_HOUR = 600;
/** How long the admin console stays open in a session after its codes were verified. */
export const CONSOLE_TTL_MS = settings.CONSOLE_TTL_S * 1000;
/**
 * How long a deletion or change of factor is delayed if an unconfirmed session requests it and the account has a trusted
 * device.
 */
export const CHANGE_DELAY_MS = settings.CHANGE_DELAY_S * 1000;
/** How long a sender may take to accept a message to a phone before the next sender of the chain is asked. */
export const SENDER_TIMEOUT_MS = settings.SENDER_TIMEOUT_S * 1000;
/** How long the mail server may take to accept a message. */
export const MAIL_TIMEOUT_MS = 10_000;
/** After how many failures in a row a sender rests, and how long it rests. A resting sender gets no messages. */
export const SENDER_FAILURES_MAX = settings.SENDER_FAILURES_MAX;
export const SENDER_REST_MS = settings.SENDER_REST_S * 1000;
/** A sender that rests again this soon after the end of its last rest, in any server, is still in the same outage, which has one event. */
export const SENDER_OUTAGE_GAP_MS = 10 * MINUTE_S * 1000;
/**
 * How many messages can be sent to all phones together in a day, and what these messages may cost, in hundredths of the
 * operator's currency. Null means no limit.
 */
export const SMS_BUDGET_PER_DAY = settings.SMS_BUDGET_PER_DAY || null;
export const SMS_COST_PER_DAY = settings.SMS_COST_PER_DAY ?? null;
/** The price of one message by country, in hundredths of the operator's currency. `*` stands for all other countries. */
export const SMS_PRICE_BY_COUNTRY: ReadonlyMap<string, number> = settings.SMS_PRICE ?? new Map();
/** The part (0 to 1) of a day's messages, or of their cost, after which a warning is logged. */
export const SMS_BUDGET_WARNING_PART = 0.8;
/** How long deliveries, wrong codes, audit events and the events for other systems are kept. */
export const DELIVERIES_KEPT_MS = settings.DELIVERIES_KEPT_S * 1000;
export const WRONG_CODES_KEPT_MS = settings.WRONG_CODES_KEPT_S * 1000;
export const AUDIT_EVENTS_KEPT_MS = settings.AUDIT_EVENTS_KEPT_S * 1000;
export const EVENTS_KEPT_MS = settings.EVENTS_KEPT_S * 1000;
/** How long a request may run before it counts as lost with its server. */
export const IDEMPOTENT_REQUEST_MS_MAX = MINUTE_S * 1000;
/** How long the answer to a request with an `Idempotency-Key` is kept. */
export const IDEMPOTENCY_KEYS_KEPT_MS = DAY_S * 1000;
/**
 * How old rows may be that the hourly and daily sums are counted from: as old as both deliveries and audit events are kept, because
 * sums of rows that are partly deleted would be too low, and at most 90 days.
 */
export const SUMMED_MS_MAX = Math.min(DELIVERIES_KEPT_MS, AUDIT_EVENTS_KEPT_MS, 90 * DAY_S * 1000);
/** How long hourly sums are kept: while any hour of their day can be counted again. */
export const HOURLY_SUMS_KEPT_MS = SUMMED_MS_MAX + 2 * DAY_S * 1000;
/** How long a client should wait for its next request when no channel accepted a code. */
export const SEND_RETRY_AFTER_MS = 30_000;

/** How many answers an hour may tell one network, and all networks together, that a phone has an account (`phone_taken`). */
export const TAKEN_ANSWERS_PER_IP_PER_HOUR = settings.TAKEN_ANSWERS_PER_IP_PER_HOUR;
export const TAKEN_ANSWERS_PER_HOUR = settings.TAKEN_ANSWERS_PER_HOUR;

/** How many requests to the management API one API key may send in a minute. */
export const API_REQUESTS_PER_KEY_PER_MINUTE = settings.API_REQUESTS_PER_KEY_PER_MINUTE;
/** How long a request may wait for events at most: shorter than the time after which proxies give up. */
export const EVENT_WAIT_S_MAX = 25;
/** How many requests may wait for events in one process: of one API key, and of all. */
export const EVENT_WAITERS_PER_READER_MAX = 5;
export const EVENT_WAITERS_MAX = 200;
/** How many events a page of the event log has by default, and at most. */
export const EVENTS_PER_PAGE_OF_LOG = 100;
export const EVENTS_PER_PAGE_OF_LOG_MAX = 500;
/** How many events are scanned for a page of some types. If the types are rare, the page may be empty although more can be read. */
export const EVENTS_SCANNED_PER_PAGE_MAX = 5000;
/** The longest name of an API key, in characters. */
export const API_KEY_NAME_LENGTH_MAX = 100;

/** How many referrals a list of the public APIs contains. */
export const REFERRALS_LISTED_MAX = settings.REFERRALS_LISTED_MAX;
/** How many accounts a page of the administrators' list shows. */
export const ACCOUNTS_PER_PAGE = settings.ACCOUNTS_PER_PAGE;
/** The largest page of the administrators' list that a request can ask for. */
export const ACCOUNTS_PER_PAGE_MAX = 100;

/** How many deliveries a page of the list of an endpoint shows. */
export const WEBHOOK_DELIVERIES_PER_PAGE = 50;
/** How many deliveries in each state the console counts, so that a page costs the same however many there are. */
export const WEBHOOK_DELIVERIES_COUNTED_MAX = 10_000;
/** How many webhook endpoints there are at most. Each server reads them all twice a second. */
export const WEBHOOK_ENDPOINTS_MAX = 50;
/** How many characters the URL and the description of an endpoint have at most. */
export const WEBHOOK_URL_LENGTH_MAX = 2000;
export const WEBHOOK_DESCRIPTION_LENGTH_MAX = 200;
/** How long the previous secrets of an endpoint sign beside the new ones. */
export const WEBHOOK_SECRET_OVERLAP_MS = DAY_S * 1000;
/**
 * The waits after the first, second, … failed attempt at a webhook. Each is made at random up to `WEBHOOK_JITTER_PART` longer, so
 * that a receiver that comes back doesn't get all of them at the same time. After the last wait and one more attempt, the delivery has failed.
 */
export const WEBHOOK_WAITS_MS: readonly number[] = [
  ...[5, 5 * MINUTE_S, 30 * MINUTE_S],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_S),
].map((seconds) => seconds * 1000);
export const WEBHOOK_JITTER_PART = 0.1;
/** The longest `Retry-After` of a receiver that is obeyed. */
export const RETRY_AFTER_OBEYED_MS_MAX = DAY_S * 1000;
/** How long an endpoint may fail, without one success, until the server disables it. */
export const WEBHOOK_FAILING_MS_MAX = 5 * DAY_S * 1000;
/** How many attempts run at a time in one process, for one endpoint and for all. Each endpoint may always run one, even when the
 * process runs more than `WEBHOOK_ATTEMPTS_PER_PROCESS`. */
export const WEBHOOK_ATTEMPTS_PER_ENDPOINT = 16;
export const WEBHOOK_ATTEMPTS_PER_PROCESS = 128;
/** How many events one round makes deliveries of, and how many deliveries it leases at most, for one endpoint. */
export const WEBHOOK_EVENTS_PER_ROUND = 500;
export const WEBHOOK_DELIVERIES_PER_ROUND = 500;
/** How long a process may keep a delivery. After a crash other processes wait as long. No attempt begins shortly before the end. */
export const WEBHOOK_LEASE_MS = 30_000;
export const WEBHOOK_LEASE_LEFT_MS_MIN = 15_000;

/** How far the clocks of two servers may differ. A later time was written by a wrong clock. */
export const CLOCK_SKEW_MS_MAX = 5 * MINUTE_S * 1000;

/** The largest account id that the database can store: the greatest `integer` of PostgreSQL. */
export const ACCOUNT_ID_MAX = 2 ** 31 - 1;

/** The latest time that both databases store and sort correctly: later years have five digits. */
export const LAST_TIME = new Date("9999-12-31T23:59:59.999Z");

/** The largest body of a request. */
export const BODY_BYTES_MAX = 16 * 1024;

/** How many referrals a page of the account's list shows. */
export const REFERRALS_PER_PAGE = settings.REFERRALS_PER_PAGE;
/** How many of the newest referrals the chart of growth shows. The limit bounds the cost of the chart. */
export const GROWTH_POINTS_MAX = settings.GROWTH_POINTS_MAX;

/**
 * The `max-age` of the header `Strict-Transport-Security` (RFC 6797), in seconds: how long a browser opens this host by https
 * only. 0 ends that.
 */
export const HSTS_MAX_AGE_S = settings.HSTS_MAX_AGE_S;

/** How old an activation can be at most to be examined for signals. */
export const SIGNAL_WINDOW_MS = 30 * DAY_S * 1000;
/** How many invitees of one inviter are examined for signals: the newest. */
export const SIGNAL_INVITEES_EXAMINED_MAX = 300;
/**
 * How many invitees with something in common are a signal, by its kind. Fewer are common among honest people: a family shares a
 * tablet and buys two numbers together, and three or four friends meet at one time on one network.
 */
export const SIGNAL_INVITEES_MIN = { network: 5, device: 3, seconds: 5, numbers: 4 } as const;
/**
 * The longest time between two invitees of one network who follow each other in a group. A person who types codes by hand needs
 * some minutes for each. Friends whose carrier has one address for thousands of people come hours apart.
 */
export const SIGNAL_NETWORK_GAP_MS = 10 * MINUTE_S * 1000;
/**
 * The least share of a group of one network among all invitees of the inviter who came in the same time. A known person's link is
 * followed by many people, of whom some share a carrier's address, but never half.
 */
export const SIGNAL_NETWORK_SHARE_OF_INVITEES_MIN = 1 / 2;
/**
 * The least share of such a group among all people who activated any code from its network in the same time. From an address that
 * thousands share, people come with the codes of many inviters.
 */
export const SIGNAL_NETWORK_SHARE_OF_NETWORK_MIN = 1 / 4;
/** How many activations of all codes are read for that share: the newest of the group's time. */
export const SIGNAL_NEWCOMERS_EXAMINED_MAX = 300;
/**
 * The longest time between two activations that follow each other in a group of the kind `seconds`. People who are told a code type
 * it at different speeds.
 */
export const SIGNAL_SECONDS_GAP_MS = 15 * 1000;
/** The largest difference between two phones that count as consecutive. SIM cards that are bought in one box have such numbers. */
export const SIGNAL_NUMBER_GAP_MAX = 2;
/**
 * After "looked at, fine" a signal opens again when the invitees who came since are a signal by themselves, and are at least this part
 * of those that were looked at.
 */
export const SIGNAL_REOPEN_PART_MIN = 1 / 2;
/** How long a signal is kept after its last invitee came, or after the review. The signals of a held inviter stay. */
export const SIGNALS_KEPT_MS = 180 * DAY_S * 1000;
/** How many activations the list of referrals counts at most: the newest of its period. So the list costs the same at any size. */
export const ACTIVATIONS_EXAMINED_MAX = 100_000;
