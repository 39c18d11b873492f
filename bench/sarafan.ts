import { cleanEnvironment } from "../scripts/internal/environment";
import { findFreePort } from "../scripts/internal/free-port";
import { SECRET } from "./commands";
import { type Contestant, newcomer, returning } from "./contestant";
import { expectSession, type Step, type Visitor, visit } from "./load";
import type { Part } from "./options";
import { consoleOpening, nextInviteCode, type Person, pastOf, type Town } from "./seed";
import { type Server, startServer } from "./server";
import { STORES, type Store, type StoreName } from "./stores";
import { withWebhooks } from "./webhooks";

const EMPTY: Step = { path: "/api/health/live" };
const SESSION: Step = { path: "/api/auth/session", read: expectSession };
/** The measured profile of an API: phone, invite code, activated code and the referrals' phones, by cookie. */
const PROFILE: Step = { path: "/api/profile/" };
/** The same API's login; while codes are revealed the answer carries the code. */
export const ASK_FOR_CODE: Step = {
  path: "/api/enter_phone/",
  body: ({ phone }) => ({ phone }),
  read: (visitor, { body }) => {
    visitor.code = JSON.parse(body)["Verification code"];
  },
};
const LOG_IN: Step = { path: "/api/enter_code/", body: ({ code }) => ({ verification_code: code }) };
const FULL_LOGIN = [ASK_FOR_CODE, LOG_IN, PROFILE];

/** The number of accounts that log in beforehand to activate an invite each, for every connection and second. */
const ACTIVATIONS_PER_SECOND = 5;

/** The first page of the admin console, with its figures. */
const TODAY: Step = { path: "/admin" };
/** How many operators look at the console in parallel. */
const OPERATORS = 2;

/** How many webhooks a second are delivered beside the logins of a row of the part `events`. */
const WEBHOOKS_PER_SECOND = 100;
/** The labels of the rows of the part `events`. */
export const WEBHOOK_LABELS = {
  without: "full login, no webhooks",
  with: `full login, ${WEBHOOKS_PER_SECOND} webhooks a second`,
};

/** The name of Sarafan on this database in the tables. */
export function sarafanOn(name: StoreName): string {
  return `Sarafan on ${STORES[name]}`;
}

/** The names of the two servers whose logins are compared. */
export function pastSarafansOn(name: StoreName): { without: string; with: string } {
  return { without: `${sarafanOn(name)} without a past`, with: `${sarafanOn(name)} with a past` };
}

/** Starts the built site as `npm start` does, with a sender without delay and without effective limits for a network. */
export async function startSarafan(url: string, extra: Record<string, string> = {}): Promise<Server> {
  const port = await findFreePort();
  const env = cleanEnvironment({
    PORT: String(port),
    DATABASE_URL: url,
    AUTH_SECRET: SECRET,
    CONSOLE_DELAY_MS: "0",
    // The database has no mark of a demonstration, without which no codes are shown.
    ALLOW_DEMO: "true",
    // All people of the bench share one network, and an attempt counts as wrong until the code was compared.
    SENDS_PER_IP_PER_HOUR: "1000000",
    WRONG_CODES_PER_IP_PER_HOUR: "1000000",
    ALARM_AFTER_WRONG: "1000000",
    // As many referrals as on a page of the profile; the APIs' default is a thousand.
    REFERRALS_LISTED_MAX: "20",
    ...extra,
  });
  return startServer({ args: ["scripts/run.mjs", "serve"], env, port, path: EMPTY.path });
}

/** Sarafan on a store that holds the town. */
export async function enterSarafan(
  store: Store,
  town: Town,
  { connections, env }: { connections: number; env?: Record<string, string> },
): Promise<Contestant> {
  const { one, twenty, all } = town.people;
  const server = await startSarafan(store.urls.sarafan, { ...env, ADMIN_PHONES: twenty.phone });
  const drive = (steps: Step[], begin: () => Visitor) => (seconds: number) =>
    visit(server, steps, { begin, connections, limit: { seconds } });

  const driveLogins = drive(FULL_LOGIN, newcomer);

  const logIn = async ({ phone }: Person) => {
    const visitor = { ...newcomer(), phone };
    await visit(server, [ASK_FOR_CODE, LOG_IN], { begin: () => visitor, connections: 1, limit: { visits: 1 } });
    return visitor;
  };
  const asTwenty = await logIn(twenty);
  await store.run(store.urls.sarafan, [consoleOpening(twenty, store)]);
  const profileRow = (part: Part, { referrals }: Person, visitor: Visitor) => ({
    part,
    label: profileLabel(referrals),
    drive: drive([PROFILE], returning(visitor)),
  });

  /** Logins with tokens, one for each connection, because only one visit at a time can use a refresh token. */
  const clients: Visitor[] = [];
  const keepTokens: Step["read"] = (client, { body }) => {
    client.refresh = JSON.parse(body).refresh;
    clients.push(client);
  };
  const logInForTokens: Step[] = [
    {
      path: "/api/auth/request_code/",
      body: ({ phone }) => ({ phone }),
      // No answer contains this code, but the sender prints it.
      read: async (client) => {
        client.code = await server.printed(new RegExp(`^\\${client.phone} (\\d+)$`, "m"));
      },
    },
    { path: "/api/auth/verify_code/", body: ({ phone, code }) => ({ phone, code }), read: keepTokens },
  ];
  await visit(server, logInForTokens, { begin: newcomer, connections: 1, limit: { visits: connections } });
  const refresh: Step = {
    path: "/api/auth/refresh_token/",
    body: ({ refresh }) => ({ refresh }),
    read: keepTokens,
  };

  /** An account activates once, so that many accounts log in first, unmeasured. */
  async function driveActivations(seconds: number) {
    const limit = { visits: Math.ceil(ACTIVATIONS_PER_SECOND * seconds * connections) };
    const invitees: Visitor[] = [];
    const join: Step = { ...LOG_IN, read: (invitee) => void invitees.push(invitee) };
    await visit(server, [ASK_FOR_CODE, join], { begin: newcomer, connections, limit });
    const activate: Step = { path: PROFILE.path, body: () => ({ invite_code: nextInviteCode(town) }) };
    return visit(server, [activate], { begin: () => takeFrom(invitees), connections, limit });
  }

  return {
    name: sarafanOn(store.name),
    server,
    rows: [
      { part: "empty", label: "empty route", drive: drive([EMPTY], newcomer) },
      { part: "session", label: "session check", drive: drive([SESSION], returning(asTwenty)) },
      profileRow("profile", twenty, asTwenty),
      { part: "login", label: "full login", drive: driveLogins },
      { part: "refresh", label: "token refresh", drive: drive([refresh], () => takeFrom(clients)) },
      { part: "activation", label: "activation", drive: driveActivations },
      profileRow("scale", one, await logIn(one)),
      profileRow("scale", all, await logIn(all)),
      {
        part: "console",
        label: "console, Today",
        drive: (seconds) =>
          visit(server, [TODAY], { begin: returning(asTwenty), connections: OPERATORS, limit: { seconds } }),
      },
      { part: "events", label: WEBHOOK_LABELS.without, drive: driveLogins },
      {
        part: "events",
        label: WEBHOOK_LABELS.with,
        drive: (seconds) =>
          withWebhooks(store, { account: one, perSecond: WEBHOOKS_PER_SECOND }, () => driveLogins(seconds)),
      },
    ],
  };
}

/**
 * Sarafan on the store's two databases, with and without a long history. Both servers only run logins, because a server that has
 * run more is faster: V8 has optimised more of its code.
 */
export async function enterPastSarafans(
  { name, urls }: Store,
  town: Town,
  { connections, env }: { connections: number; env?: Record<string, string> },
): Promise<Contestant[]> {
  const names = pastSarafansOn(name);
  const enter = async (name: string, url: string, events: number): Promise<Contestant> => {
    const server = await startSarafan(url, env);
    const drive = (seconds: number) => visit(server, FULL_LOGIN, { begin: newcomer, connections, limit: { seconds } });
    return { name, server, rows: [{ part: "scale", label: pastLabel(events), drive }] };
  };
  return [await enter(names.without, urls.sarafan, 0), await enter(names.with, urls.past, pastOf(town).events)];
}

function takeFrom(visitors: Visitor[]): Visitor {
  const visitor = visitors.shift();
  if (!visitor) throw new Error("There are more visits than visitors.");
  return visitor;
}

/** A login in a database that had that many events when the bench began. */
export function pastLabel(events: number): string {
  return `full login, ${events.toLocaleString("en")} events`;
}

export function profileLabel(referrals: number): string {
  return `profile, ${referrals.toLocaleString("en")} referral${referrals === 1 ? "" : "s"}`;
}
