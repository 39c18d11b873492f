import type { RowSize } from "./row-sizes";

type Policy = typeof import("../lib/core/policy");

const SECOND_MS = 1000;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const MONTH_DAYS = 30;

/** The assumptions about the people of a large town. A month has 30 days. */
export const ASSUMED = {
  accounts: 100_000_000,
  newAccountsPerMonth: 2_000_000,
  /** The average over all accounts: half of them log in twice a month, the rest not at all. */
  loginsPerAccountAndMonth: 1,
  /** Requested codes for each login: some never arrive, and some are never typed. */
  codesPerLogin: 1.1,
  wrongCodesPerLogin: 0.1,
  /** Visits of 20 minutes; a half of them with tokens of 15 minutes, which are refreshed twice. */
  visitsPerAccountAndMonth: 5,
  requestsPerVisit: 10,
  profilesPerVisit: 1,
  pagesOfReferralsPerVisit: 0.5,
  refreshesPerVisit: 1,
  invitedPart: 0.7,
  /** How many browsers an account trusts. */
  trustedBrowsersPerAccount: 1.5,
  /** Sign-ins of untrusted devices that no trusted device answers. */
  unansweredPart: 0.02,
  eventsPerLogin: 1.5,
  /** The session's, the end of one in three sessions before its time, and a tenth of devices that are not trusted. */
  publishedEventsPerLogin: 1.4,
  /** Endpoints of webhooks that get all events, and attempts at each. */
  webhookEndpoints: 1,
  attemptsPerWebhook: 1.1,
  /** Requests of backends that change something: sessions that they end, accounts that they make or block. */
  managementPostsPerDay: 20_000,
  /** Logins to applications by OpenID Connect, for each login here, and applications of an account. */
  applicationLoginsPerLogin: 2,
  applicationsPerAccount: 0.5,
  delayedChangesPerMonth: 20_000,
  /** One for a hundred activations. */
  signalsPerMonth: 14_000,
  /** Sums of an hour or a day: a dozen measures in a few countries, and the reasons of each sender. */
  sumsPerPeriod: 100,
  /** Daily counters for each code: the phone's, the phone's from one network, the attempts at the phone. */
  dailyCountersPerCode: 3,
  /** Hourly counters for each code: the phone's two, and a share of the network's three. */
  hourlyCountersPerCode: 3.5,
} as const;

const loginsPerDay = (ASSUMED.accounts * ASSUMED.loginsPerAccountAndMonth) / MONTH_DAYS;
const codesPerDay = loginsPerDay * ASSUMED.codesPerLogin;
const visitsPerDay = (ASSUMED.accounts * ASSUMED.visitsPerAccountAndMonth) / MONTH_DAYS;
export const wrongCodesPerDay = loginsPerDay * ASSUMED.wrongCodesPerLogin;

/**
 * Returns the ratio of a rate to its mean at this second of the day: a sine between 0.2 at four in the morning and 1.8 at four in
 * the afternoon. The busiest hour has 7.5 % of the day.
 */
export function dayCurve(second: number): number {
  return 1 + SWING * Math.sin((2 * Math.PI * (second - 10 * HOUR_S)) / DAY_S);
}
const SWING = 0.8;

/** The statements, transactions and round trips of a path on PostgreSQL, as lib/core/statements.test.ts counts them. */
interface Path {
  name: string;
  perDay: number;
  statements: number;
  transactions: number;
  roundTrips: number;
}

const PATHS: Path[] = [
  path("session check", visitsPerDay * ASSUMED.requestsPerVisit, 1, 0, 1),
  path("profile", visitsPerDay * ASSUMED.profilesPerVisit, 1, 0, 1),
  path("page of referrals", visitsPerDay * ASSUMED.pagesOfReferralsPerVisit, 1, 0, 1),
  path("token refresh", visitsPerDay * ASSUMED.refreshesPerVisit, 1, 1, 2),
  path("code asked for", codesPerDay, 9, 2, 5),
  path("code typed, signed in", loginsPerDay, 18, 2, 7),
  path("activation", (ASSUMED.newAccountsPerMonth * ASSUMED.invitedPart) / MONTH_DAYS, 10, 1, 3),
];

function path(name: string, perDay: number, statements: number, transactions: number, roundTrips: number): Path {
  return { name, perDay, statements, transactions, roundTrips };
}

/** Returns the load of the paths on the database in the busiest second, and the connections that they use if a round trip takes `roundTripMs`. */
export function loadOf(roundTripMs: number): string[][] {
  const rows = PATHS.map(({ name, perDay, statements, transactions, roundTrips }) => {
    const perSecond = (perDay / DAY_S) * (1 + SWING);
    const figures = [1, statements, transactions, roundTrips].map((times) => perSecond * times);
    return { name, figures: [perDay, ...figures, (perSecond * roundTrips * roundTripMs) / SECOND_MS] };
  });
  const sums = rows[0]?.figures.map((_, at) => rows.reduce((sum, { figures }) => sum + (figures[at] ?? 0), 0)) ?? [];
  return [...rows, { name: "together", figures: sums }].map(({ name, figures }) => [name, ...figures.map(round)]);
}

/** The number of rows of each table in the large town, and how long a row is kept. */
export function rowsOf(policy: Policy): Record<string, { rows: number; kept: string }> {
  const { accounts, newAccountsPerMonth, unansweredPart } = ASSUMED;
  const inDays = (ms: number) => ms / SECOND_MS / DAY_S;
  const kept = (rowsPerDay: number, ms: number) => ({ rows: rowsPerDay * inDays(ms), kept: spell(inDays(ms)) });
  const challenges = kept(codesPerDay, policy.CHALLENGES_KEPT_MS);
  const eventsPerDay =
    loginsPerDay * ASSUMED.publishedEventsPerLogin + (newAccountsPerMonth * (1 + ASSUMED.invitedPart)) / MONTH_DAYS;
  const perHour = (codesPerDay * ASSUMED.hourlyCountersPerCode * (1 + SWING)) / 24;
  return {
    User: { rows: accounts, kept: "as the account" },
    Activation: { rows: accounts * ASSUMED.invitedPart, kept: "as the invitee's account" },
    Session: kept(loginsPerDay, policy.SESSION_TTL_MS),
    TrustedBrowser: {
      rows: accounts * ASSUMED.trustedBrowsersPerAccount,
      kept: `${spell(inDays(policy.KNOWN_BROWSER_TTL_MS))} from its last login`,
    },
    UnconfirmedSignIn: kept(loginsPerDay * unansweredPart, policy.KNOWN_BROWSER_TTL_MS),
    DelayedChange: kept(ASSUMED.delayedChangesPerMonth / MONTH_DAYS, policy.CHANGE_DELAY_MS),
    Challenge: challenges,
    WrongCode: kept(wrongCodesPerDay, policy.WRONG_CODES_KEPT_MS),
    Counter: { rows: codesPerDay * ASSUMED.dailyCountersPerCode + perHour, kept: "an hour or a day" },
    Delivery: kept(codesPerDay, policy.DELIVERIES_KEPT_MS),
    AuditEvent: kept(
      loginsPerDay * ASSUMED.eventsPerLogin + (newAccountsPerMonth * 2) / MONTH_DAYS,
      policy.AUDIT_EVENTS_KEPT_MS,
    ),
    Event: kept(eventsPerDay, policy.EVENTS_KEPT_MS),
    WebhookEndpoint: { rows: ASSUMED.webhookEndpoints, kept: "until it is deleted" },
    WebhookDelivery: kept(eventsPerDay * ASSUMED.webhookEndpoints, policy.EVENTS_KEPT_MS),
    WebhookAttempt: kept(eventsPerDay * ASSUMED.webhookEndpoints * ASSUMED.attemptsPerWebhook, policy.EVENTS_KEPT_MS),
    HourlySum: kept(ASSUMED.sumsPerPeriod * 24, policy.HOURLY_SUMS_KEPT_MS),
    DailySum: { rows: ASSUMED.sumsPerPeriod * 365, kept: "without end; here a year's" },
    Administrator: { rows: 3, kept: "until it is removed" },
    ApiKey: { rows: 3, kept: "for good" },
    IdempotencyKey: kept(ASSUMED.managementPostsPerDay, policy.IDEMPOTENCY_KEYS_KEPT_MS),
    OAuthClient: { rows: 20, kept: "until it is removed" },
    OAuthConsent: { rows: accounts * ASSUMED.applicationsPerAccount, kept: "as the account" },
    OAuthGrant: kept(loginsPerDay * ASSUMED.applicationLoginsPerLogin, policy.SESSION_TTL_MS),
    AuthorizationCode: kept(loginsPerDay * ASSUMED.applicationLoginsPerLogin, policy.AUTHORIZATION_CODES_KEPT_MS),
    LogoutNotice: { rows: 1000, kept: "a day at most" },
    SigningKey: { rows: 6, kept: "until its tokens have ended" },
    TestNumber: { rows: 3, kept: "until its end, 90 days at most" },
    Signal: kept(ASSUMED.signalsPerMonth / MONTH_DAYS, policy.SIGNALS_KEPT_MS),
    ImportRun: { rows: 3, kept: spell(inDays(policy.IMPORTS_KEPT_MS)) },
    ImportPart: { rows: 3000, kept: spell(inDays(policy.IMPORTS_KEPT_MS)) },
    Mark: { rows: 3, kept: "as the database" },
  };
}

/** Returns the size of the large town's rows, from the measured size of one row. */
export function bytesOf(sizes: RowSize[], policy: Policy): string[][] {
  const rowsByTable = rowsOf(policy);
  const known = sizes.map(({ table, postgresql }) => {
    const plan = rowsByTable[table];
    if (!plan) throw new Error(`bench/large-town.ts doesn't say how many rows the table ${table} has`);
    return { table, ...plan, bytes: plan.rows * (postgresql.rows + postgresql.indexes) };
  });
  const sorted = known.toSorted((one, other) => other.bytes - one.bytes);
  const all = { table: "together", kept: "", rows: sum(known, "rows"), bytes: sum(known, "bytes") };
  return [...sorted, all].map(({ table, kept, rows, bytes }) => [table, kept, round(rows), (bytes / 1e9).toFixed(1)]);
}

function sum<Name extends string>(all: Record<Name, number>[], name: Name): number {
  return all.reduce((total, one) => total + one[name], 0);
}

function spell(days: number): string {
  return days === 1 ? "a day" : `${days} days`;
}

/** Formats a number with three significant digits. */
function round(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 2 });
}
