import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { cleanEnvironment } from "../scripts/environment";
import { findFreePort } from "../scripts/free-port";
import { type Contestant, newcomer, returning } from "./contestant";
import { type Step, type Visitor, visit } from "./load";
import type { Person, Town } from "./seed";
import { type Server, startServer } from "./server";
import type { Store } from "./stores";

const EMPTY: Step = { path: "/api/health/live" };
const SESSION: Step = { path: "/api/auth/session" };
/** Of the five APIs' profiles: one's phone, invite code, activated code and the phones of one's referrals, by cookie. */
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

/** Visits that a row with a fixed number of them has for each connection. */
const ACTIVATIONS_PER_CONNECTION = 40;

/** Starts the built site as `npm start` does, with limits out of the way and a sender that takes no time. */
export async function startSarafan({ url }: Pick<Store, "url">, extra: Record<string, string> = {}): Promise<Server> {
  const port = await findFreePort();
  const env = cleanEnvironment({
    PORT: String(port),
    DATABASE_URL: url,
    AUTH_SECRET: SECRET,
    CONSOLE_DELAY_MS: "0",
    // The accounts were not made by a demonstration, whose codes alone are shown.
    ALLOW_DEMO: "true",
    RESEND_AFTER_S: "0",
    ...Object.fromEntries(BUDGETS.map((name) => [name, "1000000"])),
    // A page of the list, as the profile's page has it; the APIs alone would list a thousand.
    REFERRALS_LISTED_MAX: "20",
    ...extra,
  });
  return startServer({ args: ["scripts/run.mjs", "serve"], env, port, path: EMPTY.path });
}

/** All people of a bench share an address. */
const BUDGETS = [
  "SENDS_PER_PHONE_PER_HOUR",
  "SENDS_PER_PHONE_PER_DAY",
  "SENDS_PER_IP_PER_HOUR",
  "WRONG_CODES_PER_IP_PER_HOUR",
  "ACTIVATIONS_PER_USER_PER_HOUR",
];

const SECRET = randomBytes(32).toString("hex");

/** Makes the tables of an empty store. */
export async function migrateSarafan({ url }: Pick<Store, "url">): Promise<void> {
  const env = cleanEnvironment({ DATABASE_URL: url, AUTH_SECRET: SECRET });
  await promisify(execFile)(process.execPath, ["scripts/run.mjs", "migrate"], { env });
}

/** Sarafan on a store that holds the town. */
export async function enterSarafan(
  store: Store,
  town: Town,
  { connections, env }: { connections: number; env?: Record<string, string> },
): Promise<Contestant> {
  const server = await startSarafan(store, env);
  const { url } = server;
  const drive = (steps: Step[], begin: () => Visitor) => (seconds: number) =>
    visit(url, steps, { begin, connections, limit: { seconds } });
  const logIn = async ({ phone }: Person, read?: Step["read"]) => {
    const visitor = { ...newcomer(), phone };
    const steps = [ASK_FOR_CODE, LOG_IN, { ...PROFILE, ...(read && { read }) }];
    await visit(url, steps, { begin: () => visitor, connections: 1, limit: { visits: 1 } });
    return visitor;
  };
  const { one, twenty, thousand, all } = town.people;
  let inviteCode = "";
  await logIn(town.inviter, (_, { body }) => {
    inviteCode = JSON.parse(body).invite_code;
  });
  const visitor = await logIn(twenty);
  const scale = await Promise.all(
    [one, thousand, all].map(async (person) => ({
      part: "scale" as const,
      label: profileLabel(person.referrals),
      drive: drive([PROFILE], returning(await logIn(person))),
    })),
  );

  /** Each account activates once, so as many log in first, unmeasured. */
  async function driveActivations() {
    const limit = { visits: ACTIVATIONS_PER_CONNECTION * connections };
    const invitees: Visitor[] = [];
    const join = () => {
      const invitee = newcomer();
      invitees.push(invitee);
      return invitee;
    };
    await visit(url, [ASK_FOR_CODE, LOG_IN], { begin: join, connections, limit });
    const activate: Step = { path: PROFILE.path, body: () => ({ invite_code: inviteCode }) };
    return visit(url, [activate], { begin: () => invitees.pop() ?? newcomer(), connections, limit });
  }

  return {
    name: `Sarafan, ${store.name === "sqlite" ? "SQLite" : "PostgreSQL"}`,
    server,
    rows: [
      { part: "empty", label: "empty route", drive: drive([EMPTY], newcomer) },
      { part: "session", label: "session check", drive: drive([SESSION], returning(visitor)) },
      { part: "profile", label: profileLabel(20), drive: drive([PROFILE], returning(visitor)) },
      { part: "login", label: "full login", drive: drive([ASK_FOR_CODE, LOG_IN, PROFILE], newcomer) },
      { part: "activation", label: "activation", drive: driveActivations },
      ...scale,
    ],
    remove: server.stop,
  };
}

export function profileLabel(referrals: number): string {
  return `profile, ${referrals.toLocaleString("en")} referral${referrals === 1 ? "" : "s"}`;
}
